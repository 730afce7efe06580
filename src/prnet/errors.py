"""The one exception that the package raises for input that a user can mend."""


class PrnetError(ValueError):
    """One clear line for the user: what was expected and what was got.

    The command line prints it without a traceback.
    """
