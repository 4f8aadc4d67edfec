"""Engines: who does the arithmetic, and which of them can.

``"numpy"`` is the reference: equations.py and optimizers.py in a loop. ``"native"`` is the compiled kernel, which
computes the same, fused, and is checked against it. Both keep the contract of contract.py.
"""

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from chainrule.engines import kernel, native, reference
from chainrule.engines.contract import Engine
from chainrule.optimizers import LBFGS
from chainrule.text import unknown

if TYPE_CHECKING:
    from chainrule.network import Network

log = logging.getLogger("chainrule")

ENGINES: dict[str, Engine] = {"numpy": reference.Numpy()}
if kernel.BUILT:
    ENGINES["native"] = native.Native()


def get(name: str, network: "Network", optimizer: Any = None) -> Engine:
    """The engine of a name, for a network and an optimizer; ``"auto"`` takes the fastest that can.

    Where ``"auto"`` has to take the slower one, the log says why. ValueError for an unknown name, and for ``"native"``
    where the kernel cannot do it.
    """
    if name not in ("auto", "numpy", "native"):
        raise unknown("engine", name, ["auto", "numpy", "native"])
    if name == "numpy":
        return ENGINES["numpy"]
    reason = kernel.obstacle(network.g[1:], network.loss)
    if reason is None and not (optimizer is None or isinstance(optimizer, LBFGS) or native.knows(optimizer)):
        reason = f"the compiled kernel has no optimizer {type(optimizer).__name__}"
    if reason is None:
        return ENGINES["native"]
    if name == "native":
        raise ValueError(f"engine 'native': {reason}. Leave the choice to engine='auto'.")
    _log_once(f"networks run on the slower engine 'numpy': {reason}")
    return ENGINES["numpy"]


@cache
def _log_once(message: str) -> None:
    log.warning(message)
