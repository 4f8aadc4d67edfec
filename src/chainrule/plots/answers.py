"""What a model says of examples, in one form for every picture: a Network with columns, an estimator with rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.network import Network


@dataclass(frozen=True, eq=False)
class Answers:
    """What is true of m examples, and what the model says.

    classes: their labels, None where the target is a number. target (m,): the index of the class, or the number.
    outputs: (classes, m) probabilities, or (1, m) numbers.
    """

    classes: list[Any] | None
    target: Array
    outputs: Array

    @property
    def predicted(self) -> Array:
        """The index of the most likely class, or the number, (m,)."""
        found: Array = self.outputs[0] if self.classes is None else self.outputs.argmax(axis=0)
        return found


def answers(model: Any, X: Any, y: Any) -> Answers:
    """The answers of a Network to X (n[0], m) with targets (n[L], m), or of an estimator to rows X (m, n) with y (m,).

    Raises ValueError for several outputs that are not the classes of one question, and for labels the model has not
    learned.
    """
    if isinstance(model, Network):
        _, Y, _ = model.check_examples(X, y)
        output = model.g[-1].name
        if output == "softmax":
            return Answers(list(range(len(Y))), Y.argmax(axis=0), outputs(model, X))
        if len(Y) > 1:
            raise ValueError(f"this network has {len(Y)} {output} outputs, one answer each; wanted one, or a softmax")
        if output == "sigmoid":
            return Answers([0, 1], (Y[0] > 0.5).astype(int), outputs(model, X))
        return Answers(None, Y[0], outputs(model, X))
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"y: got shape {y.shape}, wanted one label or number for each row of X")
    if not hasattr(model, "classes_"):
        return Answers(None, y.astype(float), outputs(model, X))
    classes = list(np.asarray(model.classes_).tolist())
    index = {label: k for k, label in enumerate(classes)}
    if strange := [label for label in y.tolist() if label not in index]:
        raise ValueError(f"y: {strange[0]!r} is not a class of the model; known: {', '.join(map(repr, classes[:20]))}")
    return Answers(classes, np.array([index[label] for label in y.tolist()], dtype=int), outputs(model, X))


def outputs(model: Any, X: Any) -> Array:
    """(classes, m) probabilities, or (1, m) numbers."""
    if isinstance(model, Network):
        A = model.forward(X)
        return np.vstack([1 - A, A]) if model.g[-1].name == "sigmoid" else A
    if hasattr(model, "classes_"):
        return np.asarray(model.predict_proba(X)).T
    return np.asarray(model.predict(X), dtype=float).reshape(1, -1)


def classified(model: Any, X: Any, y: Any, what: str) -> tuple[list[Any], Array, Array]:
    """The classes and, of each example, the true one's index (m,) and the probabilities (classes, m)."""
    found = answers(model, X, y)
    if found.classes is None:
        raise ValueError(f"{what}: this model predicts numbers; wanted one that predicts classes")
    return found.classes, found.target, found.outputs


def columns(model: Any, X: Any) -> Array:
    """The inputs as numbers, one column for each example, (n, m)."""
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    try:
        X = X.astype(float)
    except (TypeError, ValueError):
        raise ValueError("X: wanted numbers only; draw the network of a pipeline with the inputs it gets") from None
    return X if isinstance(model, Network) else X.T  # type: ignore[no-any-return]


def inputs(model: Any, X: Any, made: Array) -> Any:
    """Columns made by a picture (n, k), as the model takes them: like X."""
    if isinstance(model, Network):
        return made
    return type(X)(made.T, columns=X.columns) if hasattr(X, "columns") else made.T
