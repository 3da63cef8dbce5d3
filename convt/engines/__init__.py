"""The engines, one algorithm a file, behind ``contract.py``; ``definition.py`` does what they must not."""
