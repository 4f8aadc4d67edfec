"""How the time of a step grows with a network: width, depth, batch, features (dense and sparse), threads.

    python benchmarks/growth.py [--quick] [--picture docs/performance-growth.png] [--out build/growth.json]

One factor at a time varies around 64 inputs, two hidden layers of 64 relu units, 10 classes, batches of 128, Adam; the
features around a layer of 16 units and batches of 32, where a sparse example has 32 numbers that are not 0. Each point
is the median of three or five samples, on one thread and as the engine chooses, in turn.

A kink is where the slope (of the logarithms) from a point to the next is at least 0.6 away from the slope to the point.
Its reason is looked up in what is known of the machine and the kernel; "unexplained" is one without.

Threads beyond those of this machine are a model, from the time on one thread, c + d:

    t(T) = c · (s₁ / E₁(T) + s₂ / E₂(T)) + d / min(T, 8) + a · log₂ T + b · 2 (T − 1) / T

c: arithmetic; s₁, s₂: the shares of forward and dA, and of dW, in it; Eᵢ(T) = nᵢ / ⌈nᵢ / T⌉ for the nᵢ items of work.
d: reading and writing the optimizer's state, 28 bytes a parameter at 15 GB/s a core, if it is larger than a core's
second cache; that 8 cores fill the memory's bandwidth is an assumption. a: two rounds of starting and joining. b: what
the cores take from each other's caches, in proportion to the parameters and the activations. a and b are fitted to all
points of this run with two threads, and the error of the model is what it misses of their times.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cases import CASES
from once import remember_trainers
from timing import CORES, NOISE, Witness, headline, machine, number, spin, spread, table, use_threads

import chainrule as cr

WIDTHS = (16, 23, 32, 45, 64, 91, 128, 181, 256, 362, 512, 724, 1024, 1448, 2048, 2896, 4096)
DEPTHS = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 50)
BATCHES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
FEATURES = (1, 3, 10, 32, 100, 316, 1000, 3162, 10_000, 31_623, 100_000, 316_228, 1_000_000)
STORED = 32  # numbers of a sparse example that are not 0
SAMPLES, LONG_SAMPLES = 5, 3  # of a point, and of one that takes long
KINK = 0.6  # in the slope of the logarithms
PANEL = 32  # float32 examples of a panel, with AVX-512
L2 = 2 << 20  # bytes of a core's second cache; an assumption where the system does not say
MEMORY = 15e9  # bytes per second of a core from memory, on two cores of a Sapphire Rapids server
FULL_MEMORY = 8  # cores that fill the bandwidth; an assumption
ROWS_PER_ITEM, PANELS_PER_ITEM = 16, 4  # of the second stage: rows of W, and panels of its columns
THREADS = (1, 2, 4, 8, 16, 32, 64)


@dataclass
class Point:
    """A network at one size of a factor, and what a step took on one thread and as the engine chose."""

    factor: str
    at: int
    sizes: tuple
    batch: int
    sparse: bool = False
    one: float = np.nan
    chosen: float = np.nan
    threads: int = 1
    noise: float = 0.0

    @property
    def parameters(self):
        return sum(n * (k + 1) for k, n in zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def state(self):
        """Bytes of the parameters and Adam's two slots."""
        return 12 * self.parameters

    @property
    def activations(self):
        """Bytes of A and D."""
        return 8 * self.batch * sum(self.sizes[1:])

    @property
    def shares(self):
        """Of forward and dA, and of dW, in the arithmetic."""
        products = [n * k for k, n in zip(self.sizes, self.sizes[1:], strict=False)]
        whole = 3 * sum(products) - products[0]
        return 1 - sum(products) / whole, sum(products) / whole

    def items(self):
        """Of the first stage and of the second."""
        second = sum(-(-k // (PANEL * PANELS_PER_ITEM)) for k in self.sizes[:-1])
        return -(-self.batch // PANEL), max(second, sum(-(-n // ROWS_PER_ITEM) for n in self.sizes[1:]))


def points(quick):
    every = slice(None, None, 4 if quick else 1)
    found = [Point("width", w, (64, w, w, 10), 128) for w in WIDTHS[every]]
    found += [Point("depth", d, (64, *[64] * d, 10), 128) for d in DEPTHS[every]]
    found += [Point("batch", b, (64, 64, 64, 10), b) for b in BATCHES[every]]
    for sparse in (False, True):
        name = "features, sparse" if sparse else "features"
        found += [Point(name, n, (n, 16, 10), 32, sparse) for n in FEATURES[every]]
    return found


def examples(point, m):
    rng = np.random.default_rng(0)
    n = point.sizes[0]
    if point.sparse:
        from scipy.sparse import csc_array

        stored = min(STORED, n)
        rows = (rng.integers(n, size=(m, 1)) + np.arange(stored) * max(1, n // stored)) % n
        X = csc_array((np.ones(m * stored, np.float32), np.sort(rows).ravel(), np.arange(m + 1) * stored), (n, m))
    else:
        X = rng.standard_normal((m, n), dtype=np.float32).T
    outputs = point.sizes[-1]
    return X, np.eye(outputs, dtype=np.float32)[:, rng.integers(outputs, size=m)]


def measure(point, trainers, seconds):
    """Fill in the times of a point."""
    whole = int(np.clip(4096 // point.batch, 2, 8))
    X, Y = examples(point, whole * point.batch)
    net = cr.Network(point.sizes, output="softmax", seed=0, dtype="float32")

    def sample(epochs):
        trainers.clear()
        options = {"batch_size": point.batch, "seed": 0, "every": epochs + 1, "engine": "native"}
        steps = net.train(X, Y, cr.Adam(1e-5), epochs=epochs + 1, **options)
        next(steps)  # the first epoch sets up
        started = time.perf_counter()
        steps.run()
        return (time.perf_counter() - started) / epochs / whole

    with use_threads(1):
        first = sample(1) * whole
    epochs = max(1, round(seconds / first))
    taken = {1: [], CORES: []}
    for _ in range(SAMPLES if first < 4 * seconds else LONG_SAMPLES):
        for threads, samples in taken.items():
            with use_threads(threads):
                samples.append(sample(epochs))
            if threads == CORES:
                point.threads = trainers[-1].threads
    point.one, point.chosen = (float(np.median(samples)) for samples in taken.values())
    point.noise = max(map(spread, taken.values()))


# -- kinks -----------------------------------------------------------------------------------------------------------


def slopes(line, times):
    """From each point to the next."""
    return np.diff(np.log(times)) / np.diff(np.log([p.at for p in line]))


def reason(before, at, after, chosen):
    """What is known to change between three neighbors; `chosen`: as the engine chooses its threads."""
    found = []
    if chosen and len({before.threads, at.threads, after.threads}) > 1:
        found.append("from here on more than one thread" if after.threads > before.threads else "fewer threads")
    if before.batch != after.batch and before.batch <= 2 * PANEL:
        found.append(f"a panel of {PANEL} examples costs the same when it is not full")
    for what, size in (("parameters and slots leave", lambda p: p.state), ("A and D leave", lambda p: p.activations)):
        if size(before) <= L2 <= size(after):
            found.append(f"{what} the second cache")
    if before.sizes[0] < PANEL <= after.sizes[0] or (at.sparse and before.at < STORED <= after.at):
        found.append("fewer inputs than fill a panel, or an example, cost the same")
    if before.noise > NOISE or at.noise > NOISE or after.noise > NOISE:
        found.append("noise")
    return "; ".join(found) or "unexplained"


def kinks(lines):
    rows = []
    for factor, line in lines.items():
        for chosen, what in ((False, "one thread"), (True, "as it chooses")):
            s = slopes(line, [p.chosen if chosen else p.one for p in line])
            for i in range(1, len(s)):
                if abs(s[i] - s[i - 1]) > KINK:
                    why = reason(*line[i - 1 : i + 2], chosen)
                    rows.append([factor, f"{line[i].at:,}", what, f"{s[i - 1]:.2f}", f"{s[i]:.2f}", why])
    return rows


# -- threads ---------------------------------------------------------------------------------------------------------


class Model:
    """The time of a step on T threads from that on one, as the head of this file has it."""

    def __init__(self, measured):
        """Fitted to points that ran on two threads; the relative error of each is in `errors`."""
        rows, rest = [], []
        for p in measured:
            weight = 1 / p.chosen
            rows.append([weight, weight * p.parameters * 4 / 1024, weight * p.activations / 1024])
            rest.append(weight * (p.chosen - self.divided(p, 2)))
        self.start, self.parameter, self.activation = np.maximum(0, np.linalg.lstsq(rows, rest, rcond=None)[0])
        self.errors = np.array([self(p, 2) / p.chosen - 1 for p in measured])

    def divided(self, p, threads):
        memory = min(p.one / 2, 28 * p.parameters / MEMORY) if p.state > L2 else 0.0
        parts = [share / (n / -(-n // threads)) for share, n in zip(p.shares, p.items(), strict=True)]
        return (p.one - memory) * sum(parts) + memory / min(threads, FULL_MEMORY)

    def __call__(self, p, threads):
        if threads == 1:
            return p.one
        shared = self.parameter * p.parameters * 4 / 1024 + self.activation * p.activations / 1024
        return self.divided(p, threads) + self.start * np.log2(threads) + shared * 2 * (threads - 1) / threads


def thread_points(trainers, seconds, quick):
    """The cases of speed.py whose steps are long enough for threads."""
    found = []
    for name in ("table", "mnist") if quick else ("table", "mnist", "wide"):
        case = CASES[name]
        found.append(Point(name, CORES, case.sizes, case.batch))
        measure(found[-1], trainers, seconds)
    return found


# -- the whole -------------------------------------------------------------------------------------------------------


def picture(lines, cases, model, path):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(13, 7.2), layout="constrained")
    for axis, (factor, line) in zip(axes.flat, lines.items(), strict=False):
        at = [p.at for p in line]
        axis.plot(at, [p.one * 1e6 for p in line], "o-", color="#0072b2", markersize=3, label="one thread")
        axis.plot(at, [p.chosen * 1e6 for p in line], "s--", color="#d55e00", markersize=3, label="as it chooses")
        axis.set(xscale="log", yscale="log", xlabel=factor, ylabel="µs a step")
        axis.legend(frameon=False)
    axis = axes.flat[-1]
    for p, color in zip(cases, ("#0072b2", "#d55e00", "#009e73"), strict=False):
        times = [model(p, t) * 1e6 for t in THREADS]
        axis.plot(THREADS, times, "-", color=color, label=f"{p.factor}, model")
        axis.plot([1, p.threads], [p.one * 1e6, p.chosen * 1e6], "o", color=color)
    axis.set(xscale="log", yscale="log", xlabel="threads (points: measured)", ylabel="µs a step")
    axis.set_xticks(THREADS, map(str, THREADS))
    axis.legend(frameon=False)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="every fourth point")
    parser.add_argument("--seconds", type=float, default=0.05, help="the shortest sample")
    parser.add_argument("--out", type=Path, default=Path("build/growth.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/performance-growth.png"))
    arguments = parser.parse_args()
    info, trainers, lines, spins = machine(), remember_trainers(), {}, []
    print(headline(info) + "\n")
    with Witness() as witness:
        for point in points(arguments.quick):
            spins.append(spin())
            measure(point, trainers, arguments.seconds)
            print(f"{point.factor} {point.at:,}: {number(point.chosen * 1e6)} µs a step", file=sys.stderr)
            lines.setdefault(point.factor, []).append(point)
        cases = thread_points(trainers, arguments.seconds, arguments.quick)
    measured = [p for line in (*lines.values(), cases) for p in line]
    found = kinks(lines)
    table([["factor", "at", "threads", "slope before", "after", "reason"], *found])
    print(f"{len(found)} kinks, {sum(row[-1] == 'unexplained' for row in found)} of them unexplained.\n")
    together = [p for p in measured if p.threads == 2 and not p.sparse]
    model = None
    if len(together) > 3:
        model = Model(together)
        rows = [["network", *[f"{t} threads" for t in THREADS]]]
        rows += [[p.factor, *[number(model(p, t) * 1e6) for t in THREADS]] for p in cases]
        print("µs a step by the model, where all threads take part\n")
        table(rows)
        share = {"parameter": model.parameter, "activation": model.activation}
        constants = ", ".join(f"{value * 1e6:.3g} µs for each KB of {name}s" for name, value in share.items())
        print(f"Fitted to {len(together)} points on two threads: {model.start * 1e6:.3g} µs to start, {constants}.")
        middle, worst = np.median(np.abs(model.errors)), np.abs(model.errors).max()
        print(f"The model misses them by {middle:.0%} in the median and {worst:.0%} at most.")
    if (witness.foreign or 0) > NOISE or spread(spins) > NOISE:
        print(
            f"NOISY: other programs took {witness.foreign or 0:.2f} cores; the spin loop varies by {spread(spins):.0%}."
        )
    noisy = sum(p.noise > NOISE for p in measured)
    print(f"{noisy} of {len(measured)} points have a spread above {NOISE:.0%}.")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    records = [{**vars(p), "parameters": p.parameters} for p in measured]
    result = {"machine": info, "points": records, "kinks": found}
    if model is not None:
        result["model"] = {
            "points": len(together), "start_us": model.start * 1e6, "parameter_us_per_kb": model.parameter * 1e6,
            "activation_us_per_kb": model.activation * 1e6, "error": middle, "worst": worst,
            "threads": {p.factor: [model(p, t) * 1e6 for t in THREADS] for p in cases},
        }  # fmt: skip
        picture(lines, cases, model, arguments.picture)
    arguments.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
