"""Lines such as ``dW[2] = (1/m) * dZ[2] @ A[1].T``, as a learner writes them, and what they come to.

They are read as Python's grammar has them and computed here, node by node: names, numbers, ``+ - * / ** @``, ``.T``,
comparisons and the functions below, and nothing else. Sizes and lengths are bounded.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import activations
from chainrule._types import Array
from chainrule.text import did_you_mean

MOST_LINES, LONGEST = 40, 300  # of a text, and characters of a line
LARGEST, MOST_PRODUCTS = 2_000_000, 50_000_000  # numbers of a result, and products of numbers in one @

Known = Mapping[str, Any]  # a name → its array or number, or for one with layers {l: array}

_TYPED = str.maketrans({"−": "-", "∗": "*", "·": "*", "ᵀ": ".T"})  # as the page writes them
_SIGNS = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power,
          ast.Gt: np.greater, ast.GtE: np.greater_equal, ast.Lt: np.less, ast.LtE: np.less_equal,
          ast.Eq: np.equal}  # fmt: skip
_OF_ONE: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp, "log": np.log, "tanh": np.tanh, "sqrt": np.sqrt, "square": np.square, "abs": np.abs,
    "sign": np.sign, "sigmoid": activations.sigmoid,
}  # fmt: skip
_OF_TWO = {"maximum": np.maximum, "minimum": np.minimum, "multiply": np.multiply, "power": np.power,
           "add": np.add, "subtract": np.subtract, "divide": np.divide}  # fmt: skip
_SUMS: dict[str, Callable[..., Any]] = {"sum": np.sum, "mean": np.mean}
_PRODUCTS = ("dot", "matmul")
_FUNCTIONS = (*_OF_ONE, *_OF_TWO, *_SUMS, *_PRODUCTS)


class EquationError(ValueError):
    """A line cannot be read or computed; the message says why, with the shapes."""


@dataclass(frozen=True)
class Assigned:
    """What a line is: the name that it gives a value to, its layer (None without one), and the value."""

    name: str
    layer: int | None
    expression: ast.expr

    @property
    def written(self) -> str:
        """The name as one reads it: dW[2]."""
        return self.name if self.layer is None else f"{self.name}[{self.layer}]"


def read(text: str) -> Assigned | None:
    """What a line says; None for one that is empty or a comment."""
    if len(text) > LONGEST:
        raise EquationError(f"this line has {len(text)} characters, more than {LONGEST}")
    try:
        body = ast.parse(text.strip().translate(_TYPED)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise EquationError(f"this is no equation: {_why(error)}; wanted, for example, db[2] = …") from None
    if not body:
        return None
    line = body[0]
    if len(body) > 1 or not isinstance(line, ast.Assign) or len(line.targets) != 1:
        raise EquationError("wanted one equation, a name and its value: dW[2] = …")
    target = line.targets[0]
    if isinstance(target, ast.Name):
        return Assigned(target.id, None, line.value)
    if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        return Assigned(target.value.id, _layer(target.slice), line.value)
    raise EquationError(f"{ast.unparse(target)} cannot get a value; wanted a name such as dW[2]")


def compute(line: Assigned, known: Known) -> Any:
    """The value of a line: an array of two dimensions or fewer, or a number."""
    with np.errstate(all="ignore"):  # a wrong formula may divide by zero
        return np.asarray(_Reader(known).value(line.expression), dtype=np.float64)


def _why(error: BaseException) -> str:
    return str(getattr(error, "msg", None) or "it is nested too deeply")


def _layer(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    raise EquationError(f"[{ast.unparse(node)}]: wanted the number of a layer, as in W[2]")


def shape_of(value: Any) -> str:
    """The shape of a value as one says it: (3, 4), or a number."""
    return f"{np.shape(value)}" if np.ndim(value) else "a number"


class _Reader:
    """Computes an expression from what is known."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def value(self, node: ast.expr) -> Any:
        """What a part of an expression comes to."""
        match node:
            case ast.Constant(value=bool()):
                pass
            case ast.Constant(value=int() | float() as number):
                return np.float64(number)
            case ast.Name(id=name):
                return self._plain(name)
            case ast.Subscript(value=ast.Name(id=name), slice=index):
                return self._of_layer(name, _layer(index))
            case ast.Attribute(value=inner, attr="T"):
                return np.transpose(self.value(inner))
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -self.value(inner)
            case ast.UnaryOp(op=ast.UAdd(), operand=inner):
                return self.value(inner)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self._product(left, right)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
                return self._each(_SIGNS[type(op)], left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _SIGNS:
                return self._each(_SIGNS[type(op)], left, right) * 1.0
            case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                return self._call(name, args, keywords)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=name), args=args, keywords=keywords):
                return self._call(name, args, keywords)
            case ast.Call(func=ast.Attribute(value=inner, attr=name), args=args, keywords=keywords) if name in (
                *_SUMS,
                "dot",
            ):
                return self._call(name, [inner, *args], keywords)
        raise EquationError(
            f"{ast.unparse(node)}: this is not understood here; there are numbers, arrays such as A[1], + - * / ** @, "
            f".T, and {', '.join(_FUNCTIONS)}"
        )

    def _plain(self, name: str) -> Any:
        name = {"λ": "l2", "lambd": "l2"}.get(name, name)
        if name not in self.known:
            raise EquationError(self._unknown(name))
        found = self.known[name]
        if isinstance(found, dict):
            layers = " or ".join(f"{name}[{l}]" for l in list(found)[:3]) or f"{name}[…], which has no value yet"
            raise EquationError(f"{name} stands for one array in each layer: wanted {layers}")
        return found

    def _of_layer(self, name: str, l: int) -> Any:
        found = self.known.get(name)
        if found is None:
            raise EquationError(self._unknown(name))
        if not isinstance(found, dict):
            raise EquationError(f"{name} has no layers: wanted {name} without [{l}]")
        if l not in found:
            has = ", ".join(f"{name}[{k}]" for k in found)
            have = f"there is {has}" if has else "no line above gives it a value"
            raise EquationError(f"{name}[{l}] has no value here: {have}")
        return found[l]

    def _unknown(self, name: str) -> str:
        names = list(self.known)
        return f"{name} is not known here; known: {', '.join(names)}.{did_you_mean(name, names)}"

    def _each(self, sign: Callable[..., Any], left: ast.expr, right: ast.expr) -> Any:
        """Element by element."""
        a, b = self.value(left), self.value(right)
        try:
            shape = np.broadcast_shapes(np.shape(a), np.shape(b))
        except ValueError:
            raise EquationError(
                f"{ast.unparse(left)} is {shape_of(a)} and {ast.unparse(right)} is {shape_of(b)}: element by element "
                f"they need the same shape, or one column of the same height{self._turned(a, b, left, right)}"
            ) from None
        _bound(int(np.prod(shape)))
        return sign(a, b)

    @staticmethod
    def _turned(a: Any, b: Any, left: ast.expr, right: ast.expr) -> str:
        if np.shape(a) == np.shape(b)[::-1]:
            return f". {ast.unparse(right)}.T is {shape_of(np.transpose(b))}"
        if np.ndim(a) == np.ndim(b) == 2 and np.shape(a)[1] == np.shape(b)[0]:
            return f". The product of matrices is written {ast.unparse(left)} @ {ast.unparse(right)}"
        return ""

    def _product(self, left: ast.expr, right: ast.expr) -> Any:
        """Of two matrices."""
        a, b = self.value(left), self.value(right)
        one, other = ast.unparse(left), ast.unparse(right)
        if np.ndim(a) == 0 or np.ndim(b) == 0:
            raise EquationError(f"{one} is {shape_of(a)} and {other} is {shape_of(b)}: @ takes two matrices; wanted *")
        if np.shape(a)[-1] != np.shape(b)[0]:
            ways = [(f"{one}.T @ {other}", np.shape(a)[::-1], np.shape(b)),
                    (f"{one} @ {other}.T", np.shape(a), np.shape(b)[::-1]),
                    (f"{other} @ {one}", np.shape(b), np.shape(a))]  # fmt: skip
            fitting = [f"{how} would be {(s[0], t[-1])}" for how, s, t in ways if s[-1] == t[0]]
            raise EquationError(
                f"{one} is {shape_of(a)} and {other} is {shape_of(b)}: for {one} @ {other} the columns of the first, "
                f"{np.shape(a)[-1]}, have to be as many as the rows of the second, {np.shape(b)[0]}"
                + (f". {'; '.join(fitting)}" if fitting else "")
            )
        _bound(int(np.prod(np.shape(a)[:-1]) * np.prod(np.shape(b)[1:])))
        if np.size(a) * int(np.prod(np.shape(b)[1:])) > MOST_PRODUCTS:
            raise EquationError(f"{one} @ {other} are too large for this page")
        return a @ b

    def _call(self, name: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> Any:
        if name not in _FUNCTIONS:
            raise EquationError(f"{name}(…) is not known here; known: {', '.join(_FUNCTIONS)}."
                               + did_you_mean(name, _FUNCTIONS))  # fmt: skip
        wanted = 1 if name in _OF_ONE or name in _SUMS else 2
        if len(args) != wanted or any(isinstance(arg, ast.Starred) for arg in args):
            raise EquationError(f"{name}: got {len(args)} values in the brackets, wanted {wanted}")
        if keywords and name not in _SUMS:
            raise EquationError(f"{name}: there is no {keywords[0].arg} here")
        if name in _OF_ONE:
            return _OF_ONE[name](self.value(args[0]))
        if name in _SUMS:
            return self._sum(name, args[0], keywords)
        return self._product(*args) if name in _PRODUCTS else self._each(_OF_TWO[name], *args)

    def _sum(self, name: str, inner: ast.expr, keywords: Sequence[ast.keyword]) -> Any:
        value, options = self.value(inner), dict[str, Any]()
        for keyword in keywords:
            given = _literal(keyword.value)
            if keyword.arg == "axis" and type(given) is int and -np.ndim(value) <= given < np.ndim(value):
                options["axis"] = given
            elif keyword.arg == "keepdims" and isinstance(given, bool):
                options["keepdims"] = given
            else:
                raise EquationError(
                    f"{ast.unparse(keyword)}: wanted axis=0 (over the rows), axis=1 (over the columns, which are the "
                    f"examples) or keepdims=True; {ast.unparse(inner)} is {shape_of(value)}"
                )
        return _SUMS[name](value, **options)


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None


def _bound(size: int) -> None:
    if size > LARGEST:
        raise EquationError(f"this would be an array of {size:,} numbers; the most here are {LARGEST:,}")


def assign(known: dict[str, Any], line: Assigned, value: Array) -> None:
    """Let the name of a line stand for its value in the lines below."""
    if line.layer is None:
        known[line.name] = value
    else:
        layers = known.setdefault(line.name, {})
        if not isinstance(layers, dict):
            raise EquationError(f"{line.name} has no layers: wanted {line.name} = …")
        layers[line.layer] = value
