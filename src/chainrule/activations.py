"""Activations: each g with its slope g′ and its formula, in one table.

A function and its slope stand in one row and cannot be separated. All are stable for |z| up to 1e4 in float32 and
float64. Where g has a kink (relu and leaky_relu at 0) the slope is that of the left side: g′(0) = 0 for relu.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import pi, sqrt
from typing import Any

from chainrule.text import parse_spec, unknown

Array = Any  # a numpy.ndarray or whatever else carries __array_namespace__, such as a traced jax.Array


def sigmoid(Z: Array) -> Array:
    """σ(z) = 1 / (1 + e⁻ᶻ), with the exponential of −|z| only, so that nothing overflows."""
    xp = Z.__array_namespace__()
    e = xp.exp(-xp.abs(Z))
    return xp.where(Z >= 0, 1 / (1 + e), e / (1 + e))


def softplus(Z: Array) -> Array:
    """log(1 + eᶻ) = max(z, 0) + log(1 + e^−|z|)."""
    xp = Z.__array_namespace__()
    return xp.maximum(Z, 0) + xp.log1p(xp.exp(-xp.abs(Z)))


def softmax(Z: Array) -> Array:
    """eᶻ / Σ eᶻ over the units of each column; the largest z is taken off first, which changes nothing but overflow."""
    xp = Z.__array_namespace__()
    e = xp.exp(Z - xp.max(Z, axis=0, keepdims=True))  # (n, m)
    return e / xp.sum(e, axis=0, keepdims=True)


def _identity(Z: Array) -> Array:
    return Z


def _ones(Z: Array) -> Array:
    return Z.__array_namespace__().ones_like(Z)


def _exp(Z: Array) -> Array:
    return Z.__array_namespace__().exp(Z)


def _sigmoid_slope(Z: Array) -> Array:
    return sigmoid(Z) * sigmoid(-Z)


def _tanh(Z: Array) -> Array:
    return Z.__array_namespace__().tanh(Z)


def _tanh_slope(Z: Array) -> Array:
    return 1 - _tanh(Z) ** 2


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
    from scipy.special import ndtr  # here, because importing SciPy costs more than importing chainrule

    return ndtr(Z)


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
    """One row of the table: call it for g(Z), ask `slope` for g′(Z); both (n, m) → (n, m).

    `slope` is None for the two functions that only an output layer can have: softmax couples the units of a column,
    and exp is the link of the Poisson cost; their dZ comes from the loss.
    """

    name: str
    function: Callable[..., Array]
    derivative: Callable[..., Array] | None
    formula: str
    slope_formula: str
    alpha: float | None = None

    def __call__(self, Z: Array) -> Array:
        """A = g(Z)."""
        return self.function(Z) if self.alpha is None else self.function(Z, self.alpha)

    @property
    def slope(self) -> Callable[[Array], Array]:
        """The function Z → g′(Z)."""
        derivative, alpha = self.derivative, self.alpha
        if derivative is None:
            raise ValueError(f"{self.name} is for the output layer only: it has no slope of its own")
        return derivative if alpha is None else lambda Z: derivative(Z, alpha)

    @property
    def spec(self) -> str:
        """The name that gives this activation back: ``"leaky_relu(0.2)"``."""
        return self.name if self.alpha is None else f"{self.name}({float(self.alpha)!r})"


ACTIVATIONS: dict[str, Activation] = {
    row.name: row
    for row in (
        Activation("identity", _identity, _ones, "z", "1"),
        Activation("sigmoid", sigmoid, _sigmoid_slope, "1 / (1 + e⁻ᶻ)", "g(z) (1 − g(z))"),
        Activation("tanh", _tanh, _tanh_slope, "(eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ)", "1 − g(z)²"),
        Activation("relu", _relu, _relu_slope, "max(0, z)", "1 if z > 0 else 0"),
        Activation("leaky_relu", _leaky_relu, _leaky_relu_slope, "z if z > 0 else αz", "1 if z > 0 else α", 0.01),
        Activation("elu", _elu, _elu_slope, "z if z > 0 else α(eᶻ − 1)", "1 if z > 0 else αeᶻ", 1.0),
        Activation(
            "selu",
            _selu,
            _selu_slope,
            "λz if z > 0 else λα(eᶻ − 1); λ ≈ 1.0507, α ≈ 1.6733",
            "λ if z > 0 else λαeᶻ",
        ),
        Activation("softplus", softplus, sigmoid, "log(1 + eᶻ)", "σ(z)"),
        Activation("gelu", _gelu, _gelu_slope, "z Φ(z), Φ the normal distribution", "Φ(z) + z φ(z)"),
        Activation("silu", _silu, _silu_slope, "z σ(z)", "σ(z) (1 + z (1 − σ(z)))"),
        Activation("mish", _mish, _mish_slope, "z t, t = tanh(log(1 + eᶻ))", "t + z σ(z) (1 − t²)"),
        Activation("softmax", softmax, None, "eᶻ / Σ eᶻ over the units", "—"),
        Activation("exp", _exp, None, "eᶻ", "—"),
    )
}

OUTPUT_ONLY = frozenset(name for name, row in ACTIVATIONS.items() if row.derivative is None)


def get(spec: str | Activation) -> Activation:
    """The activation of a name, ``"relu"`` or with its constant ``"leaky_relu(0.2)"``.

    Raises ValueError for an unknown name and for a constant where the function has none.
    """
    if isinstance(spec, Activation):
        return spec
    if not isinstance(spec, str):
        raise TypeError(f"activation: got {spec!r}, wanted a name such as 'relu' or 'leaky_relu(0.2)'")
    name, number = parse_spec(spec)
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    row = ACTIVATIONS[name]
    if number is None:
        return row
    if row.alpha is None:
        raise ValueError(f"activation {spec!r}: {name} takes no constant, write {name!r}")
    return replace(row, alpha=number)
