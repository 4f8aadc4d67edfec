"""What a model says of examples, in one form for every picture: a Network with columns, an estimator with rows."""

from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.checks import plain
from chainrule.network import Network
from chainrule.plots.style import numbered


def targets(model: Any, X: Any, y: Any) -> tuple[list[Any] | None, Array]:
    """The classes of a model, and what is true of each example, (m,): the index of its class.

    X (n[0], m) and y (n[L], m) are for a Network, rows X (m, n) and y (m,) for an estimator. Where the target is a
    number, there are no classes (None), and the targets are the numbers. Raises ValueError for several outputs that
    are not the classes of one question, and for labels that the model has not learned.
    """
    if isinstance(model, Network):
        _, Y, _ = model.check_examples(X, y)
        output = model.g[-1].name
        if output == "softmax":
            return list(range(len(Y))), Y.argmax(axis=0)
        if len(Y) > 1:
            raise ValueError(f"this network has {len(Y)} {output} outputs, one answer each; wanted one, or a softmax")
        if output == "sigmoid":
            return [0, 1], (Y[0] > 0.5).astype(int)
        return None, Y[0]
    y = plain("y", y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"y: got shape {y.shape}, wanted one label or number for each row of X")
    if not hasattr(model, "classes_"):
        return None, y.astype(float)
    classes = list(np.asarray(model.classes_).tolist())
    index = {label: k for k, label in enumerate(classes)}
    if strange := [label for label in y.tolist() if label not in index]:
        raise ValueError(f"y: {strange[0]!r} is not a class of the model; known: {', '.join(map(repr, classes[:20]))}")
    return classes, np.array([index[label] for label in y.tolist()], dtype=int)


def input_names(model: Any, X: Any = None, count: int = 0) -> list[str]:
    """The names of the inputs: the columns' of X, else those that the model was fitted with, else x₁ … of `count`."""
    known = [str(name) for name in getattr(X, "columns", getattr(model, "feature_names_in_", ()))]
    return known if X is None or len(known) == count else [numbered("x", i + 1) for i in range(count)]


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
    classes, target = targets(model, X, y)
    if classes is None:
        raise ValueError(f"{what}: this model predicts numbers; wanted one that predicts classes")
    return classes, target, outputs(model, X)


def columns(model: Any, X: Any) -> Array:
    """The inputs as numbers, one column for each example, (n, m)."""
    X = X.toarray() if hasattr(X, "toarray") else plain("X", X)
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
