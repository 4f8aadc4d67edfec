"""How the layers of a network lie in one flat vector: W[1], b[1], W[2], b[2], …."""

import html
from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, SupportsIndex

import numpy as np

from chainrule._types import Array
from chainrule.checks import refuse_masked
from chainrule.text import html_table


class Views(list[Any]):
    """W[1] … W[L] or b[1] … b[L]. Assigning to an entry writes into the network's vector instead of leaving it."""

    def __setitem__(self, l: SupportsIndex | slice, value: Any) -> None:
        if isinstance(l, slice):
            raise TypeError("assign to one layer at a time: net.W[l] = …")
        if self[l] is None:
            raise IndexError("index 0 is unused: layers are counted from 1, as in W[1]")
        refuse_masked(f"layer {l}", value)
        wanted = self[l].shape
        if wanted[1] == 1 and np.shape(value) == wanted[:1]:  # a vector (n[l],) for a column, as other libraries have b
            value = np.reshape(value, wanted)
        if np.shape(value) not in ((), wanted):  # NumPy would stretch a row over the whole matrix
            raise ValueError(f"layer {l}: got shape {np.shape(value)}, wanted {wanted} or one number")
        self[l][...] = value


def check_sizes(sizes: Iterable[int]) -> list[int]:
    """[n[0], …, n[L]]. ValueError for fewer than two, and for what is no whole number of 1 or more."""
    given = list(sizes) if isinstance(sizes, Iterable) else []
    if len(given) < 2 or not all(isinstance(n, Integral) and n >= 1 for n in given):
        raise ValueError(
            f"sizes: got {given or sizes!r}, wanted at least [inputs, outputs], whole numbers of 1 or more, as in "
            "[2, 4, 1]"
        )
    return [int(n) for n in given]


def length(sizes: Sequence[int]) -> int:
    """The number of parameters of a network of these sizes."""
    return sum(n * (before + 1) for before, n in pairwise(sizes))


def unpack(sizes: Sequence[int], vector: Array) -> tuple[Views, Views]:
    """W and b, 1-based, as views on a vector of all of them."""
    W, b, start = Views([None]), Views([None]), 0
    for columns, rows in pairwise(sizes):
        end = start + rows * columns
        W.append(vector[start:end].reshape(rows, columns))
        b.append(vector[end : end + rows].reshape(rows, 1))
        start = end + rows
    return W, b


def pack(dW: Sequence[Any], db: Sequence[Any]) -> Array:
    """The vector of dW[1], db[1], dW[2], …, by the arrays' own functions: the inverse of `unpack`."""
    parts = [part.reshape(-1) for pair in zip(dW[1:], db[1:], strict=True) for part in pair]
    vector: Array = parts[0].__array_namespace__().concat(parts)
    return vector


def describe_layers(sizes: Sequence[int], activations: Sequence[str]) -> list[dict[str, Any]]:
    """Each layer of a network of these sizes n[0] … n[L]: units, activation, shapes of W and b, parameters."""
    return [
        {"units": n, "activation": g, "W": [n, before], "b": [n, 1], "parameters": n * (before + 1)}
        for (before, n), g in zip(pairwise(sizes), activations, strict=True)
    ]


def shown(network: Any) -> str:
    """A network as it is made: Network([2, 4, 1], hidden='tanh', …)."""
    hidden = [g.spec for g in network.g[1:-1]]
    names = repr(hidden[0] if len(set(hidden)) == 1 else hidden)
    middle = f"hidden={names}, " if hidden else ""
    return (
        f"Network({network.sizes}, {middle}output={network.g[-1].spec!r}, loss={network.loss.spec!r}, "
        f"dtype={network.dtype.name!r})"
    )


def describe(network: Any) -> dict[str, Any]:
    """A network in words and numbers; see `Network.describe`."""
    normalizer = network.normalizer
    return {
        "layers": describe_layers(network.sizes, [g.spec for g in network.g[1:]]),
        "inputs": network.sizes[0],
        "parameters": network.parameters.size,
        "loss": network.loss.spec,
        "dtype": network.dtype.name,
        "normalize": normalizer and ("robust" if normalizer.clip else "standard"),
    }


def _rows(network: Any) -> list[tuple[str, ...]]:
    """The layers as lines of a table, its head first."""
    rows: list[tuple[str, ...]] = [("layer", "units", "activation", "W", "b", "parameters")]
    for l, layer in enumerate(describe(network)["layers"], 1):
        shapes = (str(tuple(layer[name])) for name in "Wb")
        rows.append((str(l), str(layer["units"]), layer["activation"], *shapes, f"{layer['parameters']:,}"))
    return rows


def _total(network: Any) -> str:
    count, inputs = network.parameters.size, network.sizes[0]
    return f"{count:,} parameters ({network.dtype.name}), {inputs} inputs, {network.loss.spec}"


def as_text(network: Any) -> str:
    """A network printed: a table of its layers."""
    rows = _rows(network)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, _total(network)])


def as_html(network: Any) -> str:
    """The same for a notebook."""
    heads, *rows = ([html.escape(cell) for cell in row] for row in _rows(network))
    return html_table(rows, heads) + f"<p>{html.escape(_total(network))}</p>"
