"""Trainings as a user meets them: a fresh process, the first training counted; against PyTorch, scikit-learn and JAX.

    python benchmarks/speed.py [CASE …] [--dtype float32] [--others] [--parts trainings,fits,use] [--rounds 3] [--quick]
                               [--before PYTHON] [--out build/bench.json] [--picture FILE]

For each case and contender a process of its own (once.py): data in memory, libraries loaded, 0.4 s of rest, then the
first training and the same again, warm. Contenders take turns; every figure is the median over the processes. Before
that, each contender is checked to compute the same. A peer is judged by the better of one thread and all. JAX counts
only when it is warm: its first training is compiling.

Each figure has its spread: upper less lower quartile, over the median. A run is noisy where the spread of ours or of
the peer is too large, where other programs take more than a tenth of a core meanwhile, where a loop that always does
the same does not always take the same, or where the machine has work to do at the start. Then a goal is neither met nor
missed. Exit codes: 0 all goals are met, 1 one is missed, 3 the run was noisy.

--others: ten shapes that no rule was made for. --quick: a look, one round without the check. --before: another Python,
whose chainrule takes part as well.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from cases import CASES, FITS, GOALS, HALF, OTHERS
from contenders import Jax, ScikitLearn, Torch, has
from once import UNKNOWN
from timing import CORES, NOISE, Witness, headline, machine, number, spin, spread, table
from use import use_records

ONCE = Path(__file__).with_name("once.py")
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
FOREIGN = 0.1  # cores that other programs may take. Chosen; a compiler takes 1, a desktop at rest 0.02
MORE_ROUNDS = 2  # for a case that is noisy after the rounds that were asked for
MET, MISSED, NOISY = "met", "MISSED", "NOISY"


@dataclass
class Entry:
    """A contender and its figures: of each process one."""

    family: str
    threads: int | None = None  # that it is limited to; None: as it likes
    python: str = sys.executable
    ours: bool = False
    first: list = field(default_factory=list)  # seconds
    warm: list = field(default_factory=list)  # seconds, the best of the process
    used: list = field(default_factory=list)  # threads, where it is known
    foreign: list = field(default_factory=list)  # cores
    result: dict = field(default_factory=dict)  # of the last process

    @property
    def label(self):
        return self.family + (f", {self.threads} thread{'s' if self.threads > 1 else ''}" if self.threads else "")

    def run(self, *command):
        """One process. False if it does not have what is asked for."""
        limits = dict.fromkeys(THREAD_LIMITS, str(self.threads)) if self.threads else {}
        with Witness() as witness:
            self.result = process(self.python, *command, **limits)
        if self.result is None:
            return False
        if witness.foreign is not None:
            self.foreign.append(witness.foreign)
        self.first.append(self.result["first"])
        if self.result["warm"]:
            self.warm.append(min(self.result["warm"]))
        self.used.append(self.result.get("threads"))
        return True

    def noise(self):
        """What speaks against its figures, as text."""
        found = []
        if len(self.first) > 1 and spread(self.first) > NOISE:
            found.append(f"spread {spread(self.first):.0%}")
        if self.foreign and np.median(self.foreign) > FOREIGN:
            found.append(f"other programs took {np.median(self.foreign):.2f} cores")
        return ", ".join(found)


def process(python, *command, **environment):
    """What once.py prints, in a process of its own; None if it says that there is no such thing."""
    done = subprocess.run(
        [python, str(ONCE), *command], capture_output=True, text=True, env={**os.environ, **environment}
    )
    if done.returncode == UNKNOWN:
        return None
    if done.returncode:
        raise SystemExit(f"once.py {' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def median(samples):
    return float(np.median(samples)) if samples else math.nan


# -- trainings -------------------------------------------------------------------------------------------------------


def entries(case, before, quick):
    """Who takes part, ours first."""
    result = [Entry("chainrule", ours=True)]
    if CORES > 1:
        result.append(Entry("chainrule", 1))
    if before:
        result.append(Entry("before", python=before))
    for kind in (Torch, ScikitLearn):
        if kind is Torch or kind.knows(case):
            result += [Entry(kind.family, threads) for threads in sorted({1, CORES})]
    if Jax.knows(case) and has("jax") and not quick:
        result.append(Entry("JAX"))
    return result


def check_all(case, dtype):
    """Everyone computes the same: family → by how much the weights differ."""
    differences = {}
    for family in ("chainrule", "PyTorch", "scikit-learn", "JAX"):
        kind = {"scikit-learn": ScikitLearn, "JAX": Jax}.get(family)
        if (kind is None or kind.knows(case)) and (kind is not Jax or has("jax")):
            found = process(sys.executable, "check", case.name, family, "--dtype", dtype)
            differences[family] = found and found[1]
    return differences


def time_case(case, dtype, rounds, trainings, who, kind="train"):
    """Rounds of processes that take turns; a noisy case gets a few more. The spins, and those who took part."""
    spins, command = [], (kind, case if isinstance(case, str) else case.name)
    name = {"before": "chainrule"}
    done, last = 0, rounds
    while done < last:
        shift = done % len(who)
        for entry in who[shift:] + who[:shift]:
            spins.append(spin())
            options = ("--dtype", dtype, "--trainings", str(trainings))
            if not entry.run(*command, name.get(entry.family, entry.family), *options):
                who = [other for other in who if other.family != entry.family]
        done += 1
        if done == rounds > 1 and any(e.noise() for e in judged_entries(who)):
            last += MORE_ROUNDS
    return spins, who


def judged_entries(who):
    """Ours as it chooses itself, and the better of each peer, by the first training."""
    found = [e for e in who if e.ours]
    for family in ("PyTorch", "scikit-learn"):
        peers = [e for e in who if e.family == family and e.first]
        if peers:
            found.append(min(peers, key=lambda e: median(e.first)))
    return found


def verdicts(who, goals, start_noise, spins, warm_peers=()):
    """Peer → ratio of the first training, goal, verdict, ratio when warm; of the better number of threads each."""
    ours, result = next(e for e in who if e.ours), {}
    for family, goal in goals.items():
        peers = [e for e in who if e.family == family and e.first]
        if not peers or not ours.first:
            continue
        peer = min(peers, key=lambda e: median(e.first))
        warm = min(peers, key=lambda e: median(e.warm) if e.warm else math.inf)
        ratio, warm_ratio = median(peer.first) / median(ours.first), median(warm.warm) / median(ours.warm)
        judged = warm_ratio if family in warm_peers else ratio
        noise = [text for text in (start_noise, spin_noise(spins)) if text]
        noise += [f"{e.label}: {e.noise()}" for e in (ours, peer) if e.noise()]
        verdict = None if goal is None else NOISY if noise else MET if judged >= goal else MISSED
        result[family] = {
            "first": ratio, "goal": goal, "verdict": verdict, "warm": warm_ratio, "judged": judged,
            "noise": noise, "threads": peer.threads,
        }  # fmt: skip
    return result


def spin_noise(spins):
    return f"a loop that always does the same: spread {spread(spins):.0%}" if spread(spins) > NOISE else ""


def judged(value, goal, verdict, at_most=False):
    """A number with its goal."""
    if goal is None or value is None:
        return number(value)
    return f"{number(value)} ({'≤' if at_most else '≥'} {goal:g}: {verdict})"


def case_record(case, dtype, who, spins, differences, found):
    rows = []
    for e in who:
        if not e.first:
            continue
        steps = e.result["steps"]
        warm = median(e.warm)
        used = [str(count) for count in sorted({u for u in e.used if u})]
        rows.append(
            {
                "contender": e.family,
                "limit": e.threads,
                "threads": "/".join(used) or str(e.threads or CORES),
                "first_ms": median(e.first) * 1e3,
                "warm_ms": warm * 1e3,
                "us_per_step": warm / steps * 1e6,
                "gflops": e.result["flops"] * steps / warm / 1e9,
                "spread": spread(e.first),
                "foreign": median(e.foreign),
                "samples_ms": [s * 1e3 for s in e.first],
                "difference": (differences or {}).get("chainrule" if e.family == "before" else e.family),
            }
        )
    return {"case": case.name, "dtype": dtype, "rows": rows, "ratios": found, "spin": spread(spins)}


def case_rows(record):
    """Every contender, as text."""
    rows = [["case", "contender", "threads", "first, ms", "warm, ms", "µs a step", "GFLOP/s", "spread", "differs by"]]
    for r in record["rows"]:
        name = r["contender"] + (" as it chooses" if r["contender"] == "chainrule" and not r["limit"] else "")
        difference = "–" if r["difference"] is None else f"{r['difference']:.0e}"
        numbers = [number(r[key]) for key in ("first_ms", "warm_ms", "us_per_step", "gflops")]
        rows.append([record["case"], name, r["threads"], *numbers, f"{r['spread']:.0%}", difference])
    return rows


def goal_rows(records):
    """How many times as fast as each peer, case by case, as text: JAX warm, the others in the first training."""
    peers = [p for p in ("PyTorch", "scikit-learn", "JAX") if any(p in r["ratios"] for r in records)]
    first = [f"over {p}" + (", warm" if p == "JAX" else "") for p in peers]
    rows = [["case", "threads", *first, *[f"warm, over {p}" for p in peers if p != "JAX"]]]
    for r in records:
        found = [(p, r["ratios"].get(p)) for p in peers]
        goals = ["–" if v is None else judged(v["judged"], v["goal"], v["verdict"]) for _, v in found]
        warm = ["–" if v is None else number(v["warm"]) for p, v in found if p != "JAX"]
        threads = next(row["threads"] for row in r["rows"] if row["contender"] == "chainrule" and not row["limit"])
        rows.append([r["case"], threads, *goals, *warm])
    return rows


def show_noise(named):
    """Lines for what spoke against the figures: (what, texts) …"""
    for name, texts in named:
        for text in sorted(set(texts)):
            print(f"NOISY: {name}: {text}")


def goals_of(case, dtype, others):
    """Peer → how many times as fast as it, at least."""
    if dtype == "float64" or others:
        return {"PyTorch": 1, "scikit-learn": 1, "JAX": 1 if dtype == "float64" else None}
    torch, sklearn = GOALS[case.name]
    return {"PyTorch": torch, "scikit-learn": sklearn, "JAX": None}


# -- whole fits ------------------------------------------------------------------------------------------------------


def fit_records(names, dtypes, rounds, trainings, start_noise):
    """Whole fits with equal work; they have to end at the same loss."""
    records = []
    for dtype in dtypes:
        for name in names:
            who = [Entry("chainrule", ours=True), *[Entry("scikit-learn", t) for t in sorted({1, CORES})]]
            spins, who = time_case(name, dtype, rounds, trainings, who, "fit")
            losses = {e.family: e.result["loss"] for e in who}
            difference = abs(losses["chainrule"] / losses["scikit-learn"] - 1)
            if difference > (1e-6 if dtype == "float64" else 1e-2):
                raise SystemExit(f"fit, {name}, {dtype}: the losses differ by {difference:.1e}")
            epochs, goal = FITS[name]
            found = verdicts(who, {"scikit-learn": goal if dtype == "float32" else None}, start_noise, spins)
            ours, theirs = judged_entries(who)
            v = found["scikit-learn"]
            records.append(
                {
                    "what": f"fit {name}, {dtype}, {epochs} epochs", "unit": "ms", "ours": median(ours.first) * 1e3,
                    "theirs": median(theirs.first) * 1e3, "ratio": v["first"], "goal": v["goal"],
                    "verdict": v["verdict"], "warm": v["warm"], "spread": max(spread(ours.first), spread(theirs.first)),
                    "noise": v["noise"], "at_most": False,
                }
            )  # fmt: skip
    return records


def record_rows(records):
    """Fits and single calls, as text."""
    rows = [["what", "unit", "chainrule", "peer", "goal is for", "warm", "spread"]]
    for r in records:
        ratio = judged(r["ratio"], r["goal"], r["verdict"], r["at_most"])
        numbers = [number(r["ours"]), number(r["theirs"]), ratio, number(r.get("warm"))]
        rows.append([r["what"], r["unit"], *numbers, f"{r['spread']:.0%}"])
    return rows


# -- the whole -------------------------------------------------------------------------------------------------------


def picture(records, path):
    """How many times faster than the peers, case by case: the first training, and warm."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    at = np.arange(len(records))
    for shift, peer, color in ((-0.2, "PyTorch", "#0072b2"), (0.2, "scikit-learn", "#d55e00")):
        values = [r["ratios"][peer]["first"] for r in records]
        bars = axes.bar(at + shift, values, 0.38, label=f"over {peer}", color=color)
        axes.bar_label(bars, [number(v, 2) for v in values], fontsize=9, padding=-12, color="white")
        warm = [r["ratios"][peer]["warm"] for r in records]
        axes.plot(at + shift, warm, "k_", markersize=14, label="warm" if shift > 0 else None)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set(yscale="log", ylabel="times faster, first training")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xticks(at, [r["case"] for r in records])
    axes.margins(y=0.15)
    axes.legend(frameon=False, ncols=3, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog="See the head of the file for what is measured, and how."
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join([*CASES, *HALF, *OTHERS])}")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--others", action="store_true", help="the shapes that no rule was made for")
    parser.add_argument("--parts", default="trainings,fits,use")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each contender")
    parser.add_argument("--trainings", type=int, default=4, help="in a process; the first one is the cold one")
    parser.add_argument("--quick", action="store_true", help="one round of two trainings, no check, no JAX")
    parser.add_argument("--before", metavar="PYTHON", help="another Python, whose chainrule takes part")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--picture", type=Path, help="where to draw the ratios of the trainings")
    arguments = parser.parse_args()
    parts, every = arguments.parts.split(","), CASES | HALF | OTHERS
    for given, known in ((arguments.cases, every | FITS), (parts, ("trainings", "fits", "use"))):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {sorted(unknown)[0]!r}; known: {', '.join(known)}")
    if arguments.quick:
        arguments.rounds, arguments.trainings = 1, 2
    names = arguments.cases or (OTHERS if arguments.others else CASES | HALF if arguments.dtype == "float32" else CASES)

    info = machine()
    print(headline(info) + "\n")
    start = Witness.of_a_second()
    start_noise = f"at the start other programs took {start:.2f} cores" if start > FOREIGN else ""
    trainings, others = [], []
    if "trainings" in parts:
        for name in (name for name in names if name in every):
            case = every[name]
            differences = None if arguments.quick else check_all(case, arguments.dtype)
            who = entries(case, arguments.before, arguments.quick)
            spins, who = time_case(case, arguments.dtype, arguments.rounds, arguments.trainings, who)
            if not any(e.ours for e in who):
                print(f"{name}: left out, for this chainrule or this processor does not have it.\n")
                continue
            goals = goals_of(case, arguments.dtype, name in OTHERS)
            goals["before"] = None
            found = verdicts(who, goals, start_noise, spins, warm_peers=("JAX",))
            trainings.append(case_record(case, arguments.dtype, who, spins, differences, found))
            table(case_rows(trainings[-1]))
        table(goal_rows(trainings))
        show_noise((r["case"], v["noise"]) for r in trainings for v in r["ratios"].values() if v["goal"])
    if "fits" in parts:
        fits = [name for name in FITS if not arguments.cases or name in arguments.cases]
        dtypes = ("float32",) if arguments.quick else ("float32", "float64")
        others += fit_records(fits, dtypes, arguments.rounds, arguments.trainings, start_noise)
    if "use" in parts:
        others += use_records(arguments.rounds, start_noise)
    if others:
        table(record_rows(others))
        show_noise((r["what"], r["noise"]) for r in others)
    if start_noise:
        print(f"NOISY: {start_noise}.")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    result = {"machine": info, "dtype": arguments.dtype, "trainings": trainings, "others": others}
    arguments.out.write_text(json.dumps(result, indent=1))
    if arguments.picture and trainings:
        picture([r for r in trainings if {"PyTorch", "scikit-learn"} <= r["ratios"].keys()], arguments.picture)
    verdict_of = [v["verdict"] for r in trainings for v in r["ratios"].values()] + [r["verdict"] for r in others]
    if NOISY in verdict_of:
        raise SystemExit(3)
    raise SystemExit(1 if MISSED in verdict_of else 0)


if __name__ == "__main__":
    main()
