"""The headings of the options in the help of a command."""

FILES = "Input and output"
RATE = "Rate"
FILTER = "Filter"
KERNEL = "Your own kernel"
SAMPLES = "Samples"
MANY = "Many files"
REPORTS = "Reports"
