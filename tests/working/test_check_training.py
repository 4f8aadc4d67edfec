"""The check of a whole training: right ones in many styles pass, and each planted mistake is named where it begins."""

from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr
from support import trainings
from support.homework import mistaken
from test_tutorial import DOCS, run_and_compare

RNG = np.random.default_rng(7)
FLOWER = cr.datasets.flower(30)
CLASSES = (RNG.standard_normal((3, 14)), np.eye(3)[:, RNG.integers(0, 3, 14)])


def stepping(make_update=trainings.plain, learning_rate=0.1, epochs=3, batch_size=4, training=trainings.stepping):
    """The training by mini-batches as a function of X and Y; 14 examples are three batches of 4 and one of 2."""
    return lambda X, Y: training(X, Y, learning_rate, epochs, batch_size, make_update)


def checked(f, examples, **options):
    return cr.check_training(f, *examples, raises=False, **options)


# -- mistakes ----------------------------------------------------------------------------------------------------------

# The fragment, what stands there instead; the update, the tensor, and what it looks like.
UPDATES = ["learning_rate * dW2", "learning_rate * db2", "learning_rate * dW1", "learning_rate * db1"]
IN_PLACE = [(f"{name} = {name} - learning", f"{name} -= learning") for name in ("W1", "b1", "W2", "b2")]
KEPT = 'history.append({"W1": W1, "b1": b1, "W2": W2, "b2": b2})'
ADDED = [
    ("costs, history = [], []", "costs, history, s = [], [], {}"),
    (
        "W1 = W1 -",
        "dW2, db2, dW1, db1 = (s.setdefault(d.shape, []).append(d) or sum(s[d.shape]) for d in (dW2, db2, dW1, db1)); "
        "W1 = W1 -",
    ),
]
LOOP = "for i in range(num_iterations):"
OLD = [
    (LOOP, f"W1_, W2_, b1_, b2_ = W1, W2, b1, b2\n    {LOOP}"),
    ("np.dot(W1, X) + b1", "np.dot(W1_, X) + b1_"),
    ("np.dot(W2, A1) + b2", "np.dot(W2_, A1) + b2_"),
    ("np.dot(W2.T, dZ2)", "np.dot(W2_.T, dZ2)"),
]
ALIKE = [
    ("rng.standard_normal((4, 2)) * 0.5", "np.full((4, 2), 0.5)"),
    ("rng.standard_normal((1, 4))", "np.ones((1, 4))"),
]
ZEROS = [("rng.standard_normal((4, 2))", "np.zeros((4, 2))"), ("rng.standard_normal((1, 4))", "np.zeros((1, 4))")]
BINARY = "-np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m"
RATE = "m = X.shape[1]; learning_rate"

# What is replaced; the update, the tensor, and what it looks like.
OF_ONE_HIDDEN = {
    "no rate in W2": ([("W2 - learning_rate * dW2", "W2 - dW2")], 2, "W[2]", "the update has no learning rate"),
    "no rate": ([(one, one[16:]) for one in UPDATES], 2, "W[2]", "the learning rate is never used"),
    "one rate": ([("m = X.shape[1]", f"{RATE} = 1.2")], 2, "W[2]", "the learning rate is never used"),
    "another rate": (
        [("m = X.shape[1]", f"{RATE} *= 0.3")],
        1,
        "W[2]",
        "is 0.3 times what it should be, as with α = 0.36",
    ),
    "rate / m": ([("m = X.shape[1]", f"{RATE} /= m")], 1, "W[2]", "it is divided by m once more"),
    "ascent": (
        [(f"- {one}", f"+ {one}") for one in UPDATES],
        1,
        "W[2]",
        "the sign is wrong: the update goes up the slope",
    ),
    "no biases": ([(f"b{l} = b{l} -", f"b = b{l} -") for l in (1, 2)], 1, "b[2]", "the biases are never updated"),
    "last layer only": (
        [("b1 = b1 -", "b = b1 -"), ("W1 = W1 -", "W = W1 -")],
        1,
        "W[1]",
        "only the last layer is trained",
    ),
    "nothing": (
        [(f"{one} = {one} -", f"new = {one} -") for one in ("W1", "b1", "W2", "b2")],
        1,
        "W[2]",
        "the parameters never change",
    ),
    "no 1/m": ([("dZ2 = A2 - Y", "dZ2 = (A2 - Y) * m")], 1, "W[2]", "the factor 1/m is missing"),
    "zeros": (ZEROS, 0, "W[1]", "all weights begin at 0"),
    "alike": (ALIKE, 0, "W[1]", "all weights begin alike"),
    "one array": (IN_PLACE, 1, "W[1], b[1], W[2], b[2]", "the parameters are one and the same array each time"),
    "one array of biases": (
        [IN_PLACE[1], IN_PLACE[3]],
        1,
        "b[1], b[2]",
        "the parameters are one and the same array each time",
    ),
    "too early": (
        [(f"        {KEPT}\n", ""), ("A1 = np.tanh(", f"{KEPT}; A1 = np.tanh(")],
        12,
        "parameters",
        "before the update instead of after it",
    ),
    "no slope": ([("* (1 - A1**2)", "")], 1, "W[1]", "the derivative g′ is missing: dZ = dA"),
    "W2 first": (
        [("np.dot(W2.T, dZ2)", "np.dot((W2 - learning_rate * dW2).T, dZ2)")],
        1,
        "W[1]",
        "W[l] is updated before it goes back",
    ),
    "old gradients": (OLD, 2, "W[2]", "the gradients are those of the first update again"),
    "added up": (ADDED, 2, "W[2]", "the gradients are added up from update to update"),
    "NaN": (
        [("dZ2 = A2 - Y", "A2 = np.round(A2) if i == 2 else A2; dZ2 = (-Y / A2 + (1 - Y) / (1 - A2)) * A2 * (1 - A2)")],
        3,
        "W[2]",
        "",
    ),
    "another cost": (
        [(BINARY, "np.sum((A2 - Y) ** 2) / (2 * m)")],
        1,
        "cost",
        "it is that of the half_squared_error loss",
    ),
    "cost without 1/m": ([(BINARY, BINARY[:-4])], 1, "cost", "the factor 1/m is missing"),
    "cost of the start": (
        [("costs.append(cost)", "costs.append(costs[0] if costs else cost)")],
        2,
        "cost",
        "it is that of the parameters before the first update, each time",
    ),
    "every second": (
        [(KEPT, f"i % 2 and {KEPT}"), ("costs.append(cost)", "i % 2 and costs.append(cost)")],
        1,
        "W[2]",
        "there are 2 updates between one and the next",
    ),
    "every third, with the first": (
        [(KEPT, f"i % 3 or {KEPT}"), ("costs.append(cost)", "i % 3 or costs.append(cost)")],
        2,
        "W[2]",
        "there are 3 updates between one and the next",
    ),
    "made inside the loop": (
        [(LOOP, f"start = W1, b1, W2, b2\n    {LOOP}\n        W1, b1, W2, b2 = start")],
        2,
        "W[2]",
        "each one begins with the first parameters again, which are made inside the loop",
    ),
    "b without a sum": (
        [("np.sum(dZ1, axis=1, keepdims=True) / m", "dZ1 / m")],
        1,
        "b[1]",
        "the sum over the examples is missing",
    ),
}
FROM = 'g[f"{name}{l}"]\n'
OF_DEEP = {
    "reverse order": ([(FROM, 'g[f"{name}{L + 1 - l}"]\n')], 1, "W[3]", "the gradients are in the reverse order"),
    "written into l + 1": (
        [
            ("for l in range(1, L + 1):\n            for", "for l in range(1, L):\n            for"),
            ('p[f"{name}{l}"] = p', 'p[f"{name}{l + 1}"] = p'),
        ],
        1,
        "W[3]",
        "the layers are shifted: the update of layer l is written into layer l + 1",
    ),
    "of the layer before": (
        [(FROM, 'g[f"{name}{max(l - 1, 1)}"]\n')],
        1,
        "W[3]",
        "the layers are shifted: each layer is updated with the gradient of the layer before it",
    ),
    "the last W": (
        [('(p[f"W{l}"].T @ dZ)', '(p[f"W{L}"].T @ dZ)')],
        1,
        "W[1]",
        "the W of the last layer is used for every layer",
    ),
    "keepdims": (
        [("dZ.sum(axis=1, keepdims=True)", "dZ.sum(axis=1)"), ("num_iterations=8", "num_iterations=1")],
        1,
        "b[3]",
        "a column and a vector make a square",
    ),
}
OF_L2 = {
    "l2 in the cost": ([("/ m + penalty)", "/ m)")], 1, "cost", "the term of L2, (λ/2m) Σ ‖W‖², is missing"),
    "l2 in dW": ([(' + lambd / m * p[f"W{l}"]', "")], 1, "W[3]", "the term of L2, (λ/m) W, is missing"),
    "l2 in db": (
        [
            ("keepdims=True) / m", 'keepdims=True) / m + lambd / m * p[f"b{l}"]'),
            ("np.zeros((3, 1))", "rng.standard_normal((3, 1))"),
        ],
        1,
        "b[3]",
        "the term of L2 is in db as well",
    ),
}


@pytest.mark.parametrize("which", [*OF_DEEP, *OF_L2])
def test_mistakes_of_many_layers(which):
    changes, update, tensor, words = (OF_DEEP | OF_L2)[which]
    options = {"l2": 0.7} if which in OF_L2 else {}
    assert_named(checked(mistaken(trainings.deep, *changes), CLASSES, **options), update, tensor, words)


X_BATCH, Y_BATCH = (f"{A}_epoch[:, start : start + batch_size]" for A in "XY")
IN_ORDER = ("rng.permutation(m)", "np.arange(m)")
# Of the training by batches: the same, with what is said to the check.
OF_BATCHES = {
    "cost / m": (
        [("np.log(A2)) / size", "np.log(A2)) / m")],
        {},
        1,
        "cost",
        "it is divided by 14, the size of the whole set",
    ),
    "cost of the batch before": (
        [
            (
                "costs.append(cost)",
                "kept = [*kept, cost] if costs else [cost]; costs.append(kept[max(len(kept) - 2, 0)])",
            )
        ],
        {},
        2,
        "cost",
        "it is of the batch before",
    ),
    "another set": (
        [
            ("for epoch in", "X0, Y0 = X[:, 9:], Y[:, 9:]; m = 9\n    for epoch in"),
            (
                "cost = -np.sum(Y_batch * np.log(A2)) / size",
                "E0 = np.exp(W[2] @ np.tanh(W[1] @ X0 + b[1]) + b[2]); "
                "cost = -np.sum(Y0 * np.log(E0 / E0.sum(axis=0))) / 5",
            ),
        ],
        {},
        1,
        "cost",
        "it is of 5 other examples",
    ),
    "gradient / batch_size": (
        [("(1 - A1**2)", "(1 - A1**2); size = batch_size")],
        {},
        4,
        "W[2]",
        "it is divided by 4, the size of the first batch",
    ),
    "gradient / m": (
        [("(1 - A1**2)", "(1 - A1**2); size = m")],
        {"optimizer": cr.GradientDescent(0.1)},
        1,
        "W[2]",
        "it is divided by 14, the size of the whole set",
    ),
    "one batch": (
        [(X_BATCH, "X_epoch[:, :batch_size]"), (Y_BATCH, "Y_epoch[:, :batch_size]"), IN_ORDER],
        {},
        2,
        "batches",
        "the same 4 examples in each update: one batch, again and again",
    ),
    "all": ([(X_BATCH, "X_epoch"), (Y_BATCH, "Y_epoch")], {"batch_size": 4}, 1, "batches", "the batches are not used"),
    "other batches": (
        [("size = X_batch", "pass; size = X_batch")],
        {"batch_size": 5},
        1,
        "batches",
        "the batches have 4 examples instead of 5",
    ),
    "shuffled apart": (
        [("Y[:, order]", "Y[:, rng.permutation(m)]")],
        {},
        1,
        "W[2]",
        "X and Y of a batch are not of the same examples",
    ),
    "a gap": (
        [
            (X_BATCH, X_BATCH.replace("_size]", "_size - 1]")),
            (Y_BATCH, Y_BATCH.replace("_size]", "_size - 1]")),
            IN_ORDER,
        ],
        {},
        1,
        "batches",
        "3 of the 14 examples are in no batch: 3, 7, 11, counted from 0",
    ),
    "added up": (
        [
            (
                "db = [None, dZ1",
                "dW = [None, dW[1] + (summed[0] if start else 0), dW[2] + (summed[1] if start else 0)]; "
                "summed = dW[1:]; db = [None, dZ1",
            )
        ],
        {},
        2,
        "W[2]",
        "the gradients are added up from batch to batch",
    ),
}


@pytest.mark.parametrize("which", OF_BATCHES)
def test_mistakes_of_batches(which):
    changes, options, update, tensor, words = OF_BATCHES[which]
    training = mistaken(trainings.stepping, *changes)
    assert_named(checked(stepping(training=training), CLASSES, **options), update, tensor, words)


RULES = {"momentum": cr.Momentum(0.1), "rmsprop": cr.RMSProp(0.1), "adam": cr.Adam(0.1)}
V, COUNT = "v.get(name, 0)", "times.get(name, 0) + 1"
OF_STEPS = {
    ("momentum", "(1 - beta) * d", "d"): (1, "the factor 1 − β is missing"),
    ("momentum", "+ (1 - beta)", "- (1 - beta)"): (1, "the sign is wrong: the update goes up the slope"),
    ("momentum", f"beta * {V}", f"-beta * {V}"): (2, "the old v has the wrong sign"),
    ("momentum", V, "0"): (2, "v is never kept"),
    ("momentum", "learning_rate * v[name]", "v[name]"): (1, "the update has no learning rate"),
    ("momentum", f"beta * {V} + (1 - beta)", f"(1 - beta) * {V} + beta"): (1, "β and 1 − β are in each other's place"),
    ("momentum", V, "v.get(name, d)"): (1, "v begins with the first gradient instead of 0"),
    ("momentum", "learning_rate * v[name]", "learning_rate * d"): (1, "there is no momentum in it: W − α dW"),
    ("adam", "v_hat = v[name] / (1 - beta1**t)", "v_hat = v[name]"): (1, "v has no bias correction"),
    ("adam", "s_hat = s[name] / (1 - beta2**t)", "s_hat = s[name]"): (1, "s has no bias correction"),
    ("adam", "learning_rate * v_hat / (np.sqrt(s_hat)", "learning_rate * v[name] / (np.sqrt(s[name])"): (
        1,
        "there is no bias correction",
    ),
    ("adam", "times.get(name, 0)", "times.get(name, -1)"): (1, "t counts from 0"),
    ("adam", "**t)\n        s_hat = s[name] / (1 - beta2**t", " * t)\n        s_hat = s[name] / (1 - beta2 * t"): (
        2,
        "the power is missing: 1 − β₁ t and 1 − β₂ t",
    ),
    ("adam", "beta2**t", "beta1**t"): (1, "one correction for both: s is divided by 1 − β₁ᵗ"),
    ("adam", "np.sqrt(s_hat) + epsilon", "np.sqrt(s_hat + epsilon)"): (1, "ε is inside the root"),
    ("adam", COUNT, "1"): (2, "t stays 1"),
    ("adam", f"t = times[name] = {COUNT}", "t = times[0] = times.get(0, 0) + 1; t = (t + 1) // 2"): (
        1,
        "t is increased in each layer",
    ),
    ("adam", "v_hat = v[name] /", "v_hat = v[name] = v[name] /"): (2, ""),
    ("adam", "v_hat / (np.sqrt(s_hat)", "s_hat / (np.sqrt(v_hat)"): (1, "v and s are in each other's place"),
    ("adam", "(1 - beta2) * d**2", "(1 - beta2) * d"): (1, "the square is missing"),
    ("adam", "learning_rate * v_hat", "v_hat"): (1, "the update has no learning rate"),
    ("rmsprop", "np.sqrt(s[name]) + epsilon", "np.sqrt(s[name] + epsilon)"): (1, "ε is inside the root"),
    ("rmsprop", "np.sqrt(s[name])", "s[name]"): (1, "the root is missing"),
    ("rmsprop", "(1 - beta) * d**2", "d**2"): (1, "the factor 1 − β is missing"),
}


@pytest.mark.parametrize("which", OF_STEPS, ids=" ".join)
def test_mistakes_of_steps(which):
    name, fragment, instead = which
    update, words = OF_STEPS[which]
    f = stepping(mistaken(getattr(trainings, name), (fragment, instead)))
    check = checked(f, CLASSES, optimizer=RULES[name])
    assert_named(check, update, check.first_wrong.name, words)


@pytest.mark.parametrize("which", OF_ONE_HIDDEN)
def test_mistakes_of_one_hidden_layer(which):
    changes, update, tensor, words = OF_ONE_HIDDEN[which]
    assert_named(checked(mistaken(trainings.one_hidden, *changes), FLOWER), update, tensor, words)


def assert_named(check, update, tensor, words):
    assert not check
    first = check.first_wrong
    assert (first.update, first.name) == (update, tensor), check
    assert any(words in text for text in first.looks_like) or not words, check
    assert len(first.looks_like) <= 2, check


@pytest.mark.parametrize("homework", [trainings.one_hidden, trainings.deep])
def test_right_trainings(homework):
    examples = FLOWER if homework is trainings.one_hidden else CLASSES
    check = checked(homework, examples)
    assert check, check
    assert check.notes == (), check


@pytest.mark.parametrize("update", ["plain", "momentum", "rmsprop", "adam"])
def test_right_steps(update):
    check = checked(stepping(getattr(trainings, update)), CLASSES)
    assert check, check
    assert check.notes == (), check


# -- right trainings in other styles -----------------------------------------------------------------------------------


def logistic_regression(X, Y, num_iterations=6, learning_rate=0.5):
    """The course's logistic regression: w (n, 1), b a number, gradients and costs from a function."""

    def propagate(w, b):
        A = 1 / (1 + np.exp(-(np.dot(w.T, X) + b)))
        cost = float(-(np.dot(Y, np.log(A).T) + np.dot(1 - Y, np.log(1 - A).T)).item() / X.shape[1])
        return {"dw": np.dot(X, (A - Y).T) / X.shape[1], "db": np.sum(A - Y) / X.shape[1]}, cost

    w, b, costs, history = np.zeros((X.shape[0], 1)), 0.0, [], []
    for _ in range(num_iterations):
        grads, cost = propagate(w, b)
        w, b = w - learning_rate * grads["dw"], b - learning_rate * grads["db"]
        costs.append(cost)
        history.append((w, b))
    return {"costs": costs, "w": [w for w, b in history], "b": [b for w, b in history], "learning_rate": learning_rate}


def loops(X, Y):
    """One example after the other, unit by unit, and lists [W1, b1, W2, b2]."""
    W1, b1 = [[0.3, -0.2], [0.1, 0.5], [-0.4, 0.2]], [0.0, 0.0, 0.0]
    W2, b2, m = [0.2, -0.6, 0.4], 0.0, X.shape[1]
    history, costs = [[np.array(W1), np.array(b1), np.array([W2]), b2]], []
    for _ in range(4):
        J, dW1, db1 = 0.0, np.zeros((3, 2)), np.zeros(3)
        dW2, db2 = np.zeros(3), 0.0
        for i in range(m):
            a1 = [np.tanh(sum(W1[k][j] * X[j, i] for j in range(2)) + b1[k]) for k in range(3)]
            a2 = 1 / (1 + np.exp(-(sum(W2[k] * a1[k] for k in range(3)) + b2)))
            J += -np.log(a2) if Y[0, i] == 1 else -np.log(1 - a2)
            dz2 = a2 - Y[0, i]
            for k in range(3):
                dz1 = dz2 * W2[k] * (1 - a1[k] ** 2)
                dW2[k] += dz2 * a1[k] / m
                db1[k] += dz1 / m
                dW1[k] += dz1 * X[:, i] / m
            db2 += dz2 / m
        costs.append(J / m)
        W1 = [[W1[k][j] - 0.5 * dW1[k, j] for j in range(2)] for k in range(3)]
        b1, W2, b2 = [b1[k] - 0.5 * db1[k] for k in range(3)], [W2[k] - 0.5 * dW2[k] for k in range(3)], b2 - 0.5 * db2
        history.append([np.array(W1), np.array(b1), np.array([W2]), b2])
    return costs, history


class Classifier:
    """Examples as rows, W (n[l-1], n[l]), relu and softmax; a history of weights and biases in the object."""

    def __init__(self, sizes=(3, 6, 3), eta=0.2):
        rng = np.random.default_rng(4)
        self.weights = [rng.normal(0, 0.7, shape) for shape in pairwise(sizes)]
        self.biases, self.eta = [np.zeros(n) for n in sizes[1:]], eta
        self.losses, self.history = [], []

    def snapshot(self):
        self.history.append({"weights": [w.copy() for w in self.weights], "biases": [b.copy() for b in self.biases]})

    def fit(self, X, Y):
        self.snapshot()
        for _ in range(5):
            H = np.maximum(X @ self.weights[0] + self.biases[0], 0)
            P = np.exp(H @ self.weights[1] + self.biases[1])
            P /= P.sum(axis=1, keepdims=True)
            self.losses.append(-np.log(P[np.arange(len(X)), Y]).mean())
            D = P.copy()
            D[np.arange(len(X)), Y] -= 1
            D /= len(X)
            back = (D @ self.weights[1].T) * (H > 0)
            for l, (A, d) in enumerate([(X, back), (H, D)]):
                self.weights[l] -= self.eta * A.T @ d
                self.biases[l] -= self.eta * d.sum(axis=0)
            self.snapshot()
        return self


def generator(X, Y):
    """Regression by batches of five, a pair after each update; W and b change in place."""
    rng = np.random.default_rng(0)
    W, b = [rng.standard_normal((4, 1)), rng.standard_normal((1, 4))], [np.zeros((4, 1)), np.zeros((1, 1))]
    for _ in range(3):
        order = np.random.permutation(X.shape[1])
        for picked in np.array_split(order, 4):
            x, y = np.take(X, picked, axis=1), Y[:, picked]
            A = np.tanh(W[0] @ x + b[0])
            E = W[1] @ A + b[1] - y
            cost = 0.5 * np.mean(E**2)
            D = W[1].T @ E * (1 - A**2)
            for l, (d, before) in enumerate([(D, x), (E, A)]):
                W[l] -= 0.1 * d @ before.T / len(picked)
                b[l] -= 0.1 * d.mean(axis=1, keepdims=True)
            yield cost, (W, b)


def of_the_library(X, Y):
    """Networks of this library, in float32, as they are after each epoch of one batch."""
    net = cr.Network([3, 4, 3], hidden="sigmoid", output="softmax", seed=0, dtype=np.float32)
    costs, kept = [], [(list(net.W[1:]), list(net.b[1:]))]
    kept = [([w.copy() for w in kept[0][0]], [v.copy() for v in kept[0][1]])]
    for step in net.train(X, Y, cr.Adam(0.05), epochs=6):
        costs.append(step.cost)
        kept.append(([w.copy() for w in net.W[1:]], [v.copy() for v in net.b[1:]]))
    return costs, kept


def sine():
    x = np.linspace(-2, 2, 21)[None]
    return x, np.sin(x)


ROWS_OF_CLASSES = CLASSES[0].T, CLASSES[1].T
ROWS = CLASSES[0].T, CLASSES[1].argmax(axis=0)
STYLES = {
    "logistic regression": (logistic_regression, FLOWER, {}),
    "loops": (loops, FLOWER, {}),
    "a class, rows, labels": (lambda X, Y: Classifier().fit(X, Y), ROWS, {"rows_are_examples": True}),
    "a class, rows, without the hint": (lambda X, Y: Classifier().fit(X, Y), ROWS, {}),
    "a generator": (generator, sine(), {}),
    "of this library, float32, Adam": (of_the_library, CLASSES, {"optimizer": cr.Adam(0.05)}),
    "the optimizer inferred": (stepping(trainings.adam), CLASSES, {}),
    "rows, batches": (lambda X, Y: stepping()(X.T, Y.T), ROWS_OF_CLASSES, {}),
    "rows, batches, a hint": (lambda X, Y: stepping()(X.T, Y.T), ROWS_OF_CLASSES, {"rows_are_examples": True}),
}


@pytest.mark.parametrize("style", STYLES)
def test_right_trainings_in_many_styles(style):
    f, examples, options = STYLES[style]
    check = checked(f, examples, **options)
    assert check, check
    assert check.parts[0].checked >= 4
    assert check.parts[-1].name == "cost", check


UNUSUAL = {
    "the last batch is dropped": (
        [("range(0, m, batch_size)", "range(0, m - batch_size + 1, batch_size)")],
        "the last, short batch is left out: 2 of the 14 examples in each epoch",
    ),
    "no other order": ([("rng.permutation(m)", "np.arange(m)")], ""),
    "the mean of the epoch": (
        [
            (
                "            costs.append(cost)",
                "            costs.append(cost) if not start else costs.append(costs.pop() + cost)",
            ),
            (
                "for epoch in range(epochs):",
                "for epoch in range(epochs):\n        costs[-1:] = [c / 4 for c in costs[-1:]]",
            ),
            ("return costs,", "costs[-1:] = [c / 4 for c in costs[-1:]]\n    return costs,"),
        ],
        "the costs are the mean over the batches of each epoch",
    ),
    "a rate that decays": (
        [("order = rng", "update = make_update(learning_rate / (1 + epoch)); order = rng")],
        "the learning rate is not the same in all updates: from 0.1 to 0.0333333",
    ),
    "drawn with replacement": ([("rng.permutation(m)", "rng.integers(0, m, m)")], ""),
    "the cost of the whole set": (
        [
            (
                "cost = -np.sum(Y_batch * np.log(A2)) / size",
                "E_ = np.exp(W[2] @ np.tanh(W[1] @ X + b[1]) + b[2]); "
                "cost = -np.sum(Y * np.log(E_ / E_.sum(axis=0))) / m",
            )
        ],
        "the costs are of the whole set, before its update",
    ),
}


@pytest.mark.parametrize("which", UNUSUAL)
def test_what_is_unusual_is_told_and_not_blamed(which):
    changes, words = UNUSUAL[which]
    check = checked(stepping(training=mistaken(trainings.stepping, *changes)), CLASSES)
    assert check, check
    assert any(words in note for note in check.notes) if words else not check.notes, check


def test_the_page_prints_what_it_shows():
    run_and_compare((DOCS / "check-training.md").read_text(encoding="utf-8"), {"__name__": "page"})


# -- what is said of it ------------------------------------------------------------------------------------------------


def test_a_wrong_training_is_an_error_with_its_check_and_what_follows_from_a_mistake_is_not_told():
    wrong = mistaken(trainings.one_hidden, ("* (1 - A1**2)", ""))
    with pytest.raises(cr.TrainingError, match=r"The first thing that is wrong is W\[1\] in update 1") as error:
        cr.check_training(wrong, *FLOWER)
    check = error.value.check
    assert [one.name for one in check.wrong] == ["W[1]"]
    assert {part.name: part.wrong for part in check.parts} == {"W[2]": 0, "b[2]": 0, "W[1]": 12, "b[1]": 12, "cost": 0}
    assert check.first_wrong.equation == (
        "It should be W[1] = W[1] − α dW[1], where dW[1] = (1/m) dZ[1] A[0]ᵀ, "
        "with dZ[1] = dA[1] ∗ g[1]′(Z[1]), dA[1] = W[2]ᵀ dZ[2]."
    )
    index, got, wanted = check.first_wrong.worst[0]
    assert len(index) == 2
    assert got != pytest.approx(wanted)


def test_two_mistakes_are_told_apart():
    changes = [("np.log(1 - A2)) / m", "np.log(1 - A2))"), ("b1 = b1 - learning_rate * db1", "pass")]
    check = checked(mistaken(trainings.one_hidden, *changes), FLOWER)
    assert [(one.name, one.looks_like) for one in check.wrong] == [
        ("b[1]", ("the biases are never updated: b[1]",)),
        ("cost", ("the factor 1/m is missing",)),
    ]
    assert [(part.checked, part.wrong) for part in check.parts if part.name in ("W[1]", "b[1]", "cost")] == [
        (12, 0),
        (12, 12),
        (12, 12),
    ]


def test_costs_that_nothing_is_compared_with_are_not_counted():
    f = mistaken(trainings.one_hidden, ("dZ2 = A2 - Y", "dZ2 = (A2 - Y) * (np.nan if i == 3 else 1)"))
    check = checked(f, FLOWER)
    cost = check.parts[-1]
    assert (cost.name, cost.checked, cost.wrong) == ("cost", check.updates, 0)
    assert 3 <= check.updates <= 4  # of 12


def test_what_was_said_is_held_against_the_training():
    f = trainings.one_hidden
    assert checked(f, FLOWER, hidden="tanh", output="sigmoid", optimizer=cr.GradientDescent(0.5), l2=0)
    check = checked(lambda X, Y: f(X, Y), FLOWER, optimizer=cr.GradientDescent(0.5))
    assert_named(check, 2, "W[2]", "the step is 2.4 times what it should be, as with α = 1.2")
    check = checked(f, FLOWER, hidden="relu")
    assert_named(check, 1, "W[2]", "the hidden units are computed with tanh, but g is relu")
    check = checked(trainings.deep, CLASSES, optimizer=cr.Adam(0.3))
    assert_named(check, 1, "W[3]", "it is the update of GradientDescent(learning_rate=0.3), not of Adam")
    assert not checked(trainings.deep, CLASSES, loss="half_squared_error", output="sigmoid")


def test_a_training_is_not_changed_by_being_looked_at():
    np.random.seed(5)
    wanted = np.random.rand()
    np.random.seed(5)
    kept = FLOWER[0].copy()

    def careless(X, Y):
        np.random.seed(1)
        costs, history = trainings.one_hidden(X, Y)
        X *= 0
        return costs, history

    assert checked(careless, FLOWER)
    assert np.random.rand() == wanted
    np.testing.assert_array_equal(FLOWER[0], kept)


def test_only_the_first_updates_are_checked_of_many():
    check = checked(trainings.one_hidden, FLOWER, most=5)
    assert check
    assert check.updates == 5
    assert check.notes == ("only the first 5 updates are checked (most=)",)


P = {"W1": np.ones((4, 2)), "b1": np.zeros((4, 1)), "W2": np.ones((1, 4)), "b2": np.zeros((1, 1))}
REFUSED = {
    "nothing": (lambda X, Y: None, {}, r"f: got None, wanted \(costs, parameters\)"),
    "costs only": (lambda X, Y: [0.7, 0.6], {}, r"cannot find W and b in the parameters \(float\)"),
    "the last only": (lambda X, Y: ([0.7, 0.6], P), {}, "got the parameters of one moment only"),
    "no b": (lambda X, Y: ([0.7], [{"W1": P["W1"]}]), {}, r"cannot find W and b in the parameters \{'W1'\}"),
    "other shapes": (lambda X, Y: ([0.7], [{**P, "W1": np.ones((4, 3))}]), {}, r"shapes do not go together.*\(4, 3\)"),
    "another argument": (lambda X, Y, sizes: None, {}, "f: takes sizes beside X and Y, wanted a function of X and Y"),
    "rows": (trainings.one_hidden, {"rows_are_examples": True}, "do not go together, with examples as rows"),
    "no beginning": (
        lambda X, Y: trainings.one_hidden(X, Y),
        {"optimizer": cr.Adam(1.0)},
        "Adam remembers what was before",
    ),
    "L-BFGS": (trainings.one_hidden, {"optimizer": cr.LBFGS()}, "whose steps cannot be recomputed one by one"),
    "a rate": (trainings.one_hidden, {"optimizer": 0.1}, "optimizer: got 0.1, wanted one such as"),
    "no batch": (trainings.one_hidden, {"batch_size": 0}, "batch_size: got 0, wanted a whole number of 1 or more"),
    "a rate of 0": (lambda X, Y, lr=0: None, {}, "the learning rate lr is 0, wanted one above 0"),
    "no such loss": (trainings.one_hidden, {"loss": "mse"}, "Did you mean 'half_squared_error'?"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_what_cannot_be_understood_is_refused_with_what_is_wanted(which):
    f, options, words = REFUSED[which]
    with pytest.raises((ValueError, TypeError), match=words):
        checked(f, FLOWER, **options)


def test_an_error_of_the_training_says_with_what_it_was_called():
    with pytest.raises(ZeroDivisionError) as error:
        checked(lambda X, Y, lr=0.5: 1 / 0, FLOWER)
    assert error.value.__notes__ == ["(in f, called with X (2, 30), Y (1, 30))"]


FORMS = {
    "pairs": lambda costs, history: list(zip(costs, history, strict=True)),
    "dictionaries": lambda costs, history: [{"cost": c, **p} for c, p in zip(costs, history, strict=True)],
    "stacks": lambda costs, history: {"costs": costs, **{key: [p[key] for p in history] for key in history[0]}},
    "arrays": lambda costs, history: (np.array(costs), {key: np.stack([p[key] for p in history]) for key in P}),
    "the last and all": lambda costs, history: (history[-1], costs, history),
    "by number": lambda costs, history: (costs, dict(enumerate(history))),
    "tuples": lambda costs, history: (costs, [(p["W1"], p["W2"], p["b1"], p["b2"]) for p in history]),
    "layers": lambda costs, history: (costs, [{l: {k: p[f"{k}{l}"] for k in "Wb"} for l in (1, 2)} for p in history]),
    "halves": lambda costs, history: (costs, [{k: [None, p[f"{k}1"], p[f"{k}2"]] for k in "Wb"} for p in history]),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_a_training_gives_back_may_have_any_form(form):
    check = checked(lambda X, Y: FORMS[form](*trainings.one_hidden(X, Y)), FLOWER)
    assert check
    assert (check.updates, check.parts[-1].name) == (11, "cost")


def test_one_example_after_the_other():
    def f(X, Y, alpha=0.1):
        w, b = np.zeros((1, 2)), 0.0
        for x, y in zip(X.T, Y.T, strict=True):
            a = 1 / (1 + np.exp(-(w @ x + b)))
            cost = -(y * np.log(a) + (1 - y) * np.log(1 - a))
            w, b = w - alpha * np.outer(a - y, x), b - alpha * (a - y)
            yield cost, (w, b)

    check = checked(f, FLOWER)
    assert check, check
    assert "batches of 1 of 30 examples" in check.training


def test_a_loss_without_the_half_is_another_loss():
    def f(X, Y):
        w, b, history, costs = np.array([[0.3, -0.2]]), 0.0, [(np.array([[0.3, -0.2]]), 0.0)], []
        for _ in range(4):
            E = w @ X + b - Y
            costs.append(np.mean(E**2))
            w, b = w - 0.1 * 2 * E @ X.T / X.shape[1], b - 0.1 * 2 * E.mean()
            history.append((w, b))
        return costs, history

    examples = FLOWER[0], 3 * FLOWER[0][:1]
    check = checked(f, examples, optimizer=cr.GradientDescent(0.1))
    assert check, check
    assert "loss='squared_error'" in check.training
    assert checked(f, examples, loss="squared_error", output="identity")
    words = "a factor 2 is left over: the loss is ½ (a − y)², not (a − y)²"
    options = {"optimizer": cr.GradientDescent(0.1), "loss": "half_squared_error"}
    assert_named(checked(f, examples, **options), 1, "W[1]", words)


@pytest.mark.parametrize(
    "front", [[], [trainings.one_hidden(*FLOWER, learning_rate=0)[1][0]]], ids=["", "after a copy"]
)
def test_one_dictionary_for_all_updates(front):
    def f(X, Y):
        costs, history = trainings.one_hidden(X, Y)
        parameters, kept = {}, [*front]
        for one in history:
            parameters.update(one)
            kept.append(parameters)
        return costs, kept

    assert_named(checked(f, FLOWER), 1, "W[1], b[1], W[2], b[2]", "one and the same array each time")


def test_inputs_that_are_normalized_inside_are_told():
    def f(X, Y):
        return trainings.one_hidden((X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True), Y)

    check = checked(f, FLOWER)
    assert check, check
    assert "X is changed before it is used: the check goes on with (X − μ) / σ" in repr(check)


def test_a_training_with_dropout_is_called_without():
    def f(X, Y, keep_prob=0.8, dropout=0.2):
        assert (keep_prob, dropout) == (1, 0)
        return trainings.one_hidden(X, Y)

    assert checked(f, FLOWER)


def test_a_learning_rate_that_was_said_is_handed_on():
    called = []

    def f(X, Y, lr):
        called.append(lr)
        return trainings.one_hidden(X, Y, learning_rate=lr)

    assert checked(f, FLOWER, optimizer=cr.GradientDescent(0.5))
    assert called == [0.5, 0.5, 0.0, 0.25]
    assert checked(f, FLOWER)


def test_a_training_that_draws_from_a_generator_of_its_own_is_checked_from_the_second_update_on():
    def f(X, Y, learning_rate=0.5):
        rng = np.random.default_rng()
        w, b, history, costs = rng.standard_normal((1, 2)), 0.0, [], []
        for _ in range(5):
            A = 1 / (1 + np.exp(-(w @ X + b)))
            costs.append(-np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A)))
            w, b = w - learning_rate * (A - Y) @ X.T / X.shape[1], b - learning_rate * (A - Y).mean()
            history.append((w, b))
        return costs, history

    check = checked(f, FLOWER)
    assert check, check
    assert check.parts[0].checked == 4
    assert "the first update is not checked" in check.notes[0]


def test_an_optimizer_that_remembers_is_not_blamed_for_a_beginning_that_is_missing():
    def f(X, Y):
        costs, history = stepping(trainings.momentum)(X, Y)
        return costs, history[1:]

    with pytest.raises(ValueError, match="put a copy of them in front; or say optimizer="):
        checked(f, CLASSES)
    assert not checked(f, CLASSES, optimizer=cr.GradientDescent(0.1))


def test_another_constant_is_told():
    check = checked(stepping(trainings.adam), CLASSES, optimizer=cr.Adam(0.1, beta1=0.8))
    assert_named(check, 2, "W[2]", "it is the update with beta1=0.9, not with beta1=0.8")
    check = checked(stepping(trainings.momentum), CLASSES, optimizer=cr.Momentum(0.2))
    assert_named(check, 1, "W[2]", "the step is 0.5 times what it should be, as with α = 0.1")


COUNTS = {
    "every tenth": (slice(None, None, 10), "the costs are of the first of each 10 updates"),
    "some": ([0, 3, 5, 19, 21], "the costs are of the updates 1, 4, 6, …"),
}


@pytest.mark.parametrize("which", COUNTS)
def test_fewer_costs_than_updates(which):
    kept, words = COUNTS[which]

    def f(X, Y, learning_rate=1.2):
        costs, history = trainings.one_hidden(X, Y, learning_rate, 30)
        return np.array(costs)[kept], history

    check = checked(f, FLOWER)
    assert check, check
    assert check.notes == (words,)


def test_where_NaN_comes_from():
    by_dA = ("dZ2 = A2 - Y", "dZ2 = (-Y / A2 + (1 - Y) / (1 - A2)) * A2 * (1 - A2)")
    large = ("rng.standard_normal((1, 4)) * 0.5", "rng.standard_normal((1, 4)) * 2000")
    in_front = ("costs, history = [], []", 'costs, history = [], [{"W1": W1, "b1": b1, "W2": W2, "b2": b2}]')
    check = checked(mistaken(trainings.one_hidden, by_dA, large, in_front), FLOWER, hidden="tanh", output="sigmoid")
    assert_named(check, 1, "W[2]", "is 0/0 where A is 0 or 1 to the last digit: dZ[L] = A[L] − Y never is")
    assert check.first_wrong.problem == "NaN or infinite"
    assert checked(mistaken(trainings.one_hidden, by_dA), FLOWER)


# -- right trainings that only the later updates or the costs tell apart -----------------------------------------------


def regression(X, Y, make_update, rates, kind=np.float64, slope=0.01, size=None):
    """One hidden layer of leaky ReLU, the squared error without its ½; the costs are of all, after each update."""
    rng, W, b = np.random.default_rng(2), {}, {}
    for l, (n, before) in enumerate([(3, 2), (1, 3)], 1):
        W[l], b[l] = rng.standard_normal((n, before)).astype(kind), np.zeros((n, 1), kind)
    X, Y, update = X.astype(kind), Y.astype(kind), make_update(1.0)
    costs, history = [], [(list(W.values()), list(b.values()))]
    for rate in rates:
        for start in range(0, X.shape[1], size or X.shape[1]):
            x, y = (A[:, start : start + (size or X.shape[1])] for A in (X, Y))
            Z = W[1] @ x + b[1]
            A = np.where(Z > 0, Z, slope * Z)
            dZ2 = 2 * (W[2] @ A + b[2] - y) / y.size
            dZ1 = W[2].T @ dZ2 * np.where(Z > 0, 1, slope)
            for l, dZ, before in ((1, dZ1, x), (2, dZ2, A)):
                W[l] = (W[l] - rate * update(("W", l), dZ @ before.T)).astype(kind)
                b[l] = (b[l] - rate * update(("b", l), dZ.sum(axis=1, keepdims=True))).astype(kind)
            Z = W[1] @ X + b[1]
            costs.append(np.mean((W[2] @ np.where(Z > 0, Z, slope * Z) + b[2] - Y) ** 2))
            history.append((list(W.values()), list(b.values())))
    return costs, history


SURFACE = FLOWER[0], 3 * FLOWER[0][:1] ** 2 - FLOWER[0][1:]


@pytest.mark.parametrize("update", ["rmsprop", "adam"])
def test_steps_of_one_length_are_not_taken_for_another_network(update):
    def f(X, Y, learning_rate=0.01):
        return regression(X, Y, getattr(trainings, update), [learning_rate] * 6)

    rule = {"rmsprop": cr.RMSProp, "adam": cr.Adam}[update](0.01)
    for options in ({}, {"optimizer": rule}):
        check = checked(f, SURFACE, **options)
        assert check, check
        assert "hidden='leaky_relu(0.01)', output='identity', loss='squared_error'" in check.training


def test_a_rate_that_decays_in_float32():
    def f(X, Y, learning_rate=0.01):
        rates = learning_rate / (1 + 0.5 * np.arange(4))
        return regression(X, Y, trainings.plain, rates.tolist(), np.float32, size=10)

    check = checked(f, SURFACE, optimizer=cr.GradientDescent(0.01))
    assert check, check
    assert not checked(
        lambda X, Y: regression(X, Y, trainings.plain, [0.01, 0.005, 0.01], np.float32, size=10), SURFACE
    )


def test_inputs_changed_in_place():
    def f(X, Y, learning_rate=0.5):
        X *= 2
        return logistic_regression(X, Y, learning_rate=learning_rate)

    check = checked(f, FLOWER)
    assert check, check
    assert check.notes == ("f changes X in place: the check goes on with what is left in it",)

    def apart(X, Y, learning_rate=0.5):
        X[:] = X[:, ::-1].copy()
        return logistic_regression(X, Y, learning_rate=learning_rate)

    assert not checked(apart, FLOWER)


def test_numbers_that_are_too_large_are_no_error_of_the_check():
    def f(X, Y, learning_rate=0.5):
        return logistic_regression(X, Y, learning_rate=learning_rate)

    assert checked(f, (FLOWER[0] * 1e300, FLOWER[1])).updates
