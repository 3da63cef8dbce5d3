"""Metadata: read, rescaled to the new sample rate, and written; losses are reported by name."""
