"""``python -m convt_cli``: the command."""

from convt_cli.entry import main

if __name__ == "__main__":  # and not in worker processes, which import this module anew on macOS
    main()
