"""chainrule predict, evaluate and inspect: what a saved model is good for."""

import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from chainrule.cli import screen
from chainrule.cli.common import CommandError, Data, Json, Model, apart, metric, writable
from chainrule.cli.model import Trained, are_curves, at_work, is_about, read_header, scores
from chainrule.cli.output import after, complain, console, encodable, print_json, show
from chainrule.errors import ChainruleError
from chainrule.text import first_few, without_controls

if TYPE_CHECKING:
    from pandas import DataFrame

_ENDINGS = (".csv", ".parquet", ".json")
_ROWS = 10_000  # that are printed at once


def predict(
    model: Model,
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .parquet or .json file to write; else CSV is printed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict every row of DATA: the answer, and for classes how likely each is."""
    if out is not None:
        if out.suffix.lower() not in _ENDINGS:
            raise CommandError(f"{out}: predictions go to a .csv, .parquet or .json file")
        apart(out, "--out", {"is the model, and would be overwritten": model})
        apart(out, "--out", {"is the data, and would be overwritten": data if os.path.exists(data) else None})
        writable(out, "--out")
    else:
        sys.stdout.flush()  # where it is closed, this is known now
    import pandas as pd

    trained = Trained.load(model)
    table = trained.read(data)
    columns: dict[str, Any] = {} if table.files is None else {"file": table.files}
    with at_work(model):
        X = trained.rows(table.X, data)
        columns["prediction"] = trained.pipeline.predict(X)
        if trained.classes is not None:
            names = [f"probability {label}" for label in trained.classes]
            columns |= zip(names, trained.pipeline.predict_proba(X).T, strict=True)
        frame = pd.DataFrame(columns)
    if not as_json and (out is None or out.suffix.lower() == ".csv"):
        _note_formulas([*(table.files or ()), *(() if trained.classes is None else trained.classes)])
    if out is None:
        if as_json:
            print_json(_about(model, table.name, trained, frame) | {"predictions": frame.to_dict("records")})
        else:
            _print(frame)
        return
    _save(frame, out)
    with after(out):
        if as_json:
            print_json(_about(model, table.name, trained, frame) | {"out": str(out)})
        else:
            console().print(f"Wrote {len(frame):,} predictions of {trained.target} to {out}")


def _save(frame: "DataFrame", out: Path) -> None:
    """Write predictions to a file, which is there as a whole or not at all."""
    from chainrule.files.atomic import replacing

    try:
        with replacing(out) as file:
            if out.suffix.lower() == ".parquet":
                frame.to_parquet(file, index=False)
                return
            # Names of files that are no UTF-8 are written as they are.
            text = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="")
            if out.suffix.lower() == ".csv":
                frame.to_csv(text, index=False)
            else:
                frame.to_json(text, orient="records")
            text.detach()
    except ImportError:
        raise CommandError(f'{out}: writing Parquet needs an extra: pip install "chainrule[data]"') from None
    except UnicodeError:
        raise CommandError(f"{out}: a class or a file has a name that is no text; print the predictions") from None
    except OSError as error:
        raise CommandError(f"{out}: cannot be written: {error.strerror or error}") from None


def _print(frame: "DataFrame") -> None:
    """Predictions as CSV, for people to read: what a terminal would obey is replaced, with a note."""
    replaced = False
    for first in range(0, len(frame), _ROWS):
        text = frame[first : first + _ROWS].to_csv(index=False, header=first == 0, lineterminator="\n")
        replaced |= text != without_controls(text) or not encodable(text, sys.stdout.encoding)
        show(text, end="")
    if replaced:
        complain("note", "names have characters that cannot be printed and were replaced; --out FILE keeps them")


def _note_formulas(names: list[Any]) -> None:
    """A note on names that spreadsheet programs would compute. They are written as they are: they are the data."""
    for name in names:
        if isinstance(name, str) and len(name) > 1 and name[0] in "=+-@\t\r":
            with suppress(ValueError):
                float(name)
                continue
            complain("note", f"{str(name)!r:.80} is a formula to spreadsheet programs: import its column as text")
            return


def _about(model: Path, data: str, trained: Trained, frame: "DataFrame") -> dict[str, Any]:
    return {"model": str(model), "data": data, "target": trained.target, "rows": len(frame)}


def evaluate(model: Model, data: Data, as_json: Json = False) -> None:
    """Compare the predictions for DATA with its target."""
    from sklearn.metrics import confusion_matrix

    trained = Trained.load(model)
    pipeline, about, target, classes = trained.pipeline, trained.about, trained.target, trained.classes
    table = trained.read(data, target)
    with at_work(model):
        X, y, untargeted, unknown = trained.examples(table, data)
        predicted = pipeline.predict(X)
        result = scores(pipeline, X, y, predicted)
    if classes is not None:  # those that it has never seen are wrong
        result["accuracy"] *= len(y) / (len(y) + sum(unknown.values()))
    if as_json:
        counts = None if classes is None else confusion_matrix(y, predicted, labels=classes)
        stated = {"model": str(model), "data": table.name, "target": target, "rows": len(y), "scores": result}
        more = {"without_target": untargeted, "unknown": list(unknown), "classes": classes, "confusion": counts}
        print_json(stated | more)
        return
    say = console()
    screen.scores(say, {target: result}, f"{model} on {screen.counted(len(y))} of {table.name}")
    if untargeted:
        say.print(f"Left out: {screen.counted(untargeted)} without {target}")
    if unknown:
        say.print(f"Classes the model has never seen, counted as wrong: {first_few(unknown, 10)}")
    if classes is not None:
        screen.confusion(say, classes, y, predicted)
    if table.name == about["data"]:
        say.print(
            f"The model has learned from {about['rows']['train']:,} rows of {table.name}; if these are among them, "
            "the scores say little. How it does on rows it has not seen: chainrule inspect"
        )


def inspect(model: Model, as_json: Json = False) -> None:
    """Show what a model file holds, without building the model."""
    header = read_header(model)
    if as_json:
        print_json({"model": str(model), **header})
    else:
        try:
            _show(console(), str(model), header)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            if isinstance(error, ChainruleError):
                raise
            raise CommandError(f"{model}: what it says about itself cannot be shown: {type(error).__name__}") from None


def _show(say: Console, model: str, header: dict[str, Any]) -> None:
    about = header["about"]
    ours = is_about(about)
    if header["kind"] == "checkpoint":
        say.print(f"A training as it was after epoch {header['epoch']} of {header['epochs']}")
    versions = ", ".join(f"{name} {header[name]}" for name in ("chainrule", "numpy", "scikit-learn"))
    say.print(f"{model}: {header['kind']}, written with {versions}")
    if ours:
        rows = about["rows"]
        say.print(
            f"Trained on {screen.counted(rows['train'])} of {about['data']}, tested on {rows['test']:,}; "
            f"seed {about.get('seed')}"
        )
        say.print(f"Predicts {about['target']} ({about['task']})")
        if about["classes"]:
            screen.classes(say, about["classes"])
        if about["image_shape"]:
            say.print("From images of {} × {} pixels, channels: {}".format(*about["image_shape"]))
        if about["columns"]:
            screen.columns(say, about["columns"])
    else:
        for what in ("columns", "classes"):
            if header.get(what):
                say.print(f"{what.capitalize()}: {first_few(header[what])}")
        if about:
            say.print(f"About: {json.dumps(about, ensure_ascii=False)}")
    if header.get("preprocessing"):
        screen.preprocessing(say, header["preprocessing"])
    if "layers" in header:
        screen.layers(say, header)
        inputs = header["normalize"] or "as they are"
        say.print(f"Loss {header['loss']}, inputs {inputs}, {header['dtype']}")
    compared_by = metric(header.get("classes") or (ours and about["classes"]))
    training = about if ours else header.get("training", {})
    if training.get("epochs") and not ours:
        seed = "" if training["seed"] is None else f", seed {training['seed']}"
        say.print(f"Trained {screen.counted(training['epochs'], 'epoch')}{seed}")
    if are_curves(training.get("history")):
        screen.history(say, training["history"], compared_by, training["epochs"])
    if ours and about["test"]:
        screen.scores(say, about["test"], "Test on rows the network had not seen")
