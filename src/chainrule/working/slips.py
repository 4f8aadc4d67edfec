"""Errors of Python and NumPy that have one cause only, and where it is explained."""

import re

# Type, message → the heading in docs/errata that is about it.
_SLIPS: tuple[tuple[type[Exception], str, str], ...] = (
    (NameError, "name '(true|false)' is not defined", "numpy.md, True written true"),
    (TypeError, r"Cannot interpret '\d+' as a data type", "numpy.md, A shape in np.zeros without its parentheses"),
    (IndexError, "list assignment index out of range", "code.md, Weights assigned into empty lists"),
    (KeyError, "'A0'", "code.md, A key of the cache that was never made"),
)


def add_notes(error: Exception, called: str) -> None:
    """What was called, and the erratum where the error has its cause for certain; notes at the end of the traceback."""
    error.add_note(called)
    for kind, message, erratum in _SLIPS:
        if isinstance(error, kind) and re.match(message, str(error)):
            error.add_note(f"(erratum: docs/errata/{erratum})")
