"""Mistakes with the examples: some left out, in another order, without their weights."""

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.working.mistakes.given import Given, Named


def weights(given: Given) -> Named:
    """Example weights that are forgotten."""
    if given.w is None:
        return
    _, plain, count = equations.cost(given.Z, given.Y, given.net.W, given.net.loss, 0.0, None)
    for n in (given.m, count):
        yield "the example weights w are missing in dZ[L]", given.backward(plain, m=n, decay=given.l2 / n)
    yield "it is divided by m instead of Σw", given.backward(m=count, decay=given.l2 / count)


def last_example(given: Given) -> Named:
    """Each one overwrites the one before."""
    m = given.Y.shape[1]
    return _left_out(given, np.arange(m) == m - 1)


def some_left_out(given: Given) -> Named:
    """The first or the last example too many or too few, or every other; `Fits` knows more of them."""
    m = given.Y.shape[1]
    i = np.arange(m)
    for stays in (i == 0, i < m - 1, i > 0, i % 2 == 0, i % 2 == 1):
        yield from _left_out(given, stays)


def orders(given: Given) -> Named:
    """Examples in an order that not all arrays have."""
    m = given.Y.shape[1]
    in_order = np.arange(m)
    for order in (in_order[::-1], np.roll(in_order, 1), np.roll(in_order, -1)):
        _, dZ, _ = equations.cost(given.Z, given.Y[:, order], given.net.W, given.net.loss, 0.0, given.w)
        yield "X and Y are not in the same order", given.backward(dZ)
        text = "dZ and A do not have their examples in the same order"
        yield text, given.backward(A=[A[:, order] for A in given.A])


def _left_out(given: Given, stays: Array) -> Named:
    if stays.any() and not stays.all():
        for divisor in (given.m, stays.sum() if given.w is None else given.w.ravel()[stays].sum()):
            for decay in dict.fromkeys((given.decay, given.l2 / divisor)):
                yield left_out(stays), given.backward(given.dZ * stays, m=divisor, decay=decay)


def left_out(stays: Array) -> str:
    """Which examples are left out, in words."""
    m, (kept,), (left,) = len(stays), np.nonzero(stays), np.nonzero(~stays)
    if len(kept) == 1:
        more = ": each one overwrites the one before" if stays[-1] else ""
        return f"it is of {_one(kept[0], m)} only{more}"
    if len(left) == 1:
        return f"{_one(left[0], m)} is left out"
    if m > 3 and len(np.unique(np.diff(kept))) == 1 and kept[1] - kept[0] == 2:
        return "every other example is left out"
    which, some = ("left out", left) if len(left) <= len(kept) else ("all that is in it", kept)
    end = "last" if some[-1] == m - 1 else "first"
    return f"the {end} {len(some)} of the {m} examples are {which}"


def _one(i: int, m: int) -> str:
    return "the first example" if i == 0 else "the last example" if i == m - 1 else f"example {i}, counted from 0,"
