"""From a whole frame to a Table."""

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.readers.common import ReaderError, Table, shown_name
from chainrule.text import did_you_mean, first_few

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 250_000  # pandas takes some 30 µs for each


def split(where: str | Path, frame: "pd.DataFrame", target: str | None) -> Table:
    """A whole frame as a Table: the column `target` is y, the rest is X."""
    name = shown_name(Path(where))
    check_names(where, frame.columns)
    if not len(frame) or not len(frame.columns):
        raise ReaderError(f"{where}: no examples, got {len(frame)} rows of {len(frame.columns)} columns")
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
    """The name of the target: its number will do where the columns have no names of their own."""
    numbered = f"column{target}"
    return numbered if target not in names and numbered in names else target


def stripped(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with its texts without blanks around them; empty ones are missing."""
    for i, dtype in frame.dtypes.items():
        if dtype.name == "object":
            frame[i] = frame[i].map(lambda value: (value.strip() or None) if isinstance(value, str) else value)
        elif dtype.name in ("str", "string"):
            texts = frame[i].str.strip()
            frame[i] = texts.mask(texts == "")
    return frame


def check_names(where: object, names: Iterable[str]) -> None:
    """Refuse columns of the same name (but none at all), and more columns than a frame is made for."""
    counts = Counter(names)
    if twice := [name for name, n in counts.items() if name and n > 1]:
        raise ReaderError(f"{where}: several columns are called {first_few(twice, quoted=True)}; rename all but one")
    if counts.total() > MOST_COLUMNS:
        raise ReaderError(
            f"{where}: {counts.total():,} columns, wanted at most {MOST_COLUMNS:,}; save arrays X and y (.npz)"
        )
