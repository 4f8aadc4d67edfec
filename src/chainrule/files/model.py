"""Model files: one safetensors file with the parameters as arrays, all else as JSON. No pickle anywhere.

W[l] and b[l] can be read with any library of the format. Loading builds values of the types that codec.py lists, and
nothing else; `read_about` builds none.
"""

import json
import os
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, TypeVar, overload

import numpy as np

from chainrule._version import __version__
from chainrule.errors import ModelFileError, ModelVersionWarning
from chainrule.files import budget, codec, container
from chainrule.files.atomic import File
from chainrule.text import as_json, one_line

Model = TypeVar("Model")
Header = dict[str, Any]  # what a file says about its content, see `read_about`

MANY = 1000  # columns, classes and epochs that a header lists at most
TABULAR = ("TabularClassifier", "TabularRegressor")  # a preparation, and networks whose mean is the answer
CHECKPOINT = "checkpoint"  # the kind of a file that training can go on from


def save(model: Any, path: File, about: dict[str, Any] | None = None) -> None:
    """Write a network, an estimator or a pipeline to one file.

    The file is complete and on the disk, or not there: a file of that name is replaced when the new one is complete.

    Parameters
    ----------
    model : Network, MLPClassifier, MLPRegressor or sklearn.pipeline.Pipeline
        What to store. What only training needs (the optimizer's moments, callbacks) is left out.
    path : str or os.PathLike, the file
    about : dict, optional
        Anything that fits in JSON, NumPy's arrays and numbers included. ``chainrule inspect`` shows it, and
        `chainrule.files.model.read_about` gives it back without building the model.

    Raises
    ------
    ModelFileError
        If the file cannot be written, or the model holds a function or an object of a type that is not listed in
        `chainrule.files.codec.PLACES`.
    TypeError, ValueError
        If `about` does not fit in JSON.

    See Also
    --------
    load : The way back.
    """
    if isinstance(model, (str, os.PathLike)):
        raise ModelFileError(f"save: got {model!r} as the model; the model comes first: save(model, path)")
    if codec.stored_name(type(model)) != codec.NETWORK and not hasattr(model, "get_params"):
        raise ModelFileError(f"{os.fspath(path)}: {type(model).__name__} is no network, estimator or pipeline")
    write(path, model, about)


@overload
def load(path: File) -> Any: ...
@overload
def load(path: File, kind: type[Model]) -> Model: ...
def load(path: File, kind: type[Any] = object) -> Any:
    """Read a model, ready to predict. No code from the file is run.

    The parameters of a `Network` stay in a large file until they are used: pages of it are read when they are needed
    and copied when they are written to. The file itself never changes. While the network is in use, replace such a
    file, as `save` does; do not write into it.

    Parameters
    ----------
    path : str or os.PathLike, a file that `save` or a training with ``checkpoint=`` has written
    kind : type, optional
        The class that the model must have. Type checkers then know it: ``load(path, Network)`` is a `Network`.

    Returns
    -------
    Network, MLPClassifier, MLPRegressor or sklearn.pipeline.Pipeline
        The model as it was saved; of a checkpoint, its network.

    Raises
    ------
    ModelFileError
        If there is no such file, it is not a model file or damaged, or the model is not of this kind.

    Warns
    -----
    ModelVersionWarning
        If the file holds scikit-learn's transformers of another version of scikit-learn.

    See Also
    --------
    save : The way there.
    """
    model = load_with_about(path)[1]
    if not isinstance(model, kind):
        raise ModelFileError(f"{os.fspath(path)}: got a {type(model).__name__}, wanted {kind.__name__}")
    return model


def load_with_about(path: File) -> tuple[Header, Any]:
    """What `read_about` and `load` give, read at once. Raises ModelFileError."""
    header, content = read(path)
    return header, content["network"] if header["kind"] == CHECKPOINT else content


def read_about(path: File) -> Header:
    """What a model file says about itself, without building anything.

    chainrule, numpy and scikit-learn (versions), kind (the class of the model), layers, columns, classes, preprocessing
    and training where there are any, and about (what `save` was given). Raises ModelFileError.
    """
    file = container.read(path)
    with container.reading(path):
        header = _parse_header(file)
    return header


def write(path: File, content: Any, about: dict[str, Any] | None = None) -> None:
    """Write a model, or the content of a checkpoint: a dict with at least network, epoch and epochs.

    Raises ModelFileError, and TypeError or ValueError for an `about` that does not fit in JSON.
    """
    arrays: dict[str, Any] = {}
    try:
        tree = codec.encode(content, arrays)
    except codec.UnknownTypeError as error:
        raise ModelFileError(
            f"{os.fspath(path)}: this model cannot be stored without code: {error}; "
            "use names instead of functions, and no types but those of chainrule.files.codec.PLACES"
        ) from None
    except codec.UnsafeStateError as error:
        raise ModelFileError(f"{os.fspath(path)}: this model cannot be stored: {error}") from None
    texts = {
        "about": json.dumps(_describe(content, about or {})),
        "model": json.dumps(tree, separators=(",", ":"), allow_nan=False),
    }
    try:
        _check_budget(content, texts, sum(array.nbytes for array in arrays.values()))
    except container.RefusedError as error:
        raise ModelFileError(f"{os.fspath(path)}: {error}") from None
    container.write(path, texts, arrays)


def read(path: File) -> tuple[Header, Any]:
    """The header of a file and its model, or the content of a checkpoint. Raises ModelFileError."""
    file = container.read(path)
    with container.reading(path):
        header = _parse_header(file)
        if header["kind"] != codec.NETWORK:
            file = file.unmapped()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # by each of scikit-learn's objects, of another version
            content = codec.decode(container.parse(file.texts["model"]), file)
            _check_budget(content, file.texts, file.data.size)
        kind = CHECKPOINT if isinstance(content, dict) else type(content).__name__
        if kind != header["kind"]:
            raise ValueError(f"it holds a {kind}")
        if kind == CHECKPOINT and codec.stored_name(type(content["network"])) != codec.NETWORK:
            raise ValueError("it holds no network")
    if header.get("preprocessing"):
        import sklearn

        if (written := header.get("scikit-learn")) != sklearn.__version__:
            warnings.warn(
                f"{os.fspath(path)}: its preprocessing was written with scikit-learn {one_line(written)}, this is "
                f"{sklearn.__version__}; if its predictions look wrong, train it again",
                ModelVersionWarning,
                stacklevel=4,
            )
    return header, content


def _check_budget(content: Any, texts: dict[str, str], size: int) -> None:
    """RefusedError for a model whose use would take more than its size lets one expect. size: of its arrays."""
    try:
        if not isinstance(content, dict):  # a checkpoint, of which the network is used
            budget.check(content, size + len(texts["model"]))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise container.RefusedError(f"refused: {one_line(error)}") from None


def _parse_header(file: container.Container) -> Header:
    header = container.parse(file.texts["about"])
    if not (isinstance(header, dict) and isinstance(header["kind"], str)):
        raise ValueError("it does not say what it is")
    return header


def _describe(content: Any, about: dict[str, Any]) -> Header:
    """All that a file says about its content: what `read_about` gives back."""
    header: Header = {"chainrule": __version__, "numpy": np.__version__, "scikit-learn": version("scikit-learn")}
    if isinstance(content, dict):
        network = content["network"]
        header |= {"kind": CHECKPOINT, "epoch": content["epoch"], "epochs": content["epochs"]}
    else:
        header["kind"] = type(content).__name__
        seeded = last = content[-1] if header["kind"] == "Pipeline" else content
        if header["kind"] in TABULAR:
            last = getattr(content, "networks_", [content])[0]
        network = last if header["kind"] == codec.NETWORK else getattr(last, "network_", None)
    if header["kind"] not in (CHECKPOINT, codec.NETWORK):
        header["preprocessing"] = list(_steps(content))
        header["columns"] = _names(getattr(content, "feature_names_in_", None))
        header["classes"] = _names(getattr(content, "classes_", None))
        header["training"] = {
            "seed": seed if isinstance(seed := getattr(seeded, "random_state", None), int) else None,
            "epochs": getattr(last, "n_iter_", None),
            "history": {name: _thin(curve) for name, curve in getattr(last, "history_", {}).items()},
        }
    if header["kind"] in TABULAR and network is not None:
        header |= _describe_table(content)
    if network is not None:
        header |= network.describe()
    return {**as_json(header), "about": as_json(about, _refuse)}


def _describe_table(model: Any) -> Header:
    """What a model of a table has understood of its columns, and how its networks were chosen."""
    told = ("name", "role", "note", "missing")
    return {
        "task": model.plan_.task,
        "target": model.plan_.target,
        "columns": [{name: getattr(column, name) for name in told} for column in model.plan_.columns[:MANY]],
        "networks": len(model.networks_),
        "leaderboard": model._leaderboard,
    }


def _steps(model: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """What scikit-learn's transformers do before the network, in order, and to which columns."""
    kind = type(model).__name__
    if kind in TABULAR:
        if (preparation := getattr(model, "preparation_", None)) is not None:
            yield from _steps(preparation)
    elif kind == "Pipeline":
        for step, part in model.steps:
            yield from _steps(part, f"{name}.{step}" if name else step)
    elif kind == "ColumnTransformer":
        for step, part, columns in getattr(model, "transformers_", model.transformers):
            for inner in _steps(part, f"{name}.{step}" if name else step):
                yield inner | {"columns": _names(columns)}
    elif not hasattr(model, "hidden_layer_sizes"):  # or the words "drop" and "passthrough"
        yield {"step": name, "does": model if isinstance(model, str) else kind}


def _thin(curve: list[float]) -> list[float]:
    """At most MANY values of a curve, the first and the last among them."""
    return [curve[i] for i in np.unique(np.linspace(0, len(curve) - 1, min(len(curve), MANY)).astype(int))]


def _names(names: Any) -> Any:
    """The first MANY of a list of columns or classes as JSON has them, what it lacks as text."""
    listed = as_json(names, str)
    return listed[:MANY] if isinstance(listed, list) else listed


def _refuse(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("about: NaN and infinity do not fit in JSON; say None, or a text")
    raise TypeError(f"about: {type(value).__name__} does not fit in JSON")
