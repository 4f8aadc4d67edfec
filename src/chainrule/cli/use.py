"""chainrule predict, evaluate and inspect: what a saved model is good for."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from chainrule.cli import screen
from chainrule.cli.common import CommandError, Data, Json, Model, console, metric, print_json, writable
from chainrule.cli.model import Trained, read_header, scores
from chainrule.text import first_few

# For the end of a name, the method of a DataFrame that writes such a file, and its options.
_WRITERS: dict[str, tuple[str, dict[str, Any]]] = {
    ".csv": ("to_csv", {"index": False}),
    ".parquet": ("to_parquet", {"index": False}),
    ".json": ("to_json", {"orient": "records"}),
}


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
        if out.suffix.lower() not in _WRITERS:
            raise CommandError(f"{out}: predictions go to a .csv, .parquet or .json file")
        writable(out, "--out")
        if any(path.exists() and out.exists() and out.samefile(path) for path in (Path(data), model)):
            raise CommandError(f"{out}: would be overwritten, and is needed; choose another name with --out")
    import pandas as pd

    trained = Trained.load(model)
    table = trained.read(data)
    X = trained.rows(table.X, data)
    frame = pd.DataFrame({"prediction": trained.pipeline.predict(X)})
    if table.files is not None:
        frame.insert(0, "file", table.files)
    if trained.classes is not None:
        for label, column in zip(trained.classes, trained.pipeline.predict_proba(X).T, strict=True):
            frame[f"probability {label}"] = column
    if out is not None:
        method, options = _WRITERS[out.suffix.lower()]
        getattr(frame, method)(out, **options)
    if as_json:
        result = {"model": str(model), "data": table.name, "target": trained.target, "rows": len(frame)}
        print_json(result | ({"out": str(out)} if out else {"predictions": frame.to_dict("records")}))
    elif out is not None:
        console().print(f"Wrote {len(frame):,} predictions of {trained.target} to {out}")
    else:
        print(frame.to_csv(index=False), end="")


def evaluate(model: Model, data: Data, as_json: Json = False) -> None:
    """Compare the predictions for DATA with its target."""
    from sklearn.metrics import confusion_matrix

    trained = Trained.load(model)
    pipeline, about, target, classes = trained.pipeline, trained.about, trained.target, trained.classes
    table = trained.read(data, target)
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
        return
    try:
        _show(console(), str(model), header)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise CommandError(f"{model}: what it says about itself cannot be shown: {type(error).__name__}") from None


def _show(say: Console, model: str, header: dict[str, Any]) -> None:
    about = header["about"]
    if header["kind"] == "checkpoint":
        say.print(f"A training as it was after epoch {header['epoch']} of {header['epochs']}")
    versions = ", ".join(f"{name} {header[name]}" for name in ("chainrule", "numpy", "scikit-learn"))
    say.print(f"{model}: {header['kind']}, written with {versions}")
    if about.get("target"):
        rows = about["rows"]
        say.print(
            f"Trained on {screen.counted(rows['train'])} of {about['data']}, tested on {rows['test']:,}; "
            f"seed {about['seed']}"
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
    if header.get("preprocessing"):
        screen.preprocessing(say, header["preprocessing"])
    if "layers" in header:
        screen.layers(say, header)
        inputs = header["normalize"] or "as they are"
        say.print(f"Loss {header['loss']}, inputs {inputs}, {header['dtype']}")
    compared_by = metric(header.get("classes") or about.get("classes"))
    if about.get("test"):
        screen.history(say, about["history"], compared_by, about["epochs"])
        screen.scores(say, about["test"], "Test on rows the network had not seen")
    elif (training := header.get("training", {})).get("epochs"):
        seed = "" if training["seed"] is None else f", seed {training['seed']}"
        say.print(f"Trained {screen.counted(training['epochs'], 'epoch')}{seed}")
        if training["history"].get("cost"):
            screen.history(say, training["history"], compared_by, training["epochs"])
