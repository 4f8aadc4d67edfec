"""Put the figures of the last runs into the docs, between the markers that they have for them.

    python benchmarks/report.py [--build build] [--docs docs/performance.md] [--readme README.md]

Reads bench.json, bench-float64.json, others.json, load.json, grid.json and growth.json, as far as they are there, and
names what is not: those figures stay as they were. A reader's tables have the figures, with † where the run was noisy;
the goals that the project has for itself, and whether they were met, are put into tables of their own.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
from grid import NEAR_EQUAL, worst_rows
from load import BOUND
from speed import NOISY, case_rows, judged
from timing import CORES, headline, number, text_table

PEERS = ("PyTorch", "scikit-learn")
MARK = " †"  # behind a figure of a noisy run


def trainings(records):
    """Every contender of every case."""
    first, *others = map(case_rows, records)
    return text_table([*first, *[row for rows in others for row in rows[1:]]])


def figure(value, verdict):
    """A number, and whether its run was noisy."""
    return number(value) + MARK * (verdict == NOISY)


def ratios(records):
    """How many times as fast as each peer: JAX warm, the others in the first training and warm.

    spread: the largest of chainrule's and of the peers that it is compared with in the first training.
    """
    peers = [p for p in (*PEERS, "JAX") if any(p in r["ratios"] for r in records)]
    first = [f"over {p}" + (", warm" if p == "JAX" else "") for p in peers]
    rows = [["case", "threads", *first, *[f"warm, over {p}" for p in peers if p != "JAX"], "spread"]]
    for r in records:
        ours = next(row for row in r["rows"] if row["contender"] == "chainrule" and not row["limit"])
        found = [(p, r["ratios"].get(p)) for p in peers]
        cells = ["–" if v is None else figure(v["judged"], v["verdict"]) for _, v in found]
        cells += ["–" if v is None else number(v["warm"]) for p, v in found if p != "JAX"]
        rows.append([r["case"], ours["threads"], *cells, f"{widest(r, ours):.0%}"])
    return text_table(rows)


def widest(record, ours):
    """The largest spread of what a case compares."""
    compared = {(peer, v["threads"]) for peer, v in record["ratios"].items() if peer in PEERS}
    rows = [row for row in record["rows"] if (row["contender"], row["limit"]) in compared]
    return max(row["spread"] for row in (ours, *rows))


def goals(records):
    """The ratios that have a goal, each with the goal and whether it was met."""
    peers = [p for p in (*PEERS, "JAX") if any(r["ratios"].get(p, {}).get("goal") for r in records)]
    rows = [["case", *[f"over {p}" + (", warm" if p == "JAX" else "") for p in peers]]]
    for r in records:
        found = [r["ratios"].get(p) for p in peers]
        rows.append([r["case"], *["–" if v is None else judged(v["judged"], v["goal"], v["verdict"]) for v in found]])
    return text_table(rows)


def fits(records):
    """Whole fits and single calls."""
    rows = [["what", "unit", "chainrule", "peer", "ratio", "warm", "spread"]]
    for r in records:
        ratio = "–" if r["theirs"] is None else figure(r["ratio"], r["verdict"])
        ours = figure(r["ours"], r["verdict"] if r["theirs"] is None else None)
        rows.append(
            [r["what"], r["unit"], ours, number(r["theirs"]), ratio, number(r.get("warm")), f"{r['spread']:.0%}"]
        )
    return text_table(rows)


def fit_goals(records):
    """Those of them that have a goal."""
    rows = [[r["what"], judged(r["ratio"], r["goal"], r["verdict"], r["at_most"])] for r in records if r["goal"]]
    return text_table([["what", "figure, goal"], *rows])


def load(records):
    """Beside other programs."""
    rows = [["case", "condition", "as it chooses, ms", "one thread, ms", "ratio", "threads", "spread"]]
    for r in records:
        numbers = [number(r[key]) for key in ("ours_ms", "one_ms", "ratio")]
        rows.append([r["case"], r["condition"], *numbers, r["threads"], f"{r['spread']:.0%}"])
    return text_table(rows)


def load_goal(records):
    met = sum(r["ratio"] <= BOUND for r in records)
    return (
        f"On a machine that is not quiet, all threads are to take at most {BOUND} times what one takes: met in {met} "
        f"of {len(records)}."
    )


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


def extent(records):
    """The smallest and the largest ratio, and where a peer is ahead."""
    found = {
        (r["case"], p): r["ratios"][p]["first"]
        for r in records
        if "scikit-learn" in r["ratios"]
        for p in PEERS
        if p in r["ratios"]
    }
    ahead = [f"{peer} is ahead with the network `{case}`" for (case, peer), v in found.items() if v < 1]
    words = f" ({', '.join(ahead)})" if ahead else ""
    return f"{number(min(found.values()), 2)} to {number(max(found.values()), 2)} times{words}"


def sentence(single, double):
    """For the README: how fast in float32 and in float64."""
    return (
        f"On {CORES} cores, the first training in a fresh process counted, networks of 17 to 6 million parameters "
        f"train {extent(single)} as fast in float32 as in PyTorch or scikit-learn, and in float64, which a `Network` "
        f"has unless told otherwise, {extent(double)}: whole epochs run in one call of a compiled kernel "
        "([how, and where a peer wins](docs/performance.md))."
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

    # File → marker → its text.
    tables = {
        "bench.json": {
            "machine": lambda r: headline(r["machine"]),
            "ratios": lambda r: ratios(r["trainings"]),
            "float32": lambda r: trainings(r["trainings"]),
            "fit": lambda r: fits(r["others"]),
            "goals": lambda r: goals(r["trainings"]),
            "goals fit": lambda r: fit_goals(r["others"]),
        },
        "bench-float64.json": {
            "ratios float64": lambda r: ratios(r["trainings"]),
            "float64": lambda r: trainings(r["trainings"]),
            "goals float64": lambda r: goals(r["trainings"]),
        },
        "others.json": {"others": lambda r: ratios(r["trainings"]), "goals others": lambda r: goals(r["trainings"])},
        "load.json": {"load": lambda r: load(r["records"]), "goals load": lambda r: load_goal(r["records"])},
        "grid.json": {"grid": grid},
        "growth.json": {"growth": kinks},
    }
    results = {}
    for name, markers in tables.items():
        path = arguments.build / name
        if not path.exists():
            print(f"{path} is not there: {', '.join(markers)} stay as they were.")
            continue
        results[name] = result = json.loads(path.read_text())
        for marker, text in markers.items():
            put(arguments.docs, marker, text(result))
    if {"bench.json", "bench-float64.json"} <= results.keys():
        both = [results[name]["trainings"] for name in ("bench.json", "bench-float64.json")]
        put(arguments.readme, "speed", sentence(*both))


if __name__ == "__main__":
    main()
