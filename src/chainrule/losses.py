"""Losses: what a network pays for an output, and what it learns from it, in one table.

A loss takes the logits Z[L], not the outputs, and returns 𝓛 of every example and dZ[L] = ∂(Σ𝓛)/∂Z[L] from one place, so
that the two cannot drift apart and a certain, wrong prediction costs a large, finite amount instead of infinity.
𝓛 is the **sum over outputs** of one example, shape (1, m); the cost J is its mean over the examples (equations.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chainrule.activations import Activation, sigmoid, softmax, softplus
from chainrule.activations import get as get_activation
from chainrule.text import parse_spec, unknown

Array = Any


def _sum(E: Array) -> Array:
    return E.__array_namespace__().sum(E, axis=0, keepdims=True)  # (n, m) → (1, m)


def _binary_cross_entropy(Z: Array, Y: Array) -> tuple[Array, Array]:
    return _sum(softplus(Z) - Y * Z), sigmoid(Z) - Y


def _cross_entropy(Z: Array, Y: Array) -> tuple[Array, Array]:
    xp = Z.__array_namespace__()
    S = Z - xp.max(Z, axis=0, keepdims=True)  # (n, m)
    return _sum(Y * (xp.log(_sum(xp.exp(S))) - S)), softmax(Z) - Y


def _half_squared_error(g: Activation, Z: Array, Y: Array) -> tuple[Array, Array]:
    E = g(Z) - Y  # (n, m)
    return _sum(E**2) / 2, E * g.slope(Z)


def _absolute(Z: Array, Y: Array) -> tuple[Array, Array]:
    xp = Z.__array_namespace__()
    return _sum(xp.abs(Z - Y)), xp.sign(Z - Y)


def _huber(Z: Array, Y: Array, delta: float = 1.0) -> tuple[Array, Array]:
    xp = Z.__array_namespace__()
    E = Z - Y  # (n, m)
    near = xp.minimum(xp.abs(E), delta)
    return _sum(near * (xp.abs(E) - near / 2)), xp.clip(E, -delta, delta)


def _poisson(Z: Array, Y: Array) -> tuple[Array, Array]:
    xp = Z.__array_namespace__()
    A = xp.exp(Z)
    ylogy = Y * xp.log(xp.where(Y > 0, Y, 1))  # 0 log 0 = 0
    return _sum(A - Y - Y * Z + ylogy), A - Y


def _anything(Y: Array) -> bool:
    return True


def _between_0_and_1(Y: Array) -> bool:
    return bool((Y >= 0).all() and (Y <= 1).all())


def _distribution(Y: Array) -> bool:
    return _between_0_and_1(Y) and bool(abs(Y.sum(axis=0) - 1).max(initial=0) < 1e-4)


def _not_negative(Y: Array) -> bool:
    return bool((Y >= 0).all())


@dataclass(frozen=True)
class Loss:
    """One row of the table: call it with Z[L] and Y, both (n[L], m), for 𝓛 (1, m) and dZ[L] (n[L], m)."""

    name: str
    output: str
    function: Callable[..., tuple[Array, Array]]
    formula: str
    accepts: Callable[[Array], bool] = _anything
    wanted: str = "real numbers"
    delta: float | None = None

    def __call__(self, Z: Array, Y: Array) -> tuple[Array, Array]:
        """(𝓛, dZ[L])."""
        return self.function(Z, Y) if self.delta is None else self.function(Z, Y, self.delta)

    @property
    def spec(self) -> str:
        """The name that gives this loss back: ``"huber(1.35)"``."""
        return self.name if self.delta is None else f"{self.name}({float(self.delta)!r})"


_ROWS = (
    Loss(
        "binary_cross_entropy",
        "sigmoid",
        _binary_cross_entropy,
        "−Σ [y log a + (1 − y) log(1 − a)]",
        _between_0_and_1,
        "0 or 1 (or a probability between)",
    ),
    Loss(
        "cross_entropy",
        "softmax",
        _cross_entropy,
        "−Σ y log a",
        _distribution,
        "one-hot columns (or probabilities with sum 1)",
    ),
    *(
        Loss("half_squared_error", output, partial(_half_squared_error, get_activation(output)), "½ Σ (a − y)²")
        for output in ("identity", "relu", "tanh", "sigmoid")
    ),
    Loss("absolute", "identity", _absolute, "Σ |a − y|"),
    Loss("huber", "identity", _huber, "Σ ½e² if |e| ≤ δ else δ(|e| − ½δ), e = a − y", delta=1.0),
    Loss("poisson", "exp", _poisson, "Σ a − y + y log(y/a)", _not_negative, "counts, 0 or more"),
)
LOSSES: dict[tuple[str, str], Loss] = {(row.name, row.output): row for row in _ROWS}
DEFAULT_LOSS = {row.output: row.name for row in reversed(_ROWS)}  # the first row of an output is its own loss


def get(spec: str | None, output: str) -> Loss:
    """The loss of a name (``"huber(1.35)"`` sets δ) for an output activation; None picks the one that belongs to it.

    Raises ValueError for an unknown name and for a pair that does not go together.
    """
    if output not in DEFAULT_LOSS:
        raise ValueError(
            f"output: got {output!r}, which no loss here is defined for; wanted one of {', '.join(DEFAULT_LOSS)}"
        )
    name, number = (DEFAULT_LOSS[output], None) if spec is None else parse_spec(spec)
    outputs = [o for n, o in LOSSES if n == name]
    if not outputs:
        raise unknown("loss", name, dict.fromkeys(n for n, _ in LOSSES))
    if output not in outputs:
        raise ValueError(f"loss {name!r} needs output {' or '.join(map(repr, outputs))}, got output={output!r}")
    row = LOSSES[name, output]
    if number is None:
        return row
    if row.delta is None:
        raise ValueError(f"loss {spec!r}: {name} takes no constant, write {name!r}")
    if not number > 0:
        raise ValueError(f"loss {spec!r}: δ must be above 0")
    return replace(row, delta=number)
