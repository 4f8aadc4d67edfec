import copy
import pickle

import numpy as np
import pytest

from chainrule import Network, losses
from chainrule.activations import get as activation
from chainrule.losses import LOSSES
from support.contract import PAIRS, problem, rng_of

log = np.log


def _huber(A, Y, delta):
    return sum(0.5 * e * e if abs(e) <= delta else delta * (abs(e) - delta / 2) for e in A - Y)


# 𝓛 of one example from the outputs A = g(Z), as the textbooks write it, A and Y being vectors of K numbers.
DIRECT = {
    "binary_cross_entropy": lambda A, Y: -sum(Y * log(A) + (1 - Y) * log(1 - A)),
    "cross_entropy": lambda A, Y: -sum(Y * log(A)),
    "half_squared_error": lambda A, Y: sum((A - Y) ** 2) / 2,
    "absolute": lambda A, Y: sum(abs(A - Y)),
    "huber": lambda A, Y: _huber(A, Y, 1.0),
    "huber(0.3)": lambda A, Y: _huber(A, Y, 0.3),
    # The deviance / 2: 0 for a perfect prediction; y log y is 0 for y = 0.
    "poisson": lambda A, Y: sum(a - y - (y * log(a / y) if y else 0) for a, y in zip(A, Y, strict=True)),
}


def case(pair, K=3, m=8):
    name, output = pair
    rng = rng_of("loss", pair)
    _, Y = problem(name, output, 1, K, m, rng)
    return losses.get(*pair), 2 * rng.standard_normal((K, m)), Y


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_value_is_the_textbook_formula_of_the_outputs(pair):
    assert pair[0] in DIRECT, f"{pair[0]} is new: give its formula here once more"
    loss, Z, Y = case(pair)
    value, _ = loss(Z, Y)
    A = activation(pair[1])(Z)
    assert value.shape == (1, Z.shape[1])
    np.testing.assert_allclose(value[0], [DIRECT[pair[0]](A[:, i], Y[:, i]) for i in range(8)], rtol=1e-12)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_dZ_is_the_central_difference_of_the_returned_value(pair):
    loss, Z, Y = case(pair)
    _, dZ = loss(Z, Y)
    assert dZ.shape == Z.shape
    differences, h = np.empty_like(Z), 1e-5
    for i in np.ndindex(Z.shape):
        step = np.zeros_like(Z)
        step[i] = h
        differences[i] = (loss(Z + step, Y)[0] - loss(Z - step, Y)[0]).sum() / (2 * h)
    assert np.linalg.norm(dZ - differences) / np.linalg.norm(differences) < 1e-8


@pytest.mark.parametrize(
    "pair", [("half_squared_error", "identity"), ("binary_cross_entropy", "sigmoid"), ("cross_entropy", "softmax")]
)
def test_canonical_pairs_start_the_way_back_with_A_minus_Y(pair):
    loss, Z, Y = case(pair)
    np.testing.assert_allclose(loss(Z, Y)[1], activation(pair[1])(Z) - Y, rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pair", [p for p in PAIRS if p[0] != "poisson"], ids="-".join)
def test_a_certain_wrong_prediction_costs_much_and_finitely(pair, dtype):
    Y = np.array([[1, 0], [0, 1]], dtype)  # and the logits are sure of the opposite
    loss, Z = losses.get(*pair), np.array([[-1e4, 1e4], [1e4, -1e4]], dtype)
    value, dZ = loss(Z, Y)
    assert value.dtype == dZ.dtype == dtype
    assert np.isfinite(value).all()
    assert np.isfinite(dZ).all()
    # Bounded outputs can be wrong by a bounded amount only: tanh ½(2² + 1²), sigmoid ½(1² + 1²).
    least = {("half_squared_error", "tanh"): 2.5, ("half_squared_error", "sigmoid"): 1.0}.get(pair, 1000.0)
    assert (value >= least).all()


@pytest.mark.parametrize("pair", [("binary_cross_entropy", "sigmoid"), ("cross_entropy", "softmax")], ids="-".join)
def test_cost_of_certainty_is_the_logit_itself(pair):
    value, _ = losses.get(*pair)(np.array([[1e4], [0.0]]), np.array([[0.0], [1.0]]))
    assert value[0, 0] == pytest.approx(1e4, rel=1e-4)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_right_prediction_costs_almost_nothing(pair):
    Y = np.array([[1.0], [0.0]])
    Z = {"sigmoid": [[40.0], [-40.0]], "softmax": [[40.0], [-40.0]], "exp": [[0.0], [-40.0]], "tanh": [[40.0], [0.0]]}
    value, dZ = losses.get(*pair)(np.array(Z.get(pair[1], Y)), Y)
    assert value[0, 0] == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(dZ, 0, atol=1e-15)


def test_huber_is_squared_within_delta_and_straight_beyond():
    Z, Y = np.array([[0.5, 3.0, -3.0]]), np.zeros((1, 3))
    # δ = 2: ½·0.25 = 0.125; 2·(3 − 1) = 4; its slope stops at δ.
    value, dZ = losses.get("huber(2)", "identity")(Z, Y)
    np.testing.assert_allclose(value, [[0.125, 4.0, 4.0]])
    np.testing.assert_allclose(dZ, [[0.5, 2.0, -2.0]])


def test_absolute_has_slope_zero_at_its_kink():
    value, dZ = losses.get("absolute", "identity")(np.array([[1.0]]), np.array([[1.0]]))
    assert value[0, 0] == dZ[0, 0] == 0


def test_poisson_of_a_zero_count_is_the_rate():
    value, dZ = losses.get("poisson", "exp")(np.array([[0.5]]), np.array([[0.0]]))
    assert value[0, 0] == dZ[0, 0] == pytest.approx(np.exp(0.5))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_weights_multiply_the_examples_and_their_sum_takes_the_place_of_m(pair):
    loss, Z, Y = case(pair)
    net = Network([3, 3], output=pair[1], loss=pair[0], init="zeros")
    net.W[1] = np.eye(3)  # so that Z[1] = X
    w = np.arange(8.0)
    assert net.cost(Z, Y, weights=w) == pytest.approx(float((loss(Z, Y)[0][0] * w).sum() / w.sum()), rel=1e-14)
    assert net.cost(Z, Y, weights=np.ones(8)) == pytest.approx(net.cost(Z, Y), rel=1e-14)


@pytest.mark.parametrize(
    ("loss", "output", "Y", "message"),
    [
        ("binary_cross_entropy", "sigmoid", [[0, 2], [1, 1]], "values from 0 to 2; .* wants 0 or 1"),
        ("binary_cross_entropy", "sigmoid", [[-1, 1], [1, 1]], "values from -1 to 1; .* wants 0 or 1"),
        ("cross_entropy", "softmax", [[1, 1], [1, 0]], "wants one-hot columns"),
        ("cross_entropy", "softmax", [[0, 1], [0, 0]], "wants one-hot columns"),
        ("cross_entropy", "softmax", [[2, 1], [-1, 0]], "wants one-hot columns"),
        ("poisson", "exp", [[-1, 1], [1, 1]], "values from -1 to 1; .* wants counts, 0 or more"),
    ],
)
def test_targets_outside_the_domain_are_refused(loss, output, Y, message):
    net = Network([3, 2], output=output, loss=loss)
    for refusing in (net.cost, net.gradients):
        with pytest.raises(ValueError, match=f"Y: .*{message}"):
            refusing(np.ones((3, 2)), np.array(Y))


@pytest.mark.parametrize(
    ("output", "name"),
    {
        "sigmoid": "binary_cross_entropy",
        "softmax": "cross_entropy",
        "identity": "half_squared_error",
        "relu": "half_squared_error",
        "tanh": "half_squared_error",
        "exp": "poisson",
    }.items(),
)
def test_every_output_has_its_own_loss(output, name):
    assert losses.get(None, output) is LOSSES[name, output]
    assert {of for _, of in LOSSES} == {"sigmoid", "softmax", "identity", "relu", "tanh", "exp"}


@pytest.mark.parametrize(
    ("loss", "output", "message"),
    [
        ("cross_entropy", "sigmoid", "loss 'cross_entropy' needs output 'softmax', got output='sigmoid'"),
        ("absolute", "tanh", "loss 'absolute' needs output 'identity', got output='tanh'"),
        ("half_squared_error", "softmax", "needs output 'identity' or 'relu' or 'tanh' or 'sigmoid'"),
        ("mse", "identity", "unknown loss 'mse'.*Known: binary_cross_entropy, cross_entropy, half_squared_error"),
        (None, "gelu", "output: got 'gelu', which no loss here is defined for; wanted one of "),
        ("absolute(2)", "identity", "absolute takes no constant, write 'absolute'"),
        ("huber(0)", "identity", "δ must be above 0"),
        ("huber(-1)", "identity", "δ must be above 0"),
        ("huber(nan)", "identity", "wanted a number"),
        ("huber(wide)", "identity", "got 'wide' in the parentheses, wanted a number"),
    ],
)
def test_pairs_that_do_not_go_together_are_explained(loss, output, message):
    with pytest.raises(ValueError, match=message):
        losses.get(loss, output)


@pytest.mark.parametrize("delta", [1.35, 0.123456789, 1e-9])
def test_spec_gives_the_loss_back(delta):
    row = losses.get(f"huber({delta})", "identity")
    assert row.delta == delta
    assert losses.get(row.spec, "identity") == row


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_rows_survive_pickle_and_deepcopy(pair):
    loss, Z, Y = case(pair)
    for other in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert other.spec == loss.spec
        np.testing.assert_array_equal(other(Z, Y)[1], loss(Z, Y)[1])
