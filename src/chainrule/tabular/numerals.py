"""Numbers as people write them: ``1,234.56``, ``1.234,56 €``, ``$1.2M``, ``(1,200)``, ``45 %``, ``12 km``, ``-5``.

A format says how the numbers of a column are written: the decimal mark, the unit, and after ``|`` each number that
stands for a missing value. ``""`` is plain; ``",€"`` has decimal commas and euros; ``".|-999"`` is missing at -999.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.tabular.marks import is_mark
from chainrule.tabular.units import (
    CURRENCIES,
    MULTIPLES,
    PERHAPS,
    PREFIXES,
    SCALED,
    SO_MANY,
    TIMES,
    is_unit,
    plain,
    scaled,
    spellings,
    suffix,
)

# Blanks of every width, apostrophes and minus signs, as typesetters have them.
ALIKE = {" ": "\u00a0\u202f\u2009\u2007\u2008", "'": "’ʼ", "-": "−–－"}
_SAME = str.maketrans({each: plain for plain, others in ALIKE.items() for each in others})


def _numeral(currency: str, digits: str, unit: str) -> str:
    """A number as a regular expression: bracket, sign, currency, sign; digits, exponent, sign; unit, bracket."""
    return (
        rf"'?(\()? ?([-+])? ?({currency})? ?([-+(])? ?"
        rf"{digits}(?:\.-?)?([eE][-+]?\d+)?(-(?=$|[ )]))?\+? ?{unit}? ?(\))?"
    )


def _either(words: Iterable[str]) -> str:
    return "|".join(re.sub(r"[.^$*+?()\[\]{}|\\/]", r"\\\g<0>", word) for word in sorted(words, key=len, reverse=True))


def _grouped(marks: str) -> str:
    """Digits with one of these marks for thousands, or as in India."""
    ways = [rf"\d{{1,3}}(?:[{mark}]\d{{3}})+" for mark in marks] + [r"\d{1,2}(?:,\d{2})+,\d{3}"] * ("," in marks)
    return f"(?!0)(?:{'|'.join(ways)})"


_NUMERAL = re.compile(
    _numeral(
        _either({*CURRENCIES} - {"euro"}),
        r"([.,]?\d+(?:[.,' ]\d+)*)",
        r"""((?:[^\W\d_]|[%‰°"'″′$€£¥₹₽₩₪₫฿₺₴₦₱])[^\d()|]{0,18}|(?:[kcm]?m|ft|in)[23]|/ ?(?:5|10|20|100))""",
    )
)
_GROUPED = re.compile(_grouped(".,' "))
_PLAIN = re.compile(r"-?\d{1,15}(\.\d{1,15})?(e[-+]\d{1,3})?")
_MARKS = re.compile(r"[.,' ]")
_GRADE = re.compile(r"\d{1,2}[-+]?")
BOUND = re.compile(r"[<>≤≥]=? ?[-+]?[$€£]?\d[\d.,]*\D{0,8}")


class _Cell(NamedTuple):
    """A number as it is written: what it is with a decimal point and with a decimal comma, NaN where it cannot be."""

    point: float
    comma: float
    marked: bool  # whether there are marks among its digits
    padded: bool  # a whole number that begins with 0
    times: float  # 1000 of 5k €
    unit: str  # as in the tables above, or as it is written

    def value(self, mark: str) -> float:
        """The number before the unit, with that decimal mark."""
        return self.comma if mark == "," else self.point


def _cell(text: str) -> _Cell | None:
    whole, point, fraction = text.partition(".")
    if whole.isdecimal() and (fraction.isdecimal() or not point):  # most are plain, and this is five times as fast
        padded, value = len(whole) > 1 and whole[0] == "0", float(text)
        if not point:
            return _Cell(value, value, False, padded, 1.0, "")
        grouped = len(fraction) == 3 and len(whole) <= 3 and whole[0] != "0"
        return _Cell(value, float(whole + fraction) if grouped else nan, True, False, 1.0, "")
    found = _NUMERAL.fullmatch(text.strip() if text.isascii() else text.strip().translate(_SAME))
    if found is None:
        return None
    opening, sign, before, sign2, body, exponent, sign3, after, closing = found.groups()
    signs = (opening or "") + (sign or "") + (sign2 or "") + (sign3 or "")
    if ("(" in signs) != bool(closing):
        return None
    if len(signs) > 1:
        return None
    scale = -1.0 if signs in ("-", "(") else 1.0
    if exponent:
        scale *= float("1" + exponent)
    times, unit = suffix(after.strip()) if after else (1.0, "")
    if before:
        if unit in PERHAPS:
            times, unit = PERHAPS[unit], ""
        if unit not in ("", CURRENCIES[before]):
            return None
        unit = CURRENCIES[before]
    if body.isdecimal():
        value = float(body) * scale
        return _Cell(value, value, False, len(body) > 1 and body[0] == "0", times, unit)
    return _Cell(_value(body, ".") * scale, _value(body, ",") * scale, True, False, times, unit)


def _value(body: str, mark: str) -> float:
    """The digits as a number; NaN if this is not how it is written with that decimal mark."""
    whole, _, fraction = body.partition(mark)
    if fraction and not fraction.isdecimal():
        return nan
    if whole and not whole.isdecimal():
        if not _GROUPED.fullmatch(whole):
            return nan
        whole = _MARKS.sub("", whole)
    return float(f"{whole or '0'}.{fraction}") if whole or fraction else nan


def _factor(cell: _Cell, unit: str) -> float:
    """How many of the unit of the column one of the cell's is; NaN where that cannot be told."""
    if cell.unit in ("", unit):
        return cell.times
    if cell.unit in PERHAPS and (unit == MULTIPLES or unit in CURRENCIES.values()):
        return PERHAPS[cell.unit]
    ours, theirs = scaled(unit), scaled(cell.unit)
    if ours and theirs and ours[1] == theirs[1]:
        return cell.times * theirs[0] / ours[0]
    # Numbers that had no unit when the format was found: another writer may add what everybody knew.
    return cell.times if unit in ("", MULTIPLES) and is_unit(cell.unit) and cell.unit not in "%‰" else nan


@dataclass(frozen=True)
class Format:
    """How the numbers of a column are written."""

    decimal: str = "."
    unit: str = ""
    missing: tuple[float, ...] = ()

    @property
    def shown(self) -> str:
        """The unit for people."""
        return "" if self.unit == MULTIPLES else self.unit

    @classmethod
    def of(cls, text: str) -> "Format":
        """The format that `str` has written; of any other text, something that reads little."""
        first, *missing = text.split("|")
        return cls(first[:1] or ".", first[1:], tuple(float(m) for m in missing if _PLAIN.fullmatch(m)))

    def __str__(self) -> str:
        text = self.decimal + self.unit + "".join(f"|{value:.15g}" for value in self.missing)
        return "" if text == "." else text


@dataclass(frozen=True)
class Texts:
    """The texts of a column: each different one once, the rows it is in, and which of them each row has."""

    counts: "pd.Series[int]"
    of: Array  # (m,)

    @classmethod
    def of_column(cls, known: "pd.Series[Any]") -> "Texts":
        """Of the values of a column that are there."""
        of, texts = pd.factorize(known.astype(str).str.strip().astype(object))
        return cls(pd.Series(np.bincount(of, minlength=len(texts)), index=texts, dtype=int), of)


@dataclass(frozen=True)
class Numerals:
    """The numbers among the texts of a column.

    values: of each different text, NaN where it is none. marks, others: texts that stand for a missing value, and texts
    that are no numbers either, with their rows. converted, units: other units than the column's with their rows, those
    that could be told in it and those that could not. open: whether the column does not show its decimal mark;
    ambiguous: whether the table does not, either. grades: some of 3- and 2+, where they are steps between others, not
    signs. convincing: whether a person would call it a column of numbers.
    """

    format: Format
    values: Array
    marks: dict[str, int]
    others: dict[str, int]
    converted: dict[str, int]
    units: dict[str, int]
    open: bool
    ambiguous: bool
    grades: tuple[str, ...]
    convincing: bool


def recognize(counts: "pd.Series[int]", decimal: Callable[[], str] = str) -> Numerals:
    """How the numbers among the texts of a column are written, decided by all of its rows.

    counts: text → rows. decimal: gives the decimal mark of the table, for columns that do not show theirs.
    """
    cells, n = [_cell(text) for text in counts.index], counts.to_numpy()
    votes = _votes(cells, n.tolist())
    mark, ambiguous = votes.mark, False
    if not mark:
        mark = decimal() if votes.open else ""
        ambiguous, mark = votes.open and not mark and not votes.thousands, mark or "."
    unit, others = _unit(cells, n.tolist())
    values = np.array([nan if cell is None else cell.value(mark) * _factor(cell, unit) for cell in cells], float)
    strange = {word for word in others if isnan(_factor(_Cell(1, 1, False, False, 1, word), unit))}
    units = {word: count for word, count in others.items() if word in strange and is_unit(word)}
    good = ~np.isnan(values)
    foreign = ~good & np.array([cell is not None and cell.unit in units for cell in cells], bool)
    rest = counts[~good & ~foreign]
    bare = np.array([is_mark(text) or is_bound(text) for text in rest.index], bool)
    marks, words = rest[bare].to_dict(), rest[~bare].to_dict()
    rows, stray, abroad = int(n[good].sum()), sum(words.values()), int(n[foreign].sum())
    # Nearly all; or many numbers and a few words; or numbers in two units.
    convincing = rows > 0 and (
        rows >= 0.9 * (rows + stray + abroad)
        or (rows >= stray and len(words) <= 3 and not abroad and len(np.unique(values[good])) > 20)
        or (rows >= abroad and rows + abroad >= 0.9 * (rows + stray + abroad) and len(strange) == 1)
    )
    padded = np.array([cell is not None and cell.padded for cell in cells], bool)
    if padded.any():  # 007 and zip codes
        widths = {len(text) for text, one in zip(counts.index, good, strict=True) if one}
        convincing = convincing and n[padded].sum() < 0.05 * rows and len(widths) > 1
    grades = _grades([text for text, cell in zip(counts.index, cells, strict=True) if cell is not None])
    converted = {word: count for word, count in others.items() if word not in strange}
    is_open = votes.open and not votes.mark and (ambiguous or not votes.thousands)
    return Numerals(
        Format(mark, unit),
        values,
        marks,
        words,
        converted,
        units,
        is_open,
        ambiguous,
        grades,
        convincing and not grades,
    )


def _grades(texts: list[str]) -> tuple[str, ...]:
    """Those of 3- and 2+ among 3 and 2, as schools have them; accounts write larger numbers, and cents.

    A minus behind is enough; 5+ alone may be 5 and more, so it takes two that are there without it, too.
    """
    if not all(map(_GRADE.fullmatch, texts)):
        return ()
    signed = [text for text in texts if text[-1] in "-+"]
    beside = [text for text in signed if text[-1] == "+" and text[:-1] in texts]
    return tuple(signed) if len(beside) >= 2 or any(text[-1] == "-" for text in signed) else ()


def parse(counts: "pd.Series[int]", form: str) -> Array:
    """The numbers (k,) that k different texts stand for, NaN where one is none of that format.

    Texts that show another decimal mark for sure are read with that one: files come from all countries.
    """
    given = Format.of(form)
    cells = [_cell(text) for text in counts.index]
    mark = _votes(cells, counts.tolist()).mark or given.decimal
    values = np.array([nan if cell is None else cell.value(mark) * _factor(cell, given.unit) for cell in cells], float)
    values[np.isin(values, given.missing)] = nan
    return values


def decimal_mark(counts: "pd.Series[int]") -> str:
    """The decimal mark that the numbers among these texts show for sure; else empty."""
    return _votes([_cell(text) for text in counts.index], counts.tolist()).mark


def is_bound(text: str) -> bool:
    """Whether a text says what a number is above or below, as ``<0.1`` does where nothing could be measured."""
    return BOUND.fullmatch(text) is not None


class _Votes(NamedTuple):
    """mark: the decimal mark that more rows need, empty if none does. open: whether some would be numbers with the
    other one, too. thousands: whether there are marks from 1000 on, and none below, so that they are not for decimals.
    """

    mark: str
    open: bool
    thousands: bool


def _votes(cells: list[_Cell | None], rows: list[int]) -> _Votes:
    points = commas = either = small = large = 0
    for cell, n in zip(cells, rows, strict=True):
        if cell is None:
            continue
        if not cell.marked:
            small, large = small + n * (abs(cell.point) < 1000), large + n * (abs(cell.point) >= 1000)
        elif cell.comma != cell.comma:
            points += n * (cell.point == cell.point)
        elif cell.point != cell.point:
            commas += n
        else:
            either += n * (cell.point != cell.comma)
    return _Votes("." if points > commas else "," if commas > points else "", either > 0, small > 0 and not large)


def _unit(cells: list[_Cell | None], rows: list[int]) -> tuple[str, dict[str, int]]:
    """The unit of most rows, and the others with their rows."""
    units = Counter[str]()
    plain = multiplied = 0
    for cell, n in zip(cells, rows, strict=True):
        if cell is not None:
            plain += n * (not cell.unit)
            multiplied += n * (cell.times != 1)
            units[cell.unit] += n
    del units[""]
    letters = [unit for unit in units if unit in PERHAPS]
    are_multiples = letters and (multiplied or len(letters) > 1)  # 19k and 1.2m are no meters
    for letter in letters if are_multiples else ():
        del units[letter]
    for unit, count in units.most_common():
        if is_unit(unit) or count >= plain:
            del units[unit]
            return unit, dict(units)
    return MULTIPLES if are_multiples else "", dict(units)


def suffixes(unit: str) -> tuple[dict[str, float], dict[str, float]]:
    """What may stand behind the numbers of a column with that unit: multiples, and units, each with its factor."""
    each = [*TIMES, *PERHAPS, *(word.capitalize() for word in TIMES if word.islower())]
    words = [unit, unit + "s", unit.translate({ord("2"): "²", ord("3"): "³"})]
    many = [word + s for word in SO_MANY for s in ("", "s")]
    known = [prefix + word for prefix in PREFIXES for word in SCALED]
    words += [*CURRENCIES, *known, *many, *map(str.capitalize, many)]
    words += map(str.upper, filter(str.isascii, known + many))
    times, units = (
        {word: _cell_factor(word, unit) for word in some} for some in (each, [] if unit in ("", MULTIPLES) else words)
    )
    return (
        {word: factor for word, factor in times.items() if not isnan(factor)},
        {word: factor for word, factor in units.items() if not isnan(factor) and word not in times},
    )


def _cell_factor(word: str, unit: str) -> float:
    cell = _cell(f"1 {word}")
    return nan if cell is None else _factor(cell, unit)


def pattern(form: Format) -> str:
    """What `parse` reads in a format, if nothing says that its decimal mark is another one: a regular expression of
    Python and of JavaScript. Its groups: bracket, sign, currency, sign; whole, fraction, exponent, sign; multiple,
    unit, bracket.
    """
    mark, marks, none = (",", ".' ", "(?!)") if form.decimal == "," else (".", ",' ", "(?!)")
    currencies = _either(word for word, shown in CURRENCIES.items() if shown == form.unit and word != "euro")
    times, units = map(_either, suffixes(form.unit))
    if form.unit and form.unit != MULTIPLES and (ways := spellings(form.unit)):
        others = [word for word in _meaning() if plain(word) == form.unit and isnan(_cell_factor(word, form.unit))]
        units += f"|{f'(?!(?:{_either(others)})(?: ?[)]?)$)' if others else ''}{ways}"
    return _numeral(
        currencies or none,
        rf"({_grouped(marks)}|\d*)(?:[{mark}](\d+))?",
        rf"(?:({times})? ?({units})?)" if currencies else rf"(?:({times})|({units or none}))",
    )


def _meaning() -> Iterable[str]:
    """What means something as it is written, and something else or nothing in other letters."""
    times = [*TIMES, *PERHAPS]
    yield from (*times, *CURRENCIES, *SO_MANY, *(one + other for one in times for other in CURRENCIES))
    yield from (prefix + word + s for prefix in PREFIXES for word in SCALED for s in ("", "s"))


def described(form: Format) -> str:
    """What is special in a format, for people; empty for plain numbers."""
    kind = "currency" if form.unit in CURRENCIES.values() else ""
    return ", ".join(filter(None, (kind, "decimal comma" if form.decimal == "," else "")))
