"""Text for people: names that were meant, lists cut short, lines that a terminal can show, tables, values as JSON."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any

from chainrule.elsewhere import same_meaning

_SPEC = re.compile(r"\s*(\w+)\s*(?:\(\s*([^()]*?)\s*\))?\s*")
# Control characters but the ends of lines, and marks that hide text or turn its direction. Joiners (U+200C, U+200D)
# are not among them: words of Persian and Hindi have them.
_CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def parse_spec(spec: str) -> tuple[str, float | None]:
    """Split ``"name"`` or ``"name(number)"`` into the name and the number, or None."""
    match = _SPEC.fullmatch(spec)
    if match is None:
        joined = re.sub(r"[ -]+", "_", spec.strip().lower())
        example = f"as in {joined!r}" if re.fullmatch(r"\w+", joined) else "as in 'leaky_relu(0.2)'"
        raise ValueError(f"{spec!r} is not a name: write 'name' or 'name(number)', {example}")
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


def called(step: Any, names: Iterable[str]) -> str:
    """A step with some of its parameters, for an error: TfidfVectorizer(sublinear_tf=True)."""
    values = {name: getattr(step, name) for name in names}
    told = (f"{name}={getattr(value, '__name__', None) or repr(value)}" for name, value in values.items())
    return f"{type(step).__name__}({', '.join(told)})"


def did_you_mean(name: object, known: Iterable[object], most: int = 1) -> str:
    """`` Did you mean 'relu'?`` for a name that is close to a known one, upper and lower case aside; else empty."""
    by_lower = {str(other).lower(): str(other) for other in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=most)
    return f" Did you mean {' or '.join(repr(by_lower[found]) for found in close)}?" if close else ""


def unknown(what: str, name: object, known: Iterable[object]) -> ValueError:
    """The error for a name that is not in a table: it suggests the one that was meant, and lists what there is."""
    known = list(known)
    return ValueError(f"unknown {what} {name!r}.{meant(name, known)} Known: {', '.join(map(str, known))}.")


def meant(name: object, known: Iterable[object]) -> str:
    """`` Did you mean 'relu'?`` for a name that other libraries have for a known one, or that is close to one."""
    known = list(known)
    same = same_meaning(name, known)
    return did_you_mean(name, known) if same is None else f" Did you mean {same!r}?"


def name_of(given: object) -> str:
    """The name of a class or a function; of another object that of its class."""
    return given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)


def first_few(names: Iterable[object], most: int = 20, quoted: bool = False) -> str:
    """``a, b, c and 5 more``: the first names, each cut after 80 characters, and the number of the others."""
    every = list(names)
    shown = [name if len(name) <= 80 else f"{name[:80]}…" for name in map(str, every[:most])]
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(map(repr if quoted else in_line, shown)) + more


def without_controls(text: str) -> str:
    """The text with � for each character that a terminal would obey, or that hides or turns text; lines stay."""
    return _CONTROLS.sub("�", text)


def in_line(text: str) -> str:
    """The text as part of a line: `without_controls`, and � for each end of a line, too."""
    return without_controls(text).replace("\n", "�")


def one_blank(text: str) -> str:
    """The text with one blank for white space of any kind, ends of lines among it, and none around it."""
    return " ".join(text.split())


def one_line(message: object, most: int = 300) -> str:
    """What an error says, in one line that can be printed; its type if it says nothing.

    Of more than `most` characters the middle is left out: the beginning says what it is about, the end what to do.
    """
    text = " ".join(str(message).split()) or type(message).__name__
    text = text if len(text) <= most else f"{text[: most // 2]} … {text[-(most // 2) :]}"
    return "".join(c if c.isprintable() else "�" for c in text)


def html_table(rows: Iterable[Sequence[str]], heads: Sequence[str] = (), caption: str = "") -> str:
    """A table of cells that are HTML already, for a notebook; what is wider than the page is scrolled.

    Without heads, the first cell of each row is one.
    """

    def line(cells: Sequence[str], many_heads: int) -> str:
        tags = ["th"] * many_heads + ["td"] * (len(cells) - many_heads)
        # In each cell: notebooks turn what is not said there to the right.
        style = 'style="text-align:left;vertical-align:top"'
        return f"<tr>{''.join(f'<{tag} {style}>{cell}</{tag}>' for tag, cell in zip(tags, cells, strict=True))}</tr>"

    lines = [f"<caption>{caption}</caption>"] if caption else []
    lines += [line(heads, len(heads))] if heads else []
    lines += [line(cells, 0 if heads else 1) for cells in rows]
    return f'<div style="overflow-x:auto"><table style="margin-left:0">{"".join(lines)}</table></div>'


def as_json(value: Any, other: Callable[[Any], Any] | None = None) -> Any:
    """A value as JSON has it: text for keys, lists for tuples and arrays.

    other: what to make of NaN and infinity, and of anything that is none of dict, list, tuple, array, text, number,
    boolean and None. Without it, NaN and infinity become None and all else is a TypeError.
    """
    if isinstance(value, dict):
        return {str(key): as_json(item, other) for key, item in value.items()}
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        value = value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [as_json(item, other) for item in value]
    if value is None or isinstance(value, (str, bool, int)) or (isinstance(value, float) and isfinite(value)):
        return value
    if other is not None:
        return other(value)
    if isinstance(value, float):
        return None
    raise TypeError(f"{type(value).__name__} does not fit in JSON")
