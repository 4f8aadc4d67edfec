"""Rows to learn from and to test on: apart by chance, by whole groups, or by time; every class is learned from."""

import numpy as np
import pandas as pd
import pytest

from chainrule import readers
from chainrule.tabular import TableError, make_plan, splits

M = 200


@pytest.fixture
def y(rng):
    return rng.choice(["u", "v", "w"], M, p=[0.7, 0.2, 0.1])


@pytest.fixture
def groups(rng):
    return rng.integers(0, 30, M)


def is_whole(split, m=M):
    train, test = split
    return sorted([*train, *test]) == list(range(m)) and len(train) > 0 and len(test) > 0


@pytest.mark.parametrize("share", [0.01, 0.2, 0.9])
def test_a_split_by_chance_has_each_class_on_both_sides(y, share):
    train, test = splits.by_chance(y, share, 0, True)
    assert is_whole((train, test))
    assert set(y[train]) == set(y[test]) == {"u", "v", "w"}
    assert len(test) == pytest.approx(max(3, share * M), abs=2)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
def test_groups_stay_whole_and_about_the_share_is_tested(y, groups, share):
    train, test = splits.by_group(y, groups, share, 3, True)
    assert is_whole((train, test))
    assert set(groups[train]) & set(groups[test]) == set()
    assert len(test) / M == pytest.approx(share, abs=0.05)
    assert set(y[train]) == {"u", "v", "w"}


def test_one_large_group_is_not_the_test_of_a_small_share(rng):
    groups = np.where(np.arange(M) < 150, 0, np.arange(M))
    for seed in range(10):
        _, test = splits.by_group(np.arange(M), groups, 0.2, seed, False)
        assert len(test) < 60 or set(groups[test]) == {0}


def test_two_groups_are_one_and_one():
    groups = np.arange(M) % 2
    assert is_whole(splits.by_group(np.arange(M), groups, 0.2, 0, False))


def test_one_group_cannot_be_split():
    with pytest.raises(TableError, match="one group only"):
        splits.by_group(np.arange(9), np.zeros(9, int), 0.2, 0, False)
    with pytest.raises(TableError, match="class v is in too few groups"):
        splits.by_group(np.array(["u"] * 8 + ["v"]), np.array([0] * 8 + [1]), 0.2, 0, True)


def test_the_latest_rows_are_tested_and_equal_times_stay_together(rng, y):
    times = rng.integers(0, 20, M).astype(float)
    train, test = splits.by_time(y, times, 0.2, True)
    assert is_whole((train, test))
    assert times[train].max() < times[test].min()
    assert len(test) / M == pytest.approx(0.2, abs=0.05)


def test_no_time_is_later_than_the_only_one():
    with pytest.raises(TableError, match="one time only"):
        splits.by_time(np.arange(9), np.ones(9), 0.2, False)


def test_a_class_that_is_only_late_is_an_error():
    y = np.array(["old"] * 90 + ["new"] * 10)
    with pytest.raises(TableError, match="no row of class new would be left to learn from"):
        splits.by_time(y, np.arange(100.0), 0.2, True)


def test_folds_test_each_row_once(y, groups):
    for found in (splits.folds_by_chance(y, 5, 0, True), splits.folds_by_group(y, groups, 5, 0, True)):
        assert len(found) == 5
        assert all(map(is_whole, found))
        assert sorted(np.concatenate([test for _, test in found])) == list(range(M))
    for train, test in found:
        assert set(groups[train]) & set(groups[test]) == set()


def test_folds_of_time_go_on_in_time(rng):
    times = rng.permutation(M).astype(float)
    found = splits.folds_by_time(times, times, 3, False)
    assert [len(train) for train, _ in found] == [50, 100, 150]
    assert all(times[train].max() < times[test].min() and len(test) == 50 for train, test in found)


def test_more_folds_than_there_can_be_are_an_error(y, groups):
    with pytest.raises(TableError, match="99 folds, and the smallest class has"):
        splits.folds_by_chance(y, 99, 0, True)
    with pytest.raises(TableError, match="99 folds, and there are 30 groups"):
        splits.folds_by_group(y, groups, 99, 0, True)
    with pytest.raises(TableError, match="9 folds, and there are 2 different times"):
        splits.folds_by_time(y, np.arange(M) % 2.0, 9, True)


def test_a_row_without_a_group_is_one_of_its_own():
    groups = splits.groups_of(pd.Series(["a", None, "b", "a", None]))
    assert len(set(groups.tolist())) == 4
    assert groups[0] == groups[3]
    assert sorted(set(groups.tolist())) == [0, 1, 2, 3]


def test_times_are_dates_or_numbers_and_rows_without_are_the_earliest(rng):
    days = pd.Series([f"2024-01-{day:02}" for day in rng.permutation(28) + 1])
    given = readers.Table("t", pd.DataFrame({"day": days, "year": np.arange(28.0), "word": ["x", "y"] * 14}), days, "y")
    X = given.X.assign(year=[np.nan, *range(27)])
    plan = make_plan(readers.Table("t", given.X, np.arange(28.0), "y"), "regression")
    np.testing.assert_array_equal(splits.times_of(plan, X, "day").argsort(), days.argsort())
    assert splits.times_of(plan, X, "year")[0] == -np.inf
    with pytest.raises(TableError, match="'word' has neither dates nor numbers"):
        splits.times_of(plan, X, "word")


def test_a_weight_is_a_number_of_0_or_more():
    X = pd.DataFrame({"w": [1, 0, 2.5], "low": [1, -1, 2], "none": [1, 2, None], "zero": [0, 0, 0]})
    np.testing.assert_array_equal(splits.weights_of(X, "w"), [1, 0, 2.5])
    for name, row in (("low", 2), ("none", 3)):
        with pytest.raises(TableError, match=f"'{name}' is .* in row {row}: a weight is a number of 0 or more"):
            splits.weights_of(X, name)
    with pytest.raises(TableError, match="no row would count"):
        splits.weights_of(X, "zero")
