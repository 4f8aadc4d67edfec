"""Estimators of networks that were trained elsewhere do what fitted ones do."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.utils.validation import check_is_fitted

import chainrule as cr
from chainrule.losses import Loss
from support.contract import network


def rows(rng, labels=None):
    X = rng.standard_normal((40, 5))
    return X if labels is None else (X, rng.choice(labels, 40))


CLASSIFIERS = [
    ("softmax", 3, ["dog", "cat", "eel"]),
    ("softmax", 2, [1, 0]),
    ("softmax", 4, None),
    ("sigmoid", 1, ["yes", "no"]),
    ("sigmoid", 1, [False, True]),
    ("sigmoid", 1, None),
]


@pytest.mark.parametrize(("output", "n", "classes"), CLASSIFIERS)
def test_a_classifier_answers_as_its_network_and_does_the_rest(output, n, classes, rng, tmp_path):
    net = network([5, 6, 4, n], ["tanh", "leaky_relu(0.2)"], output)
    before = net.parameters.copy()
    labels = np.arange(max(n, 2)) if classes is None else np.array(classes)
    model = cr.MLPClassifier.from_network(net, classes)
    check_is_fitted(model)
    X, y = rows(rng, labels)
    A = net(X.T)
    A = np.vstack([1 - A, A]) if n == 1 else A  # (classes, m), in the order in which they were given
    np.testing.assert_array_equal(model.classes_, np.sort(labels))
    np.testing.assert_array_equal(model.predict(X), labels[A.argmax(axis=0)])
    np.testing.assert_allclose(model.predict_proba(X), A[np.argsort(labels)].T, rtol=1e-12)
    assert model.score(X, model.predict(X)) == 1.0
    cr.save(model, tmp_path / "given.chainrule")
    again = cr.load(tmp_path / "given.chainrule")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(copy.deepcopy(model).predict_proba(X), model.predict_proba(X))
    assert permutation_importance(model, X, y, n_repeats=1, random_state=0).importances.shape == (5, 1)

    fitted = clone(model).set_params(max_iter=2, n_iter_no_change=5, learning_rate_init=0.01, random_state=0)
    assert not hasattr(fitted, "network_")
    with pytest.warns(match="Maximum iterations"):
        fitted.fit(X, y)
    assert set(vars(model)) <= set(vars(fitted))
    assert repr(fitted.network_) == repr(model.network_)

    model.set_params(learning_rate_init=0.01, random_state=0)
    first = cr.MLPClassifier.from_network(net, classes).network_.cost(X.T, model._encode(y, True).T)
    model.partial_fit(X, y).partial_fit(X, y)
    assert model.history_["cost"][0] == pytest.approx(first, rel=1e-3)  # it goes on from there
    assert model.history_["cost"][1] < model.history_["cost"][0]
    np.testing.assert_array_equal(net.parameters, before)


def test_a_warm_start_goes_on_from_there_and_a_plain_fit_begins_anew(rng):
    net = network([5, 4, 3], "tanh", "softmax")
    X, y = rows(rng, np.arange(3))
    for warm in (True, False):
        model = cr.MLPClassifier.from_network(net).set_params(
            warm_start=warm, max_iter=1, solver="gradient_descent", learning_rate_init=1e-9, alpha=0, schedule="cosine"
        )
        model.fit(X, y)
        assert np.allclose(model.network_.parameters, net.parameters, atol=1e-6) == warm


def test_a_multi_label_classifier_a_normalized_one_and_one_in_float32(rng):
    X = rows(rng)
    net = network([5, 4, 3], "relu", "sigmoid", dtype="float32").normalize(X.T, "robust")
    model = cr.MLPClassifier.from_network(net)
    assert (model.normalize, model.dtype, model.activation) == ("robust", "float32", "relu")
    np.testing.assert_array_equal(model.predict_proba(X), net(X.T).T)
    np.testing.assert_array_equal(model.predict(X), net(X.T).T > 0.5)
    model = cr.MLPClassifier.from_network(network([5, 4, 3], "relu", "sigmoid").normalize(X.T))
    Y = rng.integers(2, size=(40, 3))
    assert model.partial_fit(X, Y).history_["cost"]
    assert 0 <= model.score(X, Y) <= 1


def test_it_is_calibrated_as_fitted_ones_are(rng):
    X = rows(rng)
    model = cr.MLPClassifier.from_network(network([5, 4, 1], "tanh", "sigmoid"), ["b", "a"])
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), cv=2).fit(X, model.predict(X))
    assert calibrated.score(X, model.predict(X)) > 0.9


@pytest.mark.parametrize(
    ("loss", "output", "said"),
    [
        ("half_squared_error", "identity", "squared_error"),
        ("absolute", "identity", "absolute_error"),
        ("huber(0.3)", "identity", "huber(0.3)"),
        ("poisson", "exp", "poisson"),
    ],
)
@pytest.mark.parametrize("n", [1, 2])
def test_a_regressor_answers_as_its_network_and_does_the_rest(loss, output, said, n, rng, tmp_path):
    net = network([5, 4, n], "elu(0.5)", output, loss)
    model = cr.MLPRegressor.from_network(net)
    assert model.loss == said
    X = rows(rng)
    wanted = net(X.T).T
    np.testing.assert_array_equal(model.predict(X), wanted.ravel() if n == 1 else wanted)
    assert model.score(X, model.predict(X)) == 1.0
    cr.save(model, tmp_path / "given.chainrule")
    np.testing.assert_array_equal(cr.load(tmp_path / "given.chainrule").predict(X), model.predict(X))
    y = np.abs(wanted) + 1
    J = net.cost(X.T, y.T)
    model.set_params(alpha=0, learning_rate_init=0.01).partial_fit(X, y.ravel() if n == 1 else y)
    assert model.history_["cost"] == [pytest.approx(J)]
    assert model.network_.cost(X.T, y.T) < J


def test_given_estimators_become_onnx_files(rng, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    X = rows(rng)
    model = cr.MLPClassifier.from_network(network([5, 4, 3], "tanh", "softmax"), ["c", "a", "b"])
    cr.export_onnx(model, tmp_path / "given.onnx")
    session = runtime.InferenceSession(tmp_path / "given.onnx", providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=1e-12)


own = Loss("own", "identity", lambda Z, Y: ((Z - Y) ** 2, 2 * (Z - Y)), "", "")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: cr.MLPClassifier.from_network(network([2, 3], "relu", "identity")),
            "output is 'identity', .* 'softmax'",
        ),
        (lambda: cr.MLPClassifier.from_network(network([2, 1], "relu", "exp")), "its output is 'exp'"),
        (
            lambda: cr.MLPClassifier.from_network(network([2, 1], "relu", "sigmoid", "half_squared_error")),
            "loss is half_squared_error, and that of an MLPClassifier .* is binary_cross_entropy",
        ),
        (
            lambda: cr.MLPClassifier.from_network(network([2, 3], "relu", "softmax"), "abc"),
            "classes: got 'abc', wanted",
        ),
        (
            lambda: cr.MLPClassifier.from_network(network([2, 3], "relu", "softmax"), ["a", "b"]),
            "classes: got 2 labels, wanted 3 for 3 softmax outputs",
        ),
        (
            lambda: cr.MLPClassifier.from_network(network([2, 1], "relu", "sigmoid"), ["a"]),
            "got 1 labels, wanted 2 for 1 sigmoid output, the probability of the second",
        ),
        (
            lambda: cr.MLPClassifier.from_network(network([2, 3], "relu", "softmax"), ["a", "b", "a"]),
            "classes: got .*'a'.* 2 times, wanted 3 different labels",
        ),
        *(
            (lambda labels=labels: cr.MLPClassifier.from_network(network([2, 3], "relu", "softmax"), labels), message)
            for labels, message in (
                ([1.5, 2.5, 3.5], r"classes: Unknown label type: float \(1.5\). MLPRegressor learns numbers"),
                ([0.0, 1.0, np.nan], r"classes: Unknown label type: float \(nan\)"),
                (["a", 1, 2], "classes: Unknown label type: text and numbers. Labels are .*, all of one kind"),
                ([True, False, 2], "classes: Unknown label type: booleans and numbers"),
                (["a", "b", None], r"classes: Unknown label type: NoneType \(None\)"),
            )
        ),
        (
            lambda: cr.MLPClassifier.from_network(network([2, 3], "relu", "sigmoid"), ["a", "b", "c"]),
            "for 3 sigmoid outputs, each of which says yes or no",
        ),
        (
            lambda: cr.MLPRegressor.from_network(network([2, 1], "relu", "sigmoid")),
            "output is 'sigmoid', .* 'identity'",
        ),
        (
            lambda: cr.MLPRegressor.from_network(cr.Network([2, 1], output="identity", loss=own)),
            "its loss 'own' is one of",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_something_else_is_no_network():
    with pytest.raises(TypeError, match="network: got MLPClassifier, wanted"):
        cr.MLPRegressor.from_network(cr.MLPClassifier())
