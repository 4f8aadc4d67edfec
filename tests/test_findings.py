"""What is said of a table before a score of it is believed, and what is no reason to say anything."""

import numpy as np
import pandas as pd
import pytest

from chainrule import readers
from chainrule.tabular import findings, make_plan
from support.tables import shared

M = 400


def found(y, task=None, random=True, **columns):
    """(kind, column) of each finding of a table, every fifth row of which is to test on."""
    X = pd.DataFrame(columns)
    given = readers.Table("t", X, pd.Series(y), "y")
    plan = make_plan(given, task)
    rows, labels = plan.examples(given)
    test = np.arange(len(labels)) % 5 == 0
    all_rows = np.arange(len(labels))
    return findings.findings(plan, rows, labels, all_rows[~test], all_rows[test], random=random)


def columns(some, kind="giveaway"):
    return [finding.column for finding in some if finding.kind == kind]


@pytest.fixture
def table(rng):
    x = rng.normal(size=(M, 2))
    return {"a": x[:, 0], "b": x[:, 1]}


@pytest.fixture
def classes(rng, table):
    return np.where(table["a"] + rng.normal(size=M) > 0, "yes", "no")


@pytest.fixture
def numbers(rng, table):
    return table["a"] + rng.normal(size=M)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda y: y, id="copy"),
        pytest.param(lambda y: np.where(y == "yes", "approved", "denied"), id="renamed"),
        pytest.param(lambda y: (y == "yes") * 10 + 3, id="numbers"),
        pytest.param(lambda y: y == "yes", id="booleans"),
    ],
)
def test_the_classes_in_other_words_are_a_giveaway(table, classes, other):
    some = found(classes, **table, other=other(classes))
    assert columns(some) == ["other"]
    assert some[0].text == "other is y in other words"


def test_three_classes_by_other_names_are_a_giveaway(rng, table):
    y = rng.choice(["u", "v", "w"], M)
    assert columns(found(y, **table, other=pd.Series(y).map({"u": 7, "v": 1, "w": 4}))) == ["other"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda y: y, id="copy"),
        pytest.param(lambda y: -1.8 * y + 32, id="another unit"),
        pytest.param(lambda y: np.exp(y).round(1), id="rounded"),
        pytest.param(lambda y: y > 0.3, id="above a limit"),
        pytest.param(lambda y: np.digitize(y, [-1, 0, 1]), id="bands"),
        pytest.param(lambda y: np.where(np.arange(M) % 40, y, np.nan), id="gaps"),
    ],
)
def test_numbers_that_rise_or_fall_with_the_target_are_a_giveaway(table, numbers, other):
    assert columns(found(numbers, **table, other=other(numbers))) == ["other"]


def test_what_is_known_only_after_the_fact_is_a_giveaway(rng, table, classes):
    # The boat in which a passenger was saved: given to nearly all who were, and to few others.
    known = np.where(rng.random(M) < 0.02, classes != "yes", classes == "yes")
    boat = np.where(known, rng.choice(list("ABCDEFGH"), M), None)
    some = found(classes, **table, boat=boat)
    assert columns(some) == ["boat"]
    assert some[0].text == "boat alone tells y almost without error"
    assert columns(found(classes, **table, paid=np.where(known, rng.gamma(2, 100, M), 0))) == ["paid"]


def test_a_copy_with_a_few_errors_is_a_giveaway(rng, table, numbers):
    assert columns(found(numbers, **table, near=numbers * 3 + rng.normal(0, 0.01, M))) == ["near"]


def test_a_strong_column_is_none(rng, table, numbers, classes):
    assert found(numbers, **table, strong=numbers + rng.normal(0, 0.3, M)) == []
    right = rng.random(M) < 0.85
    assert found(classes, **table, strong=np.where(right, classes == "yes", classes == "no")) == []


def test_a_trend_in_time_is_no_giveaway(rng, table):
    day = pd.Series(pd.date_range("2024-01-01", periods=M).astype(str))
    some = found(np.arange(M) + rng.normal(size=M), **table, day=day)
    assert columns(some) == []


def test_the_only_column_is_none_unless_it_is_the_target(rng):
    x = rng.normal(size=M)
    assert found(np.where(x > 0, "yes", "no"), x=x) == []
    assert columns(found(np.where(x > 0, "yes", "no"), x=x > 0)) == ["x"]


def test_a_constant_or_empty_column_is_no_giveaway(table, classes):
    assert found(classes, **table, same=1.0, none=None, nearly=np.arange(M) == 3) == []


def test_equal_rows_on_both_sides_are_counted(table, classes):
    once = pd.DataFrame({**table, "y": classes})
    again = pd.concat([once, once[1:61]], ignore_index=True).assign(number=np.arange(M + 60))
    y = again.pop("y")
    (only,) = found(y, **again)
    assert (only.kind, only.text) == ("repeated", "24 of 92 test rows are equal to training rows, target included")
    y[1:61] = "other"  # equal but for the target
    assert columns(found(y, **again), "repeated") == []


def test_equal_rows_of_arrays_are_counted(rng):
    X, y = np.repeat(rng.normal(size=(20, 3)).astype("f"), 2, axis=0), np.arange(40) // 2 % 2
    plan = make_plan(readers.Table("t", X, y, "y"))
    (only,) = findings.repeated(plan, X, y, np.arange(0, 40, 2), np.arange(1, 40, 2))
    assert only.text.startswith("20 of 20")


def test_tables_of_few_different_rows_have_equal_ones_by_nature(rng):
    X = {name: rng.choice(["u", "v", "w"], M) for name in "abc"}
    assert found(rng.choice(["yes", "no"], M), **X) == []


def test_a_date_and_a_split_by_chance_are_said(rng, table, classes):
    born = pd.Series(rng.choice(pd.date_range("1950-01-01", periods=9000), M).astype("datetime64[s]"))
    sold = pd.Series(pd.date_range("2024-01-01", periods=M))
    some = found(classes, **table, born=born, sold=sold)
    assert columns(some, "time") == ["sold"]  # the rows are in its order
    assert columns(found(classes, **table, born=born, sold=sold, random=False), "time") == []


def test_a_rare_class_is_said(rng, table):
    y = np.where(np.arange(M) % 40, "ok", "fraud")
    (only,) = found(y, **table)
    assert (only.kind, only.text) == ("imbalance", "fraud is rare: 10 of 400 rows (2.5%)")


def test_a_number_that_is_mostly_the_same_is_said(rng, table):
    y = np.where(np.arange(M) % 4, 0, rng.gamma(2, 10, M))
    (only,) = found(y, "regression", **table)
    assert only.text == "y is 0 in 75% of the rows"


NO_LEAKS = {
    "phoneme": "nasal", "german": "class", "vehicle": "Class", "satimage": "class", "adult": "income", "yeast": "site",
    "heart_c": "num", "abalone": "Class_Rings", "concrete": "strength", "kin8nm": "y", "cpu_act": "usr",
    "insurance": "charges", "diamonds": "price",
}  # fmt: skip
BUNDLED = ("iris", "wine", "breast_cancer", "diabetes", "moons", "circles", "sine", "quadratic", "digits")


@pytest.mark.parametrize("name", [*NO_LEAKS, "titanic", "housing", *BUNDLED])
def test_no_false_alarm_on_a_real_table(name):
    target = {"titanic": "Survived", "housing": "median_house_value"}.get(name, NO_LEAKS.get(name))
    file = name if name in BUNDLED else shared(f"tuning/{name}.csv" if name in NO_LEAKS else f"{name}.csv")
    given = readers.read(file, target=target)
    plan = make_plan(given)
    X, y = plan.examples(given)
    rows = np.random.default_rng(0).permutation(len(y))
    kinds = {finding.kind for finding in findings.findings(plan, X, y, rows[len(y) // 5 :], rows[: len(y) // 5])}
    assert kinds <= {"imbalance"}


def test_a_few_words_are_no_copy_of_many_numbers(table, numbers):
    assert columns(found(numbers, **table, sign=np.where(numbers > 0, "debit", "credit"))) == []


def test_days_of_birth_do_not_say_when_a_row_was(table, numbers, rng):
    days = np.datetime64("1930-01-01") + rng.integers(0, 27_000, len(numbers))
    assert columns(found(numbers, **table, born=days.astype(str)), "time") == []
    assert columns(found(numbers, **table, born=np.sort(days).astype(str)), "time") == ["born"]
