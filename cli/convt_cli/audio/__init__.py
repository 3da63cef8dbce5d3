"""Audio files and .npy signals, read and written."""
