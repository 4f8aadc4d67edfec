"""From a whole frame to a Table."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.readers.common import ReaderError, Table
from chainrule.text import did_you_mean, first_few

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 250_000  # pandas takes some 30 µs for each


def split(where: str | Path, frame: "pd.DataFrame", target: str | None) -> Table:
    """A whole frame as a Table: the column `target` is y, the rest is X."""
    name = Path(where).name
    check_names(where, frame.columns)
    if not len(frame) or not len(frame.columns):
        raise ReaderError(f"{where}: no examples, got {len(frame)} rows of {len(frame.columns)} columns")
    if target is None:
        return Table(name, frame, None, None)
    if target not in frame.columns:
        hint, columns = did_you_mean(target, frame.columns, 3), first_few(frame.columns, quoted=True)
        raise ReaderError(f"{where}: no column {target!r}.{hint} Columns: {columns}")
    if len(frame.columns) == 1:
        raise ReaderError(f"{where}: {target!r} is the only column, nothing is left to predict it from")
    return Table(name, frame.drop(columns=target), frame[target], target)


def check_names(where: object, names: Iterable[str]) -> None:
    """Refuse columns of the same name, and more columns than a frame is made for."""
    counts = Counter(names)
    if twice := [name for name, n in counts.items() if n > 1]:
        raise ReaderError(f"{where}: several columns are called {first_few(twice, quoted=True)}; rename all but one")
    if len(counts) > MOST_COLUMNS:
        raise ReaderError(
            f"{where}: {len(counts):,} columns, wanted at most {MOST_COLUMNS:,}; save arrays X and y (.npz)"
        )
