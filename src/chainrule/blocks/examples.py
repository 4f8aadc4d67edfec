"""The examples of a network out of the columns of blocks: inputs, targets as numbers or classes, weights."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule._types import Array
from chainrule.blocks import ahead, memory, numbers
from chainrule.blocks.windows import Targets, Windows, together
from chainrule.engines.stream import Rows
from chainrule.readers.common import ReaderError
from chainrule.text import first_few

if TYPE_CHECKING:
    import pyarrow as pa

    from chainrule.blocks import Blocks
    from chainrule.network import Network

Encode = Callable[[int, "pa.Table"], Array]  # a block and its number → a row for each of its rows


def classes(blocks: "Blocks") -> Array:
    """The different labels of the target, in their order."""
    if len(blocks.targets) != 1:
        raise ReaderError(f"target: got {first_few(blocks.targets) or 'none'}, wanted one column of labels")
    found, (column,) = np.empty(0), blocks.targets
    tables = ahead.each(partial(blocks.arrow, i, blocks.targets) for i in range(len(blocks.sizes)))
    for i, table in enumerate(tables):
        different, _ = numbers.labels(blocks.name(i), blocks.starts[i], table.column(column), column)
        found = numbers.all_classes(blocks.name(i), column, found, different)
    return found


def codes(blocks: "Blocks", known: Array, i: int, table: "pa.Table") -> Array:
    """Of each row of a block the number of its class, (r,)."""
    (column,) = blocks.targets
    name, start = blocks.name(i), blocks.starts[i]
    different, places = numbers.labels(name, start, table.column(column), column)
    return numbers.codes(name, column, known, different, places)


def matrix(blocks: "Blocks", columns: tuple[str, ...], dtype: Any, i: int, table: "pa.Table") -> Array:
    """Columns of a block as numbers, (r, columns)."""
    return numbers.matrix(blocks.name(i), blocks.starts[i], table, columns, np.dtype(dtype))


def inputs(blocks: "Blocks", network: "Network") -> Iterator[Array]:
    """X (n[0], r) of each block, checked but not normalized."""
    _check_inputs(blocks, network)

    def block(i: int) -> Array:
        return matrix(blocks, blocks.columns, network.dtype, i, blocks.arrow(i, blocks.columns)).T

    return ahead.each(partial(block, i) for i in range(len(blocks.sizes)))


def examples(
    blocks: "Blocks", network: "Network", encode: Encode | None = None, weigh: Encode | None = None
) -> tuple[Windows, Targets, None]:
    """X, Y and weights of a training. encode, weigh: Y (r, n[L]) and the weights (r, 1), if not as they stand there."""
    _check_inputs(blocks, network)
    encode = encode or _targets(blocks, network)
    if weigh is None and blocks.weights is not None:
        weigh = partial(weights, blocks, network.dtype)
    names = (*blocks.columns, *blocks.targets, *filter(None, [blocks.weights]))

    def block(i: int) -> Rows:
        table = blocks.arrow(i, names)
        X = matrix(blocks, blocks.columns, network.dtype, i, table)
        columns, Y, _ = network.check_examples(X.T, encode(i, table).T)
        return columns.T, Y.T, None if weigh is None else weigh(i, table)

    def weigh_all() -> float:
        some = [*blocks.targets, *filter(None, [blocks.weights])]
        tables = ahead.each(partial(blocks.arrow, i, some) for i in range(len(blocks.sizes)))
        assert weigh is not None
        return sum(float(weigh(i, table).sum(dtype=float)) for i, table in enumerate(tables))

    row = (network.sizes[0] + network.sizes[-1]) * network.dtype.itemsize
    count = together(blocks.sizes, row, blocks.window)
    _check_memory(blocks, count, row, names)
    X = Windows(
        blocks.sizes, (network.sizes[0], blocks.rows), network.sizes[-1], network.dtype, block, count,
        None if weigh is None else weigh_all, partial(fingerprint, blocks, count),
    )  # fmt: skip
    return X, Targets((network.sizes[-1], blocks.rows)), None


def weights(blocks: "Blocks", dtype: Any, i: int, table: "pa.Table") -> Array:
    """The weights of a block, (r, 1)."""
    assert blocks.weights is not None
    found = matrix(blocks, (blocks.weights,), dtype, i, table)
    if (found < 0).any():
        row = int((found < 0).argmax())
        raise ReaderError(
            f"{blocks.name(i)}: the weight in column {blocks.weights!r}, row {blocks.starts[i] + row:,} of all, is "
            f"{found[row, 0]}, wanted 0 or more"
        )
    return found


def _check_inputs(blocks: "Blocks", network: "Network") -> None:
    if len(blocks.columns) != network.sizes[0]:
        raise ReaderError(
            f"{blocks!r}: got {len(blocks.columns)} columns of inputs ({first_few(blocks.columns, 5)}), wanted "
            f"{network.sizes[0]}, as many as the network has"
        )


def _targets(blocks: "Blocks", network: "Network") -> Encode:
    """What makes Y (r, n[L]) of a block: its numbers, or one-hot rows of its classes."""
    outputs, columns = network.sizes[-1], blocks.targets
    if not columns:
        raise ReaderError(f"{blocks!r}: there is nothing to learn; give Blocks(…, target=COLUMN)")
    kind = blocks.schema.field(columns[0]).type
    softmax = network.g[-1].name == "softmax"
    if len(columns) == outputs and not (outputs == 1 and not numbers.is_number(kind)):
        return partial(matrix, blocks, columns, network.dtype)
    if len(columns) != 1 or not (softmax or outputs == 1):
        raise ReaderError(
            f"{blocks!r}: got {len(columns)} columns of targets ({first_few(columns, 5)}), wanted {outputs}, one for "
            f"each output of the network{', or one of labels' if softmax else ''}"
        )
    known, wanted = blocks.classes, max(2, outputs)
    if known.dtype.kind in "iu" and known[0] >= 0 and known[-1] < wanted:
        known = np.arange(wanted)  # some of them may have no row here
    if len(known) != wanted:
        raise ReaderError(
            f"{blocks!r}: the target {columns[0]!r} has {len(known)} classes ({first_few(known, 5)}), wanted {wanted}, "
            f"for a network with {outputs} output{'s' if outputs > 1 else ''}"
        )

    def one_hot(i: int, table: "pa.Table") -> Array:
        found = codes(blocks, known, i, table)
        return found[:, None] if outputs == 1 else found[:, None] == np.arange(outputs)

    return one_hot


def _check_memory(blocks: "Blocks", count: int, row: int, names: tuple[str, ...]) -> None:
    """ReaderError if the windows of this many blocks do not fit into the memory: one at hand, one that is read."""
    largest = sorted(range(len(blocks.sizes)), key=lambda i: blocks.sizes[i])[-count:]
    windows = 2 * row * sum(blocks.sizes[i] for i in largest)
    what = f"it is mixed with {count - 1} others while {count} more are read, which takes"
    memory.check(
        blocks.name(largest[-1]), blocks.sizes[largest[-1]], windows + 2 * blocks.weight(largest[-1], names), what
    )


def fingerprint(blocks: "Blocks", count: int) -> str:
    """What tells these blocks from others: their columns, and the size, the beginning and the end of each file."""
    about = hashlib.sha256(repr((blocks.columns, blocks.targets, blocks.weights, blocks.sizes, count)).encode())
    for place in blocks.files:
        with place.open() as raw:
            size = raw.size()
            about.update(f"{size}".encode() + raw.read(4096))
            raw.seek(max(0, size - (1 << 16)))
            about.update(raw.read())
    return about.hexdigest()[:16]
