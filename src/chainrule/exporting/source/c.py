"""The program as one file of C99: no allocation, tables that are const, and of the standard library the mathematics."""

from typing import Any

from chainrule._version import __version__
from chainrule.exporting.source.c_functions import DATE, FUNCTIONS, NEAR
from chainrule.exporting.source.c_parts import KEYWORDS as KEYWORDS
from chainrule.exporting.source.c_parts import Writer, number, string
from chainrule.exporting.source.program import Answer, Looked, Program
from chainrule.exporting.source.spelling import comment, told
from chainrule.tabular.calibration import LEAST

_KINDS = {
    "number": ("double", "number{note}; NAN = missing"),
    "boolean": ("double", "1 or 0; NAN = missing"),
    "date": ("double", "seconds since 1970-01-01; NAN = missing"),
    "presence": ("int", "1 if it is given, 0 if not"),
    "category": ("const char *", 'category, in UTF-8; "" = missing'),
    "exactly": ("const char *", "category, in UTF-8, to the last blank; NULL = missing"),
    "text": ("const char *const *", "its words, in lower case, with NULL at the end; {note}"),
}


def source(program: Program, name: str, said: list[str]) -> tuple[str, dict[str, int]]:
    """The file, and its sizes in bytes. name: begins all names in it. said: more lines for its head."""
    w = Writer(program, name)
    functions = [w.network(net, 0 if len(program.networks) == 1 else k) for k, net in enumerate(program.networks, 1)]
    prepare = w.prepare()
    predict = _predict(w, prepare, functions)
    needed = w.needed | ({"clip"} if "line" in w.needed else set())
    # Of Z that float64 has and float32 has not, a network in float64 makes 0, and one in float32 what it is: NaN.
    near = "" if program.double else NEAR
    helpers = [
        FUNCTIONS[each].replace(near, "").replace("NAME", name).replace("MACRO", name.upper())
        for each in FUNCTIONS
        if each in needed
    ]
    sizes = {"constants": w.constants, "memory": w.memory, "multiply_adds": program.multiply_adds}
    dates = any(column.kind == "date" for column in program.columns)
    parts = [
        _head(program, name, said, sizes),
        _declarations(w, dates),
        _begin(name, bool({"bag", "exactly"} & needed)),
        *helpers,
        *w.parts,
        predict,
        *([DATE.replace("NAME", name)] if dates else []),
        _main(w),
    ]
    return "\n".join(parts), sizes


def _head(program: Program, name: str, said: list[str], sizes: dict[str, int]) -> str:
    lines = [
        *told(program),
        *said,
        "",
        f"constants     {sizes['constants']:>9,} bytes (const: flash; pointers counted as 4)",
        f"memory        {sizes['memory']:>9,} bytes (static; -D{name.upper()}_MEMORY= puts them on the stack)",
        f"multiply-adds {sizes['multiply_adds']:>9,} for a row",
        "",
        "C99, without allocation; link with -lm. Compile it, or include it. Other files include it after",
        f"#define {name.upper()}_DECLARATIONS. An example: cc -std=c99 -D{name.upper()}_MAIN {name}.c -lm && ./a.out",
        f"Written by chainrule {__version__}.",
    ]
    return "/*\n" + "\n".join(f" * {line}".rstrip() for line in lines) + "\n */"


def _declarations(w: Writer, dates: bool) -> str:
    program, P = w.program, w.P
    C, answer = P.upper(), program.answer
    lines = [f"#ifndef {C}_DECLARED", f"#define {C}_DECLARED", "#ifdef __cplusplus", 'extern "C" {', "#endif"]
    if not program.of_doubles:
        lines.append("typedef struct {")
        for column, name in zip(program.columns, w.names, strict=True):
            kind, meaning = _KINDS["exactly" if column.exact and column.kind == "category" else column.kind]
            note = f", {comment(column.note)}" if column.note and column.kind == "number" else comment(column.note)
            space = "" if kind.endswith("*") else " "
            lines.append(f"    {kind}{space}{name}; /* {comment(column.name)}: {meaning.format(note=note)} */")
        lines += [f"}} {P}_row;", ""]
    lines += _told_of_answer(w)
    lines.append(f"int {P}_predict({_row(w)}, {_real(answer)} *{_goal(answer)});")
    if answer.kind in ("classes", "labels"):
        lines += [f"/* the name of class 0 ... {_outputs(program) - 1} */", f"const char *{P}_label(int k);"]
    if dates:
        lines += ["/* the seconds since 1970-01-01 of a day */", f"double {P}_date(int year, int month, int day);"]
    return "\n".join([*lines, "#ifdef __cplusplus", "}", "#endif", "#endif", ""])


def _told_of_answer(w: Writer) -> list[str]:
    program, answer = w.program, w.program.answer
    count, goal = _outputs(program), _goal(answer)
    refused = (
        "-1 for a row with a number that is missing, infinite or too large, or a category that is unknown, where it "
        "takes none"
    )
    what = {
        "classes": f"{goal}[{count}]: the probability of each class; returns the number of the predicted class",
        "labels": f"{goal}[{count}]: the probability of each label, of which those above 0.5 are predicted; returns 0",
        "numbers": f"{goal}[{count}]: the prediction; returns 0",
        "outputs": f"{goal}[{count}]: A[L], the outputs of the network; returns 0",
    }[answer.kind]
    given = [f"row: {len(program.columns)} numbers"] if program.of_doubles else []
    return ["/* " + "\n * ".join([*given, what, refused]) + " */"]


def _begin(name: str, strings: bool) -> str:
    C = name.upper()
    return f"""\
#ifndef {C}_DECLARATIONS
#include <math.h>
#include <stddef.h>
#include <stdint.h>
{"#include <string.h>" if strings else ""}
#ifndef {C}_MEMORY
#define {C}_MEMORY static
#endif
#if defined(__AVR__) && defined(__FLASH) && !defined(__cplusplus) && !defined(__STRICT_ANSI__)
#define {C}_FLASH __flash /* where constants are copied to the memory unless they are told not to */
#else
#define {C}_FLASH
#endif
"""


def _row(w: Writer) -> str:
    if not w.program.of_doubles:
        return f"const {w.P}_row *row"
    return f"const {w.x if w.program.plain else 'double'} *row"


def _real(answer: Answer) -> str:
    return "double" if answer.kind == "numbers" else "float"


def _goal(answer: Answer) -> str:
    return {"numbers": "prediction", "outputs": "output"}.get(answer.kind, "probability")


def _outputs(program: Program) -> int:
    return len(program.answer.names) or program.networks[0].sizes[-1]


def _predict(w: Writer, prepare: str, functions: list[str]) -> str:
    program, answer = w.program, w.program.answer
    nets, count, outputs = program.networks, _outputs(program), program.networks[0].sizes[-1]
    # Of A[0], where it is not x, and of the hidden layers every second is in a, and every other in c.
    copied = w.x == "double"
    kept = [net.sizes[0 if copied or net.center is not None else 1 : -1] for net in nets]
    a, c = (max([1, *(size for sizes in kept for size in sizes[first::2])]) for first in (0, 1))
    n = nets[0].sizes[0]
    buffers = [] if not prepare else [w.buffer(w.x, ("x", n))]
    buffers.append(w.buffer("float", ("a", a), ("c", c), ("y", outputs)))
    lines = [f"    if ({prepare}(row, x) < 0) return -1;"] if prepare else [f"    const {w.x} *x = row;"]
    lines += [f"    for (i = 0; i < {n}; i++)", "        if (!isfinite(x[i])) return -1;"]
    goal, several = _goal(answer), len(nets) > 1
    p = goal if _real(answer) == "double" else "p"
    if answer.kind in ("outputs", "labels"):
        lines += [f"    {functions[0]}(x, a, c, y);", *_finite("y", count)]
        lines.append(f"    for (i = 0; i < {count}; i++) {goal}[i] = y[i];")
        return _function(w, buffers, "", [*lines, "    return 0;"])
    # Added up, and divided by their number at the end.
    lines += [f"    for (i = 0; i < {count}; i++) {p}[i] = 0;"] if several else []
    for k, function in enumerate(functions):
        lines.append(f"    {function}(x, a, c, y);")
        lines += _added(w, k, p, "+=" if several else "=")
    if several:
        lines.append(f"    for (i = 0; i < {count}; i++) {p}[i] /= {len(nets)}; /* the mean of the networks */")
    lines += _finite(p, count)
    if answer.kind == "numbers":
        return _function(w, buffers, "", [*lines, "    return 0;"])
    lines += _decided(w, count)
    return _function(
        w,
        buffers,
        f"    double p[{count}]{', sum = 0, largest' if answer.temperature != 1 else ''};\n    int best = 0;\n",
        lines,
    )


def _finite(p: str, count: int) -> list[str]:
    return [
        f"    for (i = 0; i < {count}; i++)",
        f"        if (!isfinite({p}[i])) return -1; /* too large for the network */",
    ]


def _added(w: Writer, k: int, p: str, sign: str) -> list[str]:
    """What one network adds to the answer."""
    answer, outputs = w.program.answer, w.program.networks[0].sizes[-1]
    if answer.kind == "classes":
        if answer.binary and outputs == 1:
            return [f"    p[0] {sign} 1 - y[0], p[1] {sign} y[0];"]
        return [f"    for (i = 0; i < {outputs}; i++) p[i] {sign} y[i];"]
    lines = []
    for i in range(outputs):
        code = f"y[{i}]"
        if answer.scale is not None and answer.mean is not None:
            code = f"({number(answer.mean[k, i])} + {number(answer.scale[k, i])} * {code})"
        if answer.low is not None and answer.high is not None:
            w.needed.add("clip")
            code = f"{w.P}_clip({code}, {number(answer.low[k, i])}, {number(answer.high[k, i])})"
        lines.append(f"    {p}[{i}] {sign} {code};")
    return lines


def _decided(w: Writer, count: int) -> list[str]:
    """From the probabilities to the class; the temperature changes them, and not their order."""
    answer, lines = w.program.answer, []
    lines.append(f"    for (i = 1; i < {count}; i++)\n        if (p[i] > p[best]) best = (int)i;")
    if answer.temperature != 1:
        T = number(answer.temperature)
        lines += [
            f"    for (i = 0; i < {count}; i++) p[i] = log(p[i] > {LEAST!r} ? p[i] : {LEAST!r}) / {T};",
            "    largest = p[best];",
            f"    for (i = 0; i < {count}; i++) sum += p[i] = exp(p[i] - largest);",
            f"    for (i = 0; i < {count}; i++) p[i] /= sum; /* as p^(1/T), T = {answer.temperature:.3g} */",
        ]
    if answer.threshold is not None:
        at_least, k = answer.threshold
        lines.append(f"    best = p[{k}] >= {number(at_least)} ? {k} : {1 - k};")
    lines.append(f"    for (i = 0; i < {count}; i++) probability[i] = (float)p[i];")
    return [*lines, "    return best;"]


def _function(w: Writer, buffers: list[str], local: str, lines: list[str]) -> str:
    answer, P = w.program.answer, w.P
    body = "\n".join([*buffers, *lines])
    text = f"int {P}_predict({_row(w)}, {_real(answer)} *{_goal(answer)}) {{\n    size_t i;\n{local}{body}\n}}\n"
    if answer.kind not in ("classes", "labels"):
        return text
    names = w.words("labels", [_name(each) for each in answer.names], f"the classes of {comment(w.program.target)}")
    table = w.parts.pop()
    count = len(answer.names)
    label = f'const char *{P}_label(int k) {{ return k >= 0 && k < {count} ? {names}[k] : ""; }}\n'
    return f"{table}\n{text}\n{label}"


def _name(label: Any) -> str:
    return label if isinstance(label, str) else str(label)


def _main(w: Writer) -> str:
    """An example: one row, and what is predicted for it."""
    program, P = w.program, w.P
    answer, count = program.answer, _outputs(program)
    lines = ["int main(void) {"]
    if not program.of_doubles:
        lines.append(f"    static {P}_row row; /* static: all is 0 or NULL */")
        for k, (column, name) in enumerate(zip(program.columns, w.names, strict=True)):
            if column.kind == "category":
                looked = [each for each in program.values if isinstance(each, Looked) and each.column == k]
                words = [key for each in looked for key in program.keys(each)[0] if isinstance(key, str) and key]
                lines.append(f"    row.{name} = {string(next(iter(words), ''))};")
            elif column.kind == "date":
                lines.append(f"    row.{name} = {P}_date(2024, 12, 31);")
    else:
        kind = w.x if program.plain else "double"
        lines.append(f"    {kind} row[{len(program.columns)}] = {{0}};")
    lines.append(f"    {_real(answer)} {_goal(answer)}[{count}] = {{0}};")
    call = f"{P}_predict({'' if program.of_doubles else '&'}row, {_goal(answer)})"
    each = f'for (i = 0; i < {count}; i++) printf(" %g", {_goal(answer)}[i]);'
    first = f'printf("%s", {P}_label(answer));' if answer.kind == "classes" else 'printf("%d", answer);'
    lines += [f"    int i, answer = {call};", f"    {first}", f"    {each}", '    printf("\\n");', "    return 0;", "}"]
    return f"#ifdef {P.upper()}_MAIN\n#include <stdio.h>\n" + "\n".join(lines) + "\n#endif\n#endif\n"
