"""Threads and processes: models that several use at once, and models in processes that were forked or started anew."""

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_info, threadpool_limits

import chainrule as cr
from chainrule.activations import ACTIVATIONS
from chainrule.engines import ENGINES, blas, kernel

rng = np.random.default_rng(0)
X = rng.standard_normal((500, 80))
Y = rng.integers(4, size=500)
SPARSE = sp.csr_array(X * (rng.random(X.shape) < 0.2))
ONE_HOT = np.eye(4)[:, Y]
KINDS = {"dense": X, "sparse": SPARSE}

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed to converge"),
    # Python's own, where a process with threads forks: what is tested here is that it works.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]


def fit(engine="auto", solver="adam", X=X):
    """The parameters and probabilities of a fit whose steps are long enough for two threads."""
    model = cr.MLPClassifier((90, 50), solver=solver, random_state=0, max_iter=4, batch_size=250, engine=engine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, Y)
    return np.concatenate([model.network_.parameters, model.predict_proba(X).ravel()])


def at_once(function, count):
    """What `count` threads get that call a function at the same moment."""
    barrier = threading.Barrier(count)

    def call(i):
        barrier.wait()
        return function(i)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def custom():
    """An activation that only the reference can compute."""
    return replace(ACTIVATIONS["tanh"], name="mine")


# -- threads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_fits_in_two_threads_are_those_of_one(engine, kind, solver):
    alone = fit(engine, solver, KINDS[kind])
    for limit in (1, 2):
        with threadpool_limits(limit):
            for found in at_once(lambda i: fit(engine, solver, KINDS[kind]), 2):
                np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_from_eight_threads_are_those_of_one(kind):
    table = KINDS[kind]
    model = cr.MLPClassifier((90, 50), random_state=0, max_iter=2).fit(table, Y)
    calls = [model.predict, model.predict_proba, model.transform, lambda A: model.score(A, Y)]
    wanted = [call(table) for call in calls]
    for found in at_once(lambda i: [call(table) for _ in range(3) for call in calls], 8):
        for i, array in enumerate(found):
            np.testing.assert_array_equal(array, wanted[i % len(calls)])


@pytest.mark.parametrize("hidden", ["tanh", custom()], ids=["compiled", "reference"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_first_eight_calls_of_forward_may_come_at_once(kind, hidden):
    columns = KINDS[kind].T
    net = cr.Network([80, 90, 4], hidden=hidden, output="softmax", seed=0)
    wanted = cr.Network([80, 90, 4], hidden=hidden, output="softmax", seed=0).forward(columns)
    for _ in range(5):
        net._compiled = None
        for found in at_once(lambda i: net.forward(columns), 8):
            np.testing.assert_array_equal(found, wanted)


def test_coefficients_put_in_by_hand_are_taken_by_all_threads():
    model = cr.MLPClassifier((20,), random_state=0, max_iter=2).fit(X, Y)
    other = cr.MLPClassifier((20,), random_state=1, max_iter=2).fit(X, Y)
    wanted = other.predict_proba(X)
    for _ in range(10):
        model.coefs_ = [coef.copy() for coef in other.coefs_]
        model.intercepts_ = [intercept.copy() for intercept in other.intercepts_]
        for found in at_once(lambda i: model.predict_proba(X), 8):
            np.testing.assert_array_equal(found, wanted)


# -- one thread for the products of NumPy and SciPy --------------------------------------------------------------------


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def set_blas(threads):
    for library in blas._libraries(True):
        blas._set(library, threads)


@pytest.fixture
def two_blas_threads():
    import scipy.optimize  # noqa: F401  its BLAS is one of them

    before = blas_threads()
    set_blas(2)
    if set(blas_threads()) != {2}:
        pytest.skip("this BLAS does not count to two")
    yield
    for library, threads in zip(blas._libraries(True), before, strict=True):
        blas._set(library, threads)


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_has_one_thread_within_and_as_many_as_before_after():
    with blas.one_thread():
        assert set(blas_threads()) == {1}
        with blas.one_thread(), blas.as_before():
            assert set(blas_threads()) == {1}  # the outer block holds
        assert set(blas_threads()) == {1}
        with blas.as_before():
            assert set(blas_threads()) == {2}
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}
    with pytest.raises(ZeroDivisionError), blas.one_thread():
        1 / 0  # noqa: B018
    assert set(blas_threads()) == {2}


@pytest.mark.usefixtures("two_blas_threads")
@pytest.mark.parametrize("threads", [1, 2], ids=["on the way in", "on the way out"])
def test_ctrl_c_while_the_limit_is_set_leaves_nothing_of_it(monkeypatch, threads):
    setting, numbers = blas._set, []

    def interrupted(library, number):
        numbers.append(number)
        if number == threads and numbers.count(threads) == 1:
            signal.raise_signal(signal.SIGINT)
        setting(library, number)

    monkeypatch.setattr(blas, "_set", interrupted)
    with pytest.raises(KeyboardInterrupt), blas.one_thread():
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}
    assert not blas._inside


@pytest.mark.usefixtures("two_blas_threads")
def test_whoever_leaves_last_gives_the_threads_back():
    first, second = threading.Event(), threading.Event()

    def inside():
        with blas.one_thread():
            first.set()
            assert second.wait(60)

    thread = threading.Thread(target=inside)
    thread.start()
    assert first.wait(60)
    with blas.one_thread():
        pass
    assert set(blas_threads()) == {1}
    second.set()
    thread.join()
    assert set(blas_threads()) == {2}


@pytest.mark.usefixtures("two_blas_threads")
@pytest.mark.parametrize("engine", ENGINES)
def test_who_watches_a_training_has_blas_as_before(engine):
    net = cr.Network([80, 90, 4], output="softmax", seed=0)
    for optimizer in (cr.Adam(), cr.LBFGS()):
        for _ in net.train(X.T, ONE_HOT, optimizer, epochs=3, engine=engine):
            assert set(blas_threads()) == {2}
    assert set(blas_threads()) == {2}


# -- processes ---------------------------------------------------------------------------------------------------------

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def forked(function, seconds=100):
    """What a function returns in a forked process, as bytes; fails where that hangs."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.write(writing, function())
        finally:
            os._exit(0)
    os.close(writing)
    ready = select.select([reading], [], [], seconds)[0]
    if not ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        found = pipe.read() if ready else b""
    assert ready, f"the forked process hangs: {seconds} s"
    return found


def all_fits():
    return np.concatenate([fit(engine, solver) for engine in ENGINES for solver in ("adam", "lbfgs")])


def digest():
    return joblib.hash(all_fits()).encode()


@forks
def test_a_forked_process_predicts_and_fits_after_a_fit_with_two_threads():
    with threadpool_limits(2):
        if kernel.BUILT:
            net = cr.Network([80, 300, 4], output="softmax", seed=0)
            list(net.train(X.T, ONE_HOT, cr.Adam(), epochs=3, engine="native"))
        wanted = digest()
        assert forked(digest) == wanted
        model = cr.MLPClassifier((90, 50), random_state=0, max_iter=2).fit(X, Y)
        assert (
            forked(lambda: joblib.hash(model.predict_proba(X)).encode()) == joblib.hash(model.predict_proba(X)).encode()
        )
        assert digest() == wanted


@forks
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", [cr.Adam(), cr.LBFGS()], ids=["Adam", "LBFGS"])
def test_a_process_that_is_forked_while_another_thread_trains_does_not_hang(engine, optimizer):
    net, stop, began = cr.Network([80, 300, 100, 4], output="softmax", seed=0), threading.Event(), threading.Event()

    def train():
        while not stop.is_set():
            for _ in net.train(X.T, ONE_HOT, optimizer, epochs=1000, engine=engine):
                began.set()
                if stop.is_set():
                    break

    with threadpool_limits(2):
        wanted = joblib.hash(fit(engine)).encode()
        thread = threading.Thread(target=train)
        thread.start()
        try:
            assert began.wait(60)
            for pause in (0.0, 0.003):
                time.sleep(pause)
                assert forked(lambda: joblib.hash(fit(engine)).encode()) == wanted
        finally:
            stop.set()
            thread.join()
    assert not blas._before


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_pool_of_processes_fits_after_a_fit(way):
    if way not in multiprocessing.get_all_start_methods():
        pytest.skip(f"there is no {way} here")
    wanted = fit("native" if kernel.BUILT else "numpy")
    context = multiprocessing.get_context(way)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with context.Pool(1) as pool:
            found = pool.apply_async(fit, ("native" if kernel.BUILT else "numpy",)).get(60)
    np.testing.assert_array_equal(found, wanted)


END = """
import sys, threading, time, os
import numpy as np, chainrule as cr
net = cr.Network([80, 300, 4], output="softmax", seed=0)
X, Y = np.ones((80, 500)), np.eye(4)[:, np.arange(500) % 4]
training = net.train(X, Y, cr.LBFGS() if sys.argv[1] == "LBFGS" else cr.Adam(), epochs=10**6, engine=sys.argv[2])
next(training)
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
print("fine", flush=True)
"""


@forks
@pytest.mark.parametrize("optimizer", ["Adam", "LBFGS"])
def test_a_program_ends_that_has_left_a_training_and_forked(optimizer):
    path = os.pathsep.join(filter(None, sys.path))
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", END, optimizer, list(ENGINES)[-1]],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "2"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.stdout == "fine\nfine\n", run.stderr
