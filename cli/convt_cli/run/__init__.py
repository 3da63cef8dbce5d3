"""One input from samples to samples: prepare, read ahead, compute, write."""
