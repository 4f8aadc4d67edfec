"""From a model to its program: the steps before the networks, the networks, the answer; and the networks in int8."""

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from chainrule._types import Array
from chainrule.activations import ACTIVATIONS
from chainrule.exporting.fitted import OURS, networks_of, parts_of, within
from chainrule.exporting.graph import ExportError
from chainrule.exporting.source.preparing import Mix, Preparation, Word, together
from chainrule.exporting.source.program import Answer, Applied, Column, Given, Layer, Line, Net, Program
from chainrule.network import Network
from chainrule.tabular.scores import index
from chainrule.tabular.values import each_label
from chainrule.text import first_few

_MOST = 127  # of int8, on both sides of 0


def program_of(model: Any, int8: bool = False, target: str = "") -> Program:
    """What a Network, a fitted estimator or a pipeline computes. ExportError where it cannot be written."""
    if isinstance(model, Network):
        count = model.sizes[0]
        columns = tuple(Column(f"x{j}", "number") for j in range(count))
        values, inputs = tuple(map(Given, range(count))), tuple(map(Line, range(count)))
        alone = (_net(model, int8),)
        double = model.dtype == np.float64
        return Program(columns, False, values, (), inputs, None, alone, Answer("outputs"), double, target)
    last = _answering(model)
    steps, _ = parts_of(model)
    networks_ = networks_of(last)
    names = [str(name) for name in getattr(steps[0] if steps else last, "feature_names_in_", ())]
    made = Preparation()
    first = networks_[0]._synced()
    given = made.begin(steps, getattr(steps[0], "n_features_in_", 1) if steps else first.sizes[0], names)
    named = isinstance(given, dict) or bool(names)
    for step in steps:
        given = made.apply(step, given)
    found, mix = together(given), None
    if any(isinstance(each, Word) for each in found):
        raise ExportError("a column of text reaches the network: no step makes numbers of it")
    if any(isinstance(each, Mix) for each in found):
        if len({id(getattr(each, "inputs", None)) for each in found}) > 1:
            raise ExportError("PCA of some of the columns only: apply it to all, or export the network alone")
        mix = np.array([each.weights for each in found]), np.array([each.bias for each in found])
        found = list(found[0].inputs)
    made.check([*found, *(value.line for value in made.values if isinstance(value, Applied))])
    target = target or str(getattr(getattr(last, "plan_", None), "target", ""))
    networks = tuple(_net(each._synced(), int8) for each in networks_)
    return Program(
        tuple(made.columns),
        named,
        tuple(made.values),
        tuple(made.bags),
        tuple(each.settled() if isinstance(each, Line) else each for each in found),
        mix,
        networks,
        _answer(last, networks_),
        first.dtype == np.float64,
        target,
    )


def _answering(model: Any) -> Any:
    """The estimator of chainrule behind searches and pipelines."""
    if (inside := within(model)) is not None:
        return _answering(inside)
    if isinstance(model, Pipeline):
        return _answering(model.steps[-1][1])
    if isinstance(model, OURS):
        return model
    raise ExportError(
        f"{type(model).__name__}: wanted a Network, an MLPClassifier or MLPRegressor of chainrule, a "
        "TabularClassifier or TabularRegressor, or one of them in a pipeline or a search"
    )


def rounded(model: Any) -> Any:
    """A copy whose weights are those that int8 with a scale for each row can hold."""
    model = deepcopy(model)
    networks = [model] if isinstance(model, Network) else [each._synced() for each in networks_of(_answering(model))]
    for network in networks:
        for l in range(1, network.L + 1):
            q, scale = quantized(network.W[l])
            network.W[l][...] = q * scale[:, None]
    return model


def quantized(W: Array) -> tuple[Array, Array]:
    """W ≈ scale · q, with q from −127 to 127, symmetric, and a scale for each row, in float32.

    W: (n, k). q: (n, k) int8. scale: (n,), the largest |w| of the row / 127, so that the error is half of it at most.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused where it is written
        scale = (np.abs(W).max(axis=1) / _MOST).astype(np.float32)
    steps = np.where(scale > 0, scale, 1).astype(float)[:, None]
    return np.clip(np.rint(W / steps), -_MOST, _MOST).astype(np.int8), scale


def _net(network: Network, int8: bool) -> Net:
    if not np.isfinite(network.parameters).all():
        raise ExportError("the network has weights that are infinite or NaN: its training diverged")
    layers = []
    for l in range(1, network.L + 1):
        g, W, b = network.g[l], network.W[l], network.b[l].ravel()
        if g.name not in ACTIVATIONS or g.function is not ACTIVATIONS[g.name].function:
            raise ExportError(
                f"layer {l}: the activation {g.name!r} is of your own: {first_few(ACTIVATIONS)} are known"
            )
        if int8:
            q, scale = quantized(W)
            layers.append(Layer(q, b, g.name, g.alpha, scale))
        else:
            layers.append(Layer(W, b, g.name, g.alpha))
    normal = network.normalizer
    if normal is None:
        return Net(tuple(layers))
    return Net(tuple(layers), normal.center.ravel(), normal.scale.ravel(), normal.clip)


def _answer(last: Any, networks: list[Any]) -> Answer:
    if not hasattr(last, "classes_"):
        count = networks[0].n_outputs_
        mean, scale, low, high = (
            np.array([np.broadcast_to(getattr(each, name), count) for each in networks], float)
            if hasattr(networks[0], name)
            else None
            for name in ("target_mean_", "target_scale_", "target_low_", "target_high_")
        )
        return Answer("numbers", ("",) * count, mean=mean, scale=scale, low=low, high=high)
    classes = each_label(last.classes_)
    if networks[0]._label_binarizer.y_type_.startswith("multilabel"):
        return Answer("labels", tuple(classes))
    decided, at_least = None, getattr(last, "threshold_", None)
    if at_least is not None:
        decided = float(at_least), index(last.classes_, last.positive_)
    names = tuple(classes if len(classes) > 1 else classes * 2)
    return Answer("classes", names, float(getattr(last, "temperature_", 1.0)), decided)
