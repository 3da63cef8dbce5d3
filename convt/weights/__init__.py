"""Weight files: what they hold, and reading it, one kind of file a module."""

from convt.weights.load import WeightEntry, WeightList, Weights, list_weights, load_weights

__all__ = ["WeightEntry", "WeightList", "Weights", "list_weights", "load_weights"]
