"""From a model to an ONNX file, with the steps before the network for which ONNX has operators."""

import json
import os
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from chainrule.exporting.graph import IR_VERSION, OPSET, ExportError, Graph, Port
from chainrule.exporting.network import classifier, forward, regressor
from chainrule.files.atomic import replacing
from chainrule.network import Network
from chainrule.text import first_few

__all__ = ["IR_VERSION", "OPSET", "ExportError", "Exported", "Port", "export_onnx", "is_onnx", "network_alone"]


@dataclass(frozen=True)
class Exported:
    """What was written: the inputs and outputs of the ONNX model, and what it says about itself."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: dict[str, str]


def export_onnx(model: Any, path: str | os.PathLike[str], *, about: Mapping[str, Any] | None = None) -> Exported:
    """Write a Network, a fitted estimator or a pipeline that ends in one as an ONNX file.

    Parameters
    ----------
    model : Network, MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor or Pipeline
        What to write; of a search, its best estimator.
    path : path-like
        The file. It is complete, or not there.
    about : mapping, optional
        What `chainrule train` has written about the model (``"about"`` of `files.model.read_about`), of which
        ``target`` and ``image_shape`` are used.

    Returns
    -------
    Exported
        The inputs, outputs and metadata of the file.

    Raises
    ------
    ExportError
        For a step without a counterpart in ONNX, and where the file cannot be written.
    ImportError
        Where onnx is not installed.

    Notes
    -----
    Rows are examples. A Network has the input X (batch, n[0]) and the output Y (batch, n[L]). The outputs of a
    classifier are `label` (batch,) and `probabilities` (batch, classes), that of a regressor `prediction`
    (batch, outputs). What begins with the columns of a table has an input (batch, 1) for each, by its name:
    numbers as double, categories as text without blanks around it ("" is missing), dates as seconds since 1970, text as
    words (batch, words); others have one X. The network computes in its own precision, the steps before it in float64.
    The metadata name the target, the task, the classes and the columns of X where they are known.

    Converters of others that read `coefs_` and `intercepts_`, as that of skl2onnx for scikit-learn's networks, know
    nothing of `normalize` and `scale_target`: registered for these estimators, they leave both out without a word.

    The file was checked by onnx, and its operators are those of opset 13, of 2020, so that old runtimes read it. NaN
    and infinity, which a model here refuses unless it fills in what is missing, pass.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ImportError('ONNX files need an extra: pip install "chainrule[export]"') from None
    graph, about = Graph(), about or {}
    if isinstance(model, Network):
        metadata = {"task": "network"} | ({"target": str(about["target"])} if about.get("target") else {})
        Y = forward(graph, model, graph.input("X", model.dtype, model.sizes[0]))
        graph.output("Y", Y, model.sizes[-1])
    else:
        metadata = _estimator(graph, model, about)
    data = graph.model(metadata).SerializeToString()
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise ExportError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from None
    return Exported(tuple(graph.inputs), tuple(graph.outputs), metadata)


def _estimator(graph: Graph, model: Any, about: Mapping[str, Any]) -> dict[str, str]:
    """A fitted estimator, alone or at the end of a pipeline; returns the metadata."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    from chainrule.estimators import MLPClassifier, MLPRegressor
    from chainrule.exporting import steps
    from chainrule.tabular.estimators import TabularClassifier, TabularRegressor

    model = getattr(model, "best_estimator_", model)  # of a search
    *before, last = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    if not isinstance(last, (MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor)):
        raise ExportError(
            f"{type(last).__name__}: wanted a Network, an MLPClassifier or MLPRegressor of chainrule, a "
            "TabularClassifier or TabularRegressor, or a pipeline that ends in one"
        )
    check_is_fitted(last)
    networks = [last]
    if isinstance(last, (TabularClassifier, TabularRegressor)):
        networks = last.networks_
        before = [*before, *(step for _, step in getattr(last.preparation_, "steps", ()))]
        about = {"target": last.plan_.target, "image_shape": last.plan_.image_shape, **about}
    # The samplers of imbalanced-learn, in its pipelines, change the training set only.
    before = [step for step in before if step not in (None, "passthrough") and not _samples(step)]
    names = [str(name) for name in getattr(before[0] if before else last, "feature_names_in_", ())]
    given = steps.inputs(graph, before, networks[0]._synced(), _pixels(about) or first_few(names, 5))
    metadata = {} if isinstance(given, dict) or not names else {"columns": json.dumps(names, ensure_ascii=False)}
    for step in before:
        given = steps.apply(step, given)
    outputs = [forward(graph, network._synced(), steps.matrix(given)) for network in networks]
    target = str(about.get("target") or "")
    metadata |= {"target": target} if target else {}
    if not hasattr(last, "classes_"):
        regressor(graph, networks, outputs, target)
        return metadata | {"task": "regression"}
    decided, at_least = None, getattr(last, "threshold_", None)
    if at_least is not None:
        decided = at_least, last.classes_.tolist().index(last.positive_)
    classifier(graph, networks, outputs, getattr(last, "temperature_", 1.0), target, decided)
    several = networks[0]._label_binarizer.y_type_.startswith("multilabel")
    task = "labels" if several else "binary" if networks[0].n_outputs_ == 1 else "classes"
    return metadata | {"task": task, "classes": json.dumps(last.classes_.tolist(), ensure_ascii=False)}


def network_alone(model: Any) -> Any:
    """A model without the steps that prepare its inputs, which are then the numbers of the network."""
    if hasattr(model, "steps"):
        return model[-1]
    if hasattr(model, "networks_"):
        model = copy(model)
        model.preparation_ = None
        vars(model).pop("feature_names_in_", None)
    return model


def _samples(step: Any) -> bool:
    return hasattr(step, "fit_resample") and not hasattr(step, "transform")


def _pixels(about: Mapping[str, Any]) -> str:
    """The meaning of the inputs of a network for images."""
    shape = about.get("image_shape")
    return f"pixels from 0 to 1, {' × '.join(map(str, shape))}" if isinstance(shape, (list, tuple)) else ""


def is_onnx(path: str | os.PathLike[str]) -> bool:
    """Whether a file holds an ONNX model."""
    import onnx

    try:
        model = onnx.load(os.fspath(path), load_external_data=False)
    except Exception:  # protobuf's, of what is none, and the system's
        return False
    return model.ir_version > 0 and model.HasField("graph")
