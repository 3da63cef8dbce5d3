"""Corpora: many clips by a manifest, in batches that are done once, by one machine or several."""
