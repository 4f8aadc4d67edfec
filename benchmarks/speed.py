"""Six trainings by chainrule, PyTorch, scikit-learn and JAX: the same work, checked first, then timed in turn.

    python benchmarks/speed.py [CASE …] [--dtype float32] [--engines native,numpy] [--parts steps,fit,use]
                               [--rounds 7] [--seconds 0.1] [--rows N] [--out build/bench.json] [--picture FILE]

steps: microseconds of a training step. fit: MLPClassifier.fit as a whole against scikit-learn's. use: one-row answers,
import, threads. Goals stand beside what they are for. A peer appears with the better of one thread and all;
the floor is the time of the step's multiply-adds at the peak that was measured in the same run, with the same threads.
"Differs by" is how far the weights of the check end from the reference's, as a part of the way they went.
The ratios are judged where the engine chooses its threads, the multiple of the floor where it has one.
"""

import argparse
import json
import math
import subprocess
import sys
import threading
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from contenders import Case, Chainrule, Jax, ScikitLearn, Torch, check, has
from sklearn import neural_network
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from timing import (
    CORES,
    calibrate,
    clock,
    headline,
    interleave,
    machine,
    number,
    over_the_bound,
    race,
    report_noise,
    spread,
    table,
    use_threads,
)

import chainrule as cr
from chainrule.engines import ENGINES


def _flower():
    X, Y = cr.datasets.flower()
    return X.T, Y.ravel().astype(int)


def _digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


# Small rates: the weights stay where nothing overflows or dies, however many epochs fill a sample.
CASES = {
    case.name: case
    for case in (
        Case("flower", (2, 4, 1), 400, 400, cr.GradientDescent(0.01), "tanh", _flower),
        Case("digits", (64, 32, 10), 1797, 32, cr.Adam(1e-4), source=_digits),
        Case("table", (30, 100, 2), 20_000, 200, cr.Adam(1e-4)),
        Case("mnist", (784, 256, 128, 10), 12_800, 128, cr.Adam(1e-4)),
        Case("cats", (12288, 20, 7, 5, 1), 209, 209, cr.GradientDescent(0.0075)),
        Case("wide", (1024, 2048, 2048, 10), 8192, 1024, cr.Adam(1e-4)),
    )
}
# Times PyTorch, times scikit-learn, at most so many times the floor.
GOALS = {
    "flower": (65, 80, None),
    "digits": (65, 50, 2.3),
    "table": (11, 12, 2.3),
    "mnist": (2.1, 4.8, 1.8),
    "cats": (2, 3.6, 2),
    "wide": (1.05, 1.9, 1.35),
}
ONE_THREAD = "chainrule native, 1 thread"
FIT_GOAL, PREDICT_GOAL, FORWARD_GOAL, IMPORT_GOAL, THREADS_GOAL = 10, 5, 3, 1.3, 1.1


def judged(value, goal, at_most=False):
    """A number with its goal."""
    if goal is None or value is None or not math.isfinite(value):
        return number(value)
    met = value <= goal if at_most else value >= goal
    return f"{number(value)} ({'≤' if at_most else '≥'} {goal:g}: {'met' if met else 'MISSED'})"


# -- steps -----------------------------------------------------------------------------------------------------------


def contenders(engines, dtype):
    """Family → (case → contender) with each number of threads that is worth a look, in the order of the table."""
    every = sorted({1, CORES})
    makers = {}
    for engine in engines:
        if engine == "native":  # the table shows both, for the engine decides itself how many it wakes
            makers[ONE_THREAD] = (Chainrule, {"engine": engine}, [1])
            makers["chainrule native"] = (Chainrule, {"engine": engine}, [CORES])
        else:
            makers[f"chainrule {engine}"] = (Chainrule, {"engine": engine}, every)
    makers[Torch.family] = (Torch, {}, every)
    makers[ScikitLearn.family] = (ScikitLearn, {}, every)
    if has("jax"):
        makers[Jax.family] = (Jax, {}, [CORES])
    result = {}
    for family, (kind, options, threads) in makers.items():
        if kind is Chainrule:
            options = {**options, "family": family}
        result[family] = [partial(kind, dtype=dtype, threads=count, **options) for count in threads]
    return result


def step_rows(case, dtype, engines, rounds, seconds):
    """The records of a case: one for each family, ours first; and what was noisy."""
    families = contenders(engines, dtype)
    agreement = {}
    for family, builders in families.items():
        with use_threads(CORES):
            agreement[family] = check(builders[-1], case, dtype)
    racers = [build(case) for builders in families.values() for build in builders]
    result = race(racers, rounds, seconds)
    compiled = {c.family: c.compile_seconds for c in racers if isinstance(c, Jax)}
    records = []
    for family in families:
        taken, threads = result.median(family), result.threads[family]
        peak = result.peaks[threads]
        ours = family.startswith("chainrule")
        records.append(
            {
                "case": case.name,
                "contender": family,
                "threads": threads,
                "us_per_step": taken * 1e6,
                "gflops": case.flops / taken / 1e9,
                "peak_gflops": peak,
                "times_floor": taken * peak * 1e9 / case.flops if peak else None,
                "over_torch": result.median(Torch.family) / taken if ours else None,
                "over_sklearn": result.median(ScikitLearn.family) / taken if ours else None,
                "spread": spread(result.samples[family]),
                "samples_us": [sample * 1e6 for sample in result.samples[family]],
                "cost_difference": agreement[family][0],
                "weight_difference": agreement[family][1],
                "compile_seconds": compiled.get(family),
            }
        )
    return records, result.noise()


def show_steps(records, goals=True):
    head = "case|contender|threads|µs a step|GFLOP/s|× floor|over PyTorch|over scikit-learn|spread|differs by"
    rows = [head.split("|")]
    for r in records:
        torch, sklearn, floor = GOALS[r["case"]] if goals else (None, None, None)
        if r["contender"] != "chainrule native":  # the ratios of what a user gets are judged, and the kernel by a core
            torch = sklearn = None
        if r["contender"] != ONE_THREAD:
            floor = None
        rows.append(
            [
                r["case"],
                r["contender"],
                str(r["threads"]),
                number(r["us_per_step"]),
                number(r["gflops"]),
                judged(r["times_floor"], floor, at_most=True),
                judged(r["over_torch"], torch),
                judged(r["over_sklearn"], sklearn),
                f"{r['spread']:.0%}",
                f"{r['weight_difference']:.0e}",
            ]
        )
    table(rows)
    for r in records:
        if r["compile_seconds"]:
            print(f"{r['case']}: {r['contender']} compiled for {r['compile_seconds']:.1f} s before that.")


# -- fit and use -----------------------------------------------------------------------------------------------------


def compare(ours, theirs, rounds):
    """Medians in seconds and the larger spread of two functions that give seconds, called in turn."""
    samples = interleave({"ours": ours, "theirs": theirs}, rounds)
    return *(float(np.median(s)) for s in samples.values()), max(map(spread, samples.values()))


def timed(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def fit_sets():
    """Name → X, y, epochs."""
    return {
        "iris": (*load_iris(return_X_y=True), 200),
        "digits": (*load_digits(return_X_y=True), 20),
        "breast_cancer": (*load_breast_cancer(return_X_y=True), 50),
        "20,000 × 30": (*make_classification(20_000, 30, random_state=0), 5),
    }


def fit_records(engine, rounds):
    """Whole fits with equal work; they have to end at the same loss."""
    records = []
    for dtype in ("float64", "float32"):
        for name, (X, y, epochs) in fit_sets().items():
            X = StandardScaler().fit_transform(X).astype(dtype)
            same = {"max_iter": epochs, "tol": 0, "n_iter_no_change": 10**9, "random_state": 0}
            ours = cr.MLPClassifier(engine=engine, **same)
            theirs = neural_network.MLPClassifier(**same)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                a, b, noise = compare(
                    lambda ours=ours, X=X, y=y: timed(lambda: ours.fit(X, y)),
                    lambda theirs=theirs, X=X, y=y: timed(lambda: theirs.fit(X, y)),
                    rounds,
                )
            difference = abs(ours.loss_ / theirs.loss_ - 1)
            assert difference < (1e-6 if dtype == "float64" else 1e-2), (
                f"fit, {name}, {dtype}: loss by {difference:.1e}"
            )
            what = f"fit {name}, {dtype}, {epochs} epochs"
            records.append(record(what, a * 1e3, b * 1e3, "ms", b / a, FIT_GOAL, noise))
    return records


def use_records(engine, rounds, seconds):
    """Answers for one row, the import, and more than one training at a time."""
    X, y = load_digits(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = cr.MLPClassifier(max_iter=2, random_state=0, engine=engine).fit(X, y)
        theirs = neural_network.MLPClassifier(max_iter=2, random_state=0).fit(X, y)
    row, one = X[:1], seconds / 10
    a, b, noise = compare(
        lambda: clock(lambda: ours.predict(row), one), lambda: clock(lambda: theirs.predict(row), one), rounds
    )
    records = [record("predict, one row of digits", a * 1e6, b * 1e6, "µs", b / a, PREDICT_GOAL, noise)]

    net = CASES["digits"].start("float32")
    x = np.ascontiguousarray(X[:1].T, "float32")
    samples = interleave({"ours": lambda: clock(lambda: net.forward(x), one)}, rounds)["ours"]
    forward = float(np.median(samples)) * 1e6
    records.append(
        record("net.forward, 64-32-10, one column", forward, None, "µs", forward, FORWARD_GOAL, spread(samples), True)
    )

    a, b, noise = compare(lambda: import_seconds("chainrule"), lambda: import_seconds("numpy"), max(rounds, 7))
    records.append(record("import, against NumPy's", a * 1e3, b * 1e3, "ms", a / b, IMPORT_GOAL, noise, True))

    with use_threads(1):
        epochs, _ = calibrate(Chainrule(CASES["digits"], "float32", engine=engine), seconds)
    a, b, noise = compare(lambda: together(engine, 2, epochs), lambda: together(engine, 1, epochs), rounds)
    what = "two networks in two Python threads, against one"
    records.append(record(what, a * 1e3, b * 1e3, "ms", a / b, THREADS_GOAL, noise, True))
    a, b, noise = compare(lambda: many(32, engine, True), lambda: many(32, engine, False), rounds)
    what = f"32 networks of digits, {MANY_EPOCHS} epochs: train_many against one by one in one thread"
    records.append(record(what, a * 1e3, b * 1e3, "ms", b / a, 0.9 * CORES, noise))
    a, b, noise = compare(lambda: many(200, engine, True), grid_search, 5)
    what = "200 networks by train_many against 4 by scikit-learn's GridSearchCV on 2 processes"
    records.append(record(what, a, b, "s", b / a, 1, noise))
    return records


def import_seconds(module):
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def together(engine, count, epochs):
    """Seconds of as many trainings at the same time, each of them in one thread."""
    with use_threads(1):
        made = [Chainrule(CASES["digits"], "float32", engine=engine) for _ in range(count)]
        workers = [threading.Thread(target=c.sample, args=(epochs,)) for c in made]

        def run():
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

        return timed(run)


MANY_EPOCHS = 20


def many(count, engine, at_once):
    """Seconds of as many trainings on digits: on all cores, or one after the other in one thread."""
    X, y = CASES["digits"].data("float32")
    Y = np.ascontiguousarray((y[:, None] == np.arange(10)).T, "float32")
    networks = [cr.Network((64, 32, 10), output="softmax", seed=s, dtype="float32") for s in range(count)]
    options = {"epochs": MANY_EPOCHS, "batch_size": 32, "seed": 0, "every": MANY_EPOCHS, "engine": engine}
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


def record(what, ours, theirs, unit, ratio, goal, noise, at_most=False):
    return {
        "what": what, "ours": ours, "theirs": theirs, "unit": unit, "ratio": ratio, "goal": goal, "at_most": at_most,
        "spread": noise,
    }  # fmt: skip


def show_records(records):
    rows = [["what", "unit", "chainrule", "peer", "goal is for", "spread"]]
    for r in records:
        ratio = judged(r["ratio"], r["goal"], r["at_most"])
        rows.append([r["what"], r["unit"], number(r["ours"]), number(r["theirs"]), ratio, f"{r['spread']:.0%}"])
    table(rows)


# -- the whole -------------------------------------------------------------------------------------------------------


def picture(records, path):
    """How many times faster than the peers, case by case."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    first = {}
    for r in records:
        if r["over_torch"] and ("native" in r["contender"] or r["case"] not in first):
            first[r["case"]] = r  # the native engine with all its threads, where there is one
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    at = np.arange(len(first))
    for shift, key, label, color in (
        (-0.2, "over_torch", "PyTorch", "#0072b2"),
        (0.2, "over_sklearn", "scikit-learn", "#d55e00"),
    ):
        values = [r[key] for r in first.values()]
        bars = axes.bar(at + shift, values, 0.38, label=f"over {label}", color=color)
        axes.bar_label(bars, [number(v, 2) for v in values], fontsize=9, padding=-12, color="white")
    goals = [[GOALS[case][i] for case in first] for i in (0, 1)]
    for shift, values in zip((-0.2, 0.2), goals, strict=True):
        axes.hlines(values, at + shift - 0.19, at + shift + 0.19, colors="black", linestyles="dotted")
    axes.plot([], [], "k:", label="goal")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(yscale="log", ylabel="times faster")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(at, list(first))
    axes.margins(y=0.15)
    axes.legend(frameon=False, ncols=3, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all unless given")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument(
        "--engines", default="native,numpy", help="of chainrule, to compare; the first is the one judged"
    )
    parser.add_argument("--parts", default="steps,fit,use")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1, help="the shortest sample")
    parser.add_argument("--rows", type=int, help="at most so many rows of a case, for a quick look without goals")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--picture", type=Path, help="where to draw the ratios of the steps")
    arguments = parser.parse_args()
    parts = arguments.parts.split(",")
    for given, known in ((arguments.cases, CASES), (parts, ("steps", "fit", "use"))):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {sorted(unknown)[0]!r}; known: {', '.join(known)}")
    asked = arguments.engines.split(",")
    engines = [name for name in asked if name in ENGINES]
    if not engines:
        parser.error(f"none of the engines {', '.join(asked)} is there")

    info = machine()
    print(headline(info) + "\n")
    if missing := [name for name in asked if name not in engines]:
        print(f"Not there, and left out: the engine {', '.join(missing)}. The goals are for the native one.\n")
    steps, others, noise = [], [], {}
    if "steps" in parts:
        for name in arguments.cases or CASES:
            case = CASES[name].limited(arguments.rows or CASES[name].rows)
            records, noise[name] = step_rows(case, arguments.dtype, engines, arguments.rounds, arguments.seconds)
            steps += records
            print(f"{name}: all the same, and timed.", file=sys.stderr)
        print(f"One training step, {arguments.dtype}\n")
        show_steps(steps, arguments.dtype == "float32" and arguments.rows is None)
    if "fit" in parts:
        others += fit_records(engines[0], arguments.rounds)
    if "use" in parts:
        others += use_records(engines[0], arguments.rounds, arguments.seconds)
    if others:
        show_records(others)
        noise["fit and use"] = over_the_bound([r["spread"] for r in others])
    report_noise(info, noise)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": info, "dtype": arguments.dtype, "steps": steps, "others": others, "noise": noise}
    arguments.out.write_text(json.dumps(result, indent=1))
    if arguments.picture and steps:
        picture(steps, arguments.picture)


if __name__ == "__main__":
    main()
