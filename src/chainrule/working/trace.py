"""Every Z, A, g′(Z), dA, dZ, dW, db of a batch, with its equation, its shape and its values.

The values are those that equations.py computes on its way to the gradients.
"""

import html
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import equations, losses
from chainrule._types import Array
from chainrule.checks import check_l2
from chainrule.network import Network
from chainrule.text import did_you_mean, html_table
from chainrule.working.rows import Row, Sum, dense, mathml


def written(network: Network, l: int, l2: float, weights: Array | None) -> tuple[str, str, str]:
    """How the notes write dZ[l], dW[l] and db[l]. With example weights w, Σw takes the place of m."""
    loss, m = network.loss, "m" if weights is None else "Σw"
    dZ = f"dA[{l}] ∗ g[{l}]′(Z[{l}])"
    if l == network.L:
        dZ = loss.dZ.replace("[L]", f"[{l}]").replace("δ", "" if loss.delta is None else f"{loss.delta:g}")
        if weights is not None:
            dZ = f"({dZ}) ∗ w" if loss.dZ == losses.CANONICAL else f"{dZ} ∗ w"
    decay = f" + (λ/{m}) W[{l}]" if l2 else ""
    return f"dZ[{l}] = {dZ}", f"dW[{l}] = (1/{m}) dZ[{l}] A[{l - 1}]ᵀ{decay}", f"db[{l}] = (1/{m}) Σ dZ[{l}]"


def written_cost(l2: float, weights: Array | None) -> str:
    """How the notes write J."""
    m, w = ("m", "") if weights is None else ("Σw", "w ")
    return f"J = (1/{m}) Σ {w}𝓛" + (f" + (λ/2{m}) Σ ‖W‖²" if l2 else "")


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """What a network computes for a batch of m examples: every array of the forward and the backward pass.

    Lists count from 1, as everywhere. ``trace["dW"]`` is ``trace.dW``; printed, or at the end of a cell of a notebook,
    a trace shows every equation with its values. Without targets, J, Y and all of the backward pass are None.

    Attributes
    ----------
    J : float, the cost
    Y : ndarray of shape (n[L], m), the targets
    W, b : list, W[l] (n[l], n[l-1]) and b[l] (n[l], 1)
    Z, A : list
        Z[l] and A[l] (n[l], m); A[0] = X as the network sees it, normalized if it normalizes.
    slope : list
        g[l]′(Z[l]) (n[l], m). slope[L] is None: the loss gives dZ[L] without it.
    dA, dZ : list
        dA[l] and dZ[l] (n[l], m), the derivatives of J·m. dA[L] is None.
    dW, db : list, dW[l] (n[l], n[l-1]) and db[l] (n[l], 1), the derivatives of J
    network : Network, a copy, as it was
    l2 : float, λ
    weights : ndarray of shape (1, m), optional, the example weights w
    """

    J: float | None
    Y: Array | None
    W: list[Any]
    b: list[Any]
    Z: list[Any]
    A: list[Any]
    slope: list[Any]
    dA: list[Any]  # noqa: N815
    dZ: list[Any]  # noqa: N815
    dW: list[Any]  # noqa: N815
    db: list[Any]
    network: Network
    l2: float
    weights: Array | None

    def to_dict(self) -> dict[str, Any]:
        """J, and every array, by the names above.

        Returns
        -------
        dict, J a number, Y an array, the others lists of arrays
        """
        names = ("J", "Y", "W", "b", "Z", "A", "slope", "dA", "dZ", "dW", "db")
        return {name: getattr(self, name) for name in names}

    def __getitem__(self, name: str) -> Any:
        values = self.to_dict()
        if name not in values:
            meant = did_you_mean(name.rstrip("0123456789"), values)
            layers = ' Layers count from 1: trace["dW"][1].' if name[-1:].isdigit() else ""
            raise KeyError(f"{name!r}; known: {', '.join(values)}.{meant}{layers}")
        return values[name]

    @property
    def forward(self) -> list[Row]:
        """The forward pass from X to Ŷ, line by line, and the targets."""
        normalizer = self.network.normalizer
        seen = "X" if normalizer is None else "clip((X − μ) / σ)" if normalizer.clip else "(X − μ) / σ"
        rows = [Row(f"A[0] = {seen}", self.A[0])]
        for l in range(1, len(self.W)):
            rows += [
                Row(f"W[{l}]", self.W[l]),
                Row(f"b[{l}]", self.b[l]),
                Row(f"Z[{l}] = W[{l}] A[{l - 1}] + b[{l}]", self.Z[l]),
                Row(f"A[{l}] = {self.network.g[l].spec}(Z[{l}])", self.A[l]),
            ]
        return rows if self.Y is None else [*rows, Row("Y", self.Y)]

    @property
    def backward(self) -> list[Row]:
        """The backward pass, line by line; empty without targets."""
        L, rows = self.network.L, []
        for l in range(L, 0, -1) if self.Y is not None else ():
            of_Z, of_W, of_b = written(self.network, l, self.l2, self.weights)
            if l < L:
                rows += [Row(f"dA[{l}] = W[{l + 1}]ᵀ dZ[{l + 1}]", self.dA[l]), Row(f"g[{l}]′(Z[{l}])", self.slope[l])]
            rows += [Row(of_Z, self.dZ[l]), Row(of_W, self.dW[l]), Row(of_b, self.db[l])]
        return rows

    @property
    def _title(self) -> str:
        m = self.A[0].shape[1]
        more = (f", λ = {self.l2:g}" if self.l2 else "") + ("" if self.weights is None else ", weights w")
        return f"{self.network!r}, {m:,} example{'s' * (m != 1)}{more}"

    def _parts(self) -> Iterator[tuple[str, list[Row], list[str]]]:
        """Title, lines and the formulas they use."""
        g = {row.spec: row for row in self.network.g[1:]}
        yield "Forward", self.forward, [f"{name}(z) = {row.formula}" for name, row in g.items()]
        if self.Y is not None:
            slopes = {row.spec: row.slope_formula for row in self.network.g[1:-1]}
            if "g[L]" in self.network.loss.dZ:
                slopes[self.network.g[-1].spec] = self.network.g[-1].slope_formula
            yield "Backward", self.backward, [f"{name}′(z) = {formula}" for name, formula in slopes.items()]

    def __repr__(self) -> str:
        every = [*self.forward, *self.backward]
        left, middle = max(len(row.equation) for row in every), max(len(row.shape) for row in every)
        indent = left + middle + 6
        columns = shutil.get_terminal_size((120, 24)).columns
        lines = [self._title]
        for title, rows, formulas in self._parts():
            lines += ["", title]
            for row in rows:
                begin, shown = f"  {row.equation:{left}}  {row.shape:{middle}}  ", row.shown(columns - 4).split("\n")
                if max(map(len, shown)) <= columns - indent:
                    lines += [begin + shown[0], *(" " * indent + line for line in shown[1:])]
                else:  # below, where there is more room
                    lines += [begin.rstrip(), *("    " + line for line in shown)]
            if self.J is not None and title == "Forward":
                lines += [
                    f"  {written_cost(self.l2, self.weights)} = {self.J:.6g}",
                    f"  𝓛 = {self.network.loss.formula}",
                ]
            lines += [f"  {formula}" for formula in formulas]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{html.escape(self._title)}</b></p>"]
        for title, rows, formulas in self._parts():
            # Notebooks give a pre a background of its own, some a white one on a dark page.
            pre = '<pre style="margin:0;padding:0;border:0;background:none;color:inherit;white-space:pre">'
            cells = [(mathml(row.equation), row.shape, f"{pre}{html.escape(row.shown())}</pre>") for row in rows]
            parts.append(html_table(cells, ("equation", "shape", "values"), title))
            if self.J is not None and title == "Forward":
                formula = html.escape(self.network.loss.formula)
                parts.append(
                    f"<p>{mathml(written_cost(self.l2, self.weights))} = {self.J:.6g}, {mathml('𝓛')} = {formula}</p>"
                )
            parts += [f"<p>{html.escape(formula)}</p>" for formula in formulas]
        return "".join(parts)

    def unit(self, l: int, i: int, example: int = 0) -> Sum:
        """z and a of one unit for one example, term by term.

        Parameters
        ----------
        l : int, the layer, from 1
        i : int, the unit of the layer, from 0
        example : int, the example, from 0

        Returns
        -------
        Sum
            w ∗ x, b, z and a; printed, a table.

        Raises
        ------
        IndexError
            If there is no such layer, unit or example.
        """
        L = len(self.W) - 1
        if not 1 <= l <= L:
            raise IndexError(f"layer: got {l}, wanted 1 … {L}")
        for what, got, end in (("unit", i, len(self.W[l])), ("example", example, self.A[0].shape[1])):
            if not 0 <= got < end:
                raise IndexError(f"{what}: got {got}, wanted 0 … {end - 1}")
        x = dense(self.A[l - 1][:, [example]])[:, 0]
        z, a = float(self.Z[l][i, example]), float(self.A[l][i, example])
        equation = f"W[{l}][{i}, :] · A[{l - 1}][:, {example}] + b[{l}][{i}]"
        return Sum(equation, self.W[l][i], x, float(self.b[l][i, 0]), z, a, self.network.g[l].spec)


def trace(network: Network, X: Any, Y: Any = None, *, l2: float = 0.0, weights: Any = None) -> Trace:
    """Every array of the forward and the backward pass of a batch of examples.

    Dropout is not part of it: it belongs to a step of training. The arrays are copies, so they stay as they are when
    the network learns.

    Parameters
    ----------
    network : Network, left as it is
    X : array_like or sparse array of shape (n[0], m), the examples
    Y : array_like of shape (n[L], m), optional
        Their targets; without them the forward pass only.
    l2 : float, λ
    weights : array_like of shape (m,) or (1, m), optional, the example weights w

    Returns
    -------
    Trace
        The arrays by name; printed, every equation with its values.

    Raises
    ------
    ValueError
        For examples that do not fit the network.
    """
    check_network("trace", network)
    network, l2, w = frozen(network), check_l2(l2), None
    if Y is not None:
        X, Y, w = network.check_examples(X, Y, weights)
    else:
        X = network.check_inputs(X)
        if X.shape[1] == 0:
            raise ValueError("X: got no examples (0 columns), wanted at least one")
    W, b, J = list(network.W), list(network.b), None
    backward: dict[str, list[Any]] = {name: [None] * len(W) for name in ("dA", "dZ", "dW", "db")}
    # The three steps of equations.cost_and_gradients, which keeps no more than J, dW and db.
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the values
        Z, A = equations.forward(X, W, b, network.g)
        slope = [None, *(g.slope(z) for g, z in zip(network.g[1:-1], Z[1:-1], strict=True)), None]
        if Y is not None:
            J, dZ, m = equations.cost(Z, Y, W, network.loss, l2, w)
            for l, *arrays in equations.backward_layers(dZ, Z, A, W, network.slope, m, l2):
                for of_layers, array in zip(backward.values(), arrays, strict=True):
                    of_layers[l] = array
    J = None if J is None else float(J)
    Y = None if Y is None else Y.copy()
    return Trace(J, Y, W, b, Z, [X.copy(), *A[1:]], slope, **backward, network=network, l2=l2, weights=w)


def check_network(what: str, network: Any) -> None:
    """TypeError for what is no Network; of an estimator and a pipeline with what to write instead."""
    if isinstance(network, Network):
        return
    kind, hint = type(network).__name__, ""
    if hasattr(network, "steps"):
        hint = " Of a fitted pipeline: " + (
            "pipeline[-1].diagnose(pipeline[:-1].transform(X), y)."
            if what == "diagnose"
            else f"chainrule.{what}(pipeline[-1].network_, pipeline[:-1].transform(X).T, …)."
        )
    elif hasattr(network, "get_params"):
        hint = " Of a fitted estimator: " + (
            "estimator.diagnose(X, y)." if what == "diagnose" else f"chainrule.{what}(estimator.network_, X.T, …)."
        )
    raise TypeError(f"{what}: got {kind}, wanted a Network.{hint}")


def frozen(network: Network, dtype: Any = None) -> Network:
    """A copy of a network with the same functions, be they in a table or not; in another precision if dtype says so."""
    copy = Network(network.sizes, init="zeros", dtype=dtype or network.dtype)
    copy.g, copy.loss, copy.normalizer = list(network.g), network.loss, network.normalizer
    copy.parameters = network.parameters
    return copy
