"""What a notebook shows: pages of networks, trainings and plans, and the bar of a training."""

import io
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pandas as pd
import pytest

import chainrule as cr
from chainrule.activations import Activation
from chainrule.tabular.importance import Importance, Importances
from chainrule.tabular.plan import SHOWN

COLORS = ("#", "rgb", "black", "white", "background")


def parsed(shown):
    """The page of a thing, which names no color: it has those of the notebook, light or dark."""
    page = shown._repr_html_()
    assert not any(color in page for color in COLORS), page
    return ET.fromstring(f"<div>{page}</div>")


def cells(page):
    return [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")]


def test_a_network_is_a_table_of_its_layers_and_names_are_text():
    net = cr.Network([2, 4, 1], hidden="tanh", seed=0)
    page = parsed(net)
    assert cells(page)[1:] == [
        ["1", "4", "tanh", "(4, 2)", "(4, 1)", "12"],
        ["2", "1", "sigmoid", "(1, 4)", "(1, 1)", "5"],
    ]
    assert page[-1].text == str(net).splitlines()[-1] == "17 parameters (float64), 2 inputs, binary_cross_entropy"
    assert repr(net).startswith("Network([2, 4, 1], hidden='tanh'")
    mine = Activation("<b>&mine", abs, abs, "z", "1")
    assert cells(parsed(cr.Network([2, 3, 1], hidden=mine)))[1][2] == "<b>&mine"


def test_the_steps_of_a_training_are_a_list_with_a_curve_and_a_table():
    X, Y = cr.datasets.flower()
    net = cr.Network([2, 4, 1], hidden="tanh", seed=0)
    steps = net.train(X, Y, cr.Adam(0.01), epochs=1000, validation=(X, Y)).run()
    assert isinstance(steps, list)
    assert repr(steps[:2]) == repr(list(steps)[:2])
    page = parsed(steps)
    lines = list(page.iter("polyline"))
    assert ["stroke-dasharray" in line.attrib for line in lines] == [False, True]
    places = [tuple(map(float, place.split(","))) for place in lines[0].get("points").split()]
    assert len(places) == 400
    assert places[0] == (6, 6)  # the highest cost, at the left
    assert places[-1][0] == 474
    shown = cells(page)
    assert shown[0] == ["epoch", "cost", "validation cost", "learning rate"]
    assert [shown[1][0], shown[-1][0], shown[-1][1]] == ["0", "999", f"{steps[-1].cost:.4g}"]
    assert cells(parsed(net.train(X, Y, cr.LBFGS(), epochs=1).run()))[1][-1] == "—"  # no curve of one point
    assert parsed(type(steps)())[0].text == "no steps"
    many = cr.train_many([cr.Network([2, 4, 1], seed=0)], X, Y, cr.GradientDescent(1e300), epochs=9)[0]
    assert "inf" in cells(parsed(type(steps)(many)))[-1]


def test_a_plan_is_a_table_of_roles_and_hostile_names_are_text():
    m = 40
    table = pd.DataFrame({"<script>x</script>": range(m), "y": ["<i>no", "yes&"] * (m // 2)})
    table = table.assign(**{f"column{i}": [0.5 * j * (i + 1) % 7 for j in range(m)] for i in range(SHOWN)})
    model = cr.TabularClassifier(effort="quick", max_iter=1, random_state=0).fit(table, "y")
    page = parsed(model.plan_)
    shown = cells(page)
    assert shown[0] == ["column", "role", "missing", "note"]
    assert [shown[1][0], len(shown)] == ["<script>x</script>", 1 + SHOWN]
    assert "2 classes: <i>no, yes&" in page[0].text
    assert "1 more columns" in "".join(page.itertext())
    assert "&lt;script&gt;" in model.columns_._repr_html_()
    assert "<style>" in model._repr_html_()  # scikit-learn's own page of an estimator


def test_importances_are_a_table_of_columns():
    importance = Importances(
        "log loss", 0.408, 150, (Importance("<b>", 0.25, 0.2, 0.3), Importance("b", -0.01, -0.02, 0))
    )
    page = parsed(importance)
    assert page[0].text == "log loss 0.408 on 150 rows; without what a column says, more:"
    assert cells(page) == [
        ["column", "log loss grows by", "95 % interval"],
        ["<b>", "0.25", "0.2 to 0.3"],
        ["b", "-0.01", "-0.02 to 0"],
    ]


def training(net, **options):
    return net.train(*cr.datasets.flower(), cr.Adam(0.01), epochs=30, **options)


def test_the_bar_in_a_notebook_is_an_element_of_the_page_and_the_training_is_the_same(monkeypatch):
    pages = []
    handle = SimpleNamespace(update=lambda shown, raw: pages.append(shown["text/html"]))

    def display(shown, raw, display_id):
        pages.append(shown["text/html"])
        return handle

    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=True))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    net, alone = (cr.Network([2, 4, 1], hidden="tanh", seed=0) for _ in range(2))
    steps = list(cr.progress(training(net)))
    assert steps == training(alone).run()
    assert (net.parameters == alone.parameters).all()
    first, last = (ET.fromstring(page) for page in (pages[0], pages[-1]))
    assert [first[0].get("value"), last[0].get("value"), last[0].get("max")] == ["1", "30", "30"]
    assert last[0].tail.strip().startswith(f"epoch 30/30  cost {steps[-1].cost:.4g}  0 s")
    for step in cr.progress(training(net, every=cr.Batches(1), batch_size=100)):  # 400 examples
        if step.batch == 2:
            break
    assert ET.fromstring(pages[-1])[0].get("value") == "0.5"


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_in_a_terminal_is_on_standard_error_and_nowhere_else(monkeypatch, capsys, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert len(list(cr.progress(training(cr.Network([2, 4, 1], seed=0))))) == 30
    assert ("epoch 30/30" in stream.getvalue()) is terminal
    assert terminal or not stream.getvalue()
    assert capsys.readouterr().out == ""


ENDS = """
import sys
import chainrule as cr
cr.shown = iter(cr.progress(cr.Network([2, 4, 1], seed=0).train(*cr.datasets.flower(), cr.Adam(), epochs=9)))
next(cr.shown)
sys.exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo-terminals")
def test_a_program_that_ends_while_a_bar_is_shown_leaves_the_terminal_as_it_was():
    import pty

    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as screen:
        program = [sys.executable, "-c", ENDS]
        assert subprocess.run(program, stderr=theirs, env={**os.environ, "TERM": "xterm"}, timeout=60).returncode == 3
        os.close(theirs)
        shown = screen.read(1 << 16).decode()
    assert "Traceback" not in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is hidden"


def test_a_training_with_a_bar_has_what_the_training_has():
    net, alone = (cr.Network([2, 4, 1], hidden="tanh", seed=0) for _ in range(2))
    shown = cr.progress(training(net))
    assert (shown.epochs, repr(shown)) == (30, repr(shown.training))
    first = next(shown)
    shown.change(optimizer=cr.Adam(0.02))
    steps = shown.run()
    other = training(alone)
    assert first == next(other)
    other.change(optimizer=cr.Adam(0.02))
    assert steps == other.run()
    assert type(steps) is type(training(alone).run())
    shown = cr.progress(training(net))
    next(shown)
    shown.close()
    assert list(shown) == list(shown.training) == []


def test_the_bar_is_of_trainings():
    with pytest.raises(TypeError, match=r"got range, wanted what net\.train\(…\) gives"):
        cr.progress(range(3))
