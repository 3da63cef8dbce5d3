"""The work of each command, and many inputs in one command."""
