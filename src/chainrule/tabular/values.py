"""Values of a column as what they are: numbers, dates, booleans, labels. No function changes its argument."""

from collections.abc import Iterable
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.errors import ChainruleError
from chainrule.tabular import numerals
from chainrule.text import did_you_mean, first_few

MOST_WHOLE = 2**53  # below it, a float is the whole number that it stands for
MOST_INPUT = 1e150  # squared and summed up, still far below the largest float64
MOST_TARGET = 1e37  # a tenth of what float32 can hold, in which networks compute


class TableError(ChainruleError, ValueError):
    """A table cannot be learned from, or does not fit the model."""


def check_columns(wanted: Iterable[str], frame: pd.DataFrame) -> None:
    """TableError if one of these columns is not there."""
    if absent := [name for name in wanted if name not in frame.columns]:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        hint = did_you_mean(absent[0], frame.columns)
        missing = f"; missing: {first_few(absent, 30)}" if more else ""
        raise TableError(f"no column {absent[0]!r}{more}.{hint} Columns: {first_few(frame.columns, 30)}{missing}")


def check_range(column: "pd.Series[Any]", floats: Array) -> None:
    """TableError, with the row, if one of the numbers of a column is infinite, or too large to be standardized."""
    wrong = np.abs(floats) > MOST_INPUT
    if wrong.any():
        i = int(np.argmax(wrong))
        what = "infinite" if np.isinf(floats[i]) else f"{floats[i]:g}, beyond {MOST_INPUT:g},"
        where = f"in row {_row(column, i)}"
        raise TableError(f"column {str(column.name)!r} is {what} {where}: correct it, or leave it empty")


def check_answers(answers: Array, rows: Any) -> Array:
    """The answers (m, …); TableError where one is no number: a value is so far off that the networks overflow."""
    wrong = ~np.isfinite(answers).reshape(len(answers), -1).all(axis=1)
    if not wrong.any():
        return answers
    i, frame = int(wrong.argmax()), pd.DataFrame(rows)
    sizes = pd.to_numeric(frame.iloc[i], errors="coerce").abs().astype(float)
    what = f"column {sizes.idxmax()!r} is {frame.iloc[i][sizes.idxmax()]:g}," if sizes.notna().any() else "a value is"
    raise TableError(
        f"{what} too far from what was learned for an answer in row {_row(frame, i)}: correct it, or leave it empty"
    )


def _row(column: "pd.Series[Any] | pd.DataFrame", i: int) -> object:
    """What to call the row of the i-th value: files count from 1."""
    row = column.index[i]
    return row + 1 if isinstance(row, (int, np.integer)) else row


def labels(y: Any) -> Array:
    """The labels of the classes: booleans and whole numbers as they are, all else as text; 0 where one is missing."""
    y = pd.Series(y)
    known = y.notna()
    kind = pd.api.types.infer_dtype(y, skipna=True)
    if kind == "boolean":
        return np.asarray(y.where(known, False), dtype=bool)
    if not numeric(y):
        return np.asarray(y.astype(str).str.strip(), dtype=str)
    floats = to_floats(y)
    y = pd.Series(floats) if kind.startswith("timedelta") else y
    items = y[known.to_numpy()].tolist()
    if all(_is_whole(item) for item in items):
        whole = np.zeros(len(y), object)
        whole[known.to_numpy()] = [int(item) for item in items]
        for dtype in (np.int64, np.uint64):
            if all(np.iinfo(dtype).min <= item <= np.iinfo(dtype).max for item in (whole.min(), whole.max())):
                return whole.astype(dtype)
        return whole.astype(str)
    # Beyond 2⁵³ a float would be another number.
    large = np.abs(floats) >= MOST_WHOLE
    text = floats.astype(str).astype(object)
    text[large] = y.astype(str).to_numpy()[large]
    return text.astype(str)


def exact_labels(labels: Any) -> Array:
    """Labels as an array in which whole numbers keep all of their digits: NumPy makes floats of 7 beside 2⁶³."""
    found = np.asarray(labels)
    if found.dtype.kind != "f" or isinstance(labels, np.ndarray):
        return found
    items = list(labels)
    if not items or not all(isinstance(item, (int, np.integer)) for item in items):
        return found
    whole = np.array([int(item) for item in items], dtype=object)
    return whole.astype(np.uint64) if whole.min() >= 0 else whole


def each_label(labels: Array) -> list[Any]:
    """Labels (K,) one by one, as Python has them; dates as NumPy has them, to the last digit."""
    return list(labels) if labels.dtype.kind == "M" else labels.tolist()


def _is_whole(item: Any) -> bool:
    """Whether a number is whole and known to the last digit, as floats are below 2⁵³ only."""
    known = abs(item) < MOST_WHOLE if isinstance(item, float) else abs(item) < inf
    return isinstance(item, int) or (known and item == int(item))


def numbers(y: Any, target: str, form: str = "") -> Array:
    """The target as numbers, NaN where it is missing. Raises TableError for text and for what no network can give.

    form: how text is written, see numerals.py. A few words among many numbers are taken as missing.
    """
    y = pd.Series(y).reset_index(drop=True)
    stray = np.zeros(len(y), bool)
    if numeric(y) or pd.api.types.infer_dtype(y, skipna=True) == "boolean":
        values = to_floats(y)
    else:
        known = y.notna().to_numpy()
        texts = numerals.Texts.of_column(y[known])
        found = numerals.recognize(texts.counts)
        parsed = numerals.parse(texts.counts, form or str(found.format))
        values = np.full(len(y), np.nan)
        values[known] = parsed[texts.of]
        if not found.convincing:
            words = np.isnan(parsed) & ~np.isin(texts.counts.index, list(found.marks))
            stray[known] = words[texts.of]
    for wrong, what, wanted in (
        (stray, "is not a number", "regression needs numbers"),
        (np.isinf(values), "is infinite", "regression needs numbers"),
        (np.abs(values) > MOST_TARGET, "is too large", f"wanted at most {MOST_TARGET:g}; rescale or correct it"),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            raise TableError(f"the target {target!r} {what} in row {i + 1} ({str(y[i])!r:.80}): {wanted}")
    return values


def numeric(values: "pd.Series[Any]") -> bool:
    """Whether these are numbers, or times, which are seconds; text that looks like numbers is not."""
    kinds = ("integer", "floating", "mixed-integer-float", "decimal", "timedelta", "timedelta64")
    return pd.api.types.infer_dtype(values, skipna=True) in kinds


def without_blanks(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The values with blank texts as what they are: missing."""
    if isinstance(values.dtype, pd.StringDtype):
        return values.mask(values.str.strip() == "")
    if values.dtype == object:
        return values.mask(values.map(lambda value: isinstance(value, str) and not value.strip()).to_numpy(bool))
    return values


def to_floats(values: "pd.Series[Any]") -> Array:
    """As float64, NaN where it is not a number."""
    if pd.api.types.infer_dtype(values, skipna=True).startswith("timedelta"):
        values = pd.to_timedelta(values).dt.total_seconds()
    arrow = isinstance(values.dtype, pd.ArrowDtype) and values.dtype.kind == "O"  # decimals, of which NaN get lost
    if arrow or isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    try:
        values = pd.to_numeric(values, errors="coerce")
    except OverflowError:  # of whole numbers of more than 308 digits
        values = values.map(lambda v: v if abs(v) <= MOST_INPUT else inf, na_action="ignore")
    return np.asarray(values.to_numpy(float, na_value=np.nan))


def read_numbers(values: "pd.Series[Any]", form: str) -> Array:
    """As float64, NaN where it is no number of that format, see numerals.py."""
    floats = to_floats(values)
    missing = numerals.Format.of(form).missing
    if pd.api.types.is_numeric_dtype(values):
        return np.where(np.isin(floats, missing), np.nan, floats) if missing else floats
    floats, text = floats.copy(), values.map(lambda value: isinstance(value, str)).to_numpy()
    if text.any():
        texts = numerals.Texts.of_column(values[text])
        floats[text] = numerals.parse(texts.counts, form)[texts.of]
    floats[np.isin(floats, missing)] = np.nan
    return floats


def to_booleans(values: "pd.Series[Any]") -> Array:
    """1.0 and 0.0, NaN where it is neither yes nor no."""
    words = {"true": 1.0, "1": 1.0, "1.0": 1.0, "yes": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0, "no": 0.0}
    return np.array([words.get(str(value).lower(), np.nan) for value in values])
