"""Pictures: what is drawn is what the network has, no words lie over one another, and dark pages have light words."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor, activations, plots
from chainrule.estimators.display import CostCurveDisplay, FirstLayerDisplay, NetworkDisplay
from chainrule.plots import diagram, style
from chainrule.tabular.calibration import Bin, Reliability
from chainrule.tabular.effects import Effect
from chainrule.tabular.explanation import Contribution, Explanation
from chainrule.tabular.importance import Importance, Importances
from chainrule.working.trace import trace
from support.pictures import assert_readable

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb, to_rgba  # noqa: E402


@pytest.fixture(autouse=True)
def no_figure_is_left():
    with matplotlib.rc_context():
        yield
    plt.close("all")


def trained(sizes, X, Y, epochs=60, **options):
    net = cr.Network(sizes, seed=0, **options)
    return net, list(net.train(X, Y, cr.Adam(0.02), epochs=epochs, batch_size=64, seed=0, validation=(X, Y)))


@pytest.fixture(scope="module")
def flower():
    X, Y = cr.datasets.flower(200)
    return (*trained([2, 4, 1], X, Y, hidden="tanh"), X, Y)


@pytest.fixture(scope="module")
def spirals():
    X, Y = cr.datasets.spirals(150)
    return (*trained([2, 8, 3], X, Y, hidden="tanh", output="softmax"), X, Y)


@pytest.fixture(scope="module")
def iris():
    X, Y = cr.datasets.iris()
    return (*trained([4, 5, 3], X, Y, output="softmax"), X, Y)


@pytest.fixture(scope="module")
def digits():
    X, Y = cr.datasets.digits()
    X, Y = X[:, :400], Y[:, :400]
    return (*trained([64, 16, 10], X, Y, epochs=8, output="softmax"), X, Y)


def words(ax):
    return [text.get_text() for text in ax.findobj(matplotlib.text.Text) if text.get_text().strip()]


# What chainrule.tabular finds, made up.
BINS = tuple(Bin(said, said**1.3, said**1.3 * 0.8, said**1.3 * 0.8 + 0.2, 30) for said in np.linspace(0.05, 0.95, 10))
SAID = Reliability(BINS, 0.04, 300, "a class with a rather long name and a $")
MATTERED = Importances(
    "log loss", 0.411, 300, tuple(Importance(f"column {i} of ${i}", 9.0 - i, 8.0 - i, 10.0 - i) for i in range(18))
)
MOVED = Explanation("yes", 0.3, 0.42, (Contribution("Sex", "female", 0.1), Contribution("Age", np.nan, -0.22)), 100)
CHANGES = [(-1) ** i * 20_000.0 / (i + 1) for i in range(25)]
MUCH_MOVED = Explanation(
    None,
    150_000 + sum(CHANGES),
    150_000.0,
    tuple(Contribution(f"column ${i}", "$ 7", c) for i, c in enumerate(CHANGES)),
    0,
)
DAYS = pd.date_range("2019-01-05", periods=20, freq="37D").to_numpy()


def curve(values, missing=0.4):
    p = len(values)
    rows = np.sin(np.arange(p) / 4) + np.linspace(0, 1, 12)[:, None]
    return Effect("when it was $old", "yes", values, np.full(p, 1 / p), rows.mean(axis=0), rows, rows[0], missing)


def levels(p):
    rows = np.random.default_rng(0).normal(size=(12, p)) * 1000
    names = np.array([f"name of $ {i}" for i in range(p)])
    return Effect("_city", None, names, np.full(p, 1 / p), rows.mean(axis=0), rows, None, 12.0)


# -- all of them -------------------------------------------------------------------------------------------------------


def traced(run):
    net, _, X, Y = run
    return {epoch: trace(net, X, Y) for epoch in (0, 10, 20)}


ALL = {
    "cost_curves": lambda r, ax=None: plots.cost_curves({"a": r["flower"][1], "b": r["spirals"][1]}, ax=ax),
    "boundary of two": lambda r, ax=None: plots.decision_boundary(r["flower"][0], *r["flower"][2:], ax=ax),
    "boundary of three": lambda r, ax=None: plots.decision_boundary(r["spirals"][0], *r["spirals"][2:], ax=ax),
    "components": lambda r, ax=None: plots.decision_boundary(r["iris"][0], *r["iris"][2:], ax=ax),
    "slice": lambda r, ax=None: plots.decision_boundary(r["iris"][0], *r["iris"][2:], dims=(1, 2), ax=ax),
    "components of digits": lambda r, ax=None: plots.decision_boundary(r["digits"][0], *r["digits"][2:], ax=ax),
    "network": lambda r, ax=None: plots.network(r["flower"][0], ax=ax),
    "large network": lambda r, ax=None: plots.network(r["digits"][0], ax=ax),
    "deep network": lambda r, ax=None: plots.network(cr.Network([30, *[12] * 20, 3], seed=0), ax=ax),
    "first_layer": lambda r, ax=None: plots.first_layer(r["digits"][0], (8, 8), ax=ax),
    "histograms of A": lambda r, ax=None: plots.histograms(traced(r["digits"]), "A", ax=ax),
    "histograms of dW": lambda r, ax=None: plots.histograms(traced(r["digits"]), "dW", ax=ax),
    "activation": lambda r, ax=None: plots.activation("selu", ax=ax),
    "confusion": lambda r, ax=None: plots.confusion(r["digits"][0], *r["digits"][2:], ax=ax),
    "misclassified": lambda r, ax=None: plots.misclassified(r["digits"][0], *r["digits"][2:], (8, 8), ax=ax),
    "calibration": lambda r, ax=None: plots.calibration(SAID, ax=ax),
    "two calibrations": lambda r, ax=None: plots.calibration({"before": SAID, "after the temperature": SAID}, ax=ax),
    "importances": lambda r, ax=None: plots.importances(MATTERED, ax=ax),
    "contributions": lambda r, ax=None: plots.contributions(MOVED, ax=ax),
    "contributions of many columns": lambda r, ax=None: plots.contributions(MUCH_MOVED, ax=ax),
    "effect of a number": lambda r, ax=None: plots.effect(curve(np.linspace(-1e4, 1e4, 20)), ax=ax),
    "effect of a count": lambda r, ax=None: plots.effect(curve(np.arange(3.0), missing=None), ax=ax),
    "effect of a date": lambda r, ax=None: plots.effect(curve(DAYS), ax=ax),
    "effect of a category": lambda r, ax=None: plots.effect(levels(20), ax=ax),
}


@pytest.fixture(scope="module")
def runs(flower, spirals, iris, digits):
    return {"flower": flower, "spirals": spirals, "iris": iris, "digits": digits}


@pytest.mark.parametrize("name", ALL)
def test_no_words_lie_over_one_another_or_outside(name, runs):
    assert_readable(ALL[name](runs).figure)


@pytest.mark.parametrize("name", ALL)
def test_a_picture_draws_on_the_axes_it_is_given_and_returns_them(name, runs):
    figure, axes = plt.subplots(1, 2)
    assert ALL[name](runs, ax=axes[1]) is axes[1]
    assert not axes[0].has_data()
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("name", [*ALL, "histograms of ten layers", "network with names"])
def test_words_fit_into_small_axes(name, runs):
    X, Y = cr.datasets.iris()
    deep = trace(cr.Network([4, *[8] * 9, 3], output="softmax", seed=0), X, Y)
    named = {"inputs": ["a long name of a column"] * 4, "outputs": ["a long name of a class"] * 3}
    more = {
        "histograms of ten layers": lambda r, ax: plots.histograms([deep, deep], ax=ax),
        "network with names": lambda r, ax: plots.network(r["iris"][0], **named, ax=ax),
    }
    figure, axes = plt.subplots(2, 2, figsize=(8, 7), layout="constrained")
    for ax in axes[0]:
        (ALL | more)[name](runs, ax=ax)
    assert_readable(figure)


@pytest.mark.parametrize("name", ALL)
def test_words_and_lines_follow_a_dark_style_and_no_background_is_forced(name, runs):
    plt.style.use("dark_background")
    matplotlib.rcParams.update({"figure.facecolor": "none", "axes.facecolor": "none"})
    figure = ALL[name](runs).figure
    for text in figure.findobj(matplotlib.text.Text):
        assert not text.get_text().strip() or to_rgb(text.get_color()) == (1, 1, 1), text.get_text()
    assert figure.get_facecolor()[3] == 0
    assert all(ax.get_facecolor()[3] == 0 for ax in figure.axes)
    for line in figure.findobj(matplotlib.lines.Line2D):
        assert to_rgb(line.get_color()) != (0, 0, 0)


def luminance(color):
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("color", [*style.COLORS, style.PURPLE, style.GREEN])
def test_every_color_reads_on_white_and_on_black(color):
    assert 1.05 / (luminance(color) + 0.05) >= 3
    assert (luminance(color) + 0.05) / 0.05 >= 3


def test_importing_the_pictures_does_not_load_matplotlib():
    code = "import chainrule.plots, chainrule.estimators.display, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize("name", ALL)
def test_without_matplotlib_the_error_says_what_to_install(name, runs, monkeypatch):
    for module in [m for m in sys.modules if m.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "chainrule\[plots\]"'):
        ALL[name](runs)


# -- cost curves -------------------------------------------------------------------------------------------------------


def test_cost_curves_draw_the_costs_of_the_steps(flower):
    _, steps, *_ = flower
    training, validation = plots.cost_curves(steps).lines
    np.testing.assert_array_equal(training.get_xdata(), [step.epoch for step in steps])
    np.testing.assert_array_equal(training.get_ydata(), [step.cost for step in steps])
    np.testing.assert_array_equal(validation.get_ydata(), [step.validation_cost for step in steps])
    assert (training.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    assert [text.get_text() for text in training.axes.get_legend().get_texts()] == ["training", "validation"]
    assert (training.axes.get_xlabel(), training.axes.get_ylabel()) == ("epoch", "cost J")


def test_cost_curves_take_every_form_of_a_run(flower):
    _, steps, X, Y = flower
    generator = cr.Network([2, 1], seed=0).train(X, Y, cr.GradientDescent(0.1), epochs=7, every=3)
    history = {"cost": [3, 2, 1], "metric": [0, 0, 1]}
    ax = plots.cost_curves({"steps": steps, 0.1: generator, 0: history, "one epoch": {"cost": [5.0]}})
    labels = ["steps: training", "steps: validation", "0.1", "0", "one epoch"]
    assert [line.get_label() for line in ax.lines] == labels
    assert list(ax.lines[2].get_xdata()) == [0, 3, 6]
    assert list(ax.lines[3].get_ydata()) == [3, 2, 1]
    assert ax.lines[4].get_marker() == "o"
    colors = [line.get_color() for line in ax.lines]
    assert colors[0] == colors[1] == style.BLUE
    assert len(set(colors)) == 4


def test_one_run_needs_no_legend_and_the_next_picture_has_the_next_color():
    ax = plots.cost_curves({"cost": [3, 2, 1]})
    assert ax.get_legend() is None
    plots.cost_curves({"cost": [4, 2, 1]}, ax=ax)
    assert [line.get_color() for line in ax.lines] == [style.BLUE, style.ORANGE]


def test_many_runs_are_told_apart_by_color_and_mark():
    ax = plots.cost_curves({seed: {"cost": [2, 1]} for seed in range(20)})
    assert len({(line.get_color(), line.get_marker()) for line in ax.lines}) == 20


def test_names_of_runs_are_words_and_not_mathematics():
    ax = plots.cost_curves({"$5 or $\\nothing$": {"cost": [2, 1]}, "_hidden": {"cost": [3, 1]}})
    ax.figure.canvas.draw()
    shown = [text.get_text().strip() for text in ax.get_legend().get_texts()]
    assert shown == ["$5 or $\\nothing$", "_hidden"]


@pytest.mark.parametrize("runs", [{}, [], {"cost": []}, {"a": []}])
def test_no_costs_are_an_error(runs):
    with pytest.raises(ValueError, match="runs: got"):
        plots.cost_curves(runs)


@pytest.mark.parametrize("costs", [[1.0], [2.0, np.nan, np.inf, 1.0, 0.5], [np.nan, 1.0, np.nan]])
def test_a_cost_without_a_neighbor_is_a_point(costs):
    (line,) = plots.cost_curves({"cost": costs}).lines
    there = np.isfinite(np.array([np.nan, *costs, np.nan]))
    alone = [i for i in range(len(costs)) if there[i + 1] and not there[i] and not there[i + 2]]
    assert alone
    assert line.get_marker() == "o"
    assert line.get_markevery() == alone
    assert all(tick == int(tick) for tick in line.axes.get_xticks())


def test_the_legend_says_what_has_no_number_to_draw():
    ax = plots.cost_curves({"cost": [2.0, 1.0], "validation_cost": [np.nan, np.inf]})
    assert_readable(ax.figure)
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert shown == ["training", "validation (never a finite number)"]


@pytest.mark.parametrize("count", [6, 14, 40])
def test_the_legend_of_many_runs_leaves_the_curves_their_room(count):
    history = {"cost": [2.0, 1.0], "validation_cost": [2.5, 1.5]}
    ax = plots.cost_curves({f"a rather long name of run {i}": history for i in range(count)})
    assert_readable(ax.figure)
    box, legend = ax.get_window_extent(), ax.get_legend().get_window_extent()
    assert box.width > 400
    assert box.height > 300
    assert legend.x0 >= box.x1
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(shown) == min(2 * count, 32)
    assert (shown[-1] == "… and 49 more") == (count == 40)


# -- decision boundary -------------------------------------------------------------------------------------------------


def middle_of(image):
    """The inputs at the middle of every pixel, (2, pixels), and the shape."""
    shape, (left, right, bottom, top) = image.get_array().shape[:2], image.get_extent()
    x = left + (np.arange(shape[1]) + 0.5) * (right - left) / shape[1]
    y = bottom + (np.arange(shape[0]) + 0.5) * (top - bottom) / shape[0]
    return np.stack([part.ravel() for part in np.meshgrid(x, y)]), shape


def test_the_shade_is_the_probability_and_the_line_is_a_half(flower):
    net, _, X, Y = flower
    ax = plots.decision_boundary(net, X, Y)
    at, shape = middle_of(ax.images[0])
    np.testing.assert_allclose(ax.images[0].get_array(), net.forward(at).reshape(shape), atol=1e-9)
    contour = next(c for c in ax.collections if isinstance(c, matplotlib.contour.ContourSet))
    line = np.vstack([path.vertices for path in contour.get_paths()]).T
    assert abs(net.forward(line) - 0.5).max() < 0.02
    points = [c.get_offsets() for c in ax.collections if c.get_offsets().size > 2]
    np.testing.assert_array_equal(np.sort(np.vstack(points), axis=0), np.sort(X.T, axis=0))
    np.testing.assert_array_equal(points[1], X[:, Y[0] == 1].T)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x₁", "x₂")
    assert ax.figure.axes[1].get_ylabel() == "probability of 1"


def test_of_several_classes_the_color_is_the_likeliest(spirals):
    net, _, X, Y = spirals
    ax = plots.decision_boundary(net, X, Y)
    at, shape = middle_of(ax.images[0])
    best = net.forward(at).argmax(axis=0).reshape(shape)
    wanted = np.array([to_rgb(color) for color in style.COLORS])[best]
    np.testing.assert_array_equal(ax.images[0].get_array()[..., :3], wanted)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]
    assert len({c.get_paths()[0].vertices.tobytes() for c in ax.collections[-3:]}) == 3  # three marks


def test_an_estimator_with_rows_gives_the_same_picture_as_its_network(spirals):
    *_, X, Y = spirals
    y = np.array(["a", "b", "c"])[Y.argmax(axis=0)]
    clf = MLPClassifier((8,), max_iter=3, solver="lbfgs", tol=1.0).fit(X.T, y)
    ours, theirs = plots.decision_boundary(clf, X.T, y), plots.decision_boundary(clf.network_, X, Y)
    np.testing.assert_allclose(ours.images[0].get_array(), theirs.images[0].get_array(), rtol=1e-6)
    assert [text.get_text() for text in ours.get_legend().get_texts()] == ["a", "b", "c"]


def test_a_slice_holds_the_other_inputs_at_their_mean(iris):
    net, _, X, Y = iris
    ax = plots.decision_boundary(net, X, Y, dims=(3, 1))
    at, shape = middle_of(ax.images[0])
    full = np.repeat(X.mean(axis=1, keepdims=True), at.shape[1], axis=1)
    full[[3, 1]] = at
    best = net.forward(full).argmax(axis=0).reshape(shape)
    np.testing.assert_array_equal(ax.images[0].get_array()[..., :3], np.array([to_rgb(c) for c in style.COLORS])[best])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x₄", "x₂")
    assert "other 2 inputs at their mean" in ax.get_title()


def test_more_inputs_are_drawn_on_their_first_two_principal_components(iris):
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    net, _, X, Y = iris
    ax = plots.decision_boundary(net, X, Y)
    scaler, pca = StandardScaler().fit(X.T), PCA(2)
    wanted = pca.fit_transform(scaler.transform(X.T))
    points = np.vstack([c.get_offsets() for c in ax.collections[-3:]])  # iris is sorted by class
    np.testing.assert_allclose(abs(points), abs(wanted), atol=1e-9)
    signs = np.sign((points * wanted).sum(axis=0))
    at, shape = middle_of(ax.images[0])
    back = scaler.inverse_transform(pca.inverse_transform(at.T * signs))
    best = net.forward(back.T).argmax(axis=0).reshape(shape)
    np.testing.assert_array_equal(ax.images[0].get_array()[..., :3], np.array([to_rgb(c) for c in style.COLORS])[best])
    assert f"({pca.explained_variance_ratio_[0]:.0%})" in ax.get_xlabel()
    assert "4 inputs" in ax.get_title()


def test_the_axes_have_the_names_the_model_was_fitted_with(rng):
    frame = pd.DataFrame(rng.normal(size=(30, 3)), columns=["length", "width", "height"])
    clf = MLPClassifier((2,), solver="lbfgs", max_iter=5, tol=1.0, random_state=0).fit(frame, np.arange(30) % 2)
    ax = plots.decision_boundary(clf, frame, np.arange(30) % 2, dims=(2, 0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("height", "length")
    with pytest.warns(UserWarning, match="valid feature names"):  # scikit-learn's
        ax = plots.decision_boundary(clf, frame.to_numpy(), np.arange(30) % 2, dims=(2, 0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("height", "length")


def test_many_classes_with_long_names_leave_the_boundary_its_room(rng):
    X, names = rng.normal(size=(80, 2)), [f"a rather long name of class {k}" for k in range(40)]
    clf = MLPClassifier((2,), "tanh", solver="lbfgs", max_iter=2, tol=1.0, random_state=0).fit(X, np.repeat(names, 2))
    ax = plots.decision_boundary(clf, X, np.repeat(names, 2))
    assert_readable(ax.figure)
    assert ax.get_window_extent().width > 400
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(shown) == len(set(shown)) == 32
    assert shown[-1] == "… and 9 more"


def test_a_regression_is_drawn_by_its_value(rng):
    frame = pd.DataFrame({"length": rng.normal(size=50), "$width$": rng.normal(size=50)})
    y = frame["length"].to_numpy() * 2
    reg = MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", tol=0.1).fit(frame, y)
    ax = plots.decision_boundary(reg, frame, y)
    at, shape = middle_of(ax.images[0])
    values = reg.predict(pd.DataFrame(at.T, columns=frame.columns)).reshape(shape)
    np.testing.assert_allclose(ax.images[0].get_array(), values, atol=1e-6)
    np.testing.assert_array_equal(ax.collections[0].get_array(), y)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "$width$")
    assert ax.images[0].get_clim() == ax.collections[0].get_clim()


def test_a_network_that_answers_the_same_everywhere_has_no_line():
    X, Y = cr.datasets.flower(20)
    net = cr.Network([2, 1], init="zeros")
    ax = plots.decision_boundary(net, X, Y)
    assert not [c for c in ax.collections if isinstance(c, matplotlib.contour.ContourSet)]


def test_what_cannot_be_drawn_as_a_plane_is_an_error(iris):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    net, _, X, Y = iris
    for dims in ((0, 0), (0, 4), (-1, 2)):
        with pytest.raises(ValueError, match=r"dims: got .* 0 … 3"):
            plots.decision_boundary(net, X, Y, dims=dims)
    with pytest.raises(ValueError, match="at least two"):
        plots.decision_boundary(cr.Network([1, 1]), np.zeros((1, 3)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"dims=\(i, j\)"):
        plots.decision_boundary(net, X[:, :1], Y[:, :1])
    with pytest.raises(ValueError, match="3 sigmoid outputs"):
        plots.decision_boundary(cr.Network([4, 3]), X, Y)
    clf = MLPClassifier((), solver="lbfgs", tol=1.0, max_iter=5).fit(X.T[:100], np.repeat([0, 1], 50))
    with pytest.raises(ValueError, match="not a class of the model; known: 0, 1"):
        plots.decision_boundary(clf, X.T, np.repeat([0, 1, 2], 50))
    with pytest.raises(ValueError, match=r"y: got shape \(3, 2\)"):
        plots.decision_boundary(clf, X.T[:3], np.zeros((3, 2)))
    text, y = pd.DataFrame({"a": ["x", "y"] * 10, "b": ["z"] * 20}), np.tile([0, 1], 10)
    coded = make_pipeline(OrdinalEncoder(), MLPClassifier((), solver="lbfgs", tol=0.1)).fit(text, y)
    with pytest.raises(ValueError, match="numbers only"):
        plots.decision_boundary(coded, text, y)


# -- the diagram -------------------------------------------------------------------------------------------------------


def diagram_of(net):
    ax = plots.network(net)
    lines, circles = ax.collections
    return ax, lines, circles


def test_every_weight_is_a_line_with_its_sign_as_color_and_its_size_as_width():
    net = cr.Network([2, 3, 1], hidden="tanh", seed=4)
    net.b[1] = np.array([[1.0], [-0.5], [0.0]])
    ax, lines, circles = diagram_of(net)
    W = np.concatenate([net.W[1].ravel(), net.W[2].ravel()])
    assert len(lines.get_segments()) == W.size == 9
    colors, widths = lines.get_colors(), lines.get_linewidths()
    for w, color, width in zip(W, colors, widths, strict=True):
        if color[3] > 0.16:
            np.testing.assert_allclose(color[:3], to_rgb(style.GREEN if w > 0 else style.PURPLE), atol=1e-9)
        assert color[3] == pytest.approx(0.15 + 0.85 * abs(w) / abs(W).max())
        assert width == pytest.approx(0.3 + 2.7 * abs(w) / abs(W).max())
    fills = circles.get_facecolors()
    assert len(fills) == 6
    np.testing.assert_allclose(fills[:, 3], [0, 0, 1, 0.5, 0, 0], atol=0.01)
    np.testing.assert_allclose(fills[[2, 3], :3], [to_rgb(style.GREEN), to_rgb(style.PURPLE)], atol=1e-9)
    shown = words(ax)
    assert {"x₁", "x₂", "ŷ₁", "input\n2", "layer 1\ntanh\n3", "output\nsigmoid\n1"} <= set(shown)
    assert f"|w| = {abs(W).max():.3g}" in ax.texts[-1].get_text()


def test_lines_end_at_the_rims_of_the_right_circles():
    net = cr.Network([2, 3, 1], seed=0)
    _, lines, circles = diagram_of(net)
    centers = [(path.vertices.max(axis=0) + path.vertices.min(axis=0)) / 2 for path in circles.get_paths()]
    pairs = [(2 + i, k) for i in range(3) for k in range(2)] + [(5, 2 + k) for k in range(3)]
    for (end, start), segment in zip(pairs, lines.get_segments(), strict=True):
        for center, point in ((centers[start], segment[0]), (centers[end], segment[1])):
            assert np.hypot(*(point - center)) == pytest.approx(diagram.RADIUS, rel=1e-3)


def test_what_is_left_out_of_a_large_network_is_said():
    ax, lines, _ = diagram_of(cr.Network([64, 16, 10], output="softmax", seed=0))
    shown = words(ax)
    assert {"input\n64 (8 drawn)", "layer 1\nrelu\n16 (8 drawn)", "output\nsoftmax\n10", "x₆₄", "⋮"} <= set(shown)
    assert "x₇" not in shown
    assert len(lines.get_segments()) == 8 * 8 + 8 * 10
    ax, lines, _ = diagram_of(cr.Network([3, *[2] * 20, 1], seed=0))
    assert "…\n14 more\nlayers" in words(ax)
    assert {"layer 3\nrelu\n2", "layer 18\nrelu\n2"} <= set(words(ax))
    assert not {"layer 4\nrelu\n2", "layer 17\nrelu\n2"} & set(words(ax))
    assert len(lines.get_segments()) == 6 + 4 + 4 + (4 + 4 + 2)


def test_the_strongest_weight_that_is_drawn_sets_the_scale():
    net = cr.Network([20, 2, 1], init="zeros")
    net.W[1][0, 10], net.W[1][0, 2] = 50.0, 5.0  # the first of an input that is not drawn
    assert "|w| = 5\n" in plots.network(net).texts[-1].get_text()
    _, lines, _ = diagram_of(cr.Network([2, 1], init="zeros"))
    np.testing.assert_allclose(lines.get_linewidths(), 0.3)


def test_biases_that_are_all_zero_and_what_is_no_number_are_named():
    net = cr.Network([2, 3, 1], seed=0)
    widest = f"lines: weights, the widest |w| = {max(abs(net.W[1]).max(), abs(net.W[2]).max()):.3g}"
    assert plots.network(net).texts[-1].get_text() == f"{widest}\ncircles: biases, all are 0"
    net.b[1][:] = [[np.nan], [np.inf], [-0.5]]
    ax, _, circles = diagram_of(net)
    assert ax.texts[-1].get_text() == f"{widest}\ncircles: biases, the fullest |b| = 0.5, 2 NaN or infinite"
    np.testing.assert_allclose(circles.get_facecolors()[2:5, 3], [0, 0, 1], atol=0.01)
    net.parameters[:] = np.nan
    assert (
        plots.network(net).texts[-1].get_text()
        == "lines: weights, 9 NaN or infinite\ncircles: biases, 4 NaN or infinite"
    )
    assert_readable(ax.figure)


def test_inputs_and_outputs_have_the_names_of_columns_and_classes(rng):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns, classes = ["length", "$w$ & <b>", "שלום עולם"], ["Müller", "", "a very long name of a class"]
    frame, y = pd.DataFrame(rng.normal(size=(30, 3)), columns=columns), np.repeat(classes, 10)
    clf = MLPClassifier((2,), solver="lbfgs", max_iter=5, tol=1.0, random_state=0).fit(frame, y)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((2,), solver="lbfgs", max_iter=5, tol=1.0)).fit(frame, y)
    for ax in (plots.network(clf), plots.network(pipeline), NetworkDisplay.from_estimator(pipeline).ax_):
        assert_readable(ax.figure)
        assert {*columns, "Müller", "''", "a very long n… class", "x₁", "ŷ₃"} <= set(words(ax))
    two = MLPClassifier((2,), solver="lbfgs", max_iter=5, tol=1.0).fit(frame, y == "Müller")
    assert {"True"} == {"True", "False"} & set(words(plots.network(two)))  # ŷ is how likely this one is
    unnamed = MLPClassifier((2,), solver="lbfgs", max_iter=5, tol=1.0).fit(frame.to_numpy(), y)
    assert "x₁" in words(plots.network(make_pipeline(unnamed)))
    ax = plots.network(unnamed.network_, inputs="abc", outputs=[7, 8, 9])
    assert {"a", "b", "c", "7", "8", "9"} <= set(words(ax))
    for wrong in ({"inputs": "ab"}, {"outputs": []}):
        with pytest.raises(ValueError, match=r"puts: got [02] names, the network has 3"):
            plots.network(unnamed, **wrong)


# -- images ------------------------------------------------------------------------------------------------------------


def test_the_first_layer_is_drawn_as_it_is(digits):
    net, *_ = digits
    ax = plots.first_layer(net, (8, 8))
    for image, w in zip(ax.images, net.W[1], strict=True):
        np.testing.assert_array_equal(image.get_array(), w.reshape(8, 8))
        assert image.get_clim() == (-abs(net.W[1]).max(), abs(net.W[1]).max())
    np.testing.assert_allclose(ax.images[0].cmap(1.0), to_rgba(style.GREEN))
    np.testing.assert_allclose(ax.images[0].cmap(0.0), to_rgba(style.PURPLE))
    assert ax.images[0].cmap(0.5)[3] < 0.01
    assert ax.get_title() == "W[1]: 16 units"


def test_many_units_are_counted_and_color_images_are_in_color(rng):
    net = cr.Network([12, 100, 1], seed=0)
    ax = plots.first_layer(net, (2, 2, 3))
    assert len(ax.images) == 64
    assert ax.get_title() == "W[1]: the first 64 of 100 units"
    scale = abs(net.W[1][:64]).max()
    np.testing.assert_allclose(ax.images[3].get_array(), 0.5 + 0.5 * net.W[1][3].reshape(2, 2, 3) / scale)
    assert plots.first_layer(cr.Network([4, 1], seed=0), (2, 2, 1)).get_title() == "W[1]: 1 unit"
    assert len({(image.get_extent()[0], image.get_extent()[2]) for image in ax.images}) == 64


@pytest.mark.parametrize("shape", [(8, 9), (64,), (4, 4, 4), (2, 2, 2, 8)])
def test_a_shape_that_does_not_fit_is_an_error(digits, shape):
    net, _, X, Y = digits
    with pytest.raises(ValueError, match="with 64 numbers in all"):
        plots.first_layer(net, shape)
    with pytest.raises(ValueError, match="with 64 numbers in all"):
        plots.misclassified(net, X, Y, shape)


def test_the_mistakes_are_shown_surest_first(digits):
    net, _, X, Y = digits
    A, y = net.forward(X), Y.argmax(axis=0)
    wrong = np.flatnonzero(A.argmax(axis=0) != y)
    order = wrong[np.argsort(-A.max(axis=0)[wrong], kind="stable")][:24]
    ax = plots.misclassified(net, X, Y, (8, 8))
    assert [text.get_text() for text in ax.texts] == [
        f"{y[i]} → {A[:, i].argmax()}\n{A[:, i].max():.0%}" for i in order
    ]
    for image, i in zip(ax.images, order, strict=True):
        np.testing.assert_allclose(image.get_array(), X[:, i].reshape(8, 8) / X.max())
    assert ax.get_title().startswith(f"{len(wrong)} of 400 wrong")
    assert ("surest 24" in ax.get_title()) == (len(wrong) > 24)


@pytest.mark.parametrize("shape", [(64, 1), (1, 64), (32, 2)])
def test_long_images_have_places_like_others(digits, shape):
    net, _, X, Y = digits
    for ax in (plots.first_layer(net, shape), plots.misclassified(net, X, Y, shape)):
        assert_readable(ax.figure)
        assert max(ax.figure.get_size_inches()) < 12
        boxes = np.array([image.get_extent() for image in ax.images])
        tall = abs(boxes[:, 3] - boxes[:, 2]) / (boxes[:, 1] - boxes[:, 0])
        np.testing.assert_allclose(tall, shape[0] / shape[1])


def test_no_mistakes_and_color_images():
    X = np.linspace(0, 255, 24).reshape(12, 2)
    net = cr.Network([12, 1], init="zeros")
    net.b[1] = -1.0
    right = plots.misclassified(net, X, np.zeros((1, 2)), (2, 2, 3))
    assert right.get_title() == "0 of 2 wrong"
    assert not right.images
    wrong = plots.misclassified(net, X, np.ones((1, 2)), (2, 2, 3))
    assert [text.get_text() for text in wrong.texts] == ["1 → 0\n73%"] * 2
    np.testing.assert_allclose(wrong.images[0].get_array(), X[:, 0].reshape(2, 2, 3) / 255)


# -- histograms over training ------------------------------------------------------------------------------------------


def meshes(ax):
    return [c for c in ax.collections if isinstance(c, matplotlib.collections.QuadMesh)]


def test_histograms_are_those_of_each_layer_at_each_time(flower):
    net, _, X, Y = flower
    start = cr.Network([2, 4, 1], hidden="tanh", seed=1)
    given = {0: trace(start, X, Y), 50: trace(net, X, Y)}
    ax = plots.histograms(given, "A")
    assert len(meshes(ax)) == 2
    for l, mesh in enumerate(meshes(ax), 1):
        edges = mesh.get_coordinates()[:, 0, 1]
        shares = mesh.get_array().reshape(60, 2)
        for t, one in enumerate(given.values()):
            wanted = np.histogram(one["A"][l], edges)[0] / one["A"][l].size
            np.testing.assert_allclose(shares[:, t], wanted)
            assert shares[:, t].sum() == pytest.approx(1)
    medians = [patch.get_data().values for patch in ax.patches]
    np.testing.assert_allclose(medians[0], [np.median(one["A"][1]) for one in given.values()])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["layer 1", "layer 2"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "in each layer from left to right: epoch 0 to 50",
        "A, line: its median",
    )


def test_gradients_are_drawn_by_size_and_their_zeros_are_counted(digits):
    net, _, X, Y = digits
    given = [trace(cr.Network([64, 16, 10], output="softmax", seed=1), X, Y), trace(net, X, Y)]
    ax = plots.histograms(given, "dZ")
    assert (ax.get_yscale(), ax.get_ylabel()) == ("log", "|dZ|, line: its median")
    zeros = [f"{np.mean(one['dZ'][1] == 0):.0%}" for one in given]
    assert f"zeros {zeros[0]} → {zeros[1]}" in words(ax)
    for mesh in meshes(ax):
        np.testing.assert_allclose(mesh.get_array().reshape(60, 2).sum(axis=0), 1)
    assert "first trace" in ax.get_xlabel()


def test_gradients_that_are_all_zero_and_single_traces_have_a_picture():
    X, Y = cr.datasets.flower(20)
    zero = trace(cr.Network([2, 3, 1], init="zeros"), X, Y)
    ax = plots.histograms([zero], "dW")
    ax.figure.canvas.draw()
    assert "zeros 100%" in words(ax)
    assert ax.get_xlabel() == ""
    ax = plots.histograms([zero], "W")
    ax.figure.canvas.draw()
    assert ax.get_yscale() == "linear"


def test_what_has_no_histogram_is_an_error():
    X, Y = cr.datasets.flower(20)
    one = trace(cr.Network([2, 1], seed=0), X, Y)
    with pytest.raises(ValueError, match="traces: got none"):
        plots.histograms([])
    with pytest.raises(ValueError, match="'J' is not one array a layer"):
        plots.histograms([one], "J")
    with pytest.raises(KeyError, match="known: J"):
        plots.histograms([one], "Q")
    with pytest.raises(ValueError, match="has no slope: it has no hidden layer"):
        plots.histograms([one], "slope")


# -- activations and the confusion matrix ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [*(n for n in activations.ACTIVATIONS if n not in activations.OUTPUT_ONLY), "elu(0.5)"]
)
def test_an_activation_is_drawn_with_its_slope_and_formulas(name):
    ax = plots.activation(name)
    assert_readable(ax.figure)
    g, slope = ax.lines[-2:]
    row = activations.get(name)
    np.testing.assert_array_equal(g.get_ydata(), row(g.get_xdata()))
    z, values = slope.get_xdata(), slope.get_ydata()
    there = ~np.isnan(values)
    np.testing.assert_array_equal(values[there], row.slope(z[there]))
    assert (~there).sum() == (name in ("relu", "leaky_relu", "elu(0.5)", "selu"))  # where it jumps, no line is drawn
    assert row.formula in g.get_label()
    assert row.slope_formula in slope.get_label()
    assert ax.get_title() == row.spec


def test_every_activation_has_its_place():
    figure = plots.activations()
    assert [ax.get_title().partition("(")[0] for ax in figure.axes] == [
        name for name in activations.ACTIVATIONS if name not in activations.OUTPUT_ONLY
    ]
    assert_readable(figure)
    with pytest.raises(ValueError, match="output layer only"):
        plots.activation("softmax")


def test_the_confusion_matrix_counts_as_scikit_learn_does(digits):
    from sklearn.metrics import confusion_matrix

    net, _, X, Y = digits
    ax = plots.confusion(net, X, Y)
    wanted = confusion_matrix(Y.argmax(axis=0), net.forward(X).argmax(axis=0))
    found = np.zeros((10, 10), int)
    for text in ax.texts:
        j, i = text.get_position()
        found[i, j] = int(text.get_text())
    np.testing.assert_array_equal(found, wanted)
    shades = ax.images[0].get_array()
    np.testing.assert_allclose(shades[3, 3], (*to_rgb(style.BLUE), 0.85 * np.sqrt(wanted[3, 3] / wanted[3].sum())))
    np.testing.assert_allclose(shades[3, 4, :3], to_rgb(style.ORANGE))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


def test_classes_of_the_confusion_matrix_have_their_names_and_long_ones_are_cut(rng):
    X, y = rng.normal(size=(90, 2)), rng.permutation(np.repeat(["$a$", "_b", "a very long name of a class"], 30))
    clf = MLPClassifier((), solver="lbfgs", tol=1.0, max_iter=5).fit(X, y)
    ax = plots.confusion(clf, X, y)
    assert_readable(ax.figure)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["$a$", " _b", "a very long n… class"]


CLASSES = {
    "short": "c{}", "middling": "class {}", "long": "a rather long name of a class, number {}", "wide": "W" * 30 + "{}",
    "markup": "<b>{0}</b> $\\frac{{{0}}}$", "right to left": "שלום עולם {}", "numbers": "10000000{}",
}  # fmt: skip


# Whose letters fit, whose are turned, and whose are cut; the last with every kind of name.
@pytest.mark.parametrize(
    ("count", "own", "kind"),
    [
        *((30, False, kind) for kind in CLASSES),
        *((3, True, kind) for kind in CLASSES),
        *((count, own, "long") for count, own in ((3, False), (8, True), (8, False), (30, True))),
        *((count, own, "wide") for count, own in ((8, True), (30, True))),
    ],
)
def test_names_of_classes_do_not_touch_and_stay_apart_when_cut(rng, kind, count, own):
    names = [CLASSES[kind].format(k) for k in range(count)]
    X, y = rng.normal(size=(2 * count, 2)), np.repeat(names, 2)
    clf = MLPClassifier((), solver="lbfgs", max_iter=1, tol=1.0).fit(X, y)
    ax = plots.confusion(clf, X, y, ax=None if own else plt.subplots(figsize=(4, 4), layout="constrained")[1])
    assert_readable(ax.figure)
    assert ax.get_window_extent().width > (150 if own else 60)
    for axis in (ax.xaxis, ax.yaxis):
        shown = [tick.get_text() for tick in axis.get_ticklabels()]
        assert len(set(shown)) == len(shown) > 1
        assert len(shown) == count or not own


def test_large_counts_stay_in_their_cells(rng):
    X, Y = rng.normal(size=(2, 12)).repeat(1000, axis=1), np.eye(12).repeat(1000, axis=1)
    net = cr.Network([2, 12], output="softmax", seed=0)
    for ax in (None, plt.subplots(figsize=(3, 3), layout="constrained")[1]):
        ax = plots.confusion(net, X, Y, ax=ax)
        assert_readable(ax.figure)
        width = ax.get_window_extent().width / 12
        assert all(t.get_window_extent().width < width for t in ax.texts if t.get_visible())


def test_many_classes_are_drawn_without_numbers(rng):
    X = rng.normal(size=(3, 400))
    Y = np.eye(60)[rng.integers(60, size=400)].T
    ax = plots.confusion(cr.Network([3, 60], output="softmax", seed=0), X, Y)
    assert_readable(ax.figure)
    assert not ax.texts
    assert [tick.get_text() for tick in ax.get_xticklabels()][:3] == ["0", "2", "4"]


def test_a_model_of_numbers_has_no_confusion():
    X, Y = cr.datasets.sine(20)
    net = cr.Network([1, 1], output="identity", seed=0)
    with pytest.raises(ValueError, match="confusion: this model predicts numbers"):
        plots.confusion(net, X, Y)
    with pytest.raises(ValueError, match="misclassified: this model predicts numbers"):
        plots.misclassified(net, X, Y, (1, 1))


# -- scikit-learn's Displays -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clf():
    X, Y = cr.datasets.flower(100)
    clf = MLPClassifier((4,), max_iter=5, early_stopping=True, random_state=0, schedule="cosine")
    return clf.fit(X.T, Y[0])


def test_a_display_of_the_cost_curves(clf):
    display = CostCurveDisplay.from_estimator(clf)
    assert display.figure_ is display.ax_.figure
    training, validation = display.lines_
    np.testing.assert_array_equal(training.get_ydata(), clf.history_["cost"])
    np.testing.assert_array_equal(validation.get_ydata(), clf.history_["validation_cost"])
    assert training.get_label() == "MLPClassifier: training"
    first = display.ax_
    again = CostCurveDisplay.from_estimator(clf, name="again", ax=first)
    assert again.ax_ is first
    assert [line.get_label() for line in again.lines_] == ["again: training", "again: validation"]
    assert again.lines_[0].get_color() != training.get_color()
    assert display.plot(name="third").ax_ is not first
    assert [line.get_label() for line in CostCurveDisplay({"cost": [1, 2]}).plot().lines_] == ["training"]


def test_displays_of_the_network_and_of_its_first_layer(clf):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    display = NetworkDisplay.from_estimator(clf)
    assert "input\n2" in words(display.ax_)
    assert display.plot().figure_ is display.ax_.figure
    X, Y = cr.datasets.flower(60)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((3,), solver="lbfgs", tol=0.01)).fit(X.T, Y[0])
    shown = FirstLayerDisplay.from_estimator(pipeline, (1, 2))
    assert len(shown.ax_.images) == 3
    np.testing.assert_array_equal(shown.ax_.images[0].get_array(), pipeline[-1].network_.W[1][:1])
    assert CostCurveDisplay.from_estimator(pipeline).figure_ is not shown.figure_


def test_a_display_shows_what_was_there_when_it_was_made(clf):
    display = CostCurveDisplay.from_estimator(clf)
    clf.history_["cost"].append(0.0)
    assert len(display.plot().lines_[0].get_ydata()) == len(clf.history_["cost"]) - 1
    clf.history_["cost"].pop()


def test_displays_want_a_fitted_estimator_of_ours():
    from sklearn.exceptions import NotFittedError
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(NotFittedError):
        CostCurveDisplay.from_estimator(MLPClassifier())
    with pytest.raises(TypeError, match="got LogisticRegression, wanted MLPClassifier"):
        NetworkDisplay.from_estimator(LogisticRegression().fit([[0], [1]], [0, 1]))


def test_scikit_learns_own_displays_take_our_estimators(clf):
    from sklearn.inspection import DecisionBoundaryDisplay
    from sklearn.metrics import ConfusionMatrixDisplay

    X, Y = cr.datasets.flower(100)
    assert DecisionBoundaryDisplay.from_estimator(clf, X.T).response.shape == (100, 100)
    theirs = ConfusionMatrixDisplay.from_estimator(clf, X.T, Y[0]).confusion_matrix
    ours = plots.confusion(clf, X.T, Y[0])
    assert sum(int(text.get_text()) for text in ours.texts) == theirs.sum() == 100


# -- what a model of a table says --------------------------------------------------------------------------------------


def test_the_calibration_draws_what_was_said_and_found_with_its_interval():
    ax = plots.calibration(SAID)
    (bars,) = ax.containers
    line, _, (errors,) = bars
    np.testing.assert_allclose(line.get_xydata(), [(b.said, b.found) for b in BINS])
    for segment, each in zip(errors.get_segments(), BINS, strict=True):
        np.testing.assert_allclose(segment[:, 1], [each.low, each.high])
    assert "off by 4.0% on average" in words(ax)[-1]
    assert plots.calibration(Reliability((), np.nan, 0)).get_xlabel() == "said: probability"


def test_the_importances_are_bars_the_largest_on_top_and_the_rest_is_counted():
    ax = plots.importances(MATTERED)
    bars = ax.containers[0]
    assert [bar.get_width() for bar in bars] == [9.0 - i for i in range(15)]
    assert ax.yaxis_inverted()
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[0] == "column 0 of $0"
    assert names[-1] == "… and 3 more"
    assert len(plots.importances(MATTERED, most=30).get_yticklabels()) == 18


def test_contributions_lead_from_typical_rows_to_this_row_blue_up_and_orange_down():
    ax = plots.contributions(MOVED)
    up, down = [container[0] for container in ax.containers]
    assert (up.get_x(), up.get_width()) == pytest.approx((0.42, 0.1))
    assert up.get_facecolor() == to_rgba(style.BLUE)
    assert (down.get_x(), down.get_width()) == pytest.approx((0.52, -0.22))
    assert down.get_facecolor() == to_rgba(style.ORANGE)
    shown = words(ax)
    assert {"typical rows", "Sex = female", "Age is missing", "this row", "+0.1", "−0.22", "0.42", "0.3"} <= set(shown)
    assert ax.get_xlabel() == "probability of yes"


def test_contributions_of_many_columns_end_with_the_others_together():
    ax = plots.contributions(MUCH_MOVED)
    assert len(ax.containers) == 11
    last = ax.containers[-1][0]
    assert last.get_x() + last.get_width() == pytest.approx(MUCH_MOVED.prediction)
    assert "15 other columns" in words(ax)
    assert ax.get_xlabel() == "prediction"


def test_a_long_column_and_a_long_value_are_cut_each_alone_and_the_axis_has_the_name_of_the_target():
    part = Contribution("average_monthly_income_of_household", "more than ten thousand in a month", 1.0)
    ax = plots.contributions(Explanation(None, 3.0, 2.0, (part,), 10), answer="price")
    (label,) = {label for label in words(ax) if " = " in label}
    assert label.startswith("avera")
    assert "…" in label.partition(" = ")[0]
    assert "…" in label.partition(" = ")[2]
    assert ax.get_xlabel() == "price"
    assert plots.effect(replace(curve(np.linspace(0, 1, 20)), of=None), answer="price").get_ylabel() == "price"


def test_an_effect_has_its_mean_the_likely_rows_single_rows_and_the_missing():
    found = curve(np.linspace(0, 1, 20))
    ax = plots.effect(found)
    drawn = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(drawn["mean of all rows"].get_ydata(), found.mean)
    np.testing.assert_array_equal(drawn["of rows near the value"].get_ydata(), found.likely)
    assert set(drawn["if it is missing"].get_ydata()) == {0.4}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("when it was $old", "probability of yes")
    assert list(plots.effect(curve(np.arange(3.0))).get_xticks()) == [0, 1, 2]


def test_an_effect_of_categories_has_their_shares():
    ax = plots.effect(levels(4))
    assert ax.get_yticklabels()[0].get_text() == "name of $ 0 (25%)"
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [*levels(4).mean, 12.0])
