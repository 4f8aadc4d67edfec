"""Orders of the examples: to the bit those that NumPy draws, one or many at a time, and many epochs in one call."""

import copy
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.random import MT19937, PCG64, PCG64DXSM, SFC64, Generator, Philox, RandomState
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule import MLPClassifier
from chainrule.engines import ENGINES, draws, kernel
from chainrule.engines.draws import rng_state
from chainrule.engines.state import EpochOrder
from chainrule.training.train import prepare
from support.contract import network, problem

pytestmark = pytest.mark.skipif(not kernel.BUILT, reason="the kernel draws")

KINDS = [PCG64, PCG64DXSM, MT19937, Philox, SFC64]
MAKERS = [Generator, RandomState]


def same_state(a, b):
    assert repr(rng_state(a)) == repr(rng_state(b))
    np.testing.assert_array_equal(a.bytes(3000), b.bytes(3000))  # MT19937's words are not all in its repr


def by_numpy(rng, before, m, count):
    orders = draws._by_numpy(rng, before, m)
    return np.array([next(orders) for _ in range(count)])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_orders_are_those_of_numpy_to_the_bit(kind, make):
    for seed, m in [*((seed, m) for seed in range(2) for m in (1, 2, 3, 4, 5, 8, 9, 100, 257)), (0, 65537), (0, 70000)]:
        ours, theirs = (make(kind(seed)) for _ in range(2))
        for rng in (ours, theirs):
            rng.standard_normal(seed)  # RandomState keeps the second one
            if make is Generator:
                rng.random(dtype=np.float32)  # one half of 64 bits is kept
        before = None if seed == 0 else np.arange(m)[::-1].copy()
        out = np.empty((2, m), np.int64)
        assert draws.bit_generator(ours) is not None
        draws.draw(ours, before, out)
        np.testing.assert_array_equal(out, by_numpy(theirs, before, m, 2))
        same_state(ours, theirs)


def test_orders_of_other_generators_are_drawn_by_numpy():
    class Mine(Generator):
        pass

    class Bits(PCG64):
        pass

    for rng in (Mine(PCG64(0)), Generator(Bits(0))):
        assert draws.bit_generator(rng) is None
        order = EpochOrder(rng, 5)
        orders = [order.orders(epoch, 3) for epoch in range(2)]
        wanted = np.random.default_rng(0)
        np.testing.assert_array_equal(orders, [[wanted.permutation(5)], [wanted.permutation(5)]])


def test_a_numpy_that_draws_otherwise_is_noticed(monkeypatch):
    def draw_orders(bit_generator, chained, before, out):
        out[...] = np.arange(out.shape[1])

    draws._as_numpy.cache_clear()
    assert draws._as_numpy()
    draws._as_numpy.cache_clear()
    monkeypatch.setattr(kernel, "module", lambda: SimpleNamespace(draw_orders=draw_orders))
    assert not draws._as_numpy()
    out, rng = np.empty((1, 9), np.int64), np.random.default_rng(0)
    draws.draw(rng, None, out)
    np.testing.assert_array_equal(out[0], np.random.default_rng(0).permutation(9))
    draws._as_numpy.cache_clear()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("kind", KINDS)
def test_orders_that_were_drawn_ahead_are_taken_back(kind, make):
    m = 400
    for done in range(5):
        ours, theirs = make(kind(3)), make(kind(3))
        ahead, one = EpochOrder(ours, m, resumable=True), EpochOrder(theirs, m, resumable=True)
        wanted = [one(epoch).copy() for epoch in range(2 + done + 1)]
        ahead(0)
        ahead(1)
        rows = ahead.orders(2, 5)
        assert rows.shape == (5, m)
        np.testing.assert_array_equal(rows[: done + 1], wanted[2:])
        ahead.rewind(2 + done)
        np.testing.assert_array_equal(ahead(2 + done), wanted[-1])
        mine, other = ahead.state_dict(2 + done), one.state_dict(2 + done)
        np.testing.assert_array_equal(mine["order"], other["order"])
        assert repr(mine["random"]) == repr(other["random"])
        same_state(copy.deepcopy(ours), copy.deepcopy(theirs))
        again = EpochOrder(make(kind(9)), m)
        again.load_state_dict(mine)
        np.testing.assert_array_equal(again.orders(2 + done, 2)[0], wanted[-1])
        np.testing.assert_array_equal(ahead(3 + done), one(3 + done))


def test_a_saved_order_that_is_no_permutation_is_refused():
    order = EpochOrder(RandomState(0), 3)
    for wrong in (np.array([0, 0, 1]), np.arange(4), np.zeros((3, 1))):
        with pytest.raises(ValueError, match="no permutation"):
            order.load_state_dict({"order": wrong, "random": rng_state(RandomState(0))})


# -- many epochs in one call -------------------------------------------------------------------------------------------

X, Y = problem("cross_entropy", "softmax", 3, 2, 40, np.random.default_rng(0))


def state_of(rng, optimizer=None):
    net = network([3, 6, 2], "tanh", "identity", "half_squared_error")
    return net, prepare(net, net.check_examples(X, Y), optimizer or cr.Adam(0.1), batch_size=7, seed=rng)


def test_many_epochs_are_one_call_of_the_kernel_with_a_row_of_order_each():
    one_by_one, together = np.random.default_rng(5), np.random.default_rng(5)
    net, state = state_of(one_by_one)
    costs = []
    for _ in range(50):
        ENGINES["native"].run(state, 1, costs)
    other, state = state_of(together)
    asked, draw = [], state.order.orders
    state.order.orders = lambda first, count: asked.append((first, count)) or draw(first, count)
    assert ENGINES["native"].run(state, 50) == costs
    assert asked == [(0, 50)]
    np.testing.assert_array_equal(other.parameters, net.parameters)
    same_state(one_by_one, together)


def test_after_a_divergence_the_random_state_is_that_of_the_epoch_at_hand():
    one_by_one, together = np.random.default_rng(5), np.random.default_rng(5)
    _, state = state_of(one_by_one, cr.HeavyBall(1e30))
    costs = [0.0]
    while np.isfinite(costs[-1]):
        ENGINES["native"].run(state, 1, costs)
    _, state = state_of(together, cr.HeavyBall(1e30))
    assert ENGINES["native"].run(state, 50, [0.0]) == costs
    assert 0 < state.epoch == len(costs) - 2
    same_state(one_by_one, together)


@pytest.mark.parametrize("batch_size", [7, None])
@pytest.mark.parametrize("wrap", [lambda own: own, lambda own: cr.schedules.WarmUp(2, then=own)])
def test_a_schedule_of_the_users_own_is_asked_when_its_epoch_begins(wrap, batch_size):
    seen = {engine: [] for engine in ENGINES}
    for engine, asked in seen.items():
        net = network([3, 6, 2], "tanh", "identity", "half_squared_error")

        def own(epoch, net=net, asked=asked):
            asked.append((epoch, net.parameters.copy()))
            if len(asked) == 7:
                raise RuntimeError("no more")
            return 1.0

        training = net.train(X, Y, cr.Adam(0.1), epochs=9, batch_size=batch_size, every=4, schedule=wrap(own), seed=0,
                             engine=engine)  # fmt: skip
        with pytest.raises(RuntimeError, match="no more"):
            training.run()
        np.testing.assert_array_equal(net.parameters, asked[-1][1])
    assert [epoch for epoch, _ in seen["native"]] == [epoch for epoch, _ in seen["numpy"]]
    for (_, ours), (_, reference) in zip(*seen.values(), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-3, atol=1e-4)


def test_a_schedule_of_ours_lets_many_epochs_go_in_one_call(monkeypatch):
    engine, calls = ENGINES["native"], []
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda state, epochs, costs: calls.append(epochs) or run(state, epochs, costs))
    for schedule in (None, cr.schedules.Cosine(20), cr.schedules.WarmUp(3, then=cr.schedules.StepDecay(5))):
        net = network([3, 6, 2], "tanh", "identity", "half_squared_error")
        net.train(X, Y, cr.Adam(0.1), epochs=20, batch_size=7, schedule=schedule, seed=0).run()
    assert calls == [20, 20, 20]


def fitted(rng, **options):
    model = MLPClassifier((5,), batch_size=7, random_state=rng, learning_rate_init=0.01, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X.T, Y.argmax(axis=0))


@pytest.mark.parametrize(
    "options",
    [
        {"max_iter": 23},
        {"tol": 1e-2},
        {"tol": 1e-2, "schedule": "cosine", "max_iter": 60},
        {"tol": 1e-2, "solver": "sgd", "learning_rate": "adaptive"},
        {"tol": 1e-2, "n_iter_no_change": 1},
        {"shuffle": False, "tol": 1e-2},
        {"dropout": 0.2, "tol": 1e-2},
    ],
    ids=str,
)
def test_a_fit_is_the_same_whether_its_epochs_come_one_by_one_or_not(options, monkeypatch, capsys):
    engine, calls = ENGINES["native"], []
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda state, epochs, costs: calls.append(epochs) or run(state, epochs, costs))
    rng, other = RandomState(4), RandomState(4)
    together = fitted(rng, **options)
    assert len(calls) < together.n_iter_ or together.n_iter_no_change == 1
    del calls[:]
    alone = fitted(other, **options, verbose=True)
    assert calls == [1] * alone.n_iter_
    for name in ("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "history_", "_no_improvement_count"):
        assert getattr(together, name) == getattr(alone, name)
    np.testing.assert_array_equal(together.network_.parameters, alone.network_.parameters)
    same_state(rng, other)


def test_a_fit_that_is_interrupted_keeps_the_epochs_that_are_done(monkeypatch):
    engine, run = ENGINES["native"], ENGINES["native"].run

    def interrupted(state, epochs, costs):
        run(state, 4 if state.epoch else epochs, costs)
        if state.epoch > epochs:
            raise KeyboardInterrupt

    whole = fitted(RandomState(4), max_iter=15)
    monkeypatch.setattr(engine, "run", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = fitted(RandomState(4), max_iter=200)
    assert model.n_iter_ == len(model.loss_curve_) == len(model.history_["cost"]) == 15
    assert model.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(model.network_.parameters, whole.network_.parameters)


def test_a_fit_draws_from_the_global_state_as_from_any_other():
    np.random.seed(3)
    fitted(None, max_iter=13)
    drawn, rng = np.random.random(4), RandomState(3)
    fitted(rng, max_iter=13)
    np.testing.assert_array_equal(drawn, rng.random_sample(4))
