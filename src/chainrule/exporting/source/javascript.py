"""The program as one ES module of JavaScript, for browsers (<script type="module">), Node.js, Deno and Bun."""

import json

from chainrule._version import __version__
from chainrule.exporting.source.javascript_functions import FUNCTIONS
from chainrule.exporting.source.program import Program
from chainrule.exporting.source.script import Language, Script, used
from chainrule.exporting.source.spelling import told
from chainrule.tabular.calibration import LEAST


def _text(text: str) -> str:
    """In ASCII; < as an escape, so that no text ends the script of a page that holds the file."""
    return json.dumps(text).replace("<", "\\u003c")


LANGUAGE = Language(
    mark="//",
    end=";",
    nan="NaN",
    inf="Infinity",
    define="const {name} = {code};",
    arrays={
        "float": "new Float32Array([{items}])",
        "double": "new Float64Array([{items}])",
        "int8": "new Int8Array([{items}])",
    },
    loop="for (const each of {table}) x.push({function}(each, v))",
    local="const ",
    none="null",
    map="new Map([{items}])",
    entry="[{key}, {k}]",
    text=_text,
    groups=lambda pattern: pattern.replace("(?P<", "(?<"),
    truth=("false", "true"),
    whole=2.0**53,
)

_FORWARD = """\
// A[L] of one example: Z[l] = W[l] A[l-1] + b[l], A[l] = g[l](Z[l]).
function forward([center, scale, smooth, layers], x) {
  let A = center === null ? x : x.map((t, j) => (t - center[j]) * scale[j]);
  if (smooth) A = A.map((t) => Math.min(Math.max(t, -1e18), 1e18)).map((t) => t / Math.sqrt(1 + (t / 3) ** 2));
  for (const [W, s, b, g] of layers) A = g(linear(W, s, b, A));
  return A;
}
"""
_SINGLE = (
    _FORWARD.replace("  let A", "  x = single(x);\n  let A")
    .replace("  for (", "  A = single(A);\n  for (")
    .replace("g(linear(W, s, b, A))", "single(g(single(linear(W, s, b, A))))")
)

_ANSWERS = {
    "outputs": """\
// A[L], the outputs of the network.
export function predict(row) {
  return finite(forward(NETWORKS[0], prepare(row)));
}
""",
    "labels": """\
// The probability of each label, in the order of CLASSES.
export function probabilities(row) {
  return finite(forward(NETWORKS[0], prepare(row)));
}

// 1 or 0 for each label, in the order of CLASSES.
export function predict(row) {
  return probabilities(row).map((p) => (p > 0.5 ? 1 : 0));
}
""",
    "classes": """\
// The probability of each class, in the order of CLASSES.
export function probabilities(row) {
  const x = prepare(row);
  let answers = NETWORKS.map((network) => forward(network, x));
  if (answers[0].length === 1) answers = answers.map(([y]) => [1 - y, y]);
  const mean = (_, k) => answers.reduce((sum, each) => sum + each[k], 0) / answers.length;
  const p = finite(answers[0].map(mean)); // of the networks
  return ANSWER;
}

// The class.
export function predict(row) {
  const p = probabilities(row);
  return DECIDED;
}
""",
    "numbers": """\
// The number; a list of them where there are several.
export function predict(row) {
  const x = prepare(row);
  let answers = NETWORKS.map((network) => forward(network, x));
SCALED  const mean = (_, k) => answers.reduce((sum, each) => sum + each[k], 0) / answers.length;
  const means = finite(answers[0].map(mean));
  return means.length === 1 ? means[0] : means;
}
""",
}


def source(program: Program, said: list[str]) -> str:
    """The file. said: more lines for its head."""
    script = Script(program, LANGUAGE)
    networks, prepare = script.networks(), _prepare(script)
    answer, answers = program.answer, _answer(script)
    script.define("NETWORKS", networks)
    if answer.names and answer.kind != "numbers":
        script.parts.append(f"export const CLASSES = [{', '.join(map(script.literal, answer.names))}];\n")
    row = "{name: value}, a column each" if program.named else f"[{len(program.columns)} numbers]"
    names = "predict, probabilities, CLASSES" if answer.kind in ("classes", "labels") else "predict"
    lines = [*told(program), *said, f"{program.multiply_adds:,} multiply-adds for a row.", ""]
    lines += [f"import {{ {names} }} from this file, an ES module. A row is {row}."]
    head = "\n".join(f"// {line}".rstrip() for line in [*lines, f"Written by chainrule {__version__}."])
    script.needed |= set() if program.double else {"single"}
    body = "\n".join(used(FUNCTIONS, script.needed | {"finite", "linear"}))
    return "\n".join([head, body, *script.parts, prepare, _FORWARD if program.double else _SINGLE, answers])


def _prepare(script: Script) -> str:
    program, lines = script.program, list[str]()
    if not program.named:
        script.needed.add("listed")
        lines.append(f"row = listed(row, {len(program.columns)});")
    infinite = "" if program.plain and not program.named else "v.some((t) => Math.abs(t) === Infinity) || "
    if program.plain and not program.named:
        script.needed |= {"real", "required"}
        lines.append("const x = Object.keys(row).map((name) => required(real(row, name), name));")
    else:
        lines += [f"const v = new Array({len(program.values)}).fill(NaN);", "let x = [];", *script.statements()]
    lines += [
        f"if ({infinite}!x.every(Number.isFinite)) {{",
        '  throw new TypeError("a value of the row is missing or infinite, and the model takes no other for it");',
        "}",
        "return x;",
    ]
    body = "\n".join(f"  {line}" for line in lines)
    told = "// From a row to x, the inputs of the networks, by way of the values v."
    return f"{told}\nfunction prepare(row) {{\n{body}\n}}\n"


def _answer(script: Script) -> str:
    answer, text = script.program.answer, _ANSWERS[script.program.answer.kind]
    made, decided = "p", "CLASSES[p.indexOf(Math.max(...p))]"
    if answer.temperature != 1:
        script.needed.add("softmax")
        made = f"softmax(p.map((q) => Math.log(Math.max(q, {LEAST!r})) / {answer.temperature!r})) /* ∝ p^(1/T) */"
    if answer.threshold is not None:
        at_least, k = answer.threshold
        decided = f"CLASSES[p[{k}] >= {at_least!r} ? {k} : {1 - k}]"
    scaled = ""
    if script.define_each(MEAN=(answer.mean, "of the target"), SCALE=(answer.scale, "of the target")):
        scaled += "  answers = answers.map((each, k) => each.map((y, i) => MEAN[k][i] + SCALE[k][i] * y));\n"
    if script.define_each(LOW=(answer.low, "the lowest target"), HIGH=(answer.high, "the highest target")):
        scaled += (
            "  answers = answers.map((each, k) => each.map((y, i) => Math.min(Math.max(y, LOW[k][i]), HIGH[k][i])));\n"
        )
    return text.replace("ANSWER", made).replace("DECIDED", decided).replace("SCALED", scaled)
