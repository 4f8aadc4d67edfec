"""The network, and the probabilities or numbers that its estimator computes from the outputs."""

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.activations import ACTIVATIONS
from chainrule.exporting.graph import DOUBLE, ExportError, Graph, Value, traced
from chainrule.network import Network

# Operators that are faster than the formula they stand for; the other activations are traced.
_OPERATORS = {"relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}


def forward(graph: Graph, network: Network, X: Value) -> Value:
    """A[L]ᵀ (batch, n[L]) of the rows X (batch, n[0]), in the network's precision."""
    A = X.astype(network.dtype)
    if network.normalizer is not None:
        normalizer = network.normalizer
        A = replace(normalizer, center=normalizer.center.T, scale=normalizer.scale.T)(A)
    for l in range(1, network.L + 1):
        # Not Gemm: with that in float64, ONNX Runtime before 1.18 makes an operator of its own that it cannot run.
        Z = graph.op("MatMul", A, network.W[l].T) + network.b[l].T  # (batch, n[l])
        A = _activation(graph, network.g[l], Z)
    return A


def _activation(graph: Graph, g: Any, Z: Value) -> Value:
    if g.name in _OPERATORS and g == ACTIVATIONS[g.name]:
        return graph.op(_OPERATORS[g.name], Z)
    return traced(f"activation {g.name!r}", g, Z)


def prediction(model: Any, A: Value) -> Value:
    """The outputs (batch, outputs) of the network of an MLPRegressor in the units of its targets."""
    if model._scaled():  # in float64, as the estimator does it
        A = model.target_mean_ + model.target_scale_ * A.astype(np.float64)
    if hasattr(model, "target_low_"):
        A = np.minimum(np.maximum(A, model.target_low_.astype(A.dtype)), model.target_high_.astype(A.dtype))
    return A


def probabilities(model: Any, A: Value) -> Value:
    """The probability of each class (batch, classes) of the outputs of the network of an MLPClassifier."""
    return np.concatenate([1 - A, A], axis=1) if model.n_outputs_ == 1 else A


def mean(values: list[Value]) -> Value:
    """The mean of what several models say, in float64 as they do it; of one, what it says."""
    if len(values) == 1:
        return values[0]
    total = values[0].astype(DOUBLE)
    for value in values[1:]:
        total = total + value.astype(DOUBLE)
    return total / len(values)


def labels_of(classes: Any) -> Any:
    """The classes in a type that ONNX has."""
    kind = classes.dtype.kind
    if kind == "U" or (kind == "O" and all(isinstance(label, str) for label in classes)):
        return classes.astype(object)
    if kind in "iu" and (classes <= np.iinfo(np.int64).max).all():
        return classes.astype(np.int64)
    if kind == "f":
        return classes.astype(np.float64)
    if kind == "b":
        return classes
    raise ExportError(f"classes such as {classes[0]!r}: ONNX has text, whole numbers, numbers and booleans")
