"""Files: names, what is below a folder, atomic writes, checksums."""
