"""A learner's gradients and equations are judged as they deserve, and nothing but equations is ever computed."""

import contextlib
import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.lab import homework, notation
from chainrule.lab.exercises import EXERCISES, small
from chainrule.lab.notation import EquationError

NET, X, Y = small()
DW, DB = NET.gradients(X, Y)[1:]

# What `check_gradients` says of each mistake: the first wrong tensor, and words of what it looks like.
SAID = {
    "uphill": ("dW[2]", "Y − A instead of A − Y"),
    "too-large": ("dW[2]", "the factor 1/m is missing"),
    "all-alike": ("db[1]", "the sum has no axis=1"),
    "lying-down": ("db[1]", "the sum has no keepdims=True"),
    "half-the-chain": ("dW[1]", "the derivative g′ is missing"),
    "before-or-after": ("dW[1]", "1 − Z² instead of 1 − A²"),
    "wrong-input": ("dW[2]", "made with Z[l-1] instead of A[l-1]"),
    "once-too-often": ("dW[1]", "the derivative of the output goes back once more"),
    "half-a-penalty": ("dW[2]", "its ½ belongs to the cost"),
    "on-its-side": ("dW[1]", "a transpose is missing"),
}


def test_every_exercise_has_one_mistake_which_is_named_and_can_be_mended():
    assert SAID.keys() == EXERCISES.keys() == {each["name"] for each in homework.exercises()}
    for given in homework.exercises():
        name, lines = given["name"], given["lines"]
        each = EXERCISES[name]
        assert [a for a, b in zip(lines, given["right"], strict=True) if a != b] == [each.mistake]
        found = homework.check({"exercise": name, "lines": lines})
        assert not found["right"]
        assert found["first_wrong"] == SAID[name][0]
        assert SAID[name][1] in found["told"][0]
        json.dumps(found)
        mended = [each.mended if line == each.mistake else line for line in lines]
        assert mended == given["right"] or name == "before-or-after"  # there the slope is written out
        assert homework.check({"exercise": name, "lines": mended})["right"]


def test_what_the_exercises_say_of_their_mistakes_is_so():
    def computed(name):
        return homework._computed(NET, X, Y, EXERCISES[name].wrong, 0.0)[1]

    net = small()[0]
    for l in (1, 2):
        net.W[l] = net.W[l] - 0.1 * computed("uphill")["dW"][l]
    assert net.cost(X, Y) > NET.cost(X, Y)
    np.testing.assert_allclose(computed("too-large")["dW"][2], 4 * DW[2])
    assert computed("all-alike")["db"][1].shape == ()
    lying = computed("lying-down")["db"][1]
    np.testing.assert_allclose(lying, DB[1][:, 0])
    assert (NET.b[1] - lying).shape == (3, 3)
    Z, A = NET.layers(X)
    assert (1 - Z[1] ** 2).min() < 0 <= (1 - A[1] ** 2).min()
    np.testing.assert_allclose(computed("on-its-side")["dW"][1].T, DW[1])
    layer_1 = [True, True, False, False]
    for name, right in (
        ("half-the-chain", layer_1),
        ("once-too-often", layer_1),
        ("wrong-input", [False, True, True, True]),
    ):
        tensors = homework.check({"exercise": name, "lines": EXERCISES[name].wrong})["tensors"]
        assert [tensor["problem"] is None for tensor in tensors] == right


@pytest.mark.parametrize(
    ("hidden", "output", "loss", "l2"),
    [
        ("tanh", "sigmoid", None, 0.0),
        ("relu", "softmax", None, 0.3),
        ("sigmoid", "tanh", "half_squared_error", 0.0),
        ("tanh", "identity", "absolute", 0.0),
        ("tanh", "identity", "huber(0.7)", 0.2),
        ("leaky_relu", "exp", "poisson", 0.0),
    ],
)
def test_the_equations_of_every_network_are_right_as_they_are(rng, hidden, output, loss, l2):
    net = cr.Network([3, 5, 4, 2], hidden=hidden, output=output, loss=loss, seed=1)
    X, Y = rng.normal(size=(3, 6)), np.eye(2)[:, [0, 1, 0, 0, 1, 1]]
    given = homework.exercise(net, X, Y, l2)
    assert len(given["lines"]) == 9
    found = homework.check({"lines": given["lines"]}, net, X, Y, l2)
    assert found["right"], found
    assert [line["shape"] for line in found["lines"]] == [line["wanted"] for line in found["lines"]]


def test_the_code_of_an_exercise_makes_its_arrays():
    names = {}
    exec(homework.exercise(NET, X, Y)["code"], names)
    for name, array in (("X", X), ("Y", Y), ("W1", NET.W[1]), ("b2", NET.b[2])):
        np.testing.assert_array_equal(names[name], array)


def test_a_normalizing_network_is_judged_by_what_it_sees():
    net = cr.Network([2, 3, 1], hidden="tanh", seed=0).normalize(100 * X)
    assert homework.check({"lines": homework.exercise(net, 100 * X, Y)["lines"]}, net, 100 * X, Y)["right"]


# -- lines -------------------------------------------------------------------------------------------------------------


def checked(line):
    """What is said of the equations with this line in the place of the one of the same name, or in front of all."""
    lines = homework.equations(NET)
    same = [other.split(" =")[0] == line.split(" ")[0] for other in lines]
    return homework.check({"lines": [line if is_same else other for is_same, other in zip(same, lines, strict=True)]
                           if any(same) else [line, *lines]})  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "dW[2] = dZ[2] @ A[1].T / m",
        "dW[2] = dZ[2].dot(A[1].T) * 1/m",
        "dW[2] = np.dot(dZ[2], A[1].T) / m",
        "db[2] = np.mean(dZ[2], axis=1, keepdims=True)",
        "db[2] = dZ[2].sum(axis=-1, keepdims=True) / m",
        "dZ[1] = W[2].T @ dZ[2] * (1 - A[1]**2)",
        "dZ[1] = np.multiply(W[2].T @ dZ[2], 1 - np.square(np.tanh(Z[1])))",
        "dZ[1] = W[2]ᵀ @ dZ[2] ∗ (1 − tanh(Z[1])**2)",
        "dZ[2] = 1/(1 + exp(-Z[2])) - Y",
        "dZ[2] = sigmoid(Z[2]) + -Y",
        "dZ[2] = A[2] - (Y > 0.5)",
        "E = A[2] - Y",
        "# nothing but a remark",
        "",
    ],
)
def test_right_equations_in_other_words_are_right(line):
    found = checked(line)
    assert found["right"], found


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("dW[2] = dZ[2] @ A[1]", "dZ[2] is (1, 4) and A[1] is (3, 4): for dZ[2] @ A[1] the columns of the first, 4, "
         "have to be as many as the rows of the second, 3. dZ[2] @ A[1].T would be (1, 3)"),
        ("dZ[1] = (W[2] @ dZ[2]) * g_prime[1]", "W[2].T @ dZ[2] would be (3, 4)"),
        ("dZ[1] = (W[2].T @ dZ[2]) * W[1]", "is (3, 4) and W[1] is (3, 2): element by element"),
        ("dW[2] = dZ[2] * A[1].T", "dZ[2] is (1, 4) and A[1].T is (4, 3): element by element they need the same shape, "
         "or one column of the same height. The product of matrices is written dZ[2] @ A[1].T"),
        ("dZ[1] = W[2].T * g_prime[1].T", "element by element"),
        ("dZ[1] = W[2].T", "this comes out as (3, 1), but dZ[1] is (3, 4), a row for each of the 3 units and a column "
         "for each of the 4 examples"),
        ("dW[2] = m @ A[1]", "@ takes two matrices"),
        ("dZ[2] = dZ[1]", "dZ[1] has no value here: no line above gives it a value"),
        ("dZ[2] = A - Y", "A stands for one array in each layer: wanted A[0] or A[1] or A[2]"),
        ("dZ[2] = A[3] - Y", "A[3] has no value here: there is A[0], A[1], A[2]"),
        ("dZ[2] = A[L] - Y", "[L]: wanted the number of a layer"),
        ("dZ[2] = B[2] - Y", "B is not known here"),
        ("dZ[2] = A[2] - Y[0]", "Y has no layers"),
        ("dZ[3] = Y", "wanted a layer from 1 to 2, as in dZ[2]"),
        ("dW = Y", "wanted a layer from 1 to 2"),
        ("A[2] = Y", "A is given"),
        ("db[2] = sum(dZ[2], axis=2)", "wanted axis=0"),
        ("db[2] = sum(dZ[2], dtype=3)", "wanted axis=0"),
        ("dZ[2] = A[2] -", "this is no equation: invalid syntax"),
        ("dZ[2] == A[2]", "wanted one equation"),
        ("dZ[2] += A[2]", "wanted one equation"),
        ("dZ[2] = exp(A[2], 2)", "exp: got 2 values in the brackets, wanted 1"),
        ("dZ[2] = expp(A[2])", "Did you mean 'exp'?"),
        ("dZ[2] = " + "(" * 90 + "1" + ")" * 90 + " + " + "1" * 300, "characters, more than 300"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_told_with_its_shapes(line, wanted):
    found = checked(line)
    assert not found["right"]
    assert found["tensors"] == []
    assert wanted in found["error"], found["error"]
    assert [bool(each["error"]) for each in found["lines"]].count(True) == 1


@pytest.mark.parametrize(
    "attack",
    [
        "__import__('os').system('true')", "().__class__", "np.load('x')", "X.tofile('x')", "[x for x in X]",
        "lambda: 1",
        "X if Y else X", "open('x')", "X.T.__class__", "np.exp.__globals__", "'text'", "True", "X[0:1]", "W[-1]",
        "f'{X}'", "(y := X)", "9 if 1 else 2", "np.linalg.inv(X)", "not X", "X and Y", "X < Y < X", "{1: 2}", "1j",
        "exp(*X)", "sum(X, **Y)", "W['a']", "W[1][1]",
    ],
)  # fmt: skip
def test_nothing_but_equations_is_computed(attack):
    line = notation.read(f"E = {attack}")
    known = {"X": X, "Y": Y, "W": {1: NET.W[1]}}
    with pytest.raises(EquationError):
        notation.compute(line, known)


@pytest.mark.parametrize("line", ["E = " + "(" * 140 + "1" + ")" * 140, "E = " + "-" * 290 + "1", "E = 9**9**9**9**9"])
def test_deep_and_huge_numbers_end_at_once(line):
    with contextlib.suppress(EquationError):
        notation.compute(notation.read(line), {})


def test_sizes_are_bounded():
    wide = np.ones((1, 3000))
    with pytest.raises(EquationError, match="9,000,000 numbers"):
        notation.compute(notation.read("E = X.T @ X"), {"X": wide})
    with pytest.raises(EquationError, match="9,000,000 numbers"):
        notation.compute(notation.read("E = X.T + X"), {"X": wide})
    with pytest.raises(EquationError, match="too large"):
        notation.compute(notation.read("E = X @ X.T"), {"X": np.ones((1000, 1000))})
    with pytest.raises(ValueError, match="lines, more than"):
        homework.check({"lines": [""] * 50})
    with pytest.raises(ValueError, match="take a smaller network"):
        homework.check({"lines": []}, cr.Network([100, 100, 1]), np.ones((100, 3)), np.ones((1, 3)))


def test_lines_that_give_no_gradient_are_told():
    found = homework.check({"lines": homework.equations(NET)[:4]})
    assert found["error"] == "no line gives dW[1] and db[1] a value"


# -- results -----------------------------------------------------------------------------------------------------------


def written(form):
    """All gradients of the small network in one of the forms that people have them in."""
    pairs = {f"{d}{l}": tensors[l] for l in (1, 2) for d, tensors in (("dW", DW), ("db", DB))}
    if form == "json":
        return json.dumps({name: array.tolist() for name, array in pairs.items()})
    if form == "a dict of Python":
        return str({name: array.tolist() for name, array in pairs.items()})
    if form == "repr":
        return repr(pairs)
    with np.printoptions(precision=17):
        if form == "print":
            return "\n".join(f"{name} =\n{array}" for name, array in pairs.items())
        if form == "print of one after the other":
            return "\n".join(f"{name[:2]}[{name[2]}]: {array}" for name, array in pairs.items())
    return "\n".join(f"{name} = np.array({array.tolist()}, dtype=np.float64)" for name, array in pairs.items())


@pytest.mark.parametrize(
    "form", ["json", "a dict of Python", "repr", "print", "print of one after the other", "assignments"]
)
def test_right_results_in_every_form_are_right(form):
    with np.printoptions(precision=17):
        text = written(form)
    found = homework.check({"text": text})
    assert found["right"], (text, found)
    assert len(found["tensors"]) == 4
    assert found["note"] is None


def test_wrong_results_are_named():
    found = homework.check({"text": f"dW2 = {(DW[2] * 4).tolist()}\ndb2 = {DB[2].tolist()}"})
    assert (found["right"], found["first_wrong"]) == (False, "dW[2]")
    assert "the factor 1/m is missing" in found["told"][0]
    assert found["note"] == "not there, and so not checked: dW1, db1"
    assert [t["name"] for t in found["tensors"]] == ["dW[2]", "db[2]"]
    lying = homework.check({"text": f"db1 = {DB[1].ravel()}"})
    assert "keepdims" in lying["told"][0]
    cost = homework.check({"text": f"J = 3.25, dW1 = {DW[1].tolist()}"})
    assert cost["first_wrong"] == "J"
    holes = homework.check({"text": "db2 = [[nan]]"})
    assert "NaN" in holes["tensors"][0]["problem"]
    json.dumps(holes, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "no dW1, db1, … in it"),
        ("[[1, 2]]", "no dW1, db1, … in it"),
        ("dW1 = [[1, 2], [3]]", "dW1: its rows are not equally long"),
        ("dW1 = [[1 ... 2]]", "printed with … in it"),
        ("dW3 = [[1]]", "there are layers 1 to 2 only"),
        ("dW1 = 1\ndW1 = 2", "dW1 is there twice"),
        ("dW1 = __import__('os')", "this is no array"),
        ("dW1 = [[1, 'a']]", "this is no array"),
        ("dW1 = " + "[" * 5000, "this is no array"),
        ("dW1 = 1" + " " * 400_000, "characters, more than"),
        ("dW1" + " " * 390_000, "no dW1, db1, … in it"),
        ("dW" + "1" * 390_000, "no dW1, db1, … in it"),
        ("dW1 = " + "1" * 390_000, "this is no array"),
        ("dW1 = [" + "1 " * 190_000 + "x", "this is no array"),
    ],
)
def test_text_that_is_no_result_is_refused(text, wanted):
    with pytest.raises(ValueError, match="results") as refused:
        homework.check({"text": text})
    assert wanted in str(refused.value)


def test_an_exercise_that_is_not_there():
    with pytest.raises(ValueError, match="there is no 'upphill'"):
        homework.check({"exercise": "upphill", "lines": []})
