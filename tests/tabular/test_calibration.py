"""Calibration: the temperature is the one that the rows ask for, and the reliability counts what is there."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import log_loss

from chainrule.tabular.calibration import effective, fit_temperature, of_class, reliability, wilson, with_temperature


def drawn(rng, m, K, temperature):
    """Probabilities that are right at this temperature, and labels drawn from the right ones."""
    Z = 2 * rng.normal(size=(m, K))
    y = (softmax(Z, axis=1).cumsum(axis=1) < rng.uniform(size=(m, 1))).sum(axis=1).clip(max=K - 1)
    return softmax(Z * temperature, axis=1), y


@pytest.mark.parametrize("K", [2, 5])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_was_done_to_the_probabilities(K, temperature, rng):
    p, y = drawn(rng, 4000, K, temperature)
    found = fit_temperature(p, y)
    assert found == pytest.approx(temperature, rel=0.1)
    best = minimize_scalar(lambda t: log_loss(y, with_temperature(p, t)), bounds=(0.1, 10), method="bounded").x
    assert found == pytest.approx(best, rel=0.01)


def test_a_temperature_keeps_the_order_and_the_sum(rng):
    p, _ = drawn(rng, 50, 4, 1.0)
    for temperature in (0.1, 0.7, 10.0):
        q = with_temperature(p, temperature)
        np.testing.assert_allclose(q.sum(axis=1), 1)
        np.testing.assert_array_equal(q.argsort(axis=1), p.argsort(axis=1))
    np.testing.assert_array_equal(with_temperature(p, 1.0), p)


def test_rows_of_weight_two_count_like_two_rows(rng):
    p, y = drawn(rng, 300, 3, 2.0)
    twice = np.repeat(np.arange(300), np.where(np.arange(300) < 100, 2, 1))
    weights = np.where(np.arange(300) < 100, 2.0, 1.0)
    # The wish for 1 counts as much beside 300 rows as beside 400, so they agree up to that.
    assert fit_temperature(p, y, weights) == pytest.approx(fit_temperature(p[twice], y[twice]), rel=0.02)
    assert fit_temperature(p, y, weights) == pytest.approx(fit_temperature(p, y, 1000 * weights), rel=1e-3)


def test_a_few_rows_or_none_leave_the_temperature_near_one():
    right = np.tile([[0.9, 0.1]], (5, 1))
    assert 0.5 < fit_temperature(right, np.zeros(5, int)) < 1
    assert fit_temperature(right[:0], np.zeros(0, int)) == 1
    assert fit_temperature(right, np.zeros(5, int), np.zeros(5)) == 1


def test_certain_and_wrong_is_finite():
    p = np.tile([[1.0, 0.0]], (40, 1))
    assert 1 < fit_temperature(p, np.r_[np.ones(10, int), np.zeros(30, int)]) <= 10
    assert np.isfinite(with_temperature(p, 3.0)).all()


def test_the_reliability_of_right_probabilities_is_near_the_diagonal_and_its_error_small(rng):
    p = rng.uniform(size=5000)
    true = rng.uniform(size=5000) < p
    found = reliability(p, true)
    assert [b.rows for b in found.bins] == [500] * 10
    assert found.error < 0.03
    assert sum(b.low <= b.said <= b.high for b in found.bins) >= 8
    assert reliability(p**3, true).error > 0.2


def test_the_reliability_keeps_equal_probabilities_together_and_small_sets_in_few_bins():
    p = np.r_[np.full(90, 0.2), np.full(10, 0.7)]
    first, second = reliability(p, p > 0.5).bins
    assert (first.rows, second.rows) == (90, 10)
    assert (first.said, first.found, second.found) == pytest.approx((0.2, 0, 1))
    assert len(reliability(p[::20], p[::20] > 0.5).bins) == 1
    assert reliability(p[:0], p[:0] > 1).bins == ()


def test_rows_without_weight_are_not_there(rng):
    p, true, w = rng.uniform(size=200), rng.uniform(size=200) < 0.5, np.repeat([1.0, 0.0], 100)
    assert reliability(p, true, w) == reliability(p[:100], true[:100])


def test_the_reliability_of_a_class_and_of_what_is_predicted():
    classes, y = np.array(["a", "b", "c"]), np.array(["a", "b", "c", "a"])
    p = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.9, 0.05, 0.05]])
    (whole,) = of_class(classes, y, p, "a").bins
    assert (whole.said, whole.found) == pytest.approx((0.55, 0.5))
    (whole,) = of_class(classes, y, p).bins
    assert (whole.said, whole.found) == pytest.approx((0.725, 0.75))


def test_the_interval_of_a_share_is_wilsons():
    # Newcombe 1998, table I, method 3: 81 of 263, and 0 of 20.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(1.0, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)
    assert effective(np.array([2.0, 2.0, 2.0])) == 3
