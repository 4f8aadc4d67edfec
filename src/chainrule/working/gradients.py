"""The check of a gradient: central differences of the cost against a way back, and what a wrong one looks like."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.network import Network
from chainrule.working.mistakes import Mistakes, backward_order
from chainrule.working.trace import frozen, written

Gradient = Callable[[Network, Any, Array], Any]
Result = Mapping[str, Any] | Sequence[Any]

_STEP = 6e-6  # ∛ε, which balances rounding and curvature, in units of z
_BENT = 1e-3  # a slope may change by this much from θ − h to θ + h; more, and a kink lies between
_SURE = 1e-4  # as much nearer must the numbers be to those of a mistake than these are to the right ones


@dataclass(frozen=True, eq=False)
class Tensor:
    """One dW[l] or db[l] against central differences of the cost."""

    name: str
    equation: str  # how it should be worked out
    error: float  # ‖got − wanted‖ / (‖got‖ + ‖wanted‖) of the numbers that were checked; infinite for a wrong shape
    problem: str | None  # None: right
    looks_like: tuple[str, ...]  # the usual mistakes that give these very numbers, for the first wrong tensor
    worst: tuple[tuple[tuple[int, ...], float, float], ...]  # index, got, wanted: those furthest off
    size: int
    checked: int
    kinks: int  # numbers at which the cost has a kink, and so no derivative to compare with


@dataclass(frozen=True, eq=False, repr=False)
class GradientCheck:
    """The tensors in the order of the way back: dW[L], db[L], dW[L-1], …. True if all are right."""

    tensors: tuple[Tensor, ...]
    tolerance: float

    def __bool__(self) -> bool:
        return self.first_wrong is None

    @property
    def first_wrong(self) -> Tensor | None:
        """Where to look: what comes after it may be wrong only because this is."""
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
            lines.append(f"The first wrong one on the way back is {first.name}. It should be {first.equation}.")
            lines += [f"It looks like: {what}." for what in first.looks_like]
            lines += [
                f"  {first.name}[{', '.join(map(str, at))}]: got {got:.6g}, wanted {wanted:.6g}"
                for at, got, wanted in first.worst
            ]
        return "\n".join(lines)


class GradientError(AssertionError):
    """A gradient that is not that of the cost; `check` says which tensor, and how."""

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
    """Whether a gradient is that of the cost: ∂J/∂θ ≈ (J(θ + h) − J(θ − h)) / 2h for every parameter θ, in float64.

    X (n[0], m), Y (n[L], m): a few examples are enough, but more than one, and no layer should be as wide as another,
    so that a matrix on its side shows.
    gradient: None for chainrule's own; your own as a function of (network, X, Y), or what it gives: (dW, db) or
    (J, dW, db) as `Network.gradients`, 1-based lists, or a dictionary with keys "dW1", "db1", … (others are ignored).
    The function gets a float64 copy of the network, and X as the network sees it: normalized if it normalizes, and
    never sparse.
    l2 is λ and weights are example weights, as in `Network.cost`. Of a tensor with more than `most` numbers that many
    are checked, drawn by seed. A tensor is right if ‖got − wanted‖ / (‖got‖ + ‖wanted‖) ≤ tolerance, beyond what the
    rounding of J explains; give 1e-3 for a gradient in float32. Where J has a kink within h (relu at 0), h shrinks; a
    number that stands at the kink itself is left out, and the result says so.

    Returns a `GradientCheck`; raises `GradientError` if a tensor is wrong, unless raises is False. It names the first
    wrong one on the way back, the numbers that are furthest off, and the usual mistakes that give these very numbers.
    ValueError for what is no gradient at all.
    """
    net = frozen(network, np.float64)
    X, Y, w = net.examples(X, Y, weights)
    X, net.normalizer, l2 = X.toarray() if hasattr(X, "tocsr") else X, None, float(l2)
    result = gradient
    if gradient is None:
        result = net.gradients(X, Y, l2, w)
    elif callable(gradient):
        try:
            result = gradient(frozen(net), X.copy(), Y.copy())
        except Exception as error:
            shapes = ", ".join(f"W[{l}] {net.W[l].shape}" for l in range(1, net.L + 1))
            error.add_note(f"(in the gradient function, called with X {X.shape}, Y {Y.shape}, {shapes})")
            raise
    found = _given(result, net)
    _, A = equations.forward(X, net.W, net.b, net.g)
    rng = np.random.default_rng(seed)
    compared = []
    for name, theta in backward_order(net.W, net.b):
        l = int(name[3:-1])
        some = np.arange(theta.size)
        if theta.size > most:
            some = np.sort(rng.choice(theta.size, most, replace=False))
        wanted, noise = _differences(net, name[1] == "W", l, some, A[l - 1], Y, l2, w)
        compared.append(_Compared(name, found[name], theta.shape, some, wanted, noise, tolerance))
    wrong = [one for one in compared if one.problem]
    looks_like = _explained(wrong[0], compared, Mistakes(net, X, Y, l2, w)) if wrong else ()
    equation: dict[str, str] = {}
    for l in range(1, net.L + 1):
        of_Z, of_W, of_b = written(net, l, l2, w)
        of_A = f", dA[{l}] = W[{l + 1}]ᵀ dZ[{l + 1}]" if l < net.L else ""
        equation |= {f"dW[{l}]": f"{of_W}, with {of_Z}{of_A}", f"db[{l}]": of_b}
    check = GradientCheck(
        tuple(one.tensor(equation[one.name], looks_like if one in wrong[:1] else ()) for one in compared), tolerance
    )
    if raises and not check:
        raise GradientError(check)
    return check


def _given(result: Any, net: Network) -> dict[str, Any]:
    """The tensors by name of what a user's function gives."""
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
    net: Network, of_W: bool, l: int, some: Array, before: Any, Y: Array, l2: float, w: Array | None
) -> tuple[Array, Array]:
    """∂J/∂θ of some numbers of W[l] or b[l] by central differences, and how far rounding may put them off.

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

    wanted, noise = np.full(len(some), np.nan), np.zeros(len(some))
    for k, flat in enumerate(some):
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
        self, name: str, got: Any, shape: tuple[int, ...], some: Array, wanted: Array, noise: Array, tolerance: float
    ) -> None:
        self.name, self.shape, self.drawn = name, shape, len(some)
        clear = np.isfinite(wanted)
        self.some, self.wanted = some[clear], wanted[clear]
        self.error, self.problem, self.tolerance = float("inf"), None if got is not None else "it is None", tolerance
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
        values = self.got.ravel()[self.some]
        # Below the rounding of J no difference can tell: there the error counts as a part of what it can.
        scale = max(_norm(values) + _norm(self.wanted), _norm(noise[clear]) / tolerance)
        self.error = _norm(values - self.wanted) / scale if scale else 0.0
        if not self.error <= tolerance:
            self.problem = "not the derivative of the cost" if np.isfinite(values).all() else "NaN or infinite"
            off = np.argsort(-np.nan_to_num(abs(values - self.wanted), nan=np.inf), kind="stable")[:3]
            self.worst = tuple(
                (tuple(map(int, np.unravel_index(self.some[k], shape))), float(values[k]), float(self.wanted[k]))
                for k in off
            )

    def is_as(self, mistaken: Array | None) -> bool:
        """Whether these are the numbers of the mistake; None: of none, so they must be right."""
        if mistaken is None:
            return self.problem is None
        if self.got.shape != mistaken.shape:
            return False
        if mistaken.shape != self.shape:
            return _norm(self.got - mistaken) <= _SURE * _norm(mistaken) + self.tolerance * _norm(self.wanted)
        got, wrong = self.got.ravel()[self.some], mistaken.ravel()[self.some]
        if _norm(wrong - self.wanted) <= self.tolerance * (_norm(wrong) + _norm(self.wanted)):
            return self.problem is None  # it makes no difference here
        return _norm(got - wrong) <= _SURE * _norm(wrong - self.wanted)

    def tensor(self, equation: str, looks_like: tuple[str, ...]) -> Tensor:
        """What is shown of it."""
        size, checked = int(np.prod(self.shape)), len(self.some)
        return Tensor(
            self.name, equation, self.error, self.problem, looks_like, self.worst, size, checked, self.drawn - checked
        )


def _norm(v: Array) -> float:
    return float(np.linalg.norm(v))


def _explained(first: _Compared, every: Sequence[_Compared], mistakes: Mistakes) -> tuple[str, ...]:
    """The mistakes that give the first wrong tensor; of several those that give the most of the others, too."""
    found: dict[str, int] = {}
    for text, tensors in mistakes:
        if first.name not in tensors or not first.is_as(tensors[first.name]):
            continue
        if found and tensors[first.name].shape == first.shape and not tensors[first.name].any():
            continue  # all zeros are said to be so first; that some mistake kills a unit as well says nothing
        score = sum(one.is_as(tensors.get(one.name)) for one in every)
        found[text] = max(score, found.get(text, 0))
    best = [text for text, score in found.items() if score == max(found.values())]
    return tuple(text for text in best if not any(text != other and text.startswith(other) for other in best))
