"""List and load weight files, one file type per module."""
