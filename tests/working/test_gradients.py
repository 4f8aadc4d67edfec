"""The check of a gradient: right ones pass, and each of the usual mistakes is named at the first tensor it spoils."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

import chainrule as cr
from chainrule import equations
from chainrule.working.gradients import GradientError, check_gradients
from support.contract import CASES, EXAMPLES, HIDDEN, PAIRS, case, network, problem, rng_of
from support.homework import assert_named, backward, mistaken, started

m = EXAMPLES


# -- homework ----------------------------------------------------------------------------------------------------------


def flower(net, X, Y):
    """Homework: one hidden layer of tanh, a sigmoid at the end, and a dictionary."""
    m = X.shape[1]
    W1, b1, W2, b2 = net.W[1], net.b[1], net.W[2], net.b[2]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    dZ2 = A2 - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = dA1 * (1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def logistic(net, X, Y):
    """Homework: logistic regression, one example after the other."""
    w, b, m = net.W[1], net.b[1], X.shape[1]
    dw, db = np.zeros(w.shape), 0.0
    for i in range(m):
        x, y = X[:, [i]], Y[0, i]
        z = (w @ x + b).item()
        a = 1 / (1 + np.exp(-z))
        dz = a - y
        dw += dz * x.T
        db += dz
    return {"dW1": dw / m, "db1": np.array([[db / m]])}


def ridge(net, X, Y):
    """Homework: L layers of leaky ReLU and a softmax, with L2."""
    W, b, L, m, lambd = net.W, net.b, net.L, X.shape[1], 0.7
    A, Z = [X], [None]
    for l in range(1, L):
        Z.append(W[l] @ A[l - 1] + b[l])
        A.append(np.maximum(0.2 * Z[l], Z[l]))
    Z.append(W[L] @ A[L - 1] + b[L])
    E = np.exp(Z[L])
    A.append(E / np.sum(E, axis=0))
    dW, db = [None] * (L + 1), [None] * (L + 1)
    dZ = A[L] - Y
    for l in range(L, 0, -1):
        dW[l] = 1 / m * (dZ @ A[l - 1].T) + lambd / m * W[l]
        db[l] = 1 / m * np.sum(dZ, axis=1, keepdims=True)
        if l > 1:
            dZ = W[l].T @ dZ * np.where(Z[l - 1] > 0, 1, 0.2)
    return None, dW, db


# -- right gradients ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hidden", "pair", "depth"), CASES, ids=str)
def test_nothing_is_named_for_a_right_gradient(hidden, pair, depth):
    net, X, Y, _ = case(hidden, pair, depth)
    for gradient in (None, started(net)):
        check = check_gradients(net, X, Y, gradient)
        assert check
        assert check.first_wrong is None
        assert [t.name for t in check.tensors] == [f"d{p}[{l}]" for l in range(net.L, 0, -1) for p in "Wb"]
        assert all((t.checked, t.kinks, t.looks_like) == (t.size, 0, ()) for t in check.tensors)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_nothing_is_named_with_l2_weights_and_normalized_inputs(pair):
    net, X, Y, rng = case("mish", pair, 2)
    w = rng.uniform(0.2, 3, m)
    net.normalize(4 * X + 7)
    assert check_gradients(net, 4 * X + 7, Y, l2=0.7, weights=w)
    assert not check_gradients(net, 4 * X + 7, Y, net.gradients(4 * X + 7, Y, 0.7), l2=0.7, weights=w, raises=False)


@pytest.mark.parametrize("homework", [flower, logistic, ridge])
def test_homework_that_is_right(homework):
    net, X, Y, l2 = given(homework)
    check = check_gradients(net, X, Y, homework, l2=l2)
    assert check
    assert "WRONG" not in repr(check)


def given(homework):
    if homework is ridge:
        net = network([5, 4, 6, 3], "leaky_relu(0.2)", "softmax", seed=2)
        return net, *problem("cross_entropy", "softmax", 5, 3, m, rng_of(4)), 0.7
    net = network([2, 4, 1] if homework is flower else [3, 1], "tanh", "sigmoid", seed=1)
    return net, *problem("binary_cross_entropy", "sigmoid", net.sizes[0], 1, m, rng_of(3)), 0.0


def test_sparse_examples_and_float32_networks_are_checked_in_float64():
    X = sp.random_array((6, m), density=0.5, rng=np.random.default_rng(0), format="csc")
    Y = np.eye(2)[:, np.arange(m) % 2]
    net = cr.Network([6, 4, 2], hidden="tanh", output="softmax", seed=0, dtype=np.float32)
    for gradient in (None, started(net)):
        check = check_gradients(net, X, Y, gradient)
        assert max(t.error for t in check.tensors) < 1e-7
    wrong = mistaken(backward, ("1 / m * np.dot", "np.dot"))
    assert_named(check_gradients(net, X, Y, started(net, wrong), raises=False), "dW[2]", "the factor 1/m is missing")
    assert net.dtype == np.float32


@pytest.mark.parametrize("scale", [1e-3, 1e3, 1e6])
def test_inputs_of_any_scale(scale):
    net = network([4, 5, 3], "tanh", "softmax", seed=3)
    X, Y = problem("cross_entropy", "softmax", 4, 3, m, rng_of(5))
    net.W[1] = net.W[1] / scale
    assert check_gradients(net, scale * X, Y)


def test_a_gradient_that_is_nearly_zero_is_no_false_alarm():
    net = network([3, 4, 1], "tanh", "sigmoid", seed=0)
    X, Y = problem("binary_cross_entropy", "sigmoid", 3, 1, m, rng_of(6))
    net.W[1], net.b[1] = 0.1, 25.0  # saturated: g′ is 1e-21
    assert check_gradients(net, X, Y)
    zeros = cr.Network([3, 4, 1], hidden="tanh", init="zeros")
    assert check_gradients(zeros, X, Y)


def test_the_network_and_the_examples_stay_as_they_are():
    net, X, Y, _ = case("relu", PAIRS[1], 2)
    before = net.parameters.copy(), X.copy(), Y.copy()

    def careless(net, X, Y):
        found = started(net)(net, X, Y)
        net.parameters += 1
        X *= 2
        Y *= 0
        return found

    assert check_gradients(net, X, Y, careless)
    for array, was in zip((net.parameters, X, Y), before, strict=True):
        np.testing.assert_array_equal(array, was)


# -- each mistake ------------------------------------------------------------------------------------------------------

IN_ANY_LAYER = {
    "1/m in dW": ("1 / m * np.dot", "np.dot", "dW", "the factor 1/m is missing"),
    "1/m in db": ("1 / m * np.sum", "np.sum", "db", "the factor 1/m is missing"),
    "1/m twice": ("1 / m * np.dot", "1 / m**2 * np.dot", "dW", "the factor 1/m is there twice"),
    "transpose": (
        "np.dot(dZ, A[l - 1].T)",
        "np.dot(A[l - 1], dZ.T)",
        "dW",
        "it is on its side: a transpose is missing",
    ),
    "keepdims": (", keepdims=True", "", "db", "it is a vector: the sum has no keepdims=True"),
    "axis": ("axis=1", "axis=0", "db", "it is summed over the units instead of the examples"),
    "axis, no keepdims": (
        "axis=1, keepdims=True",
        "axis=0",
        "db",
        "it is summed over the units instead of the examples",
    ),
    "no axis": (
        "np.sum(dZ, axis=1, keepdims=True)",
        "np.sum(dZ)",
        "db",
        "it is one sum over units and examples: the sum has no axis=1",
    ),
    "no sum": ("np.sum(dZ, axis=1, keepdims=True)", "dZ", "db", "the sum over the examples is missing"),
    "never filled": (
        "1 / m * np.dot(dZ, A[l - 1].T)",
        "np.zeros(W[l].shape)",
        "dW",
        "it is zero everywhere: nothing was ever put in",
    ),
    "sign": (
        "start(Z[L], A[L], Y)",
        "-start(Z[L], A[L], Y)",
        "dW",
        "the sign is the wrong way round: Y − A instead of A − Y",
    ),
    "last example": (
        "start(Z[L], A[L], Y)",
        "start(Z[L], A[L], Y) * (np.arange(m) == m - 1)",
        "dW",
        "it is of the last example only: each one overwrites the one before",
    ),
}


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("name", IN_ANY_LAYER)
def test_a_mistake_in_any_layer_is_named_at_the_last_one(name, pair):
    fragment, instead, tensor, words = IN_ANY_LAYER[name]
    wrong = mistaken(backward, (fragment, instead))
    for depth in (0, 2):
        net, X, Y, _ = case("tanh", pair, depth)
        check = check_gradients(net, X, Y, started(net, wrong), raises=False)
        assert_named(check, f"d{tensor[1]}[{net.L}]", words)


IN_A_HIDDEN_LAYER = {
    "no slope": (
        "dA * g[l - 1].slope(Z[l - 1])",
        "dA",
        "dW[2]",
        "the derivative g′ is missing: dZ = dA",
    ),
    "slope at A": (
        "slope(Z[l - 1])",
        "slope(A[l - 1])",
        "dW[2]",
        "the derivative is at the wrong place: g′(A) instead of g′(Z)",
    ),
    "slope twice": (
        "slope(Z[l - 1])",
        "slope(Z[l - 1]) ** 2",
        "dW[2]",
        "the derivative g′ is there twice",
    ),
    "g for its slope": (
        "g[l - 1].slope(Z[l - 1])",
        "g[l - 1](Z[l - 1])",
        "dW[2]",
        "g(Z) stands in the place of g′(Z)",
    ),
    "Z for A": (
        "np.dot(dZ, A[l - 1].T)",
        "np.dot(dZ, (Z[l - 1] if l > 1 else X).T)",
        "dW[3]",
        "dW[l] is made with Z[l-1] instead of A[l-1]",
    ),
    "no bias": (
        "W[l] @ A[l - 1] + b[l]",
        "W[l] @ A[l - 1]",
        "dW[3]",
        "b is missing in Z = W A + b",
    ),
}


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("name", IN_A_HIDDEN_LAYER)
def test_a_mistake_in_a_hidden_layer_is_named_at_the_first_one_it_reaches(name, hidden):
    fragment, instead, tensor, words = IN_A_HIDDEN_LAYER[name]
    wrong, pairs = mistaken(backward, (fragment, instead)), PAIRS
    for pair in pairs[HIDDEN.index(hidden) % 3 :: 3]:
        net, X, Y, _ = case(hidden, pair, 2)
        got, right = (started(net, homework)(net, X, Y) for homework in (wrong, backward))
        check = check_gradients(net, X, Y, got, raises=False)
        if all(np.allclose(got[k][l], right[k][l], rtol=1e-9, atol=0) for k in (0, 1) for l in (1, 2, 3)):
            assert check  # relu′(A) is relu′(Z), and the identity has no slope to miss
        else:
            assert_named(check, tensor, words)


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "relu", "leaky_relu", "gelu"])
@pytest.mark.parametrize(
    ("fragment", "instead", "tensor", "words"),
    [
        ("np.dot(W[l].T, dZ)", "np.dot(W[l], dZ)", "dW[3]", "W is not transposed: dA = W dZ instead of Wᵀ dZ"),
        ("np.dot(W[l].T, dZ)", "np.dot(W[L].T, dZ)", "dW[2]", "the W of the last layer is used for every layer"),
        (
            "np.dot(W[l].T, dZ)",
            "np.dot(W[l - 1].T, dZ)",
            "dW[3]",
            "W[l] takes the place of W[l+1] in dA[l] = W[l+1]ᵀ dZ[l+1]",
        ),
        ("A[l - 1].T)", "A[l].T)", "dW[4]", "dW[l] is made with A[l] instead of A[l-1]"),
        ("A[l - 1].T)", "X.T)", "dW[4]", "dW[l] is made with X instead of A[l-1]"),
        (
            "slope(Z[l - 1])",
            "slope(Z[min(l, L - 1)])",
            "dW[2]",
            "the derivative is at the wrong place: at the Z of the next layer",
        ),
        ("np.dot(dZ, A[l - 1].T)", "np.dot(dZ, A[l - 1].T).T", "dW[4]", "it is on its side: a transpose is missing"),
        (
            "return dW, db",
            "return [None, *dW[:0:-1]], [None, *db[:0:-1]]",
            "dW[4]",
            "the gradients are in the reverse order: appended from the back, layer L first, and read from the front",
        ),
    ],
)
def test_mistakes_that_only_square_layers_let_through(fragment, instead, tensor, words, hidden):
    net = network([4, 4, 4, 4, 4], hidden, "softmax", seed=11)
    X, Y = problem("cross_entropy", "softmax", 4, 4, m, rng_of(7))
    wrong = mistaken(backward, (fragment, instead))
    assert_named(check_gradients(net, X, Y, started(net, wrong), raises=False), tensor, words)


def test_dA_where_dZ_belongs():
    net, X, Y, _ = case("tanh", PAIRS[1], 3)
    in_dW = mistaken(backward, ("dZ = dA * g[l - 1].slope(Z[l - 1])", "dZ, kept = dA, dA * g[l - 1].slope(Z[l - 1])"),
                     ("dA = np.dot(W[l].T, dZ)", "dA = np.dot(W[l].T, dZ if l == L else kept)"))  # fmt: skip
    words = "dA stands in the place of dZ in dW and db: the derivative g′ is missing there"
    assert_named(check_gradients(net, X, Y, started(net, in_dW), raises=False), "dW[3]", words)
    back = mistaken(backward, ("dA = np.dot(W[l].T, dZ)", "dA = np.dot(W[l].T, dZ if l == L else dA)"))
    words = "dA instead of dZ goes back to the layer before: dA[l-1] = W[l]ᵀ dA[l]"
    assert_named(check_gradients(net, X, Y, started(net, back), raises=False), "dW[2]", words)


@pytest.mark.parametrize(
    ("changes", "tensor", "words"),
    [
        ([("1 / m * np.dot(dZ2", "np.dot(dZ2")], "dW[2]", "the factor 1/m is missing"),
        ([("1 / m * np.dot(dZ1", "np.dot(dZ1")], "dW[1]", "the factor 1/m is missing"),
        ([("1 / m * np.sum(dZ1", "np.sum(dZ1")], "db[1]", "the factor 1/m is missing"),
        ([("(1 - np.power(A1, 2))", "(1 - np.power(Z1, 2))")], "dW[1]",
         "the derivative is at the wrong place: 1 − Z² instead of 1 − A²"),
        ([("(1 - np.power(A1, 2))", "(1 - A1)")], "dW[1]", "the square is missing: 1 − A instead of 1 − A²"),
        ([("(1 - np.power(A1, 2))", "(A1 * (1 - A1))")], "dW[1]", "the derivative is that of sigmoid, but g is tanh"),
        ([("(1 - np.power(A1, 2))", "(Z1 > 0)")], "dW[1]", "the derivative is that of relu, but g is tanh"),
        ([("dZ1 = dA1 * (1 - np.power(A1, 2))", "dZ1 = dA1")], "dW[1]", "the derivative g′ is missing: dZ = dA"),
        ([("dZ2 = A2 - Y", "dZ2 = Y - A2")], "dW[2]", "the sign is the wrong way round: Y − A instead of A − Y"),
        ([("dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)")], "dW[2]",
         "the derivative of the output is there twice: A[L] − Y is dZ[L] already"),
        ([("dZ2 = A2 - Y", "dZ2 = -Y / A2 + (1 - Y) / (1 - A2)")], "dW[2]",
         "dA[L] stands in the place of dZ[L]: the derivative of the output is missing"),
        ([("dZ2 = A2 - Y", "dZ2 = (-Y / A2 + (1 - Y) / (1 - A2)) * (1 - A2)")], "dW[2]",
         "a factor of the derivative of sigmoid is missing in dZ[L]: it is A (1 − A)"),
        ([("np.dot(W2.T, dZ2)", "np.dot(W2.T, dZ2) * A2 * (1 - A2)")], "dW[1]",
         "the derivative of the output goes back once more: A[L] − Y is dZ[L] already"),
        ([("dZ2 = A2 - Y", "dZ2 = Z2 - Y")], "dW[2]", "dZ[L] is made with Z[L] instead of A[L]"),
        ([("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ1)")], "db[1]",
         "it is one sum over units and examples: the sum has no axis=1"),
        ([("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ1, axis=1)")], "db[1]",
         "it is a vector: the sum has no keepdims=True"),
        ([("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ1, axis=0, keepdims=True)")], "db[1]",
         "it is summed over the units instead of the examples"),
        ([("1 / m * np.sum(dZ1, axis=1, keepdims=True)", "np.mean(dZ1)")], "db[1]",
         "it is the mean over units and examples"),
        ([("1 / m * np.dot(dZ1, X.T)", "np.dot(X, dZ1.T)")], "dW[1]",
         "it is on its side: a transpose is missing, and the factor 1/m is missing"),
        ([("A1 = np.tanh(Z1)", "A1 = 1 / (1 + np.exp(-Z1))"), ("(1 - np.power(A1, 2))", "A1 * (1 - A1)")], "dW[2]",
         "the hidden units are computed with sigmoid, but g is tanh"),
        ([("np.dot(W1, X) + b1", "np.dot(W1, X)")], "dW[2]", "b[1] is missing in Z[1] = W[1] A[0] + b[1]"),
    ],
)  # fmt: skip
def test_mistakes_in_the_flower_homework(changes, tensor, words):
    net, X, Y, _ = given(flower)
    assert_named(check_gradients(net, X, Y, mistaken(flower, *changes), raises=False), tensor, words)


@pytest.mark.parametrize(
    ("changes", "tensor", "words"),
    [
        ([("return {\"dW1\": dw / m", "return {\"dW1\": dw")], "dW[1]", "the factor 1/m is missing"),
        ([("dw += dz * x.T", "dw = dz * x.T")], "dW[1]",
         "it is of the last example only: each one overwrites the one before"),
        ([("db += dz", "db = dz")], "db[1]", "it is of the last example only: each one overwrites the one before"),
        ([("dz = a - y", "dz = z - y")], "dW[1]", "dZ[L] is made with Z[L] instead of A[L]"),
        ([("\"dW1\": dw / m", "\"dW1\": dw.T / m")], "dW[1]", "it is on its side: a transpose is missing"),
    ],
)  # fmt: skip
def test_mistakes_in_logistic_regression(changes, tensor, words):
    net, X, Y, _ = given(logistic)
    assert_named(check_gradients(net, X, Y, mistaken(logistic, *changes), raises=False), tensor, words)


@pytest.mark.parametrize(
    ("changes", "tensor", "words"),
    [
        ([(" + lambd / m * W[l]", "")], "dW[3]", "the term of L2, (λ/m) W, is missing"),
        ([("lambd / m * W[l]", "lambd * W[l]")], "dW[3]", "the term of L2 is λ W: its 1/m is missing"),
        ([("lambd / m * W[l]", "lambd / (2 * m) * W[l]")], "dW[3]",
         "the term of L2 is half of what it should be: its ½ belongs to the cost"),
        ([("lambd / m * W[l]", "2 * lambd / m * W[l]")], "dW[3]", "the term of L2 is twice what it should be"),
        ([("+ lambd / m * W[l]", "- lambd / m * W[l]")], "dW[3]", "the term of L2 has the wrong sign"),
        ([("keepdims=True)", "keepdims=True) + lambd / m * b[l]")], "db[3]",
         "the term of L2 is in db as well: it leaves the biases out"),
        ([("1 / m * (dZ @ A[l - 1].T)", "(dZ @ A[l - 1].T)")], "dW[3]", "the factor 1/m is missing"),
        ([("1 / m * (dZ @ A[l - 1].T) + lambd / m", "dZ @ A[l - 1].T + lambd")], "dW[3]", "the factor 1/m is missing"),
        ([("1 / m * (dZ @ A[l - 1].T)", "1 / m * (A[l - 1] @ dZ.T).T.T"), (" + lambd / m * W[l]", "")], "dW[3]", None),
        ([("1, 0.2)", "1, 0)")], "dW[2]", "the derivative is that of relu, but g is leaky_relu(0.2)"),
        ([("1, 0.2)", "1, 0.01)")], "dW[2]", "the derivative is that of leaky_relu, but g is leaky_relu(0.2)"),
        ([("1, 0.2)", "1, 1)")], "dW[2]", "the derivative g′ is missing: dZ = dA"),
        ([("np.maximum(0.2 * Z[l], Z[l])", "np.maximum(0, Z[l])"), ("1, 0.2)", "1, 0)")], "dW[3]",
         "the hidden units are computed with relu, but g is leaky_relu(0.2)"),
        ([("np.sum(E, axis=0)", "np.sum(E, axis=1, keepdims=True)")], "dW[3]",
         "the softmax runs over the examples instead of the units"),
        ([("dZ = A[L] - Y", "dZ = -Y / A[L]")], "dW[3]",
         "dA[L] stands in the place of dZ[L]: the derivative of the output is missing"),
        ([("dZ = A[L] - Y", "dZ = (A[L] - Y) / 3")], "dW[3]",
         "it is the mean over the outputs, too: the cost is their sum"),
    ],
)  # fmt: skip
def test_mistakes_in_deep_homework_with_l2(changes, tensor, words):
    net, X, Y, l2 = given(ridge)
    check = check_gradients(net, X, Y, mistaken(ridge, *changes), l2=l2, raises=False)
    if words is None:  # two mistakes in one line, for which there is no name
        assert (check.first_wrong.name, check.first_wrong.looks_like) == (tensor, ())
        assert "shape (6, 3), wanted (3, 6)" in repr(check)
    else:
        assert_named(check, tensor, words)


@pytest.mark.parametrize(
    ("pair", "instead", "words"),
    [
        (("half_squared_error", "tanh"), "A - Y", "the derivative of the output, g[L]′(Z[L]), is missing in dZ[L]"),
        (("half_squared_error", "identity"), "2 * (A - Y)",
         "a factor 2 is left over: the loss is ½ (a − y)², not (a − y)²"),
        (("absolute", "identity"), "A - Y", "dZ[L] = A[L] − Y is that of the squared error"),
        (("huber", "identity"), "3 * (A - Y) / 3", "dZ[L] = A[L] − Y is that of the squared error"),
        (("poisson", "exp"), "Z - Y", "dZ[L] is made with Z[L] instead of A[L]"),
        (("poisson", "exp"), "1 - Y / A",
         "dA[L] stands in the place of dZ[L]: the derivative of the output is missing"),
    ],
)  # fmt: skip
def test_mistakes_where_the_backward_pass_begins(pair, instead, words):
    net, X, Y, _ = case("tanh", pair, 2)
    if pair[0] == "huber":
        Y = 3 * Y  # some are further off than δ
    check = check_gradients(
        net, X, Y, lambda net, X, Y: backward(net, X, Y, eval(f"lambda Z, A, Y: {instead}")), raises=False
    )
    assert_named(check, "dW[3]", words)


@pytest.mark.parametrize(
    ("weights", "m_is", "words"),
    [
        ("w", "Y.shape[1]", "it is divided by m instead of Σw"),
        ("1", "w.sum()", "the example weights w are missing in dZ[L]"),
        ("1", "Y.shape[1]", "the example weights w are missing in dZ[L]"),
    ],
)
def test_mistakes_with_example_weights(weights, m_is, words):
    net, X, Y, rng = case("tanh", PAIRS[1], 2)
    w = rng.uniform(0.2, 3, (1, m))

    def homework(weights, m_is):
        code = mistaken(backward, ("m = X.shape[1]", f"m = {m_is}"))
        code.__globals__["w"] = w
        return code(net, X, Y, lambda Z, A, Y: (w if weights == "w" else 1) * (A - Y))

    assert check_gradients(net, X, Y, homework("w", "w.sum()"), weights=w)
    assert_named(check_gradients(net, X, Y, homework(weights, m_is), weights=w, raises=False), "dW[3]", words)


def test_the_slope_of_another_layer():
    net = network([4, 5, 5, 6, 3], ["tanh", "sigmoid", "relu"], "softmax", seed=3)
    X, Y = problem("cross_entropy", "softmax", 4, 3, m, rng_of(8))
    wrong = mistaken(backward, ("g[l - 1].slope", "g[min(l, L - 1)].slope"))
    check = check_gradients(net, X, Y, started(net, wrong), raises=False)
    assert_named(check, "dW[2]", "the derivative is that of the activation of the next layer")


def test_a_factor_that_means_nothing_is_measured():
    net, X, Y, _ = case("tanh", PAIRS[1], 2)
    _, dW, db = net.gradients(X, Y)
    for factor in (1.001, 1.5, -3.0):
        got = [None, *(factor * d for d in dW[1:])], [None, *(factor * d for d in db[1:])]
        check = check_gradients(net, X, Y, got, raises=False)
        assert_named(check, "dW[3]", f"it is {factor:g} times what it should be")


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("sizes", [[1, 1], [1, 1, 1], [3, 1, 1], [1, 2, 2]])
@pytest.mark.parametrize("examples", [1, 2])
def test_the_smallest_networks(pair, sizes, examples):
    if pair[1] == "softmax":
        sizes = [*sizes[:-1], 2]
    net = network(sizes, "tanh", pair[1], pair[0], seed=1)
    X, Y = problem(*pair, sizes[0], sizes[-1], examples, rng_of(sizes, examples))
    assert check_gradients(net, X, Y)
    wrong = mistaken(backward, ("np.dot(dZ, A[l - 1].T)", "np.dot(dZ, A[l - 1].T).ravel()"))
    first = check_gradients(net, X, Y, started(net, wrong), raises=False).first_wrong
    assert (first.name, first.problem[:5]) == (f"dW[{net.L}]", "shape")


# -- how it says so ----------------------------------------------------------------------------------------------------


def test_it_raises_and_says_what_it_returns_otherwise():
    net, X, Y, _ = given(flower)
    wrong = mistaken(flower, ("dZ1 = dA1 * (1 - np.power(A1, 2))", "dZ1 = dA1"))
    with pytest.raises(GradientError) as raised:
        check_gradients(net, X, Y, wrong)
    check = check_gradients(net, X, Y, wrong, raises=False)
    assert repr(raised.value.check) == repr(check)
    assert repr(check) in str(raised.value)
    lines = repr(check).split("\n")
    assert lines[0] == "tensor    relative error   (right up to 1e-06)"
    assert [line.split()[0] for line in lines[1:5]] == ["dW[2]", "db[2]", "dW[1]", "db[1]"]
    assert [line.split()[2] for line in lines[1:5]] == ["right", "right", "WRONG:", "WRONG:"]
    assert lines[5] == (
        "The first wrong one in the backward pass is dW[1]. It should be dW[1] = (1/m) dZ[1] A[0]ᵀ, "
        "with dZ[1] = dA[1] ∗ g[1]′(Z[1]), dA[1] = W[2]ᵀ dZ[2]."
    )
    assert lines[6] == "It looks like: the derivative g′ is missing: dZ = dA."
    got, right = wrong(net, X, Y)["dW1"], net.gradients(X, Y)[1][1]
    index, value, wanted = check.first_wrong.worst[0]
    assert index == np.unravel_index(abs(got - right).argmax(), got.shape)
    assert value == got[index]
    assert wanted == pytest.approx(right[index], rel=1e-6)
    assert lines[7] == f"  dW[1][{index[0]}, {index[1]}]: got {value:.6g}, wanted {wanted:.6g}"
    assert len(lines) == 10


def test_a_bug_of_the_backward_pass_itself_is_found(monkeypatch):
    net, X, Y, _ = case("tanh", PAIRS[1], 2)
    right = equations.backward

    def doubled(*given, **named):
        dW, db = right(*given, **named)
        return [None, *(2 * d for d in dW[1:])], db

    monkeypatch.setattr(equations, "backward", doubled)
    with pytest.raises(GradientError, match=r"The first wrong one in the backward pass is dW\[3\]"):
        check_gradients(net, X, Y)


def test_an_activation_of_your_own_with_a_wrong_slope_is_found():
    net, X, Y, _ = case("tanh", PAIRS[1], 1)
    net.g[1] = replace(net.g[1], name="sine", function=np.sin, derivative=np.cos)
    assert check_gradients(net, X, Y)
    net.g[1] = replace(net.g[1], derivative=lambda Z: -np.cos(Z))
    assert check_gradients(net, X, Y, raises=False).first_wrong.name == "dW[1]"


def test_of_large_tensors_some_numbers_are_drawn_and_it_says_so():
    net = network([60, 20, 3], "relu", "softmax", seed=0)
    X, Y = problem("cross_entropy", "softmax", 60, 3, m, rng_of(9))
    check = check_gradients(net, X, Y, most=50)
    assert [(t.checked, t.size) for t in check.tensors] == [(50, 60), (3, 3), (50, 1200), (20, 20)]
    assert "50 of 1,200 numbers drawn" in repr(check)
    assert repr(check_gradients(net, X, Y, most=50)) == repr(check)
    wrong = mistaken(backward, ("1 / m * np.dot", "np.dot"))
    check = check_gradients(net, X, Y, started(net, wrong), most=50, raises=False)
    assert_named(check, "dW[2]", "the factor 1/m is missing")


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu", "selu", "elu(0.5)"])
def test_a_kink_within_the_step_is_no_error(hidden):
    net = network([3, 4, 2], hidden, "softmax", seed=0)
    X, Y = problem("cross_entropy", "softmax", 3, 2, m, rng_of(10))
    net.b[1] -= net.layers(X)[0][1][:, [2]] - np.array([[1e-6], [-1e-6], [1e-7], [3e-8]])
    check = check_gradients(net, X, Y)
    assert sum(t.kinks for t in check.tensors) == 0
    assert max(t.error for t in check.tensors) < 1e-6


def test_a_number_at_a_kink_is_left_out_and_it_says_so():
    net = network([3, 4, 2], "relu", "softmax", seed=0)
    X, Y = problem("cross_entropy", "softmax", 3, 2, m, rng_of(10))
    net.b[1], X[:, 0] = 0.0, 0.0  # z = 0 for the first example
    check = check_gradients(net, X, Y)
    assert {t.name: t.kinks for t in check.tensors if t.kinks} == {"db[1]": 4}
    assert "not checked, 4 left out: the cost has a kink there" in repr(check)
    wrong = mistaken(backward, ("1 / m * np.dot", "np.dot"))
    assert_named(check_gradients(net, X, Y, started(net, wrong), raises=False), "dW[2]", "the factor 1/m is missing")


def test_no_loss_has_a_kink_that_is_an_error():
    net = cr.Network([2, 1], output="identity", loss="absolute", init="zeros")
    check = check_gradients(net, np.ones((2, 3)), np.array([[0.0, 1.0, -1.0]]))
    assert [t.kinks for t in check.tensors] == [2, 1]


@pytest.mark.parametrize(
    ("tensor", "problem"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\), wanted \(4, 2\)"),
        (None, "it is None"),
        (np.full((4, 2), np.nan), "NaN or infinite"),
        (3.0, r"shape \(\), wanted \(4, 2\)"),
    ],
)
def test_tensors_that_are_no_gradient_are_named(tensor, problem):
    net, X, Y, _ = given(flower)
    with pytest.raises(GradientError, match=rf"dW\[1\] .*WRONG: {problem}"):
        check_gradients(net, X, Y, flower(net, X, Y) | {"dW1": tensor})


def test_every_form_of_a_gradient():
    net, X, Y, _ = given(flower)
    J, dW, db = net.gradients(X, Y)
    forms = [
        (dW, db), [dW, db], (J, dW, db), {"dW": dW, "db": db},
        {"dW1": dW[1], "db1": db[1], "dW2": dW[2], "db2": db[2], "dZ2": None, "cost": J},
        {"dW1": dW[1].tolist(), "db1": db[1].tolist(), "dW2": dW[2].tolist(), "db2": db[2].tolist()},
    ]  # fmt: skip
    for form in forms:
        assert check_gradients(net, X, Y, form)
        assert check_gradients(net, X, Y, lambda net, X, Y, form=form: form)
    net, X, Y, _ = given(logistic)
    _, dW, db = net.gradients(X, Y)
    assert check_gradients(net, X, Y, {"dW": dW[1], "db": db[1]})
    assert check_gradients(net, X, Y, (dW[1], db[1]))


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        ({"dW1": 0, "db1": 0, "dW2": 0}, "gradient: no db2 among its keys dW1, db1, dW2"),
        ({}, "gradient: no dW1, dW2 among its keys"),
        (([0, 0], [0, 0]), "Layers count from 1: put None in front of each list"),
        (5, "wanted .dW, db. or .J, dW, db., lists of 3 with index 0 unused.* got int"),
        (lambda *_: None, "got NoneType"),
        ((1, 2, 3, 4), "got tuple of 4 parts"),
        ({"dW1": "no", "db1": 0, "dW2": 0, "db2": 0}, r"gradient: dW\[1\] is str, wanted an array of shape \(4, 2\)"),
    ],
)
def test_what_is_no_gradient_at_all(gradient, message):
    net, X, Y, _ = given(flower)
    with pytest.raises(ValueError, match=message):
        check_gradients(net, X, Y, gradient)


def test_an_error_in_the_function_says_with_what_it_was_called():
    net, X, Y, _ = given(flower)
    wrong = mistaken(flower, ("np.dot(W2.T, dZ2)", "np.dot(W2, dZ2)"))
    with pytest.raises(ValueError, match="not aligned") as raised:
        check_gradients(net, X, Y, wrong)
    assert raised.value.__notes__ == [
        "(in the gradient function, called with X (2, 7), Y (1, 7), W[1] (4, 2), W[2] (1, 4))"
    ]


def test_a_sum_that_is_zero_but_for_rounding_is_a_sum(rng):
    X, Y = rng.normal(size=(4, 12)), np.eye(3)[:, rng.integers(0, 3, 12)]
    net = cr.Network([4, 5, 3], output="softmax", seed=0)
    _, dW, db = net.gradients(X, Y)
    db[2] = np.full((3, 1), np.sum(net.forward(X) - Y) / 12)
    assert db[2].any()
    check = cr.check_gradients(net, X, Y, (dW, db), raises=False)
    assert "the sum has no axis=1" in str(check)
    assert "zero everywhere" not in str(check)


def test_a_gradient_below_what_the_cost_can_show_is_not_blamed():
    net = cr.Network([2, 2], output="softmax", seed=0)
    X = 100 * np.array([[1.0, 2.0], [3.0, -1.0]])
    Y = np.eye(2)[:, (net.W[1] @ X).argmax(axis=0)]
    assert 0 < abs(net.gradients(X, Y)[1][1]).max() < 1e-20
    check = cr.check_gradients(net, X, Y, raises=False)
    assert check, check
