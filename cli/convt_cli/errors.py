"""What ends a command with one line."""


class Failure(Exception):  # noqa: N818  # what the shell sees is a failure, with its exit code
    """The work cannot be done; the message is the one line that says why."""

    exit_code = 1


class Misuse(Failure):
    """The command line asks for what cannot be, whatever the files hold."""

    exit_code = 2


class Unwritable(Exception):  # noqa: N818  # becomes a Failure where the file's name is known
    """What should be written does not suit the file's format."""
