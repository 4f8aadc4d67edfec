"""Put the figures of the last runs into the docs, between the markers that they have for them.

    python benchmarks/report.py [--build build] [--docs docs/performance.md] [--readme README.md]

Reads bench.json, bench-float64.json, others.json, load.json, grid.json and growth.json, as far as they are there, and
names what is not: those figures stay as they were.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
from grid import NEAR_EQUAL, worst_rows
from load import rows_of
from speed import case_rows, goal_rows, record_rows
from timing import CORES, headline, number, text_table

PEERS = ("PyTorch", "scikit-learn")


def trainings(records):
    """Every contender of every case."""
    first, *others = map(case_rows, records)
    return text_table([*first, *[row for rows in others for row in rows[1:]]])


def grid(result):
    """A sentence, and the worst ten."""
    known = {cell["case"]: cell for cell in result["cells"]}
    ratios = np.array([cell["ratio"] for cell in known.values()])
    slower = int((ratios > 1 + NEAR_EQUAL).sum())
    left = {why: len(names) for why, names in result["left out"].items() if names}
    words = "".join(f"; left out, {why}: {count}" for why, count in left.items())
    return (
        f"{len(known)} networks{words}. In the median cell chainrule takes {np.median(ratios):.2f} of the better "
        f"peer's time, in {slower} more than {1 + NEAR_EQUAL}. The worst ten:\n\n"
        + text_table(worst_rows(known.values(), 10))
    )


def kinks(result):
    text = text_table([["factor", "at", "threads", "slope before", "after", "reason"], *result["kinks"]])
    if "model" in result:
        m = result["model"]
        text += (
            f"\n\nThe model of threads, fitted to {m['points']} points on two threads: {m['start_us']:.2g} µs to start "
            f"and join, {m['parameter_us_per_kb']:.2g} µs for each KB of parameters and "
            f"{m['activation_us_per_kb']:.2g} µs for each KB of activations. It misses their times by "
            f"{m['error']:.0%} in the median and {m['worst']:.0%} at most."
        )
    return text


def sentence(records):
    """For the README: the smallest and the largest ratio, and where a peer is not behind."""
    ratios = {(r["case"], p): r["ratios"][p]["first"] for r in records for p in PEERS if p in r["ratios"]}
    behind = [f"{case} against {peer} ({number(v, 2)})" for (case, peer), v in ratios.items() if v < 1]
    text = (
        f"On {CORES} cores, the first training in a fresh process counted, networks of 17 to 6 million parameters "
        f"train {number(min(ratios.values()), 2)} to {number(max(ratios.values()), 2)} times as fast as in PyTorch or "
        "scikit-learn"
    )
    if behind:
        text += f", except {' and '.join(behind)}"
    return text + (
        ": whole epochs run in one call of a compiled kernel ([how, and where a peer wins](docs/performance.md))."
    )


def put(path, marker, text):
    """Between <!-- marker --> and <!-- end marker -->."""
    pattern = re.compile(rf"(<!-- {marker} -->\n\n?).*?(\n\n?<!-- end {marker} -->)", re.DOTALL)
    before = path.read_text()
    if not pattern.search(before):
        raise SystemExit(f"{path}: there is no <!-- {marker} --> … <!-- end {marker} -->")
    path.write_text(pattern.sub(lambda match: match[1] + text + match[2], before))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--docs", type=Path, default=Path("docs/performance.md"))
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    arguments = parser.parse_args()

    def of_networks(result):
        return [r for r in result["trainings"] if "scikit-learn" in r["ratios"]]

    # File → marker → its text.
    tables = {
        "bench.json": {
            "machine": lambda r: headline(r["machine"]),
            "goals": lambda r: text_table(goal_rows(r["trainings"])),
            "float32": lambda r: trainings(r["trainings"]),
            "fit": lambda r: text_table(record_rows(r["others"])),
        },
        "bench-float64.json": {
            "goals float64": lambda r: text_table(goal_rows(r["trainings"])),
            "float64": lambda r: trainings(r["trainings"]),
        },
        "others.json": {"others": lambda r: text_table(goal_rows(r["trainings"]))},
        "load.json": {"load": lambda r: text_table(rows_of(r["records"]))},
        "grid.json": {"grid": grid},
        "growth.json": {"growth": kinks},
    }
    for name, markers in tables.items():
        path = arguments.build / name
        if not path.exists():
            print(f"{path} is not there: {', '.join(markers)} stay as they were.")
            continue
        result = json.loads(path.read_text())
        for marker, text in markers.items():
            put(arguments.docs, marker, text(result))
        if name == "bench.json":
            put(arguments.readme, "speed", sentence(of_networks(result)))


if __name__ == "__main__":
    main()
