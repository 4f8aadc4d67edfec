"""How the working is shown: an array with its equation, an equation as MathML, the sum of one unit."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule._types import Array

MOST_SHOWN = 8  # rows or columns of an array that is shown in full; one row or column may have twice as many
MOST_TERMS = 20  # terms of a sum that are shown one by one


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the working: the equation of an array, or its name alone, and its values."""

    equation: str
    values: Any  # (rows, columns); X may be a scipy.sparse array

    @property
    def name(self) -> str:
        """What stands on the left of the equation."""
        return self.equation.partition(" = ")[0]

    @property
    def shape(self) -> str:
        """``(rows, columns)``."""
        return str(self.values.shape)

    def shown(self, width: int = 100) -> str:
        """All values of a small array, in lines of `width`; of a larger one min, mean, max and the share of zeros."""
        rows, columns = self.values.shape
        if max(rows, columns) > MOST_SHOWN * (2 if min(rows, columns) == 1 else 1):
            return _summary(self.values)
        V = dense(self.values)
        if columns == 1 < rows:  # on one line, transposed
            return _matrix(V.T, width)[1:-1] + "ᵀ"
        return _matrix(V, width)


def _matrix(V: Array, width: int) -> str:
    """A matrix as NumPy shows it: with four decimals, or with four digits where these would lose some."""
    sizes = abs(V[(V != 0) & np.isfinite(V)])
    style = ".4g"
    if sizes.min(initial=1) >= 5e-4 and sizes.max(initial=0) < 1e4:
        rounded = V.round(4)
        style = f".{next(d for d in range(5) if np.array_equal(V.round(d), rounded, equal_nan=True))}f"
    cells = [[f"{value:{style}}" for value in row] for row in (V + 0.0).tolist()]  # + 0.0 makes 0 of -0
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
    stored = V.data if hasattr(V, "tocsr") else V
    finite = np.isfinite(stored)
    measured = V if finite.all() else stored[finite]
    names = ("min", "mean", "max") if finite.all() or finite.any() else ()
    parts = [f"{name} {getattr(measured, name)():>10.4g}" for name in names]
    zeros = 1 - np.count_nonzero(stored) / (V.shape[0] * V.shape[1])
    parts.append("zeros " + ("<0.1%" if 0 < zeros < 0.001 else f"{zeros:.1%}" if 0 < zeros < 1 else f"{zeros:.0%}"))
    if not finite.all():
        parts.append(f"NaN or infinite {np.sum(~finite):,}")
    return "  ".join(parts)


def dense(A: Any) -> Any:
    """A (n, m) as a dense array."""
    return A.toarray() if hasattr(A, "tocsr") else A


_SIGNS = re.compile(
    r"\((?P<top>[^()/]+)/(?P<bottom>[^()/]+)\)|(?P<number>\d+(?:\.\d+)?)|(?P<square>‖²)"
    r"|(?P<name>[A-Za-z_Ŷ𝓛λδμσ]+)(?P<layer>\[\d+\])?(?P<prime>′)?(?P<transposed>ᵀ)?|(?P<operator>\S)"
)


def mathml(equation: str) -> str:
    """An equation of the notes, such as ``dW[2] = (1/m) dZ[2] A[1]ᵀ``, as MathML: the layer stands above."""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"><mrow>{_signs(equation)}</mrow></math>'


def _signs(equation: str) -> str:
    return "".join(map(_sign, _SIGNS.finditer(equation)))


def _sign(sign: re.Match[str]) -> str:
    if sign["top"]:
        return f"<mfrac><mrow>{_signs(sign['top'])}</mrow><mrow>{_signs(sign['bottom'])}</mrow></mfrac>"
    if sign["number"]:
        return f"<mn>{sign['number']}</mn>"
    if sign["square"]:
        return "<msup><mo>‖</mo><mn>2</mn></msup>"
    if sign["operator"]:
        return f"<mo>{html.escape(sign['operator'])}</mo>"
    above = f"<mtext>{sign['layer']}</mtext>" if sign["layer"] else ""
    above += "<mo>′</mo>" if sign["prime"] else ""
    above += "<mi>⊤</mi>" if sign["transposed"] else ""
    name = f"<mi>{sign['name']}</mi>"
    return f"<msup>{name}<mrow>{above}</mrow></msup>" if above else name


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
        """w ∗ x (n[l-1],)."""
        return self.w * self.x + 0.0  # + 0.0 makes 0 of -0

    def __repr__(self) -> str:
        """Every term, or the largest ones and the sum of the others."""
        order = np.argsort(-abs(self.terms), kind="stable")
        names = self.names or [str(k) for k in range(len(order))]
        rows = [(names[k], self.w[k], self.x[k], self.terms[k]) for k in np.sort(order[:MOST_TERMS])]
        rest = f"{len(order) - MOST_TERMS:,} smaller terms together"
        apply = f"a = {self.g}(z)" + (" over the units" if self.g == "softmax" else "")
        left = max(len(apply) - 24, *(len(row[0]) for row in rows))
        lines = [f"z = {self.equation}", f"  {'':{left}}{'w':>12}{'x':>12}{'w·x':>12}"]
        lines += [f"  {name:{left}}{w:>12.5g}{x:>12.5g}{term:>12.5g}" for name, w, x, term in rows]
        ends = [("b", self.b), ("z", self.z), (apply, self.a)]
        if len(order) > MOST_TERMS:
            ends.insert(0, (rest, float(self.terms[order[MOST_TERMS:]].sum())))
        lines += [f"  {what:{left + 24}}{value:>12.5g}" for what, value in ends]
        return "\n".join(lines)
