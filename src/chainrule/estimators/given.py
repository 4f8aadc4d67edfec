"""Estimators of networks that were trained elsewhere: as `fit` leaves them, but for what only a fit can know."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from chainrule import losses
from chainrule._types import Array
from chainrule.estimators import ordinary
from chainrule.estimators.explain import KINDS
from chainrule.network import Network

_OUTPUTS = {"sigmoid": "logistic"}  # scikit-learn's other name
_LOSSES = {"half_squared_error": "squared_error", "absolute": "absolute_error"}


def classifier(kind: Any, network: Network, classes: Any) -> Any:
    """See `MLPClassifier.from_network`."""
    _check(network, ("softmax", "sigmoid"), "MLPClassifier", "from_torch(module, output='softmax')")
    if network.loss != losses.get(None, network.g[-1].name):
        raise ValueError(
            f"network: its loss is {network.loss.spec}, and that of an MLPClassifier with the output "
            f"{network.g[-1].name!r} is {losses.get(None, network.g[-1].name).spec}. Make the network with that one"
        )
    network, outputs = deepcopy(network), network.sizes[-1]
    if network.g[-1].name == "sigmoid" and outputs > 1:
        if classes is not None:
            raise ValueError(
                f"classes: got {classes!r} for {outputs} sigmoid outputs, each of which says yes or no to a label of "
                "its own: leave classes out, and the answers are (m, labels) of 0 and 1. One of several classes has "
                "softmax"
            )
        binarizer = LabelBinarizer().fit(np.eye(outputs, dtype=int))
    else:
        binarizer = ordinary.binarizer_of(_in_order(network, classes, max(outputs, 2)))
        network = _one_sigmoid(network) if outputs == 2 else network
    estimator = _estimator(kind(**_parameters(network)), network)
    estimator._label_binarizer, estimator.classes_ = binarizer, binarizer.classes_
    return estimator


def regressor(kind: Any, network: Network) -> Any:
    """See `MLPRegressor.from_network`."""
    _check(network, ("identity", "exp"), "MLPRegressor", "Network(…, output='identity')")
    if not isinstance(network.loss.named, str):
        raise ValueError(f"network: its loss {network.loss.name!r} is one of your own, which an MLPRegressor has not")
    network = deepcopy(network)
    loss = _LOSSES.get(network.loss.name, network.loss.spec)
    estimator = _estimator(kind(loss=loss, **_parameters(network)), network)
    estimator._forget_targets()
    return estimator


def _check(network: Any, outputs: Sequence[str], kind: str, advice: str) -> None:
    if not isinstance(network, Network):
        raise TypeError(f"network: got {type(network).__name__}, wanted a chainrule.Network")
    if network.g[-1].name not in outputs:
        raise ValueError(
            f"network: its output is {network.g[-1].name!r}, and that of an {kind} is "
            f"{' or '.join(map(repr, outputs))}, as of {advice}"
        )


def _in_order(network: Network, classes: Any, count: int) -> Array:
    """The classes, sorted as scikit-learn has them, with the outputs of the network in the same order."""
    labels = np.arange(count) if classes is None else _labels(classes)
    found, first, counts = np.unique(labels, return_index=True, return_counts=True)
    if len(found) < len(labels):
        raise ValueError(f"classes: got {found[counts > 1][0]!r} {counts.max()} times, wanted {count} different labels")
    if len(labels) != count:
        raise ValueError(
            f"classes: got {len(labels)} labels, wanted {count} for {network.sizes[-1]} {network.g[-1].name} "
            f"output{'s' if network.sizes[-1] > 1 else ', the probability of the second'}"
        )
    W, b = network.W[-1], network.b[-1]
    if network.sizes[-1] > 1:
        W[...], b[...] = W[first], b[first]
    elif first[0] == 1:  # σ(−z) = 1 − σ(z)
        W[...], b[...] = -W, -b
    return found


def _labels(classes: Any) -> Array:
    """Labels that a fit would take, too, as an array."""
    labels = np.asarray(classes)
    if labels.ndim != 1 or labels.dtype.kind not in "iubfUO":
        raise ValueError(f"classes: got {classes!r}, wanted a label for each output")
    text, booleans = (sum(isinstance(label, kind) for label in classes) for kind in (str, (bool, np.bool_)))
    kinds = {"text": text, "booleans": booleans, "numbers": len(labels) - text - booleans}
    unknown = [label for label in labels.tolist() if isinstance(label, float) and not label.is_integer()]
    if labels.dtype.kind == "O":
        unknown = [label for label in labels if not isinstance(label, str)]
    several = [name for name, number in kinds.items() if number]
    if len(several) > 1 or unknown:
        found = f"{type(unknown[0]).__name__} ({unknown[0]!r})" if unknown else " and ".join(several)
        hint = "MLPRegressor learns numbers. " if labels.dtype.kind == "f" else ""
        raise ValueError(f"classes: Unknown label type: {found}. {hint}{KINDS}")
    return labels


def _one_sigmoid(network: Network) -> Network:
    """The network with one sigmoid for two softmax outputs, as two classes have it: e^v / (e^u + e^v) = σ(v − u)."""
    state = {**network.__getstate__(), "output": "sigmoid", "loss": None}
    W, b = network.W[-1], network.b[-1]
    parameters = network.pack([*network.W[:-1], W[1:] - W[:1]], [*network.b[:-1], b[1:] - b[:1]])
    return Network.from_state({**state, "sizes": [*network.sizes[:-1], 1]}, parameters)


def _parameters(network: Network) -> dict[str, Any]:
    """The parameters of an estimator that would make such a network."""
    hidden = [g.named for g in network.g[1:-1]]
    normalizer = network.normalizer
    same = {"activation": hidden[0] if len(set(hidden)) == 1 else tuple(hidden)} if hidden else {}
    return {
        "hidden_layer_sizes": tuple(network.sizes[1:-1]),
        "normalize": normalizer and ("robust" if normalizer.clip else "standard"),
        "dtype": network.dtype.name,
        **same,
    }


def _estimator(estimator: Any, network: Network) -> Any:
    """The estimator with what a fit leaves."""
    estimator.network_ = network
    estimator._expose()
    estimator.n_features_in_, estimator.n_outputs_ = network.sizes[0], network.sizes[-1]
    estimator.n_layers_, estimator.t_, estimator.n_iter_ = network.L + 1, 0, 0
    estimator.out_activation_ = _OUTPUTS.get(network.g[-1].name, network.g[-1].name)
    return estimator
