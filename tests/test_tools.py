"""Other people's tools: every page in docs/tools runs, in a folder of its own, and leaves there what it promises."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PAGES = {path.stem: path for path in (Path(__file__).resolve().parents[1] / "docs" / "tools").glob("*.md")}
QUICK = {"MPLBACKEND": "agg", "NUMBA_DISABLE_JIT": "1"}  # SHAP compiles for seconds what takes none

ALL = """
import json, os, sys, traceback

for name, code in json.loads(sys.stdin.read()).items():
    os.mkdir(name)
    os.chdir(name)
    try:
        exec(compile(code, name, "exec"), {"__name__": name})
    except Exception:
        traceback.print_exc()
        print("FAILED", name)
    os.chdir("..")
"""


def test_every_page_runs(tmp_path):
    pages = {name: python(path.read_text(encoding="utf-8")) for name, path in sorted(PAGES.items())}
    assert all(pages.values())
    command = [sys.executable, "-c", ALL]
    run = subprocess.run(
        command, input=json.dumps(pages), cwd=tmp_path, env=os.environ | QUICK, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "FAILED" not in run.stdout, run.stderr
    by_steps, by_callback = run.stderr.split("A new study")[1:]
    assert " pruned." in by_steps
    assert " pruned." in by_callback
    card = (tmp_path / "skops" / "README.md").read_text(encoding="utf-8")
    assert "accuracy_in_training" in card
    assert "normalize" in card


def python(text):
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
