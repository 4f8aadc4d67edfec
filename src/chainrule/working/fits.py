"""Mistakes with a number in them, which is read from the wrong tensor: what is left out, which W, what factor."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.working.mistakes import Mistakes
from chainrule.working.mistakes.examples import left_out
from chainrule.working.mistakes.given import Named

_MOST_EXAMPLES = 10_000  # of more, nobody looks for those that are left out
_EXACT = 1e-6  # with so many ways to leave examples out, only numbers that are equal say something


class Fits:
    """The mistakes that explain one tensor, `got` as it was given under this name, looked at in the places `at`."""

    def __init__(self, mistakes: Mistakes, name: str, got: Array, at: Array) -> None:
        self.mistakes, self.name, self.of_W, self.l = mistakes, name, name[1] == "W", int(name[3:-1])
        self.net, self.got, self.at = mistakes.net, got, at
        self.theta = self.net.W[self.l] if self.of_W else self.net.b[self.l]

    def __iter__(self) -> Named:
        """Each in words, and what it gives."""
        if self.got.shape == self.theta.shape and np.isfinite(self.got).all():
            with np.errstate(all="ignore"):
                yield from self._left_out()
                yield from self._updated()

    def factors(self) -> Named:
        """A factor that has no meaning known here, or a term of L2 of another size."""
        if self.got.shape != self.theta.shape or not np.isfinite(self.got).all():
            return
        mistakes, decay, tiny = self.mistakes, self.mistakes.decay, np.finfo(float).tiny
        right, plain = (self._flat(mistakes.backward(decay=decay)[self.name]) for decay in (decay, 0.0))
        got, theta = self._flat(self.got), self._flat(self.theta)
        ((k,), (a,), (c,)) = _solve(got, right), _solve(got - (right - plain), plain), _solve(got - plain, theta)
        yield f"it is {k:.6g} times what it should be", mistakes.backward(m=mistakes.m / (k or tiny), decay=k * decay)
        if self.of_W and decay:
            yield f"it is {a:.6g} times what it should be, but for L2", mistakes.backward(m=mistakes.m / (a or tiny))
            yield f"the term of L2 is {c / decay:.6g} times what it should be", mistakes.backward(decay=c)
            a, c = _solve(got, plain, theta)
            if abs(c) > 1e-9 and abs(c / decay - 1) > 1e-9:
                text = f"it is {a:.6g} times what it should be, and the term of L2 {c / decay:.6g} times"
                yield text, mistakes.backward(m=mistakes.m / (a or tiny), decay=c)
        elif self.of_W and c > 0:
            text = f"there is a term {c:.6g} W of L2: check it with l2={c * mistakes.m:.6g}"
            yield text, mistakes.backward(decay=c)

    def rounded(self) -> Named:
        """The right numbers with fewer digits."""
        right = self.mistakes.backward()[self.name]
        for decimals in range(9):
            yield f"its numbers are rounded to {decimals} decimals", {self.name: right.round(decimals)}

    def whole(self) -> Named:
        """The right numbers in an array of integers."""
        text = "its numbers are whole: an array of integers cuts off what comes after the point"
        yield text, {self.name: np.trunc(self.mistakes.backward()[self.name])}

    def _flat(self, tensor: Array) -> Array:
        values: Array = tensor.ravel()[self.at]
        return values

    def _left_out(self) -> Named:
        """Some of the examples are left out: at the end, at the beginning, or in between."""
        mistakes, m = self.mistakes, self.mistakes.Y.shape[1]
        if not 2 <= m <= _MOST_EXAMPLES:
            return
        at = self.at[:: 1 + len(self.at) // 32]  # to find them; the whole gradient is compared after that
        got, theta = self.got.ravel()[at][:, None], self.theta.ravel()[at][:, None] * self.of_W
        row, column = np.unravel_index(at, self.theta.shape)
        each = mistakes.dZ_of[self.l][row]  # (numbers, m): what each example adds to each number
        each = each * mistakes.A[self.l - 1][column] if self.of_W else each
        i, w = np.arange(m), np.ones(m) if mistakes.w is None else mistakes.w.ravel()
        families: list[tuple[Callable[[Any, Any], Array], Array]] = [
            (np.less_equal, each.cumsum(axis=1)[:, :-1]),
            (np.greater, (each.sum(axis=1, keepdims=True) - each.cumsum(axis=1))[:, :-1]),
            (np.not_equal, each.sum(axis=1, keepdims=True) - each),
            (np.equal, each),
            (lambda i, j: i % 2 == j, np.stack([each[:, ::2].sum(axis=1), each[:, 1::2].sum(axis=1)], axis=1)),
        ]
        for keeps, sums in families:
            kept = np.array([w[keeps(i, j)].sum() for j in range(sums.shape[1])])
            for divisor in (np.full_like(kept, mistakes.m), kept):
                for decay in (np.full_like(kept, mistakes.decay), mistakes.l2 / divisor):
                    wanted = (got - decay * theta) * divisor
                    off = np.linalg.norm(wanted - sums, axis=0)
                    close = off <= _EXACT * (np.linalg.norm(wanted, axis=0) + np.linalg.norm(sums, axis=0))
                    for j in np.flatnonzero(close)[:3]:
                        dZ = mistakes.dZ * keeps(i, j)
                        yield left_out(keeps(i, j)), mistakes.backward(dZ, m=divisor[j], decay=decay[j])

    def _updated(self) -> Named:
        """W[l] − α dW[l] on the way back, in the place of W[l]."""
        l, mistakes, W = self.l, self.mistakes, self.net.W
        if l == mistakes.L:
            return
        right, changed = (
            mistakes.backward(),
            mistakes.backward(W=[*W[: l + 1], self._dW(l + 1), *W[l + 2 :]], decay=0.0),
        )
        if np.count_nonzero(changed[self.name].any(axis=1)) < 2:  # of one unit, any other W would do
            return
        (rate,) = -_solve(self._flat(self.got - right[self.name]), self._flat(changed[self.name]))
        if not rate > 0:
            return
        dZ, wrong = mistakes.dZ, dict[str, Array]()
        for l in range(mistakes.L, 0, -1):
            wrong |= mistakes.layer(l, dZ)
            if l > 1:
                dZ = (W[l] - rate * wrong[f"dW[{l}]"]).T @ dZ * self.net.slope[l - 1](mistakes.Z[l - 1])
        text = f"W[l] is updated before it goes back: dA[l-1] is made with W[l] − {rate:.6g} dW[l]"
        yield text, wrong

    def _dW(self, l: int) -> Array:
        return self.mistakes.layer(l, self.mistakes.dZ_of[l])[f"dW[{l}]"]


def _solve(got: Array, *parts: Array) -> Any:
    """The factors of parts, by least squares."""
    return np.linalg.lstsq(np.column_stack(parts), got, rcond=None)[0]
