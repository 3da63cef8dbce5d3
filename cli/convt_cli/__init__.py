"""The command line of convt: parse, call the library, report."""
