import inspect
import re
from math import exp, log

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import equations
from support.contract import (
    CASES,
    DEPTHS,
    EXAMPLES,
    PAIRS,
    analytic,
    assert_gradients,
    case,
    central_differences,
    masks,
    named,
    network,
    problem,
    relative_error,
    reported,
    rng_of,
)

m = EXAMPLES


@pytest.mark.parametrize(("hidden", "pair", "depth"), CASES, ids=str)
def test_gradient_check(hidden, pair, depth):
    net, X, Y, _ = case(hidden, pair, depth)
    assert_gradients(net, X, Y)


@pytest.mark.parametrize(("hidden", "pair", "depth"), CASES, ids=str)
def test_gradient_check_with_l2_weights_and_dropout_together(hidden, pair, depth):
    net, X, Y, rng = case(hidden, pair, depth)
    weights = rng.uniform(0.2, 3, m)
    weights[-1] = 0
    assert_gradients(net, X, Y, 0.7, weights, masks(net, m, rng))


@pytest.mark.parametrize("terms", ["l2", "weights", "dropout"])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_gradient_check_of_each_term_alone(pair, terms):
    net, X, Y, rng = case("tanh", pair, 2)
    given_terms = {
        "l2": {"l2": 0.7},
        "weights": {"weights": rng.uniform(0.2, 3, m)},
        "dropout": {"D": masks(net, m, rng)},
    }[terms]
    assert_gradients(net, X, Y, **given_terms)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_network_gradients_are_the_derivative_of_network_cost(pair):
    net, X, Y, rng = case("mish", pair, 2)
    weights = rng.uniform(0.2, 3, m)
    J, dW, db = net.gradients(X, Y, l2=0.3, weights=weights)
    assert net.cost(X, Y, l2=0.3, weights=weights) == J
    errors = relative_error(named(dW, db), central_differences(net, X, Y, 0.3, weights))
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("different", [["tanh", "relu", "gelu"], ["softplus", "selu", "identity"]])
def test_gradient_check_of_an_activation_per_layer(different):
    rng = rng_of(different)
    X, Y = problem("cross_entropy", "softmax", 5, 2, m, rng)
    assert_gradients(network([5, 4, 6, 3, 2], different, "softmax"), X, Y, l2=0.1)


def test_one_step_worked_by_hand():
    # n = [2, 2, 1], tanh then sigmoid, m = 2 examples, binary cross-entropy, λ = 0.5, α = 2.
    #
    #   X = [1 0]   W[1] = [0.5 −1]   b[1] = [0  ]   W[2] = [1 −2]   b[2] = [0.5]   Y = [1 0]
    #       [2 1]          [0    1]          [0.5]
    #
    # Forward:
    #   Z[1] = [0.5·1 − 1·2,  −1] = [−1.5  −1 ]     A[1] = tanh: [t(−1.5)  t(−1) ]
    #          [2 + 0.5,  1 + 0.5]  [ 2.5  1.5]                  [t( 2.5)  t(1.5)]
    #   Z[2] = t(−1.5) − 2 t(2.5) + 0.5,  t(−1) − 2 t(1.5) + 0.5
    #   J = ½ [−log σ(Z[2]₁) − log(1 − σ(Z[2]₂))] + (0.5/4)(0.25 + 1 + 0 + 1 + 1 + 4)
    # Backward:
    #   dZ[2] = A[2] − Y = [σ₁ − 1,  σ₂]
    #   dW[2] = ½ [dZ[2]₁ t(−1.5) + dZ[2]₂ t(−1),  dZ[2]₁ t(2.5) + dZ[2]₂ t(1.5)] + ¼ [1 −2]
    #   db[2] = ½ (dZ[2]₁ + dZ[2]₂)
    #   dZ[1] = [ 1·dZ[2]₁ (1 − t(−1.5)²)   1·dZ[2]₂ (1 − t(−1)²)]
    #           [−2·dZ[2]₁ (1 − t(2.5)²)   −2·dZ[2]₂ (1 − t(1.5)²)]
    #   dW[1] = ½ dZ[1] Xᵀ + ¼ W[1],  Xᵀ = [1 2; 0 1]:  row i is ½ [d₁,  2 d₁ + d₂] + ¼ W[1] row i
    #   db[1] = ½ [d₁ + d₂] row by row
    t = lambda z: (exp(z) - exp(-z)) / (exp(z) + exp(-z))  # noqa: E731
    z1, z2 = t(-1.5) - 2 * t(2.5) + 0.5, t(-1) - 2 * t(1.5) + 0.5
    s1, s2 = 1 / (1 + exp(-z1)), 1 / (1 + exp(-z2))
    d1, d2 = s1 - 1, s2
    u1, u2 = d1 * (1 - t(-1.5) ** 2), d2 * (1 - t(-1) ** 2)
    v1, v2 = -2 * d1 * (1 - t(2.5) ** 2), -2 * d2 * (1 - t(1.5) ** 2)
    J = (-log(s1) - log(1 - s2)) / 2 + 0.125 * 7.25
    dW1 = [[u1 / 2 + 0.125, (2 * u1 + u2) / 2 - 0.25], [v1 / 2, (2 * v1 + v2) / 2 + 0.25]]
    db1 = [[(u1 + u2) / 2], [(v1 + v2) / 2]]
    dW2 = [[(d1 * t(-1.5) + d2 * t(-1)) / 2 + 0.25, (d1 * t(2.5) + d2 * t(1.5)) / 2 - 0.5]]
    db2 = [[(d1 + d2) / 2]]

    net = cr.Network([2, 2, 1], hidden="tanh")
    net.W[1], net.b[1] = np.array([[0.5, -1], [0, 1]]), np.array([[0], [0.5]])
    net.W[2], net.b[2] = np.array([[1.0, -2.0]]), 0.5
    X, Y = np.array([[1.0, 0.0], [2.0, 1.0]]), np.array([[1.0, 0.0]])
    got_J, dW, db = net.gradients(X, Y, l2=0.5)
    assert got_J == pytest.approx(J, rel=1e-14)
    for got, wanted in ((dW[1], dW1), (db[1], db1), (dW[2], dW2), (db[2], db2)):
        np.testing.assert_allclose(got, wanted, rtol=1e-13)

    (step,) = net.train(X, Y, cr.GradientDescent(2.0), epochs=1, l2=0.5)
    assert step.cost == pytest.approx(J, rel=1e-14)
    np.testing.assert_allclose(net.W[1], np.array([[0.5, -1], [0, 1]]) - 2 * np.array(dW1), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(net.b[2], [[0.5 - (d1 + d2)]], rtol=1e-13)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_all_examples_at_once_are_the_mean_of_one_after_the_other(pair):
    net, X, Y, rng = case("silu", pair, 2)
    D = masks(net, m, rng)
    together = analytic(net, X, Y, D=D)
    one_by_one = [
        analytic(net, X[:, [i]], Y[:, [i]], D=[None if d is None else d[:, [i]] for d in D]) for i in range(m)
    ]
    means = {name: sum(g[name] for g in one_by_one) / m for name in together}
    assert max(relative_error(together, means).values()) < 1e-13
    costs = [reported(net, X[:, [i]], Y[:, [i]]) for i in range(m)]
    assert net.cost(X, Y) == pytest.approx(np.mean(costs), rel=1e-13)


@given(st.permutations(range(m)))
def test_the_order_of_the_examples_does_not_matter(order):
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 2)
    got, wanted = analytic(net, X[:, order], Y[:, order]), analytic(net, X, Y)
    assert max(relative_error(got, wanted).values()) < 1e-12


@given(st.integers(1, 4))
def test_doubled_examples_are_doubled_weights(times):
    net, X, Y, _ = case("tanh", ("huber", "identity"), 1)
    repeats = np.full(m, 1)
    repeats[2] = times
    repeated = analytic(net, np.repeat(X, repeats, axis=1), np.repeat(Y, repeats, axis=1), l2=0.4)
    weighted = analytic(net, X, Y, l2=0.4, weights=repeats)
    assert max(relative_error(weighted, repeated).values()) < 1e-12


def test_l2_leaves_the_biases_out_and_is_divided_by_m():
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 2)
    J0, dW0, db0 = net.gradients(X, Y)
    J, dW, db = net.gradients(X, Y, l2=0.6)
    assert pytest.approx(0.6 / (2 * m) * sum((W**2).sum() for W in net.W[1:]), rel=1e-12) == J - J0
    for l in range(1, net.L + 1):
        np.testing.assert_allclose(dW[l] - dW0[l], 0.6 / m * net.W[l], rtol=1e-10, atol=1e-15)
        np.testing.assert_array_equal(db[l], db0[l])


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("form", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.coo_array, sp.lil_array, sp.dok_array])
def test_sparse_inputs_give_the_dense_numbers(form, transposed, rng):
    dense = rng.standard_normal((5, m)) * (rng.random((5, m)) < 0.4)
    X = form(dense.T).T if transposed else form(dense)
    net = network([5, 4, 3], "tanh", "softmax")
    Y = np.eye(3)[:, rng.integers(3, size=m)]
    np.testing.assert_allclose(net.forward(X), net.forward(dense), rtol=1e-13)
    assert isinstance(net.forward(X), np.ndarray)
    J, dW, db = net.gradients(X, Y, l2=0.1)
    assert pytest.approx(net.cost(dense, Y, l2=0.1), rel=1e-13) == J == net.cost(X, Y, l2=0.1)
    assert max(relative_error(named(dW, db), analytic(net, dense, Y, l2=0.1)).values()) < 1e-13


@pytest.mark.parametrize("depth", DEPTHS)
def test_nothing_is_changed_in_place(depth):
    net, X, Y, rng = case("elu", ("half_squared_error", "identity"), depth)
    D, weights = masks(net, m, rng), rng.random((1, m))
    Z, A = equations.forward(X, net.W, net.b, net.g, D)
    _, dZ, count = equations.cost(Z, Y, net.W, net.loss, 0.1, weights)
    arrays = [X, Y, dZ, weights, net.parameters, *Z[1:], *A, *(d for d in D if d is not None)]
    for array in arrays:
        array.flags.writeable = False
    equations.forward(X, net.W, net.b, net.g, D)
    equations.cost(Z, Y, net.W, net.loss, 0.1, weights)
    equations.backward(dZ, Z, A, net.W, net.slope, count, 0.1, D)


@pytest.mark.parametrize("depth", DEPTHS)
def test_every_array_has_the_shape_of_the_notes(depth):
    net, X, Y, _ = case("relu", ("cross_entropy", "softmax"), depth)
    n = net.sizes
    Z, A = equations.forward(X, net.W, net.b, net.g)
    assert Z[0] is None
    assert A[0] is X
    J, dZ, count = equations.cost(Z, Y, net.W, net.loss, 0.1, None)
    dW, db = equations.backward(dZ, Z, A, net.W, net.slope, count, 0.1)
    assert np.shape(J) == ()
    assert count == m
    assert dW[0] is None
    assert db[0] is None
    for l in range(1, net.L + 1):
        assert Z[l].shape == A[l].shape == (n[l], m)
        assert dW[l].shape == (n[l], n[l - 1])
        assert db[l].shape == (n[l], 1)


def test_the_heart_fits_on_a_screen_and_a_half_and_says_every_shape():
    lines = inspect.getsource(equations).splitlines()
    assert len(lines) <= 100
    # The shape stands beside every array at its birth.
    births = [line for line in lines if re.search(r" @ |append\(|\* D\[|slope\[l|axis=1|loss\(Z|/ m \* W", line)]
    assert len(births) >= 10
    assert [line for line in births if not re.search(r"# .*\(", line)] == []


def test_the_heart_has_no_in_place_updates():
    assert not re.search(r"(\+|-|\*|/)= ", inspect.getsource(equations))
