"""Each fault, produced on purpose, is found with what it brings along, and so are two at once; healthy trainings yield
nothing."""

import itertools
import json
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor, Network, datasets
from chainrule.working.diagnosis import CHECKS, Diagnosis, diagnose


def trained(net, X, Y, optimizer, epochs, **options):
    """The diagnosis of a network after its training, with the steps of it, as a user would ask for it."""
    steps, validation = [], options.get("validation")
    try:
        for step in net.train(X, Y, optimizer, epochs=epochs, **options):
            steps.append(step)
    except cr.DivergenceError:
        assert steps
    as_trained = {name: options[name] for name in ("l2", "dropout", "batch_size", "weights") if name in options}
    return diagnose(net, X, Y, steps=steps, validation=validation, **as_trained)


def names(diagnosis):
    """The names of the findings that no other one explains."""
    return {finding.name for finding in diagnosis.causes}


def all_names(diagnosis):
    return {finding.name for finding in diagnosis}


def halves(X, Y, seed=0):
    """Training and validation examples."""
    order = np.random.default_rng(seed).permutation(X.shape[1])
    a, b = order[: len(order) // 2], order[len(order) // 2 :]
    return X[:, a], Y[:, a], (X[:, b], Y[:, b])


def standard(data):
    X, Y = data
    return (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True), Y


def standard_digits():
    X, Y = datasets.digits()
    return (X - X.mean(axis=1, keepdims=True)) / (X.std(axis=1, keepdims=True) + 1e-8), Y


def scaled_diabetes():
    X, Y = standard(datasets.diabetes())
    return X, (Y - Y.mean()) / Y.std()


# -- healthy -----------------------------------------------------------------------------------------------------------


def flower():
    X, Y = datasets.flower()
    net = Network([2, 4, 1], hidden="tanh", init="small", seed=3)
    return trained(net, X, Y, cr.GradientDescent(1.2), 3000)


def flower_with_validation():
    X, Y, validation = halves(*datasets.flower())
    return trained(Network([2, 8, 1], hidden="tanh", seed=0), X, Y, cr.Adam(0.02), 300, validation=validation)


def moons():
    return trained(Network([2, 16, 1], seed=0), *datasets.moons(), cr.Adam(0.02), 200, batch_size=32, seed=0)


def circles():
    return trained(Network([2, 8, 1], hidden="tanh", seed=0), *datasets.circles(), cr.RMSProp(0.01), 300)


def spirals():
    net = Network([2, 32, 3], output="softmax", seed=0)
    return trained(net, *datasets.spirals(), cr.Adam(0.02), 300, batch_size=64, seed=0)


def spirals_deep():
    net = Network([2, 16, 16, 16, 1], seed=0)
    return trained(net, *datasets.spirals(classes=2), cr.Adam(0.01), 300, batch_size=64, seed=0)


def xor():
    return trained(Network([2, 6, 1], hidden="tanh", seed=0), *datasets.xor(), cr.Momentum(1.0), 500)


def parity():
    return trained(Network([3, 8, 1], hidden="tanh", seed=0), *datasets.parity(3), cr.GradientDescent(0.5), 3000)


def blobs_without_hidden_layer():
    net = Network([2, 3], output="softmax", seed=0)
    return trained(net, *datasets.blobs(), cr.GradientDescent(0.1), 1000)


def digits():
    X, Y, validation = halves(*datasets.digits())
    net = Network([64, 32, 10], output="softmax", seed=0)
    return trained(net, X, Y, cr.Adam(0.003), 40, batch_size=64, seed=0, validation=validation)


def digits_deep_tanh():
    net = Network([64, 32, 32, 32, 32, 10], hidden="tanh", output="softmax", seed=0, dtype="float32")
    return trained(net, *datasets.digits(), cr.HeavyBall(0.03), 20, batch_size=64, seed=0)


def digits_one_against_all():
    net = Network([64, 32, 10], hidden="leaky_relu", seed=0)
    return trained(net, *datasets.digits(), cr.Nesterov(0.05), 30, batch_size=64, seed=0)


def iris():
    net = Network([4, 8, 3], hidden="tanh", output="softmax", seed=0)
    return trained(net, *standard(datasets.iris()), cr.Nesterov(0.05), 200)


def wine():
    X, Y, validation = halves(*datasets.wine())
    net = Network([13, 16, 3], output="softmax", seed=0).normalize(X)
    return trained(net, X, Y, cr.GradientDescent(0.1), 300, validation=validation, l2=0.1)


def breast_cancer():
    X, Y, validation = halves(*datasets.breast_cancer())
    net = Network([30, 8, 1], hidden="sigmoid", seed=0).normalize(X)
    return trained(net, X, Y, cr.AdamW(0.01), 200, batch_size=32, seed=0, validation=validation)


def diabetes():
    X, Y, validation = halves(*scaled_diabetes())
    net = Network([10, 8, 1], hidden="tanh", output="identity", seed=0)
    return trained(net, X, Y, cr.AdamW(0.003), 300, batch_size=32, seed=0, validation=validation, patience=20)


def sine():
    return trained(Network([1, 16, 1], hidden="tanh", output="identity", seed=0), *datasets.sine(), cr.Adam(0.02), 500)


def quadratic():
    return trained(Network([1, 16, 1], output="identity", seed=0), *datasets.quadratic(), cr.LBFGS(), 200)


def counts():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3, 300))
    Y = rng.poisson(np.exp(1 + 0.7 * X[:1] - 0.5 * abs(X[1:2]))).astype(float)
    return trained(Network([3, 8, 1], hidden="softplus", output="exp", seed=0), X, Y, cr.Adam(0.01), 300)


HEALTHY = [
    flower, flower_with_validation, moons, circles, spirals, spirals_deep, xor, parity, blobs_without_hidden_layer,
    digits, digits_deep_tanh, digits_one_against_all, iris, wine, breast_cancer, diabetes, sine, quadratic, counts,
]  # fmt: skip


def classifier_on_digits():
    X, y = load_digits(return_X_y=True)
    return MLPClassifier((32,), max_iter=40, learning_rate_init=0.003, random_state=0), X[::2], y[::2], X[1::2], y[1::2]


def classifier_with_early_stopping():
    X, y = load_breast_cancer(return_X_y=True)
    options = {"learning_rate_init": 0.01, "dropout": 0.1, "early_stopping": True, "random_state": 0}
    clf = MLPClassifier((16,), normalize="standard", **options)
    return clf, X[::2], y[::2], X[1::2], y[1::2]


def classifier_by_lbfgs():
    X, y = load_iris(return_X_y=True)
    return MLPClassifier((8,), "tanh", solver="lbfgs", alpha=0.1, random_state=0), X[::2], y[::2], X[1::2], y[1::2]


def classifier_without_hidden_layer():
    X, y = load_wine(return_X_y=True)
    return MLPClassifier((), normalize="robust", learning_rate_init=0.03, random_state=0), X, y, None, None


def classifier_on_sparse_words():
    rng = np.random.default_rng(0)
    topic = rng.integers(3, size=1200)
    rate = np.where(np.arange(300) % 3 == topic[:, None], 0.08, 0.03)  # a third of the words is commoner in each topic
    X, y = sparse.csr_array((rng.random((1200, 300)) < rate).astype(float)), np.array(["a", "b", "c"])[topic]
    options = {"learning_rate_init": 0.01, "early_stopping": True, "random_state": 0}
    return MLPClassifier((16,), **options), X[:800], y[:800], X[800:], y[800:]


def regressor_on_diabetes():
    X, y = load_diabetes(return_X_y=True)
    reg = MLPRegressor(
        hidden_layer_sizes=(16,), normalize="standard", scale_target=True, early_stopping=True, random_state=0,
        learning_rate_init=0.01,
    )  # fmt: skip
    return reg, X[::2], y[::2], X[1::2], y[1::2]


def regressor_by_absolute_error():
    X, Y = datasets.sine(300)
    reg = MLPRegressor("absolute_error", (32,), learning_rate_init=0.01, random_state=0, max_iter=300)
    return reg, X.T, Y.ravel(), None, None


ESTIMATORS = [
    classifier_on_digits, classifier_with_early_stopping, classifier_by_lbfgs, classifier_without_hidden_layer,
    classifier_on_sparse_words, regressor_on_diabetes, regressor_by_absolute_error,
]  # fmt: skip


@pytest.mark.parametrize("training", HEALTHY, ids=lambda f: f.__name__)
def test_a_healthy_training_of_a_network_yields_nothing(training):
    found = training()
    assert not found, found
    assert len(found) == 0
    assert repr(found).splitlines()[0].endswith(": nothing found")


@pytest.mark.parametrize("training", ESTIMATORS, ids=lambda f: f.__name__)
def test_a_healthy_training_of_an_estimator_yields_nothing(training):
    estimator, X, y, X_val, y_val = training()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # max_iter reached, which is no fault
        estimator.fit(X, y)
    assert not (found := estimator.diagnose(X, y)), found
    if X_val is not None:
        assert not (found := estimator.diagnose(X, y, X_val=X_val, y_val=y_val)), found


@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid", "gelu"])
@pytest.mark.parametrize("sizes", [[2, 1], [2, 8, 1], [2, 8, 8, 8, 1]], ids=str)
def test_a_network_that_is_yet_to_be_trained_yields_nothing(sizes, hidden):
    X, Y = datasets.flower()
    found = diagnose(Network(sizes, hidden=hidden, seed=0), X, Y)
    assert not found, found
    assert {"constant predictions", "learning rate too low", "overfitting"} <= found.unchecked.keys()


# -- faults ------------------------------------------------------------------------------------------------------------


def zeros():
    return trained(Network([2, 4, 1], hidden="tanh", init="zeros"), *datasets.moons(), cr.GradientDescent(1.0), 50)


def equal_weights_that_are_not_zero():
    net = Network([2, 4, 1], hidden="tanh", init="zeros")
    net.W[1], net.W[2] = 0.5, 0.5
    return trained(net, *datasets.moons(), cr.GradientDescent(0.3), 100)


def weights_times_1000():
    net = Network([2, 8, 1], hidden="tanh", seed=0)
    net.W[1] *= 1000
    return trained(net, *datasets.flower(), cr.GradientDescent(0.3), 300)


def sigmoid_output_with_squared_error_and_huge_weights():
    X, Y = datasets.xor()
    net = Network([2, 8, 1], hidden="tanh", output="sigmoid", loss="half_squared_error", seed=0)
    net.W[2] *= 1000
    return trained(net, X, Y, cr.GradientDescent(0.03), 100)


def three_steps_that_kill():
    X, Y = datasets.digits()
    net = Network([64, 16, 10], output="softmax", seed=0)
    for _ in net.train(X, Y, cr.GradientDescent(10.0), epochs=3):  # far too long, and all inputs are positive
        pass
    return trained(net, X, Y, cr.GradientDescent(0.1), 50)


def eight_layers_of_sigmoid():
    net = Network([2, *[8] * 8, 1], hidden="sigmoid", seed=0)
    return trained(net, *datasets.moons(), cr.GradientDescent(0.5), 200)


def weights_of_1_in_eight_layers():
    net = Network([64, *[64] * 8, 10], output="softmax", init=1.0, seed=0)
    return diagnose(net, *datasets.digits())


def raw_columns():
    return trained(Network([30, 8, 1], seed=0), *datasets.breast_cancer(), cr.GradientDescent(1e-4), 100)


def raw_columns_that_saturate():
    return trained(Network([13, 8, 3], hidden="tanh", output="softmax", seed=0), *datasets.wine(), cr.Adam(0.01), 100)


def inputs_of_a_thousandth():
    X, Y = datasets.moons()
    return trained(Network([2, 8, 1], hidden="tanh", seed=0), X / 1000, Y, cr.GradientDescent(0.3), 200)


def a_column_far_from_zero():
    X, Y = datasets.moons()
    X[0] = 5 + X[0] / 100  # as a year is, divided by 400
    return trained(Network([2, 8, 1], seed=0), X, Y, cr.Adam(0.01), 200)


def one_column_in_other_units():
    X, Y = datasets.moons()
    X[1] /= 1000
    return trained(Network([2, 8, 1], seed=0), X, Y, cr.Adam(0.01), 200)


def raw_targets():
    X, Y = standard(datasets.diabetes())
    return trained(Network([10, 8, 1], hidden="tanh", output="identity", seed=0), X, Y, cr.Adam(0.01), 100)


def tiny_targets():
    X, Y = scaled_diabetes()
    return trained(Network([10, 8, 1], hidden="tanh", output="identity", seed=0), X, Y / 100, cr.Adam(0.01), 100)


def two_targets_of_different_size():
    X, Y = scaled_diabetes()
    net = Network([10, 8, 2], hidden="tanh", output="identity", seed=0)
    return trained(net, X, np.vstack([5 * Y, (X[:1] + X[3:4]) / 5]), cr.Adam(0.01), 200)


def targets_that_tanh_cannot_reach():
    X, Y = datasets.sine()
    return trained(Network([1, 8, 1], hidden="tanh", output="tanh", seed=0), X, 3 * Y, cr.Adam(0.01), 300)


def steps_that_diverge():
    X, Y = scaled_diabetes()
    return trained(Network([10, 8, 1], output="identity", seed=0), X, Y, cr.GradientDescent(5.0), 100)


def steps_that_leap_back_and_forth():
    X, Y = datasets.flower()
    return trained(Network([2, 8, 1], hidden="tanh", seed=0), X, Y, cr.GradientDescent(20.0), 100)


def steps_that_are_too_short():
    return trained(Network([2, 8, 1], hidden="tanh", seed=0), *datasets.moons(), cr.GradientDescent(1e-3), 200)


def adam_that_is_too_slow():
    X, Y = standard(datasets.breast_cancer())
    return trained(Network([30, 8, 1], seed=0), X, Y, cr.Adam(1e-5), 60, batch_size=64, seed=0)


def far_too_much_l2():
    return trained(Network([2, 8, 1], hidden="tanh", seed=0), *datasets.moons(), cr.Adam(0.01), 300, l2=1000.0)


def l2_that_weighs_more_in_small_batches():
    X, Y = datasets.moons()  # λ/m is 1/50 of all examples, and 1/4 of a batch
    return trained(Network([2, 16, 1], seed=0), X, Y, cr.Adam(0.01), 100, l2=4.0, batch_size=16, seed=0)


def nineteen_of_twenty_units_out():
    X, Y = standard_digits()
    net = Network([64, 32, 32, 10], output="softmax", seed=0)
    return trained(net, X, Y, cr.Adam(0.003), 30, batch_size=32, seed=0, dropout=0.95)


def half_of_a_few_units_out():
    net = Network([2, 16, 16, 16, 1], hidden="tanh", seed=0)
    return trained(net, *standard(datasets.circles()), cr.Adam(0.005), 150, batch_size=32, seed=0, dropout=0.8)


def labels_of_other_images():
    X, Y = standard_digits()
    Y = Y[:, np.random.default_rng(0).permutation(Y.shape[1])]
    return trained(Network([64, 32, 10], output="softmax", seed=0), X, Y, cr.Adam(0.003), 40, batch_size=32, seed=0)


def numbers_at_random():
    X, Y = np.random.default_rng(0).standard_normal((5, 400)), np.random.default_rng(1).standard_cauchy((1, 400))
    return trained(
        Network([5, 8, 1], hidden="tanh", output="identity", seed=0), X, np.clip(Y, -9, 9), cr.Adam(0.01), 200
    )


def learned_from_mixed_up_rows():
    X, Y = datasets.moons(400)
    net = Network([2, 32, 1], seed=0)
    list(net.train(X, Y[:, np.random.default_rng(0).permutation(400)], cr.Adam(0.01), epochs=200))
    return diagnose(net, X, Y)


def inputs_that_are_all_the_same():
    X, Y = datasets.moons()
    return trained(Network([2, 8, 1], hidden="tanh", seed=0), np.ones_like(X), Y, cr.Adam(0.01), 300)


def identity_in_hidden_layers():
    net = Network([2, 8, 8, 1], hidden="identity", seed=0)
    return trained(net, *datasets.flower(), cr.Adam(0.01), 200)


def learning_by_heart():
    X, Y, validation = halves(*datasets.moons(60, noise=0.5))
    return trained(Network([2, 64, 64, 1], seed=0), X, Y, cr.Adam(0.01), 400, validation=validation)


def logistic_regression_on_the_flower():
    return trained(Network([2, 1], seed=0), *datasets.flower(), cr.GradientDescent(1.0), 200)


def one_unit_on_spirals():
    net = Network([2, 1, 3], hidden="tanh", output="softmax", seed=0)
    return trained(net, *datasets.spirals(), cr.Adam(0.03), 400)


def one_positive_in_fifty():
    rng = np.random.default_rng(0)
    Y = (np.arange(1000) % 50 == 0)[None] * 1.0
    X = rng.standard_normal((3, 1000)) + Y
    return trained(Network([3, 8, 1], hidden="tanh", seed=0), X, Y, cr.Adam(0.01), 200)


def a_column_twice():
    X, Y = standard(datasets.wine())
    X = np.vstack([X, 3 * X[4:5] + 1])
    return trained(Network([14, 8, 3], output="softmax", seed=0).normalize(X), X, Y, cr.Adam(0.01), 100)


def the_answer_among_the_columns():
    X, Y = standard(datasets.breast_cancer())
    X = np.vstack([X, 2 * Y - 1 + 0.05 * np.random.default_rng(0).standard_normal(Y.shape)])
    return trained(Network([31, 8, 1], hidden="tanh", seed=0), X, Y, cr.Adam(0.01), 100)


def the_price_with_tax_among_the_columns():
    X, Y = scaled_diabetes()
    X = np.vstack([X, 1.19 * Y])
    return trained(Network([11, 8, 1], hidden="tanh", output="identity", seed=0), X, Y, cr.Adam(0.01), 200)


FAULTS = {
    "symmetric hidden units": [zeros, equal_weights_that_are_not_zero],
    "saturated units": [weights_times_1000, sigmoid_output_with_squared_error_and_huge_weights],
    "dead ReLU units": [three_steps_that_kill],
    "vanishing gradients": [eight_layers_of_sigmoid],
    "exploding gradients": [weights_of_1_in_eight_layers],
    "inputs not normalized": [
        raw_columns,
        raw_columns_that_saturate,
        inputs_of_a_thousandth,
        a_column_far_from_zero,
        one_column_in_other_units,
    ],
    "targets not scaled": [raw_targets, tiny_targets, two_targets_of_different_size, targets_that_tanh_cannot_reach],
    "learning rate too high": [steps_that_diverge, steps_that_leap_back_and_forth],
    "learning rate too low": [steps_that_are_too_short, adam_that_is_too_slow],
    "L2 too strong": [far_too_much_l2, l2_that_weighs_more_in_small_batches],
    "dropout too strong": [nineteen_of_twenty_units_out, half_of_a_few_units_out],
    "inputs do not tell the target": [labels_of_other_images, numbers_at_random],
    "constant predictions": [inputs_that_are_all_the_same],
    "no better than a constant": [learned_from_mixed_up_rows],
    "linear hidden layers": [identity_in_hidden_layers],
    "overfitting": [learning_by_heart],
    "underfitting": [logistic_regression_on_the_flower, one_unit_on_spirals],
    "class imbalance": [one_positive_in_fifty],
    "duplicated columns": [a_column_twice],
    "leaking columns": [the_answer_among_the_columns, the_price_with_tax_among_the_columns],
}


def test_every_check_has_a_fault_that_it_finds():
    assert FAULTS.keys() == CHECKS.keys()


@pytest.mark.parametrize(
    ("name", "training"),
    [(name, training) for name in FAULTS for training in FAULTS[name]],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_a_fault_is_found_and_nothing_else_is_its_cause(name, training):
    found = training()
    assert names(found) == {name}, found
    assert found[0].name == name
    for finding in found:
        assert finding.beyond
        assert finding.name == name or name in finding.explained_by, found
        assert all((finding.quantity, finding.reason, finding.remedy))


# -- what it says ------------------------------------------------------------------------------------------------------


# Each with what it is like when it is ill, and when it is not.
ILL_AND_WELL = {
    "L2 too strong": ({"l2": 1e3}, {"l2": 0.1}),
    "dropout too strong": ({"dropout": 0.95}, {"dropout": 0.1}),
    "inputs do not tell the target": ({"shuffled": True}, {}),
    "no better than a constant": ({"l2": 1e5}, {}),
    "learning rate too low": ({"optimizer": cr.GradientDescent(1e-6)}, {"optimizer": cr.GradientDescent(0.03)}),
    "learning rate too high": ({"optimizer": cr.Adam(5.0)}, {"optimizer": cr.Adam(0.01)}),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ILL_AND_WELL)
def test_it_is_found_in_the_ill_and_not_in_the_healthy_whatever_the_seed(name, seed):
    for illness, has_it in zip(ILL_AND_WELL[name], (True, False), strict=True):
        found = ill(seed=seed, **illness)
        assert (name in all_names(found)) == has_it, found
        assert has_it or not found, found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["numbers", "classes", "parity"])
def test_inputs_that_tell_a_little_and_few_examples_are_given_the_benefit_of_the_doubt(kind, seed):
    rng = np.random.default_rng(seed)
    for m, told in ((400, True), (30, False), (400, False)):
        X = rng.standard_normal((5, m))
        if kind == "parity":
            X = np.sign(X)
        known = {"numbers": X[:1], "classes": np.sign(X[:1] + 0.8 * X[1:2]), "parity": X.prod(axis=0)[None]}[kind]
        Y = known + rng.standard_normal((1, m)) if told else rng.standard_normal((1, m))
        Y = Y if kind == "numbers" else (Y > 0) * 1.0
        net = Network([5, 8, 1], output="identity" if kind == "numbers" else "sigmoid", seed=0)
        found = diagnose(net, X, Y)
        assert ("inputs do not tell the target" in all_names(found)) == (m == 400 and not told), (m, told, found)


TWO = {
    "learning rate too low": {"optimizer": cr.GradientDescent(1e-7)},
    "L2 too strong": {"l2": 1e5},
    "dropout too strong": {"dropout": 0.95},
    "vanishing gradients": {
        "hidden": (32,) * 20,
        "activation": "tanh",
        "optimizer": cr.GradientDescent(0.1),
        "init": "small",
    },
    "underfitting": {"hidden": (1,), "epochs": 40},
    "inputs not normalized": {"scale": 1 / 100},
    "inputs do not tell the target": {"shuffled": True},
    "symmetric hidden units": {"init": "zeros"},
    "class imbalance": {"rare": True},
}


def ill(
    hidden=(32, 32),
    activation="relu",
    init="auto",
    optimizer=None,
    epochs=20,
    scale=1.0,
    shuffled=False,
    rare=False,
    seed=0,
    **options,
):
    """A network for the digits, with these illnesses."""
    X, Y = datasets.digits()
    if rare:
        keep = (Y[9] == 0) | (np.arange(Y.shape[1]) % 25 == 0)
        X, Y = X[:, keep], Y[:, keep]
    if shuffled:
        Y = Y[:, np.random.default_rng(seed).permutation(Y.shape[1])]
    net = Network([64, *hidden, 10], hidden=activation, output="softmax", init=init, seed=seed)
    return trained(net, X * scale, Y, optimizer or cr.Adam(0.003), epochs, batch_size=32, seed=seed, **options)


# Where one makes the other impossible to see: weights of 0 stay 0, a λ that leaves no gradient, nothing to be learned.
UNSEEN = [
    {"L2 too strong", "vanishing gradients"},
    {"inputs do not tell the target", "underfitting"},
    {"symmetric hidden units", "underfitting"},  # of one unit
]


@pytest.mark.parametrize(
    "two",
    [
        pair
        for pair in itertools.combinations(TWO, 2)
        if not TWO[pair[0]].keys() & TWO[pair[1]].keys() and set(pair) not in UNSEEN
    ],
    ids=" and ".join,
)
def test_of_two_illnesses_both_are_named(two):
    found = ill(**TWO[two[0]], **TWO[two[1]])
    assert set(two) <= all_names(found), found
    assert all(finding.beyond for finding in found)


def test_what_a_fault_brings_along_is_told_after_it():
    found = raw_columns_that_saturate()
    assert {"saturated units", "constant predictions"} <= set(found[0].explains)
    assert all_names(found) == {found[0].name, *found[0].explains}
    assert [bool(finding.explained_by) for finding in found] == sorted(bool(finding.explained_by) for finding in found)
    assert found[0].explained_by == ()
    assert "The likeliest cause comes first." in " ".join(repr(found).split())
    assert "may come from  inputs not normalized, saturated units" in repr(found)


def test_symmetric_units_are_named_with_their_layer():
    X, Y = datasets.moons()
    net = Network([2, 5, 1], hidden="tanh", seed=0)
    net.W[1][3], net.W[2][0, 3] = net.W[1][1], net.W[2][0, 1]
    (finding,) = diagnose(net, X, Y)
    assert (finding.layer, finding.value, finding.where) == (1, 0.4, "units 1, 3")
    net.W[2][0, 3] *= 2  # the same row of W, but another gradient: they will part
    assert not diagnose(net, X, Y)


def test_equal_weights_of_units_that_are_not_random_but_have_other_gradients_are_no_fault():
    net = Network([2, 4, 1], hidden="tanh", seed=0)
    net.W[1] = 0.5
    assert not diagnose(net, *datasets.moons())


def test_a_cost_that_falls_while_examples_are_learned_by_heart_is_no_reason_to_train_longer():
    X, Y, validation = halves(*scaled_diabetes())
    net = Network([10, 16, 16, 16, 16, 1], hidden="tanh", output="identity", seed=0)
    found = trained(net, X, Y, cr.GradientDescent(0.1), 600, validation=validation)
    assert all_names(found) == {"overfitting"}


def test_a_rate_that_leaps_and_learns_all_the_same_does_no_harm():
    X, Y = datasets.blobs(classes=2)
    found = trained(Network([2, 16, 16, 1], seed=0), X, Y, cr.GradientDescent(0.3), 600)
    (rise,) = (finding for finding in found.passed if finding.beyond)
    assert (rise.name, found.learned > 0.9, len(found)) == ("learning rate too high", True, 0)


def test_weights_that_grow_for_long_while_examples_are_learned_by_heart_do_not_come_of_steps_too_long():
    net = Network([2, 8, 4, 1], hidden="tanh", seed=1)
    found = trained(net, *datasets.moons(noise=0.4), cr.Adam(0.1), 4000)
    assert np.linalg.norm(net.W[2]) > 15 * 8**0.5  # 15 times as large as random ones
    assert found.learned < 0.9
    assert "learning rate too high" not in all_names(found)


def test_units_that_die_of_steps_too_long_are_told_with_the_learning_rate():
    X, Y = datasets.digits()
    found = trained(Network([64, 16, 10], output="softmax", seed=0), X, Y, cr.GradientDescent(30.0), 30)
    assert names(found) == {"learning rate too high"}
    assert "dead ReLU units" in found[0].explains


def test_each_finding_is_told_with_its_layer():
    X, Y = datasets.moons()
    found = diagnose(Network([2, 4, 5, 1], hidden="tanh", init="zeros"), X, Y)
    assert [(finding.name, finding.layer) for finding in found] == [
        ("symmetric hidden units", 1),
        ("symmetric hidden units", 2),
    ]


def test_scale_and_condition_number_are_two_findings():
    X, Y = datasets.wine()
    scale, condition = diagnose(Network([13, 4, 3], output="softmax", seed=0), X, Y)
    assert (scale.name, condition.name) == ("inputs not normalized",) * 2
    assert scale.value == pytest.approx(np.sqrt((X[X != 0] ** 2).mean()))
    s = np.linalg.svd(np.vstack([np.ones(178), X / scale.value]), compute_uv=False)
    z = np.linalg.svd(np.vstack([np.ones(178), standard((X, Y))[0]]), compute_uv=False)
    assert condition.value == pytest.approx((s[0] / s[-1]) ** 2 / (z[0] / z[-1]) ** 2)
    assert "the widest column is 12" in condition.where  # proline, in hundreds


def test_the_share_that_has_been_learned_is_measured_against_the_best_constant():
    rng = np.random.default_rng(0)
    X, w = rng.standard_normal((2, 60)), rng.random(60)
    numbers, counts = rng.standard_normal((1, 60)) + 1, rng.poisson(3.0, (1, 60)).astype(float)
    for loss, output, Y in (
        ("half_squared_error", "identity", numbers),
        ("absolute", "identity", numbers),
        ("half_squared_error", "tanh", np.tanh(numbers)),
        ("binary_cross_entropy", "sigmoid", (numbers > 0) * 1.0),
        ("poisson", "exp", counts),
    ):
        net = Network([2, 1], output=output, loss=loss, init="zeros")
        for _ in net.train(np.zeros((2, 60)), Y, cr.Adam(0.02), epochs=2000, weights=w):
            pass  # without inputs nothing but the bias can learn
        learned = diagnose(net, X, Y, weights=w).learned
        assert abs(learned) < (1e-2 if loss == "absolute" else 1e-6), loss


def test_columns_are_called_by_their_names():
    X, Y = datasets.iris()
    X = np.vstack([X, X[2]])
    found = diagnose(Network([5, 4, 3], output="softmax", seed=0), X, Y, names=["a", "b", "c", "d", "e"])
    assert names(found) == {"duplicated columns"}
    assert found[0].where == "'c' and 'e'"
    with pytest.raises(ValueError, match="names: got 2, wanted one for each of the 5 inputs"):
        diagnose(Network([5, 4, 3], output="softmax"), X, Y, names=["a", "b"])


def test_the_classifier_passes_the_names_of_a_frame_and_its_class_weight():
    import pandas as pd

    rng = np.random.default_rng(0)
    y = np.where(np.arange(1000) % 20 == 0, "rare", "common")
    frame = pd.DataFrame(rng.standard_normal((1000, 2)) + (y == "rare")[:, None], columns=["u", "v"])
    frame["w"] = frame["u"]
    options = {"learning_rate_init": 0.01, "max_iter": 500, "random_state": 0}
    plain = MLPClassifier((8,), **options).fit(frame, y).diagnose(frame, y)
    weighed = MLPClassifier((8,), class_weight="balanced", **options).fit(frame, y).diagnose(frame, y)
    assert names(plain) == {"class imbalance", "duplicated columns"}
    assert names(weighed) == {"duplicated columns"}
    assert weighed[0].where == "'u' and 'w'"


def test_the_regressor_sees_the_targets_as_its_network_does():
    X, y = load_diabetes(return_X_y=True)
    options = {"normalize": "standard", "solver": "lbfgs", "max_iter": 20, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = MLPRegressor(hidden_layer_sizes=(4,), **options).fit(X, y)
        scaled = MLPRegressor(hidden_layer_sizes=(4,), scale_target=True, **options).fit(X, y)
    assert names(raw.diagnose(X, y)) == {"targets not scaled"}
    assert not scaled.diagnose(X, y)


def test_a_validation_set_of_an_estimator_needs_both_parts():
    X, y = load_iris(return_X_y=True)
    clf = MLPClassifier((4,), solver="lbfgs", alpha=1.0, max_iter=1000, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="both X_val and y_val"):
        clf.diagnose(X, y, X_val=X)


def test_large_data_are_sampled_and_it_says_so():
    X, Y = datasets.flower(10_000)
    net = Network([2, 8, 1], hidden="tanh", seed=0)
    found = diagnose(net, X, Y)
    assert found.examples == (2000, 10_000)
    assert "2,000 of 10,000 examples" in repr(found)
    assert "drawn by seed 0" in repr(found)
    assert found.to_dict() == diagnose(net, X, Y).to_dict()
    assert found.learned != diagnose(net, X, Y, seed=1).learned
    assert diagnose(net, X, Y, most=10_000).examples == (10_000, 10_000)


def test_wide_sparse_data_are_sampled_too():
    rng = np.random.default_rng(0)
    Y = (rng.random((1, 3000)) < 0.5) * 1.0
    rate = np.where(np.arange(5000)[:, None] % 2 == Y, 0.015, 0.005)
    X = sparse.coo_array((rng.random((5000, 3000)) < rate).astype(float))
    found = diagnose(Network([5000, 4, 1], seed=0), X, Y)
    assert not found, found
    assert (found.examples, found.columns) == ((2000, 3000), (2000, 5000))
    assert "2,000 of 3,000 examples and 2,000 of 5,000 columns" in repr(found)


def test_sparse_and_dense_inputs_get_the_same_diagnosis():
    X, Y = datasets.digits()
    X = np.vstack([X, X[20]])
    net = Network([65, 8, 10], output="softmax", seed=0)
    dense, thin = diagnose(net, X, Y), diagnose(net, sparse.csr_array(X), Y)
    assert names(dense) == names(thin) == {"duplicated columns"}
    for a, b in zip(dense.passed, thin.passed, strict=True):
        assert (a.name, a.layer) == (b.name, b.layer)
        assert a.value == pytest.approx(b.value, rel=1e-6)


def test_the_strength_of_l2_does_not_depend_on_how_many_are_looked_at():
    from chainrule.working.diagnosis.measure import measure

    X, Y = datasets.flower(10_000)
    net = Network([2, 8, 1], hidden="tanh", seed=0)
    whole, part = (measure(net, X, Y, None, None, None, 300.0, None, most, 0) for most in (10_000, 2000))
    squares = sum((W**2).sum() for W in net.W[1:])
    assert pytest.approx(300 / 20_000 * squares) == whole.trace.J - whole.J
    assert pytest.approx(300 / 20_000 * squares) == part.trace.J - part.J


def test_a_history_says_the_same_as_steps():
    X, Y = datasets.moons()
    net = Network([2, 8, 1], hidden="tanh", seed=0)
    steps = list(net.train(X, Y, cr.GradientDescent(1e-3), epochs=200))
    history = {"cost": [step.cost for step in steps], "learning_rate": [step.learning_rate for step in steps]}
    by_steps, by_history = diagnose(net, X, Y, steps=steps), diagnose(net, X, Y, steps=history)
    assert names(by_steps) == {"learning rate too low"}
    assert by_steps.to_dict() == by_history.to_dict()
    with pytest.raises(ValueError, match="wanted the key 'cost'"):
        diagnose(net, X, Y, steps={"loss": [1.0]})
    with pytest.raises(TypeError, match=r"steps: got 0\.5, wanted the Step records"):
        diagnose(net, X, Y, steps=[0.5])


def test_overfitting_shows_in_the_curves_alone():
    X, Y, validation = halves(*datasets.moons(60, noise=0.5))
    net = Network([2, 64, 64, 1], seed=0)
    steps = list(net.train(X, Y, cr.Adam(0.01), epochs=400, validation=validation))
    assert names(diagnose(net, X, Y, steps=steps)) == {"overfitting"}


def test_the_parameters_that_came_back_are_judged_and_not_the_last_step():
    X, Y, validation = halves(*datasets.moons(120, noise=0.5))
    net = Network([2, 64, 64, 1], seed=0)
    steps = list(net.train(X, Y, cr.Adam(0.01), epochs=400, validation=validation, patience=200))
    costs = [step.validation_cost for step in steps]
    assert costs[-1] > 1.5 * min(costs)
    assert "overfitting" in names(diagnose(net, X, Y, steps=steps))  # nobody can know
    assert "overfitting" not in names(diagnose(net, X, Y, steps=steps, validation=validation))


def test_a_curve_of_other_validation_examples_is_not_compared():
    X, Y, (X_val, Y_val) = halves(*datasets.moons())
    net = Network([2, 8, 1], hidden="tanh", seed=0)
    steps = list(net.train(X, Y, cr.Adam(0.02), epochs=200, validation=(X_val[:, :20], Y_val[:, :20])))
    count = {}
    for n in (20, 99):
        found = diagnose(net, X, Y, steps=steps, validation=(X_val[:, :n], Y_val[:, :n]))
        count[n] = sum(finding.name == "overfitting" for finding in found.passed)
    assert count == {20: 2, 99: 1}


def test_early_stopping_is_judged_by_the_epoch_that_was_kept():
    X, Y, (X_val, Y_val) = halves(*datasets.moons(120, noise=0.5))
    clf = MLPClassifier(
        (64, 64), learning_rate_init=0.03, early_stopping=True, scoring="loss", random_state=0, alpha=0.0
    )
    clf.set_params(n_iter_no_change=100, max_iter=300).fit(X.T, Y.ravel(), X_val=X_val.T, y_val=Y_val.ravel())
    assert clf.history_["validation_cost"][-1] > 1.5 * min(clf.history_["validation_cost"])
    assert "overfitting" not in names(clf.diagnose(X.T, Y.ravel()))


def test_a_network_whose_cost_overflows_has_a_learning_rate_that_is_too_high():
    X, Y = scaled_diabetes()
    net = Network([10, 8, 1], output="identity", seed=0)
    net.parameters = net.parameters * 1e200
    found = diagnose(net, X, Y)
    assert names(found) == {"learning rate too high"}
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["findings"][0]["value"] is None


def test_a_trained_network_with_units_to_spare_is_healthy():
    X, Y = datasets.xor(noise=0.0)
    net = Network([2, 16, 1], seed=0)
    net.b[1][:10] = -100
    steps = list(net.train(X, Y, cr.Adam(0.02), epochs=600))
    found = diagnose(net, X, Y, steps=steps)
    assert found.learned > 0.9
    assert not found, found
    assert "0.625 (a fault above 0.5), but no harm: the network has learned" in " ".join(repr(found).split())


def test_tiny_data_are_no_reason_to_fail():
    for m in (1, 2, 5):
        X, Y = np.arange(2.0 * m).reshape(2, m), np.zeros((1, m))
        assert isinstance(diagnose(Network([2, 3, 1], seed=0), X, Y), Diagnosis)
    assert isinstance(diagnose(Network([1, 1, 1], seed=0), np.zeros((1, 30)), np.ones((1, 30))), Diagnosis)


def test_what_does_not_fit_is_refused_as_everywhere():
    X, Y = datasets.flower(5000)
    net = Network([2, 4, 1], seed=0)
    with pytest.raises(ValueError, match=r"Y: got shape \(1, 4000\), wanted \(1, 5000\)"):
        diagnose(net, X, Y[:, :4000])
    with pytest.raises(ValueError, match="weights: wanted 5000 finite numbers"):
        diagnose(net, X, Y, weights=np.ones(3))


def test_a_diagnosis_is_a_sequence_a_dictionary_a_text_and_a_page():
    found = zeros()
    assert isinstance(found, Diagnosis)
    assert found
    assert list(found) == [found[0], *found[1:]]
    d = json.loads(json.dumps(found.to_dict()))
    assert d["findings"][0]["name"] == "symmetric hidden units"
    assert d["findings"][0]["layer"] == 1
    assert d["examples"] == [200, 200]
    text, page = repr(found), found._repr_html_()
    for part in ("4 faults", "symmetric hidden units, layer 1", "what to do", "Checked, no fault", "Not checked"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 110
    assert page.count('<div style="overflow-x:auto"><table') == page.count("</table></div>") == 6
    assert "|g′|" in page
    assert str(found[0]) in text.replace("\n   ", "\n  ") or found[0].title in text


def test_the_network_is_left_as_it_was():
    X, Y = datasets.flower()
    net = Network([2, 4, 1], seed=0)
    before = net.parameters.copy()
    diagnose(net, X, Y)
    assert (net.parameters == before).all()
