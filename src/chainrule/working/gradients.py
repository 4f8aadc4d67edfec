"""The check of a gradient against central differences of the cost, and what a wrong gradient looks like."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.engines import blas
from chainrule.network import Network
from chainrule.working.mistakes import Mistakes, backward_order
from chainrule.working.trace import frozen, written

Gradient = Callable[[Network, Any, Array], Any]
Result = Mapping[str, Any] | Sequence[Any]

_STEP = 6e-6  # ∛ε of float64, where errors of rounding and of curvature are equal; in units of z
_BENT = 1e-3  # a slope that changes by more from θ − h to θ + h has a kink between them
_SURE = 1e-4  # a gradient is a mistake's if it is nearer to it by this factor than the right gradient is


@dataclass(frozen=True, eq=False)
class Tensor:
    """One dW[l] or db[l] against central differences of the cost.

    Attributes
    ----------
    name : str, ``"dW[2]"``
    equation : str, how it is computed
    error : float
        ‖got − wanted‖ / (‖got‖ + ‖wanted‖) of the numbers that were checked; infinite for a wrong shape.
    problem : str or None
        What is wrong; None if it is right.
    looks_like : tuple of str
        The usual mistakes that give these very numbers; found for the first wrong tensor only.
    worst : tuple, (index, got, wanted) of the numbers that are furthest off
    size, checked, kinks : int
        How many numbers it has; how many were checked; at how many the cost has a kink, and so no derivative.
    """

    name: str
    equation: str
    error: float
    problem: str | None
    looks_like: tuple[str, ...]
    worst: tuple[tuple[tuple[int, ...], float, float], ...]
    size: int
    checked: int
    kinks: int


@dataclass(frozen=True, eq=False, repr=False)
class GradientCheck:
    """What `check_gradients` has found: true if every tensor is right; printed, a table.

    Attributes
    ----------
    tensors : tuple of Tensor
        In the order of the backward pass: dW[L], db[L], dW[L-1], ….
    tolerance : float, up to which error a tensor is right
    """

    tensors: tuple[Tensor, ...]
    tolerance: float

    def __bool__(self) -> bool:
        return self.first_wrong is None

    @property
    def first_wrong(self) -> Tensor | None:
        """The first wrong tensor of the backward pass, or None. Those after it may be wrong only because it is."""
        return next((tensor for tensor in self.tensors if tensor.problem), None)

    def __repr__(self) -> str:
        lines = [f"{'tensor':8}{'relative error':>16}   (right up to {self.tolerance:.0e})"]
        for t in self.tensors:
            verdict = f"WRONG: {t.problem}" if t.problem else "right" if t.checked else "not checked"
            if t.checked + t.kinks < t.size:
                verdict += f", {t.checked + t.kinks:,} of {t.size:,} numbers drawn"
            if t.kinks:
                verdict += f", {t.kinks:,} left out: the cost has a kink there"
            error = f"{t.error:>16.2e}" if t.checked or t.problem else f"{'—':>16}"
            lines.append(f"{t.name:8}{error}   {verdict}")
        if first := self.first_wrong:
            lines.append(f"The first wrong one in the backward pass is {first.name}. It should be {first.equation}.")
            lines += [f"It looks like: {what}." for what in first.looks_like]
            lines += [
                f"  {first.name}[{', '.join(map(str, at))}]: got {got:.6g}, wanted {wanted:.6g}"
                for at, got, wanted in first.worst
            ]
        return "\n".join(lines)


class GradientError(AssertionError):
    """A gradient is not the derivative of the cost.

    Attributes
    ----------
    check : GradientCheck, which tensors are wrong, and how
    """

    def __init__(self, check: GradientCheck) -> None:
        super().__init__(f"\n{check!r}")
        self.check = check


def check_gradients(
    network: Network,
    X: Any,
    Y: Any,
    gradient: Gradient | Result | None = None,
    *,
    l2: float = 0.0,
    weights: Any = None,
    tolerance: float = 1e-6,
    most: int = 200,
    seed: int | np.random.Generator = 0,
    raises: bool = True,
) -> GradientCheck:
    """Check a gradient against central differences of the cost, in float64.

    ∂J/∂θ ≈ (J(θ + h) − J(θ − h)) / 2h for every parameter θ. A few examples are enough, but more than one; and no layer
    should be as wide as another, so that a missing transpose shows.

    Parameters
    ----------
    network : Network, left as it is
    X : array_like or sparse array of shape (n[0], m), the examples
    Y : array_like of shape (n[L], m), their targets
    gradient : callable, tuple or dict, optional
        What is checked. None: that of chainrule's equations. Else what you compute, or a function of (network, X, Y)
        that gives it: (dW, db) or (J, dW, db) as `Network.gradients`, lists that count from 1; or a dictionary with the
        keys "dW1", "db1", … (others are ignored). The function gets a float64 copy of the network, and X as the network
        sees it: normalized if it normalizes, and never sparse.
    l2 : float, λ
    weights : array_like of shape (m,) or (1, m), optional, the example weights w
    tolerance : float
        A tensor is right if ‖got − wanted‖ / (‖got‖ + ‖wanted‖) is not above this, beyond what the rounding of J
        explains; 1e-3 suits a gradient in float32.
    most : int, how many numbers of a tensor are checked; of more, that many are drawn
    seed : int or numpy.random.Generator, for drawing them
    raises : bool, whether a wrong gradient is an error

    Returns
    -------
    GradientCheck
        True if all is right. Else it names the first wrong tensor of the backward pass, the numbers that are furthest
        off, and the usual mistakes that give these very numbers.

    Raises
    ------
    GradientError
        If a tensor is wrong and `raises` is true.
    ValueError
        For examples that do not fit the network, and for what is no gradient at all.

    Notes
    -----
    Where J has a kink between θ − h and θ + h (relu at 0), h shrinks. A parameter at the kink itself is left out, and
    the result says so.
    """
    net = frozen(network, np.float64)
    X, Y, w = net.check_examples(X, Y, weights)
    X, net.normalizer, l2 = X.toarray() if hasattr(X, "tocsr") else X, None, float(l2)
    result = gradient
    if gradient is None:
        with blas.one_thread():
            result = equations.cost_and_gradients(X, Y, net.W, net.b, net.g, net.slope, net.loss, l2, w)
    elif callable(gradient):
        try:
            result = gradient(frozen(net), X.copy(), Y.copy())
        except Exception as error:
            shapes = ", ".join(f"W[{l}] {net.W[l].shape}" for l in range(1, net.L + 1))
            error.add_note(f"(in the gradient function, called with X {X.shape}, Y {Y.shape}, {shapes})")
            raise
    got = _by_name(result, net)
    _, A = equations.forward(X, net.W, net.b, net.g)
    rng = np.random.default_rng(seed)
    compared = []
    for name, theta in backward_order(net.W, net.b):
        l = int(name[3:-1])
        drawn = np.arange(theta.size)
        if theta.size > most:
            drawn = np.sort(rng.choice(theta.size, most, replace=False))
        wanted, noise = _differences(net, name[1] == "W", l, drawn, A[l - 1], Y, l2, w)
        compared.append(_Compared(name, got[name], theta.shape, drawn, wanted, noise, tolerance))
    wrong = [one for one in compared if one.problem]
    looks_like = _explained(wrong[0], compared, Mistakes(net, X, Y, l2, w)) if wrong else ()
    tensors = [one.tensor(_equation(net, one.name, l2, w), looks_like if one in wrong[:1] else ()) for one in compared]
    check = GradientCheck(tuple(tensors), tolerance)
    if raises and not check:
        raise GradientError(check)
    return check


def _equation(net: Network, name: str, l2: float, w: Array | None) -> str:
    """How a tensor is computed; for dW[l] with the lines that come before it."""
    l = int(name[3:-1])
    of_Z, of_W, of_b = written(net, l, l2, w)
    of_A = f", dA[{l}] = W[{l + 1}]ᵀ dZ[{l + 1}]" if l < net.L else ""
    return f"{of_W}, with {of_Z}{of_A}" if name[1] == "W" else of_b


def _by_name(result: Any, net: Network) -> dict[str, Any]:
    """The tensors of a gradient by name, in the order of the backward pass. ValueError for what is no gradient."""
    L, lists = net.L, []
    if isinstance(result, Mapping):
        for d in ("dW", "db"):
            if d in result:
                lists.append(result[d])
                continue
            missing = [f"{d}{l}" for l in range(1, L + 1) if f"{d}{l}" not in result]
            if missing:
                raise ValueError(f"gradient: no {', '.join(missing)} among its keys {', '.join(map(str, result))}")
            lists.append([None, *(result[f"{d}{l}"] for l in range(1, L + 1))])
    elif isinstance(result, (tuple, list)):
        lists = list(result[1:] if len(result) == 3 else result)
    lists = [[None, part] if L == 1 and isinstance(part, np.ndarray) and part.ndim < 3 else part for part in lists]
    lengths = [len(part) if isinstance(part, (tuple, list)) else None for part in lists]
    if lengths != [L + 1] * 2:
        hint = " Layers count from 1: put None in front of each list." if lengths == [L] * 2 else ""
        raise ValueError(
            f"gradient: wanted (dW, db) or (J, dW, db), lists of {L + 1} with index 0 unused, or a dictionary with "
            f"keys dW1, db1, …; got {type(result).__name__} of {len(lists)} parts with lengths {lengths}.{hint}"
        )
    return dict(backward_order(*lists))


def _differences(
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

    wanted, noise = np.full(len(drawn), np.nan), np.zeros(len(drawn))
    for k, flat in enumerate(drawn):
        index = np.unravel_index(flat, theta.shape)
        middle = theta[index]
        for step in _STEP / reach[index[1]] / np.array([1, 10, 100, 1000]):
            above, below = middle + step, middle - step
            (high, bends_above), (low, bends_below) = at(above, index), at(below, index)
            if all(_smooth(one, other) for one, other in zip(bends_above, bends_below, strict=True)):
                wanted[k] = (high - low) / (above - below)
                noise[k] = 10 * np.finfo(float).eps * max(abs(high), abs(low)) / step
                break
        theta[index] = middle
    return wanted, noise


def _smooth(one: Array, other: Array) -> bool:
    return bool(abs(one - other).max() <= _BENT * max(1.0, abs(one).max()))


class _Compared:
    """One tensor, got and wanted."""

    def __init__(
        self, name: str, got: Any, shape: tuple[int, ...], drawn: Array, wanted: Array, noise: Array, tolerance: float
    ) -> None:
        self.name, self.shape, self.tolerance = name, shape, tolerance
        smooth = np.isfinite(wanted)
        self.kinks, self.checked, self.wanted = int((~smooth).sum()), drawn[smooth], wanted[smooth]
        self.error, self.problem = float("inf"), None if got is not None else "it is None"
        self.worst: tuple[tuple[tuple[int, ...], float, float], ...] = ()
        try:
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
        scale = max(_norm(values) + _norm(self.wanted), _norm(noise[smooth]) / tolerance)
        self.error = _norm(values - self.wanted) / scale if scale else 0.0
        if not self.error <= tolerance:
            self.problem = "not the derivative of the cost" if np.isfinite(values).all() else "NaN or infinite"
            off = np.argsort(-np.nan_to_num(abs(values - self.wanted), nan=np.inf), kind="stable")[:3]
            self.worst = tuple(
                (tuple(map(int, np.unravel_index(self.checked[k], shape))), float(values[k]), float(self.wanted[k]))
                for k in off
            )

    def is_as(self, mistaken: Array | None) -> bool:
        """Whether this is what a mistake gives. None is a mistake that leaves the tensor right."""
        if mistaken is None:
            return self.problem is None
        if self.got.shape != mistaken.shape:
            return False
        if mistaken.shape != self.shape:
            return _norm(self.got - mistaken) <= _SURE * _norm(mistaken) + self.tolerance * _norm(self.wanted)
        got, wrong = self.got.ravel()[self.checked], mistaken.ravel()[self.checked]
        if _norm(wrong - self.wanted) <= self.tolerance * (_norm(wrong) + _norm(self.wanted)):
            return self.problem is None  # here the mistake makes no difference
        return _norm(got - wrong) <= _SURE * _norm(wrong - self.wanted)

    def tensor(self, equation: str, looks_like: tuple[str, ...]) -> Tensor:
        """What is shown of it."""
        counts = (int(np.prod(self.shape)), len(self.checked), self.kinks)
        return Tensor(self.name, equation, self.error, self.problem, looks_like, self.worst, *counts)


def _norm(v: Array) -> float:
    return float(np.linalg.norm(v))


def _explained(first: _Compared, compared: Sequence[_Compared], mistakes: Mistakes) -> tuple[str, ...]:
    """The mistakes that give the first wrong tensor: those of them that give the most of the other tensors, too."""
    scores: dict[str, int] = {}
    for text, tensors in mistakes:
        if first.name not in tensors or not first.is_as(tensors[first.name]):
            continue
        if scores and tensors[first.name].shape == first.shape and not tensors[first.name].any():
            continue  # of all zeros, "it is zero everywhere" came first, and what else gives zeros says no more
        score = sum(one.is_as(tensors.get(one.name)) for one in compared)
        scores[text] = max(score, scores.get(text, 0))
    best = [text for text, score in scores.items() if score == max(scores.values())]
    return tuple(text for text in best if not any(text != other and text.startswith(other) for other in best))
