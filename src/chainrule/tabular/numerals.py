"""Numbers as people write them: ``1,234.56``, ``1.234,56 €``, ``$1.2M``, ``(1,200)``, ``45 %``, ``12 km``, ``-5``.

A format says how the numbers of a column are written: the decimal mark, the unit, and after ``|`` each number that
stands for a missing value. ``""`` is plain; ``",€"`` has decimal commas and euros; ``".|-999"`` is missing at -999.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.tabular.marks import is_mark

_words = str.split
# Blanks of every width, apostrophes and minus signs, as typesetters have them.
_SAME = str.maketrans(
    {**dict.fromkeys("\u00a0\u202f\u2009\u2007\u2008", " "), **dict.fromkeys("’ʼ", "'"), **dict.fromkeys("−–－", "-")}
)
_CURRENCIES = {
    **dict.fromkeys(("$", "US$", "USD"), "$"), **dict.fromkeys(("€", "EUR", "euro"), "€"),
    **dict.fromkeys(("£", "GBP"), "£"), **dict.fromkeys(("¥", "JPY", "CN¥", "CNY", "RMB"), "¥"),
    **dict.fromkeys(("₹", "INR", "Rs", "Rs."), "₹"), **dict.fromkeys(("CHF", "Fr", "Fr."), "CHF"),
    **dict.fromkeys(("R$", "BRL"), "R$"), **dict.fromkeys(("zł", "PLN"), "zł"), **dict.fromkeys(("₽", "RUB"), "₽"),
    **dict.fromkeys(("₩", "KRW"), "₩"), **dict.fromkeys(("₺", "TRY", "TL"), "₺"), **dict.fromkeys(("kr", "kr."), "kr"),
    **{word: word for word in _words("A$ AU$ C$ CA$ NZ$ HK$ S$ AUD CAD NZD HKD SGD SEK NOK DKK CZK Kč HUF Ft MXN ZAR "
    "ILS ₪ ₫ ฿ ₴ ₦ ₱ THB VND PHP IDR Rp MYR RM TWD UAH NGN AED SAR COP ARS CLP BTC Ξ")},
}  # fmt: skip
_TIMES = {
    **dict.fromkeys(("k", "K"), 1e3), **dict.fromkeys(("M", "MM"), 1e6), "Cr": 1e7,
    **dict.fromkeys(_words("thousand tsd tsd."), 1e3), **dict.fromkeys(_words("lakh lakhs lac"), 1e5),
    **dict.fromkeys(_words("mn mln mio mio. million millions"), 1e6), **dict.fromkeys(_words("crore crores"), 1e7),
    **dict.fromkeys(_words("bn billion billions mrd mrd."), 1e9), **dict.fromkeys(_words("tn trillion"), 1e12),
}  # fmt: skip
MULTIPLES = "k"  # the unit of a column with 19k and 1.2m, whose letters are no units
_PERHAPS = {"m": 1e6, "b": 1e9, "B": 1e9, "t": 1e12, "T": 1e12}  # meters or millions, bytes or billions …
_PREFIXES = {"": 1, "µ": 1e-6, "μ": 1e-6, "u": 1e-6, "m": 1e-3, "c": 1e-2, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_PREFIXES["T"] = 1e12
# What stands behind such a prefix; and what is so many of one of these.
_SCALED = {name: name for name in _words("g m s B b W Wh Hz L A V J Pa cal")} | {"l": "L", "byte": "B", "bit": "b"}
_SO_MANY: dict[str, tuple[float, str]] = {
    "lb": (453.59237, "g"), "oz": (28.349523125, "g"), "in": (0.0254, "m"), "inch": (0.0254, "m"), "ft": (0.3048, "m"),
    "yd": (0.9144, "m"), "mi": (1609.344, "m"), "mile": (1609.344, "m"), "sec": (1, "s"), "min": (60, "s"),
    "h": (3600, "s"), "hr": (3600, "s"), "hour": (3600, "s"), "d": (86400, "s"), "day": (86400, "s"),
    "week": (604800, "s"), "wk": (604800, "s"),
}  # fmt: skip
_UNITS = frozenset(
    _words(
        "% ‰ t ton tonne gal mph kmh km/h kph month mo year yr y °c °f ° cc hp bhp ps rpm kmpl m2 km2 ft2 sqft qm ha "
        "acre m3 px pcs star people person item"
    )
)

_CURRENCY = "|".join(re.escape(word) for word in sorted(_CURRENCIES, key=len, reverse=True) if word != "euro")
_NUMERAL = re.compile(
    rf"""'?(\()?[ ]?([-+])?[ ]?({_CURRENCY})?[ ]?([-+(])?[ ]?  # bracket, sign, currency, sign
    ([.,]?\d+(?:[.,' ]\d+)*)(?:\.-?)?([eE][-+]?\d+)?(-(?=$|[ )]))?\+?  # digits, exponent, sign
    [ ]?((?:[^\W\d_]|[%‰°"'″′$€£¥₹₽₩₪₫฿₺₴₦₱])[^\d()|]{{0,18}}|(?:[kcm]?m|ft|in)[23]|/[ ]?(?:5|10|20|100))?[ ]?(\))?""",
    re.VERBOSE,
)
_GROUPED = re.compile(r"(?!0)(?:\d{1,3}(?P<mark>[.,' ])\d{3}(?:(?P=mark)\d{3})*|\d{1,2}(?:,\d{2})+,\d{3})")
_PLAIN = re.compile(r"-?\d{1,15}(\.\d{1,15})?(e[-+]\d{1,3})?")
_MARKS = re.compile(r"[.,' ]")
_GRADE = re.compile(r"\d{1,2}[-+]?")
_BOUND = re.compile(r"[<>≤≥]=? ?[-+]?[$€£]?\d[\d.,]*\D{0,8}")


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
    times, unit = _suffix(after.strip()) if after else (1.0, "")
    if before:
        if unit in _PERHAPS:
            times, unit = _PERHAPS[unit], ""
        if unit not in ("", _CURRENCIES[before]):
            return None
        unit = _CURRENCIES[before]
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


@lru_cache(maxsize=4096)
def _suffix(after: str) -> tuple[float, str]:
    """What stands behind a number, as a factor and a unit: (1000, "€") of ``k €``."""
    after = after.translate({ord("²"): "2", ord("³"): "3"})
    times = _TIMES.get(after) or (_TIMES.get(after.casefold()) if len(after) > 1 else None)
    if times:
        return times, ""
    if after in _CURRENCIES:
        return 1.0, _CURRENCIES[after]
    for word, times in (_TIMES | _PERHAPS).items():
        start, rest = after[: len(word)], after[len(word) :].strip()
        if rest in _CURRENCIES and word == (start.casefold() if len(word) > 2 else start):
            return times, _CURRENCIES[rest]
    if _scaled(after):
        return 1.0, after
    plain = after.casefold().rstrip(".")
    return 1.0, after if len(after) == 1 else plain[:-1] if len(plain) > 3 and plain.endswith("s") else plain


def _scaled(unit: str) -> tuple[float, str] | None:
    """How many of which unit one is, like 1000 m of km; None for others."""
    if unit in _SO_MANY:
        return _SO_MANY[unit]
    for prefix, factor in _PREFIXES.items():
        if (
            unit.startswith(prefix)
            and (base := unit[len(prefix) :].removesuffix("s") or unit[len(prefix) :]) in _SCALED
        ):
            return factor, _SCALED[base]
    return None


def is_unit(unit: str) -> bool:
    """Whether it is a unit wherever it stands; a letter behind some numbers, as in 14A, is none."""
    if len(unit) == 1 and unit.isalpha():
        return False
    return unit in _UNITS or unit in _CURRENCIES.values() or _scaled(unit) is not None


def _factor(cell: _Cell, unit: str) -> float:
    """How many of the unit of the column one of the cell's is; NaN where that cannot be told."""
    if cell.unit in ("", unit):
        return cell.times
    if cell.unit in _PERHAPS and (unit == MULTIPLES or unit in _CURRENCIES.values()):
        return _PERHAPS[cell.unit]
    ours, theirs = _scaled(unit), _scaled(cell.unit)
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
    return _BOUND.fullmatch(text) is not None


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
    letters = [unit for unit in units if unit in _PERHAPS]
    are_multiples = letters and (multiplied or len(letters) > 1)  # 19k and 1.2m are no meters
    for letter in letters if are_multiples else ():
        del units[letter]
    for unit, count in units.most_common():
        if is_unit(unit) or count >= plain:
            del units[unit]
            return unit, dict(units)
    return MULTIPLES if are_multiples else "", dict(units)


def written_units(unit: str) -> list[str]:
    """What may stand before or behind the numbers of a column with that unit, the longest first."""
    same = [word for word, shown in _CURRENCIES.items() if shown == unit]
    return sorted(same or ([] if unit in ("", MULTIPLES) else [unit]), key=len, reverse=True)


def described(form: Format) -> str:
    """What is special in a format, for people; empty for plain numbers."""
    kind = "currency" if form.unit in _CURRENCIES.values() else ""
    return ", ".join(filter(None, (kind, "decimal comma" if form.decimal == "," else "")))
