"""Options that change while a network trains: `Training.change`."""

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines import ENGINES
from chainrule.lab.timeline import Timeline
from chainrule.training.train import prepare

engine_names = pytest.mark.parametrize("engine", ENGINES)
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(3, 50)), (rng.random((1, 50)) > 0.5) * 1.0


def training(optimizer=None, epochs=10, **options):
    net = cr.Network([3, 4, 1], seed=0)
    return net, net.train(X, Y, optimizer or cr.Adam(0.01), epochs=epochs, **{"seed": 1, **options})


def timeline(engine, batch_size, optimizer, **options):
    net = cr.Network([3, 4, 1], seed=0)
    options = {"batch_size": batch_size, "seed": 1, "resumable": True, **options}
    return Timeline(prepare(net, net.check_examples(X, Y), optimizer, **options), ENGINES[engine])


CHANGES = {  # by mini-batches that are done
    3: {"optimizer": cr.Adam(0.1)},
    20: {"optimizer": cr.HeavyBall(0.05), "l2": 0.3},
    31: {"batch_size": None},  # within an epoch: the rest of it is one mini-batch
    40: {"dropout": 0.5, "clip_norm": 0.1},
    41: {"batch_size": 7, "optimizer": cr.Adam(0.01)},
    60: {"batch_size": 11, "clip_norm": None},
    61: {"batch_size": 7},
    62: {"optimizer": cr.AdamW(0.01), "dropout": [0.2]},
}


@engine_names
@pytest.mark.parametrize("batch_size", [8, None])
def test_a_training_with_changes_is_that_of_a_time_line_to_the_bit(engine, batch_size):
    line = timeline(engine, batch_size, cr.Adam(0.01))
    net, steps = training(batch_size=batch_size, every=cr.Batches(1), engine=engine, epochs=100)
    for done, step in enumerate(steps, start=1):
        line.go(done)
        np.testing.assert_array_equal(net.parameters, line.state.network.parameters)
        assert step.costs == pytest.approx([line.costs[-1]], rel=1e-14)  # of a whole epoch it is J m / m
        if done in CHANGES:
            steps.change(**CHANGES[done])
            changes = {**CHANGES[done]}
            if "batch_size" in changes:
                changes["batch_size"] = changes["batch_size"] or 50
            if "dropout" in changes:
                changes["dropout"] = tuple(np.ravel(changes["dropout"]).tolist())
            line.change(replace(line.options, **changes))
        if done == 100:
            break


@engine_names
def test_a_training_that_begins_with_all_examples_may_go_on_by_batches(engine):
    net, steps = training(engine=engine, epochs=4)
    for step in steps:
        if step.epoch == 1:
            steps.change(batch_size=16)
    by_hand, other = training(engine=engine, epochs=2)
    draws = np.random.default_rng(1)
    draws.integers(2**63)  # the key of the masks
    other.run()
    state = prepare(
        by_hand, by_hand.check_examples(X, Y), cr.Adam(0.01), batch_size=16, order=lambda epoch: orders[epoch]
    )
    orders = [draws.permutation(50) for _ in range(2)]
    state.memory = other._parts[1].memory
    ENGINES[engine].run(state, 2)
    np.testing.assert_array_equal(net.parameters, by_hand.parameters)


def test_a_change_before_the_first_step_is_an_argument():
    net, steps = training(cr.Adam(0.01))
    steps.change(optimizer=cr.Momentum(0.1), batch_size=9, l2=0.1, dropout=0.2, clip_norm=0.5)
    wanted, others = training(cr.Momentum(0.1), batch_size=9, l2=0.1, dropout=0.2, clip_norm=0.5)
    assert steps.run() == others.run()
    np.testing.assert_array_equal(net.parameters, wanted.parameters)


def test_steps_and_errors_say_the_rate_in_force():
    _, steps = training(schedule=lambda epoch: 1 / (1 + epoch))
    rates = []
    for step in steps:
        rates.append(step.learning_rate)
        if step.epoch == 4:
            steps.change(optimizer=cr.Adam(1.0))
    assert rates == pytest.approx([(0.01 if epoch < 5 else 1) / (1 + epoch) for epoch in range(10)])
    _, steps = training(epochs=100)
    next(steps)
    steps.change(optimizer=cr.GradientDescent(1e200))
    with pytest.raises(cr.DivergenceError, match=r"lower the learning rate \(it was 1e\+200\)"):
        steps.run()


@engine_names
def test_mini_batches_are_counted_by_the_sizes_that_they_had(engine):
    _, steps = training(every=cr.Batches(1), batch_size=20, epochs=3, engine=engine)
    seen = []
    for step in steps:
        seen.append((step.epoch, step.batch))
        if (step.epoch, step.batch) == (0, 1):
            steps.change(batch_size=10)
        if (step.epoch, step.batch) == (1, 3):
            steps.change(batch_size=5)
    assert seen == [(0, b) for b in range(1, 5)] + [(1, b) for b in range(1, 8)] + [(2, b) for b in range(1, 11)]


def test_an_order_of_ones_own_stays():
    asked = []
    _, steps = training(order=lambda epoch: asked.append(epoch) or np.arange(50)[::-1], epochs=4)
    for step in steps:
        steps.change(batch_size=None if step.epoch % 2 else 10)
    assert asked == [0, 1, 2, 3]


def test_patience_and_validation_see_what_has_changed():
    net, steps = training(validation=(X, Y), patience=3, epochs=1000)
    for step in steps:
        if step.epoch == 20:
            steps.change(optimizer=cr.Adam(0.0))
    assert step.epoch == 23
    assert net.cost(X, Y) == step.validation_cost


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"l2": -1}, "l2: got -1, wanted a number of 0 or more"),
        ({"batch_size": 0}, "batch_size: got 0, wanted a whole number of 1 or more"),
        ({"dropout": 1.0}, "dropout: got 1.0, wanted a share"),
        ({"clip_norm": 0}, "clip_norm: got 0, wanted a number above 0"),
        ({"optimizer": "Adam"}, "optimizer: "),
        ({"optimizer": cr.LBFGS()}, "LBFGS chooses its own steps. Begin another training with it"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(changes, message):
    net, steps = training()
    next(steps)
    with pytest.raises((ValueError, TypeError), match=message):
        steps.change(**changes)
    wanted, others = training()
    steps.run()
    others.run()
    np.testing.assert_array_equal(net.parameters, wanted.parameters)


def test_an_unknown_option_says_what_is_meant():
    _, steps = training()
    with pytest.raises(TypeError, match="learning_rate"):
        steps.change(learning_rate=0.1)
    steps.close()


def test_an_optimizer_that_the_engine_does_not_have_is_refused():
    class Mine(cr.GradientDescent):
        pass

    net, steps = training()
    if net.engine == "native":
        with pytest.raises(ValueError, match=r"the engine 'native', which has no Mine\. Begin it"):
            steps.change(optimizer=Mine(0.1))
    steps.close()
    _, steps = training(engine="numpy")
    steps.change(optimizer=Mine(0.1))
    steps.run()


def test_trainings_that_cannot_change_say_why(tmp_path):
    _, steps = training(cr.LBFGS())
    with pytest.raises(ValueError, match="cannot change: LBFGS chooses its own steps"):
        steps.change(l2=0.1)
    steps.close()
    _, steps = training(checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="cannot change: its checkpoint would not know of it"):
        steps.change(l2=0.1)
    steps.close()
    _, steps = training()
    steps.run()
    with pytest.raises(ValueError, match="cannot change: it is over"):
        steps.change(l2=0.1)
    _, steps = training()
    for _ in steps.ahead():
        with pytest.raises(ValueError, match="cannot change: it may be epochs further by now"):
            steps.change(l2=0.1)
        break
    _, steps = training(schedule=lambda epoch: steps.change(l2=0.1) or 1.0)
    with pytest.raises(ValueError, match="cannot change: it may be epochs further by now"):
        steps.run()
