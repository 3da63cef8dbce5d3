"""The engines, one algorithm per file, with the interface in ``protocol.py``, and the definition."""
