"""Reports within an epoch: `every=Batches(k)`."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines import ENGINES

engine_names = pytest.mark.parametrize("engine", ENGINES)
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(3, 70)), (rng.random((1, 70)) > 0.5) * 1.0


def training(every, epochs=4, engine="auto", optimizer=None, **options):
    net = cr.Network([3, 5, 1], seed=0)
    options = {"batch_size": 16, "dropout": 0.1, "seed": 3, "validation": (X, Y), **options}
    return net, net.train(X, Y, optimizer or cr.Adam(), epochs=epochs, every=every, engine=engine, **options)


@engine_names
def test_each_epoch_is_reported_in_parts_and_trained_as_ever(engine):
    net, steps = training(cr.Batches(2), engine=engine)
    whole, epochs = training(1, engine=engine)
    steps, epochs = steps.run(), epochs.run()
    np.testing.assert_array_equal(net.parameters, whole.parameters)
    assert [(step.epoch, step.batch) for step in steps] == [(e, b) for e in range(4) for b in (2, 4, 5)]
    assert [len(step.costs) for step in steps] == [2, 2, 1] * 4
    for epoch, ended in zip(epochs, steps[2::3], strict=True):
        assert (ended.epoch, ended.cost, ended.validation_cost) == (epoch.epoch, epoch.cost, epoch.validation_cost)
        assert (epoch.batch, epoch.costs) == (None, ())
        Js = [J for step in steps if step.epoch == epoch.epoch for J in step.costs]
        assert np.dot(Js, [16, 16, 16, 16, 6]) / 70 == pytest.approx(epoch.cost, rel=1e-6)


@engine_names
def test_between_two_reports_the_network_is_that_of_the_mini_batches_so_far(engine):
    order = np.arange(70)
    net, steps = training(cr.Batches(1), engine=engine, dropout=0.0, order=lambda epoch: order, validation=None)
    before = net.cost(X[:, :16], Y[:, :16])
    for i, step in zip(range(4), steps, strict=False):
        assert step.costs == (pytest.approx(before, rel=1e-5),)
        batch = slice(16 * (i + 1), 16 * (i + 2))
        before = net.cost(X[:, batch], Y[:, batch])


@engine_names
@pytest.mark.parametrize("left_at", [1, 2, 3, 7])
def test_a_training_that_is_left_within_an_epoch_goes_on_there(tmp_path, engine, left_at):
    options = {"engine": engine, "checkpoint": tmp_path / "c", "resume": True, "order": lambda epoch: shuffled[epoch]}
    shuffled = [np.random.default_rng(epoch).permutation(70) for epoch in range(4)]
    if left_at % 2:
        del options["order"]
    _, steps = training(cr.Batches(2), **options)
    for _, _ in zip(range(left_at), steps, strict=False):
        pass
    steps.close()
    resumed, steps = training(cr.Batches(2), **options)
    net, whole = training(cr.Batches(2), **{k: v for k, v in options.items() if k not in ("checkpoint", "resume")})
    assert steps.run() == whole.run()
    np.testing.assert_array_equal(resumed.parameters, net.parameters)


def test_a_checkpoint_within_an_epoch_is_of_more_than_the_epochs_before_it(tmp_path):
    _, steps = training(cr.Batches(2), checkpoint=tmp_path / "c")
    for _ in range(4):
        next(steps)
    steps.close()
    with pytest.raises(cr.CheckpointError, match="holds 1 epochs and a part of one, and 1 are asked for; ask for 2"):
        training(cr.Batches(2), epochs=1, checkpoint=tmp_path / "c", resume=True)


def test_patience_counts_epochs():
    net, steps = training(cr.Batches(2), epochs=200, patience=3, optimizer=cr.Adam(0.1))
    whole, epochs = training(1, epochs=200, patience=3, optimizer=cr.Adam(0.1))
    steps, epochs = steps.run(), epochs.run()
    assert steps[-1].epoch == epochs[-1].epoch < 199
    np.testing.assert_array_equal(net.parameters, whole.parameters)


@engine_names
def test_divergence_within_an_epoch_names_it_and_leaves_the_last_report(engine):
    net, steps = training(cr.Batches(1), engine=engine, optimizer=cr.GradientDescent(1e30))
    seen = []
    with pytest.raises(cr.DivergenceError, match="epoch 1: the cost is nan; the steps went too far"):
        seen.extend((step.epoch, step.batch, net.parameters.copy()) for step in steps)
    assert (0, 5) < seen[-1][:2] < (1, 5)
    np.testing.assert_array_equal(net.parameters, seen[-1][2])


def test_many_trainings_report_in_parts():
    nets = [cr.Network([3, 5, 1], seed=seed) for seed in range(3)]
    runs = cr.train_many(nets, X, Y, cr.Adam(), epochs=2, batch_size=16, seed=0, every=cr.Batches(3))
    assert [[step.batch for step in run] for run in runs] == [[3, 5, 3, 5]] * 3


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", None])
def test_a_part_is_a_whole_number_of_mini_batches(count):
    with pytest.raises(ValueError, match=r"count: got .*, wanted a whole number of 1 or more"):
        cr.Batches(count)


def test_lbfgs_has_no_mini_batches():
    with pytest.raises(ValueError, match="leave out every=Batches"):
        cr.Network([3, 1], seed=0).train(X, Y, cr.LBFGS(), epochs=1, every=cr.Batches(1))
