"""chainrule predict, evaluate and inspect: what a saved model is good for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.cli import screen
from chainrule.cli.common import CommandError, Data, Json, Model, console, print_json, scores

if TYPE_CHECKING:
    import pandas as pd

    from chainrule.readers import Table


def predict(
    model: Model,
    data: Data,
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .parquet or .json file to write; else CSV is printed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Predict every row of DATA: the answer, and for classes how likely each is."""
    if out is not None and out.suffix.lower() not in (".csv", ".parquet", ".json"):
        raise CommandError(f"{out}: predictions go to a .csv, .parquet or .json file")
    if out is not None and any(path.exists() and out.exists() and out.samefile(path) for path in (Path(data), model)):
        raise CommandError(f"{out}: would be overwritten, and is needed; choose another name with --out")
    if out is not None and not out.parent.is_dir():
        raise CommandError(f"{out.parent}: no such folder")
    import pandas as pd

    pipeline, about = _load(model)
    table = _read(data, about, target=None)
    X = _inputs(table.X, about, data)
    frame = pd.DataFrame({"prediction": pipeline.predict(X)})
    if table.files is not None:
        frame.insert(0, "file", table.files)
    if about["classes"] is not None:
        for label, column in zip(pipeline.classes_, pipeline.predict_proba(X).T, strict=True):
            frame[f"probability {label}"] = column
    if out is not None:
        _write(frame, out)
    if as_json:
        result = {"model": str(model), "data": table.name, "target": about["target"], "rows": len(frame)}
        print_json(result | ({"out": str(out)} if out else {"predictions": frame.to_dict("records")}))
    elif out is not None:
        console().print(f"Wrote {len(frame):,} predictions of {about['target']} to {out}")
    else:
        print(frame.to_csv(index=False), end="")


def evaluate(model: Model, data: Data, as_json: Json = False) -> None:
    """Compare the predictions for DATA with its target."""
    import numpy as np
    import pandas as pd
    from sklearn.metrics import confusion_matrix

    from chainrule import tabular

    pipeline, about = _load(model)
    target, classes = about["target"], about["classes"] and pipeline.classes_
    table = _read(data, about, target)
    if table.y is None:
        raise CommandError(f"{data}: there is no {target!r} to compare the predictions with")
    rows = np.asarray(pd.notna(table.y))
    if not rows.any():
        raise CommandError(f"{data}: {target!r} is missing in every row")
    untargeted, strange, right = int((~rows).sum()), [], 1.0
    if classes is None:
        y = tabular.numbers(table.y, target)
    else:
        # A label is the same whatever type its column has here; one that the model cannot know is predicted wrong.
        labels = [str(label) for label in tabular.labels(table.y)]
        same = {str(label): i for i, label in enumerate(classes)}
        strange = sorted({label for label, there in zip(labels, rows, strict=True) if there} - set(same))
        seen = rows & np.isin(labels, list(same))
        if not seen.any():
            raise CommandError(f"{data}: {target!r} has no value that is a class of the model ({', '.join(same)})")
        y, right, rows = classes[[same.get(label, 0) for label in labels]], seen.sum() / rows.sum(), seen
    X, y = _inputs(table.X, about, data), y[rows]
    X = X.loc[rows] if hasattr(X, "loc") else X[rows]
    predicted = pipeline.predict(X)
    result = scores(pipeline, X, y, predicted)
    if "accuracy" in result:
        result["accuracy"] *= right
    if as_json:
        counts = None if classes is None else confusion_matrix(y, predicted, labels=classes).tolist()
        names = None if classes is None else classes.tolist()
        stated = {"model": str(model), "data": table.name, "target": target, "rows": len(y), "scores": result}
        print_json(stated | {"without_target": untargeted, "unknown": strange, "classes": names, "confusion": counts})
        return
    say = console()
    screen.scores(say, {target: result}, f"{model} on {screen.counted(len(y))} of {table.name}")
    if untargeted:
        say.print(f"Left out: {screen.counted(untargeted)} without {target}")
    if strange:
        say.print(f"Classes the model has never seen, counted as wrong: {', '.join(strange[:10])}")
    if classes is not None:
        screen.confusion(say, classes, y, predicted)
    if table.name == about["data"]:
        say.print(
            f"The model has learned from {about['rows']['train']:,} rows of {table.name}; if these are among them, "
            "the scores say little. How it does on rows it has not seen: chainrule inspect"
        )


def inspect(model: Model, as_json: Json = False) -> None:
    """Show what a model file holds, without building the model."""
    from chainrule import modelfile

    header = modelfile.read_about(model)
    if as_json:
        print_json({"model": str(model), **header})
        return
    say, about = console(), header["about"]
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
    if "layers" in header:
        screen.layers(say, header["inputs"], header["layers"])
        inputs = header["normalize"] or "as they are"
        say.print(f"Loss {header['loss']}, inputs {inputs}, {header['dtype']}")
    if about.get("test"):
        screen.history(say, about["history"], "R²" if about["classes"] is None else "accuracy")
        screen.scores(say, about["test"], "Test on rows the network had not seen")


def _load(path: Path) -> tuple[Any, dict[str, Any]]:
    from chainrule import modelfile

    about = modelfile.read_about(path)["about"]
    if not isinstance(about, dict) or not {"target", "classes", "columns", "features", "image_shape"} <= about.keys():
        raise CommandError(f"{path}: was not saved by chainrule train; load it in Python with chainrule.load")
    return modelfile.load(path), about


def _read(data: str, about: dict[str, Any], target: str | None) -> "Table":
    from chainrule import readers

    height, width, channels = about["image_shape"] or (64, 64, 3)
    return readers.read(data, target=target, image_size=(height, width), gray=channels == 1)


def _inputs(X: Any, about: dict[str, Any], data: str) -> Any:
    """The rows for a model: tables go to tables; a model of arrays takes a table of as many numbers."""
    if about["columns"] and hasattr(X, "columns"):
        return X
    wanted = about["features"]
    if hasattr(X, "columns"):
        import pandas as pd

        X = X.drop(columns=about["target"], errors="ignore")
        if X.shape[1] == wanted:
            X = X.apply(pd.to_numeric, errors="coerce").to_numpy("float32")
    if X.shape[1] != wanted:
        raise CommandError(f"{data}: {X.shape[1]} numbers in each row, the model was trained on {wanted}")
    return X


def _write(frame: "pd.DataFrame", out: Path) -> None:
    match out.suffix.lower():
        case ".csv":
            frame.to_csv(out, index=False)
        case ".parquet":
            frame.to_parquet(out, index=False)
        case _:
            frame.to_json(out, orient="records")
