"""Intervals hold the true number as often as they promise, wide where the errors are large."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from chainrule import readers
from chainrule.files import guards
from chainrule.tabular import make_plan
from chainrule.tabular.intervals import Intervals, fit_intervals
from chainrule.tabular.race import answers, learn

TABLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "tuning"


def drawn(rng, m):
    """Predictions, and numbers about them: skewed, and with errors that grow."""
    p = rng.uniform(1, 10, m)
    return p, p + p * (rng.exponential(size=m) - 1)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("k", [60, 400, 20_000])
def test_the_true_number_is_inside_as_often_as_promised(k, level, rng):
    inside = []
    for _ in range(60 if k < 1000 else 3):
        fitted = fit_intervals(*drawn(rng, k))
        p, y = drawn(rng, 2000)
        low, high = fitted(p, level).T
        inside.append(np.mean((low <= y) & (y <= high)))
    assert np.mean(inside) == pytest.approx(level, abs=0.02 if k > 60 else 0.035)


def test_it_holds_for_small_and_for_large_predictions_and_misses_as_often_above_as_below(rng):
    fitted = fit_intervals(*drawn(rng, 3000))
    p, y = drawn(rng, 20_000)
    low, high = fitted(p).T
    for part in np.array_split(np.argsort(p), 4):
        assert np.mean((low <= y)[part] & (y <= high)[part]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(y < low) == pytest.approx(np.mean(y > high), abs=0.02)
    width = high - low
    assert width[p > 9].mean() > 4 * width[p < 2].mean()


def test_the_rank_is_that_of_a_finite_sample():
    # Of 39 errors 1 … 39 in one part: ⌈40 · 0.95⌉ = 38, the second from either end. Of 18: ⌈19 · 0.95⌉ = 19 > 18, so
    # both sides together, ⌈19 · 0.9⌉ = 18, the largest.
    fitted = Intervals(np.zeros(1), np.ones(1), np.arange(1.0, 40) - 20, -np.inf)
    np.testing.assert_array_equal(fitted([5.0]), [[5 - 18, 5 + 18]])
    np.testing.assert_array_equal(Intervals(np.zeros(1), np.ones(1), np.arange(1.0, 19) - 9, -np.inf)([0.0]), [[-9, 9]])


def test_too_few_rows_for_a_level_are_an_error_that_says_how_many():
    fitted = fit_intervals(np.zeros(8), np.arange(8.0))
    with pytest.raises(ValueError, match="an interval of 90% needs 9 held-out rows or more, there were 8"):
        fitted([1.0])
    assert fitted([1.0], 0.8).shape == (1, 2)
    assert np.isfinite(fit_intervals(np.zeros(9), np.arange(9.0))([1.0])).all()
    assert fit_intervals([], []) is None
    with pytest.raises(ValueError, match="level: got 90"):
        fitted([1.0], 90)


def test_where_no_number_was_below_zero_no_interval_is_but_for_a_prediction_that_is(rng):
    p = rng.uniform(0, 3, 200)
    fitted = fit_intervals(p, np.maximum(p + rng.normal(size=200), 0))
    ends = fitted([0.1, 2.0, -0.5])
    assert (ends[:2] >= 0).all()
    assert ends[2, 0] == -0.5
    assert fit_intervals(p, p + rng.normal(size=200))([0.1])[0, 0] < 0


def test_an_interval_holds_its_prediction_and_a_higher_level_holds_a_lower_one(rng):
    p = rng.normal(size=500)
    fitted = fit_intervals(p, p + 5 + rng.uniform(size=500))
    ends = [fitted(p, level) for level in (0.2, 0.5, 0.9)]
    for narrow, wide in pairwise(ends):
        assert (wide[:, 0] <= narrow[:, 0]).all()
        assert (narrow[:, 1] <= wide[:, 1]).all()
    assert ((ends[0][:, 0] <= p) & (p <= ends[0][:, 1])).all()


@pytest.mark.parametrize("m", [1, 40, 500])
def test_without_errors_and_with_equal_predictions_it_is_finite(m):
    fitted = fit_intervals(np.ones(m), np.ones(m))
    if m > 8:
        np.testing.assert_array_equal(fitted([1.0, 7.0]), [[1, 1], [7, 7]])
        ends = fit_intervals(np.full(m, 5.0), np.linspace(0, 10, m))([5.0])
        np.testing.assert_allclose(ends, [[0.5, 9.5]], atol=0.6)


def test_of_very_many_rows_some_errors_are_kept(rng):
    p, y = drawn(rng, 30_000)
    fitted = fit_intervals(p, y)
    assert len(fitted.errors) == 5000
    assert (np.diff(fitted.errors) >= 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"errors": np.array([1.0, 0.0])},
        {"errors": np.array([0.0, np.nan])},
        {"errors": np.empty(0)},
        {"errors": [0.0, 1.0]},
        {"scale": np.zeros(1)},
        {"scale": np.ones(2)},
        {"at": np.zeros((1, 1))},
        {"at": np.array(["1"])},
        {"least": "0"},
    ],
)
def test_intervals_of_a_hostile_file_are_refused(wrong):
    state = {"at": np.zeros(1), "scale": np.ones(1), "errors": np.zeros(2), "least": 0.0}
    guards.check(Intervals(**state), state)
    with pytest.raises(ValueError, match="interval"):
        guards.check(Intervals(**state | wrong), state | wrong)


@pytest.mark.skipif(not TABLES.exists(), reason=f"real tables are not in {TABLES.name}/ beside the project")
@pytest.mark.parametrize(("name", "target"), [("concrete", "strength"), ("abalone", "Class_Rings")])
def test_on_real_tables_nine_of_ten_are_inside(name, target):
    table = readers.read(str(TABLES / f"{name}.csv"), target=target)
    plan = make_plan(table, "regression")
    X, y = plan.examples(table)
    inside = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(y))[:1500]
        train, test = np.split(order, [3 * len(order) // 4])
        learned = learn(plan, X.iloc[train], y[train], seed=seed, arguments={"max_iter": 6})
        fitted = fit_intervals(learned.held_out.outputs, y[train][learned.held_out.rows])
        predicted = answers(learned.preparation, learned.networks, X.iloc[test])
        low, high = fitted(predicted).T
        inside.append(np.mean((low <= y[test]) & (y[test] <= high)))
    assert 0.86 <= np.mean(inside) <= 0.95
