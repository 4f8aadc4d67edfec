"""The engine "jax" against the reference: the same numbers up to rounding, the same bits in whatever parts they come.

Tests share designs where they can: a program of JAX takes a second to compile.
"""

import logging
import sys
import warnings
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule import activations, engines
from chainrule.engines import ENGINES, interrupts
from chainrule.network import Network
from chainrule.training.train import prepare
from support.contract import HIDDEN, OPTIMIZERS, PAIRS, network, problem, twin
from support.rounding import GROWTH, UNIT, gradient_and_bound, step_and_bound

jax = pytest.importorskip("jax", reason="the extra is not installed: pip install chainrule[jax]")

from chainrule.engines.jax import ENGINE, dispatch, feed, philox  # noqa: E402


def wide(A):
    """The same numbers in float64."""
    return None if A is None else A.astype(np.float64)


def examples(m=70, seed=0):
    return problem("cross_entropy", "softmax", 3, 2, m, np.random.default_rng(seed))


def state_of(optimizer=None, m=70, weights=None, dtype=np.float64, **options):
    """A training of 70 examples in mini-batches of 16, so that the last one is short."""
    net = Network([3, 6, 2], hidden="tanh", output="softmax", seed=0, dtype=dtype)
    checked = net.check_examples(*examples(m), weights)
    return prepare(net, checked, optimizer or cr.Adam(0.05), **{"batch_size": 16, "seed": 4, **options})


def assert_same(state, other, exactly=True):
    same = np.testing.assert_array_equal if exactly else assert_close
    same(state.network.parameters, other.network.parameters)
    for slot, slot_of_other in zip(state.memory.slots, other.memory.slots, strict=True):
        same(slot, slot_of_other)
        assert type(slot) is type(slot_of_other)
    assert (state.epoch, state.example, state.memory.batches) == (other.epoch, other.example, other.memory.batches)
    same(state.cost, other.cost)


def assert_close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("dtype", "optimizer"), [(np.float32, OPTIMIZERS[5]), (np.float64, OPTIMIZERS[7])], ids=str)
def test_the_first_step_and_200_stay_within_the_bounds_of_rounding(dtype, optimizer):
    rng, steps = np.random.default_rng(1), 200
    optimizer = replace(optimizer, learning_rate=0.001, epsilon=0.1)
    net = Network([13, 16, 9, 3], hidden="silu", output="softmax", init="xavier", seed=1, dtype=dtype)
    X, Y, w = net.check_examples(*problem("cross_entropy", "softmax", 13, 3, 33, rng), rng.uniform(0.2, 3, 33))
    u = UNIT[net.dtype] + UNIT[np.dtype(np.float64)]
    start, other = net.parameters.copy(), twin(net)
    J, gradient, error = gradient_and_bound(other, wide(X), wide(Y), wide(w), 0.3, u)
    first, bound = step_and_bound(other, optimizer, gradient, error, u)
    state = prepare(net, (X, Y, w), optimizer, l2=0.3)
    (cost,) = ENGINE.run(state, 1)
    assert cost == pytest.approx(J, rel=1e4 * u)
    assert (abs(net.parameters - first) <= bound).all()
    ENGINE.run(state, steps - 1)
    ENGINES["numpy"].run(prepare(other, (wide(X), wide(Y), wide(w)), optimizer, l2=0.3), steps)
    moved, step = (np.linalg.norm(parameters - start) for parameters in (other.parameters, first))
    allowed = GROWTH * np.linalg.norm(bound) * max(steps, moved / step)
    assert np.linalg.norm(net.parameters - other.parameters) <= allowed
    assert net.parameters.dtype == state.memory.slots[0].dtype == dtype


# Each loss with one or two hidden activations, of which each has its turn.
TABLES = [([HIDDEN[i % len(HIDDEN)], HIDDEN[-1 - i]], pair) for i, pair in enumerate(PAIRS)]


@pytest.mark.parametrize(("hidden", "pair"), TABLES, ids=str)
def test_every_activation_and_every_loss_is_traced(hidden, pair):
    loss, output = pair
    assert {name for pair_of_them, _ in TABLES for name in pair_of_them} == set(HIDDEN)
    rng = np.random.default_rng(2)
    net = network([3, 4, 5, 2], hidden, output, loss)
    X, Y, w = net.check_examples(*problem(loss, output, 3, 2, 7, rng), rng.uniform(0.2, 3, 7))
    wanted = ENGINES["numpy"].objective(net, X, Y, w, 0.1)(net.parameters)
    got = ENGINE.objective(net, sp.csr_array(X), Y, w, 0.1)(net.parameters)
    assert got[0] == pytest.approx(wanted[0], rel=1e-13)
    np.testing.assert_allclose(got[1], wanted[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer_is_traced_with_its_learning_rate(optimizer):
    states = []
    for engine in (ENGINE, ENGINES["numpy"]):
        net = Network([2, 1], seed=0)
        X, Y = np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 3.0]]), np.array([[0.0, 1.0, 1.0]])
        state = prepare(net, net.check_examples(X, Y), optimizer, schedule=cr.schedules.Cosine(4))
        engine.run(state, 3)
        states.append(state)
    assert_same(*states, exactly=False)


STATES = {
    "dropout, L2, a clipped gradient": {"dropout": 0.3, "l2": 0.1, "clip_norm": 0.1},
    "batches that do not count": {
        "weights": np.repeat([0.0, 1.0, 0.0, 2.0, 1.0], [16, 5, 20, 20, 9]),
        "shuffle": False,
    },
}


@pytest.mark.parametrize("options", STATES.values(), ids=STATES)
def test_epochs_and_steps_have_the_same_bits_and_are_those_of_the_reference(options):
    whole, parts, both, other = (state_of(**options) for _ in range(4))
    costs = ENGINE.run(whole, 4)
    in_parts, Js = [], []
    while parts.epoch < 4:
        epoch = parts.epoch
        Js += ENGINE.steps(parts, 2)
        in_parts += [parts.cost] if parts.epoch > epoch else []
    ENGINE.steps(both, 3)
    ENGINE.run(both, 1)
    ENGINE.run(both, 3)
    assert in_parts == costs
    assert_same(parts, whole)
    assert_same(both, whole)
    wanted = []
    while other.epoch < 4:
        wanted += ENGINES["numpy"].steps(other, 5)
    assert_close(Js, wanted)
    assert_same(whole, other, exactly=False)


def test_settings_of_jax_that_the_user_has_made_change_nothing_and_stay():
    state, other = state_of(), state_of()
    wanted = ENGINE.run(state, 1)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"), jax.transfer_guard("disallow"):
        assert ENGINE.run(other, 1) == wanted
        assert jax.config.jax_numpy_dtype_promotion == "strict"
    with jax.disable_jit():
        assert ENGINE.run(state_of(), 1) == wanted
    assert_same(state, other)


def test_a_forked_process_in_which_it_would_wait_forever_is_refused(monkeypatch):
    monkeypatch.setitem(engines._used_in, "process", -1)  # as a child finds it
    with pytest.raises(RuntimeError, match=r"forked from one in which JAX has computed.*get_context\('spawn'\)"):
        engines.get("jax", Network([2, 1]))


def test_masks_have_the_bits_of_the_reference():
    counts = {1: 35, 2: 28}
    for key, step in ((9, 0), (2**63 - 1, 12345)):
        with jax.enable_x64(True):
            drawn = jax.jit(lambda key, step: philox.words(key, step, counts))(key, step)
        for layer, count in counts.items():
            stream = np.random.Philox(key=[key, 0], counter=[0, 0, layer, step])
            wanted = stream.random_raw((count + 1) // 2).astype("<u8").view("<u4")[:count]
            np.testing.assert_array_equal(drawn[layer], wanted)


def test_what_does_not_fit_into_the_memory_of_the_device_is_sent_ahead(monkeypatch):
    wanted = state_of()
    ENGINE.run(wanted, 3)
    monkeypatch.setattr(feed, "free_memory", lambda: 100)
    monkeypatch.setattr(feed, "_SENT", 2 * 16 * 3 * 8)  # two mini-batches
    for sparse in (False, True):
        state = state_of()
        if sparse:
            state.X = sp.csc_array(state.X)
        ENGINE.run(state, 1)
        ENGINE.steps(state, 3)
        ENGINE.run(state, 1)
        ENGINE.run(state, 1)
        assert_same(state, wanted, exactly=False)


def test_after_an_epoch_that_is_not_finite_the_state_is_that_before_it():
    net = Network([2, 1], output="identity", seed=0)
    X, Y = np.arange(6.0).reshape(2, 3), np.ones((1, 3))
    states = [prepare(deepcopy(net), net.check_examples(X, Y), cr.HeavyBall(1e80)) for _ in range(2)]
    costs, wanted = (engine.run(state, 50) for engine, state in zip((ENGINE, ENGINES["numpy"]), states, strict=True))
    assert 1 < len(costs) < 50
    np.testing.assert_allclose(costs[:-1], wanted[:-1])
    assert not np.isfinite(costs[-1])
    assert_same(*states, exactly=False)
    assert not np.isfinite(ENGINE.run(states[0], 3)).any()  # and the same happens again
    assert states[0].epoch == len(costs) - 1


def test_a_signal_leaves_the_epochs_that_are_done():
    class StopError(Exception):
        pass

    looks = iter([False] * 6 + [True])
    state, whole, costs = state_of(), state_of(), []

    def question():
        if next(looks):
            raise StopError

    interrupts.ask(question)
    try:
        with pytest.raises(StopError):
            ENGINE.run(state, 10**6, costs)
    finally:
        interrupts.ask(lambda: None)
    assert 0 < state.epoch == len(costs)
    ENGINE.run(whole, state.epoch)
    assert_same(state, whole)


def test_the_log_tells_of_compilations_once(caplog, monkeypatch):
    caplog.set_level(logging.INFO, "chainrule")
    monkeypatch.setattr(dispatch, "_compiled", set())
    for _ in range(2):
        ENGINE.run(state_of(), 1)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert told[0].startswith("engine 'jax': compiled for the ")


def test_bf16_is_refused_where_the_device_has_none():
    net = Network([2, 1], dtype=np.float32)
    if jax.devices()[0].platform != "cpu":
        pytest.skip("the device may have it")
    with pytest.raises(ValueError, match="there is no 'bf16' here: JAX has none for the cpu"):
        engines.get("jax", net, cr.Adam(), "bf16")


@pytest.mark.parametrize("same", [True, False], ids=["the same examples", "folds"])
def test_many_networks_train_as_each_alone(same):
    def prepared(i):
        state = state_of(cr.Adam(0.01 * (i + 1)), seed=i, dropout=0.3, schedule=cr.schedules.Cosine(6))
        state.network.parameters *= 1 + i
        return state

    together, alone, costs = [prepared(i) for i in range(3)], [prepared(i) for i in range(3)], [[], [], []]
    for i, state in enumerate(together):
        if same:
            state.X, state.Y = together[0].X, together[0].Y
        else:
            state.X = alone[i].X = state.X + i
    if not same:
        together[1].optimizer = alone[1].optimizer = cr.Adam(1e200)
        together[1].learning_rate = alone[1].learning_rate = lambda epoch: 1e200 if epoch == 2 else 0.02
    ENGINE.run_many(together, 3, costs)
    for state, other, its_costs in zip(together, alone, costs, strict=True):
        assert_close(its_costs, ENGINES["numpy"].run(other, 3))
        assert_same(state, other, exactly=False)


def test_train_many_gives_networks_of_one_design_to_one_program(monkeypatch):
    calls, run_many = [], ENGINE.run_many

    def counted(states, *others):
        calls.append(len(states))
        run_many(states, *others)

    monkeypatch.setattr(ENGINE, "run_many", counted)
    nets, others = ([Network([3, 6, 2], hidden="tanh", output="softmax", seed=i) for i in range(3)] for _ in range(2))
    options = {"epochs": 3, "batch_size": 16, "dropout": 0.3, "seed": cr.Each([7, 8, 9])}
    rates = cr.Each(map(cr.Adam, (0.01, 0.1, 0.2)))
    runs = cr.train_many(nets, *examples(), rates, engine="jax", **options)
    cr.train_many(others, *examples(), rates, engine="numpy", **options)
    assert calls == [3]
    assert [step.engine for steps in runs for step in steps] == ["jax"] * 9
    for net, other in zip(nets, others, strict=True):
        assert_close(net.parameters, other.parameters)


def trained(epochs, path=None, engine="jax", stop=None, **options):
    net = Network([3, 6, 2], hidden="tanh", output="softmax", seed=0)
    options = {"checkpoint": path, "checkpoint_every": 1, "resume": True} if path else {}
    for step in net.train(*examples(), cr.Adam(0.05), epochs=epochs, batch_size=16, seed=4, engine=engine, **options):
        if step.epoch == stop:
            break
    return net


def test_a_checkpoint_goes_from_one_engine_to_another(tmp_path, caplog):
    caplog.set_level(logging.INFO, "chainrule")
    whole = trained(4)
    trained(4, tmp_path / "same", stop=1)
    np.testing.assert_array_equal(trained(4, tmp_path / "same").parameters, whole.parameters)
    assert "written by" not in caplog.text
    for first, second in (("numpy", "jax"), ("jax", "auto")):
        trained(4, tmp_path / first, first, stop=1)
        assert_close(trained(4, tmp_path / first, second).parameters, whole.parameters)
        assert f"written by the engine '{first}'" in caplog.text


def test_options_change_within_an_epoch():
    nets, options = [], {"epochs": 2, "batch_size": 16, "every": cr.Batches(1), "seed": 4}
    for engine in ("jax", "numpy"):
        net = Network([3, 6, 2], hidden="tanh", output="softmax", seed=0)
        training = net.train(*examples(), cr.Adam(0.05), engine=engine, **options)
        next(training)
        training.change(batch_size=10)
        training.run()
        nets.append(net)
    assert_close(nets[0].parameters, nets[1].parameters)


def test_estimators_and_lbfgs_train_by_it():
    X, Y = examples()
    options = {"hidden_layer_sizes": (), "max_iter": 4, "random_state": 0}
    for others in ({"batch_size": 70}, {"solver": "lbfgs"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            one, other = (
                cr.MLPClassifier(**options, **others, engine=name).fit(X.T, Y.argmax(axis=0))
                for name in ("jax", "numpy")
            )
        assert one.engine_ == "jax"
        assert one.loss_ == pytest.approx(other.loss_, rel=1e-9)


def test_functions_that_cannot_be_traced_are_told_apart():
    mine = replace(activations.get("relu"), function=lambda Z: np.maximum(Z, 0))
    net = Network([3, 2, 2], hidden=mine, output="softmax")
    for optimizer in (cr.Adam(), cr.LBFGS()):
        with pytest.raises(ValueError, match=r"engine 'jax': .* Let it take the functions of its array"):
            net.train(*examples(), optimizer, epochs=1, engine="jax").run()


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unable to initialize backend 'rocm'")], ids=repr)
def test_a_platform_that_jax_has_not_is_an_error_that_names_it(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(jax, "local_devices", fail)  # as it does for a JAX_PLATFORMS that is not installed
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    for ask in cr.devices, lambda: engines.get("jax", Network([2, 1])):
        with pytest.raises(RuntimeError, match=r"JAX finds no device .* JAX_PLATFORMS is 'cuda': unset it, or install"):
            ask()


def test_devices_print_what_there_is(monkeypatch):
    found = cr.devices()
    assert found[0].platform == jax.devices()[0].platform
    assert str(found[0]) in str(found)
    monkeypatch.setitem(sys.modules, "jax", None)  # as if it were not installed
    for name in [name for name in sys.modules if name.startswith("chainrule.engines.jax")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(engines, "jax")
    assert "pip install" in str(cr.devices())
    assert [device.platform for device in cr.devices()] == ["cpu"]
    with pytest.raises(ImportError, match=r"engine 'jax' needs an extra: pip install \"chainrule\[jax\]\""):
        engines.get("jax", Network([2, 1]))
