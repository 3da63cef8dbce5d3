import os
import sys

from hypothesis import settings

# The same examples on every run, and none refused for being slow on a busy machine.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=False, max_examples=30)
settings.load_profile("repeatable")

# Every test runs with the transforms that everybody has; those of ducc0 have tests of their own.
os.environ["CONVT_FFT"] = "scipy"

# Hundreds of tests start a process: without bytecode files, each would compile all of the code again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
