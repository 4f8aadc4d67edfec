"""Model files: one zip archive with the model by skops, and one JSON member that says what it is. No pickle anywhere.

Loading builds objects of the types listed here and of scikit-learn's own estimators, nothing else; `read_about` builds
none at all.
"""

import io
import json
import os
import zipfile
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import __version__
from chainrule.network import Network

FORMAT = 1
ABOUT = "chainrule.json"
TRUSTED = [
    "numpy.dtype",
    "chainrule.network.Network",
    "chainrule.normalization.Normalizer",
    "chainrule.estimators.classifier.MLPClassifier",
    "chainrule.estimators.regressor.MLPRegressor",
    "chainrule.tabular.transformers.Columns",
    "chainrule.tabular.transformers.DateParts",
    *(f"chainrule.optimizers.{name}" for name in ("GradientDescent", "Momentum", "HeavyBall", "Nesterov")),
    *(f"chainrule.optimizers.{name}" for name in ("RMSProp", "Adam", "AdamW", "LBFGS")),
    *(f"chainrule.schedules.{name}" for name in ("Constant", "InverseTime", "StepDecay", "InverseScaling")),
    *(f"chainrule.schedules.{name}" for name in ("Cosine", "CosLog4", "WarmUp")),
]
# What an estimator needs to go on training, not to predict: moments as large as the parameters, and who was watching.
_LEFT_OUT = ("_optimizer", "_skl_callbacks")
_LARGEST_ABOUT = 16 * 2**20


class ModelFileError(ValueError):
    """One clear line about a file that cannot be written, or is no model, or not one for this version."""


def save(model: Any, path: str | os.PathLike[str], about: dict[str, Any] | None = None) -> None:
    """Write a Network, a fitted estimator or a scikit-learn pipeline to one file.

    about: whatever `read_about` is to give back without building the model; it must fit in JSON.
    The file is complete or not there: it is written beside its place and moved. What training needs to go on
    (moments of the optimizer) is left out. Raises ModelFileError.
    """
    from skops import io as skops  # on use: it takes a second to import

    model = deepcopy(model)
    parts = list(_parts(model))
    for part in parts:
        for name in _LEFT_OUT:
            getattr(part, "__dict__", {}).pop(name, None)
    network = next((part for part in parts if isinstance(part, Network)), None)
    try:
        data = skops.dumps(model, compression=zipfile.ZIP_DEFLATED)
        strange = set(skops.get_untrusted_types(data=data)) - set(TRUSTED)
    except Exception as error:  # skops raises nearly anything for objects it does not know
        raise ModelFileError(f"{_where(path)}: this model cannot be stored without code: {_line(error)}") from error
    if strange:
        raise ModelFileError(
            f"{_where(path)}: this model cannot be stored without code: it holds {', '.join(sorted(strange))}; "
            "use names instead of functions and types of your own"
        )
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ABOUT, json.dumps(_header(model, network, about), indent=1, default=_plain, allow_nan=False))
    _write(Path(path), buffer.getbuffer())


def load(path: str | os.PathLike[str]) -> Any:
    """The model of a file, ready to predict. Never runs code from the file. Raises ModelFileError."""
    read_about(path)
    from skops import io as skops
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        return skops.load(Path(path), trusted=TRUSTED)
    except UntrustedTypesFoundException as error:
        raise ModelFileError(f"{_where(path)}: refused, it asks for {_line(error)}") from None
    except Exception as error:  # zlib.error, KeyError, TypeError …: whatever a damaged file makes skops stumble over
        raise ModelFileError(f"{_where(path)}: the model file is damaged: {_line(error)}") from error


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a model file says about itself, without building anything.

    format, chainrule, numpy and scikit-learn (versions), kind (the class of the model), layers, about (what `save` was
    given). Raises ModelFileError.
    """
    where = _where(path)
    try:
        if not zipfile.is_zipfile(path):
            with open(path, "rb") as file:
                start = file.read(4)
            cut = start == b"PK\x03\x04"
            raise ModelFileError(f"{where}: " + ("the model file is cut short" if cut else "not a chainrule model"))
        with zipfile.ZipFile(path) as archive:
            if ABOUT not in archive.namelist():
                raise ModelFileError(f"{where}: not a chainrule model (a zip archive without {ABOUT})")
            if archive.getinfo(ABOUT).file_size > _LARGEST_ABOUT:
                raise ModelFileError(f"{where}: the model file is damaged: {ABOUT} is too large")
            header = json.loads(archive.read(ABOUT))
    except ModelFileError:
        raise
    except FileNotFoundError:
        raise ModelFileError(f"{where}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{where}: cannot be read: {error.strerror or error}") from None
    except Exception as error:
        raise ModelFileError(f"{where}: the model file is damaged: {_line(error)}") from None
    version = header.get("format") if isinstance(header, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ModelFileError(f"{where}: the model file is damaged: {ABOUT} names no format")
    if version > FORMAT:
        raise ModelFileError(
            f"{where}: was written by chainrule {header.get('chainrule')} with format {version}; "
            f"this one ({__version__}) reads up to {FORMAT}: upgrade chainrule"
        )
    return dict(header)


def layers(network: Network) -> list[dict[str, Any]]:
    """Each layer in words and numbers: units, activation, shapes of W and b, parameters."""
    return [
        {
            "units": network.sizes[l],
            "activation": network.g[l].spec,
            "W": network.W[l].shape,
            "b": network.b[l].shape,
            "parameters": network.W[l].size + network.b[l].size,
        }
        for l in range(1, network.L + 1)
    ]


def _header(model: Any, network: Network | None, about: dict[str, Any] | None) -> dict[str, Any]:
    import sklearn

    header: dict[str, Any] = {
        "format": FORMAT,
        "chainrule": __version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "kind": type(model).__name__,
    }
    if network is not None:
        normalizer = network.normalizer
        header |= {
            "layers": layers(network),
            "inputs": network.sizes[0],
            "parameters": network.parameters.size,
            "loss": network.loss.spec,
            "dtype": network.dtype.name,
            "normalize": normalizer and ("robust" if normalizer.clip else "standard"),
        }
    return header | {"about": about or {}}


def _parts(model: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """The model and every object of chainrule or scikit-learn inside it."""
    seen = set() if seen is None else seen
    if id(model) in seen:
        return
    seen.add(id(model))
    if isinstance(model, dict):
        inside = list(model.values())
    elif isinstance(model, (list, tuple)):
        inside = list(model)
    elif type(model).__module__.partition(".")[0] in ("chainrule", "sklearn"):
        yield model
        inside = list(getattr(model, "__dict__", {}).values())
    else:
        return
    for part in inside:
        yield from _parts(part, seen)


def _write(path: Path, data: Any) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            with open(beside, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ModelFileError(f"{_where(path)}: cannot be written: {error.strerror or error}") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return value.tolist()
    raise TypeError(f"about: {type(value).__name__} does not fit in JSON")


def _where(path: str | os.PathLike[str]) -> str:
    return os.fspath(path)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
