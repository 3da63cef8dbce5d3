"""Files that hold weights: what is in them, one kind of file a module."""
