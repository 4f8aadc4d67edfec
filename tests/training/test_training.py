import inspect
import itertools
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import engines
from chainrule.engines import ENGINES, reference
from chainrule.training.train import prepare
from support.contract import OPTIMIZERS, PAIRS, SCHEDULES, case, network, problem
from support.tables import shared


def small(m=12, seed=0, **options):
    """A softmax problem: net [3, 5, 2], X (3, m), Y (2, m)."""
    rng = np.random.default_rng(seed)
    X, Y = problem("cross_entropy", "softmax", 3, 2, m, rng)
    return network([3, 5, 2], options.get("hidden", "tanh"), "softmax", seed=seed), X, Y


def trained(optimizer=None, m=12, **options):
    """The costs and the parameters after a training of the small problem."""
    net, X, Y = small(m)
    steps = list(net.train(X, Y, optimizer or cr.Adam(0.05), **{"epochs": 6, **options}))
    return [step.cost for step in steps], net.parameters


def same(one, other):
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])


# -- published numbers -----------------------------------------------------------------------------------------------


def course_flower(units):
    X, Y = cr.datasets.flower()
    net = cr.Network([2, units, 1], hidden="tanh", output="sigmoid")
    r = np.random.RandomState(2)
    for l in (1, 2):
        net.W[l][...] = r.randn(*net.W[l].shape) * 0.01
    return net, X, Y


def test_the_flower_of_the_course_has_its_published_costs():
    net, X, Y = course_flower(4)
    steps = list(net.train(X, Y, cr.GradientDescent(1.2), epochs=5001, every=1000))
    assert [step.epoch for step in steps] == [0, 1000, 2000, 3000, 4000, 5000]
    published = [0.693048, 0.288083, 0.254385, 0.233864, 0.226792, 0.222644]
    np.testing.assert_allclose([step.cost for step in steps], published, atol=5.1e-7)


@pytest.mark.parametrize(("units", "accuracy"), [(1, 67.5), (2, 67.25), (3, 90.75), (4, 90.5), (5, 91.25)])
def test_the_flower_of_the_course_has_its_published_accuracies(units, accuracy):
    net, X, Y = course_flower(units)
    list(net.train(X, Y, cr.GradientDescent(1.2), epochs=5000, every=5000))
    assert 100 * ((net.forward(X) > 0.5) == Y).mean() == pytest.approx(accuracy)


def test_the_cats_of_the_course_have_their_published_numbers():
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    examples = {}
    for part in ("train", "test"):
        with h5py.File(shared(f"{part}_catvnoncat.h5")) as file:
            pixels, Y = file[f"{part}_set_x"][:], file[f"{part}_set_y"][:]
        examples[part] = pixels.reshape(len(pixels), -1).T / 255, Y.reshape(1, -1)
    net = cr.Network([12288, 1], init="zeros")
    steps = list(net.train(*examples["train"], cr.GradientDescent(0.005), epochs=2000, every=1000))
    assert steps[0].cost == pytest.approx(0.693147, abs=5.1e-7)
    accuracy = {part: 100 * ((net.forward(X) > 0.5) == Y).mean() for part, (X, Y) in examples.items()}
    assert accuracy["train"] == pytest.approx(99.04306220095694, abs=1e-10)
    assert accuracy["test"] == pytest.approx(70.0, abs=1e-10)


# -- what is yielded, and when ---------------------------------------------------------------------------------------


def test_nothing_is_trained_before_the_first_step():
    net, X, Y = small()
    before = net.parameters.copy()
    training = net.train(X, Y, cr.GradientDescent(1.0), epochs=3)
    np.testing.assert_array_equal(net.parameters, before)
    next(training)
    assert (net.parameters != before).any()


def test_wrong_arguments_are_told_at_once_without_a_first_step():
    net, X, Y = small()
    for arguments, message in (
        (("no X", Y, cr.Adam()), "X: got shape"),
        ((X, Y[0], cr.Adam()), "Y: got shape"),
        ((X, Y, cr.Adam(), {"epochs": -1}), "epochs: got -1"),
        ((X, Y, cr.Adam(), {"engine": "gpu"}), "unknown engine"),
        ((X, Y, cr.Adam(), {"resume": True}), "checkpoint: there is none"),
    ):
        *parts, options = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
        with pytest.raises(ValueError, match=message):
            net.train(*parts, **{"epochs": 3, **options})
    with pytest.raises(TypeError, match="optimizer: got 'adam'"):
        net.train(X, Y, "adam", epochs=3)


def test_run_trains_to_the_end_and_returns_the_steps_that_were_not_taken():
    net, X, Y = small()
    training = net.train(X, Y, cr.Adam(0.05), epochs=6)
    assert "6 epochs, not started" in repr(training)
    first = next(training)
    assert "started" in repr(training)
    steps = training.run()
    assert [first.epoch, *(step.epoch for step in steps)] == list(range(6))
    assert training.run() == []
    np.testing.assert_array_equal(net.parameters, trained()[1])
    other, _, _ = small()
    assert len(other.train(X, Y, cr.LBFGS(), epochs=3).run()) == 3


def test_a_training_that_is_dropped_before_it_has_begun_warns():
    net, X, Y = small()
    with pytest.warns(RuntimeWarning, match=r"training of Network\(\[3, 5, 2\].*3 epochs was never started: iterate"):
        net.train(X, Y, cr.Adam(), epochs=3)
    net.train(X, Y, cr.Adam(), epochs=3).close()  # on purpose: no warning
    next(net.train(X, Y, cr.Adam(), epochs=3))


def test_counts_may_be_numpy_numbers_and_what_is_no_number_is_named_at_once():
    net, X, Y = small()
    assert len(net.train(X, Y, cr.Adam(), epochs=np.int64(3), batch_size=np.int32(5), every=np.int64(1)).run()) == 3
    for options, message in (
        ({"epochs": None}, "epochs: got None, wanted a whole number of 1 or more"),
        ({"l2": "0.1"}, "l2: got '0.1', wanted a number of 0 or more"),
        ({"clip_norm": "1"}, "clip_norm: got '1', wanted a number above 0, or None"),
        ({"dropout": None}, "dropout: got None, wanted a share"),
        ({"dropout": "0.5"}, "dropout: got '0.5', wanted a share"),
        ({"schedule": "cosine"}, "schedule: got 'cosine', wanted a function epoch → factor"),
        ({"schedule": cr.schedules.Cosine}, "schedule: got <class .*wanted a function"),
        ({"order": np.arange(12)}, "order: got array.*wanted a function epoch → permutation"),
        ({"validation": (X,)}, r"validation: got tuple, wanted \(X, Y\) or \(X, Y, weights\)"),
        ({"checkpoint": 3}, "checkpoint: got 3, wanted the name of a file"),
        ({"checkpoint": ""}, "checkpoint: got '', wanted the name of a file"),
    ):
        with pytest.raises(ValueError, match=message):
            net.train(X, Y, cr.Adam(), **{"epochs": 3, **options})
    with pytest.raises(TypeError, match=r"optimizer: got <class .*Adam.*wanted one such as"):
        net.train(X, Y, cr.Adam, epochs=3)
    assert len(net.train(X, Y, cr.Adam(), epochs=2, dropout=np.array([0.2]), seed=0).run()) == 2


def test_a_network_that_is_normalized_after_the_training_was_made_is_an_error():
    net, X, Y = small()
    training = net.train(X, Y, cr.Adam(), epochs=3)
    net.normalize(X)
    with pytest.raises(ValueError, match=r"normalized after net\.train"):
        training.run()
    training.close()


def test_parameters_that_are_not_finite_are_named_as_the_cause():
    net, X, Y = small()
    net.b[1][0] = np.nan
    with pytest.raises(cr.DivergenceError, match="the network's parameters were not finite before it"):
        net.train(X, Y, cr.Adam(), epochs=3).run()


def test_every_option_of_train_is_visible_and_train_many_has_the_same():
    ours, many = inspect.signature(cr.Network.train).parameters, inspect.signature(cr.train_many).parameters
    assert not any(p.kind is p.VAR_KEYWORD for p in (*ours.values(), *many.values()))
    options = {name: p.default for name, p in ours.items() if p.kind is p.KEYWORD_ONLY}
    own = ("threads", "executor", "chunksize")
    assert {name: p.default for name, p in many.items() if p.kind is p.KEYWORD_ONLY and name not in own} == options


@given(st.integers(1, 30), st.integers(1, 12))
def test_steps_are_0_every_twice_every_and_the_last(epochs, every):
    net, X, Y = small()
    steps = [step.epoch for step in net.train(X, Y, cr.GradientDescent(0.1), epochs=epochs, every=every)]
    assert steps == sorted({*range(0, epochs, every), epochs - 1})


@pytest.mark.parametrize("every", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize("options", [{}, {"batch_size": 5, "seed": 1, "dropout": 0.3}])
def test_how_often_one_looks_does_not_change_the_training(every, options):
    costs, parameters = trained(epochs=8, **options)
    looked, at = [], []
    net, X, Y = small()
    for step in net.train(X, Y, cr.Adam(0.05), epochs=8, every=every, **options):
        looked.append(step.cost)
        at.append(step.epoch)
    assert looked == [costs[epoch] for epoch in at]
    np.testing.assert_array_equal(net.parameters, parameters)


def test_a_step_is_a_frozen_record_and_says_which_engine_ran():
    net, X, Y = small()
    (step,) = net.train(X, Y, cr.Adam(0.25), epochs=1, engine="numpy")
    assert step == cr.Step(0, step.cost, None, 0.25, "numpy")
    assert type(step.cost) is float
    with pytest.raises(FrozenInstanceError):
        step.cost = 0.0
    for name in ENGINES:
        assert next(net.train(X, Y, cr.Adam(), epochs=1, engine=name)).engine == name
    assert next(net.train(X, Y, cr.Adam(), epochs=1)).engine == engines.get("auto", net).name
    assert next(net.train(X, Y, cr.LBFGS(), epochs=1, engine="numpy")).engine == "numpy"


# -- the cost of an epoch --------------------------------------------------------------------------------------------


def test_the_cost_of_a_full_batch_is_that_before_the_update():
    net, X, Y = small()
    before = [net.cost(X, Y, l2=0.4)]
    for step in net.train(X, Y, cr.GradientDescent(0.3), epochs=5, l2=0.4):
        assert step.cost == pytest.approx(before[-1], rel=1e-14)
        before.append(net.cost(X, Y, l2=0.4))
    assert before == sorted(before, reverse=True)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("size", [1, 4, 5, 7, 12, 50])
def test_the_cost_of_an_epoch_is_the_mean_before_each_batchs_own_update(size, weighted):
    # 12 examples in batches of 5: 5, 5 and a short one of 2, each counted by its examples.
    net, X, Y = small()
    w = np.linspace(0.5, 2, 12) if weighted else None
    (step,) = net.train(X, Y, cr.GradientDescent(0.3), epochs=1, batch_size=size, shuffle=False, l2=0.4, weights=w)
    by_hand, _, _ = small()
    total = 0.0
    for start in range(0, 12, size):
        batch = slice(start, start + size)
        J, dW, db = by_hand.gradients(X[:, batch], Y[:, batch], l2=0.4, weights=None if w is None else w[batch])
        total += J * len(Y[0, batch])
        by_hand.parameters -= 0.3 * by_hand.pack(dW, db)
    assert step.cost == pytest.approx(total / 12, rel=1e-13)
    np.testing.assert_allclose(net.parameters, by_hand.parameters, rtol=1e-12)


def test_a_batch_whose_examples_do_not_count_is_left_out_of_the_cost():
    net, X, Y = small(m=4)
    cost = net.cost(X[:, :2], Y[:, :2])
    (step,) = net.train(X, Y, cr.GradientDescent(0.3), epochs=1, batch_size=2, shuffle=False, weights=[1, 1, 0, 0])
    assert step.cost == pytest.approx(cost, rel=1e-14)


# -- batches, order, seeds -------------------------------------------------------------------------------------------


def test_a_batch_of_all_examples_is_the_full_batch():
    full = trained()
    same(trained(batch_size=12, shuffle=False), full)
    same(trained(batch_size=1000, shuffle=False), full)
    # In another order it is the same sum, up to rounding.
    np.testing.assert_allclose(trained(batch_size=12, seed=3)[1], full[1], rtol=1e-9, atol=1e-12)


def test_stochastic_is_one_update_for_each_example():
    net, X, Y = small(m=3)
    list(net.train(X, Y, cr.GradientDescent(0.3), epochs=1, batch_size=1, shuffle=False))
    other, _, _ = small(m=3)
    for i in range(3):
        list(other.train(X[:, [i]], Y[:, [i]], cr.GradientDescent(0.3), epochs=1))
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-13)


def test_the_full_batch_is_not_shuffled():
    same(trained(seed=1), trained(seed=2))


def test_the_seed_decides_the_batches():
    one, again, other = (trained(batch_size=5, seed=seed) for seed in (1, 1, 2))
    same(one, again)
    same(one, trained(batch_size=5, seed=np.random.default_rng(1)))
    assert one[0] != other[0]
    same(trained(batch_size=5, shuffle=False, seed=1), trained(batch_size=5, shuffle=False, seed=2))


def test_every_epoch_has_an_order_of_its_own():
    net, X, Y = small()
    state = prepare(net, net.check_examples(X, Y), cr.Adam(), batch_size=5, seed=0)
    orders = [state.order(epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(12)) for order in orders)
    assert not np.array_equal(orders[0], orders[1])


def test_order_is_asked_once_an_epoch_and_obeyed():
    asked = []

    def order(epoch):
        asked.append(epoch)
        return np.roll(np.arange(12), epoch)

    _, parameters = trained(batch_size=5, order=order, epochs=4)
    assert asked == [0, 1, 2, 3]
    net, X, Y = small()
    state = cr.Adam(0.05).init(net.parameters)
    for epoch in range(4):
        rolled = np.roll(np.arange(12), epoch)
        for batch in (rolled[:5], rolled[5:10], rolled[10:]):
            gradient = net.pack(*net.gradients(X[:, batch], Y[:, batch])[1:])
            net.parameters, state = cr.Adam(0.05).step(net.parameters, gradient, state)
    np.testing.assert_allclose(parameters, net.parameters, rtol=1e-12)
    same(trained(batch_size=5, order=lambda epoch: list(range(12))), trained(batch_size=5, shuffle=False))


@pytest.mark.parametrize("wrong", [[0] * 12, range(11), range(1, 13), [0.5] * 12, "abc"])
def test_an_order_that_is_no_permutation_is_refused(wrong):
    net, X, Y = small()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=r"order\(0\): wanted a permutation of 0 … 11"):
        next(net.train(X, Y, cr.Adam(), epochs=2, batch_size=5, order=lambda epoch: wrong))
    np.testing.assert_array_equal(net.parameters, before)


# -- weights, L2, clipping, schedules, dropout -----------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_whole_weight_is_so_many_copies(pair):
    net, X, Y, _ = case("tanh", pair, 1)
    times = np.array([1, 2, 1, 3, 0, 1, 2])
    other, _, _, _ = case("tanh", pair, 1)
    weighted = list(net.train(X, Y, cr.GradientDescent(0.01), epochs=5, weights=times, l2=0.1))
    X, Y = np.repeat(X, times, axis=1), np.repeat(Y, times, axis=1)
    repeated = list(other.train(X, Y, cr.GradientDescent(0.01), epochs=5, l2=0.1))
    np.testing.assert_allclose([s.cost for s in weighted], [s.cost for s in repeated], rtol=1e-12)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-11)


@pytest.mark.parametrize("shape", [(12,), (1, 12), (12, 1)])
def test_equal_weights_are_none(shape):
    costs, parameters = trained(weights=np.full(shape, 3.0), batch_size=5, seed=0)
    plain = trained(batch_size=5, seed=0)
    np.testing.assert_allclose(costs, plain[0], rtol=1e-13)
    np.testing.assert_allclose(parameters, plain[1], rtol=1e-11)


def test_l2_shrinks_the_weights_and_not_the_biases():
    # With targets that the network already gives, the gradient is that of the L2 term: W ← (1 − αλ/m) W.
    net = network([3, 2], output="identity")
    X = np.random.default_rng(0).standard_normal((3, 4))
    W, b = net.W[1].copy(), net.b[1].copy()
    list(net.train(X, net.forward(X), cr.GradientDescent(0.1), epochs=1, l2=0.8))
    np.testing.assert_allclose(net.W[1], (1 - 0.1 * 0.8 / 4) * W, rtol=1e-13)
    np.testing.assert_allclose(net.b[1], b, rtol=1e-13)


def test_clip_norm_shortens_the_whole_gradient():
    net, X, Y = small()
    gradient = net.pack(*net.gradients(X, Y)[1:])
    before, length = net.parameters.copy(), np.linalg.norm(gradient)
    list(net.train(X, Y, cr.GradientDescent(1.0), epochs=1, clip_norm=length / 10))
    np.testing.assert_allclose(before - net.parameters, gradient / 10, rtol=1e-12, atol=1e-15)
    same(trained(clip_norm=1e9), trained())


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedules_see_the_epoch_and_scale_the_learning_rate(schedule):
    net, X, Y = small()
    by_hand, _, _ = small()
    for step in net.train(X, Y, cr.GradientDescent(0.2), epochs=6, schedule=schedule):
        assert step.learning_rate == pytest.approx(0.2 * schedule(step.epoch))
        gradient = by_hand.pack(*by_hand.gradients(X, Y)[1:])
        by_hand.parameters -= 0.2 * schedule(step.epoch) * gradient
        np.testing.assert_allclose(net.parameters, by_hand.parameters, rtol=1e-12)


def test_any_function_is_a_schedule_and_it_sees_epochs_not_batches():
    seen = []
    trained(epochs=3, batch_size=4, schedule=lambda epoch: seen.append(epoch) or 1.0)
    assert sorted(set(seen)) == [0, 1, 2]
    assert seen == sorted(seen)
    same(trained(batch_size=4, seed=0, schedule=lambda epoch: 1), trained(batch_size=4, seed=0))


def test_the_same_seed_drops_the_same_units():
    one, again, other = (trained(dropout=0.4, seed=seed) for seed in (1, 1, 2))
    same(one, again)
    assert one[0] != other[0]
    assert trained(dropout=0.0, seed=1)[0] != one[0]
    same(trained(dropout=[0.0], seed=1), trained(seed=2))


def test_dropout_is_for_training_only():
    net, X, Y = small()
    A = net.forward(X)
    (step,) = net.train(X, Y, cr.GradientDescent(0.0), epochs=1, dropout=0.5, seed=0)
    np.testing.assert_array_equal(net.forward(X), A)
    assert step.cost != net.cost(X, Y)


def test_the_mean_over_masks_is_the_network_without():
    # One hidden layer with a linear output: E[D ∗ A] = A, so the mean gradient of b[2] is the one without dropout.
    net = network([2, 40, 1], "tanh", "identity")
    X, Y = np.ones((2, 400)), np.zeros((1, 400))
    state = prepare(net, net.check_examples(X, Y), cr.GradientDescent(0.1), dropout=0.5, seed=0)
    D = reference.dropout_masks(state, 400)
    A = net.layers(X)[1][1]
    mean = (net.W[2] @ (A * D[1]) + net.b[2]).mean()
    deviation = np.sqrt(((net.W[2].T * A[:, :1]) ** 2).sum() / 400)
    assert mean == pytest.approx(net.forward(X)[0, 0], abs=4 * deviation)


# -- validation and early stopping -----------------------------------------------------------------------------------


def overfitting():
    """Noise to learn by heart: the validation cost falls a little and then rises."""
    rng = np.random.default_rng(3)
    X, V = rng.standard_normal((4, 20)), rng.standard_normal((4, 200))
    Y, U = ((A[:1] + rng.standard_normal((1, A.shape[1])) > 0) * 1.0 for A in (X, V))
    return cr.Network([4, 20, 1], hidden="tanh", seed=0), X, Y, (V, U)


def test_validation_cost_is_that_after_the_epoch_without_l2():
    net, X, Y, validation = overfitting()
    for step in net.train(X, Y, cr.Adam(0.05), epochs=5, validation=validation, l2=1.0, dropout=0.3, seed=0):
        assert step.validation_cost == pytest.approx(net.cost(*validation), rel=1e-14)


def test_a_validation_set_may_have_weights():
    net, X, Y, (V, U) = overfitting()
    w = np.arange(200)
    (step,) = net.train(X, Y, cr.Adam(0.05), epochs=1, validation=(V, U, w))
    assert step.validation_cost == pytest.approx(net.cost(V, U, weights=w), rel=1e-14)


def test_validation_alone_watches_and_changes_nothing():
    net, X, Y, validation = overfitting()
    other, *_ = overfitting()
    seen = [step.validation_cost for step in net.train(X, Y, cr.Adam(0.05), epochs=60, validation=validation)]
    list(other.train(X, Y, cr.Adam(0.05), epochs=60))
    np.testing.assert_array_equal(net.parameters, other.parameters)
    assert min(seen) < seen[-1]


@pytest.mark.parametrize("every", [1, 7, 1000])
@pytest.mark.parametrize("patience", [1, 5, 10])
def test_patience_stops_after_so_many_epochs_and_brings_the_best_back(patience, every):
    net, X, Y, validation = overfitting()
    costs = [step.validation_cost for step in net.train(X, Y, cr.Adam(0.05), epochs=60, validation=validation)]
    best = next(epoch for epoch in range(60) if all(c >= costs[epoch] for c in costs[epoch + 1 : epoch + 1 + patience]))
    net, *_ = overfitting()
    options = {"validation": validation, "patience": patience, "every": every}
    steps = list(net.train(X, Y, cr.Adam(0.05), epochs=60, **options))
    assert steps[-1].epoch == best + patience
    assert [step.epoch for step in steps] == sorted({*range(0, best + patience + 1, every), best + patience})
    assert net.cost(*validation) == costs[best] == min(costs[: best + patience + 1])


def test_the_best_comes_back_however_the_training_ends():
    net, X, Y, validation = overfitting()
    options = {"epochs": 60, "validation": validation, "patience": 1000}
    costs = [step.validation_cost for step in net.train(X, Y, cr.Adam(0.05), **options)]  # by the last epoch
    assert net.cost(*validation) == min(costs)
    net, *_ = overfitting()
    steps = net.train(X, Y, cr.Adam(0.05), **options)  # by closing
    seen = [step.validation_cost for step in itertools.islice(steps, 40)]
    steps.close()
    assert net.cost(*validation) == min(seen) < seen[-1]


def test_patience_works_with_lbfgs():
    net, X, Y, validation = overfitting()
    steps = list(net.train(X, Y, cr.LBFGS(), epochs=100, validation=validation, patience=3))
    assert steps[-1].epoch < 99
    assert net.cost(*validation) == min(step.validation_cost for step in steps)


# -- when it goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", [1, 1000])
def test_divergence_names_epoch_and_cause_and_keeps_the_last_finite_parameters(every):
    net = network([1, 1], output="identity")
    X, Y = np.array([[10.0, 20.0]]), np.array([[1.0, 2.0]])
    seen = []
    with pytest.raises(cr.DivergenceError, match=r"epoch \d+: .* keeps its last finite parameters") as caught:
        seen.extend(net.train(X, Y, cr.GradientDescent(1.0), epochs=1000, every=every))
    assert np.isfinite(net.parameters).all()
    assert np.abs(net.parameters).max() > 1e100
    # W grows by 1 − α Σx²/m = −249 an epoch; J squares it, and 249^2k passes 1.8e308 at k = 64.
    assert 60 < int(str(caught.value).split()[1].strip(":")) < 68
    assert "lower the learning rate (it was 1)" in str(caught.value)
    assert "clip_norm" in str(caught.value)
    assert issubclass(cr.DivergenceError, ArithmeticError)


def test_divergence_in_the_first_epoch_says_so():
    net = network([1, 1], output="exp")
    before = net.parameters.copy()
    with pytest.raises(cr.DivergenceError, match=r"epoch 0: the cost is (inf|nan); the cost overflowed before"):
        list(net.train(np.array([[1e4]]), np.array([[1.0]]), cr.Adam(), epochs=3))
    np.testing.assert_array_equal(net.parameters, before)


def test_a_validation_cost_that_overflows_is_infinite_and_no_warning():
    net = cr.Network([1, 1], output="exp", init="zeros")
    net.W[1] = 1.0
    (step,) = net.train(
        np.array([[1.0]]), np.array([[1.0]]), cr.Adam(), epochs=1, validation=(np.array([[1e4]]), np.array([[1.0]]))
    )
    assert step.validation_cost == np.inf


def test_closing_between_epochs_leaves_the_network_usable():
    net, X, Y = small()
    steps = net.train(X, Y, cr.Adam(0.05), epochs=1000)
    for _ in range(3):
        next(steps)
    steps.close()
    np.testing.assert_array_equal(net.parameters, trained(epochs=3)[1])
    assert len(list(net.train(X, Y, cr.Adam(0.05), epochs=2))) == 2


@pytest.mark.parametrize("every", [1, 100])
def test_ctrl_c_in_the_middle_leaves_the_last_whole_epoch(every):
    def order(epoch):
        if epoch == 4:
            raise KeyboardInterrupt
        return np.arange(12)

    net, X, Y = small()
    with pytest.raises(KeyboardInterrupt):
        list(net.train(X, Y, cr.Adam(0.05), epochs=100, every=every, batch_size=5, order=order))
    np.testing.assert_array_equal(net.parameters, trained(epochs=4, batch_size=5, shuffle=False)[1])


def test_ctrl_c_with_patience_brings_the_best_back():
    net, X, Y, validation = overfitting()

    def order(epoch):
        if epoch == 40:
            raise KeyboardInterrupt
        return np.arange(20)

    seen = []
    options = {"epochs": 100, "order": order, "validation": validation, "patience": 1000}
    with pytest.raises(KeyboardInterrupt):
        seen.extend(step.validation_cost for step in net.train(X, Y, cr.Adam(0.05), **options))
    assert net.cost(*validation) < 0.99 * cr.Network([4, 20, 1], hidden="tanh", seed=0).cost(*validation)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs: got 0, wanted a whole number of 1 or more"),
        ({"epochs": 2.5}, "epochs: got 2.5"),
        ({"epochs": "3"}, "epochs: got '3'"),
        ({"epochs": float("nan")}, "epochs: got nan"),
        ({"every": 0}, "every: got 0"),
        ({"batch_size": 0}, "batch_size: got 0"),
        ({"batch_size": 2.0}, "batch_size: got 2.0, wanted a whole number"),
        ({"batch_size": -1}, "batch_size: got -1"),
        ({"patience": 0, "validation": 1}, "patience: got 0"),
        ({"patience": 3}, r"patience: there is nothing to watch; give validation=\(X, Y\)"),
        ({"l2": -0.1}, "l2: got -0.1, wanted a number of 0 or more"),
        ({"l2": float("nan")}, "l2: got nan"),
        ({"dropout": 1.0}, r"dropout: got 1.0, wanted a share from 0 up to 1 \(not included\)"),
        ({"dropout": -0.1}, "dropout: got -0.1"),
        ({"dropout": [0.1, 0.1]}, r"dropout: got \[0.1, 0.1\], .* one or 1 of them"),
        ({"clip_norm": 0}, "clip_norm: got 0, wanted a number above 0, or None"),
        ({"clip_norm": float("nan")}, "clip_norm: got nan"),
        ({"weights": np.ones(3)}, "weights: wanted 12 finite numbers"),
        ({"engine": "cuda"}, "unknown engine 'cuda'"),
        ({"validation": (np.ones((2, 3)), np.ones((2, 3)))}, "X: got shape"),
        ({"schedule": lambda epoch: -1.0}, "learning_rate: got -0.05"),
    ],
)
def test_options_that_make_no_sense_are_explained_before_anything_changes(options, message):
    net, X, Y = small()
    before = net.parameters.copy()
    with pytest.raises(ValueError, match=message):
        next(net.train(X, Y, cr.Adam(0.05), **{"epochs": 3, **options}))
    np.testing.assert_array_equal(net.parameters, before)


def test_an_optimizer_that_is_none_and_an_unknown_option_are_explained():
    net, X, Y = small()
    with pytest.raises(TypeError, match=r"optimizer: got 'adam', wanted one such as chainrule\.Adam\(0\.001\)"):
        next(net.train(X, Y, "adam", epochs=1))
    with pytest.raises(TypeError, match="epoch"):
        next(net.train(X, Y, cr.Adam(), epoch=1))


# -- every optimizer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "batch_size"),
    [*itertools.product(OPTIMIZERS, [None, 5]), (cr.LBFGS(), None)],
    ids=str,
)
def test_every_optimizer_reduces_the_cost(optimizer, batch_size):
    net, X, _ = small()
    Y = np.eye(2)[:, (X[0] > 0).astype(int)]
    steps = list(net.train(X, Y, optimizer, epochs=60, batch_size=batch_size, seed=0))
    assert steps[-1].cost < 0.5 * steps[0].cost
    assert net.cost(X, Y) < 0.5 * steps[0].cost


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer_takes_in_training_the_steps_it_takes_alone(optimizer):
    net, X, Y = small()
    list(net.train(X, Y, optimizer, epochs=4))
    other, _, _ = small()
    state = optimizer.init(other.parameters)
    for _ in range(4):
        other.parameters, state = optimizer.step(other.parameters, other.pack(*other.gradients(X, Y)[1:]), state)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-13)


# -- L-BFGS ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_lbfgs_is_scipys(weighted, no_thread_left):
    from scipy.optimize import minimize

    net, X, Y = small()
    w = np.arange(1.0, 13) if weighted else None
    start, path = net.parameters.copy(), []
    for step in net.train(X, Y, cr.LBFGS(), epochs=15, l2=0.1, weights=w):
        path.append((step.epoch, step.cost, net.parameters.copy()))
        assert step.learning_rate is None

    other, _, _ = small()
    its_path = []

    def cost(parameters):
        other.parameters = parameters
        J, dW, db = other.gradients(X, Y, l2=0.1, weights=w)
        return J, other.pack(dW, db)

    options = {"maxiter": 15, "gtol": 1e-5, "maxcor": 10}
    minimize(cost, start, jac=True, method="L-BFGS-B", callback=lambda x: its_path.append(x.copy()), options=options)
    assert [epoch for epoch, _, _ in path] == list(range(len(its_path)))
    for (_, _, ours), theirs in zip(path, its_path, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    # The cost of an epoch is that before its update, as everywhere.
    before = [cost(x)[0] for x in [start, *its_path[:-1]]]
    np.testing.assert_allclose([c for _, c, _ in path], before, rtol=1e-12)


def test_lbfgs_reports_every_and_the_last(no_thread_left):
    net, X, Y = small()
    all_steps = list(net.train(X, Y, cr.LBFGS(), epochs=1000, l2=0.1))
    last = all_steps[-1].epoch
    assert 5 < last < 999  # it came to its end
    net, X, Y = small()
    steps = list(net.train(X, Y, cr.LBFGS(), epochs=1000, l2=0.1, every=4))
    assert steps == [all_steps[epoch] for epoch in sorted({*range(0, last + 1, 4), last})]
    assert np.abs(net.pack(*net.gradients(X, Y, l2=0.1)[1:])).max() < 1e-4


def test_closing_lbfgs_early_stops_its_thread_and_keeps_the_iterate(no_thread_left):
    net, X, Y = small()
    steps = net.train(X, Y, cr.LBFGS(), epochs=1000)
    for _ in range(3):
        step = next(steps)
    kept = net.parameters.copy()
    steps.close()
    np.testing.assert_array_equal(net.parameters, kept)
    assert net.cost(X, Y) < step.cost


def test_a_training_by_lbfgs_that_is_dropped_stops_its_thread(no_thread_left):
    net, X, Y = small()
    next(net.train(X, Y, cr.LBFGS(), epochs=1000))


def test_lbfgs_at_a_minimum_yields_its_one_epoch(no_thread_left):
    net = cr.Network([2, 1], output="identity", init="zeros")
    steps = list(net.train(np.ones((2, 3)), np.zeros((1, 3)), cr.LBFGS(), epochs=10))
    assert steps == [cr.Step(0, 0.0, None, None, engines.get("auto", net).name)]


def test_lbfgs_that_diverges_says_so_and_keeps_the_parameters(no_thread_left):
    net = network([1, 1], output="exp")
    net.W[1] = 1.0
    before = net.parameters.copy()
    with pytest.raises(cr.DivergenceError, match="epoch 0"):
        list(net.train(np.array([[1e4]]), np.array([[1.0]]), cr.LBFGS(), epochs=10))
    np.testing.assert_array_equal(net.parameters, before)


def test_an_error_inside_lbfgs_reaches_the_caller(no_thread_left, monkeypatch):
    net, X, Y = small()

    def broken(*args, **options):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(reference, "cost_and_gradient", broken)
    with pytest.raises(RuntimeError, match="broken on purpose"):
        list(net.train(X, Y, cr.LBFGS(), epochs=10, engine="numpy"))


def test_lbfgs_trains_float32_networks(no_thread_left):
    rng = np.random.default_rng(0)
    X, Y = problem("cross_entropy", "softmax", 3, 2, 12, rng)
    net = cr.Network([3, 4, 2], output="softmax", seed=0, dtype=np.float32)
    steps = list(net.train(X, Y, cr.LBFGS(), epochs=20, l2=0.1))
    assert net.parameters.dtype == np.float32
    assert steps[-1].cost < 0.8 * steps[0].cost


@pytest.mark.parametrize(
    "option",
    [
        {"batch_size": 4},
        {"schedule": lambda e: 1.0},
        {"clip_norm": 1.0},
        {"dropout": 0.5},
        {"order": lambda e: range(12)},
    ],
    ids=lambda o: next(iter(o)),
)
def test_lbfgs_refuses_what_it_would_ignore(option):
    net, X, Y = small()
    with pytest.raises(ValueError, match=f"LBFGS takes the full batch .* leave out {next(iter(option))}"):
        next(net.train(X, Y, cr.LBFGS(), epochs=10, **option))
    with pytest.raises(ValueError, match="l2: got -1"):
        next(net.train(X, Y, cr.LBFGS(), epochs=10, l2=-1))


@pytest.mark.parametrize("engine", ["auto", "numpy"])
def test_the_cost_of_a_step_is_the_mean_of_J_over_its_batches_by_their_examples(engine):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(3, 10)), rng.normal(size=(2, 10))
    w = np.array([1, 2, 3, 4, 0, 0, 0, 0, 5, 6.0])  # the second batch counts for nothing
    net = cr.Network([3, 4, 2], output="identity", seed=0)
    (step,) = net.train(
        X, Y, cr.GradientDescent(0.0), epochs=1, batch_size=4, shuffle=False, l2=0.3, weights=w, engine=engine
    )
    batches = [(slice(0, 4), 4), (slice(8, 10), 2)]
    expected = sum(size * net.cost(X[:, part], Y[:, part], 0.3, w[part]) for part, size in batches) / 6
    assert step.cost == pytest.approx(expected, rel=1e-12)
    assert step.cost != pytest.approx(net.cost(X, Y, 0.3, w), rel=1e-3), "J of all examples is another number"
    (whole,) = net.train(X, Y, cr.GradientDescent(0.1), epochs=1, l2=0.3, weights=w, engine=engine)
    before = cr.Network([3, 4, 2], output="identity", seed=0)
    assert whole.cost == pytest.approx(before.cost(X, Y, 0.3, w), rel=1e-12)
