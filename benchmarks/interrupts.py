"""How long Ctrl-C and SIGTERM wait for their answer, from the signal to the exception in Python.

    python benchmarks/interrupts.py [--repeats 3] [--only WORDS]

Every case computes far longer than the signal takes to come, in as few calls as it can: 10⁶ epochs in one call of
the kernel, one evaluation of many seconds, one `predict` of all rows. A case passes if its longest wait is below half
a second; the exit code is 1 if one does not. Each case runs in a process of its own, and the kinds of data and the
lengths of a step (as this machine measures them) are in its name.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress

import numpy as np
import scipy.sparse
from threadpoolctl import threadpool_limits
from timing import headline, machine, report_noise, table

import chainrule as cr
from chainrule.engines import ENGINES
from chainrule.training.train import prepare

LIMIT = 0.5  # seconds
MANY = 10**6  # epochs in one call
SIZES = [100, 100, 10]


class Terminated(BaseException):
    """What the handler of SIGTERM raises here."""


def _terminate(number, frame):
    raise Terminated


def examples(m, sizes=SIZES, sparse=False):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((m, sizes[0])).T
    if sparse:
        X = scipy.sparse.random_array((m, sizes[0]), density=0.1, rng=rng, format="csr").T
    return X, rng.standard_normal((m, sizes[-1])).T


def network(sizes=SIZES, seed=0):
    return cr.Network(sizes, hidden="tanh", output="identity", seed=seed)


def steps(batch, **kind):
    """A state whose steps take about so many seconds with one thread; batch None is one batch of all examples."""

    def state(m, batch_size):
        X, Y = examples(m, **kind)
        return prepare(network(), network().check_examples(X, Y), cr.Adam(1e-6), batch_size=batch_size, shuffle=False)

    probe = state(2000, None)
    ENGINES["native"].run(probe, 2)
    started = time.perf_counter()
    ENGINES["native"].run(probe, 5)
    each = (time.perf_counter() - started) / 5 / 2000
    return lambda seconds: state(max(4, int(seconds / each) * (batch or 1)), max(1, int(seconds / each)))


def trains(seconds, batches=None, threads=1, **kind):
    """`batches` batches an epoch, of so many seconds each; None is one batch of all examples."""
    with threadpool_limits(threads):
        state = steps(batches, **kind)(seconds)
        return lambda: ENGINES["native"].run(state, MANY)


def train(seconds, **options):
    state = steps(None)(seconds)
    return lambda: list(state.network.train(state.X, state.Y, cr.Adam(1e-6), epochs=MANY, every=MANY, **options))


def evaluation(seconds):
    X, Y = examples(1)
    m = steps(None)(seconds).Y.shape[1]
    X, Y = (np.repeat(a, m, axis=1) for a in (X, Y))
    net = network()
    compute = ENGINES["native"].objective(net, X, Y, None, 0.0)

    def repeat():
        while True:
            compute(net.parameters)

    return repeat


def lbfgs(seconds):
    state = steps(None)(seconds)
    return lambda: list(state.network.train(state.X, state.Y, cr.LBFGS(), epochs=MANY, every=MANY))


def forward(threads):
    net = cr.Network([10] + 10 * [1000] + [1], hidden="tanh", output="identity", seed=0, dtype="float32")
    X = np.zeros((10, 400_000), np.float32)

    def repeat():
        with threadpool_limits(threads):
            while True:
                net.forward(X)

    return repeat


def many(seconds, count, **options):
    state = steps(None)(seconds)
    nets = [network(seed=i) for i in range(count)]
    arguments = {"epochs": MANY, "every": MANY, "threads": 2, **options}
    return lambda: cr.train_many(nets, state.X, state.Y, cr.Adam(1e-6), **arguments)


def estimator(search, m=50_000):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((m, 50)), rng.standard_normal(m)
    model = cr.MLPRegressor(hidden_layer_sizes=(700, 700), max_iter=1000, tol=0, random_state=0)
    if search:
        model = cr.GridSearchCV(model, {"alpha": [1e-4, 1e-3, 1e-2]}, cv=3, n_jobs=2)
    return lambda: model.fit(X, y)


CASES = {
    "run, steps of 1 µs": lambda: trains(1e-6),
    "run, steps of 1 ms": lambda: trains(1e-3),
    "run, steps of 10 ms": lambda: trains(1e-2),
    "run, steps of 50 ms": lambda: trains(0.05),
    "run, steps of 100 ms": lambda: trains(0.1),
    "run, steps of 3 s": lambda: trains(3.0),
    "run, steps of 1 ms, epochs of 2 s": lambda: trains(1e-3, 2000),
    "run, steps of 100 ms, epochs of 2 s": lambda: trains(0.1, 20),
    "run, 2 threads, steps of 1 ms": lambda: trains(1e-3, threads=2),
    "run, 2 threads, steps of 100 ms": lambda: trains(0.1, threads=2),
    "run, 2 threads, steps of 3 s": lambda: trains(3.0, threads=2),
    "run, sparse, steps of 1 ms": lambda: trains(1e-3, sparse=True),
    "run, sparse, steps of 100 ms": lambda: trains(0.1, sparse=True),
    "run, sparse, steps of 3 s": lambda: trains(3.0, sparse=True),
    "net.train, steps of 1 µs": lambda: train(1e-6),
    "net.train, steps of 100 ms": lambda: train(0.1),
    "net.train, 'numpy', steps of 100 ms": lambda: train(0.1, engine="numpy"),
    "objective, 100 ms": lambda: evaluation(0.1),
    "objective, 3 s": lambda: evaluation(3.0),
    "L-BFGS, evaluations of 100 ms": lambda: lbfgs(0.1),
    "forward, 10 s": lambda: forward(1),
    "forward, 2 threads, 5 s": lambda: forward(2),
    "train_many, steps of 1 µs": lambda: many(1e-6, 50),
    "train_many, steps of 100 ms": lambda: many(0.1, 4),
    "MLPRegressor.fit, epochs of some seconds": lambda: estimator(False),
    "GridSearchCV.fit, epochs of some seconds": lambda: estimator(True),
}


def wait(name, number, delay):
    """Seconds from the signal to its exception (or to the end of what answers to one by ending), in this process."""
    signal.signal(signal.SIGTERM, _terminate)
    warnings.simplefilter("ignore")
    job, sent = CASES[name](), []

    def send():
        time.sleep(delay)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    with suppress(KeyboardInterrupt, Terminated):
        job()
    late = time.perf_counter() - sent[0]
    thread.join()
    return late


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="of each case")
    parser.add_argument("--only", default="", help="cases with these words in their names")
    parser.add_argument("--one", nargs=3, metavar=("CASE", "SIGNAL", "DELAY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, number, delay = arguments.one
        print(wait(name, int(number), float(delay)))
        return
    info, rng = machine(), np.random.default_rng(0)
    print(headline(info) + "\n")
    rows, slow = [["what computes", "longest wait, ms", "below 500 ms"]], 0
    for name in CASES:
        if arguments.only not in name:
            continue
        late = []
        for r in range(arguments.repeats):
            number = signal.SIGTERM if r % 2 else signal.SIGINT
            command = [sys.executable, __file__, "--one", name, str(int(number)), str(rng.uniform(0.2, 1.2))]
            try:
                late.append(float(subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True).stdout))
            except subprocess.TimeoutExpired:
                late.append(float("inf"))
        slow += max(late) >= LIMIT
        rows.append([name, f"{1000 * max(late):.1f}", "yes" if max(late) < LIMIT else "NO"])
        print(name, [f"{t:.3f}" for t in late], file=sys.stderr, flush=True)
    table(rows)
    report_noise(info, {})
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()
