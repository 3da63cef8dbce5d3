"""The engines, one algorithm a file, behind ``protocol.py``; ``direct.py`` does what they must not."""
