"""The driver of a stream, and the parts it is made of."""
