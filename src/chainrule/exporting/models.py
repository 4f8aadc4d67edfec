"""What a fitted model answers: networks of chainrule, alone or in scikit-learn's pipelines, searches and wrappers."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline

from chainrule.exporting import steps
from chainrule.exporting.fitted import WITH_THRESHOLD, networks_of, parts_of, preparation_of, prepares, within
from chainrule.exporting.graph import DOUBLE, WAY_OUT, ExportError, Graph, Value
from chainrule.exporting.network import forward, labels_of, mean, prediction, probabilities
from chainrule.exporting.numeric import INVERSES, clip, interpolate
from chainrule.tabular.calibration import LEAST
from chainrule.tabular.scores import index
from chainrule.text import first_few


@dataclass(frozen=True)
class Classes:
    """The probability of each class (batch, classes) and the number of the one that is said (batch,).

    Where a row has several labels there is no such number, and the probabilities are those of each label.
    """

    labels: Any
    p: Value
    said: Value | None

    def give(self, graph: Graph, target: str = "", zipmap: bool | str = False) -> None:
        """Add the outputs `label` and `probabilities`, or what zipmap makes of them, under the names of skl2onnx."""
        labels, p = self.labels, self.p
        if self.said is None:
            if zipmap:
                raise ExportError("zipmap: is for one class of several, and this model has several labels for a row")
            graph.output("label", (p > 0.5).astype(np.int64), len(labels), meaning=target)
            graph.output("probabilities", p, len(labels), meaning="that each label is 1")
            return
        label = graph.op("Gather", labels, self.said, dtype=labels.dtype)
        graph.output("output_label" if zipmap else "label", label, meaning=target)
        if not zipmap:
            graph.output("probabilities", p, len(labels), meaning=f"of {first_few(labels, 5)}")
        elif zipmap == "columns":
            for k, name in enumerate(column_names(labels)):
                graph.output(name, graph.op("Gather", p, np.array(k), axis=1), meaning=f"of {labels[k]}")
        else:
            graph.output_maps("output_probability", p, _keys(labels), meaning="of each class")


def built(graph: Graph, model: Any, about: Mapping[str, Any], zipmap: bool | str) -> dict[str, str]:
    """Add the inputs, the operators and the outputs of a fitted model to an empty graph; returns the metadata."""
    before, last = parts_of(model)
    if hasattr(last, "plan_"):
        about = {"target": last.plan_.target, "image_shape": last.plan_.image_shape, **about}
    given, names = begin(graph, before, last, _pixels(about)), _names(before, last)
    metadata = {} if isinstance(given, dict) or not names else {"columns": json.dumps(names, ensure_ascii=False)}
    target = str(about.get("target") or "")
    metadata |= {"target": target} if target else {}
    if not hasattr(model, "classes_"):
        if zipmap:
            raise ExportError("zipmap: is for the classes of a classifier, and this model predicts numbers")
        graph.output("prediction", numbers(graph, model, given), networks_of(last)[0].n_outputs_, meaning=target)
        return metadata | {"task": "regression"}
    answers = classes(graph, model, given)
    answers.give(graph, target, zipmap)
    task = "labels" if answers.said is None else "binary" if len(answers.labels) == 2 else "classes"
    return metadata | {"task": task, "classes": json.dumps(model.classes_.tolist(), ensure_ascii=False)}


def begin(graph: Graph, before: list[Any], last: Any, what: str = "") -> steps.Given:
    """The inputs of a model of these parts; what: the meaning of a matrix, where it is not its columns."""
    return steps.inputs(graph, before, networks_of(last)[0]._synced(), what or first_few(_names(before, last), 5))


def _names(before: list[Any], last: Any) -> list[str]:
    return [str(name) for name in getattr(before[0] if before else last, "feature_names_in_", ())]


def _pixels(about: Mapping[str, Any]) -> str:
    """The meaning of the inputs of a network for images."""
    shape = about.get("image_shape")
    return f"pixels from 0 to 1, {' × '.join(map(str, shape))}" if isinstance(shape, (list, tuple)) else ""


def numbers(graph: Graph, model: Any, given: steps.Given) -> Value:
    """The predictions (batch, outputs) of a regressor, in the units of the targets."""
    inner, given = _inner(model, given)
    if isinstance(inner, TransformedTargetRegressor):
        return _inverse(inner.transformer_, numbers(graph, inner.regressor_, given).astype(DOUBLE))
    return mean([prediction(one, forward(graph, one._synced(), steps.matrix(given))) for one in networks_of(inner)])


def classes(graph: Graph, model: Any, given: steps.Given) -> Classes:
    """The answers of a classifier."""
    inner, given = _inner(model, given)
    if isinstance(inner, CalibratedClassifierCV):
        return _calibrated(graph, inner, given)
    if isinstance(inner, WITH_THRESHOLD):
        return _with_threshold(graph, inner, given)
    networks = networks_of(inner)
    outputs = [forward(graph, one._synced(), steps.matrix(given)) for one in networks]
    if networks[0]._label_binarizer.y_type_.startswith("multilabel"):
        return Classes(inner.classes_, outputs[0], None)
    p = mean([probabilities(one, A) for one, A in zip(networks, outputs, strict=True)])
    known = inner.classes_ if len(inner.classes_) > 1 else np.repeat(inner.classes_, 2)
    made = Classes(labels_of(known), p, _likeliest(graph, p))
    if (T := getattr(inner, "temperature_", 1.0)) != 1:
        made = replace(made, p=graph.op("Softmax", np.log(np.maximum(p, LEAST)) / T))
    if (at_least := getattr(inner, "threshold_", None)) is None:
        return made
    return _decided(graph, made, at_least, index(inner.classes_, inner.positive_))


def _decided(graph: Graph, made: Classes, at_least: float, k: int) -> Classes:
    """The answers where, of two classes, the k-th is said from a probability on."""
    found = (graph.op("Gather", made.p, np.array(k), axis=1) >= at_least).astype(np.int64)  # (batch,)
    return replace(made, said=found if k else 1 - found)


def column_names(labels: Any) -> list[str]:
    """What skl2onnx calls the probability of each class where it has an output of its own."""
    whole = labels.dtype.kind in "iub"
    return [re.sub(r"[^\w+]", "_", f"i{int(label)}" if whole else f"s{label}") for label in labels]


def _keys(labels: Any) -> list[Any]:
    """The classes as keys of ONNX's maps, which are text or whole numbers."""
    return [label if labels.dtype == object else int(label) for label in labels]


def _inner(model: Any, given: steps.Given) -> tuple[Any, steps.Given]:
    """What answers behind searches and pipelines, and what it is given."""
    if (inside := within(model)) is not None:
        return _inner(inside, given)
    if isinstance(model, Pipeline):
        for _, step in model.steps[:-1]:
            given = steps.apply(step, given) if prepares(step) else given
        return _inner(model.steps[-1][1], given)
    for step in preparation_of(model):
        given = steps.apply(step, given)
    return model, given


def _likeliest(graph: Graph, p: Value) -> Value:
    return graph.op("ArgMax", p, dtype=np.dtype(np.int64), axis=1, keepdims=0)


def _with_threshold(graph: Graph, model: Any, given: steps.Given) -> Classes:
    if isinstance(model, FixedThresholdClassifier):
        positive, at_least = model.pos_label, 0.5 if model.threshold == "auto" else model.threshold
    else:
        positive, at_least = model._curve_scorer._get_pos_label(), model.best_threshold_
    k = 1 if positive is None else index(model.classes_, positive)
    return _decided(graph, classes(graph, getattr(model, "estimator_", model.estimator), given), at_least, k)


def _calibrated(graph: Graph, model: CalibratedClassifierCV, given: steps.Given) -> Classes:
    made = []
    for one in model.calibrated_classifiers_:
        inside = classes(graph, one.estimator, given)
        if inside.said is None:
            raise ExportError("CalibratedClassifierCV: wanted one class for each row, got several labels")
        made.append(_calibrated_alone(graph, one, inside.p.astype(DOUBLE)))
    p = mean(made)
    return Classes(labels_of(model.classes_), p, _likeliest(graph, p))


def _calibrated_alone(graph: Graph, one: Any, p: Value) -> Value:
    """What a classifier and the regressions that correct its probabilities p (batch, classes) say."""
    if len(one.classes) != len(one.estimator.classes_):
        raise ExportError("CalibratedClassifierCV: one of its classifiers has not seen all classes")
    if one.method == "temperature":
        return graph.op("Softmax", np.log(p + 1e-12) * one.calibrators[0].beta_)
    if len(one.classes) == 2:
        p = _corrected(one.calibrators[0], p[:, [1]])
        return np.concatenate([1 - p, p], axis=1)
    p = np.concatenate([_corrected(corrects, p[:, [k]]) for k, corrects in enumerate(one.calibrators)], axis=1)
    total = graph.reduce("ReduceSum", p)
    return np.where(total == 0, np.array(1 / len(one.classes)), p / np.where(total == 0, 1, total))


def _corrected(calibrator: Any, p: Value) -> Value:
    """What a sigmoid or an isotonic regression makes of the probabilities of one class (batch, 1)."""
    if hasattr(calibrator, "a_"):
        return p.graph.op("Sigmoid", -(calibrator.a_ * p + calibrator.b_))
    known = calibrator.X_thresholds_.astype(np.float64)
    return interpolate(clip(p, known[0], known[-1]), known, calibrator.y_thresholds_.astype(np.float64))


def _inverse(step: Any, y: Value) -> Value:
    """From the units in which a regressor has learned to those of the target."""
    if step is None or step == "passthrough":
        return y
    if isinstance(step, Pipeline):
        for _, part in reversed(step.steps):
            y = _inverse(part, y)
        return y
    if type(step) not in INVERSES:
        raise ExportError(f"the inverse of {type(step).__name__} has no counterpart in ONNX here. {WAY_OUT}")
    return INVERSES[type(step)](step, y)
