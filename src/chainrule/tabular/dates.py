"""Dates and times of day as people write them: whether a column holds some, in which forms, and which they are.

The different cells are grouped by layout (forms.py): Python loops over the layouts, NumPy computes their cells. What a
layout leaves open, as day or month first, is decided by all cells together.
"""

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.tabular import orders
from chainrule.tabular.calendar import usual
from chainrule.tabular.forms import CENTURY, DAY, LONGEST, NONE, Reading, moments, readings
from chainrule.tabular.marks import is_mark, taken
from chainrule.tabular.values import TableError
from chainrule.text import first_few

_CHUNK = 2**17  # cells whose characters are in memory at once
_SAMPLE = 2000  # cells that tell whether a column is worth reading
_MOST_LAYOUTS = 4096
_MOST_FORMS = 8
_MOST_MARKS = 1000  # of missing values
_LONGEST_FORMAT = 200  # that a model file may hold
_SINCE = "years since "
_UNITS = {  # of numbers: microseconds, and the size of the numbers in our time
    "days of Excel": (DAY, 10**4, 10**5),
    "seconds since 1970": (10**6, 10**8, 10**11),
    "milliseconds since 1970": (10**3, 10**11, 10**14),
    "microseconds since 1970": (1, 10**14, 10**17),
    "nanoseconds since 1970": (1e-3, 10**17, 10**20),
}
_EXCEL = 25_569  # 1970-01-01 in days of Excel
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "string")
_CODES = {"d": "day", "m": "month", "b": "month", "Y": "year", "y": "year", "H": "hour", "I": "hour", "M": "minute"}
_CODES |= {"S": "second", "V": "week", "q": "quarter"}


@dataclass(frozen=True)
class Dates:
    """What the cells of a column say.

    format: their forms in the codes of strptime, the most frequent first, with | between them, and "years since 1935"
    where two digits are not 1969 to 2068; "" for what are dates already. note: from when to when, and how they were
    read. ambiguous: no cell tells whether day or month comes first. dates: datetime64[us] without time zone, a time of
    day as one of 1970-01-01, NaT where a cell was not read. unread: how many of them.
    """

    format: str
    note: str
    ambiguous: bool
    dates: "pd.Series[Any]" = field(repr=False, compare=False)
    unread: int = 0


def recognize(values: "pd.Series[Any]", day_first: bool | None = None, asked: bool = False) -> Dates | None:
    """The dates in a column, or None if it holds something else.

    Almost all different cells must be dates, but for the marks of missing values; a few words, or one that is frequent,
    are left missing. day_first: what is
    taken where no cell tells. asked: the person says that these are dates, so that one is enough, and whole numbers may
    be seconds since 1970 and the like.

    Raises TableError, with the row, for a year before 1 or beyond 9999 in a column of type datetime64.
    """
    if not asked and values.dtype.kind in "biufcm" and not _of_digits(values):
        return None
    cells = _cells(values)
    texts = cells.texts
    if len(texts) > _SAMPLE and not asked:
        some = texts[:: len(texts) // _SAMPLE]
        if np.isnat(_made_of(some, np.ones(len(some), int), "", day_first).moments).mean() > 0.6:
            return None
    made = _made_of(texts, cells.rows, "", day_first, years=asked)
    if asked and np.isnat(made.moments).sum() > 0.1 * len(texts) and (unit := _unit_of(values)):
        return _from_numbers(values, unit)
    found = made.forms or not np.isnat(cells.moments).all()
    return _dates(values, cells, made) if found and (asked or _convincing(made, cells)) else None


def read(values: "pd.Series[Any]", format: str = "") -> Dates:
    """The dates of a column whose `format` is known, or of one that is written in another way by now."""
    if format in _UNITS:
        return _from_numbers(values, format)
    cells = _cells(values)
    return _dates(values, cells, _made_of(cells.texts, cells.rows, format, None, years=True))


def parse(values: "pd.Series[Any]", format: str = "") -> "pd.Series[Any]":
    """The dates that `read` finds, NaT where it finds none."""
    return read(values, format).dates


def unlike(values: "pd.Series[Any]", format: str) -> list[str]:
    """What to say where day and month come in another order than in training: what is alike may mean something else."""
    before = format.partition("|")[0]
    now = read(values, format).format.partition("|")[0]
    swapped = {orders.order_of(before)[0], orders.order_of(now)[0]} == {"dmy", "mdy"}
    return [f"read as {_spelled(now)}, in training it was {_spelled(before)}"] if swapped else []


def day_first(columns: Iterable["pd.Series[Any]"]) -> bool | None:
    """Whether the day comes before the month in the columns that tell; None if none does, or they do not agree."""
    told = set()
    for values in columns:
        found = recognize(values)
        if found is not None and not found.ambiguous:
            told.add(orders.order_of(found.format.partition("|")[0])[0])
    return {frozenset({"dmy"}): True, frozenset({"mdy"}): False}.get(frozenset(told & {"dmy", "mdy"}))


# -- cells -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cells:
    """The different values of a column: texts, and moments (m,) of all rows that hold dates already.

    of: (m,) the number of each row's text, -1 where there is none. rows: how many each text is in.
    """

    texts: list[str]
    of: Array
    rows: Array
    moments: Array


def _cells(values: "pd.Series[Any]") -> _Cells:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    moments = np.full(len(values), NONE)
    if isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    if values.dtype.kind == "M":
        if isinstance(values.dtype, pd.ArrowDtype):
            zone = getattr(values.dtype.pyarrow_dtype, "tz", None)
            values = values.astype("datetime64[us, UTC]" if zone else "datetime64[us]")
        if values.dt.tz is not None:
            values = values.dt.tz_convert("UTC").dt.tz_localize(None)
        _check_years(values)
        return _Cells([], np.full(len(values), -1), np.zeros(0, int), values.to_numpy().astype("M8[us]"))
    try:
        of, different = pd.factorize(values)
    except TypeError:  # lists, which cannot be counted
        of, different = pd.factorize(values.map(str, na_action="ignore"))
    given = different.tolist()
    if isinstance(values.dtype, pd.StringDtype):
        texts = [text if len(text) <= LONGEST else "" for text in map(str.strip, given)]
        return _Cells(texts, of, np.bincount(of + 1, minlength=len(texts) + 1)[1:], moments)
    if any(isinstance(value, (datetime.date, datetime.time, np.datetime64, pd.Period)) for value in given):
        known = np.array([*map(_moment, given), NONE], dtype="M8[us]")
        moments = known[of]
        of = np.where(np.isnat(moments), of, -1)
    texts = [_text(value) for value in given]
    return _Cells(texts, of, np.bincount(of + 1, minlength=len(texts) + 1)[1:], moments)


def _text(value: Any) -> str:
    """A cell as it is written; whole numbers may be written dates."""
    if isinstance(value, str):
        text = value.strip()
        return text if len(text) <= LONGEST else ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**16 else ""


def _moment(value: Any) -> Any:
    """A date or time object as datetime64."""
    if isinstance(value, pd.Period):
        value = value.start_time
    if isinstance(value, datetime.time):
        value = datetime.datetime.combine(datetime.date(1970, 1, 1), value)
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    if isinstance(value, pd.Timestamp):
        value = value.to_datetime64()
    return np.array(value, "M8[us]")[()] if isinstance(value, (datetime.date, np.datetime64)) else NONE


def _check_years(values: "pd.Series[Any]") -> None:
    years = values.dt.year
    wrong = (years < 1) | (years > 9999)
    if wrong.any():
        i = int(np.argmax(wrong))
        row = values.index[i]
        raise TableError(
            f"column {str(values.name)!r} has a date in the year {years.iloc[i]:.0f} in row "
            f"{row + 1 if isinstance(row, (int, np.integer)) else row}, wanted 1 to 9999: correct it, or leave it empty"
        )


# -- texts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Made:
    """What was made of texts: their moments (k,), and the readings of their forms, the most frequent first."""

    moments: Array
    forms: dict[str, Reading]
    ambiguous: bool
    century: int


def _made_of(texts: Sequence[str], rows: Array, format: str, day_first: bool | None, years: bool = False) -> _Made:
    """The dates of texts, each in so many rows. format: that of training. years: a year alone is a date, too."""
    before = [form for form in format.replace("%B", "%b").split("|") if "%" in form]
    groups = []  # the texts of a layout, their digits, and what its readings make of them
    for numbers, ways, digits in _groups(texts):
        if found := {way: moments(way, digits) for way in ways if years or way.order != "y"}:
            groups.append((numbers, digits, found))
    decided, ambiguous = orders.orders([found for *_, found in groups], before, day_first)
    chosen = [max(found, key=lambda way: decided.get(way.mark) == way.order) for *_, found in groups]
    count: Counter[str] = Counter()
    for way, (numbers, _, found) in zip(chosen, groups, strict=True):
        count[way.form] += int(rows[numbers][~np.isnat(found[way])].sum())
    ranked = sorted(+count, key=lambda form: (-count[form], form))
    # Times among dates have no day, and days without a year no year.
    kind = next((_kind(form) for form in (*before, *ranked)), "")
    forms = {way.form: way for way in chosen if _kind(way.form) == kind}
    used = [(way, *group) for way, group in zip(chosen, groups, strict=True) if way.form in forms]
    short = [found[way] for way, _, _, found in used if "y" in way.fields]
    since = re.search(rf"{_SINCE}(\d{{4}})$", format)
    century = int(since[1]) if since else CENTURY
    if short and not any("%y" in form for form in before):
        century = orders.century(np.concatenate(short))
    made = np.full(len(texts), NONE)
    for way, numbers, digits, found in used:
        other = "y" in way.fields and century != CENTURY
        made[numbers] = moments(way, digits, century) if other else found[way]
    return _Made(made, {form: forms[form] for form in ranked if form in forms}, ambiguous, century)


def _kind(form: str) -> str:
    order = orders.order_of(form)[0]
    return "time" if not order else "date" if "y" in order else "no year"


def _groups(texts: Sequence[str]) -> Iterator[tuple[Array, tuple[Reading, ...], Array]]:
    """For each layout of dates the numbers of its texts (k,), its readings, and the digits (k, n)."""
    found: dict[str, list[tuple[Array, Array]]] = {}
    for start in range(0, len(texts), _CHUNK):
        chunk = np.array(texts[start : start + _CHUNK], dtype=np.str_)
        codes = chunk.view(np.uint32).reshape(len(chunk), chunk.dtype.itemsize // 4)
        digit = (codes >= ord("0")) & (codes <= ord("9"))
        count = digit.sum(axis=1)
        some = np.flatnonzero((count >= 1) & (count <= 30))
        codes, digit = codes[some], digit[some]
        masked = np.where(digit, np.uint32(ord("0")), codes).view(chunk.dtype).ravel()
        of, layouts = pd.factorize(masked.astype(object))
        order = np.argsort(of, kind="stable")
        for layout, rows in zip(layouts, np.split(order, np.cumsum(np.bincount(of))[:-1]), strict=False):
            if len(found) < _MOST_LAYOUTS or layout in found:
                digits = (codes[rows][:, digit[rows[0]]] - ord("0")).astype(np.uint8)
                found.setdefault(layout, []).append((start + some[rows], digits))
    for layout, parts in sorted(found.items()):
        if ways := readings(layout):
            numbers, each = zip(*parts, strict=True)
            yield np.concatenate(numbers), ways, np.concatenate(each)


# -- what is said ------------------------------------------------------------------------------------------------------


def _convincing(made: _Made, cells: _Cells) -> bool:
    """Whether these are dates beyond doubt."""
    good, typed = ~np.isnat(made.moments), int((~np.isnat(cells.moments)).sum())
    texts = int(good.sum()) + typed
    left = np.flatnonzero(~good & (cells.rows > 0))
    if len(left) > _MOST_MARKS + 0.1 * texts:
        return False
    unread = [i for i in left if not cells.texts[i] or not is_mark(cells.texts[i])]
    wrong = len(unread)
    if made.forms:
        main = next(iter(made.forms.values()))
        if not main.mark and "m" in main.fields and "b" not in main.form:
            # Digits alone: numbers, unless all are days of our time.
            years = made.moments[good].astype("M8[Y]").astype(int) + 1970
            return texts >= 6 and wrong <= 1 and bool((((years >= 1800) & (years < 2200)) | (years == 9999)).all())
        if main.weak and len(np.unique(made.moments[good].astype("M8[M]"))) < 3:
            return False
    few = wrong <= max(3, 0.1 * texts) and texts >= 2 * wrong and len(made.forms) <= _MOST_FORMS
    rows = cells.rows[good].sum() + typed
    return bool(few and (wrong <= 1 or rows >= cells.rows[unread].sum()))


def _dates(values: "pd.Series[Any]", cells: _Cells, made: _Made) -> Dates:
    found = np.where(cells.of >= 0, np.append(made.moments, NONE)[cells.of], cells.moments)
    return _told(values, found, [*made.forms], made.ambiguous, made.century)


def _of_digits(values: "pd.Series[Any]") -> bool:
    """Whether most numbers are as large as 201901, 20190113 or 20190113081500."""
    middle = values.median() if values.dtype.kind in "iuf" else 0
    return any(18 * 10**k <= middle < 22 * 10**k for k in (4, 6, 10, 12))


def _told(
    values: "pd.Series[Any]", made: Array, forms: list[str], ambiguous: bool = False, century: int = CENTURY
) -> Dates:
    """The dates, with what is said of them."""
    dates = pd.Series(made, values.index, name=values.name)
    missed = values[dates.isna() & values.notna()]
    main = forms[0] if forms else ""
    said = [_span(made[~np.isnat(made)], main)]
    if any("%z" in form for form in forms):
        said[0] += " in UTC"
    if main and not ambiguous and not main.startswith("%Y-%m"):
        others = f" and in {len(forms) - 1} other form{'s' * (len(forms) > 2)}" if len(forms) > 1 else ""
        said.append(f"read as {_spelled(main)}{others}")
    if ambiguous:
        said.append(f"day or month first? taken as {_spelled(main)}; --dates day-first for the other")
    words = missed.astype(str).str.strip().value_counts().sort_index().sort_values(ascending=False, kind="stable")
    marks = {word: rows for word, rows in words[:_MOST_MARKS].items() if is_mark(word)}
    if others := words.drop([*marks]).sum():
        said.append(f"{others:,} not dates ({first_few(words.drop([*marks]).index, 3)}), taken as missing")
    if marks:
        said.append(taken(marks))
    since = [f"{_SINCE}{century}"] if century != CENTURY else []
    while len("|".join([*forms, *since])) > _LONGEST_FORMAT:
        forms = forms[:-1]
    return Dates("|".join([*forms, *since]), "; ".join(said), ambiguous, dates, len(missed))


def _span(known: Array, form: str) -> str:
    """From the first to the last; those far from all others are counted."""
    if not len(known):
        return "no dates"
    order = orders.order_of(form)[0]
    unit = "m" if "%M" in form and not order else "D" if "d" in order or form in ("", *_UNITS) else "M"

    def shown(moment: Any) -> str:
        return str(moment.astype(f"M8[{unit}]")).removeprefix("1972-" if order else "1970-01-01T")

    first, last = usual(np.unique(known))
    said = f"{shown(first)} to {shown(last)}"
    far, counts = np.unique(known[(known < first) | (known > last)], return_counts=True)
    for moment, count in zip(far[:3], counts, strict=False):
        said += f", {shown(moment)} in {count:,} row{'s' * int(count > 1)}"
    return said


def _spelled(form: str) -> str:
    """A form in words: day/month/year of %d/%m/%Y %H:%M."""
    if form in _UNITS:
        return form
    form = re.sub(r"(%[YmdbHM])(?=Q?%)", r"\1 ", form)
    date = re.sub(r"%a,? ?|[T ,:_-]*(at )?%[HI]([^%]*%[MSfpz])*", "", form) or form
    return re.sub(r"Q?%([a-zA-Z])", lambda code: _CODES.get(code[1], ""), date).strip()


# -- numbers that are said to be dates ---------------------------------------------------------------------------------


def _unit_of(values: "pd.Series[Any]") -> str:
    """The unit of such numbers, by their size; "" if they are none, or of another size."""
    numbers = np.abs(_numbers(values))
    size = np.nanmedian(numbers) if not np.isnan(numbers).all() else 0
    return next((unit for unit, (_, low, high) in _UNITS.items() if low <= size < high), "")


def _numbers(values: "pd.Series[Any]") -> Array:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if values.dtype.kind not in "iuf" and pd.api.types.infer_dtype(values, skipna=True) not in _NUMBERS:
        return np.full(len(values), np.nan)
    return np.asarray(pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan))


def _from_numbers(values: "pd.Series[Any]", unit: str) -> Dates:
    found = (_numbers(values) - (_EXCEL if unit == "days of Excel" else 0)) * _UNITS[unit][0]
    inside = np.abs(found) < 8000 * 365 * DAY  # NaN is not
    return _told(values, np.where(inside, np.where(inside, found, 0).astype("M8[us]"), NONE), [unit])
