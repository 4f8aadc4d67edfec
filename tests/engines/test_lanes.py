"""Networks that are trained at once, one in each lane of a vector, are those trained alone: to the last bit."""

import dataclasses

import numpy as np
import pytest

import chainrule as cr
from chainrule import Each, train_many
from chainrule.activations import ACTIVATIONS
from chainrule.engines import kernel
from chainrule.training import together

pytestmark = pytest.mark.skipif(not kernel.BUILT, reason="the kernel is not built")

ISAS = kernel.module().isas() if kernel.BUILT else []
SLOTS = {"GradientDescent": 0, "Adam": 2}


def network_and_examples(rng, dtype):
    """What a trainer takes to begin with, of random design, and X, Y, batch size, rule."""
    module = kernel.module()
    sizes = [
        int(rng.choice([1, 2, 4, 13, 17, 30])),
        *map(int, rng.choice([1, 2, 3, 4, 5, 8, 10, 13, 25], rng.integers(1, 4))),
    ]
    loss, output = module.losses()[rng.integers(len(module.losses()))]
    hidden = [name for name in module.functions() if name not in ("softmax", "exp")]
    functions = [*map(str, rng.choice(hidden, len(sizes) - 2)), output]
    m = int(rng.choice([1, 5, 16, 33, 64, 100, 300]))
    batch_size = int(min(m, rng.choice([m, 1, 7, 16, 32, 50, 64, 290])))
    X = rng.standard_normal((m, sizes[0])).astype(dtype).T
    X = X if rng.integers(2) else np.ascontiguousarray(X)
    Y = rng.integers(0, 2, (sizes[-1], m)).astype(dtype)
    return (sizes, functions, [0.1] * len(functions), loss, 0.7), X, Y, batch_size, str(rng.choice(module.rules()))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_bit_of_a_step_is_that_of_the_network_alone(isa, dtype):
    module, rng, compared = kernel.module(), np.random.default_rng(7), 0
    new = module.Trainer32 if dtype == np.float32 else module.Trainer64
    for _ in range(60):
        design, X, Y, batch_size, rule = network_and_examples(rng, dtype)
        data = (module.Data32 if dtype == np.float32 else module.Data64)(X, Y, None)
        together = new(*design, isa)
        lanes = together.lanes(data, batch_size)
        if not lanes:
            continue
        compared += 1
        count = int(rng.integers(1, lanes + 1))
        m, epochs, parameters = X.shape[1], 3, sum(n * (k + 1) for k, n in zip(design[0], design[0][1:], strict=False))
        scale = rng.choice([0.3, 0.3, 30.0])  # of those with the last some diverge

        def zeros(parameters=parameters, count=count, rule=rule):
            return [
                [kernel.zeros(parameters, np.dtype(dtype)) for _ in range(SLOTS.get(rule, 1))] for _ in range(count)
            ]

        starts = [(rng.standard_normal(parameters) * scale).astype(dtype) for _ in range(count)]
        hypers = [
            module.Hyper(
                rule=rule, beta1=float(rng.choice([0.9, 0.8])), beta2=0.999, epsilon=1e-8, weight_decay=0.0,
                epsilon_hat=bool(i % 2), l2=0.1 * (i % 3), clip_norm=0.0, dropout=[], batch_size=batch_size, mask_key=0,
            )
            for i in range(count)
        ]  # fmt: skip
        rates = [[float(rng.choice([1e-3, 1e-2, 0.3]))] * epochs for _ in range(count)]
        shuffled = batch_size < m or rng.integers(2)
        orders = [np.array([rng.permutation(m) for _ in range(epochs)]) if shuffled else None for _ in range(count)]
        many, its_slots, costs = [start.copy() for start in starts], zeros(), [[] for _ in range(count)]
        updates = int(rng.choice([0, 1000]))
        together.run_many(data, hypers, rates, orders, many, its_slots, updates, costs)
        for i, (one, slots, spare) in enumerate(zip(starts, zeros(), zeros(), strict=True)):
            place, its_costs = module.Place(updates, updates), []
            new(*design, isa).run(data, hypers[i], rates[i], orders[i], one, slots, spare, 0, place, its_costs)
            assert one.tobytes() == many[i].tobytes(), (design, m, batch_size, rule)
            for ours, theirs in zip(its_slots[i], spare if place.swapped else slots, strict=True):
                assert ours.tobytes() == theirs.tobytes()
            np.testing.assert_array_equal(its_costs, costs[i])
    assert compared > 10


def test_what_does_not_fit_is_refused():
    module, rng = kernel.module(), np.random.default_rng(0)
    design = ([2, 3, 1], ["tanh", "sigmoid"], [0.0, 0.0], "binary_cross_entropy", 0.0)
    trainer = module.Trainer32(*design, kernel.isa())
    data = module.Data32(*(rng.integers(0, 2, (k, 20)).astype(np.float32) for k in (2, 1)), None)
    hyper = {
        "rule": "GradientDescent", "beta1": 0.0, "beta2": 0.0, "epsilon": 1.0, "weight_decay": 0.0,
        "epsilon_hat": False, "l2": 0.0, "clip_norm": 0.0, "dropout": [], "batch_size": 5, "mask_key": 0,
    }  # fmt: skip

    def run(*hypers, rates=(0.1,), orders=None):
        n = len(hypers)
        trainer.run_many(
            data, [module.Hyper(**{**hyper, **h}) for h in hypers], [list(rates)] * n, [orders] * n,
            [np.zeros(13, np.float32) for _ in hypers], [[]] * n, 0, [[] for _ in hypers],
        )  # fmt: skip

    run({}, {})
    with pytest.raises(ValueError, match="for each network"):
        run()
    for other in ({"clip_norm": 1.0}, {"dropout": [0.5]}, {"batch_size": 4}, {"rule": "Momentum"}):
        with pytest.raises(ValueError, match="trained alike"):
            run({}, other)
    with pytest.raises(ValueError, match="as many networks as fit"):
        run(*[{}] * 17)
    with pytest.raises(ValueError, match="out of bounds"):
        run({}, orders=np.full((1, 20), 20))


# -- train_many -------------------------------------------------------------------------------------------------------


@pytest.fixture
def blocks(monkeypatch):
    """How many networks were trained together, in each list that train_many makes; and alone if `alone` is set."""
    seen, real = [], together.blocks

    def recorded(networks, calls, threads):
        seen[:] = real(networks, calls, threads)
        return seen

    monkeypatch.setattr(together, "blocks", recorded)
    return seen


def networks(count=32, sizes=(4, 6, 3), **options):
    options = {"hidden": "tanh", "output": "softmax", "dtype": np.float32, **options}
    return [cr.Network(list(sizes), seed=i, **options) for i in range(count)]


def examples(m=50):
    rng = np.random.default_rng(3)
    return rng.standard_normal((4, m)).astype(np.float32), np.eye(3, dtype=np.float32)[rng.integers(3, size=m)].T


RATES = Each([cr.Adam(10.0 ** (i % 6 - 3)) for i in range(32)])


@pytest.mark.parametrize(
    "options",
    [
        lambda: {"optimizer": cr.Adam(0.01), "seed": Each(range(32))},
        lambda: {"optimizer": RATES, "seed": 1, "l2": Each([0.1, 0.0] * 16)},
        lambda: {"optimizer": cr.GradientDescent(0.1), "shuffle": False, "every": Each([1, 3] * 16)},
        lambda: {"optimizer": cr.AdamW(0.01), "seed": Each(np.random.default_rng(0).spawn(32))},
        lambda: {"optimizer": cr.RMSProp(), "seed": 2, "schedule": cr.schedules.Cosine(5)},
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_steps_and_parameters_are_those_of_networks_alone(options, threads, blocks):
    X, Y = examples()
    nets, others = networks(), networks()
    runs = train_many(nets, X, Y, threads=threads, epochs=5, batch_size=8, **options())
    assert max(map(len, blocks)) > 1
    for i, (net, other) in enumerate(zip(nets, others, strict=True)):
        its_own = {name: value[i] if isinstance(value, Each) else value for name, value in options().items()}
        assert runs[i] == list(other.train(X, Y, epochs=5, batch_size=8, **its_own))
        assert net.parameters.tobytes() == other.parameters.tobytes()


def test_one_that_diverges_leaves_the_others_alone(blocks):
    X, Y = examples()
    X[0, 7] = 1e20
    nets, others = networks(hidden="relu"), networks(hidden="relu")
    rates = [1e30 if i in (3, 7) else 1e-30 for i in range(32)]
    options = {"epochs": 4, "batch_size": 8, "seed": 0}
    runs = train_many(nets, X, Y, Each(list(map(cr.GradientDescent, rates))), threads=1, **options)
    assert max(map(len, blocks)) > 1
    for net, other, rate, steps in zip(nets, others, rates, runs, strict=True):
        training = other.train(X, Y, cr.GradientDescent(rate), **options)
        if rate > 1:
            with pytest.raises(cr.DivergenceError) as raised:
                training.run()
            assert [steps[-1].cost, steps[-1].epoch] == [np.inf, raised.value.epoch]
        else:
            assert steps == training.run()
        assert net.parameters.tobytes() == other.parameters.tobytes()


def test_networks_go_alone_where_they_differ_or_somebody_looks(blocks, tmp_path):
    X, Y = examples()

    def together(nets, **options):
        train_many(nets, X, Y, **{"optimizer": cr.Adam(), "epochs": 1, "batch_size": 8, "threads": 1, **options})
        return max(map(len, blocks)) > 1

    assert together(networks())
    assert together([*networks(16), *networks(16, sizes=(4, 5, 3))])
    assert not together(networks(1))
    assert not together(networks(sizes=(4, 300, 3)))
    assert not together(networks(), epochs=Each(range(1, 33)))
    assert not together(networks(), validation=(X, Y))
    assert not together(networks(), checkpoint=Each([tmp_path / f"{i}.checkpoint" for i in range(32)]))
    assert not together(networks(), clip_norm=1.0)
    assert not together(networks(), dropout=0.5)
    assert not together(networks(), schedule=lambda epoch: 1.0)
    assert not together(networks(), weights=np.ones(50))
    assert not together(networks(), engine="numpy")
    assert not together([net.normalize(X) for net in networks()])


def test_a_function_of_the_same_name_is_another_design():
    X, Y = examples()
    own = dataclasses.replace(ACTIVATIONS["tanh"], function=np.sin, derivative=np.cos)
    ours, theirs = ([*networks(15), *networks(1, hidden=[own])] for _ in range(2))
    runs = train_many(ours, X, Y, cr.Adam(), epochs=2, batch_size=8, seed=0)
    assert runs[15] == theirs[15].train(X, Y, cr.Adam(), epochs=2, batch_size=8, seed=0).run()
    assert [steps[0].engine for steps in runs] == ["native"] * 15 + ["numpy"]


def test_an_error_of_one_of_them_says_which():
    X, Y = examples()
    with pytest.raises(ValueError, match="l2") as raised:
        train_many(networks(), X, Y, cr.Adam(), epochs=1, batch_size=8, l2=Each([0.0] * 5 + [-1.0] + [0.0] * 26))
    assert "in the training of network 5 of 32" in raised.value.__notes__[0]


@pytest.mark.parametrize("hidden", [6, 300])
def test_examples_of_many_networks_are_checked_once(hidden, monkeypatch):
    (X, Y), calls, real = examples(), [], cr.Network.check_examples
    monkeypatch.setattr(
        cr.Network, "check_examples", lambda *args, **options: calls.append(1) or real(*args, **options)
    )
    train_many(networks(sizes=(4, hidden, 3)), X, Y, cr.Adam(), epochs=1, batch_size=8)
    assert len(calls) == 1


def test_examples_that_are_wrong_are_refused():
    X, Y = examples()
    X[2, 5] = np.nan
    with pytest.raises(ValueError, match=r"X\[2, 5\] = nan") as raised:
        train_many(networks(), X, Y, cr.Adam(), epochs=1, batch_size=8, threads=1)
    assert "in the training of network 0 of 32" in raised.value.__notes__[0]


def test_generators_of_the_user_are_left_where_trainings_alone_leave_them():
    X, Y = examples()
    ours, theirs = (np.random.default_rng(0).spawn(32) for _ in range(2))
    train_many(networks(), X, Y, cr.Adam(), epochs=3, batch_size=8, seed=Each(ours))
    for net, one, other in zip(networks(), ours, theirs, strict=True):
        net.train(X, Y, cr.Adam(), epochs=3, batch_size=8, seed=other).run()
        assert one.random() == other.random()
