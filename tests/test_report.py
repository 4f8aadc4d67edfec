"""benchmarks/report.py: what it puts into the pages of figures, from runs that are made up."""

import json
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def contender(name, limit, spread):
    return {"contender": name, "limit": limit, "threads": "2", "spread": spread, "difference": None} | dict.fromkeys(
        ("first_ms", "warm_ms", "us_per_step", "gflops"), 12.5
    )


def training(case, ratio, verdict):
    """chainrule and PyTorch on one thread and two, of which two are the faster ones."""
    peer = {"first": ratio, "judged": ratio, "warm": 3.25, "goal": 2, "verdict": verdict, "threads": 2}
    rows = [contender("chainrule", None, 0.04), contender("PyTorch", 1, 0.5), contender("PyTorch", 2, 0.08)]
    return {"case": case, "rows": rows, "ratios": {"PyTorch": peer, "scikit-learn": peer | {"threads": None}}}


def call(what, theirs, verdict):
    return {"what": what, "unit": "ms", "ours": 3.5, "theirs": theirs, "ratio": 1.5, "goal": 2, "verdict": verdict,
            "at_most": False, "spread": 0.02}  # fmt: skip


RUNS = {
    "bench.json": {
        "machine": {"cpu": "A processor", "cores": 2, "isa": "avx2", "versions": {"python": "3.11"}},
        "trainings": [training("flower", 1.75, "MISSED"), training("wide", 9.0, "NOISY")],
        "others": [call("one row", 7.0, "met"), call("alone", None, "NOISY")],
    },
    "bench-float64.json": {"trainings": [training("flower", 0.5, "NOISY")]},
    "others.json": {"trainings": [training("odd", 4.5, "met")]},
    "load.json": {
        "records": [{"case": "cats", "condition": "beside", "ours_ms": 6, "one_ms": 5, "ratio": 1.2, "threads": "1/2",
                     "spread": 0.26}]
    },
}  # fmt: skip


def between(text, marker):
    return text.split(f"<!-- {marker} -->\n\n")[1].split(f"\n\n<!-- end {marker} -->")[0]


@pytest.fixture(scope="module")
def put(tmp_path_factory):
    """The pages after a report of these runs: performance.md and README.md."""
    folder = tmp_path_factory.mktemp("report")
    for name, run in RUNS.items():
        (folder / name).write_text(json.dumps(run))
    pages = [shutil.copy(ROOT / name, folder) for name in ("docs/performance.md", "README.md")]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        import report

        patch.setattr(
            sys, "argv", ["report.py", "--build", str(folder), "--docs", str(pages[0]), "--readme", str(pages[1])]
        )
        report.main()
    return [Path(page).read_text(encoding="utf-8") for page in pages]


def cells(text, marker):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in between(text, marker).splitlines()]


def test_a_readers_tables_have_the_figures_with_their_spread_and_a_mark_where_the_run_was_noisy(put):
    head, _, flower, wide = cells(put[0], "ratios")
    assert head == [
        "case", "threads", "over PyTorch", "over scikit-learn", "warm, over PyTorch", "warm, over scikit-learn",
        "spread",
    ]  # fmt: skip
    assert flower == ["flower", "2", "1.75", "1.75", "3.25", "3.25", "8%"]
    assert wide[2] == "9.00 †"
    assert cells(put[0], "fit")[2:] == [
        ["one row", "ms", "3.50", "7.00", "1.50", "–", "2%"],
        ["alone", "ms", "3.50 †", "–", "–", "–", "2%"],
    ]
    assert cells(put[0], "load")[2] == ["cats", "beside", "6.00", "5.00", "1.20", "1/2", "26%"]


def test_goals_stand_apart_at_the_end_of_the_page(put):
    assert cells(put[0], "goals")[2:] == [
        ["flower", "1.75 (≥ 2: MISSED)", "1.75 (≥ 2: MISSED)"],
        ["wide", "9.00 (≥ 2: NOISY)", "9.00 (≥ 2: NOISY)"],
    ]
    assert cells(put[0], "goals fit")[2] == ["one row", "1.50 (≥ 2: met)"]
    assert between(put[0], "goals load").endswith("met in 0 of 1.")
    assert cells(put[0], "goals others")[2][1] == "4.50 (≥ 2: met)"
    before = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8").split("## Against our own goals")[0]
    assert not {"MISSED", "≥"} & {*before.replace("(", " ").replace(":", " ").split()}


def test_the_readme_says_how_fast_it_is_in_float32_and_in_float64(put):
    said = between(put[1], "speed")
    assert "train 1.8 to 9.0 times as fast in float32 as in PyTorch" in said
    assert "0.50 to 0.50 times (PyTorch is ahead with the network `flower`" in said
