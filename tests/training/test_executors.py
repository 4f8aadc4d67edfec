"""`train_many` through an executor is `train_many` here, in bits and errors; real clusters: tests/test_cluster.py."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from copy import deepcopy
from multiprocessing.pool import ThreadPool

import numpy as np
import pytest

import chainrule as cr
from chainrule import Each, train_many
from chainrule.training.threads import available_threads
from support.contract import counts_threads


class Elsewhere:
    """As another process would: nothing but what can be pickled gets there and back.

    data: what a string stands for, as references to data do on a cluster.
    """

    def __init__(self, **data):
        self.data, self.tasks = data, []

    def map(self, function, *iterables):
        for task, *examples in zip(*iterables, strict=True):
            function, task, examples = pickle.loads(pickle.dumps((function, task, examples)))
            self.tasks.append(task.numbers)
            examples = [self.data[given] if isinstance(given, str) else given for given in examples]
            yield pickle.loads(pickle.dumps(function(task, *examples)))


def networks(count=12, **options):
    """Of two designs, in turn."""
    return [cr.Network([2, 3 + i % 2, 1], **{"hidden": "tanh", "seed": i, **options}) for i in range(count)]


X, Y = cr.datasets.flower(120)


def assert_the_same(executor, kind=None, data=(X, Y), chunksize=None, threads=None, **options):
    optimizer = Each(cr.Adam(0.01 * (i + 1)) for i in range(12))
    nets = networks(**kind or {})
    others, seed = deepcopy(nets), options.pop("seed", 0)
    here = train_many(others, X, Y, optimizer, epochs=10, batch_size=32, seed=deepcopy(seed), **options)
    there = train_many(
        nets, *data, optimizer, epochs=10, batch_size=32, seed=seed, executor=executor, chunksize=chunksize,
        threads=threads, **options,
    )  # fmt: skip
    assert there == here
    for net, other in zip(nets, others, strict=True):
        np.testing.assert_array_equal(net.parameters, other.parameters)


@pytest.mark.parametrize("chunksize", [1, 5, 100])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dropout": 0.3, "seed": Each(range(12)), "l2": Each([0.01 * i for i in range(12)]), "every": 3},
        {"validation": (X[:, :40], Y[:, :40]), "patience": 2, "schedule": cr.schedules.Cosine(10)},
        {"kind": {"dtype": np.float32, "output": "tanh"}, "engine": "numpy"},
    ],
    ids=["plain", "dropout", "patience", "numpy"],
)
def test_the_results_are_those_of_here(options, chunksize):
    assert_the_same(Elsewhere(), chunksize=chunksize, **options)


def test_threads_of_the_caller_are_an_executor_too():
    with ThreadPoolExecutor(3) as pool:
        assert_the_same(pool, chunksize=2)
        assert_the_same(pool, chunksize=6, threads=2)


def test_folds_have_their_own_examples():
    nets, parts = networks(4), [slice(i, None, 4) for i in range(4)]
    others, folds = deepcopy(nets), Each((X[:, part], Y[:, part]) for part in parts)
    data = Each(x for x, _ in folds), Each(y for _, y in folds)
    here = train_many(others, *data, cr.Adam(), epochs=5)
    assert train_many(nets, *data, cr.Adam(), epochs=5, executor=Elsewhere(), chunksize=3) == here


def test_of_blocks_each_task_reads_the_files(tmp_path):
    np.save(tmp_path / "X.npy", X.T)
    np.save(tmp_path / "Y.npy", Y.T)
    blocks = cr.Blocks(tmp_path / "X.npy", target=tmp_path / "Y.npy")
    assert len(pickle.dumps(blocks)) < 2000  # not the examples
    nets, options = networks(3), {"epochs": 3, "batch_size": 32, "seed": 0}
    others = deepcopy(nets)
    here = train_many(others, blocks, cr.Adam(), **options)
    assert train_many(nets, blocks, cr.Adam(), executor=Elsewhere(), chunksize=2, **options) == here
    np.testing.assert_array_equal(nets[2].parameters, others[2].parameters)


def test_no_networks_are_no_work():
    assert train_many([], X, Y, cr.Adam(), epochs=1, executor=Elsewhere()) == []


def test_generators_are_drawn_from_as_here():
    generators, others = np.random.default_rng(0).spawn(12), np.random.default_rng(0).spawn(12)
    assert_the_same(Elsewhere(), seed=Each(generators), chunksize=5)
    train_many(networks(), X, Y, cr.Adam(), epochs=10, batch_size=32, seed=Each(others))
    assert [one.random() for one in generators] == [one.random() for one in others]


def test_references_are_left_to_the_executor_and_designs_stay_together():
    elsewhere = Elsewhere(a=X, b=Y)
    assert_the_same(elsewhere, data=("a", "b"), chunksize=4)
    assert elsewhere.tasks == [[0, 2, 4, 6], [8, 10, 1, 3], [5, 7, 9, 11]]


@pytest.mark.parametrize(("count", "largest"), [(12, 1), (200, 3), (1100, 16)])
def test_there_are_tasks_enough_and_none_is_tiny(count, largest):
    elsewhere = Elsewhere()
    train_many(networks(count), X[:, :2], Y[:, :2], cr.Adam(), epochs=1, executor=elsewhere)
    assert max(map(len, elsewhere.tasks)) == largest
    assert sorted(i for numbers in elsewhere.tasks for i in numbers) == list(range(count))


@counts_threads
def test_a_task_takes_one_thread_unless_told():
    seen = []

    def order(epoch):
        seen.append(available_threads())
        return np.arange(120)

    with ThreadPoolExecutor(2) as pool:
        for threads in (None, 3):
            seen.clear()
            options = {"epochs": 2, "batch_size": 30, "order": order, "threads": threads}
            train_many(networks(4), X, Y, cr.Adam(), executor=pool, chunksize=2, **options)
            assert set(seen) == {threads or 1} or cr.Network([2, 1]).engine == "numpy"


# -- when something goes wrong ---------------------------------------------------------------------------------------


def test_one_that_diverges_is_marked_and_the_others_go_on(caplog):
    nets = networks(4, output="identity")
    optimizers = Each(map(cr.GradientDescent, [0.01, 1e6, 0.02, 1e300]))
    others = deepcopy(nets)
    options = {"epochs": 200, "validation": (X, Y)}
    here = train_many(others, X, Y, optimizers, **options)
    caplog.clear()
    assert train_many(nets, X, Y, optimizers, executor=Elsewhere(), chunksize=3, **options) == here
    np.testing.assert_array_equal(nets[1].parameters, others[1].parameters)
    assert "2 of 4 networks diverged (their last cost is inf): [1, 3]" in caplog.text


def test_another_error_says_whose_it_is_and_ends_what_runs(no_thread_left):
    nets = networks(12)
    before = [net.parameters.copy() for net in nets]
    epochs, l2 = Each([1, 10**9] * 6), Each([0] * 8 + [-1] + [0] * 3)
    with ThreadPoolExecutor(3) as pool, pytest.raises(ValueError, match="l2: got -1") as caught:
        train_many(nets, X, Y, cr.Adam(), epochs=epochs, batch_size=32, l2=l2, executor=pool, chunksize=1)
    assert caught.value.__notes__ == ["in the training of network 8 of 12, counted from 0"]
    assert (nets[0].parameters != before[0]).any()  # its task was done
    np.testing.assert_array_equal(nets[11].parameters, before[11])


class Late:
    """Gives Futures, as Dask's Client does."""

    def map(self, function, *iterables):
        return [Future() for _ in zip(*iterables, strict=True)]


def test_a_pool_of_multiprocessing_is_refused_with_what_to_give():
    with ThreadPool(1) as pool, pytest.raises(TypeError, match=r"a ThreadPool of multiprocessing, .*ProcessPoolExecut"):
        train_many(networks(2), X, Y, cr.Adam(), epochs=1, executor=pool)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"executor": 2}, TypeError, r"executor: got 2, wanted one with the method map of concurrent\.futures"),
        ({"executor": Late()}, TypeError, r"map of Late gave Future, wanted the results; .*client\.get_executor\(\)"),
        ({"executor": Elsewhere(), "chunksize": 0}, ValueError, "chunksize: got 0, wanted a whole number of 1 or more"),
        ({"executor": Elsewhere(), "seed": np.random.default_rng()}, ValueError, "seed: one Generator for several"),
        ({"executor": Elsewhere(), "order": lambda epoch: None}, (AttributeError, pickle.PicklingError), "lambda"),
    ],
    ids=["none", "futures", "chunksize", "seed", "lambda"],
)
def test_what_cannot_be_is_explained(options, kind, message):
    with pytest.raises(kind, match=message):
        train_many(networks(3), X, Y, cr.Adam(), **{"epochs": 1, **options})


def test_a_process_that_dies_is_an_error():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool, pytest.raises(BrokenProcessPool):
        train_many(networks(3), X, Y, cr.Adam(), epochs=2, batch_size=32, order=os._exit, executor=pool)


PROGRAM = """
import threading
from concurrent.futures import ProcessPoolExecutor
import chainrule as cr

if __name__ == "__main__":
    X, Y = cr.datasets.flower()
    nets = [cr.Network([2, 8, 1], hidden="tanh", seed=i) for i in range(50)]
    with ProcessPoolExecutor(2) as pool:
        pool.submit(cr.train_many, nets[:1], X, Y, cr.Adam(), epochs=1).result()  # a worker has begun
        threading.Timer(1, lambda: print("running", flush=True)).start()
        try:
            cr.train_many(nets, X, Y, cr.Adam(), epochs=10**7, batch_size=32, executor=pool)
        except KeyboardInterrupt:
            print("stopped", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_ends_what_runs_in_other_processes():
    # To the one process only, as `kill` and notebooks send it: the others would train for hours.
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout.readline() == "running\n"
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert (out, process.returncode) == ("stopped\n", 0)
