"""The driver of a stream and its parts."""
