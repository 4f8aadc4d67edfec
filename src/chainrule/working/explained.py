"""What a wrong gradient looks like: the mistakes that give its very numbers, or what the function does elsewhere."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.network import Network
from chainrule.working.differences import Compared, norm
from chainrule.working.fits import Fits
from chainrule.working.mistakes import Mistakes
from chainrule.working.mistakes.given import Tensors

_SAME = 1e-9  # the same but for rounding
_STEP = 1e-5  # along a direction


class Explanation:
    """The first wrong tensor of those that were compared, and what it looks like."""

    def __init__(self, compared: Sequence[Compared], mistakes: Mistakes) -> None:
        self.compared, self.mistakes = compared, mistakes
        self.first = next(one for one in compared if one.problem)
        self.other = next(one for one in compared if one is not self.first and one.name[2:] == self.first.name[2:])

    def looks_like(self) -> tuple[str, ...]:
        """The mistakes that give it: one that is known, else two of them, else a factor."""
        return self.known() or self.factors()

    def factors(self) -> tuple[str, ...]:
        """A factor that has no meaning known here."""
        fits = Fits(self.mistakes, self.first.name, self.first.got, self.first.checked)
        return self._best(self._matching({}, fits.factors(), least=3))

    def known(self) -> tuple[str, ...]:
        """The mistakes that give it: one, else two of them."""
        first, mistakes = self.first, self.mistakes
        if np.isnan(first.got).any():
            return self._not_finite()
        before = self.compared[: self.compared.index(first)]
        fits = Fits(mistakes, first.name, first.got, first.checked)
        if first.dtype.kind in "iub" and (whole := self._best(self._matching({}, fits.whole()))):
            return whole
        known = self._matching({}, mistakes.of_one_line())
        known = self._matching(known, mistakes.of_dZ(), keeps=[self.other])
        known = self._matching(known, mistakes.of_start(), keeps=[*before, self.other])
        known = self._matching(known, fits, least=3, keeps=[self.other])
        if found := self._best(known) or self._best(self._matching({}, fits.rounded(), least=3)):
            return found
        for precision, most in ((np.float16, 1e-2), (np.float32, 1e-4)):
            with np.errstate(over="ignore"):
                same = first.error < most and np.array_equal(first.got, first.got.astype(precision))
            if same:
                return (f"its numbers are {np.dtype(precision)}: compute in float64, or check with a higher tolerance",)
        return self._best(self._matching({}, mistakes.two_at_once(), least=2, keeps=[self.other]))

    def _matching(
        self,
        scores: dict[str, int],
        mistakes: Iterable[tuple[str, Tensors]],
        least: int = 1,
        keeps: Sequence[Compared] = (),
    ) -> dict[str, int]:
        """How many tensors are what each mistake gives, if the first wrong one is, and `least` different numbers are.

        keeps: none counts that would make one of these wrong, if it is right.
        """
        first, tiny = self.first, 1e-12 * norm(self.first.wanted)
        for text, tensors in mistakes:
            if first.name not in tensors or not first.is_as(tensors[first.name]):
                continue
            gives = tensors[first.name]
            if gives.shape == first.shape and norm(gives) <= tiny:
                zeros = not np.any(first.got)
                if zeros and scores:
                    continue  # "it is zero everywhere" came first, and what else gives zeros says no more
                if not zeros and not np.any(gives):
                    continue  # a sum that is 0 but for rounding is a sum
            same = [one for one in self.compared if one.is_as(tensors.get(one.name))]
            numbers = sum(one.different for one in same if one.problem)
            if numbers >= least and all(one.problem or one in same for one in keeps):
                scores[text] = max(len(same), scores.get(text, 0))
        return scores

    def _not_finite(self) -> tuple[str, ...]:
        """The mistakes that give NaN in these very places."""
        holes = {one.name: np.isnan(one.got) for one in self.compared}

        def same(tensors: Tensors) -> bool:
            return all(np.array_equal(np.isnan(tensors[name]), found) for name, found in holes.items())

        return tuple(text for text, tensors in self.mistakes.not_finite() if same(tensors))

    @staticmethod
    def _best(scores: dict[str, int]) -> tuple[str, ...]:
        best = [text for text, score in scores.items() if score == max(scores.values())]
        return tuple(text for text in best if not any(text != other and other.startswith(text) for other in best))


Ask = Callable[[Network, Any, Array], tuple[Any, dict[str, Any]]]  # network, X, Y → J, the tensors by name


def asked_for_m(ask: Ask, mistakes: Mistakes, name: str) -> tuple[str, ...]:
    """Whether this tensor is a sum divided by one number, however many examples there are."""
    net, X, Y, m, l = mistakes.net, mistakes.A[0], mistakes.Y, mistakes.Y.shape[1], int(name[3:-1])
    if mistakes.w is not None or m < 3:
        return ()
    divisors: list[list[float]] = []
    try:
        for n in (m, m - 1):
            some = Mistakes(net, X[:, :n], Y[:, :n], mistakes.l2, None)
            plain = n * some.backward(decay=0.0)[name]
            decay = mistakes.l2 * net.W[l] if name[1] == "W" else 0.0
            got = ask(net, X[:, :n], Y[:, :n])[1][name]
            divisors.append([_divisor(plain + decay, got), _divisor(plain, got - decay / n)])
    except Exception:  # a function may refuse other examples than its own
        return ()
    for of_all, of_some in zip(*divisors, strict=True):
        if of_all > 1.5 and abs(of_all - round(of_all)) + abs(of_all - of_some) <= 1e-6 * of_all:
            return (f"it is divided by {of_all:.0f} instead of m = {m}: the m of another set",)
    return ()


def _divisor(sums: Array, got: Array) -> float:
    """By what the sums are divided; 0 if it is not one number."""
    factor = float(np.vdot(sums, got) / np.vdot(sums, sums))
    return 1 / factor if factor and norm(got - factor * sums) <= _SAME * norm(got) else 0.0


def asked(ask: Ask, mistakes: Mistakes, got: Mapping[str, Any]) -> tuple[str, ...]:
    """What a gradient function that no mistake explains does for the same examples again, and for a part of them."""
    net, X, Y, m = mistakes.net, mistakes.A[0], mistakes.Y, mistakes.Y.shape[1]
    try:
        again = ask(net, X, Y)[1]
        if any(norm(np.subtract(again[name], got[name])) > _SAME * norm(got[name]) for name in got):
            return (
                "it gives other numbers when it is called again: something in it is drawn at random, as dropout is, "
                "or stays from the call before",
            )

        def right(X: Array, Y: Array) -> bool:
            wanted = Mistakes(net, X, Y, mistakes.l2, None).backward()
            found = ask(net, X, Y)[1]
            return all(norm(np.subtract(found[name], wanted[name])) <= _SAME * norm(wanted[name]) for name in wanted)

        if mistakes.w is not None or m < 3 or not all(right(X[:, [i]], Y[:, [i]]) for i in (0, 1, m - 1)):
            return ()
        same = np.zeros(m, dtype=int)
        if right(X[:, same], Y) and right(X, Y[:, same]):
            return ("X and Y are not in the same order: it is right where all examples or all targets are the same",)
    except Exception:  # a function may refuse other examples than its own
        return ()
    return ("it is right for one example alone: what goes wrong is between them",)


def asked_for_cost(ask: Ask, mistakes: Mistakes, J: float, wanted: float, right: bool) -> tuple[str, ...]:
    """How a J that no mistake explains changes with the parameters. right: whether the gradient is."""
    net, X, Y, l2, w = mistakes.net, mistakes.A[0], mistakes.Y, mistakes.l2, mistakes.w
    middle = net.parameters.copy()
    direction = np.random.default_rng(0).standard_normal(middle.size)
    theirs, ours = [], []
    try:
        tensors = ask(net, X, Y)[1]
        for step in (_STEP, -_STEP):
            net.parameters = middle + step * direction
            theirs.append(float(ask(net, X, Y)[0]))
            Z, _ = equations.forward(X, net.W, net.b, net.g)
            ours.append(float(equations.cost(Z, Y, net.W, net.loss, l2, w)[0]))
    except Exception:
        return ()
    finally:
        net.parameters = middle
    if all(
        abs(there - here - (J - wanted)) <= 1e-9 * (abs(J) + abs(wanted))
        for there, here in zip(theirs, ours, strict=True)
    ):
        return ("it differs from the cost by a constant, which changes no gradient",)
    names = (f"d{d}[{l}]" for l in range(1, net.L + 1) for d in "Wb")
    along = float(np.concatenate([np.ravel(tensors[name]) for name in names]) @ direction)
    if not right and abs((theirs[0] - theirs[1]) / (2 * _STEP) - along) <= 1e-6 * abs(along):
        return ("J and the gradient belong together: they are of another cost, with another loss, l2 or weights",)
    return ()
