"""The check of a gradient against central differences of the cost, and what a wrong gradient looks like."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.checks import check_l2, check_number, check_whole, generator
from chainrule.engines import blas
from chainrule.network import Network
from chainrule.working import costs, slips
from chainrule.working.differences import NOT_FINITE, Compared, differences
from chainrule.working.explained import Ask, Explanation, asked, asked_for_cost, asked_for_m
from chainrule.working.mistakes import Mistakes
from chainrule.working.mistakes.given import backward_order
from chainrule.working.trace import check_network, frozen, written, written_cost

Gradient = Callable[[Network, Any, Array], Any]
Result = Mapping[str, Any] | Sequence[Any]

_ABOUT_0 = 1e-7  # how far J may be off where it is small: log(a + 1e-8) is usual


@dataclass(frozen=True, eq=False)
class Tensor:
    """One dW[l] or db[l] against central differences of the cost, or J against the cost.

    Attributes
    ----------
    name : str, ``"dW[2]"``
    equation : str, how it is computed
    error : float
        ‖got − wanted‖ / (‖got‖ + ‖wanted‖) of the numbers that were checked; infinite for a wrong shape.
    problem : str or None
        What is wrong; None if it is right.
    looks_like : tuple of str
        The usual mistakes that give these very numbers; found for the first wrong tensor, and for J.
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
    J : Tensor or None, the cost that came with the gradient, if one did
    """

    tensors: tuple[Tensor, ...]
    tolerance: float
    J: Tensor | None = None

    def __bool__(self) -> bool:
        return self.first_wrong is None

    @property
    def first_wrong(self) -> Tensor | None:
        """The first wrong tensor of the backward pass, or J if only that is wrong, or None.

        The tensors after it may be wrong only because it is.
        """
        every = self.tensors if self.J is None else (*self.tensors, self.J)
        return next((tensor for tensor in every if tensor.problem), None)

    def __repr__(self) -> str:
        lines = [f"{'tensor':8}{'relative error':>16}   (right up to {self.tolerance:.0e})"]
        J = () if self.J is None else (self.J,)
        for t in (*J, *self.tensors):
            verdict = f"WRONG: {t.problem}" if t.problem else "right" if t.checked else "not checked"
            if t.checked + t.kinks < t.size:
                verdict += f", {t.checked + t.kinks:,} of {t.size:,} numbers drawn"
            if t.kinks:
                verdict += f", {t.kinks:,} left out: the cost has a kink there"
            error = f"{t.error:>16.2e}" if t.checked or t.problem else f"{'—':>16}"
            lines.append(f"{t.name:8}{error}   {verdict}")
        for t in J:
            if t.problem:
                lines += [f"J is wrong. It should be {t.equation}.", *told(t)]
        if (first := self.first_wrong) and first not in J:
            lines += [f"The first wrong one in the backward pass is {first.name}. It should be {first.equation}."]
            lines += told(first)
        return "\n".join(lines)


def told(t: Any) -> list[str]:
    """What a wrong tensor looks like, and the numbers that are furthest off."""
    at = [f"{t.name}[{', '.join(map(str, index))}]" if index else t.name for index, _, _ in t.worst]
    values = [f": got {got:.6g}, wanted {wanted:.6g}" for _, got, wanted in t.worst]
    return [f"It looks like: {what}." for what in t.looks_like] + [f"  {a}{v}" for a, v in zip(at, values, strict=True)]


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
        keys "dW1", "db1", …, and "J" or "cost" (others are ignored). A J is checked against the cost. The function gets
        a float64 copy of the network, and X as the network sees it: normalized if it normalizes, and never sparse.
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
        off, and the usual mistakes that give these very numbers; the same of a wrong J.

    Raises
    ------
    GradientError
        If a tensor or J is wrong and `raises` is true.
    ValueError
        For examples that do not fit the network, and for what is no gradient at all.

    Notes
    -----
    Where J has a kink between θ − h and θ + h (relu at 0), h shrinks. A parameter at the kink itself is left out, and
    the result says so. A function that gives a wrong gradient is called a few times more, with parts of the examples,
    where none of the usual mistakes gives its numbers.
    """
    check_network("check_gradients", network)
    check_whole(most=most)
    check_number("tolerance", tolerance, "a relative error above 0 and below 1", lambda error: 0 < error < 1)
    net = frozen(network, np.float64)
    X, Y, w = net.check_examples(X, Y, weights)
    X, net.normalizer, l2 = X.toarray() if hasattr(X, "tocsr") else X, None, check_l2(l2)

    def computed(net: Network, X: Any, Y: Array) -> Any:
        return gradient(frozen(net), X.copy(), Y.copy()) if callable(gradient) else gradient

    if gradient is None:
        with blas.one_thread():
            result = equations.cost_and_gradients(X, Y, net.W, net.b, net.g, net.slope, net.loss, l2, w)[1:]
    else:
        try:
            result = computed(net, X, Y)
        except Exception as error:
            shapes = ", ".join(f"W[{l}] {net.W[l].shape}" for l in range(1, net.L + 1))
            slips.add_notes(error, f"(in the gradient function, called with X {X.shape}, Y {Y.shape}, {shapes})")
            raise
    got, J = _by_name(result, net), _cost_of(result)
    mistakes = Mistakes(net, X, Y, l2, w)
    rng = generator(seed)
    compared = []
    for name, theta in backward_order(net.W, net.b):
        l = int(name[3:-1])
        drawn = np.arange(theta.size)
        if theta.size > most:
            drawn = np.sort(rng.choice(theta.size, most, replace=False))
        wanted, noise = differences(net, name[1] == "W", l, drawn, mistakes.A[l - 1], Y, l2, w)
        compared.append(Compared(name, got[name], theta.shape, drawn, wanted, noise, tolerance))
    ask = None
    if callable(gradient):

        def ask(net: Network, X: Any, Y: Array) -> tuple[Any, dict[str, Any]]:
            again = computed(net, X, Y)
            return _cost_of(again), _by_name(again, net)

    wrong = [one for one in compared if one.problem]
    looks_like: tuple[str, ...] = ()
    if wrong:
        explanation = Explanation(compared, mistakes)
        looks_like = explanation.known()
        if not looks_like and ask is not None:
            looks_like = asked_for_m(ask, mistakes, wrong[0].name)
        looks_like = looks_like or explanation.factors()
        if not looks_like and ask is not None:
            looks_like = asked(ask, mistakes, got)
    tensors = [
        _tensor(one, equation_of(net, one.name, l2, w), looks_like if one in wrong[:1] else ()) for one in compared
    ]
    cost = None if J is None else _check_cost(J, mistakes, tolerance, ask, not wrong)
    check = GradientCheck(tuple(tensors), tolerance, cost)
    if raises and not check:
        raise GradientError(check)
    return check


def _check_cost(J: Any, mistakes: Mistakes, tolerance: float, ask: Ask | None, right: bool) -> Tensor:
    """J against the cost. right: whether the gradient is."""
    try:
        got = np.asarray(J, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"gradient: J is {type(J).__name__}, wanted a number") from None
    wanted, error, problem = float(mistakes.J), float("inf"), None
    looks_like: tuple[str, ...] = ()
    if got.size != 1:
        problem = f"shape {got.shape}, wanted one number"
    elif not np.isfinite(got.item()):
        error, problem = float("nan"), NOT_FINITE
    else:
        rounding = np.finfo(float).eps * max(1.0, float(abs(mistakes.Y).max()) ** 2)
        about_0 = _ABOUT_0 if "log" in mistakes.net.loss.formula else rounding
        error = abs(got.item() - wanted) / max(abs(got.item()) + abs(wanted), about_0 / tolerance)
        problem = None if error <= tolerance else "not the cost"
    if problem:
        looks_like = costs.explained(got, mistakes)
        if not looks_like and ask is not None and problem == "not the cost":
            looks_like = asked_for_cost(ask, mistakes, got.item(), wanted, right)
    equation = f"{written_cost(mistakes.l2, mistakes.w)}, with 𝓛 = {mistakes.net.loss.formula}"
    worst = (((), got.item(), wanted),) if problem and got.size == 1 else ()
    return Tensor("J", equation, error, problem, looks_like, worst, size=1, checked=1, kinks=0)


def _tensor(one: Compared, equation: str, looks_like: tuple[str, ...]) -> Tensor:
    """What is shown of it."""
    counts = (int(np.prod(one.shape)), len(one.checked), one.kinks)
    return Tensor(one.name, equation, one.error, one.problem, looks_like, one.worst, *counts)


def _cost_of(result: Any) -> Any:
    """The J that came with a gradient, or None."""
    if isinstance(result, Mapping):
        return result.get("J", result.get("cost"))
    return result[0] if isinstance(result, (tuple, list)) and len(result) == 3 else None


def equation_of(net: Network, name: str, l2: float, w: Array | None) -> str:
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
