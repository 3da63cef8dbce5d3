"""The options of the commands: declarations, and what they are parsed into."""
