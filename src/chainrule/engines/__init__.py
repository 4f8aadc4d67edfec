"""Engines: who does the arithmetic, and which of them can.

``"numpy"`` is the reference: equations.py and optimizers.py in a loop. ``"native"`` is the compiled kernel, which
computes the same, fused, and is checked against it. ``"jax"`` is the reference once more, compiled by JAX for a GPU,
an extra. All keep the contract of contract.py.
"""

import logging
import os
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from chainrule.engines import devices, kernel, native, reference
from chainrule.engines.contract import Engine
from chainrule.optimizers import LBFGS
from chainrule.text import unknown

if TYPE_CHECKING:
    from chainrule.network import Network

log = logging.getLogger("chainrule")

NAMES = ("auto", "native", "numpy", "jax")
PRECISIONS = ("float32", "float64", "bf16")  # the first two are those of networks
ENGINES: dict[str, Engine] = {"numpy": reference.Numpy()}  # those that are always here
if kernel.BUILT:
    ENGINES["native"] = native.Native()


def get(name: str, network: "Network", optimizer: Any = None, precision: str | None = None) -> Engine:
    """The engine of a name, for a network, an optimizer and a precision; ``"auto"`` takes the faster of the first two.

    Where ``"auto"`` has to take the slower one, the log says why. ValueError for an unknown name, and for ``"native"``
    or a precision that this network, engine or machine does not have. ImportError for ``"jax"`` where it is not there.
    """
    if name not in NAMES:
        raise unknown("engine", name, NAMES)
    if precision is not None:
        _check_precision(precision, network.dtype.name)
    if name == "jax":
        return _jax(optimizer, precision)
    if precision == "bf16":
        return _in_bf16(name, network, optimizer)
    if name == "numpy":
        return ENGINES["numpy"]
    reason = _obstacle(network, optimizer)
    if reason is None:
        return ENGINES["native"]
    if name == "native":
        raise ValueError(f"engine 'native': {reason}. Leave the choice to engine='auto'.")
    _log_once(f"networks run on the slower engine 'numpy': {reason}")
    return ENGINES["numpy"]


def _obstacle(network: "Network", optimizer: Any) -> str | None:
    """Why the kernel cannot train a network with an optimizer; None if it can."""
    reason = kernel.obstacle(network.g[1:], network.loss)
    if reason is None and not (optimizer is None or isinstance(optimizer, LBFGS) or native.knows(optimizer)):
        reason = f"the compiled kernel has no optimizer {type(optimizer).__name__}"
    return reason


def _check_precision(precision: str, dtype: str) -> None:
    """ValueError for one that is neither that of a network nor bf16 for a network of float32."""
    if precision == dtype:
        return
    if precision not in PRECISIONS:
        raise unknown("precision", precision, list(PRECISIONS))
    if precision != "bf16":
        raise ValueError(
            f"precision: got {precision!r}, but the network is {dtype}. Make it with dtype={precision!r}, or leave "
            "precision out"
        )
    if dtype != "float32":
        raise ValueError(
            "precision: 'bf16' is for products of float32 networks, got a float64 one. Make it with dtype='float32', "
            "or leave precision out"
        )


def _in_bf16(name: str, network: "Network", optimizer: Any) -> Engine:
    """The engine that has products in bf16. ValueError where there is none."""
    if name == "numpy":
        raise ValueError("precision: engine 'numpy' has no 'bf16'. Leave out the one or the other")
    _check_bf16(optimizer)
    if (reason := _obstacle(network, optimizer) or kernel.bf16_obstacle()) is not None:
        raise ValueError(f"precision: there is no 'bf16' here: {reason}. Leave precision out to train in float32")
    return ENGINES["native"]


def _check_bf16(optimizer: Any) -> None:
    """ValueError for an optimizer that cannot do with products in bf16."""
    if isinstance(optimizer, LBFGS):
        raise ValueError(
            "precision: the line search of LBFGS needs gradients that are more exact than those of 'bf16'. Take "
            "another optimizer, or leave precision out"
        )


def of_jax() -> ModuleType:
    """The package of the engine "jax". ImportError where JAX is not there, RuntimeError where it has no device."""
    try:
        import jax as library

        from chainrule.engines import jax
    except ImportError as error:
        raise ImportError(f"engine 'jax' needs an extra: pip install \"chainrule[jax]\" ({error})") from error
    devices.of_jax(library)
    if _used_in.setdefault("process", os.getpid()) != os.getpid():
        raise RuntimeError(
            "engine 'jax': this process was forked from one in which JAX has computed, and would wait forever. Start "
            "it anew: ProcessPoolExecutor(mp_context=multiprocessing.get_context('spawn')), say"
        )
    return jax


def _jax(optimizer: Any, precision: str | None) -> Engine:
    """The engine "jax". ImportError where JAX is not there, ValueError where its device has no such precision."""
    package = of_jax()
    if precision == "bf16":
        _check_bf16(optimizer)
        if (reason := package.bf16_obstacle()) is not None:
            raise ValueError(f"precision: there is no 'bf16' here: {reason}. Leave precision out to train in float32")
    return package.ENGINE  # type: ignore[no-any-return]


_used_in: dict[str, int] = {}  # the process in which JAX was first asked for; a fork has the dict of its parent


@cache
def _log_once(message: str) -> None:
    log.warning(message)
