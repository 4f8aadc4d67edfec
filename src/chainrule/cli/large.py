"""Tables larger than the memory for `train`: when they are read in blocks, and what it works on then."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.blocks import Blocks, memory
from chainrule.cli import places, rows
from chainrule.cli.asked import Run
from chainrule.cli.common import CommandError
from chainrule.readers import Table
from chainrule.readers.common import PACKINGS, shown_name
from chainrule.tabular.large.table import LargeTable, with_all_rows
from chainrule.tabular.targets import FEWEST
from chainrule.text import first_few

TIMES = 4  # what a text that is packed opens to, about
_TEXTS = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson")


def wanted(run: Run) -> bool:
    """Whether the data are to be read in blocks: as was asked, or because they take more than half of the memory."""
    if run.stream or places.in_blocks(run.data):
        return True
    most = memory.available() // 2
    if (size := _opened(Path(run.data))) <= most:
        return False
    run.progress.print(
        f"{run.data} takes about {size / 1e9:,.1f} GB in memory, more than half of the {most / 5e8:,.1f} free: "
        "it is read in blocks, as by --stream"
    )
    return True


def _opened(path: Path) -> int:
    """Bytes that a file takes in memory, about; 0 for what cannot be read in blocks."""
    if not path.is_file():
        return 0
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    packed = bool(suffixes) and suffixes[-1] in PACKINGS
    size = path.stat().st_size
    if suffixes[-1:] == [".parquet"]:
        try:
            from pyarrow import parquet

            about = parquet.read_metadata(path)
        except (ImportError, OSError, ValueError):  # the reader says what is wrong
            return 0
        groups = [about.row_group(i).total_byte_size for i in range(about.num_row_groups)]
        return int(max(sum(groups), 8 * about.num_rows * about.num_columns))
    if suffixes[-1:] in ([".arrow"], [".feather"]):
        return size
    text = suffixes[: -1 if packed else None][-1:]
    return size * (TIMES if packed else 1) if text and text[0] in _TEXTS else 0


def read(run: Run) -> "rows.Material":
    """Pass over the blocks, understand a sample, and keep the rows to test on."""
    _check(run)
    testing, target = run.testing, run.reading.target
    blocks = Blocks(run.data, target=target)
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


def _check(run: Run) -> None:
    """CommandError for what cannot be done with a table that is read in blocks."""
    testing = run.testing
    options: dict[str, Any] = {
        "--folds": testing.folds,
        "--group": testing.group,
        "--time": testing.time,
        "--refit": run.refit or None,
        **{f"--{name.replace('_', '-')}": value for name, value in run.reading.options.items()},
    }
    for option, value in options.items():
        if value is not None:
            raise CommandError(
                f"{option}: not for a table that is read in blocks (--stream, or larger than half of the memory); "
                "train on a part of its rows, or leave it out"
            )
    if run.data == "-":
        raise CommandError("--stream: standard input can be read once only; save it as a file")
    if not os.path.exists(run.data) and not places.in_blocks(run.data):
        raise CommandError(f"--stream: {run.data}: no such file or folder")
