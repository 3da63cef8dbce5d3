"""Measure kernels and layers, and the tonal lines in their output."""
