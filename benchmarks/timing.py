"""What the benchmarks share: the machine, threads, races with medians, Markdown tables."""

import math
import os
import platform
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata

import numpy as np
from threadpoolctl import threadpool_limits

from chainrule.engines import kernel

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
PACKAGES = ("chainrule", "numpy", "scikit-learn", "torch", "jax")
NOISE = 0.10  # a larger spread says that something else was running


def machine():
    """The machine and the versions, for the head of a table and for JSON."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "cpu": _cpu(),
        "cores": CORES,
        "isa": kernel.isa() if kernel.BUILT else None,
        "system": platform.system(),
        "load": os.getloadavg()[0],
        "versions": versions,
    }


def _cpu():
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def headline(info):
    versions = ", ".join(f"{name} {version}" for name, version in info["versions"].items() if version)
    return f"{info['cpu']}, {info['cores']} cores, {info['isa'] or 'instruction set unknown'}; {versions}"


def peak(dtype, threads):
    """GFLOP/s of multiply-adds that wait for no memory; None without the native module, which measures it."""
    if not kernel.BUILT or not hasattr(kernel.module(), "peak"):
        return None
    return kernel.module().peak(kernel.isa(), np.dtype(dtype) == np.float64, threads) / 1e9


@contextmanager
def use_threads(count):
    """At most so many threads for BLAS, OpenMP and PyTorch."""
    import torch

    with threadpool_limits(count):
        torch.set_num_threads(count)
        yield


def spin():
    """Seconds of a loop that always does the same: if they vary, the machine does not belong to us."""
    started = time.perf_counter()
    total = 0
    for number in range(300_000):
        total += number
    return time.perf_counter() - started


class Witness:
    """Watches what other programs take of the cores while a block runs: `foreign`, in cores; None where unknown."""

    foreign = None

    def __enter__(self):
        self.started, self.busy, self.own = time.perf_counter(), _busy_seconds(), _own_seconds()
        return self

    def __exit__(self, *error):
        if self.busy is not None:
            others = _busy_seconds() - self.busy - (_own_seconds() - self.own)
            self.foreign = max(0.0, others) / (time.perf_counter() - self.started)

    @classmethod
    def of_a_second(cls):
        """What others take before we begin; by the load average where there is nothing better."""
        with cls() as witness:
            time.sleep(1)
        return os.getloadavg()[0] if witness.foreign is None else witness.foreign


def _busy_seconds():
    """Of all cores and all programs, with what other virtual machines took from this one."""
    try:
        with open("/proc/stat") as lines:
            user, nice, system, _, _, irq, soft, steal = map(int, lines.readline().split()[1:9])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds():
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def spread(samples):
    low, middle, high = np.percentile(samples, [25, 50, 75])
    return float((high - low) / middle)


def clock(call, seconds):
    """Seconds of one call, from as many as fill the time."""
    count = 1
    while True:
        started = time.perf_counter()
        for _ in range(count):
            call()
        taken = time.perf_counter() - started
        if taken >= seconds:
            return taken / count
        count = math.ceil(count * min(10, 1.2 * seconds / max(taken, 1e-9)))


def interleave(calls, rounds):
    """Name → samples of the functions that each return one: round by round, every round from another start."""
    names, samples = list(calls), {name: [] for name in calls}
    for r in range(rounds):
        shift = r % len(names)
        for name in names[shift:] + names[:shift]:
            samples[name].append(calls[name]())
    return samples


@dataclass
class Race:
    """Contenders of the same case against each other: `samples` is seconds of a step, by family."""

    samples: dict = field(default_factory=dict)
    threads: dict = field(default_factory=dict)
    dropped: list = field(default_factory=list)
    spins: list = field(default_factory=list)
    peaks: dict = field(default_factory=dict)  # threads → GFLOP/s, the median of the rounds

    def median(self, family):
        return float(np.median(self.samples[family])) if family in self.samples else math.nan

    def spread(self):
        """The largest of all contenders."""
        return max(map(spread, self.samples.values()))

    def noise(self):
        """What speaks against the machine having been quiet, as text."""
        found = [f"{name} {spread(s):.0%}" for name, s in self.samples.items() if spread(s) > NOISE]
        if self.spins and spread(self.spins) > NOISE:
            found.append(f"spin loop {spread(self.spins):.0%}")
        return ", ".join(found)


def race(contenders, rounds, seconds, slower=1.3, rivals=False, floor=True, epochs=1):
    """Time contenders in turn, `rounds` samples of at least `seconds`, and so many `epochs`, each.

    One that takes `slower` times the fastest of its family (another number of threads) in the first look runs no
    further; with `rivals` the peers are one family in this. `floor`: measure the peak in every round as well.
    """
    counts, first = {}, {}
    for c in contenders:
        with use_threads(c.threads):
            count, first[c] = calibrate(c, seconds)
            counts[c] = max(epochs, count)
    result, taken = Race(), []
    for c in contenders:
        family = [o for o in contenders if o.family == c.family or (rivals and o.peer and c.peer)]
        if first[c] > slower * min(first[o] for o in family):
            result.dropped.append(f"{c.family}, {_count(c.threads)}")
        else:
            taken.append(c)

    def sample(c):
        with use_threads(c.threads):
            return c.sample(counts[c]) / counts[c] / c.case.steps

    calls = {c: lambda c=c: sample(c) for c in taken}
    calls["spin"] = spin
    limits = sorted({c.threads for c in taken}) if floor else []
    for threads in limits:
        calls[threads] = lambda threads=threads: peak(taken[0].dtype, threads)
    samples = interleave(calls, rounds)
    result.spins = samples["spin"]
    for c in sorted(taken, key=lambda c: -np.median(samples[c])):  # the fastest of a family comes last and stays
        result.samples[c.family], result.threads[c.family] = samples[c], c.threads
    for threads in limits:
        result.peaks[threads] = None if None in samples[threads] else float(np.median(samples[threads]))
    return result


def calibrate(contender, seconds):
    """Epochs of a contender that fill the time, and what one takes."""
    count = 1
    while (taken := contender.sample(count)) < seconds / 3:
        count = math.ceil(count * min(50, max(2, seconds / max(taken, 1e-9))))
    return max(1, math.ceil(count * seconds / taken)), taken / count


def _count(threads):
    return f"{threads} thread{'s' if threads > 1 else ''}"


def report_noise(info, places):
    """A clear line for everything that says the machine was not quiet; nothing if it was."""
    if info["load"] > 0.3 * CORES:
        print(f"NOT QUIET: load average {info['load']:.2f} at the start on {CORES} cores.")
    for place, noise in places.items():
        if noise:
            print(f"NOT QUIET: {place}: spread {noise}.")


def over_the_bound(spreads):
    """How many of many spreads are too large, as text; nothing for a tenth of them or less."""
    noisy = sum(value > NOISE for value in spreads)
    return f"over {NOISE:.0%} in {noisy} of {len(spreads)}" if noisy > len(spreads) / 10 else ""


def number(value, digits=3):
    """Three digits, without an exponent; a dash for what was not measured."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}" if value else "0"


def text_table(rows):
    """Rows of text, the first one the head, as a Markdown table that also reads in a terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"

    return "\n".join([line(rows[0]), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows[1:])])


def table(rows):
    """Print such a table."""
    print(text_table(rows) + "\n", flush=True)
