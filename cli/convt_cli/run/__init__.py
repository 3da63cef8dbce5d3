"""One input from samples to samples: prepared, read ahead, computed, written."""
