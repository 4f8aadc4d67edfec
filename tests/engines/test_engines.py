from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule import activations, engines
from chainrule.engines import ENGINES, reference
from chainrule.engines.kernel import BUILT
from chainrule.network import Network
from chainrule.training.train import prepare
from support.contract import CASES, EXAMPLES, OPTIMIZERS, case, masks, network, problem, relative_error
from support.contract import central_differences as differences
from support.oracles import documented_mask, written_out

engine_names = pytest.mark.parametrize("name", ENGINES)


@engine_names
def test_training_is_the_loop_written_out(name):
    rng = np.random.default_rng(0)
    X, Y = problem("cross_entropy", "softmax", 3, 2, 10, rng)
    net = network([3, 6, 2], "tanh", "softmax")
    state = prepare(net, net.check_examples(X, Y), cr.Adam(0.1), batch_size=4, dropout=0.5, l2=0.1, seed=1)
    costs = ENGINES[name].run(state, 3)
    parameters, wanted = written_out()
    np.testing.assert_allclose(costs, wanted, rtol=1e-12)
    np.testing.assert_allclose(net.parameters, parameters, rtol=1e-10)


@engine_names
@pytest.mark.parametrize(("hidden", "pair", "depth"), [c for c in CASES if c[2] in (0, 2)], ids=str)
def test_cost_and_gradients_are_those_of_the_network(name, hidden, pair, depth):
    net, X, Y, rng = case(hidden, pair, depth)
    weights = rng.uniform(0.2, 3, EXAMPLES)
    J, gradient = ENGINES[name].objective(net, *net.check_examples(X, Y, weights), 0.3)(net.parameters)
    wanted, dW, db = net.gradients(X, Y, l2=0.3, weights=weights)
    assert pytest.approx(wanted, rel=1e-13) == J
    assert type(J) is float
    np.testing.assert_allclose(gradient, Network.pack(dW, db), rtol=1e-11, atol=1e-14)


@engine_names
def test_cost_and_gradients_work_at_any_vector(name):
    net, X, Y, rng = case("tanh", ("cross_entropy", "softmax"), 2)
    before, elsewhere = net.parameters.copy(), rng.standard_normal(net.parameters.size)
    J, gradient = ENGINES[name].objective(net, X, Y, None, 0.1)(elsewhere)
    np.testing.assert_array_equal(net.parameters, before)
    net.parameters = elsewhere
    assert pytest.approx(net.cost(X, Y, l2=0.1), rel=1e-13) == J
    np.testing.assert_allclose(gradient, Network.pack(*net.gradients(X, Y, l2=0.1)[1:]), rtol=1e-12, atol=1e-15)


def test_cost_and_gradients_with_masks_pass_the_gradient_check():
    net, X, Y, rng = case("gelu", ("cross_entropy", "softmax"), 3)
    D = masks(net, EXAMPLES, rng)
    _, gradient = reference.cost_and_gradient(net, X, Y, None, 0.1, net.parameters, D)
    dW, db = net.unpack(gradient)
    wanted = differences(net, X, Y, 0.1, None, D)
    got = {f"d{n}[{l}]": a[l] for l in range(1, net.L + 1) for n, a in (("W", dW), ("b", db))}
    assert max(relative_error(got, wanted).values()) < 1e-6


@engine_names
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_run_advances_by_whole_epochs_and_goes_on_where_it_stopped(name, optimizer):
    def trained(*runs):
        net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 1)
        state = prepare(net, net.check_examples(X, Y), optimizer, batch_size=3, dropout=0.2, seed=4)
        costs = [cost for epochs in runs for cost in ENGINES[name].run(state, epochs)]
        assert state.epoch == 5
        assert state.memory.batches == 5 * 3  # ⌈7/3⌉ updates an epoch
        return costs, net.parameters

    costs, parameters = trained(5)
    assert len(costs) == 5
    assert all(type(cost) is float for cost in costs)
    in_parts = trained(1, 3, 1)
    assert in_parts[0] == costs
    np.testing.assert_array_equal(in_parts[1], parameters)


def drawn_anew(epoch):
    """Another order of 70 examples each time it is asked for."""
    return np.random.permutation(70)


STEPPED = {
    "a short last batch": {"batch_size": 16, "dropout": 0.2, "l2": 0.1},
    "batches that do not count": {"batch_size": 1, "weights": np.arange(70) % 3 == 2},
    "a clipped gradient": {"batch_size": 64, "clip_norm": 0.1},
    "the full batch": {},
    "scikit-learn's orders": {"batch_size": 16, "seed": np.random.RandomState(0)},
    "an order of one's own": {"batch_size": 16, "order": drawn_anew},
}


@engine_names
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("options", STEPPED.values(), ids=STEPPED)
def test_steps_have_the_bits_of_whole_epochs(name, optimizer, dtype, options):
    X, Y = problem("cross_entropy", "softmax", 3, 2, 70, np.random.default_rng(0))
    engine, rng = ENGINES[name], np.random.default_rng(1)

    def trained(advance):
        net = Network([3, 6, 2], output="softmax", seed=0, dtype=dtype)
        given = {"seed": 4, "weights": None, **deepcopy(options)}
        state = prepare(net, net.check_examples(X, Y, given.pop("weights")), optimizer, **given)
        np.random.seed(7)
        costs = []
        while state.epoch < 5:
            advance(state, costs)
        return costs, state

    def by_epochs(state, costs):
        engine.run(state, 5, costs)

    def by_steps(state, costs):
        epoch = state.epoch
        assert np.isfinite(engine.steps(state, int(rng.integers(1, 9)))).all()
        assert state.example % state.batch_size == 0
        if state.epoch > epoch:
            costs.append(state.cost)

    def by_both(state, costs):
        engine.steps(state, 2)
        if state.example:
            engine.run(state, 1, costs)
        else:
            costs.append(state.cost)

    wanted, whole = trained(by_epochs)
    for advance in (by_steps, by_both):
        costs, state = trained(advance)
        assert costs == wanted
        assert state.memory.batches == whole.memory.batches
        np.testing.assert_array_equal(state.network.parameters, whole.network.parameters)
        for slot, other in zip(state.memory.slots, whole.memory.slots, strict=True):
            np.testing.assert_array_equal(slot, other)


@engine_names
def test_steps_give_the_cost_of_each_mini_batch(name):
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 1)
    state = prepare(net, net.check_examples(X, Y), cr.Adam(), batch_size=3, seed=0)
    order = state.order(0)
    wanted = []
    for batch in (order[:3], order[3:6], order[6:]):
        wanted.append(net.cost(X[:, batch], Y[:, batch]))
        assert ENGINES[name].steps(state, 1) == [pytest.approx(wanted[-1], rel=1e-12)]
    assert state.cost == pytest.approx(np.dot(wanted, [3, 3, 1]) / 7)
    assert (state.epoch, state.example) == (1, 0)


@engine_names
def test_steps_that_are_not_finite_leave_the_state_before_them(name):
    net, X, Y, _ = case("identity", ("half_squared_error", "identity"), 2)
    state = prepare(net, net.check_examples(X, Y), cr.HeavyBall(1e80), batch_size=2, seed=0)
    while np.isfinite(costs := ENGINES[name].steps(state, 1)).all():
        before = net.parameters.copy(), state.memory.batches, state.epoch, state.example, state.cost
    assert len(costs) == 1
    np.testing.assert_array_equal(net.parameters, before[0])
    assert np.isfinite(state.memory.slots[0]).all()
    assert (state.memory.batches, state.epoch, state.example, state.cost) == before[1:]


@engine_names
def test_a_state_that_stands_within_an_epoch_is_kept_as_a_whole(name):
    def prepared():
        net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 1)
        state = prepare(net, net.check_examples(X, Y), cr.Adam(), batch_size=3, dropout=0.2, seed=4, resumable=True)
        return state

    state, other = prepared(), prepared()
    ENGINES[name].run(state, 2)
    ENGINES[name].steps(state, 2)
    other.load_state_dict(deepcopy(state.state_dict()))
    for each in (state, other):
        ENGINES[name].run(each, 2)
    np.testing.assert_array_equal(state.network.parameters, other.network.parameters)
    assert state.cost == other.cost


@engine_names
def test_zero_epochs_change_nothing(name):
    net, X, Y, _ = case("tanh", ("cross_entropy", "softmax"), 1)
    before = net.parameters.copy()
    assert ENGINES[name].run(prepare(net, net.check_examples(X, Y), cr.Adam()), 0) == []
    np.testing.assert_array_equal(net.parameters, before)


@engine_names
def test_after_an_epoch_that_is_not_finite_the_state_is_that_before_it(name):
    net, X, Y, _ = case("identity", ("half_squared_error", "identity"), 2)
    state = prepare(net, net.check_examples(X, Y), cr.HeavyBall(1e80))
    costs = ENGINES[name].run(state, 50)
    assert 1 < len(costs) < 50
    assert np.isfinite(costs[:-1]).all()
    assert not np.isfinite(costs[-1])
    assert state.epoch == len(costs) - 1
    assert np.isfinite(net.parameters).all()
    assert np.isfinite(state.memory.slots[0]).all()
    parameters = net.parameters.copy()
    assert len(ENGINES[name].run(state, 3)) == 1  # and the same happens again
    np.testing.assert_array_equal(net.parameters, parameters)


@engine_names
def test_parameters_that_are_not_finite_are_an_infinite_cost(name):
    # One step of 1e308 · 1e3 overflows the parameters while the cost before it was a fine number.
    net = cr.Network([1, 1], output="identity", init="zeros")
    state = prepare(net, net.check_examples(np.array([[1e3, 1e3]]), np.array([[1.0, 1.0]])), cr.GradientDescent(1e308))
    assert ENGINES[name].run(state, 2) == [float("inf")]
    np.testing.assert_array_equal(net.parameters, 0)


@engine_names
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_keep_their_dtype_whatever_the_constants_are(name, dtype):
    net = cr.Network([3, 4, 2], dtype=dtype, seed=0)
    X, Y = np.ones((3, 5)), np.ones((2, 5))
    seen = []

    class Spy(cr.Adam):
        def step(self, params, grads, state):
            seen.extend((params.dtype, grads.dtype))
            return super().step(params, grads, state)

    optimizer = (Spy if name == "numpy" else cr.Adam)(np.float64(0.1))
    half, tenth = np.float64(0.5), np.float64(0.1)
    state = prepare(
        net, net.check_examples(X, Y, np.ones(5)), optimizer, l2=tenth, dropout=0.5, schedule=lambda epoch: half,
        clip_norm=tenth, batch_size=2,
    )  # fmt: skip
    ENGINES[name].run(state, 2)
    assert set(seen) == ({np.dtype(dtype)} if name == "numpy" else set())
    assert {slot.dtype for slot in state.memory.slots[:2]} == {np.dtype(dtype)}
    assert net.parameters.dtype == dtype
    assert net.gradients(X, Y, l2=np.float64(0.1))[1][1].dtype == dtype


def test_masks_are_the_documented_stream():
    net = cr.Network([3, 5, 4, 2], seed=0)
    state = prepare(net, net.check_examples(np.ones((3, 7)), np.ones((2, 7))), cr.Adam(), dropout=(0.25, 0.5), seed=9)
    for step in (0, 1, 12345):
        state.memory.batches = step
        D = reference.dropout_masks(state, 7)
        assert D[0] is None
        assert D[3] is None  # the output keeps all its units
        np.testing.assert_array_equal(D[1], documented_mask(state.mask_key, 1, step, 5, 7, 0.75))
        np.testing.assert_array_equal(D[2], documented_mask(state.mask_key, 2, step, 4, 7, 0.5))


def test_masks_have_their_rate_and_expectation_one():
    net = cr.Network([1, 500, 300, 1], seed=0)
    state = prepare(
        net, net.check_examples(np.ones((1, 200)), np.ones((1, 200))), cr.Adam(), dropout=(0.2, 0.0), seed=9
    )
    D = reference.dropout_masks(state, 200)
    assert D[2] is None  # rate 0: no mask, no cost
    assert sorted(np.unique(D[1])) == [0, 1.25]
    # 100 000 draws: the deviation of the rate is √(0.2 · 0.8 / 1e5) = 0.0013.
    assert (D[1] == 0).mean() == pytest.approx(0.2, abs=0.006)
    assert D[1].mean() == pytest.approx(1, abs=0.008)


def test_a_long_gradient_is_cut_to_the_norm_and_a_short_one_left_alone():
    g = np.array([3.0, -4.0])
    np.testing.assert_allclose(reference.clipped(g, 1.0), [0.6, -0.8])
    np.testing.assert_array_equal(reference.clipped(g, 5.0), g)
    np.testing.assert_array_equal(reference.clipped(np.zeros(2), 1.0), [0, 0])


def one_example(engine, dtype, size, optimizer, *, twice=False, **options):
    """The parameters, which were 0, after an epoch with a gradient of this size for each weight, and its cost."""
    net = cr.Network([3, 1], output="identity", loss="absolute", seed=0, dtype=dtype)
    net.parameters[:] = 0
    X, Y = np.full((3, 1 + twice), size, dtype), np.full((1, 1 + twice), -1, dtype)
    steps = list(net.train(X, Y, optimizer, epochs=1, engine=engine, **options))
    return net.parameters, steps[0].cost


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_is_cut_to_the_norm_where_its_squares_leave_the_range_of_numbers(engine, dtype):
    largest = float(np.finfo(dtype).max)
    for size in (1e3, largest**0.49, largest**0.5, largest**0.7, largest / 4, largest):
        for optimizer in (cr.GradientDescent(1.0), cr.HeavyBall(1.0), cr.Nesterov(1.0, 0.0)):
            w, _ = one_example(engine, dtype, size, optimizer, clip_norm=0.5)
            np.testing.assert_allclose(w[:3], -0.5 / 3**0.5, rtol=1e-6)
        for optimizer in (cr.Adam(0.1, epsilon=1e-12), cr.RMSProp(0.1, epsilon=1e-12)):
            w, _ = one_example(engine, dtype, size, optimizer, clip_norm=0.5)
            assert 0.09 < -w[0] < 0.4
    # Small ones: the same gradient, cut to less than it is, and to more.
    for size in (largest**-0.4, largest**-0.6, largest**-0.9):
        net = cr.Network([3, 1], output="identity", seed=0, dtype=dtype)
        for norm, length in ((1.0, 2 * size), (size, size), (size / 16, size / 16)):
            net.parameters[:] = 0
            X, Y = np.ones((3, 1), dtype), np.full((1, 1), size, dtype)
            list(net.train(X, Y, cr.GradientDescent(1.0), epochs=1, engine=engine, clip_norm=norm))
            np.testing.assert_allclose(net.parameters, length / 2, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_that_are_all_too_small_for_the_precision_are_refused(engine):
    tiny = np.finfo(np.float32).tiny
    for weight in (tiny, 1e30):
        cost = one_example(engine, np.float32, 1.0, cr.GradientDescent(), twice=True, weights=[weight, weight])[1]
        assert cost == 1
    with pytest.raises(ValueError, match="which float32 cannot divide by"):
        one_example(engine, np.float32, 1.0, cr.GradientDescent(), twice=True, weights=[tiny * 0.9, tiny * 0.9])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_that_is_infinite_is_a_divergence(engine, dtype):
    optimizers = (
        cr.GradientDescent(),
        cr.Momentum(),
        cr.HeavyBall(),
        cr.Nesterov(),
        cr.RMSProp(),
        cr.Adam(),
        cr.AdamW(),
    )
    for optimizer in optimizers:
        for norm in (None, 1.0, 1e300):
            with pytest.raises(cr.DivergenceError, match="epoch 0"):
                one_example(engine, dtype, np.finfo(dtype).max, optimizer, twice=True, clip_norm=norm)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_optimizer_whose_mean_square_overflows_diverges_instead_of_standing_still(engine, dtype):
    size = float(np.finfo(dtype).max) ** 0.6
    for optimizer in (cr.RMSProp(), cr.Adam(), cr.AdamW()):
        with pytest.raises(cr.DivergenceError, match="clip the gradient"):
            one_example(engine, dtype, size, optimizer)
        assert np.isfinite(one_example(engine, dtype, size, optimizer, clip_norm=1.0)[0]).all()
    for optimizer in (cr.GradientDescent(), cr.Momentum(), cr.HeavyBall(), cr.Nesterov()):  # they have no squares
        assert (one_example(engine, dtype, size, optimizer)[0] < 0).all()


def test_auto_is_the_fastest_engine_that_can_and_says_why_it_is_not_the_kernel(caplog):
    net = cr.Network([2, 3, 1])
    assert engines.get("auto", net, cr.Adam()) is ENGINES["native" if BUILT else "numpy"]
    assert engines.get("numpy", net, cr.Adam()) is ENGINES["numpy"]
    assert all(ENGINES[name].name == name for name in ENGINES)
    with pytest.raises(
        ValueError, match=r"unknown engine 'nunpy'\. Did you mean 'numpy'\? Known: auto, native, numpy, jax"
    ):
        engines.get("nunpy", net)

    class Mine(cr.Adam):
        pass

    swish = replace(activations.get("silu"), name="swish")
    mine = replace(activations.get("relu"), function=lambda Z: np.maximum(Z, 0))
    for broken, optimizer, reason in (
        (net, Mine(), "the compiled kernel has no optimizer Mine"),
        (cr.Network([2, 3, 1], hidden=swish), cr.Adam(), "activation 'swish' is not one of chainrule's own"),
        (cr.Network([2, 3, 1], hidden=mine), cr.Adam(), "activation 'relu' is not one of chainrule's own"),
    ):
        caplog.clear()
        engines._log_once.cache_clear()
        if BUILT:
            with pytest.raises(ValueError, match=f"engine 'native': {reason}"):
                engines.get("native", broken, optimizer)
            assert engines.get("auto", broken, optimizer) is ENGINES["numpy"]
            assert reason in caplog.text
            engines.get("auto", broken, optimizer)
            assert len(caplog.records) == 1  # once, not at every call
            X, Y = np.ones((2, 3)), np.ones((1, 3))
            assert next(broken.train(X, Y, optimizer, epochs=1)).engine == "numpy"
