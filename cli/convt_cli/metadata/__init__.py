"""Metadata: read, moved to the new rate, and written; what cannot be kept is named."""
