"""Names with an optional number, "leaky_relu(0.2)", and the error for a name that does not exist."""

import difflib
import re
from collections.abc import Iterable
from math import isfinite

_SPEC = re.compile(r"\s*(\w+)\s*(?:\(\s*([^()]*?)\s*\))?\s*")


def parse(spec: str) -> tuple[str, float | None]:
    """Split ``"name"`` or ``"name(number)"`` into the name and the number, or None."""
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ValueError(f"{spec!r} is not a name: write 'name' or 'name(number)', as in 'leaky_relu(0.2)'")
    name, number = match.groups()
    if number is None:
        return name, None
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError(f"{spec!r}: got {number!r} in the parentheses, wanted a number, as in 'leaky_relu(0.2)'")
    return name, value


def unknown(what: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that is not in a table: it lists what is, closest first."""
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return ValueError(f"unknown {what} {name!r}.{hint} Known: {', '.join(known)}.")
