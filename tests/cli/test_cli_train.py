"""What can be said to `chainrule train`: what a column is, which rows are tested on, how to train; and its warnings."""

import json

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli import asked
from chainrule.engines import kernel
from support.tables import QUICK

M = 120


@pytest.fixture
def table(rng):
    """Numbers, a code, a patient with four rows each, days in order, weights; two classes and a number to predict."""
    x = rng.normal(size=(M, 2)).round(3)
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "code": rng.choice([101, 205, 317, 409, 550, 612], M)})
    frame["patient"] = [f"P{i // 4:03}" for i in range(M)]
    frame["day"] = pd.date_range("2024-01-01", periods=M).astype(str)
    frame["w"] = np.arange(M) % 3
    frame["sick"] = np.where(x[:, 0] + rng.normal(0, 0.5, M) > 0.9, "yes", "no")
    frame["cost"] = (3 * x[:, 0] + rng.normal(size=M)).round(2)
    frame.to_csv("t.csv", index=False)
    return frame


@pytest.fixture
def told(table, ok):
    """What train --json says."""

    def told(*options, target="sick"):
        other = {"sick": "cost", "cost": "sick"}[target]
        return json.loads(ok("train", "t.csv", "--target", target, "--drop", other, "--json", *QUICK, *options))

    return told


def roles(result):
    return {column["name"]: column["role"] for column in result["columns"]}


# -- what a column is --------------------------------------------------------------------------------------------------


def test_the_word_of_a_person_is_above_every_guess(told):
    assert roles(told())["patient"] != "text"
    found = roles(told("--category", "code", "--text", "patient", "--drop", "a,b", "--keep", "w"))
    assert found == {
        "a": "left out", "b": "left out", "code": "category", "patient": "text", "day": "date", "w": "number",
        "cost": "left out",
    }  # fmt: skip
    assert roles(told("--number", "code"))["code"] == "number"


def test_columns_may_be_said_with_commas_unless_one_is_called_so():
    columns = ["a", "b", "a,b", "x, y"]
    assert asked.names(["a,b"], columns) == ["a,b"]
    assert asked.names(["a, x"], columns) == ["a, x"]  # there is no x: the error says what was asked for
    assert asked.names(["b, a", "a", "x, y"], columns) == ["b", "a", "x, y"]


def test_dates_are_read_as_was_said(ok, table):
    table.assign(day=[f"0{1 + i % 9}/0{1 + i // 14}/2024" for i in range(M)]).to_csv("t.csv", index=False)
    for order, month in (("day-first", 9), ("month-first", 9)):
        result = json.loads(ok("train", "t.csv", "--target", "sick", "--dates", order, "--json", *QUICK))
        (day,) = (column for column in result["columns"] if column["name"] == "day")
        assert day["role"] == "date"
        first, last = day["note"][:10], day["note"][14:24]
        assert (first, last) == ("2024-01-01", f"2024-0{month}-0{9}")


def test_a_table_without_names_has_its_first_row_as_data(ok, table):
    table[["a", "b", "sick"]].to_csv("bare.csv", index=False, header=False)
    names = json.loads(ok("train", "bare.csv", "--no-header", "--target", "3", "--json", *QUICK))["columns"]
    assert len(names) == 2


def test_a_presence_is_told_as_a_boolean(ok, table):
    table.assign(told=[f"{i}!" if i % 2 else "" for i in range(M)]).to_csv("t.csv", index=False)
    assert roles(json.loads(ok("train", "t.csv", "--target", "sick", "--json", *QUICK)))["told"] == "boolean"


def test_spellings_of_one_class_are_one_and_said(ok, table):
    table.assign(sick=table["sick"].where(table.index % 4 > 0, table["sick"].str.upper())).to_csv("t.csv", index=False)
    out = ok("train", "t.csv", "--target", "sick", *QUICK)
    assert "sick: NO, no are one class, no" in out
    assert "To predict: sick (2 classes)" in out


# -- which rows are tested on ------------------------------------------------------------------------------------------


def test_a_file_of_its_own_is_tested_on(told, table):
    table[:30].assign(sick=["yes", "no", "perhaps"] * 10).to_csv("test.csv", index=False)
    result = told("--test-file", "test.csv")
    assert result["rows"] == {"train": M, "test": 20, "without_target": 0}
    assert result["split"] == "the rows of test.csv"
    predicted = cr.load("t.chainrule").predict(table[:30])
    right = np.mean(predicted[np.arange(30) % 3 < 2] == np.array(["yes", "no"] * 10))
    assert result["test"]["this network"]["accuracy"] == pytest.approx(right)


def test_rows_of_unknown_classes_are_said(ok, table):
    table[:30].assign(sick=["yes", "no", "perhaps"] * 10).to_csv("test.csv", index=False)
    out = ok("train", "t.csv", "--target", "sick", "--test-file", "test.csv", *QUICK)
    assert "Left out: 10 rows of test.csv of classes that t.csv has not" in out


def test_what_a_file_to_test_on_has_that_the_other_has_not_is_said(ok, run, table):
    table[:30].assign(a=["abc"] * 3 + [0.5] * 27).to_csv("test.csv", index=False)
    words = " ".join(ok("train", "t.csv", "--target", "sick", "--test-file", "test.csv", *QUICK).split())
    assert "test.csv: a: 3 of 30 not numbers" in words
    table[:30].assign(a="abc").to_csv("test.csv", index=False)
    code, _, err = run("train", "t.csv", "--target", "sick", "--test-file", "test.csv", *QUICK)
    assert (code, err.startswith("error: --test-file test.csv: "), err.count("\n")) == (2, True, 1)


def test_groups_stay_on_one_side_and_their_column_is_no_input(told):
    result = told("--group", "patient")
    assert result["rows"]["test"] % 4 == 0
    assert roles(result)["patient"] == "left out"
    assert result["split"] == "whole groups of patient"
    (note,) = (column["note"] for column in result["columns"] if column["name"] == "patient")
    assert note == "its groups stay together"


def test_the_latest_rows_are_tested_on_by_time(told, table, ok):
    result = told("--time", "day", target="cost")
    assert result["split"] == "the latest by day"
    predicted = cr.load("t.chainrule").predict(table[96:])
    error = np.sqrt(np.mean((predicted - table.cost[96:]) ** 2))
    assert result["test"]["this network"]["RMSE"] == pytest.approx(error, rel=1e-5)
    assert "time" not in {warning["kind"] for warning in result["warnings"]}
    assert "Warning: day is a date" in " ".join(ok("train", "t.csv", "--target", "cost", *QUICK).split())


def test_folds_test_on_every_row_and_the_model_learns_from_all(told, ok):
    result = told("--folds", "3")
    assert result["rows"] == {"train": M, "test": M, "without_target": 0}
    assert result["folds"] == 3
    assert np.sum(result["confusion"]) == M
    assert set(result["deviations"]) == set(result["test"])
    assert result["intervals"] == {}
    out = ok("train", "t.csv", "--target", "cost", "--folds", "3", "--group", "patient", *QUICK)
    words = " ".join(out.split())
    assert "Test on all rows, in 3 folds, whole groups of patient: mean ± standard deviation" in words
    assert "trained on all 120 rows; the scores are those of 3 others like it" in words
    assert "scores are those" not in ok("inspect", "t.chainrule")


def test_folds_by_time_go_on_in_time(told):
    result = told("--folds", "2", "--time", "day", target="cost")
    assert (result["rows"]["train"], result["rows"]["test"]) == (M, 80)


def test_refit_trains_on_all_rows_after_the_test(told, ok):
    before, after = told(), told("--refit")
    assert before["test"]["this network"] == after["test"]["this network"]
    assert (before["rows"]["train"], after["rows"]["train"]) == (96, M)
    out = " ".join(ok("train", "t.csv", "--target", "sick", "--refit", *QUICK).split())
    assert "trained on all 120 rows; the scores are those of one like it, trained on 96 of them" in out


def test_weights_are_no_input_and_rows_of_weight_0_do_not_count(told, table):
    result = told("--weight", "w", "--drop", "day")
    assert roles(result)["w"] == "left out"
    assert result["weight"] == "w"
    changed = table.copy()
    changed.loc[changed.w == 0, "a"] = 7.5
    changed.to_csv("t.csv", index=False)
    again = told("--weight", "w", "--drop", "day")
    names = ("accuracy", "F1", "Brier")
    assert result["test"]["this network"].keys() == again["test"]["this network"].keys()
    assert all(again["test"]["always the largest class"][name] is not None for name in names)


def test_what_is_shown_is_in_json(ok, table):
    options = ("train", "t.csv", "--target", "sick", "--drop", "cost", *QUICK)
    out, result = ok(*options), json.loads(ok(*options, "--json"))
    for name, value in result["test"]["this network"].items():
        assert f"{value:.4f}" in out or value == 0
        low, high = result["intervals"][name]
        assert low <= value <= high
    assert result["importances"]["loss"] == "log loss"
    assert {each["column"] for each in result["importances"]["columns"]} <= set(table.columns)
    assert result["rows"]["test"] == 24


# -- how it is trained -------------------------------------------------------------------------------------------------


def test_boosted_trees_are_compared_with_on_request(told, ok):
    assert "boosted trees" not in told()["test"]
    assert set(told("--compare")["test"]) == {
        "this network", "no hidden layer", "always the largest class", "boosted trees",
    }  # fmt: skip
    assert told("--compare", target="cost")["test"]["boosted trees"]["R²"] is not None
    words = " ".join(ok("train", "t.csv", "--target", "cost", "--compare", *QUICK).split())
    assert "The boosted trees took" in words


def test_options_reach_the_estimator(told):
    told("--class-weight", "balanced", "--threshold", "0.3", "--time-limit", "60", "--engine", "numpy")
    model = cr.load("t.chainrule")
    assert (model.class_weight, model.threshold, model.time_limit, model.effort) == ("balanced", 0.3, 60, "quick")
    assert {network.engine_ for network in model.networks_} == {"numpy"}
    assert model.threshold_ == 0.3


@pytest.mark.skipif(not (kernel.BUILT and kernel.bf16_isa()), reason="this processor or the kernel has no bf16")
def test_a_model_trained_in_bf16_is_compared_with_one_that_is_not(told):
    assert "no hidden layer" in told("--precision", "bf16")["test"]


def test_a_threshold_is_used_by_the_test_and_by_predict(told, ok, table):
    low, high = told("--threshold", "0.001"), told("--threshold", "0.999")
    assert (low["threshold"], low["positive"]) == (0.001, "yes")
    assert low["test"]["this network"]["recall"] >= high["test"]["this network"]["recall"]
    ok("train", "t.csv", "--target", "sick", "--threshold", "0.001", "-q", *QUICK)
    assert "no" not in {line.split(",")[0] for line in ok("predict", "t.chainrule", "t.csv").splitlines()}


# -- warnings ----------------------------------------------------------------------------------------------------------


def test_a_column_that_gives_the_target_away_is_said_with_what_to_do(ok, table):
    table.assign(outcome=np.where(table.sick == "yes", "A", "B")).to_csv("t.csv", index=False)
    words = " ".join(ok("train", "t.csv", "--target", "sick", *QUICK).split())
    assert (
        "Warning: outcome is sick in other words: unless it is known before sick is, leave it out with --drop" in words
    )


def test_a_network_no_better_than_a_constant_is_told_nothing_of_layers(ok, rng):
    pd.DataFrame({"x": rng.normal(size=200), "y": rng.normal(size=200)}).to_csv("noise.csv", index=False)
    words = " ".join(ok("train", "noise.csv", "--target", "y", "--effort", "quick", "--hidden", "8").split())
    assert "It is no better than always the mean. What keeps it from learning: chainrule diagnose." in words
    assert "hidden layers do not help" not in words


def test_of_noise_that_is_lucky_on_the_test_nothing_is_said_of_layers(ok, rng):
    x, y = rng.normal(size=200), rng.choice(["u", "v"], 200)
    pd.DataFrame({"x": x, "y": y}).to_csv("noise.csv", index=False)
    for more in ((), ("--folds", "3"), ("--seed", "1"), ("--seed", "2")):
        out = ok("train", "noise.csv", "--target", "y", "--effort", "quick", "--hidden", "8", *more)
        assert "hidden layers do not help" not in out
        assert "— ± —" not in out


def test_a_training_cut_short_says_nothing_of_layers(ok, table):
    assert "hidden layers do not help" not in ok("train", "t.csv", "--target", "cost", *QUICK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--group patient --time day", "--group and --time: each is a way to tell the test rows apart"),
        ("--folds 3 --test-file t.csv", "--folds and --test-file: folds test on every row of DATA"),
        ("--folds 3 --refit", "--refit: with --folds the model is trained on all rows anyway"),
        ("--folds 3 --checkpoint c", "--checkpoint and --folds: a checkpoint is of one training"),
        ("--refit --checkpoint c", "--checkpoint and --refit"),
        ("--folds 1", "'--folds'"),
        ("--folds 99", "--folds 99: 99 folds, and the smallest class has"),
        ("--group nobody", "no column 'nobody'"),
        ("--group sick", "--group sick: it is what is to be predicted"),
        ("--time patient", "--time patient: column 'patient' has neither dates nor numbers"),
        ("--weight a", "--weight a: column 'a' is"),
        ("--threshold 1.5", "--threshold 1.5: wanted a probability between 0 and 1, or auto"),
        ("--threshold often", "--threshold often: wanted"),
        ("--test-file nothing.csv", "'nothing.csv': no such file"),
        ("--effort heroic", "'--effort'"),
        ("--number patient", "'patient'"),
    ],
)
def test_mistakes_are_one_line(options, message, table, run):
    code, out, err = run("train", "t.csv", "--target", "sick", *QUICK, *options.split())
    assert message in err
    assert (code, err.count("\n"), err.startswith("error: "), out) == (2, 1, True, "")


def test_what_is_for_classes_is_an_error_for_a_number(table, run):
    for option in (("--class-weight", "balanced"), ("--threshold", "0.3")):
        _, _, err = run("train", "t.csv", "--target", "cost", *option, *QUICK)
        assert err == f"error: {option[0]}: it is for classes, and cost is a number\n"


def test_rows_without_a_time_or_a_group_are_said(table, ok):
    table.loc[:4, "day"] = table.loc[:2, "patient"] = None
    table.to_csv("t.csv", index=False)
    for options, note in (
        (("--time", "day"), "day says no time in 5 rows: taken for the earliest, to train on"),
        (("--group", "patient"), "patient is missing in 3 rows: each is taken for a group of its own"),
    ):
        arguments = ("train", "t.csv", "--target", "sick", *options, *QUICK)
        assert note in " ".join(ok(*arguments).split())
        assert json.loads(ok(*arguments, "--json"))["notes"] == [note]


def test_of_standard_input_the_model_has_a_name_that_commands_take(table, ok, monkeypatch):
    with open("t.csv") as given:
        monkeypatch.setattr("sys.stdin", given)
        out = ok("train", "-", "--target", "sick", *QUICK)
    (following,) = out.partition("Next:")[2].strip().splitlines()
    assert following.endswith("inspect stdin.chainrule")


def test_quiet_keeps_what_changes_the_meaning_of_the_scores(table, run):
    table.assign(copy=table.sick.map({"yes": "ja", "no": "nein"})).to_csv("t.csv", index=False)
    code, out, err = run("train", "t.csv", "--target", "sick", "-q", *QUICK)
    assert code == 0
    assert "Warning" not in out
    assert "note: copy is sick in other words" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--folds", "3", "--test", "0.3"), "--test and --folds"),
        (("--image-size", "32"), "--image-size: t.csv is a table, without images"),
        (("--gray",), "--gray: t.csv is a table, without images"),
    ],
)
def test_options_without_an_effect_are_refused(options, message, table, run):
    code, _, err = run("train", "t.csv", "--target", "sick", *options, *QUICK)
    assert code
    assert message in err
