"""Weight files: listed and loaded, one kind of file a module."""

from convt.weights.load import WeightEntry, WeightList, Weights, list_weights, load_weights

__all__ = ["WeightEntry", "WeightList", "Weights", "list_weights", "load_weights"]
