"""Initial weights: one table of the standard deviations that the literature gives. Biases begin at zero.

Course notes often swap the names. Here they follow the papers:

* √(1/n[l-1]) is LeCun et al. 1998, section 4.6: ``lecun``. Many notes call it "Xavier": ``xavier`` is the same.
* √(2/(n[l-1] + n[l])) is Glorot & Bengio 2010 (Xavier Glorot), equation 12: ``glorot``. ``glorot_uniform`` is their
  equation 16, of the same deviation.
* √(2/n[l-1]) is He et al. 2015, equation 10, for ReLU: ``he``.
"""

from collections.abc import Callable
from math import sqrt
from numbers import Real

import numpy as np

from chainrule import activations
from chainrule._types import Array
from chainrule.activations import Activation
from chainrule.text import meant, name_of, unknown

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


def get(spec: str | float, activation: str | Activation) -> Initializer:
    """The initializer of a name, or of a number.

    Parameters
    ----------
    spec : str or float
        A name of the table; ``"auto"``, which takes the one that suits the activation: he for the rectifiers, lecun for
        selu (Klambauer et al. 2017, section 3), glorot for all others; or a number s for s · N(0, 1).
    activation : str or Activation, g[l], the activation of the layer

    Returns
    -------
    callable, (generator, shape (n[l], n[l-1])) → W[l]

    Raises
    ------
    ValueError
        For an unknown name, and for a number that is negative or not finite.
    """
    if isinstance(spec, str):
        if spec == "auto":
            spec = activations.get(activation).init
        if spec not in INITIALIZERS:
            raise unknown("initializer", spec, ["auto", *INITIALIZERS])
        return INITIALIZERS[spec]
    if not isinstance(spec, Real):
        hint = meant(name_of(spec), INITIALIZERS)
        raise TypeError(f"init: got {spec!r}, wanted a name such as 'he', or a number s for s · N(0, 1).{hint}")
    scale = float(spec)
    if not 0 <= scale < float("inf"):
        raise ValueError(f"init: got the scale {spec!r}, wanted a number of 0 or more, or a name such as 'he'")
    return _normal(lambda fan_out, fan_in: scale)
