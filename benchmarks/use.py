"""Answers for one row, the import, and more than one training at a time: what speed.py shows beside the trainings."""

import subprocess
import sys
import threading
import time
import warnings

import numpy as np
from cases import CASES
from contenders import Chainrule
from sklearn import neural_network
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from timing import CORES, NOISE, calibrate, clock, interleave, spread, use_threads

import chainrule as cr

ONE_ROW_GOAL, FORWARD_GOAL, IMPORT_GOAL, THREADS_GOAL, MANY_GOAL = 20, 3, 1.3, 1.1, 0.95
MANY_EPOCHS = 20
SECONDS = 0.1  # the shortest sample


def compare(ours, theirs, rounds):
    """Medians in seconds and the larger spread of two functions that give seconds, called in turn."""
    samples = interleave({"ours": ours, "theirs": theirs}, rounds)
    return *(float(np.median(s)) for s in samples.values()), max(map(spread, samples.values()))


def timed(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def import_seconds(module):
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def together(count, epochs):
    """Seconds of as many trainings at the same time, each of them in one thread."""
    with use_threads(1):
        made = [Chainrule(CASES["digits"], "float32", engine="auto") for _ in range(count)]
        workers = [threading.Thread(target=c.sample, args=(epochs,)) for c in made]

        def run():
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

        return timed(run)


def many(count, at_once):
    """Seconds of as many trainings on digits: on all cores, or one after the other in one thread."""
    X, y = CASES["digits"].data("float32")
    Y = np.ascontiguousarray((y[:, None] == np.arange(10)).T, "float32")
    networks = [cr.Network((64, 32, 10), output="softmax", seed=s, dtype="float32") for s in range(count)]
    options = {"epochs": MANY_EPOCHS, "batch_size": 32, "seed": 0, "every": MANY_EPOCHS}
    if at_once:
        return timed(lambda: cr.train_many(networks, X.T, Y, cr.Adam(), **options))
    with use_threads(1):
        return timed(lambda: [list(net.train(X.T, Y, cr.Adam(), **options)) for net in networks])


def grid_search():
    """Seconds of scikit-learn's search over four of its own networks, with the same examples and epochs."""
    X, y = CASES["digits"].data("float32")
    network = neural_network.MLPClassifier(
        (32,), batch_size=32, max_iter=MANY_EPOCHS, tol=0, n_iter_no_change=10**9, random_state=0
    )
    rates, split = {"learning_rate_init": np.geomspace(1e-4, 1e-3, 4)}, [(np.arange(len(y)), np.arange(10))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return timed(lambda: GridSearchCV(network, rates, cv=split, n_jobs=2, refit=False).fit(X, y))


def use_records(rounds, start_noise):
    """One record for each question: ours, theirs, the ratio and its goal."""
    records = []

    def record(what, ours, theirs, unit, ratio, goal, noise, at_most=False):
        found = [text for text in (start_noise, f"spread {noise:.0%}" if noise > NOISE else "") if text]
        met = ratio <= goal if at_most else ratio >= goal
        verdict = "NOISY" if found else "met" if met else "MISSED"
        records.append(
            {
                "what": what, "ours": ours, "theirs": theirs, "unit": unit, "ratio": ratio, "goal": goal,
                "verdict": verdict, "at_most": at_most, "spread": noise, "noise": found,
            }
        )  # fmt: skip

    rounds = max(rounds, 5)
    X, y = load_digits(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = cr.MLPClassifier(max_iter=2, random_state=0).fit(X, y)
        theirs = neural_network.MLPClassifier(max_iter=2, random_state=0).fit(X, y)
    row, one = X[:1], SECONDS / 10
    for name in ("predict", "predict_proba"):
        calls = [getattr(model, name) for model in (ours, theirs)]
        a, b, noise = compare(*(lambda call=call: clock(lambda: call(row), one) for call in calls), rounds)
        record(f"{name}, one row of digits", a * 1e6, b * 1e6, "µs", b / a, ONE_ROW_GOAL, noise)

    net = CASES["digits"].start("float32")
    x = np.ascontiguousarray(X[:1].T, "float32")
    samples = interleave({"ours": lambda: clock(lambda: net.forward(x), one)}, rounds)["ours"]
    forward = float(np.median(samples)) * 1e6
    record("net.forward, 64-32-10, one column", forward, None, "µs", forward, FORWARD_GOAL, spread(samples), True)

    a, b, noise = compare(lambda: import_seconds("chainrule"), lambda: import_seconds("numpy"), max(rounds, 7))
    record("import, against NumPy's", a * 1e3, b * 1e3, "ms", a / b, IMPORT_GOAL, noise, True)

    with use_threads(1):
        epochs, _ = calibrate(Chainrule(CASES["digits"], "float32", engine="auto"), SECONDS)
    a, b, noise = compare(lambda: together(2, epochs), lambda: together(1, epochs), rounds)
    record("two networks in two Python threads, against one", a * 1e3, b * 1e3, "ms", a / b, THREADS_GOAL, noise, True)
    a, b, noise = compare(lambda: many(32, True), lambda: many(32, False), rounds)
    what = f"32 networks of digits, {MANY_EPOCHS} epochs: train_many against one by one in one thread"
    record(what, a * 1e3, b * 1e3, "ms", b / a, MANY_GOAL * CORES, noise)
    a, b, noise = compare(lambda: many(200, True), grid_search, 5)
    what = "200 networks by train_many against 4 by scikit-learn's GridSearchCV on 2 processes"
    record(what, a, b, "s", b / a, 1, noise)
    return records
