"""How kernels are learned from sound; :mod:`convt.fitting` is the door."""
