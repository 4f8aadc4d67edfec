"""The report of `chainrule train --report`: what it shows, that nothing in it comes from outside, and what stops it."""

import io
import json
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli import main, report
from chainrule.plots import style
from support.pictures import assert_readable

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("matplotlib.figure")  # which `readable` changes
QUICK = ("--effort", "quick", "--hidden", "8,4", "--epochs", "4")
SHORT = ("--effort", "quick", "--epochs", "1")
VOID = {"meta", "br", "link", "img", "input"}


def written(*arguments):
    """Train with a report: (the report, what was printed)."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as done:
        main(["train", *arguments, "--report", "there/report"])
    assert (done.value.code or 0, err.getvalue()) == (0, "")
    assert [path.name for path in report.Path("there/report").iterdir()] == ["report.html"]
    return report.Path("there/report/report.html").read_text(encoding="utf-8"), out.getvalue()


class Reader(HTMLParser):
    """Checks that every tag is closed, and keeps the tags, the words, and the words in pictures."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.words, self.drawn, self.addresses = [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("href", "src", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open and data.strip():
            (self.drawn if "svg" in self.open else self.words).append(data.strip())


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


EVIL = "<script>alert(1)</script>"


def people(m=120, seed=0):
    r = np.random.default_rng(seed)
    age = r.integers(18, 80, m) + 0.5
    city = r.choice([f"Rome {EVIL}", "Oslo & Fjord", "Lima"], m)
    frame = pd.DataFrame({f"age {EVIL}": age, 'city "quoted"': city})
    return frame.assign(buys=np.where((age > 45) ^ (city == "Lima"), EVIL, "$no$"), spends=age * 2.25)


@pytest.fixture
def table():
    people().to_csv("people.csv", index=False)
    return "people.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The report of a table with classes, and what the training printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        patch.chdir(tmp_path_factory.mktemp("classes"))
        people().to_csv("people.csv", index=False)
        return written("people.csv", "--target", "buys", "--drop", "spends", *QUICK)


def test_the_report_shows_what_the_training_printed(made):
    page, out = made
    reader = read(page)
    shown = "\n".join(reader.words)
    for words in (
        "people.csv: 120 rows, 3 columns", "To predict: buys (2 classes)", "as you asked", "3 different:",
        "96 rows to train on, 24 to test on", "sigmoid", "8 × ", "4 × 8",
        "this network", "no hidden layer", "always the largest class", "ROC AUC", "seed", cr.__version__,
        np.__version__, "MLPClassifier(", "The confusion matrix", "activations A", "derivatives dZ",
    ):  # fmt: skip
        assert words in shown
    score = re.search(r"accuracy +([\d.]+)", out)[1]
    assert score in reader.words
    assert re.search(r"Trained 4 epochs in [\d.]+ s", shown)
    assert "Wrote there/report/report.html" in out.replace("\n", "")
    assert reader.tags.count("svg") >= 7  # network, relu, cost, A, dZ, confusion, importances, and effects of columns
    drawn = "\n".join(reader.drawn)
    for words in (
        "cost J",
        "epoch",
        "layer 1",
        "|dZ|, line: its median",
        "predicted",
        "true",
        "relu",
    ):
        assert words in drawn


def test_the_score_on_the_test_stands_first(made):
    reader = read(made[0])
    shown = reader.words
    assert shown.index("this network") < min(shown.index(later) for later in ("Data", "Network", "Training"))


@pytest.fixture
def readable(monkeypatch):
    """Each picture of a page is looked at before it is saved; the list of them."""
    seen, save = [], matplotlib.figure.Figure.savefig

    def look(figure, *given, **named):
        assert_readable(figure)
        seen.append(figure)
        save(figure, *given, **named)

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", look)
    return seen


STRANGE = ["a rather long name of a column", "<b>b</b>", "$c$", "שלום עולם"]


@pytest.mark.parametrize(("classes", "columns"), [(2, STRANGE), (10, STRANGE), (30, ["a", "b"])])
def test_every_picture_can_be_read_and_names_columns_and_classes(readable, classes, columns):
    r, of = np.random.default_rng(0), np.arange(6 * classes) % classes
    frame = pd.DataFrame(r.normal(size=(len(of), len(columns))), columns=columns)
    frame.assign(kind=[f"a rather long name of a class {k}" for k in of]).to_csv("long.csv", index=False)
    reader = read(written("long.csv", "--target", "kind", *QUICK)[0])
    assert len(readable) >= 7 + (len(columns) == 2)  # and the effects of those that matter
    names = {*columns, *(f"a rather long name of a class {k}" for k in range(1, min(classes, 4)))}
    assert set(map(style.words, names)) <= set(reader.drawn)


@pytest.mark.parametrize("scale", [1e-300, -1e30])
def test_every_picture_of_a_regression_can_be_read(readable, scale):
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = X[:, 0] * scale
    pd.DataFrame(X, columns=["width", "height"]).assign(price=y).to_csv("numbers.csv", index=False)
    reader = read(written("numbers.csv", "--target", "price", "--task", "regression", "--hidden", "3", *SHORT)[0])
    assert len(readable) >= 8
    assert {"width", "height", "price", "predicted price"} <= set(reader.drawn)
    assert any(words.startswith("Trained 1 epoch in") for words in reader.words)


@pytest.mark.parametrize("shape", [(1, 1), (2, 40), (5, 4, 3)])
def test_every_picture_of_images_can_be_read(readable, shape):
    np.savez(
        "images.npz", X=np.random.default_rng(0).integers(0, 255, (40, *shape), dtype=np.uint8), y=np.arange(40) % 2
    )
    reader = read(written("images.npz", *QUICK, "--gray" if len(shape) == 2 else "--quiet")[0])
    assert "pixel 0,0" + ",0" * (len(shape) == 3) in reader.drawn
    assert len(readable) == 8


def test_what_is_wider_than_the_page_is_scrolled(made):
    page, _ = made
    assert page.count("<table") == page.count('<div class="scroll" tabindex="0"><table')
    assert page.count("<svg") == page.count('<div class="scroll" tabindex="0"><svg')
    assert all("min-width" in tag for tag in re.findall("<svg[^>]*>", page))


def test_names_and_labels_from_the_data_are_words_and_nothing_else(made):
    page, _ = made
    reader = read(page)
    assert "<script" not in page
    assert "script" not in reader.tags
    assert any(f"age {EVIL}" in words for words in reader.words)
    assert any(EVIL in words for words in reader.words if words.startswith("Classes:"))
    assert any(words.startswith("<script>alert") for words in reader.drawn)  # the label in the confusion matrix, cut
    assert "$no$" in reader.drawn


def test_the_report_needs_nothing_but_itself_and_follows_the_screen(made):
    page, _ = made
    reader = read(page)
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in reader.addresses)
    assert not re.search(r"@import|url\((?!#)", page)
    assert "prefers-color-scheme: dark" in page
    assert style.INK not in page
    assert "fill: currentColor" in page
    assert "stroke: currentColor" in page
    assert "fill: #ffffff" not in page
    assert reader.tags.count("figcaption") == reader.tags.count("svg") == page.count('role="img"')


def test_marks_and_clips_of_one_picture_are_not_those_of_another(made):
    page, _ = made
    pictures = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    clips = [set(re.findall(r'<clipPath id="([^"]+)"', picture)) for picture in pictures]
    assert sum(map(len, clips)) == len(set().union(*clips))
    for picture in pictures:
        assert set(re.findall(r"url\(#([^)]+)\)", picture)) <= set(re.findall(r'id="([^"]+)"', picture))


def test_the_report_of_images_shows_the_mistakes_and_the_first_layer():
    X, Y = cr.datasets.digits()
    images = np.round(X.T * 255).astype(np.uint8).reshape(-1, 8, 8)[:300]
    np.savez("digits.npz", X=images, y=Y.argmax(axis=0)[:300])
    page, _ = written("digits.npz", "--hidden", "12", "--effort", "quick", "--epochs", "3")
    reader = read(page)
    assert any(re.fullmatch(r"\d → \d", words) for words in reader.drawn)
    assert "W[1]: 12 units" in reader.drawn
    assert any("of 60 wrong" in words for words in reader.drawn)
    assert any("8 × 8 pixels" in words for words in reader.words)


@pytest.mark.usefixtures("readable")
def test_the_report_of_a_regression_shows_prediction_against_truth(table):
    page, _ = written(table, "--target", "spends", *QUICK)
    reader = read(page)
    assert {"predicted spends", "true spends"} <= set(reader.drawn)
    assert "always the mean" in reader.words
    assert "confusion" not in page


def test_two_inputs_have_their_boundary_and_no_hidden_layer_has_no_histograms_missing():
    page, _ = written("flower", "--hidden", "none", "--effort", "quick", "--epochs", "3")
    reader = read(page)
    assert {"probability of 1", "x1", "x2"} <= set(reader.drawn)
    assert "|dZ|, line: its median" in reader.drawn


def test_a_report_changes_nothing_in_the_model(table, run):
    arguments = ("train", table, "--target", "buys", *QUICK, "--quiet")
    assert run(*arguments, "--out", "a.chainrule")[0] == 0
    assert run(*arguments, "--out", "b.chainrule", "--report", "r")[0] == 0
    one, other = (cr.load(f"{name}.chainrule").networks_[0].network_ for name in "ab")
    np.testing.assert_array_equal(one.parameters, other.parameters)


@pytest.fixture
def undrawn(monkeypatch):
    """Reports without their pictures, which take most of the time."""
    monkeypatch.setattr(report.Page, "picture", lambda *_, **__: None)


@pytest.mark.usefixtures("undrawn")
def test_json_says_where_the_report_is(table, run):
    code, out, err = run("train", table, "--target", "buys", *QUICK, "--report", "r", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["report"] == "r/report.html"
    assert report.Path("r/report.html").is_file()


def test_a_report_is_not_large(made):
    assert len(made[0].encode()) < 2_000_000


@pytest.mark.usefixtures("undrawn")
def test_a_report_is_written_over_an_older_one_but_over_nothing_else(table, run):
    arguments = ("train", table, "--target", "buys", *QUICK, "--quiet", "--report", "r")
    assert run(*arguments)[0] == 0
    assert run(*arguments)[0] == 0
    report.Path("r/report.html").write_text("my own work")
    code, _, err = run(*arguments)
    assert code == 2
    assert "is not a report of chainrule" in err
    assert report.Path("r/report.html").read_text() == "my own work"


@pytest.fixture
def untrained(monkeypatch):
    """Fails if the training starts."""

    def fit(*_, **__):
        raise AssertionError("the training has started")

    monkeypatch.setattr("chainrule.cli.fitting.fit", fit)


@pytest.mark.usefixtures("untrained")
def test_a_folder_that_cannot_be_is_known_before_training(table, run):
    report.Path("file").write_text("")
    for folder, words in (("file", "is a file"), ("file/below", "cannot be written to")):
        code, out, err = run("train", table, "--target", "buys", "--report", folder)
        assert (code, out) == (2, "")
        assert words in err
        assert err.count("\n") == 1


@pytest.mark.usefixtures("undrawn")
def test_a_folder_named_like_the_data_is_not_taken_for_it(run):
    code, _, err = run("train", "flower", *QUICK, "--quiet", "--report", "flower")
    assert (code, err) == (0, "")
    assert report.Path("flower/report.html").is_file()


@pytest.mark.usefixtures("untrained")
def test_matplotlib_is_asked_for_before_training(table, run, monkeypatch):
    for module in [m for m in sys.modules if m.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = run("train", table, "--target", "buys", "--report", "r")
    assert code == 2
    assert 'pip install "chainrule[plots]"' in err
    assert not report.Path("r").exists()


def test_traces_are_of_the_network_as_it_was_at_those_epochs(table, run, monkeypatch):
    seen = {}

    class Kept(report.Recorder):
        def _record(self, estimator, epoch):
            super()._record(estimator, epoch)
            seen["A"] = deepcopy(estimator.network_).layers(self.X.T)[1]
            seen["Y"], seen["recorder"] = report.targets(estimator, self.y), self

    monkeypatch.setattr(report, "Recorder", Kept)
    monkeypatch.setattr(report, "write", lambda file, result, about: seen.update(fitted=result.fitted))
    options = ("--effort", "quick", "--hidden", "8", "--epochs", "20", "--report", "r")
    assert run("train", table, "--target", "buys", *options)[0] == 0
    traces, recorder, A = seen["fitted"].traces, seen["recorder"], seen["A"]
    assert recorder.estimator is seen["fitted"].model.networks_[0]
    epochs = list(traces)
    assert (epochs[0], epochs[-1], len(epochs)) == (0, 20, 17)
    for l in (1, 2):
        np.testing.assert_array_equal(traces[20]["A"][l], A[l])
        assert traces[0]["A"][l].shape == traces[20]["dZ"][l].shape == A[l].shape
        assert not np.array_equal(traces[0]["A"][l], traces[epochs[2]]["A"][l])
    np.testing.assert_allclose(traces[20]["dZ"][2], A[2] - seen["Y"], atol=1e-6)
