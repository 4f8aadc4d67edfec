"""All threads on a machine that is not quiet: never much slower than one.

    python benchmarks/load.py [CASE …] [--rounds 3] [--trainings 8] [--conditions quiet,beside,numpy,torch]

beside: another process computes on one core all the time. numpy, torch: right before each training a product of large
matrices by that library, whose threads spin on for some tenths of a second. chainrule as it chooses against chainrule
on one thread, each in fresh processes that take turns; the figure is the time of all trainings of a process, the first
one included, and the ratio that of the medians. Exit code 1: somewhere it is above the bound.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from cases import CASES
from speed import Entry
from timing import headline, machine, number, spread, table

BOUND = 1.15  # times one thread, at most
CONDITIONS = ("quiet", "beside", "numpy", "torch")
SPIN = "while True: pass"


def measure(name, condition, rounds, trainings):
    """Seconds of a process's trainings, as it chooses and on one thread; the threads that were used."""
    entries = [Entry("chainrule", ours=True), Entry("chainrule", 1)]
    seconds, used = {e.label: [] for e in entries}, set()
    after = ("--after", condition) if condition in ("numpy", "torch") else ()
    for r in range(rounds):
        for entry in entries[:: 1 if r % 2 else -1]:
            spinner = subprocess.Popen([sys.executable, "-c", SPIN]) if condition == "beside" else None
            try:
                entry.run("train", name, "chainrule", "--trainings", str(trainings), *after)
            finally:
                if spinner:
                    spinner.kill()
                    spinner.wait()
            seconds[entry.label].append(entry.result["first"] + sum(entry.result["warm"]))
            if entry.ours:
                used.add(entry.result["threads"])
    return *seconds.values(), used


def rows_of(records):
    """As text."""
    rows = [["case", "condition", "as it chooses, ms", "one thread, ms", "ratio", "threads", "spread"]]
    for r in records:
        verdict = f"{number(r['ratio'])} (≤ {BOUND}: {'MISSED' if r['ratio'] > BOUND else 'met'})"
        numbers = [number(r["ours_ms"]), number(r["one_ms"]), verdict]
        rows.append([r["case"], r["condition"], *numbers, r["threads"], f"{r['spread']:.0%}"])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trainings", type=int, default=8, help="in a process")
    parser.add_argument("--conditions", default=",".join(CONDITIONS))
    parser.add_argument("--out", type=Path, default=Path("build/load.json"))
    arguments = parser.parse_args()
    conditions = arguments.conditions.split(",")
    for given, known in ((arguments.cases, CASES), (conditions, CONDITIONS)):
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {sorted(unknown)[0]!r}; known: {', '.join(known)}")
    info, records = machine(), []
    print(headline(info) + "\n")
    for name in arguments.cases or ("digits", "table", "mnist", "cats", "wide"):
        for condition in conditions:
            ours, one, used = measure(name, condition, arguments.rounds, arguments.trainings)
            ratio = float(np.median(ours) / np.median(one))
            records.append(
                {
                    "case": name, "condition": condition, "ours_ms": np.median(ours) * 1e3,
                    "one_ms": np.median(one) * 1e3, "ratio": ratio, "threads": "/".join(map(str, sorted(used))),
                    "spread": max(spread(ours), spread(one)),
                }
            )  # fmt: skip
    table(rows_of(records))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps({"machine": info, "records": records}, indent=1))
    raise SystemExit(1 if any(r["ratio"] > BOUND for r in records) else 0)


if __name__ == "__main__":
    main()
