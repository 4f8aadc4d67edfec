"""What people do who come from another library, and the hint that they need."""

import copy
import inspect
import logging
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule import elsewhere

X, Y = cr.datasets.flower()
X3, Y3 = cr.datasets.iris()
LABELS = Y3.argmax(axis=0)


class SGD:
    """An optimizer of another library."""

    def step(self):
        """It knows its parameters."""


def net(*sizes, **options):
    return cr.Network(list(sizes) or [2, 4, 1], **{"hidden": "tanh", "seed": 0, **options})


def train(optimizer=None, **options):
    return net().train(X, Y, optimizer or cr.Adam(0.01), **{"epochs": 1, **options})


def fitted():
    return make_pipeline(
        StandardScaler(), cr.MLPClassifier((4,), random_state=0, max_iter=5, tol=1, n_iter_no_change=2)
    ).fit(X.T, Y[0])


def asserted(words, call):
    with pytest.raises(Exception, match=re.escape(words)):
        call()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ReLU", "relu"), ("LeakyReLU", "leaky_relu"), ("linear", "identity"), ("none", "identity"), ("swish", "silu"),
        ("logistic", "sigmoid"), ("SELU", "selu"), ("exponential", "exp"), ("prelu(0.2)", "leaky_relu"),
        ("hard_sigmoid", "sigmoid"), ("Softmax", "softmax"),
    ],
)  # fmt: skip
def test_an_activation_in_another_spelling(given, meant):
    for option in ("hidden", "output"):
        asserted(f"Did you mean {meant!r}?", lambda option=option: net(**{option: given}))
    asserted(f"Did you mean {meant!r}?", lambda: net(hidden=[given]))


def test_an_activation_that_is_no_name():
    asserted(
        "'Leaky-ReLU' is not a name: write 'name' or 'name(number)', as in 'leaky_relu'",
        lambda: net(hidden="Leaky-ReLU"),
    )
    for option in ("hidden", "output"):
        asserted("got None, wanted a name such as 'relu' or 'leaky_relu(0.2)'. For none: 'identity'.",
                 lambda option=option: net(**{option: None}))  # fmt: skip
        asserted("Did you mean 'tanh'?", lambda option=option: net(**{option: np.tanh}))
    words = "give one name for all of them or one for each, and that of the output as output="
    asserted(words, lambda: net(2, 4, 5, 1, hidden=["relu", "relu", "sigmoid"]))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("mse", "half_squared_error"), ("MSELoss", "half_squared_error"), ("squared_error", "half_squared_error"),
        ("bce", "binary_cross_entropy"), ("BCEWithLogitsLoss", "binary_cross_entropy"),
        ("log_loss", "binary_cross_entropy"), ("binary_crossentropy", "binary_cross_entropy"),
        ("CrossEntropyLoss", "cross_entropy"), ("sparse_categorical_crossentropy", "cross_entropy"),
        ("nll", "cross_entropy"), ("mae", "absolute"), ("L1Loss", "absolute"), ("smooth_l1", "huber"),
    ],
)  # fmt: skip
def test_a_loss_in_another_spelling(given, meant):
    asserted(f"Did you mean {meant!r}?", lambda: net(loss=given))


def test_a_loss_that_is_no_name_or_belongs_elsewhere():
    asserted("as in 'cross_entropy'", lambda: net(loss="cross-entropy"))
    asserted("loss 'cross_entropy' needs output 'softmax'", lambda: net(loss="cross_entropy"))
    asserted("Did you mean 'squared_error'?", lambda: cr.MLPRegressor(loss="mse").fit(X.T, Y[0]))
    asserted("Did you mean 'absolute", lambda: cr.MLPRegressor(loss="mae").fit(X.T, Y[0]))


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("kaiming", "he"), ("kaiming_normal", "he"), ("he_normal", "he"), ("xavier_uniform", "glorot_uniform"),
        ("xavier_normal", "glorot"), ("glorot_normal", "glorot"), ("Xavier", "xavier"), ("random", "small"),
        ("zero", "zeros"), (np.zeros, "zeros"),
    ],
)  # fmt: skip
def test_an_initializer_in_another_spelling(given, meant):
    asserted(f"Did you mean {meant!r}?", lambda: net(init=given))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (cr.Adam, "wanted one such as chainrule.Adam(): call the class"),
        (cr.LBFGS, "wanted one such as chainrule.LBFGS(): call the class"),
        ("adam", "wanted one such as chainrule.Adam(0.001). Did you mean 'Adam'?"),
        ("sgd", "Did you mean 'GradientDescent'?"),
        ("rmsprop", "Did you mean 'RMSProp'?"),
        (0.01, "wanted one such as chainrule.Adam(0.01)"),
        (SGD(), "Did you mean 'GradientDescent'?"),
        (SGD, "Did you mean 'GradientDescent'?"),
        ([], "wanted one such as chainrule.Adam(0.001)"),
    ],
)
def test_what_is_no_optimizer(given, words, caplog):
    with caplog.at_level(logging.INFO):
        asserted(words, lambda: net().train(X, Y, given, epochs=1))
        asserted(words, lambda: cr.train_many([net()], X, Y, given, epochs=1))
    assert not caplog.records  # of a slower engine that it would train on


def test_a_class_as_the_solver_of_an_estimator():
    for estimator in (cr.MLPClassifier(solver=cr.Adam), cr.MLPRegressor(solver=cr.Adam)):
        for call in (estimator.fit, estimator.partial_fit):
            asserted("wanted one such as chainrule.Adam(): call the class", lambda call=call: call(X.T, Y[0]))
    asserted("Did you mean 'sgd'?", lambda: cr.MLPClassifier(solver="SGD").fit(X.T, Y[0]))
    asserted("Did you mean 'nesterov'?", lambda: cr.MLPClassifier(solver="nag").fit(X.T, Y[0]))


ARGUMENTS = [
    (train, "lr", "The optimizer has the learning rate: chainrule.Adam(learning_rate=0.01)."),
    (train, "learning_rate", "The optimizer has the learning rate"),
    (train, "epoch", "Did you mean 'epochs'?"),
    (train, "n_epochs", "Did you mean 'epochs'?"),
    (train, "max_iter", "Did you mean 'epochs'?"),
    (train, "batch", "Did you mean 'batch_size'?"),
    (train, "verbose", "for step in net.train(…): print(step.epoch, step.cost)"),
    (train, "print_cost", "for step in net.train(…)"),
    (train, "callbacks", "for step in net.train(…)"),
    (train, "validation_data", "Did you mean 'validation'?"),
    (train, "early_stopping", "Did you mean 'patience'?"),
    (train, "weight_decay", "Did you mean 'l2'?"),
    (train, "lambd", "Did you mean 'l2'?"),
    (train, "random_state", "Did you mean 'seed'?"),
    (train, "sample_weight", "Did you mean 'weights'?"),
    (train, "loss", "The network has it: Network(…, loss=…)."),
    (train, "device", "Did you mean 'engine'?"),
    (train, "dropout_rate", "Did you mean 'dropout'?"),
    (train, "momentum", "The optimizer has it"),
    (net, "activation", "Did you mean 'hidden'?"),
    (net, "layers", "Did you mean 'sizes'?"),
    (net, "hidden_layer_sizes", "Did you mean 'sizes'?"),
    (net, "output_activation", "Did you mean 'output'?"),
    (net, "kernel_initializer", "Did you mean 'init'?"),
    (net, "random_state", "Did you mean 'seed'?"),
    (net, "criterion", "Did you mean 'loss'?"),
    (net, "lr", "The optimizer has the learning rate"),
    (net, "dropout", "net.train has it: net.train(…, dropout=0.2)."),
    (net, "l2", "net.train has λ"),
    (net, "epochs", "net.train has the epochs"),
    (net, "optimizer", "net.train takes the optimizer"),
    (cr.Adam, "lr", "Did you mean 'learning_rate'?"),
    (cr.Adam, "eps", "Did you mean 'epsilon'?"),
    (cr.Adam, "betas", "Did you mean 'beta1'?"),
    (cr.Adam, "beta_2", "Did you mean 'beta2'?"),
    (cr.Adam, "weight_decay", "chainrule.AdamW has it; net.train(…, l2=0.1) is the term of the cost."),
    (cr.Adam, "decay", "net.train has it: net.train(…, schedule=…)."),
    (cr.Momentum, "momentum", "Did you mean 'beta'?"),
    (cr.HeavyBall, "beta", "Did you mean 'momentum'?"),
    (cr.RMSProp, "rho", "Did you mean 'beta'?"),
    (cr.GradientDescent, "momentum", "chainrule.Momentum(0.01, beta=0.9)"),
    (cr.GradientDescent, "nesterov", "chainrule.Nesterov is that optimizer."),
    (cr.LBFGS, "max_iter", "Did you mean 'max_evaluations'?"),
    (cr.schedules.StepDecay, "step_size", "Did you mean 'epochs'?"),
    (cr.schedules.StepDecay, "gamma", "Did you mean 'factor'?"),
    (cr.schedules.Cosine, "T_max", "Did you mean 'epochs'?"),
    (cr.schedules.Cosine, "eta_min", "Did you mean 'floor'?"),
    (cr.MLPClassifier, "epochs", "Did you mean 'max_iter'?"),
    (cr.MLPClassifier, "lr", "Did you mean 'learning_rate_init'?"),
    (cr.MLPClassifier, "hidden", "Did you mean 'hidden_layer_sizes'?"),
    (cr.MLPClassifier, "layers", "Did you mean 'hidden_layer_sizes'?"),
    (cr.MLPClassifier, "optimizer", "Did you mean 'solver'?"),
    (cr.MLPClassifier, "l2", "Did you mean 'alpha'?"),
    (cr.MLPRegressor, "seed", "Did you mean 'random_state'?"),
    (cr.MLPRegressor, "patience", "Did you mean 'n_iter_no_change'?"),
    (cr.MLPRegressor, "weight_decay", "Did you mean 'alpha'?"),
]


@pytest.mark.parametrize(("call", "name", "words"), ARGUMENTS)
def test_an_argument_that_there_is_not(call, name, words):
    with pytest.raises(TypeError, match=f"got an unexpected keyword argument '{name}'. .*{re.escape(words)}"):
        call(**{name: 1})


@pytest.mark.parametrize("call", [train, net, cr.Adam, cr.LBFGS, cr.schedules.Cosine, cr.MLPClassifier])
def test_an_argument_that_means_nothing_has_no_hint(call):
    with pytest.raises(TypeError, match=r"got an unexpected keyword argument 'qqq'\.$"):
        call(qqq=1)


def test_functions_with_hints_are_what_they_were():
    assert list(inspect.signature(cr.Adam).parameters)[:2] == ["learning_rate", "beta1"]
    assert list(inspect.signature(cr.Network).parameters)[:2] == ["sizes", "hidden"]
    assert "epochs" in inspect.signature(cr.Network.train).parameters
    assert clone(cr.MLPClassifier((3,))).get_params()["hidden_layer_sizes"] == (3,)
    adam = cr.AdamW(0.1, weight_decay=0.2)
    assert pickle.loads(pickle.dumps(adam)) == copy.deepcopy(adam) == replace(adam)
    assert replace(adam, learning_rate=0.3) == cr.AdamW(0.3, weight_decay=0.2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fit", "Train it: net.train(X, Y, chainrule.Adam(0.01), epochs=100).run()."),
        ("compile", "net.train("),
        ("predict", "net.forward(X) gives Ŷ"),
        ("predict_proba", "net.forward(X) gives Ŷ"),
        ("backward", "net.gradients(X, Y)"),
        ("score", "net.cost(X, Y)"),
        ("summary", "print(net)"),
        ("coefs_", "net.W[l]"),
        ("weights", "net.W[l]"),
        ("bias", "net.b[l]"),
        ("state_dict", "net.parameters"),
        ("save", "chainrule.save(net, 'name.chainrule')"),
        ("eval", "no modes"),
        ("qqq", "'Network' object has no attribute 'qqq'."),
    ],
)
def test_a_method_that_a_network_does_not_have(name, words):
    asserted(words, lambda: getattr(net(), name))
    assert not hasattr(net(), name)


def test_a_network_is_copied_and_called():
    network = net()
    assert np.array_equal(network(X), network.forward(X))
    for other in (copy.copy(network), copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert np.array_equal(other.parameters, network.parameters)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("SGD", "GradientDescent"), ("Sequential", "Network"), ("MLP", "Network"), ("adam", "Adam"),
     ("Rmsprop", "RMSProp"), ("load_model", "load"), ("gradcheck", "check_gradients"), ("to_categorical", "one_hot")],
)  # fmt: skip
def test_a_name_that_chainrule_does_not_have(name, meant):
    asserted(f"module 'chainrule' has no attribute {name!r}. Did you mean {meant!r}?", lambda: getattr(cr, name))


def test_a_data_set_that_there_is_not():
    asserted("has no attribute 'mnist'. Did you mean 'digits'? Known: flower, moons", lambda: cr.datasets.mnist())
    asserted("has no attribute 'load_iris'. Did you mean 'iris'?", lambda: cr.datasets.load_iris())
    asserted("Known: flower, moons", lambda: cr.datasets.titanic)


def test_sizes():
    asserted("Network.__init__() takes the sizes as one list: [2, 4, 1]", lambda: cr.Network(2, 4, 1))
    asserted("sizes: got 2, wanted at least [inputs, outputs], whole numbers of 1 or more, as in [2, 4, 1]",
             lambda: cr.Network(2))  # fmt: skip


def test_shapes():
    asserted("Each column is one example: give X.T.", lambda: net().forward(X.T))
    asserted("Each column is one example: give Y.T.", lambda: net(4, 3, output="softmax").cost(X3, Y3.T))
    asserted("Of one example make a column: X.reshape(-1, 1).", lambda: net().forward(X[:, 0]))
    asserted("Make it a row: Y.reshape(1, -1).", lambda: net().cost(X, Y[0]))
    asserted("X: here each row is one example: give X.T.", lambda: cr.MLPClassifier().fit(X, Y[0]))
    asserted("give y.ravel()", lambda: cr.MLPClassifier().fit(X.T, Y))


def test_labels():
    softmax = net(4, 3, output="softmax")
    asserted("Make one-hot columns of the labels: chainrule.one_hot(Y, 3).", lambda: softmax.cost(X3, LABELS))
    asserted("Make one-hot columns of the labels", lambda: softmax.cost(X3, np.array(list("abc"))[LABELS]))
    asserted("They count from 0: give labels - 1", lambda: cr.one_hot(LABELS + 1, 3))
    asserted("Of two labels make 0 and 1: Y = (Y == 1) * 1.0", lambda: net().cost(X, 2 * Y - 1))
    asserted("Of two labels make 0 and 1: Y = (Y == 2) * 1.0", lambda: net().cost(X, Y + 1))
    words = "For 3 classes: output='softmax', and targets chainrule.one_hot(Y, 3)"
    asserted(words, lambda: net(4, 1).cost(X3, LABELS[None]))
    words = "Where an example has several labels or none: output='sigmoid'"
    asserted(words, lambda: net(2, 4, 2, output="softmax").cost(X, np.r_[Y, 1 + 0 * Y]))
    asserted("MLPClassifier learns labels.", lambda: cr.MLPRegressor().fit(X.T, ["a", "b"] * 200))
    asserted("MLPRegressor learns numbers.", lambda: cr.MLPClassifier().fit(X.T, X[0]))


@pytest.mark.parametrize("function", [cr.diagnose, cr.trace, cr.check_gradients])
def test_an_estimator_where_a_network_is_wanted(function):
    pipeline, name = fitted(), function.__name__
    way = "estimator.diagnose(X, y)" if name == "diagnose" else f"chainrule.{name}(estimator.network_, X.T, …)"
    asserted(
        f"{name}: got MLPClassifier, wanted a Network. Of a fitted estimator: {way}",
        lambda: function(pipeline[-1], X.T, Y[0]),
    )
    way = f"chainrule.{name}(pipeline[-1].network_, pipeline[:-1].transform(X).T, …)"
    way = "pipeline[-1].diagnose(pipeline[:-1].transform(X), y)" if name == "diagnose" else way
    asserted(
        f"{name}: got Pipeline, wanted a Network. Of a fitted pipeline: {way}", lambda: function(pipeline, X.T, Y[0])
    )
    asserted(f"{name}: got ndarray, wanted a Network.", lambda: function(X, Y, net()))
    pipeline[-1].diagnose(pipeline[:-1].transform(X.T), Y[0])
    columns = pipeline[:-1].transform(X.T).T
    function(pipeline[-1].network_, columns, Y)


def test_a_name_that_a_trace_does_not_have():
    trace = cr.trace(net(), X, Y)
    asserted("'dw'; known: J, Y, W, b, Z, A, slope, dA, dZ, dW, db. Did you mean 'dW'?", lambda: trace["dw"])
    asserted('Layers count from 1: trace["dW"][1].', lambda: trace["dW1"])


def test_other_arguments():
    asserted("such as chainrule.schedules.Cosine(100)", lambda: train(schedule="cosine"))
    asserted("such as chainrule.schedules.Cosine(100)", lambda: train(schedule=cr.schedules.Cosine))
    asserted("wanted (X, Y) or (X, Y, weights)", lambda: train(validation=0.1))
    asserted("give validation=(X, Y) as well", lambda: train(patience=5))
    asserted("the model comes first: save(model, path)", lambda: cr.save("net.chainrule", net()))


def test_words_of_one_meaning_are_written_as_they_are_compared():
    for words, _ in elsewhere._MEANINGS:
        assert words == words.lower().replace("_", "").replace("-", "")
        assert len(words.split()) == len(set(words.split()))


WRONG = {
    "most: got 0, wanted a whole number of 1 or more": lambda: cr.check_gradients(net(), X, Y, most=0),
    "tolerance: got -1, wanted a relative error": lambda: cr.check_gradients(net(), X, Y, tolerance=-1),
    "tolerance: got nan": lambda: cr.check_gradients(net(), X, Y, tolerance=float("nan")),
    "tolerance: got 'a'": lambda: cr.check_gradients(net(), X, Y, tolerance="a"),
    "Make it a row: Y.reshape(1, -1)": lambda: cr.diagnose(net(), X, Y[0]),
    "steps: got 5, wanted the Step records": lambda: cr.diagnose(net(), X, Y, steps=5),
    "validation: got ndarray, wanted (X, Y)": lambda: cr.diagnose(net(), X, Y, validation=X),
    "seed: got 'a', wanted a whole number": lambda: cr.Network([2, 1], seed="a"),
    "seed: got -1, wanted a whole number": lambda: train(seed=-1),
}


@pytest.mark.parametrize("words", WRONG)
def test_an_argument_without_meaning_is_named(words):
    asserted(words, WRONG[words])
