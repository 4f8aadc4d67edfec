"""What predict says of rows that are not like those of the training, and how it reads them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chainrule.tabular import Columns
from chainrule.tabular.estimators import TabularClassifier
from support.models import save

DAYS = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.random.default_rng(0).integers(0, 700, 300), unit="D")


def bookings():
    """300 rows of a table as people write it: dates with points, money, a sex, an age; `late` to predict."""
    r = np.random.default_rng(1)
    fare = [f"${x:,.2f}" for x in r.gamma(2, 900, 300)]
    age, sex = r.integers(18, 80, 300).astype(object), r.choice(["male", "female"], 300)
    frame = pd.DataFrame({"day": DAYS.strftime("%d.%m.%Y"), "Age": age, "Sex": sex, "Fare": fare})
    return frame.assign(late=np.where((DAYS.month < 7) ^ (frame.Age > 60), "yes", "no"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    file = tmp_path_factory.mktemp("bookings") / "m"
    options = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0, "effort": "quick"}
    save(TabularClassifier(**options).fit(bookings().drop(columns="late"), bookings().late), file)
    return file.read_bytes()


@pytest.fixture
def predict(saved, run):
    """Write a table and predict it: the answers, and what was complained about."""
    Path("m").write_bytes(saved)

    def predict(frame, *options):
        frame.to_csv("new.csv", index=False)
        code, out, err = run("predict", "m", "new.csv", "--json", *options)
        if code:
            return None, err
        result = json.loads(out)
        notes = [line.removeprefix("note: ") for line in err.splitlines()]
        assert result["notes"] == notes
        return pd.DataFrame(result["predictions"]), notes

    return predict


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y", "%d %b %Y", "%B %d, %Y"])
def test_dates_in_another_form_are_the_same_dates(predict, form):
    as_trained, _ = predict(bookings())
    answers, notes = predict(bookings().assign(day=DAYS.strftime(form)))
    pd.testing.assert_frame_equal(answers, as_trained)
    other_order = form == "%m/%d/%Y"
    assert notes == ["day: read as month/day/year, in training it was day.month.year"] * other_order


def test_the_order_of_day_and_month_is_that_of_the_whole_file(predict, monkeypatch):
    as_trained, _ = predict(bookings())
    early = DAYS.day <= 12
    for first in (early, ~early):  # of one part of the rows both readings are dates
        order = np.argsort(~first, kind="stable")
        monkeypatch.setattr("chainrule.cli.model.MOST", int(first.sum()))
        monkeypatch.setattr("chainrule.cli.model.FEW", 1)
        answers, notes = predict(bookings().assign(day=DAYS.strftime("%m/%d/%Y")).iloc[order])
        pd.testing.assert_frame_equal(answers, as_trained.iloc[order].reset_index(drop=True))
        assert notes == ["day: read as month/day/year, in training it was day.month.year"]
    days = DAYS.strftime("%d/%m/%Y").where(early, DAYS.strftime("%m/%d/%Y"))
    days = days.where(np.arange(300) < 150, DAYS.strftime("%d/%m/%Y"))
    monkeypatch.setattr("chainrule.cli.model.MOST", 150)
    _, complaint = predict(bookings().assign(day=days))
    assert "day: some rows have the day before the month, others after it" in complaint


@pytest.mark.parametrize("written", ["1.234,56 $", "1234.56", "1 234.56 USD"])
def test_numbers_in_another_form_are_the_same_numbers(predict, written):
    as_trained, _ = predict(bookings())
    fare = bookings().Fare.str.replace("[$,]", "", regex=True).astype(float)
    if written.endswith("$"):
        text = [f"{x:,.2f}".translate(str.maketrans(",.", ".,")) + " $" for x in fare]
    else:
        text = [f"{x:.2f}" if "USD" not in written else f"{x:,.2f} USD".replace(",", " ") for x in fare]
    answers, notes = predict(bookings().assign(Fare=text))
    pd.testing.assert_frame_equal(answers, as_trained)
    assert notes == []


def test_what_cannot_be_read_is_unseen_or_is_out_of_range_is_said_once(predict):
    frame = bookings()
    frame.loc[:2, "Age"] = "old"
    frame.loc[[4, 5], "Sex"] = "div"
    frame.loc[6, "Sex"] = "Female"
    frame.loc[7, "Fare"] = "$99,999.00"
    assert predict(frame)[1] == [
        "Age: 3 of 300 not numbers ('old')",
        "Sex: 2 unseen (div)",
        "Fare: above the training range in 1 row",
    ]


def test_of_several_pieces_of_a_table_the_counts_are_added():
    frame = bookings().drop(columns="late")
    columns = Columns({"day": "date", "Age": "number", "Sex": "category", "Fare": "number"}, {"Fare": ".$"}).fit(frame)
    frame.loc[[0, 250, 299], "Age"] = ["old", "older", "oldest"]
    frame.loc[[10, 210], "Sex"] = ["div", "other"]
    frame.loc[:199, "day"] = None
    parts = [columns.compare(frame[first : first + 100]) for first in (0, 100, 200)]
    together = [a + b + c for a, b, c in zip(*parts, strict=True)]
    assert [note for each in together for note in each.notes] == columns.notes(frame)
    assert together == columns.compare(frame)


def test_a_column_of_which_nothing_can_be_read_is_an_error_unless_it_is_allowed(predict):
    lost = bookings().assign(Age="n/k yet")
    answers, err = predict(lost)
    assert answers is None
    assert err.startswith("error: new.csv: column 'Age': none of its values is a number ('n/k yet')")
    assert err.endswith("--allow-missing takes them as missing\n")
    assert predict(lost, "--allow-missing")[1] == ["Age: 300 of 300 not numbers ('n/k yet')"]
    answers, notes = predict(bookings().assign(Age=None))  # empty cells are said, and no error
    assert notes == ["Age: empty in all 300 rows"]
    one, notes = predict(bookings().assign(Age=None)[:1])
    assert (len(one), notes) == (1, [])


def test_one_row_is_read_as_its_whole_table_is(predict, run):
    # 3/4/2020 alone could be a day in March or in April; other rows of the file tell.
    american = bookings().assign(day=DAYS.strftime("%m/%d/%Y"))
    row = int(np.flatnonzero((DAYS.day <= 12) & (DAYS.day != DAYS.month))[0])
    answers, _ = predict(american)
    found = json.loads(run("explain", "m", "new.csv", "--row", row + 1, "--json")[1])
    assert found["value"] == pytest.approx(answers[f"probability_{found['class']}"][row], rel=1e-5)
    assert {part["column"]: part["value"] for part in found["contributions"]}["day"] == american.day[row]


def test_many_notes_are_cut_on_the_screen_and_whole_in_json(ok, run, rng):
    X = pd.DataFrame(rng.normal(size=(60, 30))).add_prefix("c")
    y = np.where(rng.random(60) > 0.5, "a", "b")
    save(TabularClassifier(hidden_layer_sizes=(4,), max_iter=1, effort="quick").fit(X, pd.Series(y, name="y")), "m")
    (X * 10).to_csv("far.csv", index=False)
    code, _, err = run("predict", "m", "far.csv")
    assert code == 0
    assert err.splitlines()[-1] == "note: unlike the training are values of 20 more columns; --json lists them"
    assert len(json.loads(run("predict", "m", "far.csv", "--json")[1])["notes"]) >= 30


def test_what_holds_the_names_can_be_said(ok, run, rng):
    X = pd.DataFrame(rng.normal(size=(60, 2)).round(3), columns=["column1", "column2"])
    save(TabularClassifier(max_iter=1, effort="quick").fit(X, pd.Series(X.column1 > 0, name="y")), "m")
    X.to_csv("bare.csv", index=False, header=False)
    X.to_csv("named.csv", index=False)
    expected = ok("predict", "m", "named.csv")
    code, out, err = run("predict", "m", "bare.csv")
    assert (code, out) == (0, expected)
    assert "the first row looks like data" in err
    assert ok("predict", "m", "bare.csv", "--no-header") == expected
    assert len(ok("predict", "m", "named.csv", "--header").splitlines()) == 61
    assert "sheet goes with Excel" in run("evaluate", "m", "named.csv", "--sheet", "2")[2]
