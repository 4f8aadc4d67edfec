"""Many trainings at once are the same trainings: every bit is compared with that of a network trained alone."""

import os
import signal
import subprocess
import sys
import threading
from copy import deepcopy

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule import Each, train_many
from chainrule.engines import ENGINES
from chainrule.training.threads import available_threads
from support.contract import counts_threads, problem


def networks(count=7, dtype=np.float64, sizes=None, **options):
    """Networks of different seeds, and of different sizes unless told."""
    return [
        cr.Network(
            sizes or [6, 5 + i, 3], **{"hidden": "tanh", "output": "softmax", "seed": i, "dtype": dtype, **options}
        )
        for i in range(count)
    ]


@pytest.fixture
def examples():
    """X (6, 90), Y (3, 90) and a validation set (6, 40), (3, 40)."""
    rng = np.random.default_rng(5)
    X, Y = problem("cross_entropy", "softmax", 6, 3, 130, rng)
    return X[:, :90], Y[:, :90], (X[:, 90:], Y[:, 90:])


def alone(nets, X, Y, optimizer, **options):
    """The loop that train_many replaces; an Each gives its i-th value to the i-th network."""
    arguments = {"X": X, "Y": Y, "optimizer": optimizer, **options}
    return [
        list(net.train(**{name: value[i] if isinstance(value, Each) else value for name, value in arguments.items()}))
        for i, net in enumerate(nets)
    ]


def assert_the_same(nets, X, Y, optimizer, threads=3, **options):
    others = deepcopy(nets)
    runs = train_many(nets, X, Y, optimizer, threads=threads, **options)
    assert runs == alone(others, X, Y, optimizer, **options)
    for net, other in zip(nets, others, strict=True):
        np.testing.assert_array_equal(net.parameters, other.parameters)
    return runs


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 16, "seed": 3},
        {"batch_size": 16, "seed": Each(range(7)), "dropout": 0.3, "l2": Each([0.01 * i for i in range(7)])},
        {"batch_size": Each([None, 1, 2, 16, 89, 90, 1000]), "seed": 1, "every": 4, "clip_norm": 0.1},
        {"batch_size": 16, "seed": 3, "weights": np.arange(1.0, 91), "schedule": cr.schedules.Cosine(12)},
    ],
    ids=["full", "batches", "dropout", "sizes", "weights"],
)
def test_each_is_trained_as_if_it_were_alone(examples, engine, dtype, options):
    X, Y, _ = examples
    assert_the_same(networks(dtype=dtype), X, Y, cr.Adam(0.02), epochs=12, engine=engine, **options)


@pytest.mark.skipif("native" not in ENGINES, reason="counts calls of the kernel's engine")
@pytest.mark.parametrize(("options", "calls"), [({}, 3), ({"validation": True}, 358)], ids=["alone", "watched"])
def test_epochs_between_which_nobody_looks_go_in_one_call(examples, monkeypatch, options, calls):
    X, Y, validation = examples
    options = dict.fromkeys(options, validation)
    counts, plain = [], type(ENGINES["native"]).run

    def run(self, state, epochs, costs=None):
        counts.append(epochs)
        return plain(self, state, epochs, costs)

    nets = networks(1)
    others = deepcopy(nets)
    monkeypatch.setattr(type(ENGINES["native"]), "run", run)
    (steps,) = train_many(nets, X, Y, cr.Adam(), epochs=2500, every=7, **options)
    assert (len(counts), sum(counts)) == (calls, 2500)
    counts.clear()
    assert steps == list(others[0].train(X, Y, cr.Adam(), epochs=2500, every=7, **options))
    assert len(counts) == len(steps) == 358
    np.testing.assert_array_equal(nets[0].parameters, others[0].parameters)


@pytest.mark.parametrize("threads", [None, 1, 2, 16])
def test_the_number_of_threads_changes_nothing(examples, threads):
    X, Y, validation = examples
    optimizers = Each(cr.Adam(0.003 * 2**i) for i in range(7))
    options = {"epochs": 40, "batch_size": 16, "seed": 0, "validation": validation, "patience": 3}
    runs = assert_the_same(networks(), X, Y, optimizers, threads, **options)
    assert len({len(steps) for steps in runs}) > 1  # they did not all stop together


def test_sparse_examples_normalized_networks_and_lbfgs(examples):
    X, Y, _ = examples
    for S in (sparse.csc_array(X), sparse.csr_array(X)):
        assert_the_same(networks(), S, Y, cr.Adam(0.02), epochs=5, batch_size=16, seed=1)
    nets = [net.normalize(X, method) for net, method in zip(networks(3), ["standard", "robust", None], strict=True)]
    assert_the_same(nets, X, Y, cr.Adam(0.02), epochs=5, batch_size=16, seed=1)
    optimizers = Each([cr.LBFGS(), cr.HeavyBall(0.1), cr.LBFGS(memory=3)])
    assert_the_same(networks(3), X, Y, optimizers, epochs=10, l2=0.1)


def test_larger_networks_that_would_take_several_threads_alone():
    rng = np.random.default_rng(0)
    X, Y = problem("cross_entropy", "softmax", 100, 10, 600, rng)
    nets = networks(5, sizes=[100, 150, 10])
    with threadpool_limits(3, user_api="openmp"):
        assert_the_same(nets, X, Y, cr.Adam(), epochs=3, batch_size=200, seed=0)


def test_folds_have_their_own_examples(examples):
    X, Y, _ = examples
    parts = np.array_split(np.arange(90), 5)
    rest = [np.setdiff1d(np.arange(90), part) for part in parts]
    runs = assert_the_same(
        networks(5),
        Each(X[:, some] for some in rest),
        Each(Y[:, some] for some in rest),
        cr.Adam(0.02),
        epochs=Each([3, 4, 5, 6, 7]),
        validation=Each((X[:, part], Y[:, part]) for part in parts),
    )
    assert [len(steps) for steps in runs] == [3, 4, 5, 6, 7]


def test_shared_examples_are_not_copied(examples, monkeypatch):
    X, Y, _ = examples
    seen = []
    plain = cr.Network.check_examples

    def watched(self, *given):
        found = plain(self, *given)
        seen.append(np.shares_memory(found[0], X) and np.shares_memory(found[1], Y))
        return found

    monkeypatch.setattr(cr.Network, "check_examples", watched)
    train_many(networks(), X, Y, cr.Adam(), epochs=1)
    assert seen == [True] * 7


@counts_threads
def test_the_threads_take_the_limit_of_the_one_that_calls(examples, monkeypatch, no_thread_left):
    X, Y, _ = examples
    seen, at_once = [], []

    def order(epoch):
        seen.append((threading.current_thread().name, available_threads()))
        at_once.append(len(set(threading.enumerate()) - before))
        return np.arange(90)

    before = set(threading.enumerate())
    with threadpool_limits(2, user_api="openmp"):
        expected = available_threads()
        train_many(networks(), X, Y, cr.Adam(), epochs=2, batch_size=30, order=order)
    assert {limit for _, limit in seen} == {expected}
    assert len({name for name, _ in seen}) <= expected
    assert max(at_once) <= expected
    seen.clear()
    train_many(networks(), X, Y, cr.Adam(), epochs=2, batch_size=30, order=order, threads=3)
    assert len({name for name, _ in seen}) <= 3
    if "native" in ENGINES:
        assert {limit for _, limit in seen} == {3}


def test_the_callers_context_holds_in_the_threads(examples):
    X, Y, _ = examples
    found = []

    def order(epoch):
        found.append(np.geterr()["divide"])
        return np.arange(90)

    with np.errstate(divide="print"):
        train_many(networks(2), X, Y, cr.Adam(), epochs=1, batch_size=30, order=order)
    assert found == ["print"] * 2


# -- when one of them goes wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_one_that_diverges_is_marked_and_the_others_go_on(examples, engine, caplog):
    X, Y, validation = examples
    nets = networks(4, output="identity")
    rates = [0.01, 1e6, 0.02, 1e300]
    others = deepcopy(nets)
    runs = train_many(
        nets,
        X,
        Y,
        Each(map(cr.GradientDescent, rates)),
        epochs=200,
        engine=engine,
        validation=Each([validation, None] * 2),
    )
    assert [len(steps) for steps in runs][::2] == [200, 200]
    for i in (1, 3):
        with pytest.raises(cr.DivergenceError) as caught:
            list(others[i].train(X, Y, cr.GradientDescent(rates[i]), epochs=200, engine=engine))
        assert runs[i][-1] == cr.Step(caught.value.epoch, np.inf, None, rates[i], engine)
        assert caught.value.learning_rate == rates[i]
        assert [step.epoch for step in runs[i]] == list(range(caught.value.epoch + 1))
        np.testing.assert_array_equal(nets[i].parameters, others[i].parameters)
    assert min(range(4), key=lambda i: runs[i][-1].cost) in (0, 2)
    assert "2 of 4 networks diverged (their last cost is inf): [1, 3]" in caplog.text


def test_with_a_validation_set_its_cost_is_infinite_too(examples):
    X, Y, validation = examples
    ((*_, last),) = train_many(
        networks(1, output="identity"), X, Y, cr.GradientDescent(1e6), epochs=200, validation=validation
    )
    assert last.cost == last.validation_cost == np.inf


def test_another_error_stops_all_and_says_whose_it_is(examples, no_thread_left):
    X, Y, _ = examples
    nets = networks(7)
    options = {"epochs": Each([10**9, 1, *[10**9] * 5]), "batch_size": 30, "l2": Each([0, -1, 0, 0, 0, 0, 0])}
    untouched = nets[-1].parameters.copy()
    with pytest.raises(ValueError, match="l2: got -1") as caught:
        train_many(nets, X, Y, cr.Adam(), threads=2, **options)
    assert caught.value.__notes__ == ["in the training of network 1 of 7, counted from 0"]
    np.testing.assert_array_equal(nets[-1].parameters, untouched)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_one_file_by_two_names_cannot_keep_two_trainings(tmp_path, link):
    (tmp_path / "a").touch()
    link(tmp_path / "a", tmp_path / "b")
    paths = Each([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(ValueError, match="one file cannot keep several trainings"):
        train_many([cr.Network([2, 1]) for _ in range(2)], *cr.datasets.flower(), cr.Adam(), epochs=1, checkpoint=paths)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": np.random.default_rng(0)}, "seed: one Generator for several networks .*spawn"),
        ({"seed": Each([np.random.default_rng(0)] * 3)}, "seed: one Generator for several networks"),
        ({"seed": Each(range(2))}, "seed: got Each of 2 values, wanted 3, one for each network"),
        ({"optimizer": Each([])}, "optimizer: got Each of 0 values"),
        ({"checkpoint": "c"}, r"checkpoint: one file cannot keep several trainings; give Each\(paths\)"),
        ({"threads": 0}, "threads: got 0, wanted a whole number of 1 or more"),
        ({"threads": 1.5}, "threads: got 1.5"),
    ],
)
def test_arguments_that_make_no_sense_are_explained_before_anything_changes(examples, options, message):
    X, Y, _ = examples
    nets = networks(3)
    before = [net.parameters.copy() for net in nets]
    with pytest.raises(ValueError, match=message):
        train_many(nets, X, Y, **{"optimizer": cr.Adam(), "epochs": 1, **options})
    np.testing.assert_array_equal(np.concatenate([n.parameters for n in nets]), np.concatenate(before))


def test_a_network_that_is_there_twice_is_refused(examples):
    X, Y, _ = examples
    a, b = networks(2)
    with pytest.raises(ValueError, match=r"networks: 1 and 2 are the same object.*copy\.deepcopy"):
        train_many([a, b, b], X, Y, cr.Adam(), epochs=1)


def test_a_list_of_optimizers_and_an_unknown_option_are_explained(examples):
    X, Y, _ = examples
    with pytest.raises(TypeError, match=r"optimizer: got .* wanted one such as"):
        train_many(networks(2), X, Y, [cr.Adam(), cr.Adam()], epochs=1)
    with pytest.raises(TypeError, match="epoch"):
        train_many(networks(2), X, Y, cr.Adam(), epochs=1, epoch=1)


def test_generators_of_their_own_are_welcome_and_no_networks_are_no_work(examples):
    X, Y, _ = examples
    nets = networks(3)
    others = deepcopy(nets)
    runs = train_many(nets, X, Y, cr.Adam(), epochs=3, batch_size=8, seed=Each(np.random.default_rng(0).spawn(3)))
    assert runs == alone(others, X, Y, cr.Adam(), epochs=3, batch_size=8, seed=Each(np.random.default_rng(0).spawn(3)))
    assert train_many([], X, Y, cr.Adam(), epochs=1) == []


# -- Ctrl-C ----------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys, threading, time
import numpy as np, chainrule as cr
X, Y = cr.datasets.flower(400)
nets = [cr.Network([2, {units}, 1], hidden="tanh", seed=i) for i in range(50)]
before = [net.parameters.copy() for net in nets]
timer = threading.Timer(0.5, lambda: print("running", flush=True))
timer.start()
try:
    cr.train_many(nets, X, Y, cr.Adam(), epochs=10**7, batch_size={batch_size}, every={every}, threads=2)
except KeyboardInterrupt:
    timer.join()
    trained = [(net.parameters != old).any() for net, old in zip(nets, before)]
    finite = all(np.isfinite(net.parameters).all() for net in nets)
    print("stopped", sum(trained), finite, threading.active_count(), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize(
    ("units", "batch_size", "every", "trained"),
    # Networks that are alike are trained together, up to 8 by each thread.
    [("8 + i", 32, 1, {2}), ("8 + i", 32, 50, {2}), (8, None, 1, {2}), (8, 32, 1, set(range(2, 17)))],
)
def test_ctrl_c_stops_everything(units, batch_size, every, trained):
    program = PROGRAM.format(units=units, batch_size=batch_size, every=every)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "running\n"
            os.kill(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert out in {f"stopped {count} True 1\n" for count in trained}
