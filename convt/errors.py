"""The exceptions of convt, all of them subclasses of :class:`ConvtError`."""


class ConvtError(Exception):
    """Base class of every error that convt raises on purpose."""


class ParameterError(ConvtError, ValueError):
    """An argument has the right type, but a value that cannot be used."""


class ParameterTypeError(ConvtError, TypeError):
    """An argument has a type, or an array a dtype, that cannot be used."""


class StreamError(ConvtError, RuntimeError):
    """A stream cannot be used in its present state, for example after a flush."""


class WeightsError(ConvtError, ValueError):
    """A weight file cannot be read, or does not fit the signal."""
