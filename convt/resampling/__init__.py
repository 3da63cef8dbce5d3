"""The parts of a change of rate: its ratio, its filters, and the chirp-z transform for any ratio."""
