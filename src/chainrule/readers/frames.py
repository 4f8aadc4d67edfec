"""From a whole frame to a Table."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.readers.common import NoRowsError, ReaderError, Table, shown_name
from chainrule.text import did_you_mean, first_few, one_blank

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 250_000  # pandas takes some 30 µs for each
BLANKS = ["", *(" " * n for n in range(1, 9)), "\\N"]  # quoted blanks; skipinitialspace empties bare ones
# What is missing wherever it stands, but in the target: what pandas takes for it.
MISSING = [
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null", *BLANKS),
]


def split(where: str | Path, frame: "pd.DataFrame", target: str | None) -> Table:
    """A whole frame as a Table: the column `target` is y, the rest is X."""
    name = shown_name(Path(where))
    check_names(where, frame.columns)
    if not len(frame) or not len(frame.columns):
        error = NoRowsError if len(frame.columns) else ReaderError
        raise error(f"{where}: no examples, got {len(frame)} rows of {len(frame.columns)} columns")
    if target is None:
        return Table(name, frame, None, None)
    target = named(target, frame.columns)
    if target not in frame.columns:
        hint, columns = did_you_mean(target, frame.columns, 3), first_few(frame.columns, quoted=True)
        raise ReaderError(f"{where}: no column {target!r}.{hint} Columns: {columns}")
    if len(frame.columns) == 1:
        raise ReaderError(f"{where}: {target!r} is the only column, nothing is left to predict it from")
    return Table(name, frame.drop(columns=target), _text(where, frame[target]), target)


def _text(where: object, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """The column with bytes as the text that they are."""
    if column.dtype != object or not any(isinstance(value, bytes) for value in column):
        return column
    values = []
    for row, value in enumerate(column, 1):
        try:
            values.append(value.decode() if isinstance(value, bytes) else value)
        except UnicodeDecodeError:
            raise ReaderError(
                f"{where}: column {str(column.name)!r} holds bytes that are no UTF-8 text in row {row} "
                f"({value[:20]!r}), wanted numbers or text"
            ) from None
    return column.__class__(values, column.index, name=column.name)


def named(target: str | None, names: Collection[str]) -> str | None:
    """The name of the target: its number will do where the columns have no names of their own, and a blank for any
    white space.
    """
    if target is None or target in names:
        return target
    if (numbered := f"column{target}") in names:
        return numbered
    same = [name for name in names if one_blank(str(name)) == one_blank(target)]
    return same[0] if len(same) == 1 else target


def column(values: list[Any], is_target: bool = False) -> "pd.Series[Any]":
    """Values of any kind as a column: of numbers, booleans, times or else of text, which is how a text file has them.

    Empty text is missing; in other columns than the target, so are the usual words for it.
    """
    import pandas as pd

    marks = {"", "\\N"} if is_target else set(MISSING)
    if any(isinstance(value, str) for value in values):
        values = [value.strip() if isinstance(value, str) else value for value in values]
        values = [None if isinstance(value, str) and value in marks else value for value in values]
    kinds = {type(value) for value in values} - {type(None)}
    gaps = None in values
    if kinds <= {int}:
        if gaps and any(abs(value) >= 2**53 for value in values if value is not None):
            for dtype in ("Int64", "UInt64"):
                with suppress(OverflowError, TypeError, ValueError):
                    return pd.Series(values, dtype=dtype)
        return pd.Series(values, dtype=float if gaps else None)
    if kinds <= {int, float}:
        return pd.Series(values, dtype=float)
    if kinds == {bool}:
        return pd.Series(values, dtype=object if gaps else bool)
    if kinds <= {dt.date, dt.datetime}:
        return pd.Series(np.array(values, "datetime64[us]"))
    if kinds == {dt.timedelta}:
        return pd.Series(np.array(values, "timedelta64[us]"))
    return pd.Series([None if value is None else as_text(value) for value in values], dtype=str if kinds else object)


def as_text(value: object) -> str:
    """A value as a text file would have it: 2024-01-31, 7, 7.5."""
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        value = value.date()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def stripped(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with its texts without blanks around them; empty ones are missing."""
    for i, dtype in frame.dtypes.items():
        if dtype.name == "object":
            frame[i] = frame[i].map(lambda value: (value.strip() or None) if isinstance(value, str) else value)
        elif dtype.name in ("str", "string"):
            texts = frame[i].str.strip()
            frame[i] = texts.mask(texts == "")
    return frame


def finished(frame: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """The columns with their names, but those that have no name and no value: the rows ended in a delimiter."""
    frame = stripped(frame)
    frame.columns = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    empty = [f"Unnamed: {i}" for i, name in enumerate(names) if not name and frame.iloc[:, i].isna().all()]
    return frame.drop(columns=empty)


def are_totals(frame: "pd.DataFrame", cells: Sequence[str]) -> bool:
    """Whether the cells below the rows are sums or means of the rows above, as far as they can be compared."""
    import pandas as pd

    compared = False
    for i, cell in enumerate(cells):
        with suppress(ValueError):
            total = float(cell.replace(",", ""))
            values = pd.to_numeric(frame[i], errors="coerce")  # they may be text
            if frame[i].dtype.kind in "if" or (values.notna() == frame[i].notna()).all():
                compared = True
                if np.isclose(total, [values.sum(), values.mean()], rtol=1e-3).any():
                    return True
    return not compared


def check_names(where: object, names: Iterable[str]) -> None:
    """Refuse columns of the same name (but none at all), and more columns than a frame is made for."""
    counts = Counter(names)
    if twice := [name for name, n in counts.items() if name and n > 1]:
        raise ReaderError(f"{where}: several columns are called {first_few(twice, quoted=True)}; rename all but one")
    if counts.total() > MOST_COLUMNS:
        raise ReaderError(
            f"{where}: {counts.total():,} columns, wanted at most {MOST_COLUMNS:,}; save arrays X and y (.npz)"
        )
