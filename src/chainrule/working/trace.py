"""Every Z, A, g′(Z), dA, dZ, dW, db of a batch, with its equation, its shape and its values.

The lines are those of equations.py; nothing is worked out twice.
"""

import html
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.network import Network

WHOLE = 8  # rows and columns up to which an array is shown as it is; one row or column up to twice as many
TERMS = 20  # terms of a sum that are shown one by one


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the working: a name, how it comes about, and its values."""

    name: str
    equation: str
    values: Any  # (rows, columns); X may be a scipy.sparse array

    @property
    def shape(self) -> str:
        """As NumPy writes it."""
        return str(self.values.shape)

    def shown(self, width: int = 100) -> str:
        """All values of a small array, in lines of `width`; of a larger one min, mean, max and the share of zeros."""
        rows, columns = self.values.shape
        if max(rows, columns) > WHOLE * (2 if min(rows, columns) == 1 else 1):
            return _summary(self.values)
        V = _dense(self.values)
        column = V.shape[1] == 1 < len(V)  # on one line, turned
        return _numbers(V[:, 0][None], width)[1:-1] + "ᵀ" if column else _numbers(V, width)


def _numbers(V: Array, width: int) -> str:
    """A matrix as NumPy shows it: four decimals, or four digits of every number where that would lose some."""
    sizes = abs(V[(V != 0) & np.isfinite(V)])
    style = ".4g"
    if sizes.min(initial=1) >= 5e-4 and sizes.max(initial=0) < 1e4:
        rounded = V.round(4)
        style = f".{next(d for d in range(5) if np.array_equal(V.round(d), rounded, equal_nan=True))}f"
    cells = [[f"{value:{style}}" for value in row] for row in (V + 0.0).tolist()]  # + 0.0: no -0
    wide = max(len(cell) for row in cells for cell in row)
    fit = max(1, (width - 4) // (wide + 1))
    lines = []
    for i, row in enumerate(cells):
        for start in range(0, len(row), fit):
            begin = "  " if start else " [" if i else "[["
            end = "" if start + fit < len(row) else "]]" if i == len(cells) - 1 else "]"
            lines.append(begin + " ".join(f"{cell:>{wide}}" for cell in row[start : start + fit]) + end)
    return "\n".join(lines)


def _summary(V: Any) -> str:
    numbers = V.data if hasattr(V, "tocsr") else V
    good = np.isfinite(numbers)
    parts = []
    if good.all():
        parts = [f"{name} {getattr(V, name)():>10.4g}" for name in ("min", "mean", "max")]
    elif good.any():
        parts = [f"{name} {getattr(numbers[good], name)():>10.4g}" for name in ("min", "mean", "max")]
    zeros = 1 - np.count_nonzero(numbers) / (V.shape[0] * V.shape[1])
    parts.append("zeros " + ("<0.1%" if 0 < zeros < 0.001 else f"{zeros:.1%}" if 0 < zeros < 1 else f"{zeros:.0%}"))
    if not good.all():
        parts.append(f"NaN or infinite {np.sum(~good):,}")
    return "  ".join(parts)


def _dense(A: Any) -> Any:
    return A.toarray() if hasattr(A, "tocsr") else A


_SIGNS = re.compile(
    r"\((?P<top>[^()/]+)/(?P<bottom>[^()/]+)\)|(?P<number>\d+(?:\.\d+)?)|(?P<square>‖²)"
    r"|(?P<name>[A-Za-z_Ŷ𝓛λδμσ]+)(?P<layer>\[\d+\])?(?P<prime>′)?(?P<turned>ᵀ)?"
)


def mathml(equation: str) -> str:
    """An equation of the notes, such as ``dW[2] = (1/m) dZ[2] A[1]ᵀ``, as MathML: the layer stands above."""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow>{_signs(equation)}</mrow></math>'


def _signs(equation: str) -> str:
    parts, at = [], 0
    for sign in _SIGNS.finditer(equation):
        parts += [_operators(equation[at : sign.start()]), _sign(sign)]
        at = sign.end()
    return "".join([*parts, _operators(equation[at:])])


def _sign(sign: re.Match[str]) -> str:
    if sign["top"]:
        return f"<mfrac><mrow>{_signs(sign['top'])}</mrow><mrow>{_signs(sign['bottom'])}</mrow></mfrac>"
    if sign["number"]:
        return f"<mn>{sign['number']}</mn>"
    if sign["square"]:
        return "<msup><mo>‖</mo><mn>2</mn></msup>"
    above = f"<mtext>{sign['layer']}</mtext>" if sign["layer"] else ""
    above += "<mo>′</mo>" if sign["prime"] else ""
    above += "<mi>⊤</mi>" if sign["turned"] else ""
    name = f"<mi>{sign['name']}</mi>"
    return f"<msup>{name}<mrow>{above}</mrow></msup>" if above else name


def _operators(between: str) -> str:
    return "".join(f"<mo>{html.escape(sign)}</mo>" for sign in between if not sign.isspace())


def written(network: Network, l: int, l2: float, weights: Array | None) -> tuple[str, str, str]:
    """How the notes write dZ[l], dW[l] and db[l]. With example weights w, Σw takes the place of m."""
    loss = network.loss
    m, times = ("m", "") if weights is None else ("Σw", " ∗ w")
    match loss.name, loss.output:
        case _ if l < network.L:
            dZ, times = f"dA[{l}] ∗ g[{l}]′(Z[{l}])", ""
        case ("binary_cross_entropy" | "cross_entropy" | "poisson", _) | ("half_squared_error", "identity"):
            dZ = f"(A[{l}] − Y)" if times else f"A[{l}] − Y"
        case ("half_squared_error", _):
            dZ = f"(A[{l}] − Y) ∗ g[{l}]′(Z[{l}])"
        case ("absolute", _):
            dZ = f"sign(A[{l}] − Y)"
        case ("huber", _):
            dZ = f"clip(A[{l}] − Y, ±{loss.delta:g})"
        case _:
            dZ = f"∂𝓛/∂Z[{l}]"
    decay = f" + (λ/{m}) W[{l}]" if l2 else ""
    return f"dZ[{l}] = {dZ}{times}", f"dW[{l}] = (1/{m}) dZ[{l}] A[{l - 1}]ᵀ{decay}", f"db[{l}] = (1/{m}) Σ dZ[{l}]"


@dataclass(frozen=True, eq=False, repr=False)
class Trace:
    """What a network computes for a batch of m examples. Lists are 1-based, as everywhere; ``trace["dW"][2]`` is dW[2].

    W[l] (n[l], n[l-1]), b[l] (n[l], 1); Z[l], A[l], slope[l] = g[l]′(Z[l]), dA[l], dZ[l] (n[l], m); dW[l] and db[l] as
    W[l] and b[l]; A[0] = X as the network sees it, normalized if it normalizes; Y (n[L], m); the cost J. slope[L] and
    dA[L] are None: the loss knows dZ[L] at once. Without targets J, Y and all of the way back are None.
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
        """All of it by the names above: J a number, Y an array, the others lists of arrays."""
        names = ("J", "Y", "W", "b", "Z", "A", "slope", "dA", "dZ", "dW", "db")
        return {name: getattr(self, name) for name in names}

    def __getitem__(self, name: str) -> Any:
        found = self.to_dict()
        if name not in found:
            raise KeyError(f"{name!r}; known: {', '.join(found)}")
        return found[name]

    @property
    def forward(self) -> list[Row]:
        """The way from X to Ŷ, line by line, and the targets."""
        normalizer = self.network.normalizer
        seen = "X" if normalizer is None else "clip((X − μ) / σ)" if normalizer.clip else "(X − μ) / σ"
        rows = [Row("A[0]", f"A[0] = {seen}", self.A[0])]
        for l in range(1, len(self.W)):
            rows += [
                Row(f"W[{l}]", f"W[{l}]", self.W[l]),
                Row(f"b[{l}]", f"b[{l}]", self.b[l]),
                Row(f"Z[{l}]", f"Z[{l}] = W[{l}] A[{l - 1}] + b[{l}]", self.Z[l]),
                Row(f"A[{l}]", f"A[{l}] = {self.network.g[l].spec}(Z[{l}])", self.A[l]),
            ]
        return rows if self.Y is None else [*rows, Row("Y", "Y", self.Y)]

    @property
    def backward(self) -> list[Row]:
        """The way back from the cost, line by line; empty without targets."""
        if self.Y is None:
            return []
        L, rows = self.network.L, []
        for l in range(L, 0, -1):
            of_Z, of_W, of_b = written(self.network, l, self.l2, self.weights)
            if l < L:
                rows += [
                    Row(f"dA[{l}]", f"dA[{l}] = W[{l + 1}]ᵀ dZ[{l + 1}]", self.dA[l]),
                    Row(f"g[{l}]′(Z[{l}])", f"g[{l}]′(Z[{l}])", self.slope[l]),
                ]
            rows += [Row(f"dZ[{l}]", of_Z, self.dZ[l]), Row(f"dW[{l}]", of_W, self.dW[l])]
            rows += [Row(f"db[{l}]", of_b, self.db[l])]
        return rows

    @property
    def _title(self) -> str:
        m = self.A[0].shape[1]
        more = (f", λ = {self.l2:g}" if self.l2 else "") + ("" if self.weights is None else ", weights w")
        return f"{self.network!r}, {m:,} example{'s' * (m != 1)}{more}"

    @property
    def _cost(self) -> str:
        m, w = ("m", "") if self.weights is None else ("Σw", "w ")
        return f"J = (1/{m}) Σ {w}𝓛" + (f" + (λ/2{m}) Σ ‖W‖²" if self.l2 else "")

    def _parts(self) -> Iterator[tuple[str, list[Row], list[str]]]:
        """Title, lines and the formulas they use."""
        g = {row.spec: row for row in self.network.g[1:]}
        yield "Forward", self.forward, [f"{name}(z) = {row.formula}" for name, row in g.items()]
        if self.Y is not None:
            slopes = {row.spec: row.slope_formula for row in self.network.g[1:-1]}
            if "g[" in self.backward[0].equation:  # the output's slope is used, too
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
                lines += [f"  {self._cost} = {self.J:.6g}", f"  𝓛 = {self.network.loss.formula}"]
            lines += [f"  {formula}" for formula in formulas]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{html.escape(self._title)}</b></p>"]
        cell = '<td style="text-align:left">'
        for title, rows, formulas in self._parts():
            cells = "".join(
                f"<tr>{cell}{mathml(row.equation)}</td>{cell}{row.shape}</td>"
                f'{cell}<pre style="margin:0">{html.escape(row.shown())}</pre></td></tr>'
                for row in rows
            )
            heads = "".join(f'<th style="text-align:left">{head}</th>' for head in ("equation", "shape", "values"))
            parts.append(f"<table><caption>{title}</caption><tr>{heads}</tr>{cells}</table>")
            if self.J is not None and title == "Forward":
                formula = html.escape(self.network.loss.formula)
                parts.append(f"<p>{mathml(self._cost)} = {self.J:.6g}, {mathml('𝓛')} = {formula}</p>")
            parts += [f"<p>{html.escape(formula)}</p>" for formula in formulas]
        return "".join(parts)

    def unit(self, l: int, i: int, example: int = 0) -> "Sum":
        """z and a of unit i of layer l for one example, term by term; i and example count from 0, layers from 1."""
        L = len(self.W) - 1
        if not 1 <= l <= L:
            raise IndexError(f"layer: got {l}, wanted 1 … {L}")
        for what, got, end in (("unit", i, len(self.W[l])), ("example", example, self.A[0].shape[1])):
            if not 0 <= got < end:
                raise IndexError(f"{what}: got {got}, wanted 0 … {end - 1}")
        x = _dense(self.A[l - 1][:, [example]])[:, 0]
        z, a = float(self.Z[l][i, example]), float(self.A[l][i, example])
        equation = f"W[{l}][{i}, :] · A[{l - 1}][:, {example}] + b[{l}][{i}]"
        return Sum(equation, self.W[l][i], x, float(self.b[l][i, 0]), z, a, self.network.g[l].spec)


@dataclass(frozen=True, eq=False, repr=False)
class Sum:
    """z = w·x + b of one unit, term by term, and a = g(z). w and x are the vectors of its n[l-1] inputs.

    names: what to call the inputs; their indices if empty.
    """

    equation: str
    w: Array
    x: Array
    b: float
    z: float
    a: float
    g: str
    names: Sequence[str] = ()

    @property
    def terms(self) -> Array:
        """w ∗ x."""
        return self.w * self.x + 0.0  # no -0

    def __repr__(self) -> str:
        """Every term, or the largest ones and the sum of the others."""
        order = np.argsort(-abs(self.terms), kind="stable")
        names = self.names or [str(k) for k in range(len(order))]
        rows = [(names[k], self.w[k], self.x[k], self.terms[k]) for k in np.sort(order[:TERMS])]
        rest = f"{len(order) - TERMS:,} smaller terms together"
        apply = f"a = {self.g}(z)" + (" over the units" if self.g == "softmax" else "")
        left = max(len(apply) - 24, *(len(row[0]) for row in rows))
        lines = [f"z = {self.equation}", f"  {'':{left}}{'w':>12}{'x':>12}{'w·x':>12}"]
        lines += [f"  {name:{left}}{w:>12.5g}{x:>12.5g}{term:>12.5g}" for name, w, x, term in rows]
        ends = [("b", self.b), ("z", self.z), (apply, self.a)]
        if len(order) > TERMS:
            ends.insert(0, (rest, float(self.terms[order[TERMS:]].sum())))
        lines += [f"  {what:{left + 24}}{value:>12.5g}" for what, value in ends]
        return "\n".join(lines)


def trace(network: Network, X: Any, Y: Any = None, *, l2: float = 0.0, weights: Any = None) -> Trace:
    """The whole forward and backward pass of the examples X (n[0], m), Y (n[L], m): a `Trace`.

    Without Y the forward pass only. l2 is λ, weights (m,) or (1, m) are example weights, as in `Network.cost`. Dropout
    is not part of it: it belongs to a step of training. The arrays are copies: they stay as they are when the network
    learns. Raises ValueError for what `Network.check_examples` refuses.
    """
    network, w = frozen(network), None
    if Y is not None:
        X, Y, w = network.check_examples(X, Y, weights)
    else:
        X = network.check_inputs(X)
        if X.shape[1] == 0:
            raise ValueError("X: got no examples (0 columns), wanted at least one")
    W, b, J = list(network.W), list(network.b), None
    back: dict[str, list[Any]] = {name: [None] * len(W) for name in ("dA", "dZ", "dW", "db")}
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow shows in the values
        Z, A = equations.forward(X, W, b, network.g)
        slope = [None, *(g.slope(z) for g, z in zip(network.g[1:-1], Z[1:-1], strict=True)), None]
        if Y is not None:
            J, dZ, m = equations.cost(Z, Y, W, network.loss, float(l2), w)
            for l, *parts in equations.backward_layers(dZ, Z, A, W, network.slope, m, float(l2)):
                for found, part in zip(back.values(), parts, strict=True):
                    found[l] = part
    J = None if J is None else float(J)
    Y = None if Y is None else Y.copy()
    return Trace(J, Y, W, b, Z, [X.copy(), *A[1:]], slope, **back, network=network, l2=float(l2), weights=w)


def frozen(network: Network, dtype: Any = None) -> Network:
    """A copy that stays as it is, with its own functions even if no table has them; in another precision if asked."""
    copy = Network(network.sizes, init="zeros", dtype=dtype or network.dtype)
    copy.g, copy.loss, copy.normalizer = list(network.g), network.loss, network.normalizer
    copy.parameters = network.parameters
    return copy
