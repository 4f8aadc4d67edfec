"""From a model to an ONNX file, with the steps before the network for which ONNX has operators."""

import os
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from chainrule.exporting.graph import INPUT_TYPES, OPSET, ExportError, Graph, Port
from chainrule.exporting.network import forward
from chainrule.files.atomic import replacing
from chainrule.network import Network
from chainrule.text import unknown

__all__ = ["INPUT_TYPES", "OPSET", "ExportError", "Exported", "Port", "export_onnx", "is_onnx", "network_alone"]


@dataclass(frozen=True)
class Exported:
    """What was written: the inputs and outputs of the ONNX model, and what it says about itself."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    metadata: dict[str, str]


def export_onnx(
    model: Any,
    path: str | os.PathLike[str],
    *,
    opset: int = OPSET,
    input_type: str | Mapping[str, str] | None = None,
    zipmap: bool | str = False,
    about: Mapping[str, Any] | None = None,
) -> Exported:
    """Write a Network, a fitted estimator, or scikit-learn's pipelines and wrappers of one, as an ONNX file.

    Parameters
    ----------
    model : Network, MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor, or what holds one
        What to write: of a search its best estimator, pipelines, CalibratedClassifierCV, TransformedTargetRegressor.
    path : path-like
        The file. It is complete, or not there.
    opset : int, default 13
        The version of ONNX's operators, from 13, which old runtimes read, to the newest of the installed onnx.
    input_type : {"float32", "float64", "int64", "bool"} or dict, optional
        The type of the numbers that go in, of all (but dates), or {column: type}. Unless given, that of the network,
        and float64 where steps come before it.
    zipmap : bool, "maps" or "columns", default False
        The probabilities: False, one matrix; True or "maps", a map from each class to its probability for each row;
        "columns", one output for each class. The names of the outputs are then those of skl2onnx.
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

    With zipmap=True the outputs are `output_label` and `output_probability`, float32 as ONNX has it; with "columns"
    `output_label` and i0, i1 … or sNAME … (batch,) for the classes 0, 1 … or NAME …

    The file was checked by onnx. Opset 13 is of 2020. NaN and infinity, which a model here refuses unless it fills in
    what is missing, pass.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ImportError('ONNX files need an extra: pip install "chainrule[export]"') from None
    _check(opset, input_type, zipmap)
    graph, about = Graph(opset, input_type), about or {}
    if isinstance(model, Network):
        if zipmap:
            raise ExportError("zipmap: is for the classes of a classifier, got a Network")
        metadata = {"task": "network"} | ({"target": str(about["target"])} if about.get("target") else {})
        Y = forward(graph, model, graph.input("X", model.dtype, model.sizes[0]))
        graph.output("Y", Y, model.sizes[-1])
    else:
        from chainrule.exporting import models

        metadata = models.built(graph, model, about, zipmap)
    if isinstance(input_type, Mapping) and (others := [name for name in input_type if name not in graph.names()]):
        raise ExportError(str(unknown("column of input_type", others[0], graph.names())))
    data = graph.model(metadata).SerializeToString()
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise ExportError(f"{os.fspath(path)}: cannot be written: {error.strerror or error}") from None
    return Exported(tuple(graph.inputs), tuple(graph.outputs), metadata)


def _check(opset: Any, input_type: Any, zipmap: Any) -> None:
    """Refuse options that there are not."""
    from onnx import __version__, defs

    newest = defs.onnx_opset_version()
    if not isinstance(opset, int) or not OPSET <= opset <= newest:
        raise ExportError(
            f"opset: got {opset!r}, wanted {OPSET} to {newest}, the newest of the installed onnx {__version__}"
        )
    for kind in input_type.values() if isinstance(input_type, Mapping) else [input_type]:
        if kind not in (None, *INPUT_TYPES):
            raise ExportError(str(unknown("input_type", kind, INPUT_TYPES)))
    if zipmap not in (True, False, "maps", "columns"):
        raise ExportError(f"zipmap: got {zipmap!r}, wanted False, True or 'maps', or 'columns'")


def network_alone(model: Any) -> Any:
    """A model without the steps that prepare its inputs, which are then the numbers of the network."""
    if hasattr(model, "steps"):
        return model[-1]
    if hasattr(model, "networks_"):
        model = copy(model)
        model.preparation_ = None
        vars(model).pop("feature_names_in_", None)
    return model


def is_onnx(path: str | os.PathLike[str]) -> bool:
    """Whether a file holds an ONNX model."""
    import onnx

    try:
        model = onnx.load(os.fspath(path), load_external_data=False)
    except Exception:  # protobuf's, of what is none, and the system's
        return False
    return model.ir_version > 0 and model.HasField("graph")
