"""Central differences of the cost, and how far a tensor is from them."""

from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.network import Network

_STEP = 6e-6  # ∛ε of float64, where errors of rounding and of curvature are equal; in units of z
_BENT = 1e-3  # a slope that changes by more from θ − h to θ + h has a kink between them
NOT_FINITE = "NaN or infinite"
_SURE = 1e-4  # a gradient is a mistake's if it is nearer to it by this factor than the right gradient is


def differences(
    net: Network, of_W: bool, l: int, drawn: Array, before: Any, Y: Array, l2: float, w: Array | None
) -> tuple[Array, Array]:
    """∂J/∂θ by central differences, and the error that rounding may leave in it, of drawn numbers of W[l] or b[l].

    before is A[l-1] (n[l-1], m), which does not depend on them. NaN where J has a kink.
    """
    W, b, g = net.W, net.b, net.g
    theta = W[l] if of_W else b[l]
    reach = np.maximum(1, abs(before).max(axis=1)) if of_W else np.ones(1)  # how far z goes for a step of θ
    Z_before = equations.forward(before, [None, W[l]], [None, b[l]], g[l - 1 : l + 1])[0][1]

    def at(value: float, index: Any) -> tuple[float, list[Array]]:
        theta[index] = value
        i = [index[0]]  # a number of row i changes row i of Z[l], and all that comes after
        Z_l = Z_before.copy()
        Z_l[i] = equations.forward(before, [None, W[l][i]], [None, b[l][i]], g[l - 1 : l + 1])[0][1]
        Z, _ = equations.forward(g[l](Z_l), [None, *W[l + 1 :]], [None, *b[l + 1 :]], [None, *g[l + 1 :]])
        Z[0] = Z_l
        J, dZ, _ = equations.cost(Z, Y, W, net.loss, l2, w)
        return float(J), [dZ, *(row.slope(z) for row, z in zip(g[l:-1], Z[:-1], strict=True))]

    least = 1.0 if "log" in net.loss.formula else 0.0  # log Σ exp is rounded as the 1 in it: J may be 0, its slope not
    wanted, noise = np.full(len(drawn), np.nan), np.zeros(len(drawn))
    for k, flat in enumerate(drawn):
        index = np.unravel_index(flat, theta.shape)
        middle = theta[index]
        for step in _STEP / reach[index[1]] / np.array([1, 10, 100, 1000]):
            above, below = middle + step, middle - step
            (high, bends_above), (low, bends_below) = at(above, index), at(below, index)
            if all(_smooth(one, other) for one, other in zip(bends_above, bends_below, strict=True)):
                wanted[k] = (high - low) / (above - below)
                noise[k] = 10 * np.finfo(float).eps * max(abs(high), abs(low), least) / step
                break
        theta[index] = middle
    return wanted, noise


def _smooth(one: Array, other: Array) -> bool:
    return bool(abs(one - other).max() <= _BENT * max(1.0, abs(one).max()))


class Compared:
    """One tensor, got and wanted.

    problem: what is wrong, or None. is_as: whether it is what a mistake gives.
    """

    def __init__(
        self, name: str, got: Any, shape: tuple[int, ...], drawn: Array, wanted: Array, noise: Array, tolerance: float
    ) -> None:
        self.name, self.shape, self.tolerance = name, shape, tolerance
        smooth = np.isfinite(wanted)
        self.kinks, self.checked, self.wanted = int((~smooth).sum()), drawn[smooth], wanted[smooth]
        self.error, self.problem = float("inf"), None if got is not None else "it is None"
        self.worst: tuple[tuple[tuple[int, ...], float, float], ...] = ()
        try:
            self.dtype = np.asarray(got).dtype
            self.got = np.asarray(got, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"gradient: {name} is {type(got).__name__}, wanted an array of shape {shape}") from None
        if self.problem:
            return
        if self.got.shape != shape:
            self.problem = f"shape {self.got.shape}, wanted {shape}"
            return
        values = self.got.ravel()[self.checked]
        # Below the rounding of J a difference shows nothing: there the error counts as a share of what it can show.
        scale = max(norm(values) + norm(self.wanted), norm(noise[smooth]) / tolerance)
        self.error = norm(values - self.wanted) / scale if scale else 0.0
        if not self.error <= tolerance:
            self.problem = "not the derivative of the cost" if np.isfinite(values).all() else NOT_FINITE
            off = np.argsort(-np.nan_to_num(abs(values - self.wanted), nan=np.inf), kind="stable")[:3]
            self.worst = tuple(
                (tuple(map(int, np.unravel_index(self.checked[k], shape))), float(values[k]), float(self.wanted[k]))
                for k in off
            )

    @property
    def different(self) -> int:
        """How many different numbers there are, and one more for a wrong shape."""
        return len(np.unique(self.got.round(12))) + (self.got.shape != self.shape)

    def is_as(self, mistaken: Array | None) -> bool:
        """Whether this is what a mistake gives. None is a mistake that leaves the tensor right."""
        if mistaken is None:
            return self.problem is None
        if self.got.shape != mistaken.shape:
            return False
        if mistaken.shape != self.shape:
            return norm(self.got - mistaken) <= _SURE * norm(mistaken) + self.tolerance * norm(self.wanted)
        got, wrong = self.got.ravel()[self.checked], mistaken.ravel()[self.checked]
        if norm(wrong - self.wanted) <= self.tolerance * (norm(wrong) + norm(self.wanted)):
            return self.problem is None  # here the mistake makes no difference
        return norm(got - wrong) <= _SURE * norm(wrong - self.wanted)


def norm(v: Array) -> float:
    """‖v‖."""
    return float(np.linalg.norm(v))
