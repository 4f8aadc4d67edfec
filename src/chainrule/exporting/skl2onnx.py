"""The converter of the models of chainrule for skl2onnx, which finds it by itself: see `chainrule.estimators.skl2onnx`.

skl2onnx's converters of models that hold others (CalibratedClassifierCV, VotingClassifier, …) look these up in its
register: the import of this module enters ours. Outputs are those of skl2onnx: float32, or float64 where an input is;
labels are text or int64; classes have a list of maps unless the option `zipmap` is False or "columns".
"""

from typing import Any

import numpy as np
from onnx import TensorProto
from onnx.helper import get_attribute_value
from skl2onnx import update_registered_converter
from skl2onnx._parse import _parse_sklearn_simple_model, sklearn_parsers_map
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import (
    DictionaryType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    SequenceType,
    StringTensorType,
)
from sklearn.base import is_classifier

from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.exporting import fitted, models
from chainrule.exporting.graph import ML_OPSET, OPSET, ExportError, Graph
from chainrule.tabular.estimators import TabularClassifier, TabularRegressor

_OPTIONS = {"zipmap": [True, False, "columns"]}
_USE_OURS = "use chainrule.export_onnx"


def register(kind: type) -> None:
    """Enter a class into skl2onnx's register, unless it is there."""
    if kind not in sklearn_operator_name_map:
        alias = f"Chainrule{kind.__name__}"
        update_registered_converter(kind, alias, shapes, convert, parser=_parse, options=_OPTIONS)


def _parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    return _parse_sklearn_simple_model(scope, model, inputs, custom_parsers)


def parser_of(model: Any) -> Any:
    """A function of skl2onnx's scope and inputs that declares the outputs of a model."""
    register(type(model))

    def declare(scope: Any, inputs: Any) -> list[Any]:
        number = _number(inputs)
        if not is_classifier(model):
            return [scope.declare_local_variable("variable", number())]
        labels = _labels(model)
        label = StringTensorType([None]) if labels.dtype.kind in "OU" else Int64TensorType([None])
        zipmap = False if _several(model) else _options(scope, model).get("zipmap", True)
        if not zipmap or sklearn_parsers_map.get(type(model), _parse) is not _parse:  # then that one makes the maps
            pair = {"label": label, "probabilities": number()}
        elif zipmap == "columns":
            pair = {"output_label": label} | {name: number() for name in models.column_names(labels)}
        else:
            maps = SequenceType(DictionaryType(label, FloatTensorType([None])))
            pair = {"output_label": label, "output_probability": maps}
        return [scope.declare_local_variable(name, kind) for name, kind in pair.items()]

    return declare


def shapes(operator: Any) -> None:
    """Say the types and shapes of the outputs of an operator of skl2onnx."""
    model, rows = operator.raw_operator, operator.inputs[0].get_first_dimension()
    number = _number(operator.inputs)
    if not is_classifier(model):
        operator.outputs[0].set_type(number([rows, fitted.networks_of(fitted.parts_of(model)[1])[0].n_outputs_]))
        return
    labels, several = _labels(model), _several(model)
    kind = StringTensorType if labels.dtype.kind in "OU" else Int64TensorType
    operator.outputs[0].set_type(kind([rows, len(labels)] if several else [rows]))
    for output in operator.outputs[1:]:
        if not isinstance(output.type, SequenceType):
            output.set_type(number([rows, len(labels)] if _zipmap(operator) is False else [rows]))


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the operators of a model to skl2onnx's container."""
    model = operator.raw_operator
    if _options(scope, model).get("nocl"):
        raise ExportError("nocl: has no meaning here; the labels are those of the model")
    if container.target_opset < OPSET:
        raise ExportError(f"target_opset: got {container.target_opset}, wanted {OPSET} or more")
    graph = Graph(container.target_opset)
    given = models.begin(graph, *fitted.parts_of(model))
    if is_classifier(model):
        models.classes(graph, model, given).give(graph, zipmap=_zipmap(operator))
    else:
        graph.output("prediction", models.numbers(graph, model, given), 1)
    names = _take_in(scope, operator.inputs, graph, container)

    def own(name: str) -> str:
        return names.get(name) or names.setdefault(name, scope.get_unique_variable_name(name))

    for port, output in zip(graph.outputs, operator.outputs, strict=True):
        if not port.type.startswith("seq(") and _type(port) != _element(output):
            container.add_node("Cast", [own(port.name)], [output.full_name], to=_element(output))
        else:
            names[port.name] = output.full_name
    for tensor in graph.constants:
        if tensor.data_type == TensorProto.STRING:  # which it would not copy
            container.add_initializer(own(tensor.name), TensorProto.STRING, tensor.dims, list(tensor.string_data))
        else:
            container.add_initializer(own(tensor.name), None, None, tensor)
    for node in graph.nodes:
        attributes = {one.name: get_attribute_value(one) for one in node.attribute}
        outputs = [own(name) for name in node.output]
        container.add_node(
            node.op_type,
            [own(name) for name in node.input],
            outputs,
            op_domain=node.domain,
            op_version=ML_OPSET if node.domain else None,
            name=scope.get_unique_operator_name(node.op_type),
            **attributes,
        )


def _take_in(scope: Any, inputs: Any, graph: Graph, container: Any) -> dict[str, str]:
    """The inputs of our graph, made of skl2onnx's: the name of each in its graph."""
    given = {variable.raw_name: variable for variable in inputs}
    if graph.names() == ["X"] and graph.inputs[0].type != "string":
        columns = [_cast(scope, variable, graph.inputs[0], container) for variable in inputs]
        if len(columns) == 1:
            return {"X": columns[0]}
        name = scope.get_unique_variable_name("X")
        container.add_node("Concat", columns, [name], axis=1, name=scope.get_unique_operator_name("Concat"))
        return {"X": name}
    if missing := [name for name in graph.names() if name not in given]:
        raise ExportError(f"no input {missing[0]!r} among {', '.join(given)}: give to_onnx the table, or initial_types")
    for port in graph.inputs:
        if isinstance(port.shape[1], str):
            raise ExportError(f"column {port.name}: ONNX cannot split text into words; {_USE_OURS}")
    return {port.name: _cast(scope, given[port.name], port, container) for port in graph.inputs}


def _cast(scope: Any, variable: Any, port: Any, container: Any) -> str:
    """The name of an input of skl2onnx's in the type of one of ours."""
    if _element(variable) == _type(port):
        return variable.full_name  # type: ignore[no-any-return]
    if TensorProto.STRING in (_element(variable), _type(port)):
        raise ExportError(f"{variable.raw_name}: wanted {port.type}, got {variable.type}; {_USE_OURS}")
    name: str = scope.get_unique_variable_name(port.name)
    container.add_node("Cast", [variable.full_name], [name], to=_type(port))
    return name


def _number(inputs: Any) -> Any:
    wide = any(isinstance(variable.type, DoubleTensorType) for variable in inputs)
    return DoubleTensorType if wide else FloatTensorType


def _zipmap(operator: Any) -> bool | str:
    """What the outputs that were declared have of `zipmap`."""
    outputs = operator.outputs
    if isinstance(outputs[-1].type, SequenceType):
        return True
    return "columns" if outputs[0].raw_name.startswith("output_label") else False


def _options(scope: Any, model: Any) -> dict[str, Any]:
    known = scope.options or {}
    return {**known.get(type(model), {}), **known.get(id(model), {})}


def _labels(model: Any) -> Any:
    """The classes, as many as there are probabilities."""
    labels = np.asarray(model.classes_)
    return labels if len(labels) > 1 else np.repeat(labels, 2)


def _several(model: Any) -> bool:
    """Whether a row has several labels."""
    network = fitted.networks_of(fitted.parts_of(model)[1])[0]
    return bool(network._label_binarizer.y_type_.startswith("multilabel"))


def _type(port: Any) -> int:
    return TensorProto.DataType.Value(port.type.upper())  # type: ignore[no-any-return]


def _element(variable: Any) -> int:
    return variable.type._get_element_onnx_type()  # type: ignore[no-any-return]


for _kind in (MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor):
    register(_kind)
