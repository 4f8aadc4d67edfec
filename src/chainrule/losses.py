"""Losses: the price of an output and its derivative, in one table.

A loss takes Z[L], not A[L], and returns both 𝓛 of every example and dZ[L] = ∂(Σ𝓛)/∂Z[L]. So the two cannot drift apart,
and a prediction that is certain and wrong costs a large, finite amount instead of infinity.
𝓛 is the **sum over outputs** of one example, shape (1, m); the cost J is its mean over the examples (equations.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from chainrule.activations import Activation, sigmoid, softmax, softplus
from chainrule.activations import get as get_activation
from chainrule.text import meant, name_of, parse_spec, unknown

__all__ = ["LOSSES", "Loss", "get"]

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


def real_numbers(Y: Array) -> bool:
    """Accept targets of any size."""
    return True


def probabilities(Y: Array) -> bool:
    """Whether targets lie from 0 to 1."""
    return counts(Y) and bool((Y <= 1).all())


def distributions(Y: Array) -> bool:
    """Whether the columns of targets are probabilities that add up to 1."""
    return probabilities(Y) and bool(abs(Y.sum(axis=0) - 1).max(initial=0) < 1e-4)


def counts(Y: Array) -> bool:
    """Whether targets are 0 or more."""
    return bool((Y >= 0).all())


CANONICAL = "A[L] − Y"  # dZ[L] of the pairs that belong together


@dataclass(frozen=True)
class Loss:
    """One row of the table: a loss 𝓛 for an output activation. Call it with Z[L] and Y for 𝓛 and dZ[L].

    Parameters
    ----------
    name : str, what `Network` calls it
    output : str, the output activation g[L] that it belongs to
    function : callable
        (Z[L], Y) → (𝓛, dZ[L]), or with δ as a third argument for a row with a constant `delta`. Z[L], Y and dZ[L]
        (n[L], m), 𝓛 (1, m).
    formula : str, 𝓛 as people write it, by a = g(z) and y
    dZ : str, dZ[L] as the notes write it
    accepts : callable, Y → whether these can be targets
    wanted : str, what `accepts` wants, for an error
    delta : float, optional, the constant of the function, for those that have one
    """

    name: str
    output: str
    function: Callable[..., tuple[Array, Array]]
    formula: str
    dZ: str = "∂𝓛/∂Z[L]"  # noqa: N815
    accepts: Callable[[Array], bool] = real_numbers
    wanted: str = "real numbers"
    delta: float | None = None

    def __call__(self, Z: Array, Y: Array) -> tuple[Array, Array]:
        """𝓛 (1, m) and dZ[L] (n[L], m) of Z[L] and Y, both (n[L], m)."""
        return self.function(Z, Y) if self.delta is None else self.function(Z, Y, self.delta)

    def check(self, Y: Array) -> None:
        """Refuse targets that this loss does not accept.

        Parameters
        ----------
        Y : array of shape (n[L], m), the targets

        Raises
        ------
        ValueError
            With what the loss wants, and what to do, if that can be told.
        """
        if self.accepts(Y):
            return
        least, most, advice = float(Y.min()), float(Y.max()), ""
        whole, classes = bool((Y.round() == Y).all()), f"{most + 1:g}"
        if self.name == "binary_cross_entropy" and bool(((least == Y) | (most == Y)).all()):
            advice = f". Of two labels make 0 and 1: Y = (Y == {most:g}) * 1.0"
        elif self.name == "binary_cross_entropy" and len(Y) == 1 and least >= 0 and whole:
            advice = f". For {classes} classes: output='softmax', and targets chainrule.one_hot(Y, {classes})"
        elif self.name == "cross_entropy" and probabilities(Y) and whole:
            advice = ". Where an example has several labels or none: output='sigmoid'"
        raise ValueError(f"Y: values from {least:g} to {most:g}; the {self.name} loss wants {self.wanted}{advice}")

    @property
    def spec(self) -> str:
        """The name that `get` takes, with the constant if there is one: ``"huber(1.35)"``."""
        return self.name if self.delta is None else f"{self.name}({float(self.delta)!r})"

    @property
    def named(self) -> "str | Loss":
        """Its `spec` if `get` makes it of that; itself where it is none of the table's, but one of your own."""
        row = LOSSES.get((self.name, self.output))
        return self.spec if row is not None and replace(row, delta=self.delta) == self else self


_ROWS = (
    Loss(
        "binary_cross_entropy",
        "sigmoid",
        _binary_cross_entropy,
        "−Σ [y log a + (1 − y) log(1 − a)]",
        CANONICAL,
        probabilities,
        "0 or 1 (or a probability between)",
    ),
    Loss(
        "cross_entropy",
        "softmax",
        _cross_entropy,
        "−Σ y log a",
        CANONICAL,
        distributions,
        "one-hot columns (or probabilities with sum 1)",
    ),
    *(
        Loss(
            "half_squared_error",
            output,
            partial(_half_squared_error, get_activation(output)),
            "½ Σ (a − y)²",
            CANONICAL if output == "identity" else "(A[L] − Y) ∗ g[L]′(Z[L])",
        )
        for output in ("identity", "relu", "tanh", "sigmoid")
    ),
    Loss("absolute", "identity", _absolute, "Σ |a − y|", "sign(A[L] − Y)"),
    Loss(
        "huber",
        "identity",
        _huber,
        "Σ ½e² if |e| ≤ δ else δ(|e| − ½δ), e = a − y",
        "clip(A[L] − Y, ±δ)",
        delta=1.0,
    ),
    Loss("poisson", "exp", _poisson, "Σ a − y + y log(y/a)", CANONICAL, counts, "counts, 0 or more"),
)
LOSSES: dict[tuple[str, str], Loss] = {(row.name, row.output): row for row in _ROWS}


def get(spec: str | Loss | None, output: str) -> Loss:
    """The loss of a name for an output activation.

    Parameters
    ----------
    spec : str, Loss or None
        ``"cross_entropy"``, ``"huber(1.35)"`` with its δ; a row of your own; None for the first of this output in the
        table.
    output : str, the output activation

    Returns
    -------
    Loss, the row of the table, with this constant

    Raises
    ------
    ValueError
        For an unknown name, a pair that does not go together, and a constant that the loss cannot have.
    """
    if isinstance(spec, Loss) and spec.output == output:
        return spec
    if spec is not None and not isinstance(spec, str):
        hint = meant(name_of(spec), dict.fromkeys(n for n, _ in LOSSES))
        raise TypeError(
            f"loss: got {spec!r}, wanted a name such as 'huber(1.35)', or a Loss for the output {output!r}.{hint}"
        )
    names = [name for name, of in LOSSES if of == output]
    if not names:
        known = ", ".join(dict.fromkeys(of for _, of in LOSSES))
        raise ValueError(f"output: got {output!r}, which no loss here is defined for; wanted one of {known}")
    name, number = (names[0], None) if spec is None else parse_spec(spec)
    outputs = [of for n, of in LOSSES if n == name]
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
