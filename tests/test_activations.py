import copy
import pickle
from math import erf, erfc, exp, expm1, log1p, pi, sqrt, tanh

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule import activations
from chainrule.activations import ACTIVATIONS, OUTPUT_ONLY
from support.contract import HIDDEN, KINKED

# The formulas once more, one number at a time with the math module: g(z) and g′(z), in another arrangement than the
# table's where there is one.
SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _sigma(z: float) -> float:
    return 1 / (1 + exp(-z)) if z > -700 else exp(z)


def _softplus(z: float) -> float:
    return log1p(exp(z)) if z < 30 else z + log1p(exp(-z))


def _phi(z: float) -> float:
    return erfc(-z / sqrt(2)) / 2


REFERENCE = {
    "identity": (lambda z: z, lambda z: 1.0),
    "sigmoid": (_sigma, lambda z: _sigma(z) * _sigma(-z)),
    "tanh": (tanh, lambda z: (2 / (exp(z) + exp(-z))) ** 2),
    "relu": (lambda z: max(z, 0.0), lambda z: float(z > 0)),
    "leaky_relu": (lambda z: max(z, 0.01 * z), lambda z: 1.0 if z > 0 else 0.01),
    "leaky_relu(0.2)": (lambda z: max(z, 0.2 * z), lambda z: 1.0 if z > 0 else 0.2),
    "elu": (lambda z: z if z > 0 else expm1(z), lambda z: 1.0 if z > 0 else exp(z)),
    "elu(0.5)": (lambda z: z if z > 0 else 0.5 * expm1(z), lambda z: 1.0 if z > 0 else 0.5 * exp(z)),
    "selu": (
        lambda z: SELU[0] * (z if z > 0 else SELU[1] * expm1(z)),
        lambda z: SELU[0] * (1.0 if z > 0 else SELU[1] * exp(z)),
    ),
    "softplus": (_softplus, _sigma),
    "gelu": (
        lambda z: z * (1 + erf(z / sqrt(2))) / 2,
        lambda z: _phi(z) + z * exp(-z * z / 2) / sqrt(2 * pi),
    ),
    "silu": (lambda z: z / (1 + exp(-z)), lambda z: _sigma(z) + z * _sigma(z) * _sigma(-z)),
    "mish": (
        lambda z: z * tanh(_softplus(z)),
        lambda z: tanh(_softplus(z)) + z * _sigma(z) / (exp(_softplus(z)) / 2 + exp(-_softplus(z)) / 2) ** 2,
    ),
}
GRID = np.concatenate([np.linspace(-20, 20, 161), [-1e-3, 1e-3, -1e-8, 1e-8]])
FAR = [-1e4, -1e3, -100.0, -50.0, -1.0, -0.0, 0.0, 1.0, 50.0, 100.0, 1e3, 1e4]


@pytest.mark.parametrize("spec", HIDDEN)
def test_value_and_slope_follow_the_formula(spec):
    assert spec in REFERENCE, f"{spec} is new: give its formula here once more"
    row, (g, slope) = activations.get(spec), REFERENCE[spec]
    np.testing.assert_allclose(row(GRID), [g(z) for z in GRID], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(row.slope(GRID), [slope(z) for z in GRID], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("spec", HIDDEN)
def test_slope_is_the_central_difference_of_the_value(spec):
    row, h = activations.get(spec), 1e-5
    Z = np.linspace(-6, 6, 240)  # 240 points: none at the kink
    assert np.abs(Z).min() > h
    np.testing.assert_allclose(row.slope(Z), (row(Z + h) - row(Z - h)) / (2 * h), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spec", [*HIDDEN, "softmax"])
def test_far_logits_stay_finite_and_keep_their_dtype(spec, dtype):
    row, Z = activations.get(spec), np.array([FAR, FAR[::-1]], dtype)
    values = [row(Z)] + ([] if spec in OUTPUT_ONLY else [row.slope(Z)])
    for value in values:
        assert value.dtype == dtype
        assert value.shape == Z.shape
        assert np.isfinite(value).all()


def test_exp_keeps_its_dtype():
    for dtype in (np.float32, np.float64):
        assert activations.get("exp")(np.ones((2, 3), dtype)).dtype == dtype


@pytest.mark.parametrize("spec", [s for s in HIDDEN if s not in {"identity", "relu", "leaky_relu", "leaky_relu(0.2)"}])
def test_slope_far_out_is_a_limit_not_an_accident(spec):
    low, high = activations.get(spec).slope(np.array([[-1e4, 1e4]]))[0]
    assert low == pytest.approx(0, abs=1e-12)
    assert high == pytest.approx({"sigmoid": 0, "tanh": 0, "selu": SELU[0]}.get(spec, 1), abs=1e-12)


@pytest.mark.parametrize(
    ("spec", "slope"),
    [("relu", 0.0), ("leaky_relu", 0.01), ("leaky_relu(0.2)", 0.2), ("elu(0.5)", 0.5), ("selu", SELU[0] * SELU[1])],
)
def test_slope_at_the_kink_is_that_of_the_left_side(spec, slope):
    assert spec in KINKED
    np.testing.assert_allclose(activations.get(spec).slope(np.array([[0.0, -0.0]])), [[slope, slope]], rtol=1e-15)


@pytest.mark.parametrize("spec", [*HIDDEN, *sorted(OUTPUT_ONLY)])
def test_nan_comes_through(spec):
    A = activations.get(spec)(np.array([[np.nan, 1.0], [0.0, 1.0]]))
    assert np.isnan(A[0, 0])
    assert np.isfinite(A[:, 1]).all()


@pytest.mark.parametrize("spec", [*HIDDEN, *sorted(OUTPUT_ONLY)])
def test_inputs_are_not_touched_even_when_read_only(spec):
    Z = np.linspace(-2, 2, 6).reshape(2, 3)
    before = Z.copy()
    Z.flags.writeable = False
    activations.get(spec)(Z)
    if spec not in OUTPUT_ONLY:
        activations.get(spec).slope(Z)
    np.testing.assert_array_equal(Z, before)


def test_tails_of_sigmoid_and_softplus_are_right_to_the_last_digits():
    # For z ≪ 0 both are eᶻ(1 + O(eᶻ)), numbers that 1 − (1 − eᶻ) would lose completely.
    Z = np.array([[-40.0, -100.0, -300.0, -700.0]])
    tail = [[exp(z) for z in Z[0]]]
    np.testing.assert_allclose(activations.sigmoid(Z), tail, rtol=4e-16)
    np.testing.assert_allclose(activations.softplus(Z), tail, rtol=4e-16)
    np.testing.assert_allclose(activations.get("sigmoid").slope(Z), tail, rtol=4e-16)
    np.testing.assert_allclose(activations.get("sigmoid").slope(-Z), tail, rtol=4e-16)


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=5), st.floats(-1e4, 1e4))
def test_softmax_is_a_distribution_that_a_shift_does_not_change(z, shift):
    Z = np.array(z)[:, None]
    A = activations.softmax(Z)
    assert (A >= 0).all()
    assert A.sum() == pytest.approx(1, abs=1e-14)
    np.testing.assert_allclose(activations.softmax(Z + shift), A, atol=1e-10)


@given(st.floats(-1e4, 1e4))
def test_sigmoid_and_its_mirror_add_up_to_one(z):
    Z = np.array([[z]])
    assert float((activations.sigmoid(Z) + activations.sigmoid(-Z))[0, 0]) == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_row_says_its_formula(name):
    row = ACTIVATIONS[name]
    assert row.name == name
    assert row.formula
    assert row.slope_formula


@pytest.mark.parametrize("alpha", [0.2, 0.123456789, 1e-12, 3.0])
@pytest.mark.parametrize("name", ["leaky_relu", "elu"])
def test_spec_gives_the_activation_back(name, alpha):
    row = activations.get(f"{name}({alpha})")
    assert row.alpha == alpha
    assert activations.get(row.spec) == row


@pytest.mark.parametrize("spec", [*HIDDEN, *sorted(OUTPUT_ONLY)])
def test_rows_survive_pickle_and_deepcopy(spec):
    row = activations.get(spec)
    assert pickle.loads(pickle.dumps(row)) == row
    assert copy.deepcopy(row) == row
    assert activations.get(row) is row


def test_unknown_name_lists_what_there_is_closest_first():
    with pytest.raises(ValueError, match=r"unknown activation 'rleu'. Did you mean 'relu'\? Known: identity, .*mish"):
        activations.get("rleu")


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("relu(0.1)", ValueError, "takes no constant, write 'relu'"),
        ("leaky_relu(x)", ValueError, "got 'x' in the parentheses, wanted a number"),
        ("leaky_relu()", ValueError, "got '' in the parentheses, wanted a number"),
        ("leaky_relu(nan)", ValueError, "got 'nan' in the parentheses, wanted a number"),
        ("elu(inf)", ValueError, "got 'inf' in the parentheses, wanted a number"),
        ("leaky relu", ValueError, "is not a name"),
        ("", ValueError, "is not a name"),
        (3, TypeError, "wanted a name such as 'relu'"),
        (None, TypeError, "wanted a name such as 'relu'"),
    ],
)
def test_misuse_of_names_and_constants_is_explained(spec, error, message):
    with pytest.raises(error, match=message):
        activations.get(spec)


@pytest.mark.parametrize("name", sorted(OUTPUT_ONLY))
def test_output_functions_have_no_slope_of_their_own(name):
    with pytest.raises(ValueError, match=f"{name} is for the output layer only"):
        activations.get(name).slope  # noqa: B018
