"""The kernel that a command runs with: chosen, measured, written."""
