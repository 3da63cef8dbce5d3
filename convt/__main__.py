"""Run the command line with ``python -m convt``. Nothing else in the library imports it."""

from convt_cli.entry import main

if __name__ == "__main__":  # worker processes on macOS import this module again
    main()
