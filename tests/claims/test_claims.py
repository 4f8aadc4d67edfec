"""The notes' claims: each experiment runs, measures and draws, and its verdict follows from what it measures."""

import ast
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest

from chainrule import datasets
from chainrule.claims import CLAIMS, SEEDS, Claim, NotRunError, Result, activations, parity, units, weights
from chainrule.claims.common import accuracy, cell, count, epochs_until, judge, of_numbers, race
from chainrule.claims.report import page, picture, svg, write
from chainrule.cli import main
from chainrule.network import Network
from chainrule.training.steps import Step
from support.pictures import assert_readable

VERDICTS = ("holds", "holds under a condition", "does not hold")
TWO = (0, 1)


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_every_claim_measures_judges_and_draws(claim, monkeypatch):
    monkeypatch.delenv("CHAINRULE_CATS", raising=False)
    if claim.name == "cats":  # its pictures do not come with chainrule; on others it is tested beside this file
        with pytest.raises(NotRunError, match=r"^not run: .* Set CHAINRULE_CATS to the folder"):
            claim.run(TWO)
        return
    result = claim.run((0,))
    assert result.verdict in VERDICTS
    assert re.search(r"\d", result.summary)
    assert result.rows
    assert all(len(row) == len(result.headers) for row in result.rows)
    assert not any(isinstance(value, float) and np.isnan(value) for row in result.rows for value in row)
    figure = picture(result)
    assert figure.axes
    assert_readable(figure)
    shown = [ax for ax in figure.axes if ax.get_visible() and (ax.lines or ax.collections or ax.images or ax.patches)]
    assert shown


def test_all_claims_of_the_notes_are_there_in_their_order():
    assert [claim.number for claim in CLAIMS.values()] == list(range(1, 23))
    for name, claim in CLAIMS.items():
        assert claim.name == name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
        assert claim.statement.endswith(".")
        assert "hold" in claim.measurement


def test_the_texts_of_the_claims_do_not_hang_on_docstrings():
    code = "from chainrule.claims import CLAIMS; print(ascii([(c.statement, c.measurement) for c in CLAIMS.values()]))"
    out = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, check=True).stdout
    assert ast.literal_eval(out) == [(claim.statement, claim.measurement) for claim in CLAIMS.values()]


def test_the_default_seeds_are_several():
    assert len(set(SEEDS)) >= 5


@pytest.mark.parametrize("number", [1, 6, 18])
def test_the_same_seeds_give_the_same_figures(number):
    claim = next(claim for claim in CLAIMS.values() if claim.number == number)
    first, second = claim.run((3,)), claim.run((3,))
    assert (first.verdict, first.summary, first.rows) == (second.verdict, second.summary, second.rows)


# -- the verdicts react: without what a claim is about, it does not hold -----------------------------------------------


def without_a_hidden_layer():
    return units.flower_needs_a_hidden_layer.run(TWO, hidden=())


def hidden_layers_that_are_not_linear():
    return units.linear_layers_are_one_map.run(TWO, hidden="tanh")


def a_hidden_layer_that_is_not_linear():
    return units.linear_hidden_is_logistic.run(TWO, hidden="tanh")


def random_weights_instead_of_zero():
    return weights.zero_weights_stay_identical.run(TWO, init=0.5)


def a_hidden_layer_that_starts_from_zero():
    return weights.logistic_learns_from_zero.run(TWO, hidden=(4,))


def weights_that_are_not_large():
    return weights.large_weights_saturate.run(TWO, factors=(0.01, 0.1))


def sigmoid_in_the_place_of_tanh():
    return activations.tanh_faster_than_sigmoid.run(TWO, faster="sigmoid", slower="tanh")


def sigmoid_in_the_place_of_relu():
    return activations.relu_faster_in_depth.run(TWO, favorite="sigmoid", others=("relu",))


def relu_in_the_place_of_leaky_relu():
    return activations.leaky_relu_against_dead_units.run(TWO, remedy="relu")


def weights_that_suit_no_layer():
    return weights.he_and_xavier_in_depth.run(TWO, schemes=((0.02, "relu"), (0.02, "tanh"), *weights.SCHEMES[2:]))


def no_noise_to_fit():
    return units.more_parameters_overfit.run(TWO, noise=0.05)


@pytest.mark.parametrize(
    ("removed", "verdict"),
    [
        (without_a_hidden_layer, "does not hold"),
        (hidden_layers_that_are_not_linear, "does not hold"),
        (a_hidden_layer_that_is_not_linear, "does not hold"),
        (random_weights_instead_of_zero, "holds under a condition"),  # what is said of biases still holds
        (a_hidden_layer_that_starts_from_zero, "does not hold"),
        (weights_that_are_not_large, "does not hold"),
        (sigmoid_in_the_place_of_tanh, "holds under a condition"),  # at a rate that is too high for tanh
        (sigmoid_in_the_place_of_relu, "does not hold"),
        (relu_in_the_place_of_leaky_relu, "does not hold"),
        (weights_that_suit_no_layer, "holds under a condition"),  # what is said of 0.01 and 1.0 still holds
        (no_noise_to_fit, "holds under a condition"),  # a better fit still, but no overfitting
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_without_the_mechanism_the_verdict_is_another(removed, verdict):
    assert removed().verdict == verdict


def test_parity_would_need_exponentially_many_units_if_each_recognized_one_pattern():
    assert parity.parity_deep_or_wide.run((0,)).verdict == "holds under a condition"
    assert parity.parity_deep_or_wide.run((0,), shallow=(parity.by_patterns,)).verdict == "holds"


@pytest.mark.parametrize(
    ("build", "hidden"),
    [
        (parity.by_patterns, {2: 2, 5: 16, 8: 128}),
        (parity.by_zigzag, {2: 2, 5: 5, 8: 8}),
        (parity.by_tree, {2: 2, 5: 10, 8: 14}),
        (parity.by_folding, {2: 2, 5: 6, 8: 6}),
    ],
)
def test_parity_set_by_hand_is_exact_on_every_pattern(build, hidden):
    for n, wanted in hidden.items():
        X, Y = datasets.parity(n)
        net = build(n)
        np.testing.assert_array_equal(net.forward(X), Y)
        assert sum(net.sizes[1:-1]) == wanted


def test_linear_layers_collapse_to_the_product_of_the_notes(rng):
    net = Network([3, 4, 2], hidden="identity", output="identity", seed=0)
    net.b[1], net.b[2] = rng.standard_normal((4, 1)), rng.standard_normal((2, 1))
    W, b = units.collapsed(net)
    np.testing.assert_allclose(W, net.W[2] @ net.W[1], rtol=1e-14)
    np.testing.assert_allclose(b, net.W[2] @ net.b[1] + net.b[2], rtol=1e-14)


def test_a_unit_is_dead_if_no_example_reaches_it():
    net = Network([1, 3, 1], init="zeros")
    net.W[1], net.b[1] = np.array([[1.0], [1.0], [-1.0]]), np.array([[0.0], [-5.0], [0.0]])
    assert activations.dead(net, np.array([[1.0, 4.0]])) == pytest.approx(2 / 3)


# -- what the claims share ---------------------------------------------------------------------------------------------


def test_a_verdict_is_a_matter_of_all_some_or_none():
    assert judge([True, True]) == "holds"
    assert judge(value for value in (True, False)) == "holds under a condition"
    assert judge([False]) == "does not hold"


def test_accuracy_of_one_output_and_of_classes():
    net = Network([1, 1], init="zeros")
    net.W[1] = 1.0
    assert accuracy(net, np.array([[1.0, 2.0, -1.0, -2.0]]), np.array([[1.0, 1.0, 0.0, 1.0]])) == 0.75
    net = Network([1, 3], output="softmax", init="zeros")
    net.W[1] = np.array([[-1.0], [0.0], [1.0]])
    assert accuracy(net, np.array([[1.0, -1.0]]), np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])) == 0.5


def test_the_epochs_until_a_cost_are_those_trained_before_it_was_seen():
    steps = [Step(epoch, cost, None, 0.1, "numpy") for epoch, cost in ((0, 3.0), (10, 1.0), (20, 0.5))]
    assert epochs_until(steps, 1.0) == 20
    assert epochs_until(steps, 2.0) == 10
    assert epochs_until(steps, 0.1) == np.inf


def test_a_race_counts_epochs_and_what_diverges_never_arrives(caplog):
    X, Y = np.array([[-1.0, 1.0]]), np.array([[-2.0, 2.0]])

    def make(hidden, seed):
        return Network([1, 1], output="identity", init="zeros")

    # J = (w − 2)² / 2 (b stays 0): each update with α = 0.5 halves w − 2, and α = 3 doubles it.
    found = race(make, X, Y, ["relu"], [0.5, 3.0], TWO, 0.5, epochs=600)
    assert found == {("relu", 0.5): [2.0, 2.0], ("relu", 3.0): [np.inf, np.inf]}
    assert not caplog.records
    assert [count(epochs) for epochs in (2.0, np.inf)] == [2, "never"]


def test_columns_of_numbers_are_told_from_columns_of_words():
    rows = [("a", 1, "never", None), ("b", 2.5, 3, 1)]
    assert [of_numbers(rows, column) for column in range(4)] == [False, True, True, True]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "—"), (True, "yes"), (np.False_, "no"), (12345, "12,345"), (0.123456, "0.1235"), (12345.6, "12,346"),
     (1.5e-12, "1.5e-12"), (np.int64(7), "7"), ("never", "never"), (np.inf, "inf")],
)  # fmt: skip
def test_a_cell_is_read_by_people(value, shown):
    assert cell(value) == shown


# -- the page ----------------------------------------------------------------------------------------------------------


def bars(figure):
    ax = figure.subplots()
    ax.bar(["a", "b"], [1, 2])
    ax.set(title="<two> & more")


CLAIM = Claim(7, "a-claim", "W < 1 & more.", "It holds if 1 < 2.", lambda seeds: RESULT)
RESULT = Result("holds", 'So it is: "1 < 2".', ("what", "how much"), (("a <b>", 1.5), ("c", 20000)), bars)


class Reader(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def test_the_page_says_everything_and_escapes_it():
    read = Reader(page([(CLAIM, RESULT)], (0, 1, 2)))
    for text in ("W < 1 & more.", "It holds if 1 < 2.", "Verdict: holds.", '"1 < 2"', "a <b>", "20,000", "3 seeds"):
        assert text in read.text
    assert ("a", {"href": "#a-claim"}) in read.tags
    assert any(tag == "section" and given["id"] == "a-claim" for tag, given in read.tags)


def test_the_page_needs_no_other_file_and_its_ids_are_its_own(tmp_path):
    other = Claim(8, "another", "And so on.", "It holds if so.", CLAIM.run)
    path = write(tmp_path / "new" / "folder", [(CLAIM, RESULT), (other, RESULT)], TWO)
    assert [found.name for found in (tmp_path / "new" / "folder").iterdir()] == ["claims.html"]
    read = Reader(path.read_text(encoding="utf-8"))
    assert not {tag for tag, _ in read.tags} & {"script", "link", "iframe", "img"}
    references = [given[name] for _, given in read.tags for name in ("href", "xlink:href", "src") if name in given]
    assert all(reference.startswith(("#", "data:")) for reference in references)
    ids = [given["id"] for _, given in read.tags if "id" in given]
    assert len(ids) == len(set(ids))
    assert {reference[1:] for reference in references if reference.startswith("#")} <= set(ids)


def test_a_picture_is_valid_svg_in_the_color_of_the_text_without_a_background():
    drawn = svg("a-claim", RESULT)
    root = ET.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("aria-label") == RESULT.summary
    assert "currentColor" in drawn
    assert "#010203" not in drawn
    assert "#ffffff" not in drawn
    assert drawn == svg("a-claim", RESULT)


def test_the_page_says_which_claim_was_not_run_and_why():
    read = Reader(page([(CLAIM, "not run: no <data>.")], TWO))
    assert "not run: no <data>." in read.text
    assert "svg" not in {tag for tag, _ in read.tags}


def test_a_claim_without_a_picture_has_none():
    plain = Result("holds", "1.", ("a",), ((1,),))
    assert picture(plain) is None
    assert svg("plain", plain) is None
    assert "<figure>" not in page([(CLAIM, plain)], TWO)


def test_without_matplotlib_the_picture_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"chainrule\[plots\]"):
        picture(RESULT)


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys, monkeypatch):
    """Run one command: (exit code, what it printed, what it complained about)."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(["claims", *map(str, arguments)])
        return done.value.code or 0, *capsys.readouterr()

    return run


def test_the_command_lists_the_claims(run):
    code, out, err = run("--list")
    assert (code, err) == (0, "")
    assert all(name in out for name in CLAIMS)


def test_the_command_prints_statement_measurement_table_and_verdict(run):
    code, out, err = run("linear-layers-are-one-map", "--seeds", "1")
    assert (code, err) == (0, "")
    out = " ".join(out.split())
    claim = CLAIMS["linear-layers-are-one-map"]
    assert f"3. {claim.statement}" in out
    assert claim.measurement in out
    assert "flower, 2 → 4 → 1" in out
    assert "Verdict: holds." in out


def test_the_command_takes_numbers_and_each_claim_once_and_sums_up(run):
    code, out, _ = run(4, "linear-hidden-is-logistic", 3, "--seeds", "1")
    assert code == 0
    assert out.count("Verdict:") == 2
    assert re.search(r"4\s+linear-hidden-is-logistic\s+holds", out)


def test_the_command_gives_json(run, tmp_path):
    code, out, _ = run("linear-layers-are-one-map", "--seeds", "2", "--json", "--report", tmp_path / "r")
    found = json.loads(out)
    assert code == 0
    assert found["seeds"] == [0, 1]
    assert found["report"] == str(tmp_path / "r" / "claims.html")
    (claim,) = found["claims"]
    assert claim["verdict"] == "holds"
    assert claim["number"] == 3
    assert len(claim["rows"]) == 4
    assert "<svg" in (tmp_path / "r" / "claims.html").read_text(encoding="utf-8")
    listed = json.loads(run("--list", "--json")[1])
    assert [claim["name"] for claim in listed["claims"]] == list(CLAIMS)


def test_a_claim_without_its_data_is_left_out_and_alone_an_error(run, monkeypatch):
    monkeypatch.delenv("CHAINRULE_CATS", raising=False)
    code, out, err = run(3, "cats", "--seeds", "1")
    assert (code, err) == (0, "")
    assert "not run: the pictures of cats do not come with chainrule." in " ".join(out.split())
    assert re.search(r"22\s+cats\s+not run", out)
    assert json.loads(run(3, 22, "--seeds", "1", "--json")[1])["claims"][1]["verdict"] is None
    code, out, err = run("cats")
    assert code == 2
    assert "error: not run: the pictures of cats" in err


def test_an_unknown_claim_is_an_error_with_a_suggestion(run):
    code, out, err = run("hidden-size")
    assert (code, out) == (2, "")
    assert "unknown claim 'hidden-size'. Did you mean 'hidden-sizes'?" in err


def test_a_report_needs_a_folder_before_anything_runs(run, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = run("--report", tmp_path / "file")
    assert (code, out) == (2, "")
    assert "is a file; name a folder with --report" in err
