"""Throughput beside the peers, with the error of each: ``python -m tests.benchmarks`` writes the page."""
