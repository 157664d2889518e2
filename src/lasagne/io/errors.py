"""What is raised when a file cannot be used."""

__all__ = ["ParameterFileError", "UnsafePickleError"]


class ParameterFileError(ValueError):
    """A file is damaged, or holds something other than what was expected.

    Examples
    --------
    >>> from lasagne.io import ParameterFileError
    >>> issubclass(ParameterFileError, ValueError)
    True
    """


class UnsafePickleError(ParameterFileError):
    """A pickle asks for a class or function that reading parameters never needs.

    Nothing the pickle asked for has been imported or called.

    Examples
    --------
    >>> from lasagne.io import ParameterFileError, UnsafePickleError
    >>> issubclass(UnsafePickleError, ParameterFileError)
    True
    """
