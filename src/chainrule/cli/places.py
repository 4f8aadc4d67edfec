"""Tables of several files, and on other machines, which are read in blocks by all commands."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.cli.common import CommandError

if TYPE_CHECKING:
    from pandas import DataFrame

    from chainrule.blocks import Blocks
    from chainrule.cli.model import Trained
    from chainrule.readers import Table

LARGE = 4  # times the size of a file, which it takes in memory if it is not packed much
_TARGET = "\0target"  # what the target is called in a frame, where no column has that name


def in_blocks(data: str) -> bool:
    """Whether DATA can only be read in blocks: a folder with a table in several files, a glob of files, a URL."""
    path = Path(data)
    if "://" in data or (any(sign in data for sign in "*?[") and not path.exists()):
        return True
    if not path.is_dir():
        return False
    from chainrule.blocks.places import holds_table

    return holds_table(path)


def in_pieces(data: str) -> bool:
    """Whether DATA is not to be held in memory as a whole."""
    from chainrule.blocks import memory

    path = Path(data)
    return in_blocks(data) or (path.is_file() and LARGE * path.stat().st_size > memory.available())


def blocks(data: str, target: str | None = None) -> "Blocks":
    """The blocks of DATA. Text is converted beside it; where that cannot be written, in the user's cache folder."""
    from chainrule.blocks import Blocks
    from chainrule.blocks.text import NotConvertedError

    try:
        return Blocks(data, target=target)
    except NotConvertedError as error:
        folder = cache_folder()
        try:
            return Blocks(data, target=target, cache=folder)
        except (NotConvertedError, OSError) as other:
            reason = other.reason if isinstance(other, NotConvertedError) else other.strerror
            raise CommandError(
                f"{data}: text is converted once before it is read in blocks, and that can be written neither beside "
                f"it ({error.reason}) nor in {folder} ({reason}): make room, or say where in the environment, "
                "CHAINRULE_CACHE=FOLDER"
            ) from None


def cache_folder() -> Path:
    """Where a user's programs keep what they can make again."""
    if given := os.environ.get("CHAINRULE_CACHE"):
        return Path(given)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "chainrule"


def tables(data: str, target: str | None, cells: bool = False) -> "Iterator[Table]":
    """Its blocks as tables. target: the column that is to be y. cells: with those of texts as they are written."""
    from chainrule.blocks.places import TEXTS, find
    from chainrule.readers.frames import split

    texts = [place.path for place in find(data) if place.ending in TEXTS] if cells else []
    written, held = _written(texts), list["DataFrame"]()
    for frame in blocks(data).tables():
        table = split(data, frame, target)
        if texts:
            table = replace(table, cells=_next(written, held, len(frame)).reindex(columns=list(frame.columns)))
        yield table


def _written(texts: "Sequence[str]") -> "Iterator[DataFrame]":
    """The cells of texts as they are written, some rows at a time; of JSON, where nothing is a text, the values."""
    from chainrule import readers
    from chainrule.readers.common import NoRowsError

    for path in texts:
        with suppress(NoRowsError):
            for table in readers.batches(path, cells=True):
                found: Any = table.X if table.cells is None else table.cells
                yield found


def _next(frames: "Iterator[DataFrame]", held: "list[DataFrame]", rows: int) -> "DataFrame":
    """The next rows, so many. held: what is left over of the frame before, and then of the last one."""
    import pandas as pd

    while sum(map(len, held)) < rows:
        held.append(next(frames))
    found = pd.concat(held) if len(held) > 1 else held[0]
    held[:] = [found[rows:]]
    return found[:rows]


def pieces(trained: "Trained", data: str) -> "Iterator[Table]":
    """DATA some rows at a time, with the target of the model where it is there."""
    from chainrule.readers.common import ReaderError

    found = trained.tables(data, target=trained.target)
    try:
        first = next(found)
    except ReaderError:
        yield from trained.tables(data)
        return
    yield first
    yield from found


def sampled(trained: "Trained", data: str) -> "Table":
    """The rows of DATA, or of many a uniform sample, with a note."""
    from chainrule.cli.output import complain

    table, rows = sample(pieces(trained, data))
    if len(table.X) < rows:
        complain("note", f"{data}: what is said is of a sample of {len(table.X):,} of its {rows:,} rows")
    return table


def near(trained: "Trained", data: str, number: int) -> "tuple[Table, int, int]":
    """The rows that are read with one, which of them it is, from 1, and how many rows DATA has. Raises CommandError."""
    if not in_pieces(data):
        table = trained.table(data)
        trained.row(table, number)
        return table, number, len(table.X)
    done, found, name = 0, None, data
    for table in pieces(trained, data):
        if found is None and number <= done + len(table.X):
            found = table, number - done
        done, name = done + len(table.X), table.name
    if found is None:
        raise CommandError(f"--row {number}: {name} has {done:,} rows")
    return *found, done


def sample(tables: "Iterator[Table]") -> "tuple[Table, int]":
    """The rows of tables that are read one after the other, or a uniform sample of them; and how many there are."""
    import pandas as pd

    from chainrule.tabular.large.rows import Sample

    found, last = Sample(0), None
    for table in tables:
        frame: Any = table.X
        if not hasattr(frame, "columns"):
            raise CommandError(f"{table.name}: wanted a table with columns")
        if table.y is not None:
            frame = frame.assign(**{_TARGET: pd.Series(table.y, frame.index)})
        frame.index = pd.RangeIndex(found.seen, found.seen + len(frame))
        found.update(frame)
        last = table
    assert last is not None
    frame = found.frame.reset_index(drop=True)
    y = None if last.y is None else frame.pop(_TARGET).rename(last.target)
    return replace(last, X=frame, y=y, cells=None), found.seen
