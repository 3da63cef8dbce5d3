from hypothesis import settings

# The same examples on every run, and none refused for being slow on a busy machine.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("repeatable")
