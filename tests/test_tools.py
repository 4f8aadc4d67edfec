"""Other people's tools: every page in docs/tools runs, in a folder of its own, and leaves there what it promises."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

PAGES = {path.stem: path for path in (Path(__file__).resolve().parents[1] / "docs" / "tools").glob("*.md")}
QUICK = {"NUMBA_DISABLE_JIT": "1"}  # SHAP compiles for seconds what takes none
QUICK |= {"MLFLOW_TRACKING_URI": "file:./mlruns", "MLFLOW_ALLOW_FILE_STORE": "true"}  # a database: six more

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

READ_CURVES = """
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

read = EventAccumulator("runs/8-units", {"tensors": 0})
read.Reload()
curve = [make_ndarray(event.tensor_proto) for event in read.Tensors("validation_cost")]
assert abs(np.subtract(curve, model.history_["validation_cost"])).max() < 1e-6
"""


def test_every_page_runs(tmp_path):
    pages = {name: python(path.read_text(encoding="utf-8")) for name, path in sorted(PAGES.items())}
    assert all(pages.values())
    pages["tensorboard"] += READ_CURVES
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
    kept = b"".join(path.read_bytes() for path in (tmp_path / "wandb").rglob("*.wandb"))
    assert b"learning_rate_init" in kept
    assert b"validation_cost" in kept


def python(text):
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
