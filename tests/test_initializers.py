from math import sqrt

import numpy as np
import pytest

from chainrule import Network, initializers
from chainrule.initializers import INITIALIZERS
from support.contract import HIDDEN

FAN_OUT, FAN_IN = 300, 200
# Standard deviation of W (n[l], n[l-1]) = (300, 200), as published.
DEVIATION = {
    "zeros": 0.0,
    "small": 0.01,
    "xavier": sqrt(1 / 200),
    "lecun": sqrt(1 / 200),  # LeCun et al. 1998, section 4.6
    "glorot": sqrt(2 / 500),  # Glorot & Bengio 2010, equation 12
    "glorot_uniform": sqrt(2 / 500),  # equation 16: U(±√(6/500)) has variance 6/500/3
    "he": sqrt(2 / 200),  # He et al. 2015, equation 10
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_have_the_published_deviation_and_mean_zero(name, rng):
    W = initializers.get(name, "tanh")(rng, (FAN_OUT, FAN_IN))
    assert W.shape == (FAN_OUT, FAN_IN)
    # 60 000 draws: the deviation is known to about 0.3 %, so 2 % is 7 of its own deviations; √2 apart is 41 %.
    assert W.std() == pytest.approx(DEVIATION[name], rel=0.02)
    assert abs(W.mean()) <= 5 * DEVIATION[name] / sqrt(W.size)


def test_uniform_weights_fill_their_interval_and_stay_inside(rng):
    bound = sqrt(6 / (FAN_OUT + FAN_IN))
    W = initializers.get("glorot_uniform", "tanh")(rng, (FAN_OUT, FAN_IN))
    assert 0.999 * bound < np.abs(W).max() <= bound


@pytest.mark.parametrize("name", [n for n in INITIALIZERS if n != "zeros"])
def test_the_generator_decides_everything(name):
    draw = lambda seed: INITIALIZERS[name](np.random.default_rng(seed), (3, 2))  # noqa: E731
    np.testing.assert_array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))


def test_a_number_is_the_scale_of_standard_normal_draws():
    W = initializers.get(0.5, "tanh")(np.random.default_rng(1), (3, 2))
    np.testing.assert_array_equal(W, 0.5 * np.random.default_rng(1).standard_normal((3, 2)))
    assert not initializers.get(0, "tanh")(np.random.default_rng(1), (3, 2)).any()


@pytest.mark.parametrize("spec", HIDDEN)
def test_auto_picks_by_the_activation(spec):
    name = spec.split("(")[0]
    wanted = {"selu": "lecun"}.get(name, "glorot" if name in ("identity", "sigmoid", "tanh") else "he")
    assert initializers.get("auto", name) is INITIALIZERS[wanted]


def test_auto_looks_at_every_layer_of_a_network():
    net = Network([200, 300, 250, 2], hidden=["relu", "tanh"], seed=0)
    assert net.W[1].std() == pytest.approx(sqrt(2 / 200), rel=0.02)
    assert net.W[2].std() == pytest.approx(sqrt(2 / 550), rel=0.02)
    assert all(not b.any() for b in net.b[1:])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hee", r"unknown initializer 'hee'. Did you mean 'he'\? Known: auto, zeros, small, xavier"),
        (-0.1, "wanted a number of 0 or more"),
        (float("nan"), "wanted a number of 0 or more"),
        (float("inf"), "wanted a number of 0 or more"),
    ],
)
def test_unknown_names_and_impossible_scales_are_refused(spec, message):
    with pytest.raises(ValueError, match=message):
        initializers.get(spec, "tanh")
