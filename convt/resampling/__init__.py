"""The parts of a change of rate: its ratio, its filters, and interpolation between samples."""
