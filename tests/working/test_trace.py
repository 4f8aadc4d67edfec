"""The trace: what it holds is what the network computes, and what it shows can be read."""

import xml.etree.ElementTree as ET
from math import exp, tanh

import numpy as np
import pytest
import scipy.sparse as sp

import chainrule as cr
from chainrule import equations
from chainrule.losses import Loss
from chainrule.working.rows import Row, mathml
from chainrule.working.trace import trace
from support.contract import CASES, EXAMPLES, HIDDEN, PAIRS, case, named, network, problem, relative_error, rng_of

m = EXAMPLES


@pytest.fixture(autouse=True)
def a_wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")


@pytest.mark.parametrize(("hidden", "pair", "depth"), CASES, ids=str)
def test_it_holds_what_the_network_computes(hidden, pair, depth):
    net, X, Y, rng = case(hidden, pair, depth)
    w = rng.uniform(0.2, 3, m)
    t = trace(net, X, Y, l2=0.7, weights=w)
    Z, A = net.layers(X)
    J, dW, db = equations.cost_and_gradients(X, Y, net.W, net.b, net.g, net.slope, net.loss, 0.7, w[None])
    assert t.J == J
    assert pytest.approx(net.cost(X, Y, l2=0.7, weights=w), rel=1e-12) == J
    errors = relative_error(named(t["dW"], t["db"]), named(*net.gradients(X, Y, l2=0.7, weights=w)[1:]))
    assert max(errors.values()) < 1e-12
    np.testing.assert_array_equal(t["Y"], Y)
    for l in range(1, net.L + 1):
        for name, wanted in (("Z", Z), ("A", A), ("dW", dW), ("db", db), ("W", net.W), ("b", net.b)):
            np.testing.assert_array_equal(t[name][l], wanted[l])
        np.testing.assert_allclose(t["db"][l], t["dZ"][l].sum(axis=1, keepdims=True) / w.sum(), rtol=1e-12)
    for l in range(1, net.L):
        np.testing.assert_array_equal(t["slope"][l], net.g[l].slope(Z[l]))
        np.testing.assert_array_equal(t["dA"][l], net.W[l + 1].T @ t["dZ"][l + 1])
        np.testing.assert_array_equal(t["dZ"][l], t["dA"][l] * t["slope"][l])
    assert t["dA"][net.L] is t["slope"][net.L] is None


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_line_of_dZ_L_is_what_it_says(pair, weighted):
    net, X, Y, rng = case("tanh", pair, 1)
    w = rng.uniform(0.2, 3, m) if weighted else None
    t = trace(net, X, Y, weights=w)
    name, _, line = t.backward[0].equation.partition(" = ")
    assert name == "dZ[2]"
    for notes, python in (
        ("A[2]", "A"), ("−", "-"), ("∗", "*"), ("g[2]′(Z[2])", "slope"), ("±0.3", "-0.3, 0.3"), ("±1", "-1, 1"),
    ):  # fmt: skip
        line = line.replace(notes, python)
    names = {"A": t["A"][2], "Y": Y, "w": w, "sign": np.sign, "clip": np.clip}
    if "slope" in line:
        names["slope"] = net.g[2].slope(t["Z"][2])
    np.testing.assert_allclose(eval(line, names), t["dZ"][2], rtol=1e-9, atol=1e-12)


def test_it_stays_as_it_is_when_the_network_learns():
    net, X, Y, _ = case("tanh", PAIRS[0], 1)
    t = trace(net, X, Y)
    before = {name: np.copy(t[name][1]) for name in ("W", "b", "dW", "db")}, X.copy(), Y.copy()
    net.parameters += 1
    X += 1
    Y[:] = 1 - Y
    for name, array in before[0].items():
        np.testing.assert_array_equal(t[name][1], array)
    np.testing.assert_array_equal(t["A"][0], before[1])
    np.testing.assert_array_equal(t["Y"], before[2])


def test_a_normalizing_network_shows_the_inputs_as_it_sees_them():
    net, X, Y, _ = case("tanh", PAIRS[0], 1)
    for method, line in (("standard", "A[0] = (X − μ) / σ"), ("robust", "A[0] = clip((X − μ) / σ)")):
        net.normalize(5 + 3 * X, method)
        t = trace(net, 5 + 3 * X, Y)
        np.testing.assert_array_equal(t["A"][0], net.check_inputs(5 + 3 * X))
        assert t.forward[0].equation == line
        assert net.gradients(5 + 3 * X, Y)[0] == pytest.approx(t.J, rel=1e-14)


def test_sparse_examples_are_traced_and_summarised_without_filling_them():
    X = sp.random_array((40, 30), density=0.1, rng=np.random.default_rng(0), format="csc")
    net = cr.Network([40, 3, 1], hidden="tanh", seed=0)
    Y = np.arange(30)[None] % 2
    t, dense = trace(net, X, Y), trace(net, X.toarray(), Y)
    assert sp.issparse(t["A"][0])
    np.testing.assert_allclose(t["dW"][1], dense["dW"][1], rtol=1e-12)
    lines = [found._repr_html_() for found in (t, dense)]
    assert lines[0] == lines[1]
    assert repr(t.unit(1, 2, 5)) == repr(dense.unit(1, 2, 5))


def test_without_targets_there_is_a_way_forward_only():
    net, X, Y, _ = case("relu", PAIRS[1], 2)
    t = trace(net, X)
    np.testing.assert_array_equal(t["A"][3], trace(net, X, Y)["A"][3])
    assert t.J is t["Y"] is t["dW"][1] is None
    assert t.backward == []
    assert "Backward" not in repr(t) + t._repr_html_()
    assert "J =" not in repr(t)
    with pytest.raises(ValueError, match="got no examples"):
        trace(net, X[:, :0])


def test_functions_that_are_in_no_table_are_traced_as_they_are():
    from dataclasses import replace

    net, X, Y, _ = case("tanh", PAIRS[0], 1)
    net.g[1] = replace(net.g[1], name="cube", function=lambda Z: Z**3, derivative=lambda Z: 3 * Z**2)
    net.loss = Loss("twice", "sigmoid", lambda Z, Y: (2 * (Z**2).sum(axis=0)[None], 4 * Z), "2 Σ z²")
    t = trace(net, X, Y)
    np.testing.assert_array_equal(t["A"][1], t["Z"][1] ** 3)
    np.testing.assert_array_equal(t["slope"][1], 3 * t["Z"][1] ** 2)
    assert t.backward[0].equation == "dZ[2] = ∂𝓛/∂Z[2]"


def test_names_that_are_not_there_are_refused_with_those_that_are():
    t = trace(*case("tanh", PAIRS[0], 1)[:3])
    with pytest.raises(KeyError, match="known: J, Y, W, b, Z, A, slope, dA, dZ, dW, db"):
        t["dz"]


def test_an_overflow_is_shown_and_not_raised():
    net = cr.Network([9, 9, 1], hidden="relu", output="identity", init=1e200, seed=0)
    shown = repr(trace(net, np.ones((9, 9)), np.ones((1, 9))))
    assert "NaN or infinite" in shown


# -- shown -------------------------------------------------------------------------------------------------------------


SMALL = """
Network([2, 3, 1], hidden='tanh', output='sigmoid', loss='binary_cross_entropy', dtype='float64'), 2 examples, λ = 0.5

Forward
  A[0] = X                                (2, 2)  [[1 0]
                                                   [2 1]]
  W[1]                                    (3, 2)  [[ 0.50 -1.00]
                                                   [ 0.00  1.00]
                                                   [ 2.00  0.25]]
  b[1]                                    (3, 1)  [ 0.0  0.5 -1.0]ᵀ
  Z[1] = W[1] A[0] + b[1]                 (3, 2)  [[-1.50 -1.00]
                                                   [ 2.50  1.50]
                                                   [ 1.50 -0.75]]
  A[1] = tanh(Z[1])                       (3, 2)  [[-0.9051 -0.7616]
                                                   [ 0.9866  0.9051]
                                                   [ 0.9051 -0.6351]]
  W[2]                                    (1, 3)  [[ 1.0 -2.0  0.5]]
  b[2]                                    (1, 1)  [[0]]
  Z[2] = W[2] A[1] + b[2]                 (1, 2)  [[-2.4258 -2.8895]]
  A[2] = sigmoid(Z[2])                    (1, 2)  [[0.0812 0.0527]]
  Y                                       (1, 2)  [[1 0]]
  J = (1/m) Σ 𝓛 + (λ/2m) Σ ‖W‖² = 2.72763
  𝓛 = −Σ [y log a + (1 − y) log(1 − a)]
  tanh(z) = (eᶻ − e⁻ᶻ) / (eᶻ + e⁻ᶻ)
  sigmoid(z) = 1 / (1 + e⁻ᶻ)

Backward
  dZ[2] = A[2] − Y                        (1, 2)  [[-0.9188  0.0527]]
  dW[2] = (1/m) dZ[2] A[1]ᵀ + (λ/m) W[2]  (1, 3)  [[ 0.6458 -0.9294 -0.3075]]
  db[2] = (1/m) Σ dZ[2]                   (1, 1)  [[-0.433]]
  dA[1] = W[2]ᵀ dZ[2]                     (3, 2)  [[-0.9188  0.0527]
                                                   [ 1.8375 -0.1054]
                                                   [-0.4594  0.0263]]
  g[1]′(Z[1])                             (3, 2)  [[0.1807 0.4200]
                                                   [0.0266 0.1807]
                                                   [0.1807 0.5966]]
  dZ[1] = dA[1] ∗ g[1]′(Z[1])             (3, 2)  [[-0.1660  0.0221]
                                                   [ 0.0489 -0.0190]
                                                   [-0.0830  0.0157]]
  dW[1] = (1/m) dZ[1] A[0]ᵀ + (λ/m) W[1]  (3, 2)  [[ 0.0420 -0.4050]
                                                   [ 0.0244  0.2893]
                                                   [ 0.4585 -0.0127]]
  db[1] = (1/m) Σ dZ[1]                   (3, 1)  [-0.0720  0.0149 -0.0337]ᵀ
  tanh′(z) = 1 − g(z)²
"""


def small():
    net = cr.Network([2, 3, 1], hidden="tanh", output="sigmoid")
    net.W[1] = np.array([[0.5, -1.0], [0.0, 1.0], [2.0, 0.25]])
    net.b[1] = np.array([[0.0], [0.5], [-1.0]])
    net.W[2] = np.array([[1.0, -2.0, 0.5]])
    return net, np.array([[1.0, 0.0], [2.0, 1.0]]), np.array([[1.0, 0.0]])


def test_a_small_network_in_a_repl():
    assert repr(trace(*small(), l2=0.5)).split("\n") == SMALL.strip("\n").split("\n")


def test_every_line_of_the_table_is_aligned_and_none_is_cut():
    net, X, Y = network([5, 4, 3], "relu", "softmax"), *problem("cross_entropy", "softmax", 5, 3, 6, rng_of(1))
    lines = repr(trace(net, X, Y)).split("\n")
    rows = [line for line in lines if "]  (" in line]
    assert len({line.index("  (", 20) for line in rows if len(line) > 20 and "  (" in line[20:]}) <= 1
    shown = repr(trace(net, X, Y))
    assert "..." not in shown
    for value in X.ravel():
        assert f"{value:.4f}" in shown
    assert max(map(len, lines)) <= 140


def test_large_arrays_are_summarised():
    net = cr.Network([2, 4, 1], hidden="relu", seed=0)
    X, Y = cr.datasets.flower(10_000)
    t = trace(net, X, Y)
    A = t["A"][1]
    (line,) = [line for line in repr(t).split("\n") if line.startswith("  A[1] = relu(Z[1])")]
    assert "(4, 10000)" in line
    for name, value in (("min", A.min()), ("mean", A.mean()), ("max", A.max())):
        assert f"{name} {value:>10.4g}" in line
    assert f"zeros {np.mean(A == 0):.1%}" in line
    assert "10,000 examples" in repr(t)
    assert len(repr(t)) < 5000


@pytest.mark.parametrize(
    ("zeros", "words"), [(0, "zeros 0%"), (1, "zeros <0.1%"), (500, "zeros 5.0%"), (9999, "zeros 100.0%")]
)
def test_the_share_of_zeros_is_not_rounded_away(zeros, words):
    V = np.ones((2, 5000))
    V.ravel()[:zeros] = 0
    assert words in Row("V", V).shown()
    assert "zeros 100%" in Row("V", 0 * V).shown()


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_lines_fit_a_terminal_that_has_the_room(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    net, X, Y = network([8, 8, 8, 3], "tanh", "softmax"), *problem("cross_entropy", "softmax", 8, 3, 8, rng_of(1))
    lines = repr(trace(net, X, Y)).split("\n")[1:]
    assert max(map(len, lines)) <= max(columns, 90)
    assert sum(line.count("[") for line in lines) > 100


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_page_is_well_formed_and_names_every_array(hidden, pair):
    net, X, Y, rng = case(hidden, pair, 2)
    for t in (trace(net, X, Y), trace(net, X, Y, l2=0.1, weights=rng.uniform(0.2, 3, m)), trace(net, X)):
        page = ET.fromstring(f"<div>{t._repr_html_()}</div>")
        # Wide tables are scrolled, and no box has a color of its own, so that it is right in dark notebooks, too.
        assert all(list(part) == list(part.iter("table")) for part in page if list(part.iter("table")))
        assert all("background:none;color:inherit" in pre.get("style") for pre in page.iter("pre"))
        rows = [row for table in page.iter("table") for row in table.iter("tr")]
        assert len(rows) == len(t.forward) + len(t.backward) + 1 + bool(t.backward)
        shapes = [row[1].text for row in rows if row[1].tag == "td"]
        assert shapes == [str(row.values.shape) for row in (*t.forward, *t.backward)]
        math = "{http://www.w3.org/1998/Math/MathML}"
        for row in rows:
            if row[0].tag == "td":
                assert row[0].find(f".//{math}mi") is not None


def test_mathml_of_the_equations():
    def of(equation):
        root = ET.fromstring(mathml(equation))
        assert root.tag.endswith("}math")
        parts = [f"{{{part.tag.partition('}')[2]}}}{part.text or ''}" for part in root.iter()]
        return "".join(parts[2:])

    assert of("dW[2]") == "{msup}{mi}dW{mrow}{mtext}[2]"
    assert of("(λ/2m) W[1]ᵀ") == "{mfrac}{mrow}{mi}λ{mrow}{mn}2{mi}m{msup}{mi}W{mrow}{mtext}[1]{mi}⊤"
    assert of("g[1]′(Z[1])") == "{msup}{mi}g{mrow}{mtext}[1]{mo}′{mo}({msup}{mi}Z{mrow}{mtext}[1]{mo})"
    assert of("leaky_relu(0.2)(Z)") == "{mi}leaky_relu{mo}({mn}0.2{mo}){mo}({mi}Z{mo})"
    assert of("Σ ‖W‖²") == "{mo}Σ{mo}‖{mi}W{msup}{mo}‖{mn}2"


# -- one unit ----------------------------------------------------------------------------------------------------------


def test_the_sum_of_a_unit_term_by_term():
    net, X, Y = small()
    unit = trace(net, X, Y).unit(1, 2, example=0)
    np.testing.assert_array_equal(unit.terms, [2.0, 0.5])
    assert (unit.b, unit.z) == (-1.0, 1.5)
    assert unit.a == pytest.approx(tanh(1.5), rel=1e-15)
    assert repr(unit).split("\n") == [
        "z = W[1][2, :] · A[0][:, 0] + b[1][2]",
        "              w           x         w·x",
        "  0           2           1           2",
        "  1        0.25           2         0.5",
        "  b                                  -1",
        "  z                                 1.5",
        "  a = tanh(z)                   0.90515",
    ]
    out = trace(net, X, Y).unit(2, 0, example=1)
    assert out.a == pytest.approx(1 / (1 + exp(-out.z)), rel=1e-14)
    assert out.z == pytest.approx(out.terms.sum() + out.b, rel=1e-14)


def test_a_sum_of_many_terms_shows_the_largest_and_what_is_left():
    net = network([50, 3, 2], "relu", "softmax")
    X, Y = problem("cross_entropy", "softmax", 50, 2, 4, rng_of(2))
    unit = trace(net, X, Y).unit(1, 1, 3)
    lines = repr(unit).split("\n")
    assert len(lines) == 2 + 20 + 4
    shown = [int(line.split()[0]) for line in lines[2:22]]
    assert shown == sorted(np.argsort(-abs(unit.terms))[:20])
    rest = float(lines[22].split()[-1])
    assert "30 smaller terms together" in lines[22]
    assert rest + unit.terms[shown].sum() + unit.b == pytest.approx(unit.z, rel=1e-4)
    assert len({len(line) for line in lines[1:]}) == 1
    assert "over the units" in repr(trace(net, X, Y).unit(2, 1))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ((0, 0), "layer: got 0, wanted 1 … 2"),
        ((3, 0), "layer: got 3, wanted 1 … 2"),
        ((1, 3), "unit: got 3, wanted 0 … 2"),
        ((1, -1), "unit: got -1, wanted 0 … 2"),
        ((1, 0, 2), "example: got 2, wanted 0 … 1"),
    ],
)
def test_a_unit_that_is_not_there(asked, message):
    with pytest.raises(IndexError, match=message):
        trace(*small()).unit(*asked)
