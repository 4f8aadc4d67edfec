"""Activations: each g with its slope g′, its formulas and all else that the library needs to know of it, in one table.

All are stable for |z| up to 1e4 in float32 and float64. Where g has a kink (relu and leaky_relu at 0) the slope is that
of the left side: g′(0) = 0 for relu.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from math import inf, pi, sqrt
from typing import Any

from chainrule.text import meant, name_of, parse_spec, unknown

Array = Any  # a numpy.ndarray or whatever else carries __array_namespace__, such as a traced jax.Array
_TINY = 1e-12  # how near to its bounds a bounded output is inverted


def sigmoid(Z: Array) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ), with the exponential of −|z| only, so that nothing overflows.

    Parameters
    ----------
    Z : ndarray of shape (n, m), the linear part

    Returns
    -------
    ndarray of shape (n, m), from 0 to 1
    """
    xp = Z.__array_namespace__()
    e = xp.exp(-xp.abs(Z))
    return xp.where(Z >= 0, 1 / (1 + e), e / (1 + e))


def softplus(Z: Array) -> Array:
    """log(1 + eᶻ) = max(z, 0) + log(1 + e^−|z|), which does not overflow.

    Parameters
    ----------
    Z : ndarray of shape (n, m), the linear part

    Returns
    -------
    ndarray of shape (n, m), 0 or more
    """
    xp = Z.__array_namespace__()
    return xp.maximum(Z, 0) + xp.log1p(xp.exp(-xp.abs(Z)))


def softmax(Z: Array) -> Array:
    """eᶻ / Σ eᶻ over the units of each column, after the largest z is taken off, so that nothing overflows.

    Parameters
    ----------
    Z : ndarray of shape (n, m), the linear part

    Returns
    -------
    ndarray of shape (n, m), columns with the sum 1
    """
    xp = Z.__array_namespace__()
    e = xp.exp(Z - xp.max(Z, axis=0, keepdims=True))  # (n, m)
    return e / xp.sum(e, axis=0, keepdims=True)


def _softmax_inverse(A: Array) -> Array:
    xp = A.__array_namespace__()
    return xp.log(xp.clip(A, _TINY, 1))


def _identity(Z: Array) -> Array:
    return Z


def _ones(Z: Array) -> Array:
    return Z.__array_namespace__().ones_like(Z)


def _exp(Z: Array) -> Array:
    return Z.__array_namespace__().exp(Z)


def _exp_inverse(A: Array) -> Array:
    xp = A.__array_namespace__()
    return xp.log(xp.maximum(A, _TINY))


def _sigmoid_slope(Z: Array) -> Array:
    return sigmoid(Z) * sigmoid(-Z)


def _sigmoid_slope_of_output(A: Array) -> Array:
    return A * (1 - A)


def _sigmoid_inverse(A: Array) -> Array:
    xp = A.__array_namespace__()
    return xp.log(xp.clip(A, _TINY, 1) / xp.clip(1 - A, _TINY, 1))


def _tanh(Z: Array) -> Array:
    return Z.__array_namespace__().tanh(Z)


def _tanh_slope(Z: Array) -> Array:
    return 1 - _tanh(Z) ** 2


def _tanh_slope_of_output(A: Array) -> Array:
    return 1 - A**2


def _tanh_inverse(A: Array) -> Array:
    xp = A.__array_namespace__()
    return xp.atanh(xp.clip(A, _TINY - 1, 1 - _TINY))


def _relu(Z: Array) -> Array:
    return Z.__array_namespace__().maximum(Z, 0)


def _relu_slope(Z: Array) -> Array:
    return Z.__array_namespace__().astype(Z > 0, Z.dtype)


def _leaky_relu(Z: Array, alpha: float = 0.01) -> Array:
    return Z.__array_namespace__().where(Z > 0, Z, alpha * Z)


def _leaky_relu_slope(Z: Array, alpha: float = 0.01) -> Array:
    return Z.__array_namespace__().where(Z > 0, _ones(Z), alpha)


def _elu(Z: Array, alpha: float = 1.0) -> Array:
    xp = Z.__array_namespace__()
    return xp.where(Z > 0, Z, alpha * xp.expm1(xp.minimum(Z, 0)))


def _elu_slope(Z: Array, alpha: float = 1.0) -> Array:
    xp = Z.__array_namespace__()
    return xp.where(Z > 0, _ones(Z), alpha * xp.exp(xp.minimum(Z, 0)))


# Klambauer et al. 2017, equation 14: the fixed point at mean 0, variance 1.
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _selu(Z: Array) -> Array:
    return _SELU_SCALE * _elu(Z, _SELU_ALPHA)


def _selu_slope(Z: Array) -> Array:
    return _SELU_SCALE * _elu_slope(Z, _SELU_ALPHA)


def _normal_cdf(Z: Array) -> Array:
    # Of SciPy for arrays of numpy, of jax.scipy for those of jax.numpy. Importing SciPy costs more than chainrule does.
    special = import_module(f"{Z.__array_namespace__().__name__.removesuffix('numpy')}scipy.special")
    return special.ndtr(Z)


def _gelu(Z: Array) -> Array:
    return Z * _normal_cdf(Z)


def _gelu_slope(Z: Array) -> Array:
    return _normal_cdf(Z) + Z * _exp(-Z * Z / 2) / sqrt(2 * pi)


def _silu(Z: Array) -> Array:
    return Z * sigmoid(Z)


def _silu_slope(Z: Array) -> Array:
    return sigmoid(Z) * (1 + Z * sigmoid(-Z))


def _mish(Z: Array) -> Array:
    return Z * _tanh(softplus(Z))


def _mish_slope(Z: Array) -> Array:
    T = _tanh(softplus(Z))
    return T + Z * sigmoid(Z) * (1 - T**2)


@dataclass(frozen=True)
class Activation:
    """One row of the table: an activation g. Call it for A = g(Z), and `slope` for g′(Z); both (n, m) → (n, m).

    Parameters
    ----------
    name : str, what `Network` calls it
    function : callable, Z → g(Z), or (Z, α) → g(Z) for a row with a constant `alpha`
    derivative : callable or None
        Z → g′(Z), or with α. None for the two that only an output layer can have: softmax, which couples the units of a
        column, and exp, the inverse link of the Poisson cost. Their dZ[L] comes from the loss.
    formula, slope_formula : str, g(z) and g′(z) as people write them
    alpha : float, optional, the constant of the function, for those that have one
    init : {"glorot", "he", "lecun"}
        The initial weights that suit it: what ``init="auto"`` picks.
    range : tuple of float, the values of an output activation lie between these two
    inverse : callable, optional
        A → a Z with g(Z) = A, or with the nearest g(Z) where A is out of range, of an output activation.
    slope_of_output : callable, optional, A → g′(Z), where the slope can be written by A alone, as notes often do
    """

    name: str
    function: Callable[..., Array]
    derivative: Callable[..., Array] | None
    formula: str
    slope_formula: str
    alpha: float | None = None
    init: str = "glorot"
    range: tuple[float, float] = (-inf, inf)
    inverse: Callable[[Array], Array] | None = None
    slope_of_output: Callable[[Array], Array] | None = None

    def __call__(self, Z: Array) -> Array:
        """A = g(Z)."""
        return self.function(Z) if self.alpha is None else self.function(Z, self.alpha)

    @property
    def slope(self) -> Callable[[Array], Array]:
        """The function Z → g′(Z), (n, m) → (n, m).

        Raises
        ------
        ValueError
            If the activation is for the output layer only.
        """
        derivative, alpha = self.derivative, self.alpha
        if derivative is None:
            raise ValueError(f"{self.name} is for the output layer only: it has no slope of its own")
        return derivative if alpha is None else lambda Z: derivative(Z, alpha)

    @property
    def spec(self) -> str:
        """The name that `get` takes, with the constant if there is one: ``"leaky_relu(0.2)"``."""
        return self.name if self.alpha is None else f"{self.name}({float(self.alpha)!r})"

    @property
    def named(self) -> "str | Activation":
        """Its `spec` if `get` makes it of that; itself where it is none of the table's, but one of your own."""
        row = ACTIVATIONS.get(self.name)
        return self.spec if row is not None and replace(row, alpha=self.alpha) == self else self


ACTIVATIONS: dict[str, Activation] = {
    row.name: row
    for row in (
        Activation("identity", _identity, _ones, "z", "1", inverse=_identity),
        Activation(
            "sigmoid",
            sigmoid,
            _sigmoid_slope,
            "1 / (1 + e⁻ᶻ)",
            "g(z) (1 − g(z))",
            range=(0, 1),
            inverse=_sigmoid_inverse,
            slope_of_output=_sigmoid_slope_of_output,
        ),
        Activation(
            "tanh",
            _tanh,
            _tanh_slope,
            "(eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ)",
            "1 − g(z)²",
            range=(-1, 1),
            inverse=_tanh_inverse,
            slope_of_output=_tanh_slope_of_output,
        ),
        Activation(
            "relu",
            _relu,
            _relu_slope,
            "max(0, z)",
            "1 if z > 0 else 0",
            init="he",
            range=(0, inf),
            inverse=_identity,
        ),
        Activation(
            "leaky_relu", _leaky_relu, _leaky_relu_slope, "z if z > 0 else αz", "1 if z > 0 else α", 0.01, init="he"
        ),
        Activation("elu", _elu, _elu_slope, "z if z > 0 else α(eᶻ − 1)", "1 if z > 0 else αeᶻ", 1.0, init="he"),
        Activation(
            "selu",
            _selu,
            _selu_slope,
            "λz if z > 0 else λα(eᶻ − 1); λ ≈ 1.0507, α ≈ 1.6733",
            "λ if z > 0 else λαeᶻ",
            init="lecun",
        ),
        Activation("softplus", softplus, sigmoid, "log(1 + eᶻ)", "σ(z)", init="he"),
        Activation("gelu", _gelu, _gelu_slope, "z Φ(z), Φ the normal distribution", "Φ(z) + z φ(z)", init="he"),
        Activation("silu", _silu, _silu_slope, "z σ(z)", "σ(z) (1 + z (1 − σ(z)))", init="he"),
        Activation("mish", _mish, _mish_slope, "z t, t = tanh(log(1 + eᶻ))", "t + z σ(z) (1 − t²)", init="he"),
        Activation("softmax", softmax, None, "eᶻ / Σ eᶻ over the units", "—", range=(0, 1), inverse=_softmax_inverse),
        Activation("exp", _exp, None, "eᶻ", "—", range=(0, inf), inverse=_exp_inverse),
    )
}

OUTPUT_ONLY = frozenset(name for name, row in ACTIVATIONS.items() if row.derivative is None)


def get(spec: str | Activation) -> Activation:
    """The activation of a name, with its constant where it has one.

    Parameters
    ----------
    spec : str or Activation
        ``"relu"``, ``"leaky_relu(0.2)"``; an `Activation` comes back as it is.

    Returns
    -------
    Activation, the row of the table, with this constant

    Raises
    ------
    ValueError
        For an unknown name, and for a constant where the function has none.
    TypeError
        For what is neither a name nor an `Activation`.
    """
    if isinstance(spec, Activation):
        return spec
    if not isinstance(spec, str):
        hint = meant(name_of(spec), ACTIVATIONS) if spec is not None else " For none: 'identity'."
        raise TypeError(f"activation: got {spec!r}, wanted a name such as 'relu' or 'leaky_relu(0.2)'.{hint}")
    name, number = parse_spec(spec)
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    row = ACTIVATIONS[name]
    if number is None:
        return row
    if row.alpha is None:
        raise ValueError(f"activation {spec!r}: {name} takes no constant, write {name!r}")
    return replace(row, alpha=number)
