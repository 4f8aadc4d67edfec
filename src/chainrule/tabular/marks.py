"""Marks of missing values: what people and programs write where there is no value."""

import re
from collections.abc import Mapping

import numpy as np

from chainrule._types import Array
from chainrule.text import first_few, in_line

_words = str.split
SIGNS = re.compile(r"[-\s–—―?.,…*_/\\~#·•:;!|^'\"()\[\]{}<>]*")
_NINES = re.compile(r"-?(9{2,}|8{2,})")
WORDS = frozenset(
    _words(
        "na nan none null nil nat missing unknown unk notavailable notapplicable notknown notrecorded notreported "
        "nodata novalue nd tbd tba undefined undetermined blank empty void error err keineangabe ka unbekannt fehlt "
        "inconnu nonrenseigné desconocido sindatos naodisponivel sconosciuto 1ind 1qnan"
    )
)
ERRORS = frozenset(_words("div0 value ref name num null na n spill calc gettingdata error"))  # of spreadsheets
_NO_CLASS = frozenset(_words("nan null nat 1ind 1qnan"))


def _of_signs(text: str) -> bool:
    return SIGNS.fullmatch(text) is not None or text == r"\N"


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def is_mark(text: str) -> bool:
    """Whether a cell among numbers or dates says that there is no value: ``?``, ``--``, ``n.a.``, ``#DIV/0!`` …"""
    letters = _letters(text)
    return _of_signs(text) or letters in WORDS or (text[0] == "#" and letters in ERRORS)


def is_no_class(text: str) -> bool:
    """Whether a cell among words is a mark, not a class: ``?``, ``NaN``, ``#N/A``; ``None`` and ``NA`` are words."""
    letters = _letters(text)
    return _of_signs(text) or letters in _NO_CLASS or text == "<NA>" or (text[0] == "#" and letters in ERRORS)


def taken(marks: Mapping[str, int], what: str = "taken as missing") -> str:
    """What was made of texts with their rows: ``? in 61 rows, taken as missing``."""
    most = sorted(marks.items(), key=lambda item: -item[1])
    rows = f"{most[-1][1]:,} row" + ("" if len(most) == 1 and most[0][1] == 1 else "s")
    shown = first_few([f"{mark} in {count:,}" for mark, count in most[:-1][:2]], 2)
    if len(most) > 3:
        others = sum(count for _, count in most[2:])
        return f"{shown} and {len(most) - 2:,} more in {others:,} rows, {what}"
    return f"{shown}{', ' if shown else ''}{in_line(most[-1][0])} in {rows}, {what}"


def sentinel(good: Array) -> tuple[float, int, bool] | None:
    """A number that stands for a missing value, by the look of it: its rows, and whether this is beyond doubt.

    It is an end of all numbers, far from the others, in several rows, and whole.
    """
    for mark in (good.min(), good.max()):
        rest = good[good != mark]
        rows = len(good) - len(rest)
        if rows < max(3, 0.005 * len(good)) or not len(rest) or mark == 0 or mark != round(mark):
            continue
        low, high = rest.min(), rest.max()
        gap, span = max(low - mark, mark - high), high - low
        nines = _NINES.fullmatch(f"{mark:.0f}") is not None
        if gap < 0.25 * span or not (gap >= span or nines or mark < 0 <= low):
            continue
        values, counts = np.unique(rest, return_counts=True)
        if len(values) < 10 or (counts.max() >= rows and not nines):
            continue
        return float(mark), rows, bool(gap >= 2 * span and (nines or mark < 0))
    return None


def spellings(rows: Mapping[str, int]) -> dict[str, str]:
    """Which words, with their rows, are others in other letters or blanks: word → the most frequent of its spellings.

    ``Yes`` and ``yes`` are one word; ``a`` and ``A``, or ``Aa`` and ``AA``, are not.
    """
    alike: dict[str, list[str]] = {}
    for word in rows:
        alike.setdefault(" ".join(word.casefold().split()), []).append(word)
    found: dict[str, str] = {}
    for key, same in alike.items():
        if len(same) > 1 and len(set(key)) > 1:
            most = max(same, key=lambda word: rows[word])
            found |= {word: most for word in same if word != most}
    return found
