"""Ways to make a kernel, one a file; :mod:`convt.design` is their door."""
