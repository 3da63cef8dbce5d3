"""Plots, one kind a file; they need matplotlib, the extra `plot`."""
