"""Homework: a learner's own gradients, or backward equations as lines to edit, and what `check_gradients` says."""

import ast
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule import losses
from chainrule._types import Array
from chainrule.lab import notation
from chainrule.lab.exercises import EXERCISES, small
from chainrule.network import Network
from chainrule.text import as_json
from chainrule.working.gradients import GradientCheck, Tensor, check_gradients, told
from chainrule.working.trace import frozen, trace

MOST_PARAMETERS, MOST_EXAMPLES = 5000, 1000  # of homework: more is nothing that one computes or pastes
MOST_TEXT = 400_000  # characters of results that are pasted
DRAWN = 40  # numbers of a tensor that are checked

_NAME = re.compile(r"""["']?\b(?:(d[Wb])_?\s*+\[?\s*+(\d++)\s*+\]?|(J|cost))["']?\s*+[=:]""")
_GAP = re.compile(r"(?<=[\d.\])])\s++(?=[-+.\d\[(])")  # between two numbers, as NumPy prints them
_CALL = re.compile(
    r"\b(?:np|numpy)\s*\.\s*(?=[a-z])|\b(?:array|asarray|float64|float32)\s*(?=\()|,\s*dtype\s*=\s*[\w.]+"
)
_START_OF = {  # dZ[L] as the notes write it → as a line; L stands for the number of the last layer
    losses.CANONICAL: "A[L] - Y",
    "(A[L] − Y) ∗ g[L]′(Z[L])": "(A[L] - Y) * g_prime[L]",
    "sign(A[L] − Y)": "sign(A[L] - Y)",
    "clip(A[L] − Y, ±δ)": "maximum(minimum(A[L] - Y, δ), -δ)",
}


def exercises() -> list[dict[str, Any]]:
    """The homework to mend: each with its task and its lines, one of which is wrong."""
    return [
        {"name": each.name, "title": each.title, "text": each.text, "l2": each.l2, "why": each.why}
        | exercise(*small(), each.l2, each.wrong)
        for each in EXERCISES.values()
    ]


def exercise(network: Network, X: Array, Y: Array, l2: float = 0.0, lines: Sequence[str] | None = None) -> Any:
    """What one needs for homework of a network and a mini-batch X (n[0], m), Y (n[L], m): lines, and NumPy code.

    lines: the backward equations as text, right unless given. code: lines of Python that make all that is given, to the
    bit.
    """
    net, X, Y = _checked(network, X, Y)
    given: list[tuple[str, Any]] = [("X", X), ("Y", Y)]
    given += [(f"{name}{l}", getattr(net, name)[l]) for l in range(1, net.L + 1) for name in "Wb"]
    code = ["import numpy as np", ""]
    code += [f"{name} = np.array({array.tolist()})  # {array.shape}" for name, array in given]
    told_of = [f"layer {l}: {net.g[l].spec}, g(z) = {net.g[l].formula}" for l in range(1, net.L + 1)]
    told_of += [f"cost: J = (1/m) Σ 𝓛, 𝓛 = {net.loss.formula}" + (f", and L2 with λ = {l2:g}" if l2 else "")]
    return {
        "lines": list(lines or equations(net, l2)),
        "code": "\n".join(code),
        "about": told_of,
        "sizes": list(net.sizes),
        "m": X.shape[1],
        "right": equations(net, l2),
    }


def equations(network: Network, l2: float = 0.0) -> list[str]:
    """The backward equations of a network as lines that can be edited: dZ, dW, db from layer L to 1."""
    lines, L = [], network.L
    for l in range(L, 0, -1):
        if l == L:
            of_Z = _START_OF[network.loss.dZ].replace("[L]", f"[{L}]").replace("δ", f"{network.loss.delta or 1:g}")
        else:
            of_Z = f"(W[{l + 1}].T @ dZ[{l + 1}]) * g_prime[{l}]"
        decay = f" + (l2/m) * W[{l}]" if l2 else ""
        lines += [
            f"dZ[{l}] = {of_Z}",
            f"dW[{l}] = (1/m) * dZ[{l}] @ A[{l - 1}].T{decay}",
            f"db[{l}] = (1/m) * sum(dZ[{l}], axis=1, keepdims=True)",
        ]
    return lines


def check(
    given: Mapping[str, Any], network: Network | None = None, X: Any = None, Y: Any = None, l2: float = 0.0
) -> dict[str, Any]:
    """What is to be said of homework.

    Parameters
    ----------
    given : dict
        "lines": equations, a list of text; or "text": results that were pasted. With "exercise": its name, for the
        small network; "small" is that network as well.
    network, X, Y, l2 : of the run at hand, and its next mini-batch, where there is no "exercise"

    Returns
    -------
    dict
        "right"; "lines", each with its "shape", the one "wanted" and "error"; "tensors" with what is wrong of each;
        "first_wrong", "told" (what it looks like, and the numbers furthest off) and "error", which ended it.
    """
    name = given.get("exercise")
    if name is not None or network is None:
        if name not in (None, "small", *EXERCISES):
            raise ValueError(f"homework: there is no {name!r}; there are {', '.join(EXERCISES)}")
        network, X, Y = small()
        l2 = EXERCISES[name].l2 if name in EXERCISES else float(given.get("l2", 0.0))
    net, X, Y = _checked(network, X, Y)
    if "lines" in given:
        return dict(as_json(_check_lines(net, X, Y, [str(line) for line in given["lines"]], l2)))
    return dict(as_json(_check_text(net, X, Y, str(given.get("text", "")), l2)))


def _checked(network: Network, X: Any, Y: Any) -> tuple[Network, Array, Array]:
    """In float64, with inputs as the network sees them."""
    if network.parameters.size > MOST_PARAMETERS or np.shape(Y)[-1] > MOST_EXAMPLES:
        raise ValueError(
            f"homework: {network.parameters.size:,} parameters and {np.shape(Y)[-1]:,} examples are more than one "
            f"computes by hand; wanted up to {MOST_PARAMETERS:,} and {MOST_EXAMPLES:,}: take a smaller network, or "
            "smaller mini-batches"
        )
    net = frozen(network, np.float64)
    X, Y, _ = net.check_examples(X.toarray() if hasattr(X, "toarray") else X, Y)
    net.normalizer = None
    return net, X, Y


# -- equations ---------------------------------------------------------------------------------------------------------


def _check_lines(net: Network, X: Array, Y: Array, lines: list[str], l2: float) -> dict[str, Any]:
    if len(lines) > notation.MOST_LINES:
        raise ValueError(f"homework: {len(lines)} lines, more than {notation.MOST_LINES}")
    shown, known = _computed(net, X, Y, lines, l2)
    wrong = next((line for line in shown if line["error"]), None)
    if wrong is not None:
        return {"right": False, "lines": shown, "tensors": [], "error": f"{wrong['text']}: {wrong['error']}"}
    every = [(d, l) for l in range(net.L, 0, -1) for d in ("dW", "db")]
    if missing := [f"{d}[{l}]" for d, l in every if l not in known[d]]:
        return {
            "right": False,
            "lines": shown,
            "tensors": [],
            "error": f"no line gives {' and '.join(missing)} a value",
        }

    def gradient(net: Network, X: Array, Y: Array) -> dict[str, Any]:
        found, (again, values) = {}, _computed(net, X, Y, lines, l2)
        if failed := [line["error"] for line in again if line["error"]]:
            raise notation.EquationError(failed[0])
        for d, l in every:
            found[f"{d}{l}"] = values[d][l]
        return found

    found = check_gradients(net, X, Y, gradient, l2=l2, most=DRAWN, raises=False)
    return {"lines": shown, "error": None, **_said(found, found.tensors)}


def _computed(net: Network, X: Array, Y: Array, lines: list[str], l2: float) -> tuple[list[Any], dict[str, Any]]:
    """Each line with its shape or its error, and all values; no line after an error is computed."""
    Z, A = net.layers(X)
    layers = range(1, net.L + 1)
    slopes = {l: net.g[l].slope(Z[l]) for l in layers if net.g[l].derivative is not None}
    known: dict[str, Any] = {
        "X": X, "Y": Y, "m": np.float64(X.shape[1]), "l2": np.float64(l2), "A": dict(enumerate(A)),
        "Z": {l: Z[l] for l in layers}, "W": {l: net.W[l] for l in layers}, "b": {l: net.b[l] for l in layers},
        "g_prime": slopes, "dA": {}, "dZ": {}, "dW": {}, "db": {},
    }  # fmt: skip
    fixed, shown, failed = set(known) - {"dA", "dZ", "dW", "db"}, [], False
    for text in lines:
        line: dict[str, Any] = {"text": text, "name": None, "shape": None, "wanted": None, "error": None}
        shown.append(line)
        if failed:
            continue
        try:
            made = notation.read(text)
            if made is None:
                continue
            line["name"], line["wanted"] = made.written, _wanted(net, X.shape[1], made)
            if made.name in fixed:
                raise notation.EquationError(f"{made.name} is given; lines give dZ, dW and db (and dA) their values")
            value = notation.compute(made, known)
            line["shape"] = list(value.shape)
            if made.name in ("dZ", "dA") and line["shape"] != line["wanted"]:
                raise notation.EquationError(
                    f"this comes out as {notation.shape_of(value)}, but {made.written} is {tuple(line['wanted'])}, "
                    f"a row for each of the {line['wanted'][0]} units and a column for each of the {X.shape[1]} "
                    "examples"
                )
            notation.assign(known, made, value)
        except notation.EquationError as error:
            line["error"], failed = str(error), True
    return shown, known


def _wanted(net: Network, m: int, made: notation.Assigned) -> list[int] | None:
    """The shape that a name has; None for one of the learner's own."""
    l = made.layer
    if made.name not in ("dA", "dZ", "dW", "db"):
        return None
    if l is None or not 1 <= l <= net.L:
        raise notation.EquationError(f"{made.written}: wanted a layer from 1 to {net.L}, as in {made.name}[{net.L}]")
    n = net.sizes
    return [n[l], {"dW": n[l - 1], "db": 1}.get(made.name, m)]


# -- results that are pasted -------------------------------------------------------------------------------------------


def _check_text(net: Network, X: Array, Y: Array, text: str, l2: float) -> dict[str, Any]:
    given = read_results(text, net.L)
    right = trace(net, X, Y, l2=l2)
    results: dict[str, Any] = {f"{d}{l}": right[d][l] for d in ("dW", "db") for l in range(1, net.L + 1)}
    found = check_gradients(net, X, Y, {**results, **given}, l2=l2, most=DRAWN, raises=False)
    pasted = [t for t in (*((found.J,) if found.J else ()), *found.tensors) if re.sub(r"[\[\]]", "", t.name) in given]
    missing = [name for name in results if name not in given]
    note = f"not there, and so not checked: {', '.join(missing)}" if missing else None
    return {"lines": [], "error": None, "note": note, **_said(found, pasted)}


def read_results(text: str, L: int) -> dict[str, Any]:
    """Gradients by name, {"dW1": array, …, "J": number}, from text: JSON, Python, or as NumPy prints them."""
    if len(text) > MOST_TEXT:
        raise ValueError(f"results: {len(text):,} characters, more than {MOST_TEXT:,}")
    places = list(_NAME.finditer(text))
    if not places:
        raise ValueError("results: no dW1, db1, … in it; wanted, for example, dW1 = [[0.1, -0.2], [0.3, 0.4]]")
    found: dict[str, Any] = {}
    for place, end in pairwise([*places, None]):
        assert place is not None
        name = "J" if place[3] else f"{place[1]}{int(place[2])}"
        if name != "J" and not 1 <= int(place[2]) <= L:
            raise ValueError(f"results: {name}, but there are layers 1 to {L} only")
        if name in found:
            raise ValueError(f"results: {name} is there twice")
        found[name] = _array(name, text[place.end() : end.start() if end else None])
    return found


def _array(name: str, text: str) -> Array:
    """The array that a piece of text stands for."""
    if "..." in text or "…" in text:
        raise ValueError(
            f"results: {name} was printed with … in it; wanted all numbers, as print({name}.tolist()) has them"
        )
    plain = re.sub(r"(?<=\[)\s+", "", _CALL.sub("", text)).strip().strip(",;}").strip()
    plain = re.sub(r"\b(?:NaN|nan)\b", "None", re.sub(r"\b(?:inf|Infinity)\b", "1e999", plain))
    try:
        value = ast.literal_eval(_GAP.sub(", ", plain))
        return np.array(value, dtype=np.float64)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        ragged = isinstance(error, ValueError) and "inhomogeneous" in str(error)
        why = "its rows are not equally long" if ragged else f"this is no array: {plain[:60]!r}"
        raise ValueError(f"results: {name}: {why}; wanted, for example, [[0.1, -0.2], [0.3, 0.4]]") from None


# -- what is said ------------------------------------------------------------------------------------------------------


def _said(found: GradientCheck, shown: Sequence[Tensor]) -> dict[str, Any]:
    """A check as JSON; of the tensors that are shown."""
    first = found.first_wrong
    return {
        "right": first is None,
        "first_wrong": first.name if first else None,
        "equation": first.equation if first else None,
        "told": told(first) if first else [],
        "tensors": [
            {"name": t.name, "error": t.error, "problem": t.problem, "looks_like": t.looks_like, "checked": t.checked,
             "size": t.size}
            for t in shown
        ],
    }  # fmt: skip
