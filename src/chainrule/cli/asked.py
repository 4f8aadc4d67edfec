"""What `train` is asked for: its options, checked as far as they can be before the data is read."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from rich.console import Console

from chainrule.cli.common import CommandError, apart, report_file, writable
from chainrule.cli.model import read_header
from chainrule.errors import ModelFileError

REPORT = "report.html"


@dataclass(frozen=True)
class Reading:
    """How the data is to be read: arguments of readers.read."""

    target: str | None
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Testing:
    """Which rows the model is tested on, and which count how much."""

    share: float | None
    file: str | None
    group: str | None
    time: str | None
    folds: int | None
    weight: str | None


@dataclass(frozen=True)
class Run:
    """All that was asked for."""

    data: str
    out: Path
    report: Path | None
    checkpoint: Path | None
    every: int | None
    resume: bool
    reading: Reading
    task: str | None
    words: Mapping[str, Sequence[str]]  # the person's word of the columns: arguments of make_plan
    day_first: bool | None
    testing: Testing
    estimator: Mapping[str, Any]  # parameters of TabularClassifier or TabularRegressor
    refit: bool
    compare: bool
    stream: bool  # whether the data are to be read in blocks, however large they are
    progress: Console  # for all but the result
    command: str  # that was given
    again: str  # the command that goes on from the checkpoint


def check(run: Run) -> None:
    """CommandError for options that do not go together, and where a file could not be written: now, not after hours."""
    _check_together(run)
    tested = run.testing.file
    others: dict[str, str | Path | None] = {"is the data": run.data if os.path.exists(run.data) else None}
    others |= {"is the data to test on": tested if tested is not None and os.path.exists(tested) else None}
    if run.report is not None:
        others |= {"the report goes there": run.report / REPORT}
        others |= {f"is in the way of the report, in {folder}": folder for folder in (run.report, *run.report.parents)}
    writable(run.out, "--out", "a chainrule model", is_model)
    apart(run.out, "--out", others)
    if run.checkpoint is None:
        if run.resume or run.every is not None:
            option = "--resume" if run.resume else "--checkpoint-every"
            raise CommandError(f"{option}: of which file? Say --checkpoint FILE")
        return
    apart(run.checkpoint, "--checkpoint", others | {"the model goes there": run.out})
    if run.checkpoint.exists() and not run.resume and "epoch" in (header := read_header(run.checkpoint)):
        done = f"of a training after epoch {header['epoch']} of {header['epochs']}"
        raise CommandError(
            f"checkpoint: {run.checkpoint} is there already, {done}; go on with --resume, or remove it to begin anew"
        )


def _check_together(run: Run) -> None:
    testing = run.testing
    one_of = {"--test-file": testing.file, "--group": testing.group, "--time": testing.time}
    given = [option for option, value in one_of.items() if value is not None]
    if len(given) > 1:
        raise CommandError(f"{' and '.join(given)}: each is a way to tell the test rows apart; wanted one of them")
    if testing.share is not None and (testing.folds is not None or testing.file is not None):
        other = "--folds" if testing.folds is not None else "--test-file"
        raise CommandError(f"--test and {other}: each says which rows to test on; wanted one of the two")
    if testing.folds is not None:
        if testing.file is not None:
            raise CommandError("--folds and --test-file: folds test on every row of DATA; wanted one of the two")
        if run.refit:
            raise CommandError("--refit: with --folds the model is trained on all rows anyway; leave it out")
    several = "--folds" if testing.folds is not None else "--refit" if run.refit else None
    if run.checkpoint is not None and several:
        raise CommandError(f"--checkpoint and {several}: a checkpoint is of one training, and {several} needs several")


def is_model(file: Path) -> bool:
    """Whether a file is a model, as far as its header tells."""
    try:
        read_header(file)
    except ModelFileError:
        return False
    return True


def page(run: Run) -> Path | None:
    """Where the report will be, in a folder that is there now."""
    return None if run.report is None else report_file(run.report, REPORT)


def estimator(hidden: str | None, activation: str | None, rate: float | None, **others: Any) -> dict[str, Any]:
    """The parameters of the estimator that were given as options; others: those that need no check."""
    if rate is not None and not 0 < rate < inf:
        raise CommandError(f"--learning-rate {rate:g}: wanted a number above 0")
    layers = None
    if hidden is not None:
        words = [] if hidden.strip().lower() in ("none", "0") else hidden.split(",")
        if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
            raise CommandError(f"--hidden {hidden}: wanted the units of each layer, as in 64,32, or none")
        layers = tuple(int(word) for word in words)
    if activation is not None:
        from chainrule import activations

        if activations.get(activation).name in activations.OUTPUT_ONLY:
            raise CommandError(f"--activation {activation}: it can only be the output's")
    given = {"learning_rate_init": rate, "hidden_layer_sizes": layers, "activation": activation, **others}
    return {name: value for name, value in given.items() if value is not None}


def share(value: float | None) -> float | None:
    """The value of --test: a share of the rows."""
    if value is not None and not 0.01 <= value <= 0.9:
        percent = f"; {value:g} % are {value / 100:g}" if 1 <= value <= 90 else ""
        raise CommandError(f"--test {value:g}: wanted a share of the rows from 0.01 to 0.9, as 0.2{percent}")
    return value


def threshold(text: str | None) -> float | str | None:
    """The value of --threshold: a number between 0 and 1, or auto."""
    if text is None or text == "auto":
        return text
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 < value < 1:
        raise CommandError(f"--threshold {text}: wanted a probability between 0 and 1, or auto")
    return value


def engine(name: str | None) -> str | None:
    """The value of --engine. CommandError where JAX is wanted and cannot: before the data are read."""
    if name == "jax":
        from chainrule import engines

        try:
            engines.of_jax()
        except (ImportError, RuntimeError) as error:
            raise CommandError(f"--engine: {error}") from None
    return name


def size(text: str) -> tuple[int, int]:
    """The value of --image-size: height and width."""
    height, _, width = text.lower().partition("x")
    width = width or height
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise CommandError(f"--image-size {text}: wanted pixels, as in 64 or 48x64 (height x width)")
    return int(height), int(width)


def names(given: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The columns that are meant, where several may come in one word, with commas between, unless one is called so."""
    found: list[str] = []
    for word in given:
        parts = [word] if word in columns else [part.strip() for part in word.split(",")]
        found += parts if all(part in columns for part in parts) else [word]
    return list(dict.fromkeys(found))


def program() -> str:
    """How to start the command line from this shell, which may not have the virtual environment on its path."""
    if shutil.which("chainrule"):
        return "chainrule"
    return f"{shlex.quote(min(os.path.relpath(sys.executable), sys.executable, key=len))} -m chainrule"
