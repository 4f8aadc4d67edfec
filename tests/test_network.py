import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.activations import get as activation
from chainrule.engines import kernel
from chainrule.normalization import Normalizer
from support.contract import CASES, case, network, problem

# -- parameters ------------------------------------------------------------------------------------------------------


def _itself(net):
    return net


def _pickled(net):
    return pickle.loads(pickle.dumps(net))


@pytest.mark.parametrize("through", [_itself, _pickled, copy.deepcopy, copy.copy], ids=lambda f: f.__name__)
@pytest.mark.parametrize("output", ["sigmoid", "softmax", "identity", "relu", "tanh", "exp"])
def test_W_and_b_are_writable_views_and_stay_so(through, output):
    net = through(network([2, 4, 3], "leaky_relu(0.2)", output))
    X = np.ones((2, 5))
    net.W[1][...] = 2.0
    net.W[1][3, 1] = 7.0
    net.W[2] = np.arange(12.0).reshape(3, 4)
    net.W[2] -= np.ones((3, 4))
    net.b[1] = np.array([[1.0], [2.0], [3.0], [4.0]])
    net.b[2] *= 0
    net.b[-1] += 5.0
    flat = [2, 2, 2, 2, 2, 2, 2, 7, 1, 2, 3, 4, *range(-1, 11), 5, 5, 5]
    np.testing.assert_array_equal(net.parameters, flat)
    net.parameters[0] = -1.0
    assert net.W[1][0, 0] == -1.0
    net.parameters = np.zeros(27)
    assert not net.W[1].any()
    Z, _ = net.layers(X)
    assert not Z[-1].any()


def test_a_view_taken_early_follows_the_training():
    net = network([2, 4, 1])
    W, parameters = net.W[1], net.parameters
    before = W.copy()
    list(net.train(np.ones((2, 3)), np.ones((1, 3)), cr.GradientDescent(0.1), epochs=2))
    assert (before != W).any()
    assert np.shares_memory(W, net.parameters)
    assert parameters is net.parameters


def test_copies_are_independent():
    net = network([2, 4, 1])
    for other in (copy.deepcopy(net), _pickled(net)):
        np.testing.assert_array_equal(other.parameters, net.parameters)
        other.W[1][...] = 9.0
        assert not (net.W[1] == 9.0).any()


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        (lambda net: net.W.__setitem__(0, 1.0), IndexError, "layers are counted from 1"),
        (lambda net: net.W.__setitem__(3, 1.0), IndexError, "out of range"),
        (lambda net: net.W.__setitem__(slice(1, 3), []), TypeError, "one layer at a time"),
        # (4,) would be written into every row without this.
        (lambda net: net.W.__setitem__(2, np.ones(4)), ValueError, r"layer 2: got shape \(4,\), wanted \(4, 4\)"),
        (lambda net: net.b.__setitem__(1, np.ones(3)), ValueError, r"layer 1: got shape \(3,\), wanted \(4, 1\)"),
        (lambda net: net.b.__setitem__(1, np.ones((1, 4))), ValueError, r"got shape \(1, 4\), wanted \(4, 1\)"),
        (lambda net: setattr(net, "parameters", np.ones(3)), ValueError, r"got shape \(3,\), wanted \(36,\)"),
        (lambda net: setattr(net, "W", [None, 1, 2]), AttributeError, "W"),
    ],
)
def test_writes_that_would_be_lost_or_stretched_are_refused(write, error, message):
    net = network([3, 4, 4])
    before = net.parameters.copy()
    with pytest.raises(error, match=message):
        write(net)
    np.testing.assert_array_equal(net.parameters, before)


def test_parameters_are_W1_b1_W2_b2_one_after_the_other():
    net = network([3, 5, 4, 2])
    parts = [part.ravel() for l in (1, 2, 3) for part in (net.W[l], net.b[l])]
    np.testing.assert_array_equal(net.parameters, np.concatenate(parts))
    assert net.parameters.shape == (5 * 4 + 4 * 6 + 2 * 5,)
    assert net.parameters.flags.c_contiguous
    assert net.W[0] is None
    assert net.b[0] is None
    assert len(net.W) == len(net.b) == net.L + 1 == 4


@given(st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_unpack_and_pack_are_inverse_for_every_size(sizes):
    net = cr.Network(sizes, init="small", seed=0)
    W, b = net.unpack(net.parameters)
    assert [w.shape for w in W[1:]] == list(zip(sizes[1:], sizes[:-1], strict=True))
    assert [v.shape for v in b[1:]] == [(k, 1) for k in sizes[1:]]
    np.testing.assert_array_equal(cr.Network.pack(W, b), net.parameters)


def test_the_seed_decides_the_weights_and_a_generator_may_take_its_place():
    one, same, other = (cr.Network([3, 4, 2], seed=s).parameters for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(one, cr.Network([3, 4, 2], seed=np.random.default_rng(1)).parameters)
    assert (one != other).any()
    assert (cr.Network([3, 4, 2]).parameters != cr.Network([3, 4, 2]).parameters).any()
    single = cr.Network([3, 4, 2], seed=1, dtype=np.float32).parameters
    np.testing.assert_array_equal(single, one.astype(np.float32))


# -- computing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hidden", "pair", "depth"), [c for c in CASES if c[0] in ("tanh", "identity")], ids=str)
def test_forward_cost_and_gradients_have_their_shapes_and_types(hidden, pair, depth):
    net, X, Y, _ = case(hidden, pair, depth)
    A = net.forward(X)
    assert A.shape == Y.shape
    Z, As = net.layers(X)
    assert len(Z) == len(As) == net.L + 1
    np.testing.assert_allclose(A, As[-1], rtol=1e-13, atol=1e-15)  # A may be the kernel's
    np.testing.assert_array_equal(net.g[-1](Z[-1]), As[-1])
    J, dW, db = net.gradients(X, Y)
    assert type(J) is type(net.cost(X, Y)) is float
    assert net.cost(X, Y) == J
    assert dW[0] is None
    assert db[0] is None
    for l in range(1, net.L + 1):
        assert dW[l].shape == net.W[l].shape
        assert db[l].shape == net.b[l].shape


def test_no_hidden_layer_is_logistic_regression():
    net = network([2, 1])
    X = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    (w1, w2), b = net.W[1][0], net.b[1][0, 0]
    wanted = [1 / (1 + np.exp(-(w1 * x1 + w2 * x2 + b))) for x1, x2 in X.T]
    np.testing.assert_allclose(net.forward(X)[0], wanted, rtol=1e-14)


@pytest.mark.parametrize("examples", [1, 2])
@pytest.mark.parametrize("sizes", [[1, 1], [1, 1, 1], [3, 1, 2], [1, 4, 1]])
@pytest.mark.parametrize("output", ["sigmoid", "identity", "exp"])
def test_one_unit_and_one_example_are_cases_like_any_other(sizes, output, examples, rng):
    net = network(sizes, "tanh", output)
    X = rng.standard_normal((sizes[0], examples))
    Y = np.ones((sizes[-1], examples))
    assert net.forward(X).shape == Y.shape
    steps = list(net.train(X, Y, cr.GradientDescent(0.1), epochs=20))
    assert steps[-1].cost < steps[0].cost


def test_no_example_has_an_empty_output_but_no_cost():
    net = network([3, 2, 2], "relu", "softmax")
    assert net.forward(np.empty((3, 0))).shape == (2, 0)
    with pytest.raises(ValueError, match="got no examples"):
        net.cost(np.empty((3, 0)), np.empty((2, 0)))


def _strided(X):
    wide = np.full((2 * X.shape[0], 3 * X.shape[1]), np.nan)
    wide[::2, ::3] = X
    return wide[::2, ::3]


def _read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


FORMS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": _strided,
    "reversed": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "read-only": _read_only,
    "big-endian": lambda X: X.astype(">f8"),
    "lists": lambda X: X.tolist(),
    "integers": lambda X: X.astype(np.int64),
    "small integers": lambda X: X.astype(np.int8),
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "sparse": sp.csr_array,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_numbers_gives_the_same_result(form, rng):
    X = rng.integers(-4, 5, (3, 6)).astype(float)  # whole numbers are exact in every form
    Y = rng.integers(0, 2, (2, 6)).astype(float)
    net = network([3, 4, 2])
    as_targets = FORMS["C" if form == "sparse" else form]
    J, dW, _ = net.gradients(FORMS[form](X), as_targets(Y))
    wanted, dV, _ = net.gradients(X, Y)
    assert pytest.approx(wanted, rel=1e-13) == J
    np.testing.assert_allclose(dW[1], dV[1], rtol=1e-12)
    assert dW[1].dtype == np.float64
    trained = [copy.deepcopy(net), net]
    list(trained[0].train(FORMS[form](X), as_targets(Y), cr.Adam(0.1), epochs=3, batch_size=4, seed=0))
    list(trained[1].train(X, Y, cr.Adam(0.1), epochs=3, batch_size=4, seed=0))
    np.testing.assert_allclose(trained[0].parameters, trained[1].parameters, rtol=1e-11)


def test_float32_is_float32_everywhere_and_close(rng):
    X, Y = problem("cross_entropy", "softmax", 3, 2, 6, rng)
    net = cr.Network([3, 4, 2], hidden="mish", output="softmax", seed=0, dtype=np.float32)
    double = cr.Network([3, 4, 2], hidden="mish", output="softmax", seed=0)
    for _ in range(2):
        Z, A = net.layers(X)
        J, dW, db = net.gradients(X, Y, l2=0.1, weights=np.arange(6))
        assert {a.dtype for a in (*Z[1:], *A, *dW[1:], *db[1:], net.parameters)} == {np.dtype(np.float32)}
        assert pytest.approx(double.cost(X, Y, l2=0.1, weights=np.arange(6)), rel=1e-5) == J
        net.normalize(X)
        double.normalize(X)


def test_inputs_are_not_copied_when_they_need_not_be(rng):
    X = rng.standard_normal((6, 3)).T  # an F-ordered view, as the door with rows gives it
    assert np.shares_memory(network([3, 2]).check_inputs(X), X)


def test_inputs_are_never_written_to(rng):
    X, Y, w = rng.standard_normal((3, 6)), np.ones((2, 6)), np.ones(6)
    copies = X.copy(), Y.copy(), w.copy()
    net = network([3, 4, 2]).normalize(X, "robust")
    list(net.train(X, Y, cr.Adam(), epochs=2, batch_size=4, weights=w, dropout=0.5, l2=0.1))
    for array, before in zip((X, Y, w), copies, strict=True):
        np.testing.assert_array_equal(array, before)


# -- errors ----------------------------------------------------------------------------------------------------------


def _nan(X):
    X = X.copy()
    X[0, 0] = np.nan
    return X


X36, Y26 = np.ones((3, 6)), np.ones((2, 6))


@pytest.mark.parametrize(
    ("X", "Y", "weights", "message"),
    [
        (X36.T, Y26, None, r"X: got shape \(6, 3\), wanted \(3, m\), .* give X\.T\."),
        (np.ones((4, 6)), Y26, None, r"X: got shape \(4, 6\), wanted \(3, m\), one column for each example\.$"),
        (np.ones(3), Y26, None, r"X: got shape \(3,\), wanted \(3, m\)"),
        (np.ones((3, 6, 1)), Y26, None, r"X: got shape \(3, 6, 1\)"),
        (sp.csr_array(X36.T), Y26, None, r"X: got shape \(6, 3\), .* give X\.T\."),
        (X36, Y26.T, None, r"Y: got shape \(6, 2\), wanted \(2, 6\)"),
        (X36, np.ones(6), None, r"Y: got shape \(6,\), wanted \(2, 6\)"),
        (X36, np.ones((2, 5)), None, r"Y: got shape \(2, 5\), wanted \(2, 6\), one column for each column of X"),
        (_nan(X36), Y26, None, "X: got NaN or infinity, wanted finite numbers. Fill or drop"),
        (X36 * np.inf, Y26, None, "X: got NaN or infinity"),
        (sp.csr_array(_nan(X36)), Y26, None, "X: got NaN or infinity"),
        (X36, _nan(Y26), None, "Y: got NaN or infinity"),
        (X36, Y26, np.ones(5), r"weights: wanted 6 finite numbers of 0 or more, not all 0; got shape \(5,\)"),
        (X36, Y26, np.zeros(6), "weights: .* not all 0"),
        (X36, Y26, -np.ones(6), "weights: .* 0 or more"),
        (X36, Y26, np.full(6, np.nan), "weights: wanted 6 finite numbers"),
    ],
)
def test_data_that_do_not_fit_are_explained(X, Y, weights, message):
    net = network([3, 4, 2])
    for refusing in (
        lambda: net.cost(X, Y, weights=weights),
        lambda: net.gradients(X, Y, weights=weights),
        lambda: next(net.train(X, Y, cr.Adam(), epochs=1, weights=weights)),
    ):
        with pytest.raises(ValueError, match=message):
            refusing()


def test_a_flat_Y_for_one_output_is_told_the_reshape_and_nothing_is_broadcast():
    with pytest.raises(ValueError, match=r"Y: got shape \(6,\), wanted \(1, 6\).*Make it a row: Y.reshape\(1, -1\)"):
        network([3, 1]).cost(X36, np.ones(6))
    with pytest.raises(ValueError, match=r"Y: got shape \(6, 1\)"):
        network([3, 1]).cost(X36, np.ones((6, 1)))


@pytest.mark.parametrize(
    ("sizes", "options", "error", "message"),
    [
        ([3], {}, ValueError, r"sizes: got \[3\], wanted at least \[inputs, outputs\]"),
        ([], {}, ValueError, "sizes: got"),
        (3, {}, ValueError, "sizes: got 3, wanted"),
        ([3, 0, 1], {}, ValueError, r"sizes: got \[3, 0, 1\], .* whole numbers of 1 or more"),
        ([3, 2.5, 1], {}, ValueError, "sizes: got"),
        ([3, -1], {}, ValueError, "sizes: got"),
        ([3, "x", 1], {}, ValueError, "sizes: got"),
        ([3, float("inf"), 1], {}, ValueError, "sizes: got"),
        ([3, 1], {"output": "softmax"}, ValueError, "softmax over one output is always 1: use output='sigmoid'"),
        ([3, 4, 1], {"hidden": "rellu"}, ValueError, r"unknown activation 'rellu'. Did you mean 'relu'\?"),
        ([3, 4, 1], {"hidden": "softmax"}, ValueError, "hidden layer 1: softmax can only be the output activation"),
        (
            [3, 4, 1],
            {"hidden": ["relu", "tanh"]},
            ValueError,
            r"hidden: got 2 activations for 1 hidden layers of sizes \[4\]",
        ),
        ([3, 4, 1], {"hidden": [3]}, TypeError, "activation: got 3, wanted a name"),
        ([3, 4, 1], {"output": "gelu"}, ValueError, "output: got 'gelu', which no loss here is defined for"),
        ([3, 4, 1], {"output": "sigmoidal"}, ValueError, "Did you mean 'sigmoid'"),
        ([3, 4, 1], {"loss": "absolute"}, ValueError, "loss 'absolute' needs output 'identity', got output='sigmoid'"),
        ([3, 4, 1], {"init": "xaver"}, ValueError, "Did you mean 'xavier'"),
        ([3, 4, 1], {"init": -1.0}, ValueError, "init: got the scale -1.0"),
        ([3, 4, 1], {"dtype": "float16"}, ValueError, "dtype: got float16, wanted float32 or float64"),
        ([3, 4, 1], {"dtype": int}, ValueError, "dtype: got int64"),
    ],
)
def test_impossible_networks_are_explained(sizes, options, error, message):
    with pytest.raises(error, match=message):
        cr.Network(sizes, **options)


@pytest.mark.parametrize("sizes", [(3, 4, 1), np.array([3, 4, 1]), range(3, 0, -1), iter([3, 4, 1])])
def test_any_iterable_of_whole_numbers_is_a_list_of_sizes(sizes):
    net = cr.Network(sizes)
    assert all(type(n) is int for n in net.sizes)
    assert net.sizes[0] == 3


# -- normalization ---------------------------------------------------------------------------------------------------


def test_standard_normalization_is_mean_and_deviation_of_the_training_set(rng):
    X = rng.normal([[5.0], [-300.0], [0.01]], [[2.0], [100.0], [1e-4]], (3, 50))
    new = rng.standard_normal((3, 4))
    net = network([3, 2]).normalize(X)
    A = net.check_inputs(X)
    np.testing.assert_allclose(A.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(A.std(axis=1), 1, rtol=1e-12)
    wanted = (new - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    np.testing.assert_allclose(net.check_inputs(new), wanted, rtol=1e-10)
    np.testing.assert_allclose(net.layers(new)[1][0], wanted, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_robust_normalization_brings_the_farthest_outliers_to_3(dtype):
    normalizer = Normalizer.measure(np.arange(5, dtype=dtype)[None], "robust")
    for size in (1e10, 1e18, 1e19, 1e30, float(np.finfo(dtype).max)):
        with np.errstate(all="raise", under="ignore"):
            found = normalizer(np.array([[size / 4, -size / 4]], dtype))
        np.testing.assert_array_equal(found, np.array([[3, -3]], dtype))
        assert found.dtype == dtype


def test_robust_normalization_is_median_quartiles_and_the_smooth_clip():
    # 1 … 9: median 5, quartiles 3 and 7. Second row: both quartiles 0, so 2 / (max − min) = 2 / 8. Third: constant.
    X = np.array([[1.0, 2, 3, 4, 5, 6, 7, 8, 9], [0, 0, 0, 0, 0, 0, 0, 0, 8], [4.0] * 9])
    net = network([3, 2]).normalize(X, "robust")
    new = np.array([[5.0, 9.0, 1e9], [0.0, 8.0, -4.0], [4.0, 5.0, -1e6]])
    clip = lambda x: x / (1 + (x / 3) ** 2) ** 0.5  # noqa: E731
    wanted = [[0, clip(1.0), 3.0], [0, clip(2.0), clip(-1.0)], [0, 0, 0]]
    np.testing.assert_allclose(net.check_inputs(new), wanted, rtol=1e-12)


@pytest.mark.parametrize("method", ["standard", "robust"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e8, -1e-30, 1 / 3])
def test_a_constant_feature_becomes_zero_and_not_noise(value, dtype, method):
    X = np.stack([np.full(1000, value), np.linspace(0, 1, 1000)])
    A = network([2, 1]).normalize(X, method).check_inputs(X)
    assert not A[0].any()
    assert A[1].any()
    single = cr.Network([2, 1], dtype=dtype).normalize(X, method).check_inputs(X)
    assert not single[0].any()
    assert single.dtype == dtype


@pytest.mark.parametrize("method", ["standard", "robust"])
def test_a_deviation_too_small_to_divide_by_is_constant(method):
    X = np.array([[0.0, 1e-320, 2e-320, 3e-320]])
    np.testing.assert_array_equal(network([1, 1]).normalize(X, method).check_inputs(X), 0)


def test_normalization_is_stored_and_applied_to_every_later_input(rng):
    X = rng.normal(100, 20, (3, 30))
    Y = (X[:1] > 100) * 1.0
    plain, net = network([3, 4, 1]), network([3, 4, 1])
    assert net.normalize(X) is net
    A = Normalizer.measure(X)(X)
    assert net.cost(X, Y) == plain.cost(A, Y)
    np.testing.assert_array_equal(net.gradients(X, Y)[1][1], plain.gradients(A, Y)[1][1])
    steps = [s.cost for s in net.train(X, Y, cr.Adam(0.1), epochs=5)]
    assert steps == [s.cost for s in plain.train(A, Y, cr.Adam(0.1), epochs=5)]
    np.testing.assert_array_equal(net.forward(X[:, :1]), plain.forward(A[:, :1]))  # one example: the stored numbers
    np.testing.assert_array_equal(_pickled(net).forward(X), net.forward(X))
    net.normalize(X, None)
    np.testing.assert_array_equal(net.forward(X), plain.forward(X))


@pytest.mark.parametrize(
    ("X", "method", "message"),
    [
        (X36, "minmax", "unknown normalization 'minmax'.*Known: standard, robust"),
        (sp.csr_array(X36), "standard", "normalization needs a dense array"),
        (np.empty((3, 0)), "standard", "got no examples to measure"),
        (_nan(X36), "standard", "normalization: got NaN or infinity in X"),
        (_nan(X36), "robust", "normalization: got NaN or infinity in X"),
        (X36.T, "standard", r"give X\.T"),
    ],
)
def test_impossible_normalization_is_explained_and_leaves_none(X, method, message):
    net = network([3, 2])
    with pytest.raises(ValueError, match=message):
        net.normalize(X, method)
    assert net.normalizer is None


# -- looking ---------------------------------------------------------------------------------------------------------


def test_repr_builds_the_network_again():
    for net in (
        cr.Network([2, 4, 1], hidden="tanh"),
        cr.Network([2, 1]),
        cr.Network([2, 4, 3, 2], hidden=["relu", "leaky_relu(0.123456789)"], output="softmax", dtype="float32"),
        cr.Network([2, 4, 1], output="identity", loss="huber(1.35)"),
    ):
        again = eval(repr(net), {"Network": cr.Network})
        assert repr(again) == repr(net)
        assert again.g[1:] == net.g[1:]
        assert again.loss.spec == net.loss.spec


def test_str_is_a_table_of_layers():
    assert str(cr.Network([64, 100, 10], output="softmax")).splitlines() == [
        "layer  units  activation  W          b         parameters",
        "1      100    relu        (100, 64)  (100, 1)  6,500",
        "2      10     softmax     (10, 100)  (10, 1)   1,010",
        "7,510 parameters (float64), 64 inputs, cross_entropy",
    ]


def test_an_activation_object_is_as_good_as_its_name():
    net = cr.Network([2, 3, 1], hidden=activation("elu(0.5)"), seed=0)
    np.testing.assert_array_equal(
        net.forward(np.ones((2, 1))), cr.Network([2, 3, 1], hidden="elu(0.5)", seed=0).forward(np.ones((2, 1)))
    )


# -- targets ---------------------------------------------------------------------------------------------------------


def test_one_hot_makes_a_column_of_each_label():
    np.testing.assert_array_equal(cr.one_hot([2, 0, 1, 0]), [[0, 1, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0]])
    np.testing.assert_array_equal(cr.one_hot(np.array([[1.0, 0.0]]), 3), [[0, 1], [1, 0], [0, 0]])
    net = cr.Network([2, 3], output="softmax", seed=0)
    X = np.random.default_rng(0).normal(size=(2, 5))
    assert net.train(X, cr.one_hot([0, 1, 2, 1, 0]), cr.Adam(), epochs=1).run()[0].cost > 0


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0.5, 1], None, "wanted whole numbers from 0"),
        ([-1, 0], None, "wanted whole numbers from 0"),
        (["a", "b"], None, "np.unique"),
        ([], None, r"labels: got shape \(0,\)"),
        ([np.nan, 1], None, "wanted whole numbers"),
        ([0, 3], 3, "got 3, wanted 0 to 2 for 3 classes"),
        ([0, 1], 0, "classes: got 0, wanted a whole number"),
        ([[0, 1], [1, 0]], None, r"labels: got shape \(2, 2\), wanted \(m,\) or \(1, m\)"),
        (3, None, r"labels: got shape \(\)"),
    ],
)
def test_what_is_no_label_is_refused(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        cr.one_hot(labels, classes)


@pytest.mark.parametrize("labels", [np.array([0, 2, 1, 0]), np.array([[0, 2, 1, 0]]), np.array(["a", "c", "b", "a"])])
def test_labels_in_the_place_of_targets_are_told_the_line_that_mends_it(labels):
    net = cr.Network([2, 3], output="softmax", seed=0)
    with pytest.raises(ValueError, match=r"wanted \(3, 4\).* Make one-hot columns .*: chainrule\.one_hot\(Y, 3\)"):
        net.cost(np.ones((2, 4)), labels)


def test_the_engine_that_computes_is_visible():
    assert cr.Network([2, 1]).engine == ("native" if kernel.BUILT else "numpy")


def test_a_vector_is_taken_for_a_column_of_biases():
    net = network([2, 4, 1])
    net.b[1] = np.arange(4.0)
    np.testing.assert_array_equal(net.b[1], [[0], [1], [2], [3]])
    assert np.shares_memory(net.b[1], net.parameters)


@pytest.mark.parametrize("l2", [-1, float("nan"), float("inf"), "0.1"])
def test_a_lambda_that_is_none_is_refused(l2):
    net = network([2, 1])
    for function in (net.cost, net.gradients):
        with pytest.raises(ValueError, match=r"l2: got .*, wanted a number of 0 or more"):
            function(np.ones((2, 3)), np.ones((1, 3)), l2=l2)
