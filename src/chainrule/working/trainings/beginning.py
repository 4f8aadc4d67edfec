"""Where a training begins: the parameters before the first update, and whether hidden units are alike there."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.network import Network
from chainrule.working.trainings.calls import Call
from chainrule.working.trainings.returned import Returned


@dataclass
class Start:
    """parameters: all of them, those before the first update in front where they are known.

    first: the number of the update from the first to the second, 2 where the first update cannot be checked.
    early: whether the list begins before the first update and has no more parameters than there are costs.
    called: whether those in front are of a call with the learning rate 0.
    """

    parameters: list[Any]
    first: int
    early: bool = False
    called: bool = False
    notes: list[str] = field(default_factory=list)


def found(call: Call, returned: Returned) -> Start:
    """The parameters before the first update: in front of the list, or those of a call with the learning rate 0."""
    parameters, costs = returned.parameters, returned.costs
    if len(parameters) == len(costs) + 1:
        return Start(parameters, 1)
    again, still = call.again(call.rate) if call.rate is not None else None, call.again(0.0)
    alike = again is not None and _equal(again.parameters[0], parameters[0])
    if alike and still is not None and _equal(still.parameters[0], still.parameters[-1]):
        if _equal(still.parameters[0], parameters[0]) and not _equal(parameters[0], parameters[-1]):
            return Start(parameters, 1, early=len(parameters) == len(costs))
        return Start([still.parameters[0], *parameters], 1, called=True)
    if _begins(parameters[0]) and not all(map(_begins, parameters)):
        return Start(parameters, 1, early=bool(costs) and len(parameters) == len(costs))
    return Start(
        parameters,
        2,
        notes=["the first update is not checked, because the parameters before it are not there: put them in front"],
    )


def _begins(layers: Any) -> bool:
    """Whether they look like those before the first update: biases of 0, of one layer weights as well."""
    W, b = layers
    return not any(np.any(one) for one in (b if len(W) > 1 else [*W, *b]))


def _equal(one: Any, other: Any) -> bool:
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=0, equal_nan=True)
        for half, its in zip(one, other, strict=True)
        for a, b in zip(half, its, strict=True)
    )


def alike(net: Network, theta: Array) -> tuple[str, str] | None:
    """The first W whose units are all alike, into them and out of them, and what that looks like."""
    W, b = net.unpack(theta)
    for l in range(1, net.L):
        rows, columns = np.hstack([W[l], b[l]]), W[l + 1]
        if len(rows) < 2 or np.ptp(rows, axis=0).any() or np.ptp(columns, axis=1).any():
            continue
        how = "all weights begin at 0" if not rows[:, :-1].any() and not columns.any() else "all weights begin alike"
        return (
            f"W[{l}]",
            f"{how}: the {len(rows)} units of layer {l} get the same gradient, and stay one unit for ever; begin with "
            "small random numbers",
        )
    return None
