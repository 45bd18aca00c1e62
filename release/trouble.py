"""The one error of these checks."""


class Wrong(Exception):
    """This must not be released; the text says why."""
