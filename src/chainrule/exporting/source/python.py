"""The program as one file of Python, which needs the standard library only."""

from math import inf

from chainrule._version import __version__
from chainrule.exporting.source.program import Program
from chainrule.exporting.source.python_functions import FUNCTIONS
from chainrule.exporting.source.script import Language, Script, used
from chainrule.exporting.source.spelling import told
from chainrule.tabular.calibration import LEAST

LANGUAGE = Language(
    mark="#",
    end="",
    nan="nan",
    inf="inf",
    define="{name} = {code}",
    arrays={kind: f'array("{code}", [{{items}}])' for kind, code in (("float", "f"), ("double", "d"), ("int8", "b"))},
    loop="x += [{function}(each, v) for each in {table}]",
    local="",
    none="None",
    map="{{{items}}}",
    entry="{key}: {k}",
    text=ascii,
    groups=str,
    truth=("False", "True"),
    whole=inf,
)

_ANSWERS = {
    "outputs": '''\
def predict(row):
    """A[L], the outputs of the network."""
    return finite(forward(NETWORKS[0], prepare(row)))
''',
    "labels": '''\
def probabilities(row):
    """The probability of each label, in the order of CLASSES."""
    return finite(forward(NETWORKS[0], prepare(row)))


def predict(row):
    """1 or 0 for each label, in the order of CLASSES."""
    return [int(p > 0.5) for p in probabilities(row)]
''',
    "classes": '''\
def probabilities(row):
    """The probability of each class, in the order of CLASSES."""
    x = prepare(row)
    answers = [forward(network, x) for network in NETWORKS]
    if len(answers[0]) == 1:
        answers = [[1 - y, y] for (y,) in answers]
    p = finite([sum(each) / len(answers) for each in zip(*answers)])  # the mean of the networks
TEMPERATURE    return p


def predict(row):
    """The class."""
    p = probabilities(row)
    return DECIDED
''',
    "numbers": '''\
def predict(row):
    """The number; a list of them where there are several."""
    x = prepare(row)
    answers = [forward(network, x) for network in NETWORKS]
SCALED    means = finite([sum(each) / len(answers) for each in zip(*answers)])
    return means[0] if len(means) == 1 else means
''',
}

_FORWARD = '''\
def forward(network, x):
    """A[L] of one example: Z[l] = W[l] A[l-1] + b[l], A[l] = g[l](Z[l])."""
    center, scale, smooth, layers = network
    A = x if center is None else [(t - c) * s for t, c, s in zip(x, center, scale)]
    A = [t / (1 + (t / 3) ** 2) ** 0.5 for t in (min(max(t, -1e18), 1e18) for t in A)] if smooth else A
    for W, s, b, g in layers:
        A = g(linear(W, s, b, A))
    return A
'''
_SINGLE = (
    _FORWARD.replace("    center,", "    x = single(x)\n    center,")
    .replace("    for W,", "    A = single(A)\n    for W,")
    .replace("g(linear(W, s, b, A))", "single(g(single(linear(W, s, b, A))))")
)


def source(program: Program, said: list[str]) -> str:
    """The file. said: more lines for its head."""
    script = Script(program, LANGUAGE)
    networks, prepare = script.networks(), _prepare(script)
    answer, answers = program.answer, _answer(script)
    script.define("NETWORKS", networks)
    if answer.names and answer.kind != "numbers":
        script.define("CLASSES", f"[{', '.join(map(script.literal, answer.names))}]")
    lines = [*told(program), *said, f"{program.multiply_adds:,} multiply-adds for a row.", "", *_usage(script)]
    head = "\n".join(f"# {line}".rstrip() for line in [*lines, f"Written by chainrule {__version__}."])
    forward = _FORWARD if program.double else _SINGLE
    script.needed |= set() if program.double else {"single"}
    body = "\n\n".join(used(FUNCTIONS, script.needed | {"finite", "linear"}))
    imports = [name for name in ("datetime", "math", "re", "unicodedata") if f"{name}." in body + prepare + answers] + [
        "from array import array"
    ]
    imports += ["from math import inf, nan", "from operator import mul"]
    head += "\n" + "\n".join(line if " " in line else f"import {line}" for line in imports)
    parts = [head, body, "\n".join(script.parts), prepare, forward, answers]
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


def _usage(script: Script) -> list[str]:
    answer = script.program.answer
    row = "{name: value}, a column each" if script.program.named else f"[{len(script.program.columns)} numbers]"
    more = "; probabilities(row)" if answer.kind in ("classes", "labels") else ""
    return [f"predict(row){more}. A row is {row}.", "Python 3 and its standard library are all it needs."]


def _prepare(script: Script) -> str:
    program = script.program
    if not program.named:
        script.needed.add("listed")
        lines = [f"    row = listed(row, {len(program.columns)})"]
    else:
        lines = []
    infinite = "" if program.plain and not program.named else "any(map(math.isinf, v)) or "
    if program.plain and not program.named:
        script.needed |= {"real", "required"}
        lines.append("    x = [required(real(row, name), name) for name in row]")
    else:
        lines += [f"    v, x = [nan] * {len(program.values)}, []", *(f"    {line}" for line in script.statements())]
    lines += [
        f"    if {infinite}not all(map(math.isfinite, x)):",
        '        raise ValueError("a value of the row is missing or infinite, and the model takes no other for it")',
        "    return x",
    ]
    return (
        'def prepare(row):\n    """From a row to x, the inputs of the networks, by way of the values v."""\n'
        + "\n".join(lines)
        + "\n"
    )


def _answer(script: Script) -> str:
    answer, text = script.program.answer, _ANSWERS[script.program.answer.kind]
    T, decided = "", "CLASSES[p.index(max(p))]"
    if answer.temperature != 1:
        script.needed.add("softmax")
        T = f"    p = softmax([math.log(max(q, {LEAST!r})) / {answer.temperature!r} for q in p])  # ∝ p^(1/T)\n"
    if answer.threshold is not None:
        at_least, k = answer.threshold
        decided = f"CLASSES[{k} if p[{k}] >= {at_least!r} else {1 - k}]"
    scaled = ""
    if script.define_each(MEAN=(answer.mean, "of the target"), SCALE=(answer.scale, "of the target")):
        scaled += "    answers = [[m + s * y for y, m, s in zip(*each)] for each in zip(answers, MEAN, SCALE)]\n"
    if script.define_each(LOW=(answer.low, "the lowest target"), HIGH=(answer.high, "the highest target")):
        scaled += "    answers = [[min(max(y, a), z) for y, a, z in zip(*each)] for each in zip(answers, LOW, HIGH)]\n"
    return text.replace("TEMPERATURE", T).replace("DECIDED", decided).replace("SCALED", scaled)
