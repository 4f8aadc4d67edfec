"""The counter-based generator of the dropout masks, Philox4x64-10 (Salmon et al. 2011), in the functions of JAX."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

Array = Any  # of jax.numpy
_MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
_WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B  # what the key grows by from round to round
_ROUNDS = 10
_LOW = 0xFFFFFFFF


def words(key: Array, step: Array, counts: dict[int, int], starts: Sequence[Array] | None = None) -> dict[int, Array]:
    """Layer → the first 32-bit numbers of numpy.random.Philox(key=[key, 0], counter=[0, 0, layer, step]).

    counts: how many of each layer. starts: for each layer, the number to begin with. All are drawn at once, which is
    one kernel of a GPU.
    """
    blocks = {layer: -(-count // 8) + (starts is not None) for layer, count in counts.items()}  # a start is within one
    before = {layer: jnp.uint64(0 if starts is None else starts[layer] // 8) for layer in counts}
    # NumPy counts, then draws.
    place = jnp.concat([jnp.arange(1, n + 1, dtype=jnp.uint64) + before[layer] for layer, n in blocks.items()])
    layer = jnp.concat([jnp.full(n, layer, jnp.uint64) for layer, n in blocks.items()])
    zero = jnp.zeros_like(place)
    c0, c1, c2, c3 = place, zero, layer, zero + step.astype(jnp.uint64)
    k0, k1 = key.astype(jnp.uint64), jnp.uint64(0)
    for _ in range(_ROUNDS):
        high0, low0 = _product(c0, _MULTIPLIERS[0])
        high1, low1 = _product(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = k0 + jnp.uint64(_WEYL[0]), k1 + jnp.uint64(_WEYL[1])
    numbers = jnp.stack([c0, c1, c2, c3], axis=1)  # (blocks, 4) of 64 bits
    halves = jnp.stack([numbers & jnp.uint64(_LOW), numbers >> jnp.uint64(32)], axis=2).astype(jnp.uint32)
    drawn = jnp.split(halves, np.cumsum(list(blocks.values()))[:-1])
    found = dict(zip(counts, [part.reshape(-1) for part in drawn], strict=True))
    if starts is None:
        return {layer: found[layer][:count] for layer, count in counts.items()}
    return {layer: lax.dynamic_slice_in_dim(found[layer], starts[layer] % 8, count) for layer, count in counts.items()}


def _product(a: Array, b: int) -> tuple[Array, Array]:
    """The upper and the lower 64 bits of the product of 64-bit numbers, by their halves of 32."""
    b_high, b_low = jnp.uint64(b >> 32), jnp.uint64(b & _LOW)
    a_high, a_low = a >> jnp.uint64(32), a & jnp.uint64(_LOW)
    middle = a_high * b_low + (a_low * b_low >> jnp.uint64(32))
    other = a_low * b_high + (middle & jnp.uint64(_LOW))
    return a_high * b_high + (middle >> jnp.uint64(32)) + (other >> jnp.uint64(32)), a * jnp.uint64(b)
