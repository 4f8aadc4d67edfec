"""The usual mistakes of a cost: what each one gives instead of J."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from chainrule import losses
from chainrule._types import Array
from chainrule.working.mistakes import Mistakes

_EXACT = 1e-8  # one number is soon like another
_MOST = 1e6  # above it, every number is nearly whole
_SPREAD = "every answer meets the label of every example: a vector (m,) beside a column (m, 1) makes (m, m)"
_DOT = "np.dot multiplies every example with every other: Y and log A go by element"


def explained(J: Array, mistakes: Mistakes) -> tuple[str, ...]:
    """The mistakes that give this J: one of them, else two."""
    m, shapes = mistakes.Y.shape[1], mistakes.Y.shape
    if J.size != 1:
        if J.shape in ((m,), (1, m), (m, 1), shapes):
            return ("it is the loss of each example: the mean over them is missing",)
        return (_DOT,) if J.shape == (m, m) else ()
    got = float(J.item())
    if not np.isfinite(got):
        return ("0 times log 0: some a is 0 or 1 to the last digit",) if "log" in mistakes.net.loss.formula else ()
    with np.errstate(all="ignore"):
        sums, terms = list(_sums(mistakes)), list(_terms(mistakes))
    (_, right), (_, decay) = sums[0], terms[0]
    one = [*((text, value + decay) for text, value in sums[1:]), *((text, right + value) for text, value in terms[1:])]
    one += [(text, factor * (right + decay)) for text, factor in _factors(mistakes)]
    one += [(f"it is rounded to {digits} decimals", round(right + decay, digits)) for digits in range(9)]
    both = [(f"{a}, and {b}", x + y) for (a, x), (b, y) in product(sums[1:], terms[1:])]
    both += [(f"{a}, and {b}", x * y + decay) for (a, x), (b, y) in product(sums[1:], _factors(mistakes))]
    n = m * (right + decay) / got if got and mistakes.w is None else 0.0
    of_another = [(f"it is divided by {n:.0f} instead of m = {m}: the m of another set", got)]
    whole = 1.5 < n <= _MOST and abs(n - round(n)) <= _EXACT * n
    for some in (one, of_another if whole else [], both):
        if found := [text for text, value in some if abs(got - value) <= _EXACT * (abs(got) + abs(value))]:
            return tuple(dict.fromkeys(found))
    return ()


def _factors(mistakes: Mistakes) -> Iterator[tuple[str, float]]:
    m, K = mistakes.m, len(mistakes.Y)
    yield "the factor 1/m is missing", m
    yield "the factor 1/m is there twice", 1 / m
    yield "the sign is the wrong way round: the loss is −Σ y log a, not Σ y log a", -1
    if K > 1:
        yield "it is the mean over the outputs, too: the cost is their sum", 1 / K
    if mistakes.net.loss.name == "half_squared_error":
        yield "the ½ is missing: the loss is ½ (a − y)², not (a − y)²", 2
    else:
        yield "it is twice what it should be", 2
    yield "it is half of what it should be", 1 / 2
    if m > 1:
        yield "it is divided by m − 1 instead of m", m / (m - 1)
    for n in dict.fromkeys(mistakes.net.sizes):
        if n not in (1, m):
            yield f"it is divided by n[{mistakes.net.sizes.index(n)}] = {n} instead of m = {m:g}", m / n


def _sums(mistakes: Mistakes) -> Iterator[tuple[str, float]]:
    """The right (1/m) Σ 𝓛, and what may stand in its place."""
    loss, m, Y, Z, A = mistakes.net.loss, mistakes.m, mistakes.Y, mistakes.Z[-1], mistakes.A[-1]
    w: Any = 1.0 if mistakes.w is None else mistakes.w
    right = float((mistakes.losses * w).sum()) / m
    yield "", right
    for text, factor in _factors(mistakes):
        yield text, factor * right
    if mistakes.w is not None:
        yield "the example weights w are missing", float(mistakes.losses.mean())
        yield "it is divided by m instead of Σw", m * right / Y.shape[1]
    for which, i in (("last", -1), ("first", 0)):
        one = float((mistakes.losses * w)[0, i])
        yield f"it is of the {which} example only", one
        yield f"it is of the {which} example only", one / m
        yield f"the {which} example is left out", right - one / m
        if m > 1 and mistakes.w is None:
            yield f"the {which} example is left out", (m * right - one) / (m - 1)
    for row in losses.LOSSES.values():
        if row.output == loss.output and row.name != loss.name:
            other = float((row(Z, Y)[0] * w).sum()) / m
            yield f"it is that of the {row.name} loss", other
            if row.name == "half_squared_error":
                yield "it is that of the squared error", 2 * other
    if loss.name in ("binary_cross_entropy", "cross_entropy"):
        yield "the logarithm is that of base 2: np.log is the natural one", right / np.log(2)
        yield "the logarithm is that of base 10: np.log is the natural one", right / np.log(10)
        tiny = np.finfo(float).tiny
        halves = [(Y, np.log(np.maximum(A, tiny))), (1 - Y, np.log(np.maximum(1 - A, tiny)))]  # y log a, (1 − y) log …
        ones, zeros = (-float((y * log * w).sum()) / m for y, log in halves)
        if loss.name == "cross_entropy":
            yield "it is that of the binary_cross_entropy loss, over all classes", ones + zeros
            halves.pop()
        else:
            yield "the term (1 − y) log(1 − a) is missing", ones
            yield "the term y log a is missing", zeros
        dotted = -sum(float((y.sum(axis=1) * log.sum(axis=1)).sum()) for y, log in halves) / m
        yield _DOT, dotted
        if len(Y) == 1:
            yield _SPREAD, dotted / m
    if loss.name == "poisson":
        yield "the terms without a are missing, which change no gradient", float(((A - Y * Z) * w).sum()) / m


def _terms(mistakes: Mistakes) -> Iterator[tuple[str, float]]:
    """The right (λ/2m) Σ ‖W‖², and what may stand in its place."""
    l2, m, W, b = mistakes.l2, mistakes.m, mistakes.net.W[1:], mistakes.net.b[1:]
    squares = [float((V * V).sum()) for V in W]
    right = l2 / (2 * m) * sum(squares)
    yield "", right
    if not l2:
        return
    yield "the term of L2, (λ/2m) Σ ‖W‖², is missing", 0.0
    yield "the ½ of the term of L2 is missing: it is (λ/m) Σ ‖W‖²", 2 * right
    yield "the term of L2 is (λ/2) Σ ‖W‖²: its 1/m is missing", m * right
    yield "the term of L2 is λ Σ ‖W‖²: its 1/m and its ½ are missing", 2 * m * right
    yield "the term of L2 is divided by m twice", right / m
    yield "λ is missing in the term of L2", right / l2
    yield "the term of L2 has the wrong sign", -right
    biases = l2 / (2 * m) * sum(float((v * v).sum()) for v in b)
    if biases:
        yield "the biases are in the term of L2: it leaves them out", right + biases
    yield "the term of L2 has ‖W‖ instead of ‖W‖²", l2 / (2 * m) * sum(square**0.5 for square in squares)
    for factor in (1, 2):
        yield "the term of L2 is that of L1, with |W| instead of W²", l2 / (factor * m) * sum(abs(V).sum() for V in W)
    for l, square in enumerate(squares, 1):
        if len(W) > 1:
            yield f"W[{l}] is missing in the term of L2", right - l2 / (2 * m) * square
            yield f"W[{l}] alone is in the term of L2", l2 / (2 * m) * square
