"""The checkpoints of a fit that is several trainings: a file for each."""

import os
import re
from dataclasses import replace
from pathlib import Path

from chainrule.errors import CheckpointError
from chainrule.files.checkpoint import Checkpoint


class Checkpoints:
    """FILE for the first training, FILE.2, FILE.3 … for the others, in the order in which they are made.

    first: that of the first training; None for none at all. Raises CheckpointError where files are there that this fit
    cannot have written: now, not when their turn comes.
    """

    def __init__(self, first: Checkpoint | None) -> None:
        self.first = first
        self.count = 0
        if first is None:
            return
        there = files(first.path)
        if there and not first.resume:
            raise CheckpointError(
                f"checkpoint: {there[0]} is there already; go on with resume=True, or remove it to begin anew"
            )
        if there and not Path(first.path).exists():
            raise CheckpointError(f"checkpoint: {there[0]} is of a fit of which {first.path} is gone; remove it")

    def next(self) -> Checkpoint | None:
        """The checkpoint of the next training."""
        if self.first is None:
            return None
        self.count += 1
        path = os.fspath(self.first.path)
        return self.first if self.count == 1 else replace(self.first, path=f"{path}.{self.count}")


def files(first: str | os.PathLike[str]) -> list[Path]:
    """The checkpoints that are there of a fit whose first one has this name."""
    path = Path(first)
    others = re.compile(re.escape(path.name) + r"\.\d+")
    beside = sorted(path.parent.glob(f"{_literal(path.name)}.*")) if path.parent.is_dir() else []
    return [path] * path.exists() + [other for other in beside if others.fullmatch(other.name)]


def _literal(name: str) -> str:
    """A name for glob, without its signs."""
    return re.sub(r"([*?[])", r"[\1]", name)
