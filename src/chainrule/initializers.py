"""Initial weights: one table of the standard deviations that the literature gives. Biases begin at zero.

Course notes often swap the names, so, with their sources:

* √(1/n[l-1]) is LeCun et al. 1998, section 4.6; many notes call it "Xavier". Here: ``lecun``, and ``xavier`` as the
  notes say it.
* √(2/(n[l-1] + n[l])) is Glorot & Bengio 2010 (Xavier Glorot), equation 12; the uniform form is their equation 16.
  Here: ``glorot``.
* √(2/n[l-1]) is He et al. 2015, equation 10, for ReLU. Here: ``he``.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np

from chainrule._types import Array
from chainrule.text import unknown

Initializer = Callable[[np.random.Generator, tuple[int, int]], Array]


def _zeros(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return np.zeros(shape)


def _normal(deviation: Callable[[int, int], float]) -> Initializer:
    return lambda rng, shape: rng.standard_normal(shape) * deviation(*shape)


def _glorot_uniform(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    bound = sqrt(6 / (shape[0] + shape[1]))
    return rng.uniform(-bound, bound, shape)


# Each: (rng, (n[l], n[l-1])) → W[l]
INITIALIZERS: dict[str, Initializer] = {
    "zeros": _zeros,
    "small": _normal(lambda fan_out, fan_in: 0.01),
    "xavier": _normal(lambda fan_out, fan_in: sqrt(1 / fan_in)),
    "glorot": _normal(lambda fan_out, fan_in: sqrt(2 / (fan_in + fan_out))),
    "glorot_uniform": _glorot_uniform,
    "he": _normal(lambda fan_out, fan_in: sqrt(2 / fan_in)),
    "lecun": _normal(lambda fan_out, fan_in: sqrt(1 / fan_in)),
}

_RECTIFIERS = {"relu", "leaky_relu", "elu", "softplus", "gelu", "silu", "mish"}


def get(spec: str | float, activation: str) -> Initializer:
    """The initializer of a name, or of a number s: s · N(0, 1).

    ``"auto"`` picks by the activation of the layer: he for the rectifiers, lecun for selu (Klambauer et al. 2017,
    section 3), glorot for all others. Raises ValueError for an unknown name or a scale below 0.
    """
    if isinstance(spec, str):
        if spec == "auto":
            spec = "he" if activation in _RECTIFIERS else "lecun" if activation == "selu" else "glorot"
        if spec not in INITIALIZERS:
            raise unknown("initializer", spec, ["auto", *INITIALIZERS])
        return INITIALIZERS[spec]
    scale = float(spec)
    if not 0 <= scale < float("inf"):
        raise ValueError(f"init: got the scale {spec!r}, wanted a number of 0 or more, or a name such as 'he'")
    return _normal(lambda fan_out, fan_in: scale)
