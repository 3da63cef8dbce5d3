"""The engines: one algorithm a file, all behind the contract of ``contract.py``."""
