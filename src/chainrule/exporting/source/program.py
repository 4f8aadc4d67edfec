"""What a model computes from the values of one row, in the few operations that every language has.

    v   the values: numbers of the row, or looked up, taken apart and counted from it
    x   the inputs of the networks: each a clipped line of one value (`Line`), or whether it is a code (`Hot`)
    A   Z[l] = W[l] A[l-1] + b[l], A[l] = g[l](Z[l]), for each network
    p   the answer: their mean, as classes, labels or numbers

Filling, standardizing, quantile bins, marks of missing values and one-hot columns are all lines and codes. So a writer
for a language has two loops for the preparation of a table, whatever scikit-learn's steps were.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf, isnan, nan
from typing import Any, Self

from chainrule._types import Array

# Of `Part`, in the order in which the calendar of each language gives them.
PARTS = (
    "days", "year", "month", "day", "weekday", "hour", "time",
    "sin of year", "cos of year", "sin of week", "cos of week", "sin of day", "cos of day",
)  # fmt: skip


@dataclass(frozen=True)
class Column:
    """What a row gives: a number, boolean, date, presence, category or text, and how it is written.

    exact: it is given to scikit-learn's steps as it is, and a category is compared to the last blank; else to Columns,
    of which the others tell. missing: numbers that stand for a missing value. words: words that do. pattern, forms:
    regular expressions for a number as text (with the groups of `numerals.pattern`) and for dates (those of
    `forms.expressions`, and the first year of two digits). spellings: other spellings of categories. levels:
    categories that are known in other letters and blanks, too. factors: of what may stand behind a number.
    """

    name: str
    kind: str
    note: str = ""
    decimal: str = "."
    pattern: str = ""
    missing: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    forms: tuple[tuple[str, int], ...] = ()
    spellings: dict[str, str] = field(default_factory=dict, hash=False)
    levels: tuple[str, ...] = ()
    factors: dict[str, float] = field(default_factory=dict, hash=False)
    exact: bool = False


# -- values ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """The number of a column; NaN where it is missing. mark: a number that a step takes for a missing value."""

    column: int
    mark: float | None = None


@dataclass(frozen=True, eq=False)
class Looked:
    """What a table has for the category in a column; of text None where it is missing. unknown: None = refused."""

    column: int
    entries: dict[Any, float]
    unknown: float | None
    what: str


@dataclass(frozen=True)
class Part:
    """A part of the moment in a column of dates, which is first brought between low and high; see `PARTS`."""

    column: int
    part: str
    low: float
    high: float


@dataclass(frozen=True)
class Far:
    """Whether the moment in a column of dates is below low or above high."""

    column: int
    low: float
    high: float


@dataclass(frozen=True)
class Weight:
    """How much the j-th word of a bag is in the text of a column."""

    bag: int
    j: int


@dataclass(frozen=True)
class Applied:
    """A function of a line, by its name in NumPy."""

    function: str
    line: "Line"


Value = Given | Looked | Part | Far | Weight | Applied


@dataclass(frozen=True)
class Bag:
    """The words of a column that count, with their weights; the weights of a row have the norm 1 ("l1", "l2").

    least: 1 where a word begins with a letter, 2 where it is at least two letters, digits and _.
    """

    column: int
    words: tuple[str, ...]
    weights: tuple[float, ...]
    norm: str | None
    binary: bool
    least: int


# -- inputs of the networks --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """x = slope · (min(max(v, low), high) − zero) + offset of a value v; `missing` where v is NaN."""

    value: int
    missing: float = nan
    low: float = -inf
    high: float = inf
    zero: float = 0.0
    slope: float = 1.0
    offset: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether it is slope · (v − zero)."""
        return isnan(self.missing) and self.low == -inf and self.high == inf and self.offset == 0

    def shifted(self, by: float) -> Self:
        """x + by."""
        if self.slope and not self.offset:
            return replace(self, missing=self.missing + by, zero=self.zero - by / self.slope)
        return replace(self, missing=self.missing + by, offset=self.offset + by)

    def scaled(self, by: float) -> Self:
        """x · by."""
        return replace(self, missing=self.missing * by, slope=self.slope * by, offset=self.offset * by)

    def clipped(self, low: float, high: float) -> Self:
        """min(max(x, low), high)."""
        missing = self.missing if isnan(self.missing) else min(max(self.missing, low), high)
        if not self.slope:
            return replace(self, missing=missing, offset=min(max(self.offset, low), high))
        ends = sorted(self.zero + (end - self.offset) / self.slope for end in (low, high))
        first, last = (min(max(end, ends[0]), ends[1]) for end in (self.low, self.high))
        made = replace(self, missing=missing, low=first, high=last)
        if self.slope > 0 and first == ends[0] > -inf:  # in the units of the clipped line, of which no digit is lost
            made = replace(made, zero=first, offset=low)
        return made

    def filled(self, number: float) -> Self:
        """x, or the number where it is missing."""
        return replace(self, missing=number) if isnan(self.missing) else self

    def flag(self) -> Self:
        """1 where it is missing, else 0."""
        return replace(self, slope=0.0, zero=0.0, offset=0.0, missing=1.0 if isnan(self.missing) else 0.0)


@dataclass(frozen=True)
class Hot:
    """x = on where a value is the code, else off."""

    value: int
    code: int
    off: float = 0.0
    on: float = 1.0

    def shifted(self, by: float) -> Self:
        """x + by."""
        return replace(self, off=self.off + by, on=self.on + by)

    def scaled(self, by: float) -> Self:
        """x · by."""
        return replace(self, off=self.off * by, on=self.on * by)

    def clipped(self, low: float, high: float) -> Self:
        """min(max(x, low), high)."""
        return replace(self, off=min(max(self.off, low), high), on=min(max(self.on, low), high))

    def filled(self, number: float) -> Self:
        """x, which is never missing."""
        return self

    def flag(self) -> Self:
        """0."""
        return replace(self, off=0.0, on=0.0)


Input = Line | Hot


# -- networks and answers ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Layer:
    """A = g(Z), Z = W A[l-1] + b. W: (n, k) float, or int8 with one float of `scale` for each row. alpha: of g."""

    W: Array
    b: Array
    g: str
    alpha: float | None
    scale: Array | None = None


@dataclass(frozen=True, eq=False)
class Net:
    """A network. center, scale: of x, None where x is as it is; smooth: x / √(1 + (x/3)²) follows."""

    layers: tuple[Layer, ...]
    center: Array | None = None
    scale: Array | None = None
    smooth: bool = False

    @property
    def sizes(self) -> list[int]:
        """n[0] … n[L]."""
        return [self.layers[0].W.shape[1], *(len(layer.W) for layer in self.layers)]


@dataclass(frozen=True, eq=False)
class Answer:
    """What is made of the outputs: "outputs" of a network, "classes", "labels" (several at a time) or "numbers".

    temperature: T. threshold: of two classes, the probability and the number of the class from which on it is that one.
    mean, scale, low, high: of the numbers, for each network (networks, outputs), None where there is none.
    """

    kind: str
    names: tuple[Any, ...] = ()
    temperature: float = 1.0
    threshold: tuple[float, int] | None = None
    mean: Array | None = None
    scale: Array | None = None
    low: Array | None = None
    high: Array | None = None

    @property
    def binary(self) -> bool:
        """Whether the one output is the probability of the second of two classes."""
        return self.kind == "classes" and len(self.names) == 2


@dataclass(frozen=True, eq=False)
class Program:
    """All of it. named: whether a row has names, or is a list of numbers. mix: a matrix and a bias from inputs to x."""

    columns: tuple[Column, ...]
    named: bool
    values: tuple[Value, ...]
    bags: tuple[Bag, ...]
    inputs: tuple[Input, ...]
    mix: tuple[Array, Array] | None
    networks: tuple[Net, ...]
    answer: Answer
    double: bool  # whether the networks compute in float64
    target: str = ""

    @property
    def plain(self) -> bool:
        """Whether x is what the row gives."""
        same = [Line(i) for i in range(len(self.columns))]
        return self.mix is None and list(self.inputs) == same and self.values == tuple(map(Given, range(len(same))))

    def given(self, column: int) -> str:
        """The code for the number of a column, once it is among the values."""
        return f"v[{self.values.index(Given(column))}]"

    def keys(self, value: Looked) -> tuple[list[Any], int]:
        """The categories that are looked up; of text, how many of the first are known alike, too."""
        alike = {key for key in self.columns[value.column].levels if len(set(" ".join(key.casefold().split()))) > 1}
        loose = [key for key in value.entries if key in alike]
        return [*loose, *(key for key in value.entries if key not in alike)], len(loose)

    def entries(self, value: Looked) -> list[float]:
        """What a table has for each of its `keys`, and behind them for an unknown one."""
        return [*map(value.entries.__getitem__, self.keys(value)[0]), nan if value.unknown is None else value.unknown]

    def same(self, value: Looked) -> tuple[Any, ...]:
        """What is alike of values that are looked up at the same place."""
        return value.column, value.unknown is None, *value.entries

    @cached_property
    def used(self) -> dict[int, bool]:
        """The values that are taken as they are, or by lines, and whether one takes no other where it is missing."""
        lines = [*self.inputs, *(each.line for each in self.values if isinstance(each, Applied))]
        needed = {each.value for each in self.inputs if isinstance(each, Line) and isnan(each.missing)}
        for i, value in reversed([*enumerate(self.values)]):  # a function of what is missing is missing
            if isinstance(value, Applied) and i in needed and isnan(value.line.missing):
                needed.add(value.line.value)
        return {each.value: each.value in needed for each in lines}

    def label(self, value: Value) -> str:
        """What to call a value in a comment."""
        if isinstance(value, Applied):
            return f"{value.function} of {self.label(self.values[value.line.value])}"
        if isinstance(value, Weight):
            bag = self.bags[value.bag]
            return f"{self.columns[bag.column].name}, word {bag.words[value.j]}"
        name = self.columns[value.column].name
        more = {Looked: getattr(value, "what", ""), Part: getattr(value, "part", ""), Far: "is far from all others"}
        return ", ".join(filter(None, (name, more.get(type(value), ""))))

    @property
    def of_doubles(self) -> bool:
        """Whether a row can be an array of numbers, without names."""
        return not self.named and all(column.kind == "number" for column in self.columns)

    @property
    def multiply_adds(self) -> int:
        """Σ n[l] n[l-1] of all networks, and of the mix."""
        mixed = 0 if self.mix is None else self.mix[0].size
        return mixed + sum(layer.W.size for net in self.networks for layer in net.layers)

    @property
    def parameters(self) -> int:
        """Numbers of all W[l] and b[l]."""
        return sum(layer.W.size + layer.b.size for net in self.networks for layer in net.layers)


def runs(inputs: Iterable[Input]) -> list[tuple[str, int, list[Any]]]:
    """Neighbors of one kind, for a loop each: "plain", "line" or "hot", the number of the first, and they."""
    found: list[tuple[str, int, list[Any]]] = []
    for i, each in enumerate(inputs):
        kind = "hot" if isinstance(each, Hot) else "plain" if each.plain else "line"
        if found and found[-1][0] == kind:
            found[-1][2].append(each)
        else:
            found.append((kind, i, [each]))
    return found
