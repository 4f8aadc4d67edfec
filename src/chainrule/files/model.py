"""Model files: one safetensors file with the parameters as arrays, all else as JSON. No pickle anywhere.

W[l] and b[l] can be read with any library of the format. Loading builds objects of the types that objects.py lists,
nothing else; `read_about` builds none at all.
"""

import json
import os
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from math import isfinite
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.errors import ModelFileError
from chainrule.files import codec, container
from chainrule.network import Network
from chainrule.text import one_line

File = str | os.PathLike[str]

MANY = 1000  # columns, classes and epochs, of which a header tells
CHECKPOINT = "checkpoint"  # the kind of a file that training can go on from


def save(model: Any, path: File, about: dict[str, Any] | None = None) -> None:
    """Write a Network, an estimator or a scikit-learn pipeline to one file.

    about: whatever `read_about` is to give back without building the model; it must fit in JSON.
    The file is complete and on the disk, or not there: a file of that name is replaced when the new one is. What
    training needs to go on (moments of the optimizer) is left out. Raises ModelFileError.
    """
    if not isinstance(model, Network) and not hasattr(model, "get_params"):
        raise ModelFileError(f"{os.fspath(path)}: {type(model).__name__} is no network, estimator or pipeline")
    header = _header(model) | {"about": about or {}}
    if "history" in header["about"]:
        header.pop("training", None)
    write(path, header, model)


def load(path: File) -> Any:
    """The model of a file, ready to predict; of a checkpoint the network. Never runs code from the file.

    The parameters of a Network stay in the file until they are used: pages of it are read when they are needed, and
    copied when they are written to; the file itself never changes. Replace such a file (as `save` does), do not write
    into it, while the network is in use. Raises ModelFileError.
    """
    return load_with_about(path)[1]


def load_with_about(path: File) -> tuple[dict[str, Any], Any]:
    """What `read_about` and `load` give, from one look at the file. Raises ModelFileError."""
    header, model = read(path)
    return header, model["network"] if header["kind"] == CHECKPOINT else model


def read_about(path: File) -> dict[str, Any]:
    """What a model file says about itself, without building anything.

    chainrule, numpy and scikit-learn (versions), kind (the class of the model), layers, columns, classes, preprocessing
    and training where there are any, and about (what `save` was given). Raises ModelFileError.
    """
    return _about(path, container.read(path))


def write(path: File, header: dict[str, Any], model: Any) -> None:
    """Write a file with this header, in which "kind" says what the model is. Raises ModelFileError."""
    versions = {"chainrule": __version__, "numpy": np.__version__, "scikit-learn": version("scikit-learn")}
    arrays: dict[str, Any] = {}
    try:
        tree = codec.encode(model, arrays)
    except codec.UnknownTypeError as error:
        raise ModelFileError(
            f"{os.fspath(path)}: this model cannot be stored without code: {error}; "
            "use names instead of functions, and no types but those of chainrule.codec.TYPES"
        ) from None
    try:
        told = json.dumps(versions | header, default=_plain, allow_nan=False)
    except ValueError:
        raise ValueError("about: NaN and infinity do not fit in JSON; say None, or a text") from None
    texts = {
        "about": told,
        "model": json.dumps(tree, separators=(",", ":"), allow_nan=False),
    }
    container.write(path, texts, arrays)


def read(path: File) -> tuple[dict[str, Any], Any]:
    """The header and the model of a file. Raises ModelFileError."""
    box = container.read(path)
    header = _about(path, box)
    try:
        if header["kind"] != "Network":
            box = box.unmapped()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Trying to unpickle")  # by scikit-learn, once for each of its objects
            model = codec.decode(container.parse(box.texts["model"]), box)
        found = CHECKPOINT if isinstance(model, dict) else type(model).__name__
        if found != header["kind"] or (found == CHECKPOINT and not isinstance(model["network"], Network)):
            raise ValueError(f"it holds a {found}")
    except codec.UnknownTypeError as error:
        raise ModelFileError(f"{os.fspath(path)}: refused, {error}") from None
    except Exception as error:  # whatever the states of damaged objects make their classes stumble over
        raise ModelFileError(f"{os.fspath(path)}: the model file is damaged: {one_line(error)}") from error
    if header.get("preprocessing"):
        import sklearn

        if (written := header.get("scikit-learn")) != sklearn.__version__:
            warnings.warn(
                f"{os.fspath(path)}: its preprocessing was written with scikit-learn {one_line(written)}, this is "
                f"{sklearn.__version__}; if its predictions look wrong, train it again",
                stacklevel=4,
            )
    return header, model


def _about(path: File, box: container.Container) -> dict[str, Any]:
    try:
        header = container.parse(box.texts["about"])
        if not (isinstance(header, dict) and isinstance(header["kind"], str)):
            raise ValueError("it does not say what it is")
    except (ValueError, KeyError, RecursionError) as error:
        raise ModelFileError(f"{os.fspath(path)}: the model file is damaged: {one_line(error)}") from None
    return header


def _header(model: Any) -> dict[str, Any]:
    header: dict[str, Any] = {"kind": type(model).__name__}
    network = model if isinstance(model, Network) else None
    last = model[-1] if header["kind"] == "Pipeline" else model
    if network is None:
        network = getattr(last, "network_", None)
        header["preprocessing"] = list(_steps(model))
        header["columns"] = _listed(getattr(model, "feature_names_in_", None))
        header["classes"] = _listed(getattr(last, "classes_", None))
        header["training"] = {
            "seed": seed if isinstance(seed := getattr(last, "random_state", None), int) else None,
            "epochs": getattr(last, "n_iter_", None),
            "history": _thinned(getattr(last, "history_", {})),
        }
    if isinstance(network, Network):
        header |= network.describe()
    return header


def _steps(model: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """What is done before the network, by scikit-learn's transformers, and to which columns."""
    kind = type(model).__name__
    if kind == "Pipeline":
        for step, part in model.steps:
            yield from _steps(part, f"{name}.{step}" if name else step)
    elif kind == "ColumnTransformer":
        for step, part, columns in getattr(model, "transformers_", model.transformers):
            for found in _steps(part, f"{name}.{step}" if name else step):
                yield found | {"columns": _listed(columns)}
    elif not hasattr(model, "hidden_layer_sizes"):  # or the words "drop" and "passthrough"
        yield {"step": name, "does": model if isinstance(model, str) else kind}


def _thinned(history: dict[str, list[float]]) -> dict[str, list[float | None]]:
    """At most MANY epochs of each curve, with the first and the last; None for what is not finite."""
    thinned = {}
    for name, values in history.items():
        places = np.unique(np.linspace(0, len(values) - 1, min(len(values), MANY)).astype(int))
        thinned[name] = [values[i] if isfinite(values[i]) else None for i in places]
    return thinned


def _listed(values: Any) -> Any:
    """The first MANY of them, as JSON has them."""
    if values is None or isinstance(values, (str, int)):
        return values
    if not hasattr(values, "__len__"):
        return str(values)
    listed = values[:MANY].tolist() if isinstance(values, np.ndarray) else list(values)[:MANY]
    return [value if isinstance(value, (str, int)) else str(value) for value in listed]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return value.tolist()
    raise TypeError(f"about: {type(value).__name__} does not fit in JSON")
