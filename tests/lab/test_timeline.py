"""A training goes to any of its steps, and comes to the same bits there."""

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines import ENGINES
from chainrule.lab.timeline import Timeline
from chainrule.lab.working import next_rows
from chainrule.training.options import Options
from chainrule.training.train import prepare

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(3, 50)), (rng.random((1, 50)) > 0.5) * 1.0


def timeline(engine="numpy", batch_size=8, optimizer=None, memory=64 << 20, **options):
    net = cr.Network([3, 4, 1], seed=0)
    state = prepare(
        net,
        net.check_examples(X, Y),
        optimizer or cr.Adam(0.01),
        batch_size=batch_size,
        seed=1,
        resumable=True,
        **options,
    )
    return Timeline(state, ENGINES[engine], memory)


def kept(line):
    """All that a step is."""
    state = line.state
    slots = [np.array(slot).copy() for slot in state.memory.slots]
    return state.network.parameters.copy(), slots, (state.epoch, state.example, state.total, state.seen)


def assert_same(found, wanted):
    np.testing.assert_array_equal(found[0], wanted[0])
    for slot, other in zip(found[1], wanted[1], strict=True):
        np.testing.assert_array_equal(slot, other)
    assert found[2] == wanted[2]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch_size", [8, 50])
def test_500_random_places_have_the_bits_of_the_way_there(engine, batch_size):
    line, steps = timeline(engine, batch_size, dropout=0.2), []
    places = np.random.default_rng(3).integers(0, 1000, 500 if engine == "native" else 50)
    for step in range(1001):
        line.go(step)
        steps.append(kept(line))
    costs = list(line.costs)
    for step in places.tolist():
        line.go(step)
        assert_same(kept(line), steps[step])
    assert list(line.costs) == costs


@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_that_is_gone_through_is_that_of_train(engine):
    line = timeline(engine, batch_size=50)
    line.go(30)
    net = cr.Network([3, 4, 1], seed=0)
    steps = net.train(X, Y, cr.Adam(0.01), epochs=30, engine=engine).run()
    np.testing.assert_array_equal(line.state.network.parameters, net.parameters)
    assert list(line.costs) == [step.cost for step in steps]


@pytest.mark.parametrize("engine", ENGINES)
def test_options_change_within_an_epoch_and_the_past_has_the_old_ones(engine):
    line, steps = timeline(engine), {}
    changes = {
        3: {"optimizer": cr.Adam(0.1)},
        40: {"optimizer": cr.HeavyBall(0.05), "l2": 0.3},
        100: {"batch_size": 50},  # within an epoch: the rest of it is one mini-batch
        150: {"dropout": (0.5,), "clip_norm": 0.1},
        151: {"batch_size": 7, "optimizer": cr.Adam(0.01)},
    }
    for step in range(300):
        line.go(step)
        steps[step] = kept(line)
        if step in changes:
            line.change(replace(line.options, **changes[step]))
            assert line.end == step
    whole, costs = kept(line), list(line.costs)
    for step in np.random.default_rng(4).integers(0, 300, 60).tolist():
        line.go(step)
        found = kept(line)
        np.testing.assert_array_equal(found[0], steps[step][0])
        assert found[2] == steps[step][2]
    line.go(299)
    assert_same(kept(line), whole)
    assert list(line.costs) == costs


def test_a_change_in_the_past_makes_another_future():
    line = timeline()
    line.go(200)
    before = kept(line)
    line.go(70)
    line.change(Options(cr.GradientDescent(0.5), 8))
    assert line.end == 70
    line.go(200)
    assert not np.array_equal(kept(line)[0], before[0])
    line.go(70)
    line.change(Options(cr.Adam(0.01), 8))
    line.go(200)
    assert_same(kept(line), before)  # there was no other step in between
    line.go(70)
    line.change(Options(cr.GradientDescent(0.5), 8))
    line.go(71)
    line.change(Options(cr.Adam(0.01), 8))
    line.go(200)
    assert line.state.memory.slots[-1] == 129  # it began anew


@pytest.mark.parametrize("engine", ENGINES)
def test_snapshots_take_no_more_than_their_memory(engine):
    line, steps = timeline(engine, memory=20_000), {}
    for step in range(0, 3001, 100):
        line.go(step)
        steps[step] = kept(line)
    assert 2 < len(line._snapshots) < 8
    for step in (2900, 100, 1500, 1400, 3000):
        line.go(step)
        assert_same(kept(line), steps[step])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch_size", [8, 50])
def test_what_is_not_finite_ends_it_at_the_last_finite_step(engine, batch_size):
    line = timeline(engine, batch_size, cr.GradientDescent(1e150))
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="the cost is"):
        line.go(1000)
    assert line.step == line.end < 20
    assert np.isfinite(line.state.network.parameters).all()
    assert np.isfinite(line.costs).all()
    line.go(0)
    line.change(replace(line.options, optimizer=cr.GradientDescent(0.1)))
    line.go(20)


def test_what_looks_ahead_at_an_order_changes_nothing():
    line, other = timeline(), timeline()
    for each in (line, other):
        each.go(14)  # two epochs
        if each is line:
            next_rows(line)
        each.change(replace(each.options, batch_size=50))
        each.go(16)
        each.change(replace(each.options, batch_size=8))
        each.go(20)
    assert_same(kept(line), kept(other))
