"""chainrule predict: the answers, beside the columns that are to be kept, as people go on with them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule.tabular.estimators import TabularClassifier
from support.models import OLD, bytes_of_models, save
from support.tables import people


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return bytes_of_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(params=["classes", "numbers", "classes of 0.1.0", "numbers of 0.1.0"])
def model(trained, request):
    people().to_csv("people.csv", index=False)
    if "0.1.0" in request.param:
        Path("people.csv").write_bytes((OLD / "people.csv").read_bytes())
    Path("m").write_bytes(trained[request.param])
    return request.param


@pytest.fixture
def classes(trained):
    people().to_csv("people.csv", index=False)
    Path("m").write_bytes(trained["classes"])
    return "m"


def frame(printed):
    return pd.read_csv(pd.io.common.StringIO(printed))


# -- models of every kind ----------------------------------------------------------------------------------------------


def test_every_command_takes_a_model_of_every_kind(model, ok, run):
    answers = frame(ok("predict", "m", "people.csv"))
    wanted = ["prediction", "probability_no", "probability_yes"] if "classes" in model else ["prediction"]
    assert list(answers) == wanted
    assert f"{len(answers)} rows of people.csv" in ok("evaluate", "m", "people.csv")
    assert "Predicts" in ok("inspect", "m")
    assert "Backward" in ok("trace", "m", "people.csv")
    assert "people.csv" in ok("diagnose", "m", "people.csv")
    pytest.importorskip("onnx")
    if "0.1.0" in model:
        ok("export", "m", "m.onnx")


def test_of_several_networks_the_first_is_shown_and_the_mean_is_the_answer(classes, ok):
    answers = frame(ok("predict", "m", "people.csv"))
    out = ok("trace", "m", "people.csv", "--row", "2")
    assert "Row 2 of 80 of people.csv: network 1 of 2" in out
    assert f"Prediction: buys = {answers.prediction[1]} (probability {answers.iloc[1, 1:].max():.4f})" in out
    assert "the mean of 2 networks" in out
    result = json.loads(ok("trace", "m", "people.csv", "--row", "2", "--json"))
    assert (result["network"], result["networks"]) == (1, 2)
    assert "people.csv: network 1 of 2" in ok("diagnose", "m", "people.csv")


# -- what is beside the answers ----------------------------------------------------------------------------------------


def test_columns_are_kept_beside_the_answers_as_they_are_asked_for(classes, ok):
    kept = frame(ok("predict", "m", "people.csv", "--keep", "city", "--keep", "buys"))
    assert list(kept) == ["city", "buys", "prediction", "probability_no", "probability_yes"]
    pd.testing.assert_series_equal(kept.city, people().city, check_dtype=False)
    everything = frame(ok("predict", "m", "people.csv", "--keep-all"))
    assert list(everything) == [*people(), "prediction", "probability_no", "probability_yes"]
    for suffix, read in (("json", pd.read_json), ("parquet", pd.read_parquet)):
        ok("predict", "m", "people.csv", "--keep-all", "--out", f"p.{suffix}")
        written = read(f"p.{suffix}")
        assert list(written) == list(everything)
        assert (written.prediction == everything.prediction).all()
    result = json.loads(ok("predict", "m", "people.csv", "--keep", "city", "--json"))
    assert list(result["predictions"][0]) == ["city", "prediction", "probability_no", "probability_yes"]
    assert (result["rows"], len(result["predictions"])) == (80, 80)


def test_a_column_that_is_kept_and_called_like_an_answer_keeps_its_name(classes, ok):
    ok("predict", "m", "people.csv", "--keep-all", "--out", "p.csv")
    again = ok("predict", "m", "p.csv", "--keep", "prediction").splitlines()
    assert again[0] == "prediction,prediction_2,probability_no,probability_yes"


def test_a_column_that_is_not_there_cannot_be_kept(classes, run):
    code, out, err = run("predict", "m", "people.csv", "--keep", "City")
    assert (code, out) == (2, "")
    assert "--keep City: no such column in people.csv. Did you mean 'city'?" in err


def test_labels_with_blanks_have_names_without(ok):
    words = np.array(["very good", "very_good", " so  so"], object)
    r = np.random.default_rng(0)
    table = pd.DataFrame({"a": r.normal(size=60), "label": words[r.integers(0, 3, 60)]})
    table.to_csv("t.csv", index=False)
    save(TabularClassifier(effort="quick", max_iter=1).fit(table[["a"]], table.label), "m")
    assert list(frame(ok("predict", "m", "t.csv"))) == [
        "prediction", "probability_so_so", "probability_very_good", "probability_very_good_2",
    ]  # fmt: skip


# -- some rows at a time -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_pieces_make_the_same_as_the_whole(classes, suffix, ok, monkeypatch):
    def written(*more):
        ok("predict", "m", "people.csv", "--keep-all", "--out", f"p.{suffix}", *more)
        return {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[suffix](f"p.{suffix}")

    whole, printed = written(), ok("predict", "m", "people.csv", "--json")
    monkeypatch.setattr("chainrule.cli.model.ROWS", 7)
    pd.testing.assert_frame_equal(written(), whole, rtol=1e-6)
    pieces = json.loads(ok("predict", "m", "people.csv", "--json"))
    assert [row["prediction"] for row in pieces["predictions"]] == whole.prediction.tolist()
    both = [pd.DataFrame(result["predictions"]) for result in (pieces, json.loads(printed))]
    pd.testing.assert_frame_equal(*both, rtol=1e-6)


def test_a_column_that_is_empty_at_first_has_words_later(classes, ok, monkeypatch):
    monkeypatch.setattr("chainrule.cli.model.ROWS", 8)
    people().assign(note=[None] * 70 + ["late"] * 10).to_csv("noted.csv", index=False)
    ok("predict", "m", "noted.csv", "--keep", "note", "--out", "p.parquet")
    assert pd.read_parquet("p.parquet").note.isna().tolist()[60:] == [True] * 10 + [False] * 10
