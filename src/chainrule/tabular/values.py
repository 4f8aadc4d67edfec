"""Values of a column as what they are: numbers, dates, booleans, labels. No function changes its argument."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from chainrule._types import Array
from chainrule.errors import ChainruleError
from chainrule.text import did_you_mean, first_few


class TableError(ChainruleError, ValueError):
    """A table cannot be learned from, or does not fit the model."""


def check_columns(wanted: Iterable[str], frame: pd.DataFrame) -> None:
    """TableError if one of these columns is not there."""
    if absent := [name for name in wanted if name not in frame.columns]:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        hint = did_you_mean(absent[0], frame.columns)
        raise TableError(f"no column {absent[0]!r}{more}.{hint} Columns: {first_few(frame.columns, 30)}")


def check_inf(column: "pd.Series[Any]", floats: Array) -> None:
    """TableError, with the row, if one of the numbers of a column is infinite."""
    if np.isinf(floats).any():
        row = column.index[np.argmax(np.isinf(floats))]
        row = row + 1 if isinstance(row, (int, np.integer)) else row  # files count from 1
        raise TableError(f"column {str(column.name)!r} is infinite in row {row}: correct it, or leave it empty")


def labels(y: Any) -> Array:
    """The labels of the classes: booleans and whole numbers as they are, all else as text."""
    y = pd.Series(y)
    if pd.api.types.infer_dtype(y, skipna=False) == "boolean":
        return np.asarray(y, dtype=bool)
    if not numeric(y):
        return np.asarray(y.astype(str).str.strip(), dtype=str)
    values = to_floats(y)
    whole = np.isfinite(values) & (values == np.round(values))
    if (whole | np.isnan(values)).all():
        return np.where(whole, values, 0).astype(np.int64)
    return values.astype(str)


def numbers(y: Any, target: str) -> Array:
    """The target as numbers, NaN where it is missing. Raises TableError for text and infinity."""
    y = pd.Series(y).reset_index(drop=True)
    values = to_floats(y)
    for wrong, what in (
        (np.isnan(values) & y.notna().to_numpy(), "is not a number"),
        (np.isinf(values), "is infinite"),
    ):
        if wrong.any():
            i = int(np.argmax(wrong))
            raise TableError(f"the target {target!r} {what} in row {i + 1} ({str(y[i])!r}): regression needs numbers")
    return values


def numeric(values: "pd.Series[Any]") -> bool:
    """Whether these are numbers, or times, which are seconds; text that looks like numbers is not."""
    kinds = ("integer", "floating", "mixed-integer-float", "decimal", "timedelta", "timedelta64")
    return pd.api.types.infer_dtype(values, skipna=True) in kinds


def to_floats(values: "pd.Series[Any]") -> Array:
    """As float64, NaN where it is not a number."""
    if pd.api.types.infer_dtype(values, skipna=True).startswith("timedelta"):
        values = pd.to_timedelta(values).dt.total_seconds()
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    return np.asarray(pd.to_numeric(values, errors="coerce").to_numpy(float, na_value=np.nan))


def to_dates(values: "pd.Series[Any]", form: str) -> "pd.Series[Any]":
    """As datetime64 without time zone, NaT where it is not a date of that format ("" for what is a date already)."""
    return pd.to_datetime(values, format=form or None, errors="coerce", utc=True).dt.tz_localize(None)


def to_booleans(values: "pd.Series[Any]") -> Array:
    """1.0 and 0.0, NaN where it is neither yes nor no."""
    words = {"true": 1.0, "1": 1.0, "1.0": 1.0, "yes": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0, "no": 0.0}
    return np.array([words.get(str(value).lower(), np.nan) for value in values])
