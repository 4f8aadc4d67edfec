"""No weak spot: chainrule's time of a step over the better of PyTorch's and scikit-learn's, over a grid of networks.

    python benchmarks/grid.py [--minutes 25] [--resume] [--panels NAME …] [--engine auto] [--dtype float32]
                              [--picture docs/performance-grid.png] [--out build/grid.json]

Two factors at a time vary around 64 inputs, two hidden layers of 64 relu units, 10 classes, batches of 128, Adam. Below
1 chainrule is faster. All activations and optimizers are first checked to be the same. Cells come in a random order
(the same one every time), so that a short run sees all corners; the last one may end after the time. A cell whose step
would likely take more than --longest seconds is left out. A peer that takes 1.3 times the better one in the first look
is timed no further. What is measured is written at once, and --resume goes on from there.

"Limited by" is the largest part of our time by a model: arithmetic at 170 GFLOP/s a core in float32 (85 in float64);
memory, the optimizer's state read and written at 15 GB/s a core, if it is larger than a core's second cache;
activations that are no comparison, 1 ns a number; and 6 µs a step of overhead.
Exit code 1: a cell is slower than the better peer by more than 5 %.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from contenders import Case, Chainrule, ScikitLearn, Torch, check
from timing import CORES, headline, machine, number, over_the_bound, race, report_noise, table, use_threads

import chainrule as cr
from chainrule.activations import ACTIVATIONS, OUTPUT_ONLY

WIDTHS = BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
DEPTHS = (1, 2, 3, 5, 10, 20)
ACTIVATION_NAMES = tuple(name for name in ACTIVATIONS if name not in OUTPUT_ONLY)
OPTIMIZERS = {
    kind.__name__: kind(1e-4)
    for kind in (cr.GradientDescent, cr.Momentum, cr.HeavyBall, cr.Nesterov, cr.RMSProp, cr.Adam, cr.AdamW)
}
AXES = {
    "width": WIDTHS,
    "batch": BATCHES,
    "depth": DEPTHS,
    "activation": ACTIVATION_NAMES,
    "optimizer": tuple(OPTIMIZERS),
}
BASE = {"width": 64, "batch": 128, "depth": 2, "activation": "relu", "optimizer": "Adam"}
# Name → what goes down and what goes across.
PANELS = {
    "width-batch": ("width", "batch"),
    "width-depth": ("width", "depth"),
    "depth-batch": ("depth", "batch"),
    "activation-width": ("activation", "width"),
    "activation-batch": ("activation", "batch"),
    "optimizer-width": ("optimizer", "width"),
    "optimizer-batch": ("optimizer", "batch"),
}
EPOCHS = 4  # of a sample, at least: the second one of a training still touches memory for the first time
NEAR_EQUAL = 0.05  # what a rerun may change
# Of the model of what limits a cell: measured on one machine, a Sapphire Rapids server of two cores.
RATE = {"float32": 170e9, "float64": 85e9}  # operations per second of a core
MEMORY = 15e9  # bytes per second of a core
L2 = 2 << 20  # bytes
ACTIVATION = 1e-9  # seconds of a number whose activation is no comparison
OVERHEAD = 6e-6  # seconds of a step


def case_of(**factors):
    """The network of a cell, with rows for one batch to eight of them: fewer where they take long."""
    f = {**BASE, **factors}
    sizes = (f["width"], *[f["width"]] * f["depth"], 10)
    name = " ".join(f"{key} {value}" for key, value in f.items())
    case = Case(name, sizes, f["batch"], f["batch"], OPTIMIZERS[f["optimizer"]], hidden=f["activation"])
    return replace(case, rows=case.batch * int(np.clip(0.02 / likely_seconds(case), 1, 8)))


def likely_seconds(case):
    """Of a step: 50 GFLOP/s, and 4 ns for the update of a weight."""
    weights = sum(n * k for k, n in zip(case.sizes, case.sizes[1:], strict=False))
    return case.flops / 50e9 + 4e-9 * weights


def limit(case, dtype, seconds):
    """The largest part of a step by the model, and its share; what the model does not explain is "other"."""
    weights = sum(n * k for k, n in zip(case.sizes, case.sizes[1:], strict=False))
    slots = {"Adam": 2, "AdamW": 2, "GradientDescent": 0}.get(type(case.optimizer).__name__, 1)
    state = np.dtype(dtype).itemsize * weights * (1 + slots)
    numbers = case.batch * sum(case.sizes[1:-1]) if case.hidden not in ("relu", "leaky_relu", "identity") else 0
    threads = CORES if case.flops / RATE[dtype] > 4 * OVERHEAD else 1
    parts = {
        "arithmetic": case.flops / RATE[dtype] / threads,
        "memory": 2 * state / MEMORY / threads if state > L2 else 0,
        "activations": numbers * ACTIVATION / threads,
        "overhead": OVERHEAD,
    }
    parts["other"] = max(0, seconds - sum(parts.values()))
    name = max(parts, key=parts.get)
    return f"{name} {min(1, parts[name] / seconds):.0%}"


def contenders(case, engine, dtype):
    result = []
    for threads in sorted({1, CORES}):
        result.append(Torch(case, dtype, threads))
        if ScikitLearn.knows(case):
            result.append(ScikitLearn(case, dtype, threads))
    return [Chainrule(case, dtype, CORES, engine=engine, family="chainrule"), *result]


def measure(case, engine, dtype, rounds, seconds):
    result = race(contenders(case, engine, dtype), rounds, seconds, rivals=True, floor=False, epochs=EPOCHS)
    peers = [family for family in result.samples if family != "chainrule"]
    best = min(peers, key=result.median)
    ours, theirs = result.median("chainrule"), result.median(best)
    return {
        "case": case.name,
        "us_per_step": ours * 1e6,
        "peer": best,
        "peer_us": theirs * 1e6,
        "ratio": ours / theirs,
        "limit": limit(case, dtype, ours),
        "dropped": result.dropped,
        "spread": result.spread(),
    }


def same_work(engine, dtype):
    """Every activation and every optimizer, checked against the reference once."""
    cases = [case_of(width=16, activation=name) for name in ACTIVATION_NAMES]
    cases += [case_of(width=16, activation="tanh", optimizer=name) for name in OPTIMIZERS]
    for case in cases:
        known = [ScikitLearn] if ScikitLearn.knows(case) else []
        for build in (partial(Chainrule, engine=engine), Torch, *known):
            with use_threads(1):
                check(build, case, dtype)


def worst_rows(cells, count):
    """Where the better peer is nearest or ahead, as text."""
    rows = [["ratio", "µs a step", "peer", "its µs", "cell", "limited by", "spread"]]
    for cell in sorted(cells, key=lambda cell: -cell["ratio"])[:count]:
        numbers = [number(cell["ratio"]), number(cell["us_per_step"]), cell["peer"], number(cell["peer_us"])]
        rows.append([*numbers, cell["case"], cell["limit"], f"{cell['spread']:.0%}"])
    return rows


def write(path, info, dtype, cells, left):
    """What there is so far."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [{**cell, "panel": key[0], "down": key[1], "across": key[2]} for key, cell in cells.items()]
    path.write_text(json.dumps({"machine": info, "dtype": dtype, "cells": records, "left out": left}, indent=1))


def picture(cells, panels, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(6 * columns, 4.6 * lines), squeeze=False, layout="constrained")
    image = None
    for axis, panel in zip(axes.flat, panels, strict=False):
        down, across = (AXES[factor] for factor in PANELS[panel])
        grid = np.array([[cells.get((panel, a, b), {}).get("ratio", np.nan) for b in across] for a in down])
        # Purple is faster, orange slower; the two differ in every kind of color vision. ¹⁄₁₆ and 16 are the ends.
        image = axis.imshow(np.log2(grid), cmap="PuOr_r", vmin=-4, vmax=4, aspect="auto")
        axis.set_facecolor("0.85")
        for (i, j), ratio in np.ndenumerate(grid):
            text = "·" if np.isnan(ratio) else number(ratio, 2)
            dark = abs(np.log2(ratio)) > 2.5 if not np.isnan(ratio) else False
            axis.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
        axis.set_xticks(range(len(across)), [str(value) for value in across])
        axis.set_yticks(range(len(down)), [str(value) for value in down])
        axis.set(xlabel=PANELS[panel][1], ylabel=PANELS[panel][0])
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_axis_off()
    ticks = np.arange(-4, 5)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, ticks=ticks, extend="both")
    bar.ax.set_yticklabels([f"1/{2**-t}" if t < 0 else str(2**t) for t in ticks.tolist()])
    bar.set_label("time of a step over that of the better peer (below 1: chainrule is faster)")
    figure.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=25, help="the whole budget")
    parser.add_argument("--resume", action="store_true", help="keep the cells that --out has")
    parser.add_argument("--panels", nargs="+", choices=PANELS, default=list(PANELS))
    parser.add_argument("--engine", default="auto", help="of chainrule")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.02, help="the shortest sample")
    parser.add_argument("--longest", type=float, default=2.0, help="seconds of a step that are too many")
    parser.add_argument("--worst", type=int, default=10, help="cells to print")
    parser.add_argument("--out", type=Path, default=Path("build/grid.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/performance-grid.png"))
    arguments = parser.parse_args()

    info = machine()
    print(headline(info) + "\n")
    same_work(arguments.engine, arguments.dtype)
    print("All activations and optimizers compute the same.", file=sys.stderr)
    end = time.monotonic() + 60 * arguments.minutes
    wanted = [
        (panel, a, b) for panel in arguments.panels for a in AXES[PANELS[panel][0]] for b in AXES[PANELS[panel][1]]
    ]
    cells, left, known = {}, {"too long": [], "no time": []}, {}
    if arguments.resume and arguments.out.exists():
        saved = json.loads(arguments.out.read_text())
        if saved["dtype"] == arguments.dtype:
            cells = {(c["panel"], c["down"], c["across"]): c for c in saved["cells"]}
    for i in np.random.default_rng(0).permutation(len(wanted)):
        panel, a, b = key = wanted[i]
        case = case_of(**dict(zip(PANELS[panel], (a, b), strict=True)))
        if key in cells:
            known[case] = cells[key]
        elif case in known:  # a cell that two panels share
            cells[key] = known[case]
        elif likely_seconds(case) > arguments.longest:
            left["too long"].append(case.name)
        elif time.monotonic() >= end:
            left["no time"].append(case.name)
        else:
            cells[key] = known[case] = measure(
                case, arguments.engine, arguments.dtype, arguments.rounds, arguments.seconds
            )
            write(arguments.out, info, arguments.dtype, cells, left)
    write(arguments.out, info, arguments.dtype, cells, left)

    ratios = np.array([cell["ratio"] for cell in known.values()])
    slower = int((ratios > 1 + NEAR_EQUAL).sum())
    print(f"{len(cells)} of {len(wanted)} cells.")
    for why, names in left.items():
        if names:
            print(f"Left out, {why}: {len(names)}: {'; '.join(names[:5])}{' …' if len(names) > 5 else ''}")
    print(f"Median ratio {np.median(ratios):.3g}; slower than the better peer (> {1 + NEAR_EQUAL}) in {slower}.")
    skipped = sum(any("scikit" in name for name in cell["dropped"]) for cell in known.values())
    print(f"scikit-learn was timed no further, as clearly slower, in {skipped} cells.\n")
    table(worst_rows(known.values(), arguments.worst))
    report_noise(info, {"the cells": over_the_bound([cell["spread"] for cell in known.values()])})
    picture(cells, arguments.panels, arguments.picture)
    raise SystemExit(1 if slower else 0)


if __name__ == "__main__":
    main()
