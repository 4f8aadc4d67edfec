"""Random orders of the examples, many in one call of the kernel, to the bit of what NumPy draws.

And the state of a Generator or RandomState, for a file, and to go back to.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.random import MT19937, PCG64, PCG64DXSM, SFC64, Generator, Philox, RandomState

from chainrule._types import Array
from chainrule.engines import kernel


def rng_state(rng: Any) -> dict[str, Any]:
    """The state of a Generator or RandomState."""
    old = isinstance(rng, RandomState)
    state: dict[str, Any] = rng.get_state(legacy=False) if old else rng.bit_generator.state
    return state


def set_rng_state(rng: Any, state: dict[str, Any]) -> None:
    """Put a Generator or RandomState into a state of `rng_state`. TypeError for what is no such state."""
    if not isinstance(state, dict):  # NumPy takes tuples, too, and trusts the positions in them
        raise TypeError("the state of a random generator is no dict")
    if isinstance(rng, RandomState):
        rng.set_state(state)
    else:
        rng.bit_generator.state = state


def draw(rng: Any, before: Array | None, out: Array) -> None:
    """Draw a permutation of 0 … m − 1 for each row of `out` (count, m).

    From a Generator each is `permutation(m)`. From a RandomState they are those of scikit-learn: the order before it,
    shuffled again.
    """
    bits = bit_generator(rng)
    old = type(rng) is RandomState  # which draws the same in every version of NumPy (its NEP 19)
    if bits is not None and (old or _as_numpy()):
        with bits.lock:
            kernel.module().draw_orders(bits.capsule, old, before, out)
        return
    for row, order in zip(out, _by_numpy(rng, before, out.shape[1]), strict=False):
        row[...] = order


def _by_numpy(rng: Any, before: Array | None, m: int) -> Iterator[Array]:
    """The permutations that `draw` is to draw."""
    while isinstance(rng, RandomState):
        shuffled = np.arange(m)
        rng.shuffle(shuffled)
        before = shuffled if before is None else before[shuffled]
        yield before
    while True:
        yield rng.permutation(m)


def bit_generator(rng: Any) -> Any:
    """The bit generator of a Generator or RandomState, if both are NumPy's own, whose ways are known; else None."""
    kind, bits = type(rng), None
    if kind is Generator:
        bits = rng.bit_generator
    elif kind is RandomState:
        bits = getattr(rng, "_bit_generator", None)
    return bits if kernel.BUILT and type(bits) in (PCG64, MT19937, PCG64DXSM, Philox, SFC64) else None


@cache
def _as_numpy() -> bool:
    """Whether the kernel draws what this NumPy draws: the next one may draw otherwise from a Generator."""
    ours, theirs = Generator(PCG64(0)), Generator(PCG64(0))
    out = np.empty((1, 1000), np.int64)
    kernel.module().draw_orders(ours.bit_generator.capsule, False, None, out)
    return bool((out[0] == theirs.permutation(1000)).all() and ours.bit_generator.state == theirs.bit_generator.state)
