import pickle
from dataclasses import FrozenInstanceError
from math import cos, log2, pi, sqrt

import pytest

from chainrule.schedules import Constant, Cosine, CosLog4, InverseScaling, InverseTime, StepDecay, WarmUp
from support.contract import SCHEDULES


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (Constant(), {0: 1, 1: 1, 1000: 1}),
        (InverseTime(1.0), {0: 1, 1: 1 / 2, 2: 1 / 3, 9: 1 / 10}),
        (InverseTime(0.5), {0: 1, 2: 1 / 2, 6: 1 / 4}),
        (StepDecay(10), {0: 1, 9: 1, 10: 0.5, 19: 0.5, 20: 0.25, 30: 0.125}),
        (StepDecay(2, 0.1), {0: 1, 1: 1, 2: 0.1, 4: 0.01}),
        (InverseScaling(), {0: 1, 3: 1 / 2, 8: 1 / 3, 99: 1 / 10}),
        (InverseScaling(1.0), {0: 1, 1: 1 / 2, 9: 1 / 10}),
        # ½(1 + cos πt) at t = 0, ¼, ½, 1: 1, ½ + √2/4, ½, 0; then it stays.
        (Cosine(100), {0: 1, 25: 0.5 + sqrt(2) / 4, 50: 0.5, 100: 0, 250: 0}),
        (Cosine(100, 0.2), {0: 1, 50: 0.6, 100: 0.2, 101: 0.2}),
        # 1 + 15t = 1, 2, 4, 8, 16 ends a cycle (0); halfway in the logarithm, 2^(k + ½), is its top (1).
        (CosLog4(15), {0: 0, 1: 0, 3: 0, 7: 0, 15: 0, 20: 0}),
        (WarmUp(4), {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 1, 100: 1}),
        (WarmUp(1, InverseTime(1.0)), {0: 0.5, 1: 1, 2: 1 / 2, 3: 1 / 3}),
        (WarmUp(2, lambda epoch: 10.0 + epoch), {0: 1 / 3, 1: 2 / 3, 2: 10, 5: 13}),
    ],
)
def test_factors_are_the_published_ones(schedule, factors):
    for epoch, factor in factors.items():
        assert schedule(epoch) == pytest.approx(factor, abs=1e-12), epoch


def test_coslog4_is_its_formula_at_every_epoch_and_has_four_tops():
    schedule = CosLog4(256)
    values = [schedule(epoch) for epoch in range(257)]
    assert values == pytest.approx([0.5 * (1 - cos(2 * pi * log2(1 + 15 * e / 256))) for e in range(257)], abs=1e-15)
    tops = [e for e in range(1, 256) if values[e - 1] < values[e] > values[e + 1]]
    # The tops are where 1 + 15t = √2, 2√2, 4√2, 8√2: epochs 7.1, 31.2, 79.5, 176.0.
    assert tops == [7, 31, 79, 176]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_every_schedule_is_a_finite_factor_of_0_or_more(schedule):
    factors = [schedule(epoch) for epoch in range(30)]
    assert all(type(factor) is float for factor in factors)
    assert all(0 <= factor <= 1 for factor in factors)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_every_schedule_is_frozen_comparable_and_pickles(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    assert eval(repr(schedule), vars(__import__("chainrule.schedules").schedules)) == schedule
    with pytest.raises(FrozenInstanceError):
        schedule.epochs = 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: InverseTime(-1), "InverseTime.decay: got -1, wanted a number of 0 or more"),
        (lambda: InverseTime(float("nan")), "InverseTime.decay: got nan"),
        (lambda: StepDecay(0), "StepDecay.epochs: got 0, wanted a number of 1 or more"),
        (lambda: StepDecay(2, -0.5), "StepDecay.factor"),
        (lambda: Cosine(0), "Cosine.epochs"),
        (lambda: Cosine(10, -0.1), "Cosine.floor"),
        (lambda: CosLog4(-3), "CosLog4.epochs"),
        (lambda: WarmUp(0), "WarmUp.epochs"),
        (lambda: InverseScaling(-0.5), "InverseScaling.power"),
    ],
)
def test_impossible_constants_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
