"""chainrule predict: what a saved model says of new rows, some of them at a time."""

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from chainrule.cli.asked import names
from chainrule.cli.common import (
    AllowMissing,
    CommandError,
    Header,
    Json,
    Model,
    Sheet,
    Tables,
    Threshold,
    apart,
    existing,
    writable,
)
from chainrule.cli.model import at_work
from chainrule.cli.output import after, complain, console, encodable, json_text, print_json, show
from chainrule.cli.reading import AsTrained, load
from chainrule.text import did_you_mean, first_few, one_line, without_controls

if TYPE_CHECKING:
    from pandas import DataFrame

    from chainrule.readers import Table

PIECE = 10_000  # rows that are written at a time
_ENDINGS = (".csv", ".parquet", ".json")
Frames = Iterator["DataFrame"]


def predict(
    model: Model,
    data: Tables,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A .csv, .parquet or .json file to write; else CSV is printed.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="A column of DATA to put beside the answers (may be repeated)."),
    ] = None,
    keep_all: Annotated[bool, typer.Option("--keep-all", help="All columns of DATA beside the answers.")] = False,
    threshold: Threshold = None,
    intervals: Annotated[
        float | None,
        typer.Option(
            metavar="LEVEL", help="Beside each number lower and upper, which hold the true one so often, as 0.9."
        ),
    ] = None,
    allow_missing: AllowMissing = False,
    header: Header = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Predict every row of DATA: the answer, and for classes how likely each is."""
    if out == Path("-"):
        out = None
    if out is not None:
        if out.suffix.lower() not in _ENDINGS:
            raise CommandError(f"{out}: predictions go to a .csv, .parquet or .json file")
        apart(out, "--out", {"is the model, and would be overwritten": model})
        apart(out, "--out", {"is the data, and would be overwritten": existing(data)})
        writable(out, "--out")
    else:
        sys.stdout.flush()  # where it is closed, this is known now
    trained = load(model, data, header=header, sheet=sheet)
    trained.check_intervals(intervals)
    beside = Beside(keep or (), keep_all, trained.threshold(threshold), intervals)
    answers = Answers(model, AsTrained(trained, data, allow_missing), beside)
    if as_json and out is None:
        _print_json(answers)
        return
    if out is None or out.suffix.lower() == ".csv":
        _note_formulas(() if trained.classes is None else trained.classes)
    if out is None:
        _print(answers.frames())
        return
    _save(answers.frames(), out)
    with after(out):
        if as_json:
            print_json(answers.about() | answers.closing() | {"out": str(out)})
        else:
            console().print(f"Wrote {answers.rows:,} predictions of {trained.target} to {out}")


@dataclass(frozen=True)
class Beside:
    """What is wanted beside the likeliest answer: columns of DATA, another decision, intervals."""

    keep: Sequence[str]
    keep_all: bool
    threshold: float | None
    intervals: float | None


class Answers:
    """What a model says of the rows of DATA, with what is wanted beside it.

    rows: how many have been answered so far.
    """

    def __init__(self, model: Path, read: AsTrained, beside: Beside) -> None:
        self.model, self.read, self.beside = model, read, beside
        self.trained, self.data = read.trained, read.data
        self.rows, self.name = 0, read.data
        self._names = _names(self.trained.classes)

    def frames(self) -> Frames:
        """The answers, some rows at a time; at the end, notes on what could not be read."""
        self.read.foresee()
        for table in self.trained.tables(self.data, cells=bool(self.beside.keep or self.beside.keep_all)):
            self.name = table.name
            with at_work(self.model):
                answers = self._answers(table)
            self.rows += len(answers)
            for first in range(0, len(answers), PIECE):
                yield answers[first : first + PIECE]
        self.read.tell()

    def about(self) -> dict[str, Any]:
        """What is known before the first row."""
        trained = self.trained
        return {
            "model": str(self.model),
            "data": self.name,
            "target": trained.target,
            "classes": trained.classes,
        }

    def closing(self) -> dict[str, Any]:
        """What is known after the last row."""
        return {"rows": self.rows, "notes": self.read.notes}

    def _answers(self, table: "Table") -> "DataFrame":
        import pandas as pd

        X = self.read(table.X)
        kept, answers = self._kept(table), dict[str, Any]()
        outputs = self.trained.outputs(X)
        answers["prediction"] = self.trained.decided(outputs, self.beside.threshold)
        if self.beside.intervals is not None:
            answers["lower"], answers["upper"] = self.trained.intervals(outputs, self.beside.intervals).T
        if self.trained.classes is not None:
            answers |= zip(self._names, outputs.T, strict=True)
        free = _distinct([*kept, *answers])[len(kept) :]
        return pd.DataFrame(kept | dict(zip(free, answers.values(), strict=True)))

    def _kept(self, table: "Table") -> dict[str, Any]:
        """The columns of the table that are wanted beside the answers, as they are there."""
        kept: dict[str, Any] = {} if table.files is None else {"file": table.files}
        X: Any = table.X if table.cells is None else table.cells
        columns = list(getattr(X, "columns", ()))
        there = [*columns, *([table.target] if table.target else [])]
        wanted = columns if self.beside.keep_all else names(self.beside.keep, there)
        for name in wanted:
            if name in columns:
                kept[name] = X[name].array
            elif name == table.target:
                kept[name] = table.y
            else:
                others = f" Columns: {first_few(columns, 30)}" if columns else " It has no columns with names."
                raise CommandError(
                    f"--keep {name}: no such column in {table.name}.{did_you_mean(name, columns)}{others}"
                )
        return kept


def _names(classes: Any) -> list[str]:
    """What to call the probabilities, without blanks."""
    labels = () if classes is None else classes
    return _distinct(["probability_" + "_".join(str(label).split()) for label in labels])


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, with _2, _3 … after those that were there before."""
    found: list[str] = []
    for name in names:
        free = (f"{name}_{k}" for k in count(2))
        found.append(name if name not in found else next(other for other in free if other not in [*found, *names]))
    return found


def _save(frames: Frames, out: Path) -> None:
    """Write predictions to a file, which is there as a whole or not at all."""
    from chainrule.files.atomic import replacing

    write = {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}[out.suffix.lower()]
    try:
        with replacing(out) as file:
            write(frames, file)
    except ImportError:
        raise CommandError(f'{out}: writing Parquet needs an extra: pip install "chainrule[data]"') from None
    except UnicodeError:
        raise CommandError(f"{out}: a class or a file has a name that is no text; print the predictions") from None
    except OSError as error:
        raise CommandError(f"{out}: cannot be written: {error.strerror or error}") from None


def _write_csv(frames: Frames, file: BinaryIO) -> None:
    # Names of files that are no UTF-8 are written as they are.
    text = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="")
    for i, frame in enumerate(frames):
        frame.to_csv(text, index=False, header=i == 0)
    text.detach()


def _write_json(frames: Frames, file: BinaryIO) -> None:
    for i, frame in enumerate(frames):
        records = frame.to_json(orient="records", double_precision=15)
        file.write((records[:-1] if i == 0 else f",{records[1:-1]}").encode("utf-8", "surrogateescape"))
    file.write(b"]")


def _write_parquet(frames: Frames, file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    try:
        for frame in frames:
            made = pa.Table.from_pandas(frame, preserve_index=False)
            if writer is None:  # a column that has no value so far may have words later
                fields = [
                    field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in made.schema
                ]
                writer = pq.ParquetWriter(file, pa.schema(fields, made.schema.metadata))
            writer.write_table(made.cast(writer.schema))
    except pa.ArrowException as error:
        raise CommandError(f"these columns do not fit in Parquet, --out a .csv file: {one_line(error)}") from None
    finally:
        if writer is not None:
            writer.close()


def _print(frames: Frames) -> None:
    """Predictions as CSV, for people to read: what a terminal would obey is replaced, with a note."""
    replaced = False
    for i, frame in enumerate(frames):
        text = frame.to_csv(index=False, header=i == 0, lineterminator="\n")
        replaced |= text != without_controls(text) or not encodable(text, sys.stdout.encoding)
        show(text, end="")
    if replaced:
        complain("note", "names have characters that cannot be printed and were replaced; --out FILE keeps them")


def _print_json(answers: Answers) -> None:
    """One JSON object, of which only some rows are in memory at a time."""
    separator = ""
    for frame in answers.frames():
        if not separator:
            print(json_text(answers.about())[:-1], end=', "predictions": [')
        for record in frame.to_dict("records"):
            print(separator, json_text(record), sep="", end="")
            separator = ", "
    print("], ", json_text(answers.closing())[1:], sep="")


def _note_formulas(names: Any) -> None:
    """A note on names that spreadsheet programs would compute. They are written as they are: they are the data."""
    for name in names:
        if isinstance(name, str) and len(name) > 1 and name[0] in "=+-@\t\r":
            with suppress(ValueError):
                float(name)
                continue
            complain("note", f"{str(name)!r:.80} is a formula to spreadsheet programs: import its column as text")
            return
