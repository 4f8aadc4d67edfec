"""chainrule explain: what moves a prediction, which columns matter, and how the answer changes with one."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.models import OLD, bytes_of_models
from support.tables import people


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return bytes_of_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def made(trained):
    people().to_csv("people.csv", index=False)

    def made(which):
        Path("m").write_bytes(trained[which])
        if "0.1.0" in which:
            Path("people.csv").write_bytes((OLD / "people.csv").read_bytes())

    return made


@pytest.mark.parametrize("which", ["classes", "numbers", "classes of 0.1.0"])
def test_the_contributions_add_up_to_the_prediction_of_the_row(which, made, ok):
    made(which)
    result = json.loads(ok("explain", "m", "people.csv", "--row", "4", "--json"))
    answers = json.loads(ok("predict", "m", "people.csv", "--json"))["predictions"][3]
    value = answers["prediction"] if which == "numbers" else answers[f"probability_{result['class']}"]
    assert result["value"] == pytest.approx(value, rel=1e-5)
    assert result["prediction"] == answers["prediction"]
    changes = [part["change"] for part in result["contributions"]]
    assert sum(changes) == pytest.approx(result["value"] - result["typical"], abs=1e-6)
    assert changes == sorted(changes, key=abs, reverse=True)
    row = pd.read_csv("people.csv").iloc[3]
    assert {part["column"]: part["value"] for part in result["contributions"]}["city"] == row.city


def test_one_row_is_told_in_words_and_as_a_table(made, ok):
    made("classes")
    out = " ".join(ok("explain", "m", "people.csv", "--row", "1").split())
    row = people().iloc[0]
    for words in ("Row 1 of 80 of people.csv", f"(in people.csv: {row.buys})", "in a typical row of the training",
                  "The probability of buys = ", "because of", "moves it by", "together", "age missing"):  # fmt: skip
        assert words in out
    out = ok("explain", "m", "people.csv", "--row", "1", "--against", "people.csv")
    assert "in 80 rows on average" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80


def test_a_class_can_be_asked_for(made, ok, run):
    made("classes")
    both = [json.loads(ok("explain", "m", "people.csv", "--row", "2", "--class", c, "--json")) for c in ("no", "yes")]
    assert sum(one["value"] for one in both) == pytest.approx(1)
    assert (
        "'maybe' is not a class of this model; known: no, yes"
        in run("explain", "m", "people.csv", "--row", "2", "--class", "maybe")[2]
    )


def test_all_rows_show_what_matters_and_between_what_the_answer_changes(made, ok):
    made("classes")
    out = ok("explain", "m", "people.csv")
    for words in ("What matters to buys, in 80 rows of people.csv", "importance", "probability of yes", " at "):
        assert words in out
    assert max(map(len, out.splitlines())) <= 80
    result = json.loads(ok("explain", "m", "people.csv", "--json"))
    assert {part["column"] for part in result["importances"]["columns"]} == {"age", "city", "member", "since"}
    made("numbers")
    assert json.loads(ok("explain", "m", "people.csv", "--json"))["importances"]["loss"] == "RMSE"


def test_the_curve_of_a_column_is_a_table_of_its_values(made, ok, run):
    made("classes")
    out = ok("explain", "m", "people.csv", "--column", "city", "--column", "age")
    for words in ("changes with city", "Rome", "Oslo", "Lima", "changes with age", "missing", "from rows near it"):
        assert words in out
    effect = json.loads(ok("explain", "m", "people.csv", "--column", "city", "--json"))["effects"][0]
    assert sorted(effect["values"]) == ["Lima", "Oslo", "Rome"]
    X = people()
    for city, mean in zip(effect["values"], effect["mean"], strict=True):
        X.assign(city=city).to_csv("moved.csv", index=False)
        answers = json.loads(ok("predict", "m", "moved.csv", "--json"))["predictions"]
        assert mean == pytest.approx(np.mean([row["probability_yes"] for row in answers]), rel=1e-4)
    code, out, err = run("explain", "m", "people.csv", "--column", "City")
    assert (code, out) == (2, "")
    assert "no column 'City'. Did you mean 'city'?" in err


def test_rows_without_a_target_have_curves_of_all_columns(made, ok):
    made("classes")
    people()[["age", "city", "member", "since"]].to_csv("new.csv", index=False)
    out = ok("explain", "m", "new.csv")
    assert "changes with age" in " ".join(out.split())
    assert "In the table" not in ok("explain", "m", "new.csv", "--row", "1")


def test_what_cannot_be_explained_is_one_line(made, ok, run):
    made("classes")
    for arguments, message in (
        (["people.csv", "--row", "81"], "--row 81: people.csv has 80 rows"),
        (["people.csv", "--row", "1", "--column", "age"], "--column: is about all rows; ask for it without --row"),
        (["people.csv", "--against", "people.csv"], "--against: is about one row; say which with --row N"),
    ):
        assert run("explain", "m", *arguments) == (2, "", f"error: {message}\n")
    ok("train", "digits", "--hidden", "8", "--epochs", "1", "-q", "--out", "images")
    assert "one pixel alone says nothing" in run("explain", "images", "digits", "--row", "1")[2]


def test_arrays_have_numbered_columns(ok, rng):
    X = rng.normal(size=(60, 3))
    np.savez("arrays.npz", X=X, y=(X[:, 1] > 0).astype(int))
    ok("train", "arrays.npz", "--hidden", "8", "--epochs", "3", "-q")
    result = json.loads(ok("explain", "arrays.chainrule", "arrays.npz", "--row", "2", "--json"))
    assert {part["column"] for part in result["contributions"]} == {"0", "1", "2"}
    assert "What matters to y" in ok("explain", "arrays.chainrule", "arrays.npz")


def test_a_column_is_read_under_another_spelling_of_its_name_and_one_that_is_not_there_is_an_error(made, run):
    made("classes")
    renamed = people().rename(columns={"age": " AGE_", "since": "Since"})
    renamed.to_csv("renamed.csv", index=False)
    expected = run("predict", "m", "people.csv")[1]
    code, out, err = run("predict", "m", "renamed.csv")
    assert (code, out) == (0, expected)
    assert err == "note: age: read from the column 'AGE_'\nnote: since: read from the column 'Since'\n"
    pd.concat([renamed, people().age.rename("aGe")], axis=1).to_csv("two.csv", index=False)
    assert "no column 'age'" in run("predict", "m", "two.csv")[2]
    people().drop(columns=["age", "city"]).to_csv("less.csv", index=False)
    code, out, err = run("predict", "m", "less.csv")
    assert (code, out) == (2, "")
    assert "less.csv: no column 'age' (and 1 more), which the model was trained on; of these, too: city." in err
    assert "To take it as missing: --allow-missing." in err
    code, out, err = run("predict", "m", "less.csv", "--allow-missing")
    assert (code, len(out.splitlines())) == (0, 81)
    assert err == "note: age: not there, taken as missing\nnote: city: not there, taken as missing\n"
    people()[["buys"]].to_csv("none.csv", index=False)
    assert "--allow-missing" not in run("predict", "m", "none.csv", "--allow-missing")[2]


@pytest.mark.parametrize("options", [("--row", "2"), (), ("--column", "age"), ("--column", "city")])
def test_what_was_found_is_drawn(made, ok, run, options):
    pytest.importorskip("matplotlib")
    made("classes")
    assert "Wrote p.png" in ok("explain", "m", "people.csv", *options, "--picture", "p.png")
    assert Path("p.png").read_bytes().startswith(b"\x89PNG")
    result = json.loads(ok("explain", "m", "people.csv", *options, "--picture", "p.svg", "--json"))
    assert result["picture"] == "p.svg"
    assert "<svg" in Path("p.svg").read_text()
    for picture, message in (("p.pdf", "pictures go to a .png or .svg file"), ("nowhere/p.png", "no such folder")):
        assert message in run("explain", "m", "people.csv", *options, "--picture", picture)[2]
    if options == ("--column", "age"):
        more = ("--column", "city", "--picture", "p.png")
        assert "--picture: is of one column" in run("explain", "m", "people.csv", *options, *more)[2]


@pytest.mark.parametrize("columns", [["age", "city", "member", "since"], ["age", "city", "member", "since", "buys"]])
def test_rows_come_by_standard_input_with_a_target_or_without(made, ok, run, monkeypatch, columns):
    made("classes")
    people()[columns].to_csv("new.csv", index=False)
    for arguments in (("--row", "3"), ("--column", "city")):
        expected = ok("explain", "m", "new.csv", *arguments, "--json")
        with open("new.csv") as given:
            monkeypatch.setattr("sys.stdin", given)
            code, out, err = run("explain", "m", "-", *arguments, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out) == json.loads(expected) | {"data": json.loads(out)["data"]}


def test_one_row_does_not_tell_what_matters(made, run, ok):
    made("classes")
    pd.read_csv("people.csv").head(1).to_csv("one.csv", index=False)
    code, _, err = run("explain", "m", "one.csv")
    assert code
    assert "--row 1" in err
    assert len(err.splitlines()) == 1
    ok("explain", "m", "one.csv", "--row", "1")
