"""Each usual mistake, planted in networks of every depth and output, gets its name; nothing gets a wrong one."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import activations, equations
from chainrule.working.gradients import check_gradients
from support.contract import network, problem, rng_of
from support.homework import assert_named, backward, mistaken, started

m = 11
OUTPUTS = {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy", "identity": "half_squared_error"}
SIZES = {1: [4, 3], 2: [4, 6, 3], 3: [4, 6, 5, 3]}


def given(L, output, hidden="tanh", sizes=None, m=m):
    sizes = sizes or SIZES[L]
    net = network(sizes, hidden, output, OUTPUTS[output], seed=L)
    return net, *problem(OUTPUTS[output], output, sizes[0], sizes[-1], m, rng_of(L, output, m))


def checked(net, X, Y, wrong, **options):
    return check_gradients(net, X, Y, started(net, wrong), raises=False, **options)


NETWORKS = [(L, output) for L in SIZES for output in OUTPUTS]
of_all = pytest.mark.parametrize(("L", "output"), NETWORKS, ids=lambda value: str(value))


def of_all_in_turn(name, mistakes, others, options):
    """Every mistake in every network, each time with the next of the options: each of them meets all the options."""
    rows = [
        (L, output, mistake, *options[(i + k) % len(options)])
        for k, mistake in enumerate(mistakes)
        for i, (L, output) in enumerate(NETWORKS)
    ]
    return pytest.mark.parametrize(("L", "output", name, *others), rows, ids=str)


# -- factors -----------------------------------------------------------------------------------------------------------

DIVISORS = {
    "m / 2": "twice",
    "2 * X.shape[1]": "it is half of what it should be: divided by 2m instead of m",
    "X.shape[1] - 1": "it is divided by m − 1 instead of m",
    "X.shape[0]": "it is divided by n[0] = 4 instead of m = 11",
    "len(Y)": "it is divided by n[L] = 3 instead of m = 11",
    "X.size": "it is divided by m n[0] instead of m",
    "Y.size": "it is the mean over the outputs, too: the cost is their sum",
    "X.shape[1] / 3.7": "it is 3.7 times what it should be",
    "X.shape[1] / 0.01": "it is 0.01 times what it should be",
    "-X.shape[1] / 0.3": "it is -0.3 times what it should be",
}


@of_all_in_turn("divisor", DIVISORS, ["l2"], [(0.0,), (0.7,)])
def test_a_constant_factor(divisor, L, output, l2):
    net, X, Y = given(L, output)
    wrong = mistaken(backward, ("m = X.shape[1]", f"m = {divisor.replace('m /', 'X.shape[1] /')}"))
    words = DIVISORS[divisor].replace("n[L]", f"n[{L}]")
    if words == "twice" and output == "identity":
        words = "a factor 2 is left over: the loss is ½ (a − y)², not (a − y)²"
    words = words.replace("twice", "it is twice what it should be")
    for of_l2 in (1.0, m / abs(eval(divisor.replace("m /", "11 /"), {"X": X, "Y": Y}))) if l2 else (0.0,):

        def homework(net, X, Y, of_l2=of_l2):
            dW, db = started(net, wrong)(net, X, Y)
            return [None, *(d + of_l2 * l2 / m * W for d, W in zip(dW[1:], net.W[1:], strict=True))], db

        check = check_gradients(net, X, Y, homework, l2=l2, raises=False)
        if l2 and "times" in words:  # measured: with the term of L2, and without
            assert check.first_wrong.looks_like[0].startswith((words, words.replace("it is -", "it is ")))
        else:
            assert_named(check, f"dW[{L}]", words)


PENALTIES = {
    "0": "the term of L2, (λ/m) W, is missing",
    "λ": "the term of L2 is λ W: its 1/m is missing",
    "λ / 2": "the term of L2 is (λ/2) W: its 1/m is missing, and the ½ belongs to the cost",
    "2 * λ": "the term of L2 is 2λ W: its 1/m is missing, and it is twice what it should be",
    "λ / (2 * m)": "the term of L2 is half of what it should be: its ½ belongs to the cost",
    "2 * λ / m": "the term of L2 is twice what it should be",
    "λ / m**2": "the term of L2 is divided by m twice",
    "-λ / m": "the term of L2 has the wrong sign",
    "1 / m": "λ is missing in the term of L2: it is (1/m) W",
    "1": "λ and 1/m are missing in the term of L2: it is W",
    "3 * λ / m": "the term of L2 is 3 times what it should be",
}


@of_all
@pytest.mark.parametrize("factor", PENALTIES)
def test_a_term_of_L2_of_another_size(factor, L, output):
    net, X, Y = given(L, output)
    _, dW, db = net.gradients(X, Y)
    before = eval(factor, {"λ": 0.7, "m": m})
    dW = [None, *(d + before * W for d, W in zip(dW[1:], net.W[1:], strict=True))]
    assert_named(check_gradients(net, X, Y, (dW, db), l2=0.7, raises=False), f"dW[{L}]", PENALTIES[factor])


@of_all
def test_the_L2_of_the_homework_is_not_that_of_the_check(L, output):
    net, X, Y = given(L, output)
    _, *gradient = net.gradients(X, Y, l2=0.7)
    words = f"there is a term {0.7 / m:.6g} W of L2: check it with l2=0.7"
    assert_named(check_gradients(net, X, Y, gradient, raises=False), f"dW[{L}]", words)
    _, dW, db = net.gradients(X, Y)
    dW = [None, *(d + 0.7 / m * np.sign(W) for d, W in zip(dW[1:], net.W[1:], strict=True))]
    words = "the term of L2 is that of L1, (λ/m) sign(W)"
    assert_named(check_gradients(net, X, Y, (dW, db), l2=0.7, raises=False), f"dW[{L}]", words)


# -- examples ----------------------------------------------------------------------------------------------------------

KEPT = {
    "slice(None, -1)": "the last example is left out",
    "slice(None, -3)": "the last 3 of the 11 examples are left out",
    "slice(None, 8)": "the last 3 of the 11 examples are left out",
    "slice(1, None)": "the first example is left out",
    "slice(2, None)": "the first 2 of the 11 examples are left out",
    "slice(None, 4)": "the first 4 of the 11 examples are all that is in it",
    "slice(-4, None)": "the last 4 of the 11 examples are all that is in it",
    "slice(None, None, 2)": "every other example is left out",
    "slice(1, None, 2)": "every other example is left out",
    "slice(0, 1)": "it is of the first example only",
    "slice(4, 5)": "it is of example 4, counted from 0, only",
    "slice(-1, None)": "it is of the last example only: each one overwrites the one before",
    "[0, 1, 2, 3, 4, 6, 7, 8, 9, 10]": "example 5, counted from 0, is left out",
}


@of_all_in_turn("which", KEPT, ["l2", "weighted"], [(0.0, False), (0.7, True), (0.7, False), (0.0, True)])
def test_examples_that_are_left_out(which, L, output, l2, weighted):
    net, X, Y = given(L, output)
    w = rng_of(which).uniform(0.2, 3, m) if weighted else np.ones(m)
    kept, options = eval(which), {"l2": l2} | ({"weights": w} if weighted else {})
    part = {**options, **({"weights": w[kept]} if weighted else {})}
    _, *gradient = net.gradients(X[:, kept], Y[:, kept], **part)
    assert_named(check_gradients(net, X, Y, gradient, **options, raises=False), f"dW[{L}]", KEPT[which])
    _, dW, db = net.gradients(X[:, kept], Y[:, kept], **part | {"l2": 0})  # all of them counted
    share = w[kept].sum() / w.sum()
    dW = [None, *(share * d + l2 / w.sum() * W for d, W in zip(dW[1:], net.W[1:], strict=True))]
    gradient = dW, [None, *(share * d for d in db[1:])]
    assert_named(check_gradients(net, X, Y, gradient, **options, raises=False), f"dW[{L}]", KEPT[which])


@of_all
def test_an_incomplete_last_batch_of_many_examples(L, output):
    net, X, Y = given(L, output, m=400)
    _, *gradient = net.gradients(X[:, :384], Y[:, :384])
    words = "the last 16 of the 400 examples are left out"
    assert_named(check_gradients(net, X, Y, gradient, raises=False), f"dW[{L}]", words)


@of_all
def test_examples_in_another_order(L, output):
    net, X, Y = given(L, output)
    order = rng_of("order").permutation(m)
    words = "X and Y are not in the same order"
    for i in (np.arange(m)[::-1], np.roll(np.arange(m), 1), np.roll(np.arange(m), -1)):
        _, *gradient = net.gradients(X[:, i], Y)
        assert_named(check_gradients(net, X, Y, gradient, raises=False), f"dW[{L}]", words)

    def shuffled(net, X, Y):
        return net.gradients(X[:, order[order < X.shape[1]]], Y)[1:]

    words += ": it is right where all examples or all targets are the same"
    assert_named(check_gradients(net, X, Y, shuffled, raises=False), f"dW[{L}]", words)
    wrong = mistaken(backward, ("A[l - 1].T", "A[l - 1][:, ::-1].T"))
    words = "dZ and A do not have their examples in the same order"
    assert_named(checked(net, X, Y, wrong), f"dW[{L}]", words)


@pytest.mark.parametrize("L", [2, 3])
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_function_that_is_drawn_at_random(L, output):
    net, X, Y = given(L, output)
    rng = np.random.default_rng(0)

    def dropped(net, X, Y):
        D = [None, *(rng.random((n, X.shape[1])) < 0.8 for n in net.sizes[1:])]
        return equations.cost_and_gradients(X, Y, net.W, net.b, net.g, net.slope, net.loss, D=D)[1:]

    check = check_gradients(net, X, Y, dropped, raises=False)
    assert "it gives other numbers when it is called again" in check.first_wrong.looks_like[0]


@of_all
def test_what_goes_wrong_between_the_examples(L, output):
    net, X, Y = given(L, output)
    wrong = mistaken(backward, ("start(Z[L], A[L], Y)", "np.sort(start(Z[L], A[L], Y))"))
    check = checked(net, X, Y, wrong)
    assert_named(check, f"dW[{L}]", "it is right for one example alone: what goes wrong is between them")


# -- arrays ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("L", "sizes"), [(2, [4, 3, 3]), (3, [4, 6, 3, 3]), (3, [3, 3, 3, 3])])
@pytest.mark.parametrize("slope", ["g[l - 1].slope(Z[l])", "1 - A[l] ** 2"])
def test_the_slope_of_the_layer_above(output, L, sizes, slope):
    net, X, Y = given(L, output, sizes=sizes)
    fits = f"{slope} if A[l].shape == A[l - 1].shape else g[l - 1].slope(Z[l - 1])"
    wrong = mistaken(backward, ("g[l - 1].slope(Z[l - 1])", f"({fits})"))
    words = "the derivative is at the wrong place: at the Z of the next layer"
    assert_named(checked(net, X, Y, wrong), f"dW[{L - 1}]", words)


@pytest.mark.parametrize("sizes", [[4, 6, 1], [4, 6, 5, 1]])
@pytest.mark.parametrize(
    ("slope", "words"),
    [
        ("A[l] * (1 - A[l])", "the derivative is that of the next layer: g′ and Z are both of another layer than dZ"),
        ("1 - A[l] ** 2", "the derivative is at the wrong place: at the Z of the next layer"),
    ],
)
def test_the_slope_of_a_single_output_which_numpy_spreads(slope, words, sizes):
    L = len(sizes) - 1
    net, X, Y = given(L, "sigmoid", sizes=sizes)
    wrong = mistaken(backward, ("g[l - 1].slope(Z[l - 1])", f"({slope} if l == {L} else g[l - 1].slope(Z[l - 1]))"))
    assert_named(checked(net, X, Y, wrong), f"dW[{L - 1}]", words)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("slope", ["g[l - 1].slope(Z[l - 2])", "1 - A[l - 2] ** 2"])
def test_the_slope_of_the_layer_below(output, slope):
    net, X, Y = given(3, output, sizes=[4, 5, 5, 3])
    wrong = mistaken(backward, ("g[l - 1].slope(Z[l - 1])", f"({slope} if l == 3 else g[l - 1].slope(Z[l - 1]))"))
    words = "the derivative is at the wrong place: at the Z of the previous layer"
    assert_named(checked(net, X, Y, wrong), "dW[2]", words)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("L", [2, 3])
@pytest.mark.parametrize("rate", [0.01, 0.5, 1.2])
def test_W_that_is_updated_too_soon(output, L, rate):
    net, X, Y = given(L, output)
    wrong = mistaken(backward, ("np.dot(W[l].T, dZ)", f"np.dot((W[l] - {rate} * dW[l]).T, dZ)"))
    words = f"W[l] is updated before it goes back: dA[l-1] is made with W[l] − {rate:g} dW[l]"
    assert_named(checked(net, X, Y, wrong), f"dW[{L - 1}]", words)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("L", [2, 3])
@pytest.mark.parametrize("other", [row for row in activations.ACTIVATIONS if row not in ("tanh", "identity")])
def test_the_slope_of_another_activation(output, L, other):
    row = activations.get(other)
    if row.derivative is None:
        return
    net, X, Y = given(L, output)
    right = net.g[1]

    def homework(net, X, Y):
        slope = [None, *(row.slope for _ in net.g[1:-1]), None]
        return equations.cost_and_gradients(X, Y, net.W, net.b, net.g, slope, net.loss)[1:]

    check = check_gradients(net, X, Y, homework, raises=False)
    assert_named(check, f"dW[{L - 1}]", f"the derivative is that of {other}, but g is {right.name}")


STARTS = {
    ("sigmoid", "-Y * (1 - A)"): "the term (1 − y) log(1 − a) of the loss is missing",
    ("sigmoid", "(1 - Y) * A"): "the term y log a of the loss is missing",
    ("sigmoid", "(-Y / A - (1 - Y) / (1 - A)) * A * (1 - A)"):
        "a parenthesis is missing in dA[L] = −(Y/A − (1 − Y)/(1 − A))",
    ("sigmoid", "np.tanh(Z) - Y"): "the output is computed with tanh, but g[L] is sigmoid",
    ("sigmoid", "np.exp(Z) / np.exp(Z).sum(axis=0) - Y"): "the output is computed with softmax, but g[L] is sigmoid",
    ("softmax", "1 / (1 + np.exp(-Z)) - Y"): "the output is computed with sigmoid, but g[L] is softmax",
    ("softmax", "-Y / A * A * (1 - A)"):
        "a (1 − a) is only the diagonal of the derivative of softmax: dZ[L] is A[L] − Y",
    ("softmax", "(A - Y) * A * (1 - A)"): "the derivative of the output is there twice: A[L] − Y is dZ[L] already",
    ("identity", "np.sign(A - Y)"): "dZ[L] is that of the absolute loss",
    ("identity", "np.clip(A - Y, -1, 1)"): "dZ[L] is that of the huber loss",
    ("identity", "np.maximum(Z, 0) - Y"): "the output is computed with relu, but g[L] is identity",
    ("identity", "1 / (1 + np.exp(-Z)) - Y"): "the output is computed with sigmoid, but g[L] is identity",
}  # fmt: skip


@pytest.mark.parametrize("L", SIZES)
@pytest.mark.parametrize(("output", "start"), STARTS)
def test_where_the_backward_pass_begins(output, start, L):
    net, X, Y = given(L, output)
    gradient = backward(net, X, Y, eval(f"lambda Z, A, Y: {start}"))
    assert_named(check_gradients(net, X, Y, gradient, raises=False), f"dW[{L}]", STARTS[output, start])


LINES = {
    "reshaped": ("np.dot(dZ, A[l - 1].T)", "np.dot(A[l - 1], dZ.T).reshape(W[l].shape)", "W",
                 "it is reshaped, where a transpose is wanted"),
    "rows": ("np.dot(dZ, A[l - 1].T)", "np.dot(dZ, A[l - 1].T)[::-1]", "W", "its rows are in the reverse order"),
    "columns": ("np.dot(dZ, A[l - 1].T)", "np.dot(dZ, A[l - 1].T)[:, ::-1]", "W",
                "its columns are in the reverse order"),
    "means": ("np.dot(dZ, A[l - 1].T)", "np.outer(dZ.sum(axis=1), A[l - 1].mean(axis=1))", "W",
              "the examples are averaged before they are multiplied"),
    "sign in dW": ("1 / m * np.dot", "-1 / m * np.dot", "W", "the sign is the wrong way round"),
    "sign in db": ("1 / m * np.sum", "-1 / m * np.sum", "b", "the sign is the wrong way round"),
    "no db": ("1 / m * np.sum(dZ, axis=1, keepdims=True)", "np.zeros((len(W[l]), 1))", "b",
              "it is zero everywhere: nothing was ever put in"),
    "integers": ("1 / m * np.dot(dZ, A[l - 1].T)", "(1 / m * np.dot(dZ, A[l - 1].T)).astype(int)", "W",
                 "its numbers are whole: an array of integers cuts off what comes after the point"),
    "rounded": ("1 / m * np.dot(dZ, A[l - 1].T)", "(1 / m * np.dot(dZ, A[l - 1].T)).round(3)", "W",
                "its numbers are rounded to 3 decimals"),
    "half precision": ("1 / m * np.dot(dZ, A[l - 1].T)", "(1 / m * np.dot(dZ, A[l - 1].T)).astype(np.float16)", "W",
                       "its numbers are float16: compute in float64, or check with a higher tolerance"),
}  # fmt: skip


@of_all
@pytest.mark.parametrize("name", LINES)
def test_a_mistake_in_one_line(name, L, output):
    fragment, instead, tensor, words = LINES[name]
    net, X, Y = given(L, output)
    assert_named(checked(net, X, Y, mistaken(backward, (fragment, instead))), f"d{tensor}[{L}]", words)


@of_all
def test_float32(L, output):
    net, X, Y = given(L, output)
    single = cr.Network(net.sizes, hidden="tanh", output=output, dtype=np.float32)
    single.parameters = net.parameters
    _, *gradient = single.gradients(X, Y)
    assert check_gradients(net, X, Y, gradient, tolerance=1e-5)
    check = check_gradients(net, X, Y, gradient, tolerance=1e-9, raises=False)
    words = "its numbers are float32: compute in float64, or check with a higher tolerance"
    assert_named(check, check.first_wrong.name, words)


@of_all
def test_two_mistakes_at_once(L, output):
    net, X, Y = given(L, output)
    wrong = mistaken(backward, ("1 / m * np.dot(dZ, A[l - 1].T)", "-1 / (m - 1) * np.dot(A[l - 1], dZ.T)"))
    assert not checked(net, X, Y, wrong).first_wrong.looks_like  # three of them have no name
    wrong = mistaken(backward, ("1 / m * np.dot(dZ, A[l - 1].T)", "1 / (m - 1) * np.dot(A[l - 1], dZ.T)"))
    words = "it is on its side: a transpose is missing, and it is divided by m − 1 instead of m"
    assert_named(checked(net, X, Y, wrong), f"dW[{L}]", words)
    for divisor, words in (("1", "the factor 1/m is missing"), ("-X.shape[1]", "the sign is the wrong way round")):
        wrong = mistaken(backward, ("m = X.shape[1]", f"m = {divisor}"), ("start(Z[L], A[L], Y)", "Y * (A[L] - 1)"))
        if output != "identity":
            alone = STARTS[output, "-Y * (1 - A)" if output == "sigmoid" else "-Y / A * A * (1 - A)"]
            assert_named(checked(net, X, Y, wrong), f"dW[{L}]", f"{alone}, and {words}")


# -- the mistakes of docs/errata ---------------------------------------------------------------------------------------

WIDE = [4, 4, 4, 4]  # layers of one width let everything through


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    ("hidden", "changes", "tensor", "words"),
    [
        ("relu", [("g[l - 1].slope(Z[l - 1])", "(Z[L] > 0)")], "dW[2]",
         "the derivative is at the wrong place: at the Z of the last layer"),
        ("tanh", [("g[l - 1].slope(Z[l - 1])", "(1 - A[L] ** 2)")], "dW[2]",
         "the derivative is at the wrong place: at the Z of the last layer"),
        ("relu", [("g[l - 1].slope(Z[l - 1])", "(Z[l - 1] <= 0)")], "dW[2]",
         "the derivative of relu is the wrong way round: it is 1 where Z > 0, and 0 elsewhere"),
        ("relu", [("g[l - 1].slope(Z[l - 1])", "(A[l - 1] > 0.5)")], "dW[2]",
         "the derivative of relu changes at 0, not at 0.5"),
        ("relu", [("g[l - 1].slope(Z[l - 1])", "(A[l - 1] > 1)")], "dW[2]",
         "the derivative of relu changes at 0, not at 1"),
        ("tanh", [("np.dot(W[l].T, dZ)", "np.dot(W[l].T, db[l])")], "dW[2]",
         "db[l] goes back instead of dZ[l]: dA[l-1] = W[l]ᵀ db[l], the same for all examples"),
        ("tanh", [("np.dot(W[l].T, dZ)", "np.dot(W[l][:1].T, dZ[:1])")], "dW[2]",
         "only the first unit of each layer goes back in dA[l-1] = W[l]ᵀ dZ[l]"),
        ("tanh", [("np.dot(W[l].T, dZ)", "np.dot(W[l][-1:].T, dZ[-1:])")], "dW[2]",
         "only the last unit of each layer goes back in dA[l-1] = W[l]ᵀ dZ[l]: each one overwrites the one before"),
        ("tanh", [("return dW, db", "return [None, *dW[:0:-1]], [None, *db[:0:-1]]")], "dW[3]",
         "the gradients are in the reverse order: appended from the back, layer L first, and read from the front"),
        ("tanh", [("return dW, db", "return [None, *dW[:0:-1]], db")], "dW[3]", "it is the gradient of layer 1"),
        ("tanh", [("W[l] @ A[l - 1] + b[l]", "W[l] @ (Z[l - 1] if l > 1 else X) + b[l]")], "dW[3]",
         "Z[l] is made with Z[l-1] instead of A[l-1]"),
        ("tanh", [("A.append(g[l](Z[l]))", "A.append(g[l](Z[l]) if l == L else Z[l])")], "dW[3]",
         "the hidden layers have no activation: A[l] is Z[l]"),
        ("tanh", [("return dW, db", "return [None, dW[1], *dW[1:3]], [None, db[1], *db[1:3]]")], "dW[3]",
         "the layers are shifted: each layer has the gradient of the layer before it"),
        ("tanh", [("return dW, db", "return [None, *dW[2:], dW[3]], [None, *db[2:], db[3]]")], "dW[2]",
         "the layers are shifted: each layer has the gradient of the layer after it"),
        ("tanh", [("W[l] @ A[l - 1] + b[l]", "W[l] @ X + b[l]"), ("np.dot(dZ, A[l - 1].T)", "np.dot(dZ, X.T)")],
         "dW[3]", "every layer is computed from X: A_prev and A are taken for each other"),
    ],
)  # fmt: skip
def test_mistakes_of_a_network_with_layers_of_one_width(hidden, changes, tensor, words, output):
    net, X, Y = given(3, output, hidden, WIDE)
    assert_named(checked(net, X, Y, mistaken(backward, *changes)), tensor, words)


@pytest.mark.parametrize("hidden", ["tanh", "leaky_relu(0.2)", "softplus"])
def test_the_output_with_the_activation_of_the_hidden_layers(hidden):
    for L in (2, 3):
        net, X, Y = given(L, "sigmoid", hidden)
        gradient = backward(net, X, Y, lambda Z, A, Y: activations.get(hidden)(Z) - Y)
        words = f"the output is computed with {hidden}, but g[L] is sigmoid"
        assert_named(check_gradients(net, X, Y, gradient, raises=False), f"dW[{L}]", words)


@pytest.mark.parametrize("L", [2, 3])
def test_the_slope_of_the_output_in_the_hidden_layer(L):
    net, X, Y = given(L, "sigmoid")
    wrong = mistaken(backward, ("g[l - 1].slope(Z[l - 1])", "g[l].slope(Z[l - 1])"))
    words = "the derivative is that of the activation of the next layer"
    assert_named(checked(net, X, Y, wrong), f"dW[{L - 1}]", words)


@pytest.mark.parametrize("L", [2, 3])
@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_a_derivative_of_the_next_Z_in_the_place_of_dZ(L, l2):
    net, X, Y = given(L, "sigmoid", sizes=[4, 6, 5, 1][-L - 1 :])
    wrong = mistaken(backward, ("np.dot(W[l].T, dZ)", "(W[l].T if l == L else np.dot(W[l].T, dZ))"))
    dW, db = started(net, wrong)(net, X, Y)
    dW = [None, *(d + l2 / m * W for d, W in zip(dW[1:], net.W[1:], strict=True))]
    words = "dZ[l+1] is missing in dZ[l]: ∂Z[l+1]/∂Z[l] is only a part of the chain"
    assert_named(check_gradients(net, X, Y, (dW, db), l2=l2, raises=False), f"dW[{L - 1}]", words)


@pytest.mark.parametrize("L", SIZES)
@pytest.mark.parametrize(
    ("output", "start", "words"),
    [
        ("sigmoid", "(A > 0.5) - Y", "A > 0.5 stands in the place of A in dZ[L] = A[L] − Y"),
        ("softmax", "(A == A.max(axis=0)) - Y", "the answers, 1 for the largest a, stand in the place of A in dZ[L]"),
    ],
)
def test_answers_in_the_place_of_probabilities(output, start, words, L):
    net, X, Y = given(L, output)
    gradient = backward(net, X, Y, eval(f"lambda Z, A, Y: {start}"))
    assert_named(check_gradients(net, X, Y, gradient, raises=False), f"dW[{L}]", words)


@of_all
@pytest.mark.parametrize("other", [209, 7])
@pytest.mark.parametrize("l2", [0.0, 0.7])
def test_the_m_of_another_set(other, L, output, l2):
    net, X, Y = given(L, output)
    words = f"it is divided by {other} instead of m = 11: the m of another set"

    def homework(net, X, Y, of_l2=other):
        J, dW, db = net.gradients(X, Y)
        factor = X.shape[1] / other
        dW = [None, *(factor * d + l2 / of_l2 * W for d, W in zip(dW[1:], net.W[1:], strict=True))]
        return factor * (J + l2 / (2 * X.shape[1]) * _squares(net)), dW, [None, *(factor * d for d in db[1:])]

    check = check_gradients(net, X, Y, homework, l2=l2, raises=False)
    assert_named(check, f"dW[{L}]", words)
    assert check.J.looks_like == (words,)
    check = check_gradients(net, X, Y, lambda net, X, Y: homework(net, X, Y, X.shape[1]), l2=l2, raises=False)
    assert_named(check, f"dW[{L}]", words)
    _, dW, db = homework(net, X, Y)  # numbers alone do not tell a divisor from a factor
    check = check_gradients(net, X, Y, (dW, db), l2=l2, raises=False)
    assert check.first_wrong.looks_like[0].startswith(f"it is {m / other:.6g} times what it should be")


@of_all
def test_a_factor_is_no_divisor(L, output):
    net, X, Y = given(L, output)

    def with_rate(net, X, Y):
        return tuple([None, *(0.01 * d for d in part[1:])] for part in net.gradients(X, Y)[1:])

    assert_named(check_gradients(net, X, Y, with_rate, raises=False), f"dW[{L}]", "it is 0.01 times what it should be")


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("hidden", ["relu", "tanh", "sigmoid", "leaky_relu(0.2)"])
@pytest.mark.parametrize("sizes", [[4, 4, 4, 4], [4, 1, 1, 1], [4, 6, 1], [4, 4, 1], [1, 1, 1]])
def test_where_a_right_line_may_pass_for_a_wrong_one_it_is_right(sizes, hidden, output):
    """Layers of one width, of one unit, as many units as examples; sure answers, large z."""
    if output == "softmax" and sizes[-1] == 1:
        sizes = [*sizes[:-1], 2]
    for examples, scale in ((m, 1), (4, 1), (1, 1), (m, 30)):
        net = network(sizes, hidden, output, OUTPUTS[output], seed=5)
        X, Y = problem(OUTPUTS[output], output, sizes[0], sizes[-1], examples, rng_of(hidden, output))
        net.W[1] = scale * net.W[1]
        assert check_gradients(net, X, Y, started(net)).first_wrong is None


def test_what_is_not_finite():
    X, Y = np.array([[0.3, -1.2, 40.0, 800.0]]), np.array([[1.0, 0.0, 1.0, 1.0]])
    net = cr.Network([1, 1], init="zeros")
    net.W[1] = 1.0

    def divided(net, X, Y):
        A = net.forward(X)
        with np.errstate(all="ignore"):
            dZ = (-Y / A + (1 - Y) / (1 - A)) * A * (1 - A)
        return dZ @ X.T / X.shape[1], dZ.mean(axis=1, keepdims=True)

    words = "Y/A − (1 − Y)/(1 − A) is 0/0 where A is 0 or 1 to the last digit: dZ[L] = A[L] − Y never is"
    assert_named(check_gradients(net, X[:, :3], Y[:, :3], divided, raises=False), "dW[1]", words)
    deep = cr.Network([1, 3, 1], hidden="tanh", seed=0)
    deep.W[1] = [[1.0], [2.0], [-1.0]]

    def written_out(net, X, Y):
        Z1 = net.W[1] @ X + net.b[1]
        with np.errstate(all="ignore"):
            A1 = (np.exp(Z1) - np.exp(-Z1)) / (np.exp(Z1) + np.exp(-Z1))
            dZ2 = 1 / (1 + np.exp(-net.W[2] @ A1 - net.b[2])) - Y
            dZ1 = net.W[2].T @ dZ2 * (1 - A1**2)
        dW, db = [None, dZ1 @ X.T, dZ2 @ A1.T], [None, dZ1, dZ2]
        return [d if d is None else d / 4 for d in dW], [d if d is None else d.mean(axis=1, keepdims=True) for d in db]

    words = "exp(z) overflows above z = 709, and some |z| is 1600: tanh is written out with it"
    assert_named(check_gradients(deep, X, Y, written_out, raises=False), "dW[2]", words)
    _, dW, db = deep.gradients(X, Y)
    check = check_gradients(deep, X, Y, ([None, dW[1] * np.nan, dW[2]], db), raises=False)
    assert check.first_wrong.looks_like == ()  # nothing says where that comes from


# -- no wrong names ----------------------------------------------------------------------------------------------------


def strange(name, net, X, Y, l2, rng):
    """A backward pass that is wrong in a way that has no name."""
    m, (Z, A) = X.shape[1], net.layers(X)
    dZ = net.loss(Z[-1], Y)[1]
    if name == "weights of the examples":
        dZ = dZ * rng.uniform(0, 2, (1, m))
    if name == "every dZ":
        dZ = dZ * rng.uniform(0, 2, dZ.shape)
    dW, db = [None] * (net.L + 1), [None] * (net.L + 1)
    for l in range(net.L, 0, -1):
        dW[l], db[l] = dZ @ A[l - 1].T / m + l2 / m * net.W[l], dZ.sum(axis=1, keepdims=True) / m
        if name == "absolute values in db":
            db[l] = abs(dZ).sum(axis=1, keepdims=True) / m
        if l > 1:
            W = net.W[l] + (rng.standard_normal(net.W[l].shape) if name == "another W" else 0)
            if name == "any unit":
                W = W * rng.uniform(0, 1, (len(W), 1))
            slope = net.slope[l - 1](Z[l - 1])
            dZ = W.T @ dZ * (rng.uniform(0, 1, slope.shape) if name == "any slope" else slope)
    l = int(rng.integers(1, net.L + 1))
    if name == "one row":
        dW[1] = dW[1] + (np.arange(len(dW[1])) == 0)[:, None] * rng.standard_normal(dW[1].shape)
    if name == "a number that is NaN":
        dW[l].flat[rng.integers(dW[l].size)] = np.nan
    if name == "one number":
        dW[l] = dW[l] + 0.3 * (np.arange(dW[l].size) == rng.integers(dW[l].size)).reshape(dW[l].shape)
    if name in ("noise", "a little noise"):
        size = 0.1 if name == "noise" else 1e-4
        dW = [None, *(d + size * rng.standard_normal(d.shape) for d in dW[1:])]
        db = [None, *(d + size * rng.standard_normal(d.shape) for d in db[1:])]
    return dW, db


@pytest.mark.parametrize(
    "name",
    ["weights of the examples", "every dZ", "absolute values in db", "another W", "any slope", "one row", "one number",
     "a number that is NaN", "any unit", "noise", "a little noise"],
)  # fmt: skip
@pytest.mark.parametrize("seed", range(12))  # each output with each hidden layer twice
def test_nothing_else_is_given_a_name(name, seed):
    rng = rng_of(name, seed)
    output = ["sigmoid", "softmax", "identity"][seed % 3]
    L, m = int(rng.integers(1, 4)), int(rng.integers(4, 15))
    sizes = rng.integers(2, 7, L + 1).tolist()
    sizes[-1] += output == "softmax"  # of two, one is minus the other
    net = network(sizes, ["tanh", "sigmoid", "gelu"][seed % 2], output, OUTPUTS[output], seed=seed)
    X, Y = problem(OUTPUTS[output], output, sizes[0], sizes[-1], m, rng)
    l2 = [0.0, 0.7][seed % 2]
    check = check_gradients(net, X, Y, strange(name, net, X, Y, l2, rng), l2=l2, raises=False)
    assert check or check.first_wrong.looks_like == (), (sizes, output, m)


# -- J -----------------------------------------------------------------------------------------------------------------

COSTS = {
    ("", "m"): "the factor 1/m is missing",
    ("", "1 / m"): "the factor 1/m is there twice",
    ("", "-1"): "the sign is the wrong way round: the loss is −Σ y log a, not Σ y log a",
    ("", "1 / 3"): "it is the mean over the outputs, too: the cost is their sum",
    ("", "m / (m - 1)"): "it is divided by m − 1 instead of m",
    ("", "m / 4"): "it is divided by n[0] = 4 instead of m = 11",
    ("", "1 / 2"): "it is half of what it should be",
    ("sigmoid", "1 / np.log(2)"): "the logarithm is that of base 2: np.log is the natural one",
    ("softmax", "1 / np.log(10)"): "the logarithm is that of base 10: np.log is the natural one",
    ("identity", "2"): "the ½ is missing: the loss is ½ (a − y)², not (a − y)²",
}


@pytest.mark.parametrize("L", SIZES)
@pytest.mark.parametrize(("output", "factor"), COSTS)
def test_a_cost_that_is_wrong_by_a_factor(output, factor, L):
    for one in [output] if output else OUTPUTS:
        net, X, Y = given(L, one)
        for l2 in (0.0, 0.7):
            J, dW, db = net.gradients(X, Y, l2)
            decay = J - net.cost(X, Y)
            wrong = (J - decay) * eval(factor, {"np": np, "m": m}) + decay
            check = check_gradients(net, X, Y, (wrong, dW, db), l2=l2, raises=False)
            assert not check
            assert check.first_wrong is check.J
            assert check.J.looks_like == (COSTS[output, factor],)


def _biases(net):
    return sum((b * b).sum() for b in net.b[1:])


def _squares(net):
    return sum((W * W).sum() for W in net.W[1:])


L2_COSTS = {
    "0": "the term of L2, (λ/2m) Σ ‖W‖², is missing",
    "0.7 / m * squares": "the ½ of the term of L2 is missing: it is (λ/m) Σ ‖W‖²",
    "0.7 / 2 * squares": "the term of L2 is (λ/2) Σ ‖W‖²: its 1/m is missing",
    "0.7 * squares": "the term of L2 is λ Σ ‖W‖²: its 1/m and its ½ are missing",
    "1 / (2 * m) * squares": "λ is missing in the term of L2",
    "-0.7 / (2 * m) * squares": "the term of L2 has the wrong sign",
    "0.7 / (2 * m) * (squares + biases)": "the biases are in the term of L2: it leaves them out",
}


@of_all
@pytest.mark.parametrize("term", L2_COSTS)
def test_a_cost_with_another_term_of_L2(term, L, output):
    net, X, Y = given(L, output)
    _, *gradient = net.gradients(X, Y, 0.7)
    decay = eval(term, {"m": m, "squares": _squares(net), "biases": _biases(net)})
    check = check_gradients(net, X, Y, (net.cost(X, Y) + decay, *gradient), l2=0.7, raises=False)
    assert check.J.looks_like == (L2_COSTS[term],)
    two = check_gradients(net, X, Y, (m * net.cost(X, Y) + decay, *gradient), l2=0.7, raises=False)
    only = term == "0.7 / 2 * squares"  # where 1/m is missing in all of J
    assert two.J.looks_like == ("the factor 1/m is missing" + ("" if only else f", and {L2_COSTS[term]}"),)


def test_a_cost_by_np_dot_of_all_with_all():
    net, X, Y = given(2, "sigmoid", sizes=[4, 6, 1])
    _, *gradient = net.gradients(X, Y)
    A = net.forward(X)
    crossed = -(np.dot(Y.T, np.log(A)) + np.dot((1 - Y).T, np.log(1 - A)))
    words = ("np.dot multiplies every example with every other: Y and log A go by element",)
    for J in (crossed.sum() / m, crossed / m):
        check = check_gradients(net, X, Y, (J, *gradient), raises=False)
        assert check.J.looks_like == words
        assert "J is wrong. It should be J = (1/m) Σ 𝓛, with 𝓛 = −Σ [y log a + (1 − y) log(1 − a)]." in repr(check)
    y = Y.ravel()
    spread = -np.mean(y * np.log(A.T) + (1 - y) * np.log(1 - A.T))
    words = ("every answer meets the label of every example: a vector (m,) beside a column (m, 1) makes (m, m)",)
    assert check_gradients(net, X, Y, (spread, *gradient), raises=False).J.looks_like == words
    halves = -np.dot(Y, np.log(A).T) / m, -np.dot(1 - Y, np.log(1 - A).T) / m
    assert check_gradients(net, X, Y, (sum(halves), *gradient))  # shape (1, 1)
    words = "the term (1 − y) log(1 − a) is missing", "the term y log a is missing"
    for J, what in zip(halves, words, strict=True):
        assert check_gradients(net, X, Y, (J, *gradient), raises=False).J.looks_like == (what,)


def test_a_cost_of_each_example_and_of_no_number():
    net, X, Y = given(1, "softmax")
    J, *gradient = net.gradients(X, Y)
    losses = net.loss(net.layers(X)[0][-1], Y)[0]
    check = check_gradients(net, X, Y, (losses, *gradient), raises=False)
    assert check.J.problem == "shape (1, 11), wanted one number"
    assert check.J.looks_like == ("it is the loss of each example: the mean over them is missing",)
    check = check_gradients(net, X, Y, (np.nan, *gradient), raises=False)
    assert check.J.looks_like == ("0 times log 0: some a is 0 or 1 to the last digit",)
    with pytest.raises(ValueError, match="gradient: J is str, wanted a number"):
        check_gradients(net, X, Y, ("low", *gradient))
    for right in (J, np.float32(J), np.array([[J]]), None):
        assert check_gradients(net, X, Y, (right, *gradient), tolerance=1e-5)


@of_all
def test_a_cost_in_a_dictionary(L, output):
    net, X, Y = given(L, output)
    J, dW, db = net.gradients(X, Y)
    for name in ("J", "cost"):
        assert check_gradients(net, X, Y, {name: J, "dW": dW, "db": db})
        assert not check_gradients(net, X, Y, {name: m * J, "dW": dW, "db": db}, raises=False)


def test_J_and_the_gradient_each_get_their_names():
    net, X, Y = given(2, "softmax")
    J, dW, db = net.gradients(X, Y)
    check = check_gradients(net, X, Y, (J / np.log(2), [None, *(2 * d for d in dW[1:])], db), raises=False)
    assert check.first_wrong.name == "dW[2]"
    assert "It looks like: it is twice what it should be." in repr(check)
    assert "It looks like: the logarithm is that of base 2: np.log is the natural one." in repr(check)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_cost_without_a_name_is_compared_with_the_gradient(output):
    net, X, Y = given(2, output)

    def shifted(net, X, Y):
        J, *gradient = net.gradients(X, Y)
        return J + 0.1234, *gradient

    words = ("it differs from the cost by a constant, which changes no gradient",)
    assert check_gradients(net, X, Y, shifted, raises=False).J.looks_like == words

    def penalized(net, X, Y):
        return net.gradients(X, Y, l2=0.9)

    words = ("J and the gradient belong together: they are of another cost, with another loss, l2 or weights",)
    assert check_gradients(net, X, Y, penalized, l2=0.2, raises=False).J.looks_like == words


def test_a_cost_that_is_nearly_zero_is_no_false_alarm():
    net = network([3, 1], "tanh", "sigmoid", seed=0)
    X = np.abs(rng_of("zero").standard_normal((3, m))) + 1
    net.W[1], net.b[1] = 30.0, 0.0
    Y = np.ones((1, m))
    J, *gradient = net.gradients(X, Y)
    assert J < 1e-12
    for got in (0.0, -np.log(net.forward(X) + 1e-8).mean()):
        assert check_gradients(net, X, Y, (got, *gradient))
