"""The kernel that a command uses: selected, measured, written."""
