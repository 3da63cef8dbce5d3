"""Files: paths, audio files in folders, atomic writes, checksums."""
