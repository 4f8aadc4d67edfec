"""What the files of Python and of JavaScript share: the statements of `prepare`, which read the same in both."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Any

import numpy as np

from chainrule.exporting.source.program import (
    PARTS,
    Applied,
    Far,
    Given,
    Layer,
    Line,
    Looked,
    Net,
    Part,
    Program,
    Weight,
    runs,
)
from chainrule.exporting.source.spelling import comment, float32, float64, rows, wrapped


@dataclass(frozen=True)
class Language:
    """How a language writes things. define, loop: templates with name, code; and with table, function."""

    mark: str
    end: str
    nan: str
    inf: str
    define: str
    arrays: dict[str, str]  # kind → how an array of items is made
    loop: str
    local: str
    none: str
    map: str  # a template with items, of which each is an entry of key and k
    entry: str
    text: Any  # a function from a text to its literal
    groups: Any  # a function from a pattern of Python to one of the language
    truth: tuple[str, str]
    whole: float  # below which whole numbers are exact


@dataclass
class Script:
    """The parts of the file, as they are written."""

    program: Program
    language: Language
    parts: list[str] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    shared: dict[tuple[str, str], str] = field(default_factory=dict)

    def define(self, name: str, code: str, what: str = "") -> str:
        """A constant of the file; returns its name."""
        told = f"{self.language.mark} {what}\n" if what else ""
        self.parts.append(told + self.language.define.format(name=name, code=code) + "\n")
        return name

    def define_each(self, **tables: tuple[Any, str]) -> bool:
        """Constants by name, each a row of numbers for each network and what it is; False where there are none."""
        if any(each is None for each, _ in tables.values()):
            return False
        for name, (each, what) in tables.items():
            self.define(name, f"[{', '.join(map(self.numbers, each))}]", f"{what}, for each network")
        return True

    def once(self, name: str, code: str, what: str) -> str:
        """A constant that is there already, or a new one with a number behind its name; returns its name."""
        if (name, code) not in self.shared:
            count = sum(other == name for other, _ in self.shared)
            self.shared[name, code] = self.define(f"{name}{count}", code, what)
        return self.shared[name, code]

    def array(self, name: str, kind: str, values: Any, what: str, width: int = 0) -> str:
        """A constant array of numbers: of "float", "double" or "int8"."""
        flat = np.asarray(values).ravel()
        items = {"float": float32, "double": float64}.get(kind, lambda each: [str(v) for v in each.tolist()])(flat)
        body = rows(items, width) if width else wrapped(items)
        return self.define(name, self.language.arrays[kind].format(items=f"\n{body},\n"), what)

    def listed(self, name: str, items: list[tuple[str, str]], what: str) -> str:
        """A constant list of records, each with a comment."""
        lines = "\n".join(f"    {item}, {self.language.mark} {told}" for item, told in items)
        return self.define(name, f"[\n{lines}\n]", what)

    def number(self, value: float) -> str:
        """A number of float64."""
        language = self.language
        if isnan(value):
            return language.nan
        return repr(float(value)) if abs(value) < inf else f"{'-' * (value < 0)}{language.inf}"

    def numbers(self, values: Any) -> str:
        """A list of them."""
        return f"[{', '.join(map(self.number, values))}]"

    def text(self, text: str) -> str:
        """A text."""
        return str(self.language.text(text))

    def texts(self, texts: Any) -> str:
        """A list of them."""
        return f"[{_inside([self.text(text) for text in texts])}]"

    def literal(self, label: Any) -> str:
        """A class; a date as NumPy writes it, and as a text, too, a whole number that the language would round."""
        if isinstance(label, bool):
            return self.language.truth[label]
        if isinstance(label, float):
            return self.number(label)
        if isinstance(label, int) and abs(label) < self.language.whole:
            return str(label)
        return self.text(str(label))

    # -- the networks --------------------------------------------------------------------------------------------------

    def networks(self) -> str:
        """The constants of the networks; returns the code of a list of them."""
        several = len(self.program.networks) > 1
        made = [self._network(net, f"{k}" if several else "") for k, net in enumerate(self.program.networks, 1)]
        return f"[{', '.join(made)}]"

    def _network(self, net: Net, number: str) -> str:
        before, layers = f"n{number}_" if number else "", []
        for l, layer in enumerate(net.layers, 1):
            layers.append(self._layer(layer, l, before))
        center = scale = self.language.none
        if net.center is not None:
            kind = "double" if self.program.double else "float"
            center = self.array(f"{before}center", kind, net.center, "the center of each x")
            scale = self.array(f"{before}scale", kind, net.scale, "1 / the deviation of each x")
        items = "\n".join(f"    {layer}," for layer in layers)
        shape = " - ".join(map(str, net.sizes))
        smooth = self.language.truth[net.smooth]
        what = f"{shape} units: center and scale of x, and W[l], its scale, b[l] and g[l] for l = 1 ... {len(layers)}"
        return self.define(f"network{number}", f"[{center}, {scale}, {smooth}, [\n{items}\n]]", what)

    def _layer(self, layer: Layer, l: int, before: str) -> str:
        n, k = layer.W.shape
        kind, scale = "double" if self.program.double else "float", self.language.none
        g = layer.g if layer.alpha is None else f"{layer.g}({self.number(layer.alpha)})"
        what = f"Z[{l}] = W[{l}] A[{l - 1}] + b[{l}], A[{l}] = {g}(Z[{l}]); W[{l}] ({n}, {k})"
        if layer.scale is None:
            W = self.array(f"{before}W{l}", kind, layer.W, what, k)
        else:
            W = self.array(f"{before}W{l}", "int8", layer.W, f"{what} = the scale of a row times these", k)
            scale = self.array(f"{before}s{l}", "float", layer.scale, f"the scale of each row of W[{l}]")
        b = self.array(f"{before}b{l}", kind, layer.b, f"b[{l}] ({n}, 1)")
        self.needed.add(layer.g)
        return f"[{W}, {scale}, {b}, {g}]"

    # -- the preparation -----------------------------------------------------------------------------------------------

    def statements(self) -> list[str]:
        """Of `prepare`, which fills v from the row, and x from v."""
        program, lines = self.program, self._values()
        for r, (kind, _, some) in enumerate(runs(program.inputs)):
            function, name = {"line": ("line", "LINES"), "plain": ("plain", "LINES"), "hot": ("hot", "CODES")}[kind]
            self.needed.add(function)
            records = [(self._record(kind, each), comment(self._told(each))) for each in some]
            what = {
                "line": "value, and x of it: missing, low, high, zero, slope, offset",
                "plain": "value, and x = slope * (value - zero)",
                "hot": "value, code, and x of another and of this code",
            }[kind]
            table = self.listed(f"{name}{r}", records, what)
            lines.append(self.language.loop.format(table=table, function=function))
        if program.mix is not None:
            M, bias = program.mix
            table = self.array("M", "double", M, f"x = M u + m, of the inputs u before it; M {M.shape}", M.shape[1])
            m = self.array("m", "double", bias, "m")
            self.needed.add("linear")
            lines.append(f"x = linear({table}, {self.language.none}, {m}, x)")
        return [line + self.language.end * (not line.endswith(("}", ";"))) for line in lines]

    def _values(self) -> list[str]:
        program, lines, known = self.program, list[str](), dict[Any, str]()
        for i, value in enumerate(program.values):
            match value:
                case Given():
                    if not self._used(i, value):
                        continue
                    code = self._given(i, value)
                case Looked(k):
                    if (key := program.same(value)) not in known:
                        known[key] = f"k{i}"
                        lines.append(f"{self.language.local}k{i} = {self._found(i, value)}")
                    table = self.define(
                        f"TABLE{i}", self.numbers(program.entries(value)), f"{self._name(k)}: {value.what}"
                    )
                    code = f"{table}[{known[key]}]"
                case Part(k, part, low, high):
                    if (key := (k, low, high)) not in known:
                        self.needed |= {"calendar", "clip"}
                        known[key] = f"m{len(known)}"
                        given = f"clip({program.given(k)}, {self.number(low)}, {self.number(high)})"
                        lines.append(f"{self.language.local}{known[key]} = calendar({given})")
                    code = f"{known[key]}[{PARTS.index(part)}]"
                case Far(k, low, high):
                    self.needed.add("far")
                    code = f"far({program.given(k)}, {self.number(low)}, {self.number(high)})"
                case Weight(number, j):
                    if j == 0:
                        lines.append(self._bag(number))
                    continue
                case Applied(function, line):
                    self.needed |= {"line", f"apply_{function}"}
                    code = f"apply_{function}(line({self._record('line', line)}, v))"
            lines.append(f"v[{i}] = {code}{self.language.end} {self.language.mark} {comment(program.label(value))}")
        return lines

    def _name(self, k: int) -> str:
        return comment(self.program.columns[k].name)

    def _used(self, i: int, value: Given) -> bool:
        """Whether a number is needed as one, not only looked up as it is."""
        looked = any(isinstance(each, Looked) and each.column == value.column for each in self.program.values)
        return i in self.program.used or not (self.program.columns[value.column].exact and looked)

    def _given(self, i: int, value: Given) -> str:
        """The code for the number in a column."""
        column = self.program.columns[value.column]
        name = self.text(column.name)
        self.needed.add("real" if column.exact else column.kind)
        if column.kind == "presence":
            return f"presence(row, {name})"
        words = self.texts(column.words)
        if column.exact:
            code = f"real(row, {name})"
        elif column.kind == "boolean":
            code = f"boolean(row, {name}, {words})"
        elif column.kind == "date":
            forms = [f"[{self.text(self.language.groups(pattern))}, {since}]" for pattern, since in column.forms]
            what = "how dates are written: patterns, and the first year of two digits"
            written = self.once("DATES", f"[{_inside(forms)}]", what)
            code = f"date(row, {name}, {words}, {written})"
        else:
            pattern = self.once("NUMERAL", self.text(column.pattern), "how numbers are written, with their units")
            factors = [f"{self.text(word)}: {self.number(factor)}" for word, factor in column.factors.items()]
            written = f"\n{wrapped(factors)},\n" if factors else ""
            units = self.once("UNITS", f"{{{written}}}", "what the units behind them stand for")
            code = self._marked(f"number(row, {name}, {words}, {pattern}, {units})", column.missing)
        if value.mark is not None or self.program.used.get(i):  # a step with a mark takes nothing else for missing
            self.needed.add("required")
            code = f"required({code}, {name})"
        return code if value.mark is None else self._marked(code, [value.mark])

    def _marked(self, code: str, missing: Sequence[float]) -> str:
        """The number, or NaN where it stands for a missing value."""
        if not missing:
            return code
        self.needed.add("marked")
        return f"marked({code}, {self.numbers(missing)})"

    def _found(self, i: int, value: Looked) -> str:
        """The code for the number of the category in a column."""
        k, (keys, loose) = value.column, self.program.keys(value)
        column = self.program.columns[k]
        name = self.text(column.name)
        refused = f", {name}" if value.unknown is None else ""
        if column.exact:
            self.needed |= {"key", "exactly"}
            keys = [None if isinstance(key, float) and isnan(key) else key for key in keys]
            known = self.define(f"KEYS{i}", self.keys(keys), f"{self._name(k)}: its categories")
            return f"exactly(key(row, {name}), {known}{refused})"
        if column.kind == "category":
            self.needed |= {"category", "known", "find"}
            what = f"{self._name(k)}: its categories; the first {loose} are known in other letters, too"
            words = self.define(f"WORDS{i}", f"known({self.texts(keys)}, {loose})", what)
            return f"find(category(row, {name}), {words}{refused})"
        self.needed.add("search")
        numbers = self.define(f"NUMBERS{i}", self.numbers(keys), f"{self._name(k)}: its categories")
        return f"search({self.program.given(k)}, {numbers}{refused})"

    def keys(self, keys: list[Any]) -> str:
        """A map from text, numbers and none to their place."""
        items = [self.language.none if key is None else self.literal(key) for key in keys]
        entries = [self.language.entry.format(key=item, k=k) for k, item in enumerate(items)]
        return self.language.map.format(items=_inside(entries))

    def _bag(self, number: int) -> str:
        bag = self.program.bags[number]
        self.needed.add("bag")
        column = self.program.columns[bag.column]
        words = self.define(f"BAG{number}", self.texts(bag.words), f"{self._name(bag.column)}: the words that count")
        weights = self.array(f"WEIGHTS{number}", "double", bag.weights, f"{self._name(bag.column)}: their weights")
        first = next(i for i, value in enumerate(self.program.values) if value == Weight(number, 0))
        options = f"{self.text(bag.norm or '')}, {self.language.truth[bag.binary]}, {bag.least}"
        self.needed.add("prose")
        text = f"prose(row, {self.text(column.name)}, {self.language.truth[column.exact]})"
        return f"bag(v, {first}, {text}, {words}, {weights}, {options})"

    def _record(self, kind: str, each: Any) -> str:
        if kind == "hot":
            return f"[{each.value}, {each.code}, {self.number(each.off)}, {self.number(each.on)}]"
        if kind == "plain":
            return f"[{each.value}, {self.number(each.zero)}, {self.number(each.slope)}]"
        numbers = (each.missing, each.low, each.high, each.zero, each.slope, each.offset)
        return f"[{each.value}, {', '.join(map(self.number, numbers))}]"

    def _told(self, each: Any) -> str:
        label = self.program.label(self.program.values[each.value])
        if not isinstance(each, Line):
            return f"{label} {each.code}"
        if each.slope == 0:
            return f"{label}, is missing"
        return f"{label}, {each.low:.6g} to {each.high:.6g}" if -inf < each.low and each.high < inf else label


def _inside(items: list[str]) -> str:
    """Items of a list, in lines of their own where they are long."""
    return f"\n{wrapped(items)},\n" if sum(map(len, items)) > 60 else ", ".join(items)


def used(functions: dict[str, str], needed: set[str]) -> list[str]:
    """Those functions that are needed, and that those need, in their order."""
    found, before = set(needed), set[str]()
    while found != before:
        before = set(found)
        for name in [each for each in functions if each in found]:
            found |= {other for other in functions if re.search(rf"(?<![\w.]){other}\(", functions[name])}
    return [code for name, code in functions.items() if name in found]
