import pickle
from dataclasses import FrozenInstanceError
from math import cos, log, log2, pi, sqrt

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
        # 1 + 15t = 1, 2, 4, 8, 16 ends a cycle. Epoch 0 of 15 is the whole first one, epoch 0 of 1 is all four: over
        # whole cycles the cosine has the mean 1 / (1 + s²), s = 2π / ln 2. After the last cycle it is 0.
        (CosLog4(15), {0: 0.5 - 0.5 / (1 + (2 * pi / log(2)) ** 2), 15: 0, 20: 0}),
        (CosLog4(1), {0: 0.5 - 0.5 / (1 + (2 * pi / log(2)) ** 2), 1: 0}),
        (WarmUp(4), {0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 1, 100: 1}),
        (WarmUp(1, InverseTime(1.0)), {0: 0.5, 1: 1, 2: 1 / 2, 3: 1 / 3}),
        (WarmUp(2, lambda epoch: 10.0 + epoch), {0: 1 / 3, 1: 2 / 3, 2: 10, 5: 13}),
    ],
)
def test_factors_are_the_published_ones(schedule, factors):
    for epoch, factor in factors.items():
        assert schedule(epoch) == pytest.approx(factor, abs=1e-12), epoch


@pytest.mark.parametrize("epochs", [1, 2, 15, 256])
def test_coslog4_is_the_mean_of_its_formula_over_the_epoch(epochs):
    schedule, parts = CosLog4(epochs), 20_000 // epochs
    for epoch in range(epochs):
        times = [(epoch + (part + 0.5) / parts) / epochs for part in range(parts)]
        mean = sum(0.5 * (1 - cos(2 * pi * log2(1 + 15 * t))) for t in times) / parts
        assert schedule(epoch) == pytest.approx(mean, rel=0.01, abs=1e-6)


def test_coslog4_has_four_tops():
    values = [CosLog4(256)(epoch) for epoch in range(257)]
    tops = [e for e in range(1, 256) if values[e - 1] < values[e] > values[e + 1]]
    # The tops are where 1 + 15t = √2, 2√2, 4√2, 8√2: at 7.1, 31.2, 79.5, 176.0 epochs.
    assert tops == [7, 31, 79, 176]


@pytest.mark.parametrize("epochs", [1, 2, 10, 15, 20, 100, 1000, 10**7])
def test_no_epoch_of_coslog4_stands_still(epochs):
    assert min(CosLog4(epochs)(epoch) for epoch in range(min(epochs, 2000))) > 0


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
