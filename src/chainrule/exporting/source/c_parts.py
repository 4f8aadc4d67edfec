"""The parts of a file of C: constants, networks, and the way from a row to their inputs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isnan
from typing import Any

import numpy as np

from chainrule.exporting.graph import ExportError
from chainrule.exporting.source.program import (
    PARTS,
    Applied,
    Far,
    Given,
    Hot,
    Layer,
    Line,
    Looked,
    Net,
    Part,
    Program,
    Weight,
    runs,
)
from chainrule.exporting.source.spelling import comment, float32, identifier, rows, wrapped

_LONGEST = 4095  # bytes of a string that every compiler of C99 takes
_MOST = 2**15  # that their numbers have 16 bits for
_FUNCTIONS = {"absolute": "fabs", "square": "NAME_square"}
# Of C23 and C++26, and names that some compilers define.
_words = str.split
KEYWORDS = frozenset(
    _words(
        "auto break case char const continue default do double else enum extern float for goto if inline int long "
        "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
        "asm bool catch class const_cast delete dynamic_cast explicit export false friend mutable namespace new "
        "operator private protected public reinterpret_cast static_cast template this throw true try typeid typename "
        "using virtual wchar_t and or not xor bitand bitor compl and_eq or_eq xor_eq not_eq alignas alignof char8_t "
        "char16_t char32_t constexpr consteval constinit decltype noexcept nullptr static_assert thread_local concept "
        "requires co_await co_return co_yield contract_assert typeof typeof_unqual "
        "unix linux i386 near far huge errno"
    )
)
_BYTES = {"float": 4, "double": 8, "int8_t": 1}


@dataclass
class Writer:
    """The parts of the file. P: the beginning of all its names. constants, memory: bytes, for pointers of 4."""

    program: Program
    P: str
    parts: list[str] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    constants: int = 0
    memory: int = 0

    def __post_init__(self) -> None:
        taken: set[str] = set()
        self.names = [identifier(column.name, taken, KEYWORDS) for column in self.program.columns]
        # Numbers as large as a time in seconds are normalized in float64, if the network computes in it.
        self.x = (
            "double"
            if self.program.double and any(net.center is not None for net in self.program.networks)
            else "float"
        )

    # -- constants -----------------------------------------------------------------------------------------------------

    def table(self, name: str, kind: str, values: Any, what: str, width: int = 0) -> str:
        """A const array of numbers; returns its name."""
        flat = np.asarray(values).ravel()
        self.constants += _BYTES[kind] * len(flat)
        if kind == "float":
            items = [f"{text}f" for text in float32(flat)]
        else:
            items = [number(value) if kind == "double" else str(value) for value in flat.tolist()]
        return self._array(name, kind, items, what, width)

    def records(self, name: str, kind: str, records: list[tuple[str, str]], size: int, what: str) -> str:
        """A const array of records, each with a comment; returns its name."""
        self.constants += size * len(records)
        lines = "\n".join(f"    {{{record}}}, /* {told} */" for record, told in records)
        self.parts.append(f"/* {what} */\n{self._const} {self.P}_{kind} {self.P}_{name}[] = {{\n{lines}\n}};\n")
        return f"{self.P}_{name}"

    def words(self, name: str, texts: Sequence[str | None], what: str) -> str:
        """A const array of texts, NULL for None; returns its name."""
        self.constants += sum(4 if text is None else len(text.encode("utf-8", "surrogatepass")) + 5 for text in texts)
        lines = wrapped(["NULL" if text is None else string(text) for text in texts])
        self.parts.append(f"/* {what} */\nstatic const char *const {self.P}_{name}[] = {{\n{lines}\n}};\n")
        return f"{self.P}_{name}"

    def _array(self, name: str, kind: str, items: list[str], what: str, width: int) -> str:
        body = rows(items, width) if width else wrapped(items)
        self.parts.append(f"/* {what} */\n{self._const} {kind} {self.P}_{name}[{len(items)}] = {{\n{body}\n}};\n")
        return f"{self.P}_{name}"

    @property
    def _const(self) -> str:
        return f"static const {self.P.upper()}_FLASH"

    def buffer(self, kind: str, *named: tuple[str, int]) -> str:
        """The declaration of buffers."""
        self.memory += sum(_BYTES[kind] * count for _, count in named)
        return f"    {self.P.upper()}_MEMORY {kind} {', '.join(f'{name}[{count}]' for name, count in named)};"

    # -- the networks --------------------------------------------------------------------------------------------------

    def network(self, net: Net, number: int) -> str:
        """The function of one network, with its tables; returns its name."""
        before, lines, source = f"n{number}_" if number else "", [], "x"
        if net.center is not None:
            center = self.table(f"{before}center", self.x, net.center, "the center of each x")
            scale = self.table(f"{before}scale", self.x, net.scale, "1 / the deviation of each x")
            f = "f" if self.x == "float" else ""
            then = "far / sqrt(1 + (far / 3) * (far / 3))" if net.smooth else "t"
            far = f"        const {self.x} far = t < -1e18{f} ? -1e18{f} : t > 1e18{f} ? 1e18{f} : t;"
            lines = [
                "    size_t j;",
                f"    for (j = 0; j < {len(net.center)}; j++) {{",
                f"        const {self.x} t = (x[j] - {center}[j]) * {scale}[j];",
                *([far] if net.smooth else []),
                f"        a[j] = (float)({then});",
                f"    }} /* A[0] = (x - center) * scale{', made smaller where it is large' * net.smooth} */",
            ]
            source = "a"
        elif self.x == "double":
            lines = [f"    size_t j;\n    for (j = 0; j < {net.sizes[0]}; j++) a[j] = (float)x[j]; /* A[0] = x */"]
            source = "a"
        used = {source}
        for l, layer in enumerate(net.layers, 1):
            goal = "y" if l == len(net.layers) else "c" if source == "a" else "a"
            lines += self._layer(layer, l, before, source, goal)
            used.add(goal)
            source = goal
        unused = "".join(f"    (void){name};\n" for name in "ac" if name not in used)
        name, shape = f"{self.P}_network{f'_{number}' if number else ''}", " - ".join(map(str, net.sizes))
        self.parts.append(
            f"/* {shape} units: Z[l] = W[l] A[l-1] + b[l], A[l] = g[l](Z[l]); a, c: room for A[l] */\n"
            f"static void {name}(const {self.x} *x, float *a, float *c, float *y) {{\n"
            + "\n".join(lines)
            + f"\n{unused}}}\n"
        )
        return name

    def _layer(self, layer: Layer, l: int, before: str, source: str, goal: str) -> list[str]:
        n, k = layer.W.shape
        alpha = "" if layer.alpha is None else f"({layer.alpha:g})"
        what = f"Z[{l}] = W[{l}] A[{l - 1}] + b[{l}], A[{l}] = {layer.g}{alpha}(Z[{l}]); W[{l}] ({n}, {k})"
        if layer.scale is None:
            function, tables = "layer", [self.table(f"{before}W{l}", "float", layer.W, what, k)]
        else:
            function, what = "layer8", f"{what} = the scale of a row times these"
            tables = [self.table(f"{before}W{l}", "int8_t", layer.W, what, k)]
            tables.append(self.table(f"{before}s{l}", "float", layer.scale, f"the scale of each row of W[{l}]"))
        tables.append(self.table(f"{before}b{l}", "float", layer.b, f"b[{l}] ({n}, 1)"))
        self.needed.add(function)
        call = f"    {self.P}_{function}({n}, {k}, {', '.join(tables)}, {source}, {goal});"
        lines = [f"{call} /* Z[{l}] = W[{l}] A[{l - 1}] + b[{l}] */"]
        if layer.g != "identity":
            self.needed.add(layer.g)
            constant = "" if layer.alpha is None else f", {float32(np.array(layer.alpha))[0]}f"
            lines.append(f"    {self.P}_{layer.g}({n}, {goal}{constant}); /* A[{l}] = {layer.g}(Z[{l}]) */")
        return lines

    # -- the preparation -----------------------------------------------------------------------------------------------

    def values(self) -> list[str]:
        """The code for v, value by value."""
        program, P, lines, known = self.program, self.P, list[str](), dict[Any, str]()
        for i, value in enumerate(program.values):
            told = f" /* {comment(program.label(value))} */"
            match value:
                case Given():
                    lines += self._refused(value)
                    code = self._given(value)
                case Looked(k):
                    if (key := program.same(value)) not in known:
                        known[key] = f"k{i}"
                        lines.append(f"    const size_t k{i} = {self._found(i, value)};{told}")
                        if value.unknown is None:
                            lines.append(f"    if (k{i} == {len(program.keys(value)[0])}) return -1; /* unknown */")
                    name = comment(program.columns[k].name)
                    table = self.table(
                        f"v{i}", "double", program.entries(value), f"{name}: {value.what}, and of others"
                    )
                    code = f"{table}[{known[key]}]"
                case Part(k, part, low, high):
                    if (key := (k, low, high)) not in known:
                        self.needed.add("calendar")
                        known[key] = f"m{len(known)}"
                        moment = program.given(k)
                        moment = moment if low == -inf else self._clip(moment, low, high)
                        lines.append(self.buffer("double", (known[key], len(PARTS))))
                        lines.append(f"    {P}_calendar({moment}, {known[key]});")
                    code = f"{known[key]}[{PARTS.index(part)}]"
                case Far(k, low, high):
                    given = program.given(k)
                    code = f"{given} < {number(low)} || {given} > {number(high)} ? 1 : 0"
                case Weight(bag, j):
                    if j == 0:
                        lines.append(self._bag(bag, i))
                    continue
                case Applied(function, line):
                    code = self._applied(function, line)
            lines.append(f"    v[{i}] = {code};{told}")
        return lines

    def _applied(self, function: str, line: Line) -> str:
        v = f"v[{line.value}]"
        code = f"{v} - {number(line.zero)}"
        if line.clips:
            code = f"{self._clip(code, line.low, line.high)} - {number(line.start)}"
        code = f"{number(line.slope)} * ({code}) + {number(line.offset)}"
        if not isnan(line.missing):
            code = f"isnan({v}) ? {number(line.missing)} : {code}"
        if function == "square":
            self.needed.add("square")
        return f"{_FUNCTIONS.get(function, function).replace('NAME', self.P)}({code})"

    def _clip(self, code: str, low: float, high: float) -> str:
        self.needed.add("clip")
        return f"{self.P}_clip({code}, {number(low)}, {number(high)})"

    def _row(self, k: int) -> str:
        """The code for a value of the row."""
        return f"row[{k}]" if self.program.of_doubles else f"row->{self.names[k]}"

    def _refused(self, value: Given) -> list[str]:
        """The line that refuses a number which the steps refuse, though the inputs would not show it."""
        column, code = self.program.columns[value.column], self._row(value.column)
        if column.kind not in ("number", "date"):
            return []
        return [f"    if ({'isinf' if value.mark is None else '!isfinite'}({code})) return -1;"]

    def _given(self, value: Given) -> str:
        column, code = self.program.columns[value.column], self._row(value.column)
        if column.kind == "presence":
            return f"({code} ? 1 : 0)"
        if column.kind == "boolean":
            return f"({code} == 0 || {code} == 1 ? {code} : NAN)"
        for mark in (*column.missing, *([] if value.mark is None else [value.mark])):
            code = f"({code} == {number(mark)} ? NAN : {code})"
        return code

    def _found(self, i: int, value: Looked) -> str:
        k, (keys, loose) = value.column, self.program.keys(value)
        name = comment(self.program.columns[k].name)
        column = self.program.columns[k]
        if column.kind == "category":
            texts = [None if key is None else str(key) for key in keys]
            if len(set(texts)) < len(texts):
                raise ExportError(f"{column.name}: numbers and the same as text are categories, and C has only text")
            words = self.words(f"words{i}", texts, f"{name}: its categories")
            function, more = ("exactly", "") if column.exact else ("find", f", {loose}")
            self.needed.add(function)
            return f"{self.P}_{function}({self._row(k)}, {words}, {len(keys)}{more})"
        self.needed.add("find_number")
        numbers = self.table(f"numbers{i}", "double", keys, f"{name}: its categories")
        return f"{self.P}_find_number({self.program.given(k)}, {numbers}, {len(keys)})"

    def _bag(self, number: int, first: int) -> str:
        bag = self.program.bags[number]
        self.needed.add("bag")
        name = comment(self.program.columns[bag.column].name)
        words = self.words(f"bag{number}", list(bag.words), f"{name}: the words that count")
        weights = self.table(f"weights{number}", "double", bag.weights, f"{name}: the weights of its words")
        norm = {None: 0, "l1": 1, "l2": 2}[bag.norm]
        given = self._row(bag.column)
        options = f"{len(bag.words)}, {int(bag.binary)}, {norm}, v + {first}"
        return f"    {self.P}_bag({given}, {words}, {weights}, {options}); /* {name} */"

    def inputs(self, goal: str) -> list[str]:
        """The code for the lines and codes: the inputs of the networks, or of the mix."""
        lines, cast = [], "(float)" if goal == "x" and self.x == "float" else ""
        most = max([len(self.program.values), *(each.code for each in self.program.inputs if isinstance(each, Hot))])
        if most >= _MOST:
            raise ExportError(f"{most:,} values or categories of a column are too many for C, which has {_MOST:,} here")
        for r, (kind, first, some) in enumerate(runs(self.program.inputs)):
            self.needed |= {kind, "clip"} if kind == "line" else {kind}
            records = [(_record(kind, each), self._told(each)) for each in some]
            size, what = {"line": (56, "lines"), "plain": (24, "lines"), "hot": (12, "codes")}[kind]
            table = self.records(f"{what}{r}", kind, records, size, f"from {goal}[{first}] on")
            head = f"    for (i = 0; i < {len(some)}; i++) {goal}[{first} + i] = "
            v = f"v[{table}[i].value]"
            code = {
                "line": f"{cast}{self.P}_on_line(&{table}[i], {v})",
                "plain": f"{cast}({table}[i].slope * ({v} - {table}[i].zero))",
                "hot": f"{v} == {table}[i].code ? {table}[i].on : {table}[i].off",
            }[kind]
            lines.append(f"{head}{code};")
        return lines

    def _told(self, each: Any) -> str:
        return comment(self.program.label(self.program.values[each.value]) + _kind(each))

    def prepare(self) -> str:
        """The function from a row to x; returns its name, "" where x is the row."""
        program = self.program
        if program.plain and program.of_doubles:
            return ""
        used, buffers, cast = "", list[str](), "(float)" if self.x == "float" else ""
        if program.plain:
            lines = [f"    x[{i}] = {cast}row->{name};" for i, name in enumerate(self.names)]
        else:
            buffers = [self.buffer("double", ("v", len(program.values)))]
            goal, used = ("x", "    size_t i;\n") if program.mix is None else ("u", "    size_t i, j;\n")
            infinite = [f"    for (i = 0; i < {len(program.values)}; i++)\n        if (isinf(v[i])) return -1;"]
            lines = [*self.values(), *infinite, *self.inputs(goal)]
        if program.mix is not None:
            M, bias = program.mix
            n, k = M.shape
            buffers.append(self.buffer("double", ("u", k)))
            table = self.table("M", "double", M, f"x = M u + m; M ({n}, {k})", k)
            m = self.table("m", "double", bias, "m")
            lines += [
                f"    for (i = 0; i < {n}; i++) {{",
                f"        double sum = {m}[i];",
                f"        for (j = 0; j < {k}; j++) sum += {table}[i * {k} + j] * u[j];",
                f"        x[i] = {cast}sum; /* x = M u + m */",
                "    }",
            ]
        given = "const double *row" if program.of_doubles else f"const {self.P}_row *row"
        body = "\n".join([*buffers, *lines])
        self.parts.append(
            "/* from a row to the inputs x of the networks; -1 for a category that is refused */\n"
            f"static int {self.P}_prepare({given}, {self.x} *x) {{\n{used}{body}\n    return 0;\n}}\n"
        )
        return f"{self.P}_prepare"


def _kind(each: Any) -> str:
    """What a line says, for its comment."""
    if not hasattr(each, "slope"):
        return f" {each.code}"
    if each.slope == 0:
        return ", is missing"
    return str(each.told)


def _record(kind: str, each: Any) -> str:
    if kind == "hot":
        return f"{each.value}, {each.code}, {float32(np.array(each.off))[0]}f, {float32(np.array(each.on))[0]}f"
    if kind == "plain":
        return f"{each.value}, {number(each.zero)}, {number(each.slope)}"
    numbers = (each.missing, each.low, each.high, each.zero, each.slope, each.offset)
    return f"{each.value}, {', '.join(map(number, numbers))}"


def number(value: float) -> str:
    """A double as C has it."""
    if isnan(value):
        return "NAN"
    if value in (inf, -inf):
        return "INFINITY" if value > 0 else "-INFINITY"
    return repr(float(value))


def string(text: str) -> str:
    """A text as C has it: in UTF-8, with octal escapes, which end after three digits, and no trigraphs."""
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        what = "the character NUL" if "\0" in text else "half of a surrogate pair"
        raise ExportError(f"the text {text[:40]!a} has {what} in it, which C cannot hold")
    data = text.encode()
    if len(data) > _LONGEST:
        raise ExportError(f"a text of {len(data):,} bytes ({text[:40]!r}…) is too long for C, which has {_LONGEST:,}")
    plain = {ord(c) for c in map(chr, range(32, 127))} - set(b'"\\?')
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in data) + '"'
