"""List and load weight files, one file type per module."""

from convt.weights.load import WeightEntry, WeightList, Weights, list_weights, load_weights

__all__ = ["WeightEntry", "WeightList", "Weights", "list_weights", "load_weights"]
