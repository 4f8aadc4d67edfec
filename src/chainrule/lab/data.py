"""From a source to examples."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule import datasets
from chainrule.lab.design import Examples


def load(spec: Mapping[str, Any], uploads: Mapping[str, Any] | None = None) -> Examples:
    """The examples that a spec describes."""
    given = {key: value for key, value in spec.items() if key in ("m", "noise", "seed", "classes")}
    X, Y = datasets.NAMES[spec["name"]](**given)
    order = np.random.default_rng(spec.get("split_seed", 0)).permutation(X.shape[1])
    held = order[: round(spec.get("validation", 0.2) * len(order))]
    kept = np.setdiff1d(order, held)
    task = "regression" if spec["name"] in ("quadratic", "sine", "diabetes") else "binary" if len(Y) == 1 else "classes"
    classes = () if task == "regression" else tuple(str(k) for k in range(max(2, len(Y))))
    image = (8, 8, 1) if spec["name"] == "digits" else None
    names = tuple(f"x{i + 1}" for i in range(len(X)))
    return Examples(spec["name"], X[:, kept], Y[:, kept], X[:, held], Y[:, held], task, names, "y", classes, image)
