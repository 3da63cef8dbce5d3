"""What convt raises. Every error of the library is a :class:`ConvtError`."""


class ConvtError(Exception):
    """Root of every error that convt raises on purpose."""


class ParameterError(ConvtError, ValueError):
    """An argument has the right type and a value that cannot be used."""


class ParameterTypeError(ConvtError, TypeError):
    """An argument, or an array's dtype, is of a type that cannot be used."""


class StreamError(ConvtError, RuntimeError):
    """A stream was used after it had been flushed."""


class WeightsError(ConvtError, ValueError):
    """A weight file cannot be read, or does not fit the signal it is meant for."""
