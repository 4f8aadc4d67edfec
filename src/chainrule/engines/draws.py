"""Random orders of the examples, many in one call of the kernel, to the bit of what NumPy draws.

And the state of a Generator or RandomState: all of it, for a file, and a quick copy, to go back to.
"""

import ctypes
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
    if bits is not None and _as_numpy():
        with bits.lock:
            kernel.module().draw_orders(bits.capsule, type(rng) is RandomState, before, out)
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


def copy_state(rng: Any) -> Any:
    """A copy of the random state, for `restore`; that of MT19937 from memory, as NumPy takes 40 µs to give it."""
    bits = bit_generator(rng)
    memory = _memory(bits)
    if memory is None:
        return rng_state(rng)
    with bits.lock:
        return bytes(memory)


def restore(rng: Any, copied: Any) -> None:
    """Go back to the state of `copy_state`. Nothing but orders may have been drawn since."""
    if not isinstance(copied, bytes):
        set_rng_state(rng, copied)
        return
    bits = bit_generator(rng)
    memory = _memory(bits)
    assert memory is not None
    with bits.lock:
        memory[:] = copied


def _memory(bits: Any) -> memoryview | None:
    """The state of an MT19937: 624 words and the position in them. None for another one."""
    return _words(bits).cast("B") if type(bits) is MT19937 and _words_are_there() else None


def _words(bits: Any) -> memoryview:
    words = ctypes.c_uint32 * 625
    return memoryview(words.from_address(kernel.module().state_address(bits.capsule))).cast("B").cast("I")


@cache
def _words_are_there() -> bool:
    """Whether this NumPy has the state of MT19937 where `_words` looks for it."""
    bits = np.random.get_bit_generator()  # type: ignore[attr-defined]  # to make another takes 0.1 ms
    bits = bits if type(bits) is MT19937 else MT19937(0)
    with bits.lock:
        begin, state = kernel.module().state_address(bits.capsule) - id(bits), bits.state["state"]
        inside = 0 <= begin <= MT19937.__basicsize__ - 4 * 625
        return bool(inside and _words(bits).tolist() == [*state["key"].tolist(), state["pos"]])
