"""From a model to one file of C, JavaScript or Python that needs nothing else, with the preparation of the columns."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.exporting.graph import ExportError
from chainrule.exporting.source.models import program_of, rounded
from chainrule.exporting.source.spelling import identifier
from chainrule.files.atomic import replacing
from chainrule.network import Network

__all__ = ["ENDINGS", "Loss", "Written", "export_source", "is_source"]

ENDINGS = {".c": "C", ".js": "JavaScript", ".mjs": "JavaScript", ".py": "Python"}
_MARK = "Written by chainrule "


@dataclass(frozen=True)
class Loss:
    """What rounding the weights to int8 changes on some rows: a score before and after it, and single answers.

    score: "accuracy", "R²" or "" for a network alone. before, after: of the model and of the file; NaN without a score.
    changed: how many rows have another class. largest: the largest difference of a probability or an output, or of a
    number in deviations of the predictions. rows: how many.
    """

    score: str
    before: float
    after: float
    changed: int
    largest: float
    rows: int

    def __str__(self) -> str:
        told = [f"{self.score} {self.after:.4f} in int8, {self.before:.4f} before"] if self.score else []
        told += [f"another class in {self.changed:,}"] if self.score == "accuracy" else []
        return f"on {self.rows:,} rows: {', '.join([*told, f'largest difference {self.largest:.2g}'])}"


@dataclass(frozen=True)
class Written:
    """What was written: the language, the columns that a row has, and what it takes.

    columns: name → what it is. parameters, multiply_adds: numbers of the networks, and products for a row. constants,
    memory: bytes of tables and of buffers, in C. loss: by int8, where rows were given to measure it.
    """

    language: str
    columns: dict[str, str]
    classes: tuple[Any, ...]
    parameters: int
    multiply_adds: int
    constants: int | None = None
    memory: int | None = None
    loss: Loss | None = None


def export_source(
    model: Any, path: str | os.PathLike[str], *, int8: bool = False, check: tuple[Any, Any] | None = None
) -> Written:
    """Write a model as one file of C, JavaScript or Python that computes its predictions without chainrule.

    Parameters
    ----------
    model : Network, MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor or Pipeline
        What to write, fitted; of a search, its best estimator.
    path : path-like
        The file: .c is C99 without allocation, .js and .mjs an ES module, .py Python 3. It is complete, or not there.
    int8 : bool, default False
        Weights W[l] as whole numbers from −127 to 127, with a scale in float32 for each row (unit): a quarter of the
        size. Biases, activations and the preparation stay as they are.
    check : pair of X and y, optional
        Rows with their targets, as `score` takes them, on which the loss by int8 is measured; of a Network X (n[0], m)
        and None. The file says it in its head.

    Returns
    -------
    Written
        The columns, the sizes and the measured loss.

    Raises
    ------
    ExportError
        For another ending, a step that cannot be written, and where the file cannot be written.

    Notes
    -----
    All names in a file of C begin with the name of the file. What a row is, its head says. W[l] and b[l] are in
    float32 in C, and in the precision of the model in the others; the preparation of columns is in float64. Numbers are
    printed so that they are read back as they are.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise ExportError(f"{path}: wanted a name that ends in {', '.join(ENDINGS)}")
    if check is not None and not int8:
        raise ExportError("check: measures the loss by int8; give int8=True, too")
    language, loss = ENDINGS[path.suffix.lower()], None if check is None else _loss(model, *check)
    said = [] if not int8 else [f"Loss by int8: {'not measured' if loss is None else loss}."]
    program = program_of(model, int8)
    sizes: dict[str, int] = {}
    if language == "C":
        from chainrule.exporting.source import c

        name = identifier(path.stem, set(), c.KEYWORDS, "model")
        text, sizes = c.source(program, name, said)
    elif language == "JavaScript":
        from chainrule.exporting.source import javascript

        text = javascript.source(program, said)
    else:
        from chainrule.exporting.source import python

        text = python.source(program, said)
    try:
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error.strerror or error}") from None
    return Written(
        language,
        {column.name: column.kind for column in program.columns} if program.named else {},
        () if program.answer.kind in ("numbers", "outputs") else program.answer.names,
        program.parameters,
        program.multiply_adds,
        sizes.get("constants"),
        sizes.get("memory"),
        loss,
    )


def is_source(path: str | os.PathLike[str]) -> bool:
    """Whether a file is one that `export_source` has written."""
    with open(path, "rb") as file:
        return re.search(rf"(^|\n)[ */#]*{_MARK}".encode(), file.read(20_000)) is not None


def _loss(model: Any, X: Any, y: Any) -> Loss:
    """What int8 changes in the answers to these rows."""
    small = rounded(model)
    if isinstance(model, Network):
        before, after = model.forward(X), small.forward(X)
        return Loss("", np.nan, np.nan, 0, float(np.abs(after - before).max()), before.shape[1])
    classes = hasattr(model, "classes_")
    answers = [each.predict_proba(X) if classes else each.predict(X) for each in (model, small)]
    unit = 1.0 if classes else np.std(answers[0]) or 1.0
    changed = 0
    if classes:
        labels = [each.predict(X) for each in (model, small)]
        changed = int((labels[0] != labels[1]).reshape(len(labels[0]), -1).any(axis=1).sum())
    largest = float(np.abs(answers[1] - answers[0]).max() / unit)
    scores = (float(model.score(X, y)), float(small.score(X, y)))
    return Loss("accuracy" if classes else "R²", *scores, changed, largest, len(answers[0]))
