"""From a model of Keras 3 to a Network, and back."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import activations, layers

from chainrule.interchange.chain import LOG_SOFTMAX, Chain, ConversionError, at, finite, parts
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.text import name_of, one_line

# What is known: a function or a layer → the name of its activation here, or None for constants that there is not.
_FUNCTIONS: dict[Any, str] = {
    activations.linear: "identity",
    activations.relu: "relu",
    activations.leaky_relu: "leaky_relu(0.2)",
    activations.elu: "elu",
    activations.selu: "selu",
    activations.gelu: "gelu",
    activations.silu: "silu",
    activations.mish: "mish",
    activations.softplus: "softplus",
    activations.sigmoid: "sigmoid",
    activations.tanh: "tanh",
    activations.exponential: "exp",
    activations.softmax: "softmax",
    activations.log_softmax: LOG_SOFTMAX,
}


def _named(function: Any) -> str | None:
    """The name that is known of a function of Keras; of others None, also of such as have no hash."""
    return next((name for known, name in _FUNCTIONS.items() if known is function), None)


def _relu(g: Any) -> str | None:
    if g.max_value is not None or g.threshold:
        return None
    return f"leaky_relu({float(g.negative_slope)!r})" if g.negative_slope else "relu"


_READ: dict[type, Callable[[Any], str | None]] = {
    layers.Activation: lambda g: _named(g.activation),
    layers.ReLU: _relu,
    layers.LeakyReLU: lambda g: f"leaky_relu({float(g.negative_slope)!r})",
    layers.ELU: lambda g: f"elu({float(g.alpha)!r})",
    layers.Softmax: lambda g: "softmax" if g.axis in (1, -1) else None,
}
_KNOWN = (
    "Input, Dense, Dropout, Flatten, Normalization, Rescaling, BatchNormalization, "
    f"{', '.join(kind.__name__ for kind in _READ)}, and the functions {', '.join(g.__name__ for g in _FUNCTIONS)}"
)
_SEVERAL = "it has more than one {}. Convert a model with one input and one output: keras.Model(input, output)"
_PASSING = (layers.InputLayer, layers.Dropout, layers.AlphaDropout, layers.Flatten, layers.Identity)


def read(model: Any, output: str | None, loss: str | Loss | None) -> Network:
    """The network of a model; see `chainrule.from_keras`."""
    if not isinstance(model, keras.Model):
        raise ConversionError(f"from_keras: got {type(model).__name__}, wanted a keras.Model")
    with at(f"{type(model).__name__} {model.name!r}"):
        steps = list(_layers(model))
        if not model.built:
            raise ConversionError("it has no weights yet: begin it with keras.Input, or give it some rows first")
        chain, dtype = Chain(), _dtype(model)
        for place, layer in steps:
            with at(place):
                _read(chain, layer)
        network = chain.network(dtype, output, loss)

        def answers(X: Any) -> Any:
            given = model(X, training=False)
            if isinstance(given, (list, tuple, dict)):
                raise ConversionError(_SEVERAL.format("output"))
            return keras.ops.convert_to_numpy(given)

        # In float64, too: JAX's tanh and Keras's product on PyTorch are exact to 1e-7 there.
        chain.check(network, answers, 1e-4)
    return network


def _dtype(model: Any) -> str:
    found = {str(weight.dtype) for layer in model.layers for weight in layer.weights}
    found = {dtype for dtype in found if "float" in dtype} or {"float32"}  # some layers count
    if not (found == {"float32"} or found == {"float64"}):
        raise ConversionError(f"parameters of {', '.join(sorted(found))}; wanted all of float32 or all of float64")
    return found.pop()


def _layers(model: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """What a model does, one after the other, also that of models in it, and where it is."""
    for layer in _chain(model):
        name = f"{place}{layer.name}"
        if isinstance(layer, keras.Model):
            with at(name):
                yield from _layers(layer, f"{name}/")
        else:
            yield f"{name} ({type(layer).__name__})", layer


def _chain(model: Any) -> list[Any]:
    """The layers and operations that a model applies, in their order; ConversionError if they are no chain."""
    if not isinstance(model, (keras.Sequential, keras.Function)) or _own_call(model):
        raise ConversionError(
            "it has a `call` of its own, and what that does cannot be followed: wanted a Sequential or functional model"
        )
    if isinstance(model, keras.Sequential):
        return list(model.layers)
    for port in ("input", "output"):
        if len(getattr(model, f"{port}s")) > 1:
            raise ConversionError(_SEVERAL.format(port))
    tensor, found = model.outputs[0], []  # back from what it gives
    while tensor is not model.inputs[0]:
        operation, call, _ = tensor._keras_history
        node = operation._inbound_nodes[call]
        options = [value for name, value in node.arguments.kwargs.items() if name not in ("inputs", "training")]
        # Beside what it is called on, such as a mask; evaluation has a `training` of its own.
        if len(node.input_tensors) != 1 or any(value is not None for value in (*node.arguments.args[1:], *options)):
            with at(f"{operation.name} ({type(operation).__name__})"):
                raise _unknown(operation)
        found.append(operation)
        tensor = node.input_tensors[0]
    return found[::-1]


def _own_call(layer: Any) -> bool:
    """Whether what it does is not Keras's."""
    modules = (str(getattr(method, "__module__", "")) for method in (type(layer).call, type(layer).__call__))
    return "call" in vars(layer) or not all(module.startswith("keras.") for module in modules)


def _read(chain: Chain, layer: Any) -> None:
    if _own_call(layer):
        raise ConversionError("it has a `call` of its own, and what that does cannot be followed")
    if not isinstance(layer, layers.Layer):  # an operation of keras.ops
        raise _unknown(layer)
    if type(layer) in _PASSING:
        return
    if layer.quantization_mode is not None:
        raise ConversionError(f"its weights are {layer.quantization_mode}: convert the model before it is quantized")
    if layer.compute_dtype not in ("float32", "float64"):
        raise ConversionError(
            f"it computes in {layer.compute_dtype}, wanted float32 or float64: make the model once more with "
            'dtype="float32", and give it these weights by model.set_weights(old.get_weights())'
        )
    for weight in layer.weights:
        finite(weight.name, _numbers(weight))
    if type(layer) is layers.Dense:
        chain.linear(_array(layer.kernel).T, None if layer.bias is None else _array(layer.bias))
        _function(chain, layer.activation)
    elif type(layer) is layers.Normalization and not layer.invert:
        deviation = np.sqrt(_numbers(layer.variance).ravel())
        chain.scaling(_numbers(layer.mean).ravel(), 1 / np.maximum(deviation, keras.config.epsilon()))
    elif type(layer) is layers.Rescaling:
        chain.scaling(0.0, layer.scale, layer.offset)
    elif type(layer) is layers.BatchNormalization:
        scale = 1 / np.sqrt(_numbers(layer.moving_variance) + layer.epsilon)
        gamma, beta = (None if part is None else _numbers(part) for part in (layer.gamma, layer.beta))
        chain.scaling(
            _numbers(layer.moving_mean), scale if gamma is None else scale * gamma, 0.0 if beta is None else beta
        )
    elif type(layer) in _READ:
        name = _READ[type(layer)](layer)
        if name is None:
            raise _unknown(layer)
        chain.activation(name)
    else:
        raise _unknown(layer)


def _function(chain: Chain, function: Any) -> None:
    if isinstance(function, layers.Layer):
        _read(chain, function)
    elif (name := _named(function)) is not None:
        chain.activation(name)
    else:
        raise ConversionError(f"activation {name_of(function)!r} is not known. Known are {_KNOWN}")


def _unknown(layer: Any) -> ConversionError:
    return ConversionError(f"{one_line(layer, 80)} is not among what a Network has. Known are {_KNOWN}")


def _array(tensor: Any) -> Any:
    # A variable becomes a tensor first: as it is, NumPy 2 warns of it.
    return keras.ops.convert_to_numpy(keras.ops.convert_to_tensor(tensor))


def _numbers(tensor: Any) -> Any:
    return _array(tensor).astype(np.float64)


_WRITTEN = {name: function.__name__ for function, name in _FUNCTIONS.items() if "(" not in name}  # of a Dense
_WITH_CONSTANT: dict[str, Callable[[float, str], Any]] = {
    "leaky_relu": lambda alpha, dtype: layers.LeakyReLU(negative_slope=alpha, dtype=dtype),
    "elu": lambda alpha, dtype: layers.ELU(alpha=alpha, dtype=dtype),
}


def write(network: Network, dropout: float | Sequence[float], logits: bool, fold: bool) -> Any:
    """The model of a network; see `chainrule.to_keras`."""
    dtype, made = network.dtype.name, [keras.Input((network.sizes[0],), dtype=network.dtype.name)]
    with at("to_keras"):
        normalizer = getattr(network, "normalizer", None)
        if normalizer is not None and normalizer.clip:  # folded or not
            raise ConversionError(
                "Keras has no layer for the normalization 'robust': give it net.normalizer(X).T, and convert a copy of "
                "the network whose normalizer is None"
            )
        names = (*(name for name in _WRITTEN if name != LOG_SOFTMAX), *_WITH_CONSTANT)
        normalizer, chain = parts(network, dropout, logits, fold, tuple(dict.fromkeys(names)))
        if normalizer is not None and normalizer.scale.max() * keras.config.epsilon() > 1:
            raise ConversionError(
                f"Keras takes deviations below {keras.config.epsilon():g} for that, and there is one: give fold=True"
            )
    if normalizer is not None:
        with np.errstate(divide="ignore"):  # a constant feature has the scale 0: its variance becomes infinite
            variance = 1 / normalizer.scale.ravel().astype(np.float64) ** 2
        made.append(layers.Normalization(mean=normalizer.center.ravel(), variance=variance, dtype=dtype))
    state = random.getstate()  # from which Keras takes the seeds of Dropout
    for _, b, g, rate in chain:
        constant = g is not None and g.name in _WITH_CONSTANT
        function = None if g is None or constant else _WRITTEN[g.name]
        made.append(layers.Dense(len(b), activation=function, kernel_initializer="zeros", dtype=dtype))
        made += [_WITH_CONSTANT[g.name](g.alpha, dtype)] if constant else []
        made += [layers.Dropout(rate, dtype=dtype)] if rate else []
    random.setstate(state)
    model = keras.Sequential(made)
    dense = [layer for layer in model.layers if isinstance(layer, layers.Dense)]
    for layer, (W, b, _, _) in zip(dense, chain, strict=True):
        layer.set_weights([W.T, b])
    return model
