"""A model that `train` has saved: what it says about itself, and how it takes data."""

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from chainrule.cli import places
from chainrule.cli.common import CommandError
from chainrule.text import as_json, one_line

if TYPE_CHECKING:
    from chainrule._types import Array
    from chainrule.readers import Table
    from chainrule.tabular.estimators import TabularClassifier, TabularRegressor

ROWS = 10_000  # that are prepared and predicted at a time
MOST, FEW = 100_000, 1000  # rows that are read at a time, and those from which on others tell how they are written


def read_header(path: Path) -> dict[str, Any]:
    """What a model file says about itself. In "about", what `train` has written is joined by how the training went."""
    from chainrule.files import model as modelfile

    header = modelfile.read_about(path)
    if isinstance(header.get("training"), dict) and is_about(header["about"]):
        header["about"] |= header.pop("training")
    return header


# The form of what `train` writes about a model.
_ABOUT = {
    "data": str,
    "task": str,
    "target": str,
    "rows": {"train": int, "test": int},
    "columns": [{"name": str, "role": str, "note": str, "missing": int}],
    "classes": [(str | int | float, int)],
    "features": int,
    "image_shape": [int],
    "test": dict,
}


def is_about(about: Any) -> bool:
    """Whether this has the form of what `train` writes about a model."""
    scores: list[Any] = list(about["test"].values()) if _fits(about, _ABOUT) else [None]
    # Of each model the same scores.
    return all(isinstance(each, dict) and _fits(each, dict.fromkeys(scores[0], float)) for each in scores)


def are_curves(history: Any) -> bool:
    """Whether this has the form of a history: as many numbers under each name, the cost among them."""
    if not _fits(history, {"cost": list}) or not all(isinstance(curve, list) for curve in history.values()):
        return False
    return all(_fits(curve, [float]) and len(curve) == len(history["cost"]) > 0 for curve in history.values())


def _fits(value: Any, form: Any) -> bool:
    """Whether a value of JSON has a form: a type, the names of a dict, a list of one form, or a tuple of forms.

    int is a count; float, a number, and a list may also be None.
    """
    match form:
        case dict():
            return isinstance(value, dict) and all(name in value and _fits(value[name], form[name]) for name in form)
        case [part] if isinstance(form, list):
            return value is None or (isinstance(value, list) and all(_fits(each, part) for each in value))
        case tuple():
            return isinstance(value, list) and len(value) == len(form) and all(map(_fits, value, form))
    if form is float:
        return value is None or (isinstance(value, (int, float)) and abs(value) <= sys.float_info.max)
    return isinstance(value, form) and (form is not int or 0 <= value < 2**63)


class Examples(NamedTuple):
    """Rows whose target a model can know, and what was left out for this."""

    X: Any
    y: Any
    untargeted: int  # rows without a target
    unknown: dict[str, int]  # classes that the model has never seen, with their rows
    rows: Any  # (m,) which rows of the table these are: true or false
    known: int  # rows with a target that the model can know


@dataclass(frozen=True)
class Trained:
    """The model of a file, and what `train` has written about it."""

    model: "TabularClassifier | TabularRegressor"
    about: dict[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)  # of the readers

    @classmethod
    def load(cls, path: Path, **options: Any) -> Self:
        """options: of the readers, for DATA.

        Raises CommandError for the models that `train` has not saved, ModelFileError for files that are none.
        """
        from chainrule.files import model as modelfile
        from chainrule.tabular.estimators import from_pipeline

        header, model = modelfile.load_with_about(path)
        about = header["about"]
        if header["kind"] == modelfile.CHECKPOINT:
            raise CommandError(f"{path}: is the checkpoint of a training; end it with chainrule train … --resume")
        networks: list[Any] = [model[-1]] if header["kind"] == "Pipeline" else getattr(model, "networks_", [])
        fitted = bool(networks) and all(hasattr(each, "network_") for each in networks)
        if fitted and about == {} and header["kind"] in modelfile.TABULAR:
            about = _about(model)  # saved in Python
        if not (fitted and is_about(about)):
            raise CommandError(f"{path}: was not saved by chainrule train; load it in Python with chainrule.load")
        if header["kind"] == "Pipeline":  # of before there were estimators of tables
            model = from_pipeline(model, about)
        # What the file says about its model is believed from here on: pictures are brought to that size, say.
        shape, first = about["image_shape"], networks[0] if model.preparation_ is None else model.preparation_
        inputs, named = getattr(first, "n_features_in_", None), "columns" in getattr(first, "named_steps", ())
        if about["features"] != inputs:
            raise CommandError(f"{path}: says {about['features']!r:.100} inputs, and its model has {inputs}")
        if shape is not None and not (len(shape) == 3 and prod(shape) == inputs):
            raise CommandError(f"{path}: its images of {shape!r:.100} are not its {inputs} inputs")
        if (about["classes"] is not None) != hasattr(model, "classes_"):
            raise CommandError(f"{path}: says it has classes where its model has none, or none where it has")
        if bool(about["columns"]) != named:
            raise CommandError(f"{path}: says it has columns where its model has none, or none where it has")
        return cls(model, about, options)

    @property
    def target(self) -> str:
        """The name of what it predicts."""
        return str(self.about["target"])

    @property
    def columns(self) -> list[str]:
        """The names of the columns that it uses; empty for a model of arrays or images."""
        return [column["name"] for column in self.about["columns"] or () if column["role"] != "left out"]

    @property
    def classes(self) -> "Array | None":
        """The classes (K,), None for a regression."""
        return None if self.about["classes"] is None else self.model.classes_

    def read(self, data: str, target: str | None = None) -> "Table":
        """DATA as the model was trained to see it: images in its size."""
        from chainrule import readers

        height, width, channels = self.about["image_shape"] or (64, 64, 3)
        return readers.read(data, target=target, image_size=(height, width), gray=channels == 1, **self.options)

    def table(self, data: str) -> "Table":
        """DATA with its target, or without one if it has none; of a large table a sample."""
        from chainrule.readers import STANDARD_INPUT, ReaderError

        if self.columns and places.in_pieces(data):
            return places.sampled(self, data)
        if data == STANDARD_INPUT:  # which can be read once
            table = self.read(data)
            X: Any = table.X
            if self.target in X.columns:
                return replace(table, X=X.drop(columns=self.target), y=X[self.target], target=self.target)
            return table
        try:
            return self.read(data, self.target)
        except ReaderError:
            return self.read(data)

    def row(self, table: "Table", number: int) -> "Table":
        """One row of a table, counted from 1. Raises CommandError."""
        if number > (count := len(table.X)):
            raise CommandError(f"--row {number}: {table.name} has {count:,} row{'' if count == 1 else 's'}")
        return some_rows(table, slice(number - 1, number))

    def tables(self, data: str, cells: bool = False, target: str | None = None) -> "Iterator[Table]":
        """DATA some rows at a time, each enough to tell how dates and numbers are written.

        cells: with the cells of a text as they are written. target: the column that is to be y.
        """
        from chainrule import readers

        height, width, channels = self.about["image_shape"] or (64, 64, 3)
        options: dict[str, Any] = {**self.options, "image_size": (height, width), "gray": channels == 1, "cells": cells}
        options["target"] = target
        held = None
        found = readers.batches(data, rows=MOST, **options)
        for table in places.tables(data, target, cells) if places.in_blocks(data) else found:
            if held is None:
                held = table
            elif len(table.X) < FEW and len(held.X) < 2 * MOST:
                held = _joined(held, table)
            else:
                yield held
                held = table
        if held is not None:
            yield held

    def outputs(self, X: Any) -> "Array":
        """Probabilities (m, K) or predictions (m,), made of some rows at a time."""
        import numpy as np

        model = self.model
        answer = model.predict if self.classes is None else model.predict_proba
        pieces = range(0, len(X), ROWS)
        return np.concatenate([answer(_some(X, slice(first, first + ROWS))) for first in pieces])

    @property
    def positive(self) -> Any:
        """Of two classes the one that precision, recall and a threshold are of: the rarer one; None for others."""
        from chainrule.tabular.scores import rarer
        from chainrule.tabular.values import each_label

        if self.classes is None or len(self.classes) != 2:
            return None
        return rarer(dict(zip(each_label(self.classes), (rows for _, rows in self.about["classes"]), strict=True)))

    def threshold(self, given: float | None) -> float | None:
        """The threshold that was given as an option, or that the model has. CommandError where it has no meaning."""
        if given is not None and self.positive is None:
            what = "a number" if self.classes is None else f"one of {len(self.classes)} classes"
            raise CommandError(f"--threshold: is between two classes, and this model predicts {what}")
        return getattr(self.model, "threshold_", None) if given is None else given

    def check_intervals(self, level: float | None) -> None:
        """CommandError where the model knows no intervals that hold the true number so often."""
        if level is None:
            return
        if self.classes is not None:
            raise CommandError("--intervals: are of numbers; how sure a class is, its probabilities say")
        if getattr(self.model, "interval_", None) is None:
            raise CommandError("--intervals: this model knows none, as no rows were held out for them; train it again")
        import numpy as np

        try:
            self.intervals(np.zeros(1), level)
        except ValueError as error:
            raise CommandError(f"--intervals {level:g}: {error}") from None

    def intervals(self, predicted: "Array", level: float) -> "Array":
        """The lower and the upper end (m, 2) of an interval around each prediction."""
        ends: Array = self.model.interval_(predicted, level)  # type: ignore[misc]
        return ends

    def decided(self, outputs: "Array", threshold: float | None = None) -> "Array":
        """The answer for each row (m,): the number, the likeliest class, or what a threshold decides."""
        from chainrule.tabular.scores import decide

        if self.classes is None:
            return outputs
        if threshold is not None:
            return decide(self.classes, outputs, threshold, self.positive)
        answers: Array = self.classes[outputs.argmax(axis=1)]
        return answers

    def examples(self, table: "Table", read: "Callable[[Any], Any]") -> Examples:
        """The rows whose target the model can know; a label is the same whatever type its column has here.

        read: AsTrained. Raises CommandError where no row is left.
        """
        found = self.known_examples(table, read)
        self.check_known(table.name, found.known, found.unknown)
        return found

    def check_known(self, name: str, known: int, unknown: "Collection[str]") -> None:
        """CommandError where no row of DATA has a target that the model can know. unknown: classes."""
        if known:
            return
        if not unknown:
            raise CommandError(f"{name}: {self.target!r} is missing in every row")
        same = ", ".join(map(str, () if self.classes is None else self.classes))
        raise CommandError(f"{name}: {self.target!r} has no value that is a class of the model ({same})")

    def known_examples(
        self, table: "Table", read: "Callable[[Any], Any]", among: "Array | None" = None, named: bool = False
    ) -> Examples:
        """The same, perhaps no row. among: (m,) true for the rows that are wanted, unless all are.

        named: with the rows of classes that the model has never seen; y are then the names of all classes.
        """
        import numpy as np

        if table.y is None:
            raise CommandError(f"{table.name}: there is no {self.target!r} to compare the predictions with")
        y, rows = self.model.plan_.read(table.y)
        unknown, untargeted = dict[str, int](), int((~rows).sum())
        if self.classes is not None:
            labels = [str(label) for label in y.tolist()]
            same = {str(label): i for i, label in enumerate(self.classes)}
            others = Counter(label for label, there in zip(labels, rows, strict=True) if there and label not in same)
            unknown, known = dict(sorted(others.items())), rows & np.isin(labels, list(same))
            y = np.array(labels) if named else self.classes[[same.get(label, 0) for label in labels]]
            rows = rows if named else known
        count = int(rows.sum()) - (sum(unknown.values()) if named else 0)
        if not rows.any():
            return Examples(table.X[:0], y[:0], untargeted, unknown, rows, 0)
        X, rows = read(table.X), rows if among is None else rows & among
        return Examples(X.loc[rows] if hasattr(X, "loc") else X[rows], y[rows], untargeted, unknown, rows, count)

    def prepared(self, X: Any) -> Any:
        """The inputs (m, n[0]) of the networks that the preparation makes of the rows."""
        return X if self.model.preparation_ is None else self.model.preparation_.transform(X)

    def input_names(self, X: Any, count: int) -> list[str]:
        """What to call the inputs of the network: after their columns or pixels, or by number."""
        import numpy as np

        if self.about["image_shape"]:
            height, width, channels = self.about["image_shape"]
            shape = (height, width) if channels == 1 else (height, width, channels)
            return [f"pixel {','.join(map(str, index))}" for index in np.ndindex(*shape)]
        if not self.about["columns"]:
            columns = [str(name) for name in getattr(X, "columns", ())]
            return columns if len(columns) == count else [str(k) for k in range(count)]
        names, transformer = [""] * count, self.model.preparation_.named_steps["inputs"]
        for name, step, given in transformer.transformers_:
            part = transformer.output_indices_[name]
            columns = [given] if isinstance(given, str) else list(given)
            try:
                inputs = [str(word) for word in step.get_feature_names_out(columns)]
            except (AttributeError, ValueError):
                inputs = [f"{', '.join(columns)} {k}" for k in range(part.stop - part.start)]
            if name.startswith("text "):
                inputs = [f"{columns[0]}: {word}" for word in inputs]
            names[part] = inputs
        return names


def some_rows(table: "Table", rows: slice) -> "Table":
    """A table of some of the rows."""
    parts = {name: _some(getattr(table, name), rows) for name in ("X", "y", "files", "cells")}
    return replace(table, **parts)


def _joined(one: "Table", other: "Table") -> "Table":
    """Two tables of the same columns as one."""
    import numpy as np
    import pandas as pd

    def both(part: Any, more: Any) -> Any:
        if isinstance(part, (tuple, type(None))):
            return part and part + more
        return pd.concat([part, more]) if hasattr(part, "iloc") else np.concatenate([part, more])

    parts = {name: both(getattr(one, name), getattr(other, name)) for name in ("X", "y", "files", "cells")}
    return replace(one, **parts)


def cell(value: Any) -> Any:
    """A value of a table as JSON and people have it; None where it is missing."""
    import pandas as pd

    value = value.item() if hasattr(value, "item") else value
    return None if pd.isna(value) else value if isinstance(value, (bool, int, float)) else str(value)


def cells(one: "Table") -> dict[str, Any]:
    """A table of one row as it stands there, by the names of the columns; None where a value is missing."""
    X: Any = one.X
    return {str(name): cell(X[name].iloc[0]) for name in getattr(X, "columns", ())}


def _some(part: Any, rows: slice) -> Any:
    return None if part is None else part.iloc[rows] if hasattr(part, "iloc") else part[rows]


def _about(model: "TabularClassifier | TabularRegressor") -> Any:
    """What `train` would have written about a model that was made in Python."""
    plan = model.plan_
    return as_json(
        {
            "data": "",
            "task": plan.task,
            "target": plan.target,
            "rows": {"train": plan.rows, "test": 0},
            "columns": [asdict(column) for column in plan.columns],
            "classes": None if plan.classes is None else list(plan.classes.items()),
            "features": plan.features or len(plan.used),
            "image_shape": plan.image_shape,
            "test": {},
        }
    )


@contextmanager
def at_work(path: Path) -> Iterator[None]:
    """Around what a model does: errors that are not for people, of a stranger's model, become one line, too."""
    try:
        yield
    except (ValueError, ArithmeticError, OSError, MemoryError, ImportError):
        raise
    except Exception as error:
        raise CommandError(f"{path}: the model does not work: {type(error).__name__}: {one_line(error)}") from error


def targets(estimator: Any, y: Any) -> Any:
    """Y (n[L], m) that the network of a fitted estimator learns for y (m,): labels are smoothed, numbers scaled."""
    return estimator._targets(estimator._encode(y, incremental=True)).T
