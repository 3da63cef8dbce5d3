"""The engines, one algorithm a file, behind ``protocol.py``; ``direct.py`` is the definition itself."""
