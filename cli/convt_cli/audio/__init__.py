"""Signals in files: reading, writing, and the formats of samples."""
