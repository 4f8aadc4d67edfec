"""A formula that a person types, as a NumPy expression: y = sin(3*x) + x**2/2, or x1*x2 > 0.

What is typed is parsed, and a new expression is built of what is known here, node by node; nothing else is ever run.
"""

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.text import meant

LONGEST, MOST_PARTS, DEEPEST = 400, 200, 40  # characters; numbers, names and signs; parentheses within parentheses
FUNCTIONS = {"abs": "abs", "exp": "exp", "floor": "floor", "log": "log", "max": "maximum", "min": "minimum"}
FUNCTIONS |= {name: name for name in ("cos", "sign", "sin", "sqrt", "tan", "tanh")}
CONSTANTS = ("pi", "e")
VARIABLES = ("x", "x1", "x2")
_SEVERAL = ("max", "min")
_OPERATORS = {ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.Lt, ast.LtE, ast.Gt, ast.GtE}
_SIGNS = {"−": "-", "·": "*", "×": "*", "π": "pi", "^": "**", "²": "**2", "³": "**3", "≤": "<=", "≥": ">="}  # as typed
_HINTS = {
    ast.FloorDiv: "a fraction is written with one /",
    ast.Mod: "a remainder is no function that this page knows",
    ast.Eq: "compare with < or >",
    ast.NotEq: "compare with < or >",
}
KNOWN = (
    f"wanted + - * / **, < >, numbers, {', '.join(VARIABLES)}, {', '.join(CONSTANTS)}, {', '.join(sorted(FUNCTIONS))}"
)


@dataclass(frozen=True)
class Formula:
    """A formula that was understood. variables: ("x",) or ("x1", "x2"). code: the NumPy expression of it.

    compares: whether its values are true and false, so that it tells two classes apart.
    """

    text: str
    variables: tuple[str, ...]
    code: str
    compares: bool

    def values(self, *variables: Array) -> Array:
        """The values (m,) for variables (m,), as floats, finite or not."""
        try:
            with np.errstate(all="ignore"):
                found = _run(self.code, dict(zip(self.variables, variables, strict=True)))
                found = np.asarray(found, dtype=complex if np.iscomplexobj(found) else float)
        except (ArithmeticError, TypeError) as error:
            raise ValueError(f"formula {self.text!r}: a part of it without x cannot be computed ({error})") from None
        if np.iscomplexobj(found):
            raise ValueError(f"formula {self.text!r}: a part of it, the root of a number below 0, is no real number")
        return found

    def __call__(self, *variables: Array) -> Array:
        """The values (m,) for variables (m,). ValueError where one is not finite."""
        values = self.values(*variables)
        wrong = ~np.isfinite(values)
        if wrong.any():
            i = int(np.argmax(wrong))
            places = zip(self.variables, variables, strict=True)
            where = ", ".join(f"{name} = {given[i]:.4g}" for name, given in places)
            raise ValueError(
                f"formula {self.text!r}: it is {values[i]:g} at {where}, and not finite at {int(wrong.sum()):,} of "
                f"{len(values):,} points; choose another range"
            )
        return values


def _run(code: str, names: dict[str, Array]) -> Any:
    # The code is what _Maker made: names from its lists, numbers and operators.
    return eval(code, {"__builtins__": {}, "np": np}, names)


def parse(text: Any) -> Formula:
    """Understand a formula. ValueError says what of it was not understood, and where."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"formula: got {text!r}, wanted one such as sin(3*x) + x**2/2")
    text = text.strip()
    if len(text) > LONGEST:
        raise ValueError(f"formula: got {len(text):,} characters, wanted at most {LONGEST}")
    plain = text.translate(str.maketrans(_SIGNS)).removeprefix("y =").removeprefix("y=").strip()
    try:
        tree = ast.parse(plain, mode="eval").body
    except SyntaxError as error:
        raise ValueError(_unread(plain, error)) from None
    except (ValueError, RecursionError, MemoryError):
        raise ValueError(f"formula {text!r:.80}: it is none, wanted one such as sin(3*x) + x**2/2") from None
    maker = _Maker(plain)
    compares = isinstance(tree, ast.Compare)
    made = maker.compare(tree) if isinstance(tree, ast.Compare) else maker.number(tree, 0)
    return Formula(text, maker.variables(), ast.unparse(ast.fix_missing_locations(made)), compares)


def _unread(text: str, error: SyntaxError) -> str:
    place = min(max(1, error.offset or 1), len(text))
    hint = "" if text.count("(") == text.count(")") else "; its parentheses do not match"
    advice = "a product needs its sign, 2*x, and a function its parentheses, sin(x)"
    return f"formula {text!r}: not understood from {text[place - 1 :][:20]!r} on (character {place}){hint}; {advice}"


class _Maker:
    """Builds the NumPy expression, of nothing but what is known."""

    def __init__(self, text: str) -> None:
        self.text, self.names, self.parts = text, set[str](), 0

    def variables(self) -> tuple[str, ...]:
        """Those that are in it: x alone, or x1 and x2."""
        if not self.names:
            raise ValueError(f"formula {self.text!r}: there is no x in it; wanted x, or x1 and x2")
        if "x" in self.names:
            if len(self.names) > 1:
                raise ValueError(f"formula {self.text!r}: got both x and x1 or x2; wanted x alone, or x1 and x2")
            return ("x",)
        return ("x1", "x2")

    def wrong(self, node: ast.AST, hint: str = "") -> ValueError:
        """The error for a part that is not known."""
        part = ast.get_source_segment(self.text, node) or ""
        place = getattr(node, "col_offset", 0) + 1
        return ValueError(f"formula {self.text!r}: not understood: {part!r:.60} (character {place}); {hint or KNOWN}")

    def compare(self, tree: ast.Compare) -> ast.expr:
        """a < b, or a < b < c."""
        sides = [self.number(side, 1) for side in (tree.left, *tree.comparators)]
        made: ast.expr | None = None
        for left, sign, right in zip(sides, tree.ops, sides[1:], strict=False):
            if type(sign) not in _OPERATORS:
                raise self.wrong(tree, _HINTS.get(type(sign), ""))
            one = ast.Compare(left, [sign], [right])
            made = one if made is None else ast.BinOp(made, ast.BitAnd(), one)
        assert made is not None
        return made

    def number(self, node: ast.expr, depth: int) -> ast.expr:
        """A part whose values are numbers."""
        self.parts += 1
        if depth > DEEPEST or self.parts > MOST_PARTS:
            raise ValueError(
                f"formula {self.text!r:.80}: it is too long, wanted at most {MOST_PARTS} numbers, names and signs, "
                f"{DEEPEST} deep"
            )
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self.constant(node, value)
            case ast.Name(id=name) if name in VARIABLES:
                self.names.add(name)
                return ast.Name(name, ast.Load())
            case ast.Name(id=name) if name in CONSTANTS:
                return _numpy(name)
            case ast.Name(id=name):
                known = (*VARIABLES, *CONSTANTS, *FUNCTIONS)
                raise self.wrong(node, f"there is no {name!r}.{meant(name, known)} Known: {', '.join(known)}")
            case ast.UnaryOp(op=op, operand=inner) if type(op) in _OPERATORS:
                return ast.UnaryOp(op, self.number(inner, depth + 1))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                sides = [self.number(side, depth + 1) for side in (left, right)]
                if all(map(_is_whole, sides)):  # 9**9**9 in whole numbers would take hours
                    sides = [_as_float(side) for side in sides]
                return ast.BinOp(sides[0], op, sides[1])
            case ast.BinOp(op=op):
                raise self.wrong(node, _HINTS.get(type(op), ""))
            case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in FUNCTIONS:
                return self.call(node, name, given, depth)
            case ast.Call(func=function):
                name = getattr(function, "id", "")
                raise self.wrong(function, f"the functions are {', '.join(sorted(FUNCTIONS))}.{meant(name, FUNCTIONS)}")
            case ast.Compare() | ast.BoolOp():
                raise self.wrong(node, "a comparison stands alone, as in x1*x2 > 0")
        raise self.wrong(node)

    def constant(self, node: ast.expr, value: float) -> ast.expr:
        """A number, if a float can hold it."""
        try:
            finite = np.isfinite(float(value))
        except OverflowError:
            finite = False
        if not finite:
            raise self.wrong(node, "it is too large for a number")
        return ast.Constant(value)

    def call(self, node: ast.expr, name: str, given: list[ast.expr], depth: int) -> ast.expr:
        """A function of what is given; min and max take two or more."""
        several = name in _SEVERAL
        if (several and len(given) < 2) or (not several and len(given) != 1):
            raise self.wrong(node, f"{name} takes {'two numbers or more' if several else 'one number'}")
        numbers = [self.number(each, depth + 1) for each in given]
        if all(map(_is_whole, numbers)):  # of which NumPy would make whole numbers that overflow
            numbers = [_as_float(each) for each in numbers]
        made, *others = numbers
        if not several:
            return _call(name, made)
        for other in others:
            made = _call(name, made, other)
        return made


def _call(name: str, *numbers: ast.expr) -> ast.expr:
    return ast.Call(_numpy(FUNCTIONS[name]), list(numbers), [])


def _numpy(name: str) -> ast.expr:
    return ast.Attribute(ast.Name("np", ast.Load()), name, ast.Load())


def _is_whole(node: ast.expr) -> bool:
    """Whether it is a whole number as written, with its signs."""
    while isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _as_float(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.UnaryOp):
        return ast.UnaryOp(node.op, _as_float(node.operand))
    assert isinstance(node, ast.Constant)
    return ast.Constant(float(node.value))  # type: ignore[arg-type]
