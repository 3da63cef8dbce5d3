"""Text for people and for programs: reports, errors, progress, JSON."""
