"""A fitted model of tables taken apart: its preparation, and its networks from their inputs to the answer.

The preparation works on one row at a time, and makes each input of the networks of one column. So to ask what a model
would say if a column had another value, the inputs of that column are exchanged: the rows are prepared only once.
"""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from chainrule._types import Array
from chainrule.inputs import input_gradient
from chainrule.tabular.calibration import LEAST, with_temperature
from chainrule.tabular.transformers import Columns


@dataclass(frozen=True, eq=False)
class Opened:
    """What is inside of a fitted model.

    preparation: from rows to inputs (m, n[0]); None where they are the rows. networks: fitted estimators of ours, whose
    mean, with the temperature, is the answer. classes: (K,), None for a regression. columns: of each input the name of
    the column that it is made of. mean: (n[0],) of the inputs in training, None where it was not kept. reads: from a
    table of any library to rows as the model knows them; None where it takes them as they are.
    """

    preparation: Any
    networks: Sequence[Any]
    temperature: float
    classes: Array | None
    columns: list[str]
    mean: Array | None = None
    reads: Callable[[Any], Any] | None = None

    def rows(self, X: Any) -> Any:
        """A table as a DataFrame or an array, with the columns that the model knows."""
        return X if self.reads is None else self.reads(X)

    def prepare(self, X: Any) -> Array:
        """The inputs (m, n[0]) of rows, as `rows` gives them."""
        prepared = X if self.preparation is None else self.preparation.transform(X)
        return np.asarray(prepared.toarray() if hasattr(prepared, "toarray") else prepared)

    def answer(self, inputs: Array) -> Array:
        """Probabilities (m, K) or predictions (m,) for inputs (m, n[0])."""
        mean = self._mean(inputs)
        return mean if self.classes is None else with_temperature(mean, self.temperature)

    def answer_of(self, inputs: Array, k: int | None) -> Array:
        """The probability of the k-th class, or the prediction: (m,)."""
        answers = self.answer(inputs)
        return answers if k is None else answers[:, k]

    def gradient(self, inputs: Array, k: Any) -> Array:
        """The derivative of `answer_of` by each input: (m, n[0]). k: one class, or that of each row (m,)."""
        M, upstream = len(self.networks), np.ones((1, len(inputs)))
        if k is not None:
            p = np.maximum(self._mean(inputs), LEAST)
            q = with_temperature(p, self.temperature)
            # q[k] ∝ p[k]^(1/T): ∂q[k]/∂p[j] = q[k] ((j = k) − q[j]) / (T p[j]).
            mine = q[np.arange(len(q)), k][:, None]  # (m, 1)
            upstream = (mine * (np.eye(p.shape[1])[k] - q) / (self.temperature * p)).T  # (K, m)
        total = np.zeros((len(inputs), len(self.columns)))
        for each in self.networks:
            network, dA = each.network_, upstream / M
            if k is None:
                dA = dA * getattr(each, "target_scale_", 1.0)
                if hasattr(each, "target_low_"):  # beyond it predictions stay what they are
                    predicted = each.predict(inputs)
                    dA = dA * ((each.target_low_ < predicted) & (predicted < each.target_high_))
            elif network.sizes[-1] == 1:  # one sigmoid, for the second of two classes
                dA = dA[1:] - dA[:1]
            total += input_gradient(network, inputs.T, dA).T
        return total

    def blocks(self) -> dict[str, Array]:
        """For each column which inputs are made of it."""
        owners = np.array(self.columns, dtype=object)
        return {name: np.flatnonzero(owners == name) for name in dict.fromkeys(self.columns)}

    def typical(self) -> Array:
        """The mean of the inputs over the rows that the networks were trained on, as far as it is known: (1, n[0])."""
        if self.mean is not None:
            return self.mean[None]
        normalizers = [each.network_.normalizer for each in self.networks]
        zeros = np.zeros((1, len(self.columns)))
        mean: Array = np.mean(
            [zeros if known is None else known.center.T for known in normalizers], axis=0, dtype=float
        )
        return mean

    def class_index(self, label: Any) -> int:
        """Which of the classes a label is. ValueError if it is none."""
        labels = [] if self.classes is None else [str(each) for each in self.classes]
        if str(label) not in labels:
            raise ValueError(f"{label!r} is not a class of this model; known: {', '.join(labels) or 'none'}")
        return labels.index(str(label))

    def _mean(self, inputs: Array) -> Array:
        found = []
        for each in self.networks:
            names = getattr(each, "feature_names_in_", None)
            given = inputs if names is None else pd.DataFrame(inputs, columns=names)
            found.append(np.asarray((each.predict if self.classes is None else each.predict_proba)(given), dtype=float))
        mean: Array = np.mean(found, axis=0)
        return mean if self.classes is None else mean / mean.sum(axis=1, keepdims=True)


def opened(model: Any) -> Opened:
    """Take a fitted model apart.

    model: a TabularClassifier or TabularRegressor, an estimator of ours, a pipeline that ends with one, or what this
    function gave before.
    """
    if isinstance(model, Opened):
        return model
    if hasattr(model, "networks_"):
        preparation, networks = getattr(model, "preparation_", None), list(model.networks_)
    elif isinstance(model, Pipeline):
        preparation, networks = (model[:-1] if len(model) > 1 else None), [model[-1]]
    else:
        preparation, networks = None, [model]
    inputs = networks[0].n_features_in_
    if preparation is None:
        columns = [str(name) for name in getattr(model, "feature_names_in_", range(inputs))]
    else:
        columns = input_columns(preparation)
    if len(columns) != inputs:
        raise ValueError(f"this model prepares {len(columns)} inputs, and its network takes {inputs}")
    temperature = float(getattr(model, "temperature_", 1.0))
    classes, mean, reads = getattr(networks[0], "classes_", None), getattr(model, "typical_", None), None
    if hasattr(model, "networks_"):
        reads = getattr(model, "known_rows", None)
    return Opened(preparation, networks, temperature, classes, columns, mean, reads)


def taken(X: Any, rows: Any) -> Any:
    """Some rows of a DataFrame or an array."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def input_columns(preparation: Any) -> list[str]:
    """For each input that a fitted preparation makes, the name of the column that it is made of.

    Parameters
    ----------
    preparation : transformer
        A pipeline or ColumnTransformer, say. A column without a name is called by its number, from 0.

    Returns
    -------
    list of str
        Where an input is made of several columns, the names of all of them, with commas.
    """
    names = [str(name) for name in getattr(preparation, "feature_names_in_", range(preparation.n_features_in_))]
    marked = _marked(preparation, [f"\x02{i}\x03" for i in range(len(names))])
    found = [dict.fromkeys(int(i) for i in re.findall("\x02(\\d+)\x03", name)) for name in marked]
    return [", ".join(names[i] for i in owners) for owners in found]


def _marked(step: Any, marks: list[str]) -> list[str]:
    """The names that a step gives to its outputs, where those of its inputs are these marks."""
    if isinstance(step, Pipeline):
        for _, inner in step.steps:
            marks = _marked(inner, marks)
        return marks
    if isinstance(step, Columns) or step in (None, "passthrough"):
        return marks
    if isinstance(step, ColumnTransformer):
        parts = [part.stop for part in step.output_indices_.values()]
        result, known = [""] * max(parts, default=0), list(getattr(step, "feature_names_in_", range(len(marks))))
        for name, inner, given in step.transformers_:
            part = step.output_indices_[name]
            count = part.stop - part.start
            if count:
                places = [known.index(column) for column in ([given] if isinstance(given, str) else given)]
                mine = [marks[i] for i in places]
                result[part] = mine * count if len(mine) == 1 else _marked(inner, mine)
        return result
    bare = copy.deepcopy(step)
    _forget_names(bare)
    try:
        named = [str(name) for name in bare.get_feature_names_out(np.array(marks, dtype=object))]
    except AttributeError:
        raise ValueError(f"{type(step).__name__} does not say what its outputs are made of") from None
    return [name if "\x02" in name else "".join(marks) for name in named]


def _forget_names(step: Any) -> None:
    """Let a transformer, and those in it, take any names for its inputs."""
    if isinstance(step, (list, tuple)):
        for each in step:
            _forget_names(each)
    elif hasattr(step, "get_feature_names_out") or hasattr(step, "fit"):
        step.__dict__.pop("feature_names_in_", None)
        for each in list(vars(step).values()):
            _forget_names(each)
