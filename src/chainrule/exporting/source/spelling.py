"""Names, texts and numbers as a source file holds them: nothing that a table or a model is called can break out."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.exporting.graph import ExportError
from chainrule.exporting.source.program import Program
from chainrule.text import first_few

WIDTH = 118  # of a line
_SHOWN = 60  # characters of a name in a comment


def comment(text: object, most: int = _SHOWN) -> str:
    """The text inside a comment of one line, in any of the languages.

    It ends no comment and begins none, continues no line (a backslash at its end, or ??/ for one), and shows what
    hides or turns text.
    """
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))
    shown = shown if len(shown) <= most else f"{shown[: most - 1]}…"
    for found, instead in (("*", "∗"), ("/", "⁄"), ("\\", "＼"), ("??", "? ?"), ("<", "‹"), ('"""', "'''")):
        shown = shown.replace(found, instead) if found != "/" else re.sub(r"/(?=[/*∗])|(?<=[/*∗‹])/", instead, shown)
    return shown


def identifier(name: str, taken: set[str], reserved: Iterable[str] = (), otherwise: str = "column") -> str:
    """A name for code: ASCII letters, digits and _, in lower case, not yet taken, and none that means something."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:40].strip("_") or otherwise
    plain = f"{otherwise}_{plain}" if plain[0].isdigit() else plain
    plain = f"{plain}_" if plain in set(reserved) else plain
    k, made = 2, plain
    while made in taken:
        made, k = f"{plain}_{k}", k + 1
    taken.add(made)
    return made


def float32(values: Array) -> list[str]:
    """The shortest decimals that are read back as these numbers in float32."""
    with np.errstate(over="ignore"):
        small = np.asarray(values, np.float32).ravel()
    if not np.isfinite(small).all():
        raise ExportError("a weight of the network is larger than float32 can hold, in which this file would have it")
    return [str(value) for value in small]


def float64(values: Any) -> list[str]:
    """The shortest decimals that are read back as these numbers in float64."""
    return [repr(value) for value in np.asarray(values, np.float64).ravel().tolist()]


def wrapped(items: Sequence[str], indent: str = "    ") -> str:
    """Items with commas between them, in lines that are not too long."""
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = indent
        line += f"{item}, "
    return "\n".join([*lines, line.rstrip().rstrip(",")])


def rows(items: Sequence[str], width: int, indent: str = "    ") -> str:
    """The same, with a new line after each `width` items: a row of a matrix."""
    parts = [wrapped(items[i : i + width], indent) for i in range(0, len(items), width)]
    return ",\n".join(parts)


def told(program: Program) -> list[str]:
    """For the head of a file: what is predicted from what, by which networks, in how many bits."""
    answer, target = program.answer, comment(program.target)
    what = {
        "classes": f"Predicts {target or 'a class'}: {comment(first_few(answer.names, 8), 300)}",
        "labels": f"Predicts several labels at a time: {comment(first_few(answer.names, 8), 300)}",
        "numbers": f"Predicts {target or 'a number'}",
        "outputs": "Computes A[L], the outputs of a network",
    }[answer.kind]
    names = [column.name for column in program.columns] if program.named else [f"{len(program.columns)} numbers"]
    shapes = first_few(dict.fromkeys("-".join(map(str, net.sizes)) for net in program.networks), 3)
    several = f"The mean of {len(program.networks)} networks" if len(program.networks) > 1 else "One network"
    int8 = program.networks[0].layers[0].scale is not None
    form = "weights in int8 with a scale for each row, all else in float32" if int8 else "weights in float32"
    return [
        f"{what},",
        f"from {comment(first_few(names, 8), 300)}.",
        f"{several} of {shapes} units, {program.parameters:,} parameters; {form}.",
    ]
