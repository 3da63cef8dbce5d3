"""What a change of rate is made of: its ratio, its filters, and interpolation between samples."""
