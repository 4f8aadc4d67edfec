"""chainrule predict: the answers, beside the columns that are to be kept, as people go on with them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
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
    result = json.loads(ok("trace", "m", "people.csv", "--row", "2", "--json"))
    assert (result["network"], count := result["networks"]) == (1, len(cr.load("m").networks_))
    assert count > 1
    assert f"Row 2 of 80 of people.csv: network 1 of {count}" in out
    assert f"Prediction: buys = {answers.prediction[1]} (probability {answers.iloc[1, 1:].max():.4f})" in out
    assert f"the mean of {count} networks" in out
    assert f"people.csv: network 1 of {count}" in ok("diagnose", "m", "people.csv")


def test_models_that_were_saved_in_python_are_taken_too(ok):
    people().to_csv("people.csv", index=False)
    options = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    model = TabularClassifier(drop=["spends"], **options).fit(people(), "buys")
    model.save("m")
    answers = frame(ok("predict", "m", "people.csv"))
    assert (answers.prediction == model.predict(people())).all()
    assert "80 rows of people.csv" in ok("evaluate", "m", "people.csv")
    assert "moves it by" in ok("explain", "m", "people.csv", "--row", "1")
    assert "Backward" in ok("trace", "m", "people.csv")
    out = ok("inspect", "m")
    for words in (
        "Predicts buys (binary)",
        "Classes: no, yes",
        "city",
        "3 different:",
        "whose mean is the answer",
        "4 × ",
    ):
        assert words in out


# -- what is beside the answers ----------------------------------------------------------------------------------------


def test_columns_are_kept_beside_the_answers_as_they_are_asked_for(classes, ok):
    kept = frame(ok("predict", "m", "people.csv", "--keep", "city", "--keep", "buys"))
    assert frame(ok("predict", "m", "people.csv", "--keep", "city,buys")).equals(kept)
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
    monkeypatch.setattr("chainrule.cli.predictions.PIECE", 8)
    people().assign(note=[None] * 70 + ["late"] * 10).to_csv("noted.csv", index=False)
    ok("predict", "m", "noted.csv", "--keep", "note", "--out", "p.parquet")
    assert pd.read_parquet("p.parquet").note.isna().tolist()[60:] == [True] * 10 + [False] * 10


# -- how sure ----------------------------------------------------------------------------------------------------------


def test_numbers_have_intervals_that_hold_the_true_one_as_often_as_asked(trained, ok, run):
    people().to_csv("people.csv", index=False)
    Path("m").write_bytes(trained["numbers"])
    narrow, wide = (frame(ok("predict", "m", "people.csv", "--intervals", level)) for level in ("0.5", "0.9"))
    assert list(wide) == ["prediction", "lower", "upper"]
    assert ((wide.lower <= narrow.lower) & (narrow.lower <= narrow.prediction)).all()
    assert ((narrow.prediction <= narrow.upper) & (narrow.upper <= wide.upper)).all()
    out = " ".join(ok("evaluate", "m", "people.csv").split())
    inside = (people().spends >= wide.lower) & (people().spends <= wide.upper)
    assert f"Of its 90% intervals, {inside.mean():.0%} hold the true number" in out
    coverage = json.loads(ok("evaluate", "m", "people.csv", "--json"))["coverage"]
    assert coverage == {"level": 0.9, "found": inside.mean(), "width": pytest.approx((wide.upper - wide.lower).mean())}
    for level, message in (("0.999", "needs 999 held-out rows"), ("1.5", "wanted a number above 0 and below 1")):
        code, out, err = run("predict", "m", "people.csv", "--intervals", level)
        assert (code, out, message in err) == (2, "", True)
    Path("m").write_bytes(trained["numbers of 0.1.0"])
    assert "this model knows none" in run("predict", "m", "people.csv", "--intervals", "0.9")[2]
    Path("m").write_bytes(trained["classes"])
    assert "--intervals: are of numbers" in run("predict", "m", "people.csv", "--intervals", "0.9")[2]


# -- tables larger than the memory -------------------------------------------------------------------------------------

NARROW = """
import resource, sys
from chainrule.cli import main, model
from chainrule.readers import stream
stream.WHOLE, stream._MOST, stream._FEWEST, model.MOST = 1 << 20, 8 << 20, 1, 1000
arguments, small = sys.argv[1:], "people.csv"
def run(*arguments):
    try:
        main(arguments)
    except SystemExit as done:
        return done.code
run("predict", "m", small, "--keep", "note", "--out", "small.csv")  # all that is loaded once
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (60 << 20),) * 2)
sys.exit(run(*arguments))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_table_of_many_times_the_memory_is_predicted(classes):
    people().assign(note="short").to_csv("people.csv", index=False)
    once = people(200).assign(note=["x" * 10_000 + str(i) for i in range(200)]).to_csv(index=False)
    header, _, rows = once.partition("\n")
    with open("wide.csv", "w") as file:  # 50 MB
        file.write(f"{header}\n")
        for _ in range(25):
            file.write(rows)
    with open("wide.csv") as given:
        done = subprocess.run(
            [sys.executable, "-c", NARROW, "predict", "m", "-", "--keep", "city", "--out", "p.csv"],
            stdin=given, capture_output=True, text=True, timeout=100,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "Wrote 5,000 predictions" in done.stdout
    written = pd.read_csv("p.csv")
    assert (written.city == [*people(200).city] * 25).all()
    assert written.prediction.nunique() == 2 or written.probability_yes.nunique() > 1


@pytest.mark.parametrize("options", [(), ("--keep", "id", "--keep", "age"), ("--keep-all",)])
@pytest.mark.parametrize("piped", [False, True])
def test_a_table_in_batches_gives_what_the_whole_table_gives(classes, options, piped, ok, run, monkeypatch):
    frame = pd.concat([people(300, seed) for seed in range(4)], ignore_index=True)
    written = [f"{age:.2f}" if i < 700 else f"{age:.2f} years" for i, age in enumerate(frame.age)]
    frame = frame.assign(id=[f"{i:05}" for i in range(1200)], age=pd.Series(written).mask(frame.age.isna()))
    frame.to_csv("large.csv", index=False)
    whole = ok("predict", "m", "large.csv", *options)
    monkeypatch.setattr("chainrule.readers.stream.WHOLE", 20_000)
    monkeypatch.setattr("chainrule.readers.stream._FEWEST", 200)
    monkeypatch.setattr("chainrule.cli.model.FEW", 100)
    with open("large.csv") as given:
        monkeypatch.setattr("sys.stdin", given)
        code, out, err = run("predict", "m", "-" if piped else "large.csv", *options)
    assert (code, err) == (0, "")
    pieces, together = frame_of(out), frame_of(whole)
    kept = [name for name in together if not name.startswith("prob")]
    pd.testing.assert_frame_equal(pieces[kept], together[kept])
    pd.testing.assert_frame_equal(pieces, together, rtol=1e-6)


def frame_of(printed):
    return pd.read_csv(pd.io.common.StringIO(printed), dtype={"id": str, "age": str})


def test_kept_columns_are_as_they_are_written(classes, ok):
    frame = people().assign(
        id=[f"{i:03}" for i in range(80)],
        price=["1.50", "2,75 €"] * 40,
        count=[None, "7"] * 40,
        country=["NA", "null"] * 40,
        large=["12345678901234567890", ""] * 40,
    )
    frame.to_csv("t.csv", index=False)
    keep = [word for name in ("id", "price", "count", "country", "large") for word in ("--keep", name)]
    header, *rows = ok("predict", "m", "t.csv", *keep).splitlines()
    assert header.startswith("id,price,count,country,large,prediction")
    assert rows[0].startswith("000,1.50,,NA,12345678901234567890,")
    assert rows[1].startswith('001,"2,75 €",7,null,,')


@pytest.mark.parametrize("suffix", ["parquet", "feather", "jsonl"])
def test_kept_whole_numbers_are_exact_and_whole(classes, ok, monkeypatch, suffix):
    pytest.importorskip("pyarrow")
    large = [2**53, 2**53 + 1, *range(78)]
    frame = people().assign(id=large, count=pd.array([None, 7] * 40, dtype="Int16"), member=[1, 0] * 40)
    if suffix == "jsonl":
        frame.drop(columns="count").assign(count=7).to_json("t.jsonl", orient="records", lines=True, date_format="iso")
        monkeypatch.setattr("chainrule.readers.stream.WHOLE", 2000)
    else:
        getattr(frame, f"to_{suffix}")(f"t.{suffix}")
    keep = [word for name in ("id", "count", "member") for word in ("--keep", name)]
    for rows in (10**6, 7):
        monkeypatch.setattr("chainrule.cli.model.ROWS", rows)
        _, first, second, *_ = ok("predict", "m", f"t.{suffix}", *keep).splitlines()
        assert first.startswith(f"9007199254740992,{'7' if suffix == 'jsonl' else ''},1,")
        assert second.startswith("9007199254740993,7,0,")
    ok("predict", "m", f"t.{suffix}", *keep, "--out", "p.parquet")
    kept = pd.read_parquet("p.parquet")
    assert kept["id"].tolist() == large
    assert kept["count"].dropna().tolist() == [7] * (80 if suffix == "jsonl" else 40)


def test_a_small_last_batch_is_read_as_the_others_are(ok, tmp_path, monkeypatch):
    # 03/04 is a day in April or in March; in the file, other rows tell.
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(610) % 360, unit="D")
    table = pd.DataFrame({"day": days.strftime("%Y-%m-%d"), "y": np.where(days.month < 7, "h1", "h2")})
    save(TabularClassifier(effort="quick", max_iter=1).fit(table[["day"]], table.y), "m")
    american = table.assign(day=days.strftime("%m/%d/%Y"))
    american.loc[605:, "day"] = "03/04/2020"
    american.to_csv("t.csv", index=False)
    whole = ok("predict", "m", "t.csv")
    monkeypatch.setattr("chainrule.cli.model.MOST", 201)
    monkeypatch.setattr("chainrule.cli.model.FEW", 50)
    assert ok("predict", "m", "t.csv") == whole
