"""Tables larger than the memory for `train`: when they are read in blocks, and what it works on then."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from chainrule import readers
from chainrule.blocks import memory
from chainrule.cli import places, rows
from chainrule.cli.asked import Run
from chainrule.cli.common import CommandError
from chainrule.readers import Table
from chainrule.readers.common import PACKINGS, ReaderError, shown_name
from chainrule.tabular.large.table import LargeTable, with_all_rows
from chainrule.tabular.recipe import BINS, FEWEST_BINS, WIDE, WIDEST
from chainrule.tabular.targets import FEWEST
from chainrule.text import first_few

TIMES = 4  # what a text that is packed opens to, about
HEAD = 2000  # rows by which it is told what a table takes
_TEXTS = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson")
_ARROW = (".arrow", ".feather")
# Bytes of a fit in memory: for each input of the network, which are float64 in two or three places at a time; and how
# often the table is there, as it was read, split and understood.
_INPUT, _COPIES = 24, 3
_MOST_INPUTS, _OF_DATE = 256, 64  # of a column
_ROOM = 500  # times its size a text, or a cell of Parquet, that surely fits: then nothing is read to tell


def wanted(run: Run) -> bool:
    """Whether the data are to be read in blocks: as was asked, or because they take more than half of the memory."""
    if run.stream or places.in_blocks(run.data):
        return True
    free = memory.available()
    if (size := _taken(run, free)) <= (free if _whole(run) else free // 2):
        return False
    run.progress.print(
        f"{run.data} takes about {size / 1e9:,.1f} GB in memory with its preparation, more than half of the "
        f"{free / 1e9:,.1f} free: it is read in blocks, as by --stream"
    )
    return True


@contextmanager
def advised(run: Run, streamed: bool) -> Iterator[None]:
    """Around the work: where the memory does not suffice, the error says what to do."""
    advice = "give it more memory, or train on a part of its rows"
    if streamed:
        advice = _of_blocks(run)
    elif _kind(Path(run.data)):
        advice = "try --stream, which holds some of its rows at a time"
    try:
        yield
    except MemoryError as error:
        raise CommandError(
            f"{run.data}: the memory does not suffice ({str(error) or 'MemoryError'}); {advice}"
        ) from None
    except (CommandError, ReaderError) as error:
        if isinstance(error, memory.TooLargeError) or not isinstance(error.__context__, MemoryError):
            raise
        raise CommandError(f"{error}; {advice}") from None


def _of_blocks(run: Run) -> str:
    """What to do where a table in blocks does not fit: smaller ones help only where they are large."""
    with suppress(Exception):
        if max(places.blocks(run.data).sizes) > memory.SMALL:
            return f"write it in smaller row groups (row_group_size={memory.SMALL}), or give it more memory"
    return "give it more memory, or leave columns out (--drop)"


def _kind(path: Path) -> str:
    """The ending of a file that can be read in blocks, without that of its packing; or nothing."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if suffixes and suffixes[-1] in PACKINGS:
        suffixes.pop()
        return suffixes[-1] if suffixes and suffixes[-1] in _TEXTS else ""
    return suffixes[-1] if suffixes and suffixes[-1] in (".parquet", *_ARROW, *_TEXTS) else ""


def _taken(run: Run, free: int) -> int:
    """Bytes that a fit to a file takes in memory, about, if there may be too many; 0 for what blocks are not for."""
    path = Path(run.data)
    if not (kind := _kind(path)) or not path.is_file():
        return 0
    size = path.stat().st_size * (TIMES if path.suffix.lower() in PACKINGS else 1)
    rows = 0
    try:
        if kind == ".parquet":
            from pyarrow import parquet

            about = parquet.read_metadata(path)
            rows, size = about.num_rows, about.num_rows * about.num_columns
        if _ROOM * size < free:
            return 0
        header = {name: value for name, value in run.reading.options.items() if name == "header"}
        head: Any = next(iter(readers.batches(path, rows=HEAD, **header))).X
        each = int(head.memory_usage(deep=True).sum()) / len(head)
        rows = rows or round(size / (each if kind in _ARROW else _written(head, kind)))
    except (ImportError, OSError, ValueError, ArithmeticError, StopIteration, AttributeError, MemoryError):
        return 0  # the reader says what is wrong
    return round(rows * (_COPIES * each + _INPUT * _inputs(head)))


def _written(head: pd.DataFrame, kind: str) -> float:
    """Bytes of a row as text."""
    lines = kind in (".jsonl", ".ndjson")
    text = head.to_json(orient="records", lines=True) if lines else head.to_csv(index=False, header=False)
    return len(str(text).encode(errors="replace")) / len(head)


def _inputs(head: pd.DataFrame) -> int:
    """The inputs that the preparation makes of a table, about: see `tabular.recipe`."""
    numbers = len(head.select_dtypes("number").columns)
    bins = min(BINS, max(FEWEST_BINS, WIDE // max(1, numbers)))
    found = numbers * (1 + (bins if bins * numbers <= WIDEST else 0))
    dates = len(head.select_dtypes(["datetime", "datetimetz"]).columns)
    words = head.select_dtypes(exclude=["number", "datetime", "datetimetz"])
    return found + _OF_DATE * dates + sum(min(_MOST_INPUTS, 2 + int(count)) for count in words.nunique())


def _whole(run: Run) -> bool:
    """Whether something was asked for that only a fit in memory gives."""
    return any(value is not None for value in _refused(run).values())


def read(run: Run) -> "rows.Material":
    """Pass over the blocks, understand a sample, and keep the rows to test on."""
    _check(run)
    testing, target = run.testing, run.reading.target
    blocks = places.blocks(run.data, target)
    if target is None:
        raise CommandError(
            f"{run.data}: which column is to be predicted? Say --target COLUMN, one of: {first_few(blocks.columns, 30)}"
        )
    run.progress.print(
        f"{run.data}: {blocks.rows:,} rows in {len(blocks.sizes):,} blocks, which are passed over twice before the "
        "networks learn from them"
    )
    share = 0.0 if testing.file is not None else rows.SHARE if testing.share is None else testing.share
    seed = run.estimator["random_state"]
    table = LargeTable(blocks, seed=seed, weight=testing.weight, share=share)
    if len(table.tested):
        run.progress.print(f"{len(table.tested):,} rows are kept apart to test on; what follows is of the others")
    plan = with_all_rows(rows.planned(run, table.sample), table, FEWEST)
    sample = rows.of_table(testing, plan, table.sample)
    notes: list[str] = []
    if testing.file is not None:
        tested, unseen = rows.of_test_file(run, plan)
        notes, how = rows.unlike(plan, sample.X, tested.X), f"the rows of {testing.file}"
    else:
        kept = Table(
            table.sample.name, table.tested.drop(columns=table.target), table.tested[table.target], table.target
        )
        tested, unseen, how = rows.of_table(testing, plan, kept), 0, ""
        if not len(tested.y):
            raise CommandError(f"{run.data}: no row is left to test on; give a larger --test share")
    every = np.arange(len(sample.y))
    name = shown_name(Path(run.data))
    return rows.Material(
        name, plan, sample, [(every, every[:0])], tested, how, testing, None, seed, unseen, notes, large=table
    )


def _refused(run: Run) -> dict[str, Any]:
    """The options that want all rows at hand, each with what was given for it."""
    testing = run.testing
    return {
        "--folds": testing.folds,
        "--group": testing.group,
        "--time": testing.time,
        "--refit": run.refit or None,
        **{f"--{name.replace('_', '-')}": value for name, value in run.reading.options.items()},
    }


def _check(run: Run) -> None:
    """CommandError for what cannot be done with a table that is read in blocks."""
    for option, value in _refused(run).items():
        if value is not None:
            raise CommandError(
                f"{option}: not for a table that is read in blocks (--stream, or larger than half of the memory); "
                "train on a part of its rows, or leave it out"
            )
    if run.data == "-":
        raise CommandError("--stream: standard input can be read once only; save it as a file")
    if not os.path.exists(run.data) and not places.in_blocks(run.data):
        raise CommandError(f"--stream: {run.data}: no such file or folder")
