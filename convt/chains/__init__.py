"""Streams one after another and side by side: the layers of a decoder."""
