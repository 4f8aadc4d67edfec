"""What a page says of its data, checked, and what every source has in common: which examples are held out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.lab import formula
from chainrule.lab.design import Examples
from chainrule.text import meant, unknown

MOST_FEATURES = 20  # inputs that are made of one or two; chosen
MOST_ROWS, MOST_BYTES = 200_000, 200_000_000  # examples, and bytes of X, that a page may ask for; chosen
VALIDATION, MOST_VALIDATION = 0.2, 0.5  # the share of the examples that is held out


class Given:
    """The JSON that describes data, of which each value is checked when it is asked for.

    known: the names that it may hold, beside those of every source.
    """

    def __init__(self, spec: Mapping[str, Any], known: Collection[str]) -> None:
        self.spec = spec
        names = ("kind", "validation", "split_seed", "scale_target", *known)
        for name in spec:
            if name not in names:
                kind = spec.get("kind")
                raise ValueError(f"data of kind {kind!r}: there is no {name!r}.{meant(name, names)} {_known(names)}")

    def get(self, name: str, default: Any = None) -> Any:
        """The value as it is; the default also for null."""
        value = self.spec.get(name)
        return default if value is None else value

    def whole(self, name: str, default: int | None, least: int, most: int) -> int:
        """A whole number within bounds."""
        value: Any = self.get(name, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{name}: got {value!r}, wanted a whole number from {least:,} to {most:,}")
        return int(value)

    def number(self, name: str, default: float | None, low: float, high: float) -> float:
        """A number within bounds."""
        value: Any = self.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{name}: got {value!r}, wanted a number from {low:g} to {high:g}")
        return value

    def one_of(self, name: str, default: str, choices: Sequence[str]) -> str:
        """One of some words."""
        value = self.get(name, default)
        if value not in choices:
            raise unknown(name, value, choices)
        return str(value)

    def names(self, name: str) -> list[str]:
        """A list of names."""
        value = self.get(name, [])
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            raise ValueError(f"{name}: got {value!r:.80}, wanted a list of names of columns")
        return list(value)

    def flag(self, name: str) -> bool | None:
        """True, false, or None where nothing is said."""
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise ValueError(f"{name}: got {value!r}, wanted true or false")
        return value

    @property
    def share(self) -> float:
        """Of the examples that are held out."""
        return self.number("validation", VALIDATION, 0, MOST_VALIDATION)

    @property
    def split_seed(self) -> int:
        """Of the order in which examples are drawn."""
        return self.whole("split_seed", 0, 0, 2**32 - 1)

    def held_out(self, m: int) -> int:
        """How many of m examples: one at least where a share was asked for, and never all."""
        return min(max(round(self.share * m), 1), m - 1) if self.share else 0


def _known(names: Sequence[str]) -> str:
    return f"Known: {', '.join(name for name in names if name != 'kind')}."


def examples(
    given: Given,
    name: str,
    X: Array,
    Y: Array,
    code: Sequence[str],
    *,
    task: str,
    inputs: Sequence[str] = (),
    **rest: Any,
) -> Examples:
    """The examples of X (n, m) and Y (k, m), of which some are held out. code: lines that make X and Y."""
    n, m = X.shape
    check_size(n, m)
    code = list(code)
    held = given.held_out(m)
    if held:
        order = np.random.default_rng(given.split_seed).permutation(m)
        val, train = order[:held], order[held:]
        X_val, Y_val, X, Y = X[:, val], Y[:, val], X[:, train], Y[:, train]
        code += [
            f"order = np.random.default_rng({given.split_seed}).permutation({m})",
            f"val, train = order[:{held}], order[{held}:]  # held out, and trained on",
            "X_val, Y_val, X, Y = X[:, val], Y[:, val], X[:, train], Y[:, train]",
        ]
    else:
        X_val, Y_val = X[:, :0], Y[:, :0]
        code.append("X_val, Y_val = X[:, :0], Y[:, :0]")
    rest.setdefault("target", "y")
    made = Examples(name, X, Y, X_val, Y_val, task, tuple(inputs) or input_names(n), code=tuple(code), **rest)
    if names := given.names("features"):
        made = featured(made, names)
    return scaled(made) if given.flag("scale_target") else made


def featured(made: Examples, names: Sequence[str]) -> Examples:
    """The examples with inputs that are made of the one or two that there are, as x1*x2, and not these."""
    n = len(made.X)
    if n > 2 or len(names) > MOST_FEATURES:
        raise ValueError(
            f"features: got {len(names)} of {n} inputs, wanted at most {MOST_FEATURES}, of data of one or two inputs"
        )
    formulas, variables = [formula.parse(name) for name in names], input_names(n)
    for one in formulas:
        if one.variables != variables:
            raise ValueError(f"features: got {one.text!r}, wanted formulas of {' and '.join(variables)}")
        one(*made.X)  # which says where it is not finite
        one(*made.X_val)

    def features(points: Array) -> Array:
        return np.array([one.values(*points) for one in formulas], float)

    each = ", ".join(one.code for one in formulas)
    places = f"{', '.join(variables)}," if n == 1 else ", ".join(variables)
    return replace(
        made,
        X=features(made.X),
        X_val=features(made.X_val),
        inputs=tuple(names),
        points=made.X,
        points_val=made.X_val,
        features=features,
        code=(*made.code, f"X, X_val = (np.array([{each}], float) for {places} in (X, X_val))"),
    )


def scaled(made: Examples) -> Examples:
    """The examples of a regression with a target of mean 0 and deviation 1 over those that are trained on."""
    if made.task != "regression":
        return made
    center, scale = made.Y.mean(), made.Y.std() or 1.0
    return replace(
        made,
        Y=(made.Y - center) / scale,
        Y_val=(made.Y_val - center) / scale,
        target_scale=(float(center), float(scale)),
        remarks=(*made.remarks, f"Y is ({made.target} − {center:.6g}) / {scale:.6g}: its mean is 0, its deviation 1"),
        code=(
            *made.code,
            "center, scale = Y.mean(), Y.std() or 1.0",
            "Y, Y_val = (Y - center) / scale, (Y_val - center) / scale",
        ),
    )


def check_size(n: int, m: int) -> None:
    """ValueError for more than a page can hold."""
    if m > MOST_ROWS or 8 * n * m > MOST_BYTES:
        most = min(MOST_ROWS, MOST_BYTES // (8 * n))
        raise ValueError(f"{m:,} examples of {n:,} inputs are more than a page can hold, wanted at most {most:,}")


def input_names(n: int) -> tuple[str, ...]:
    """x, or x1, x2 …"""
    return ("x",) if n == 1 else tuple(f"x{i + 1}" for i in range(n))


def finite(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
