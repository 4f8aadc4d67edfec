"""The order of an epoch: a function of a key and the epoch alone, so that any place in it is found without the others.

Two levels: blocks are drawn into windows, and the rows of a window are mixed.
"""

from collections.abc import Sequence

import numpy as np

from chainrule._types import Array


def _random(key: int, epoch: int, counter: int) -> np.random.Generator:
    # The dropout masks have the second word 0.
    return np.random.Generator(np.random.Philox(key=[key, 1], counter=[0, 0, epoch, counter]))


def windows(key: int | None, epoch: int, blocks: int, together: int) -> list[Array]:
    """The blocks of each window, `together` of them or one fewer; without a key in their order.

    A window has one block out of each stretch of the table: where rows lie in the order of a class, or of time, each
    has its share of all.
    """
    count = -(-blocks // together)
    if key is None:
        return np.array_split(np.arange(blocks), count)
    stretches = -(-blocks // count)
    drawn = _random(key, epoch, 0).permuted(np.arange(stretches * count).reshape(stretches, count), axis=1)
    return [window[window < blocks] for window in drawn.T]


def places(key: int | None, epoch: int, window: int, rows: int) -> Array:
    """Where each row of a window comes in it, (rows,); without a key where it was."""
    return np.arange(rows) if key is None else _random(key, epoch, window + 1).permutation(rows)


def sequence(key: int | None, epoch: int, sizes: Sequence[int], together: int) -> Array:
    """All rows in the order of an epoch, (m,): what an epoch in memory takes for the same training."""
    starts = np.cumsum([0, *sizes])
    parts = []
    for k, blocks in enumerate(windows(key, epoch, len(sizes), together)):
        rows = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in blocks])
        mixed = np.empty_like(rows)
        mixed[places(key, epoch, k, len(rows))] = rows
        parts.append(mixed)
    return np.concatenate(parts)
