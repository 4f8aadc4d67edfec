"""Other people's tools: every page in docs/tools runs, in a folder of its own, and leaves there what it promises."""

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = {path.stem: path for path in (DOCS / "tools").glob("*.md")}
QUICK = {"NUMBA_DISABLE_JIT": "1"}  # SHAP compiles for seconds what takes none
QUICK |= {"MLFLOW_TRACKING_URI": "file:./mlruns", "MLFLOW_ALLOW_FILE_STORE": "true"}  # a database: six more
QUICK |= {"MLFLOW_DISABLE_TELEMETRY": "true", "WANDB_ERROR_REPORTING": "false"}

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

# What else the pages say, looked at where they have run.
CHECKS = {
    "mlflow": """
known = {run.info.run_id for run in mlflow.MlflowClient().search_runs(["0"])}
mlflow.sklearn.autolog()
model.fit(*load_breast_cancer(return_X_y=True))
assert len(known) == 2
assert known == {run.info.run_id for run in mlflow.MlflowClient().search_runs(["0"])}
mlflow.sklearn.autolog(disable=True)
""",
    "skops": """
from skops.io.exceptions import UntrustedTypesFoundException

try:
    skops.io.load("model.skops", trusted=trusted[:2])
except UntrustedTypesFoundException as error:
    assert "Normalizer" in str(error)
else:
    raise AssertionError("loaded")
model.classes_ = model.classes_[:1]
skops.io.dump(model, "model.skops")
assert len(skops.io.load("model.skops", trusted=trusted).classes_) == 1
""",
    "tensorboard": """
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

read = EventAccumulator("runs/8-units", {"tensors": 0})
read.Reload()
curve = np.array([make_ndarray(event.tensor_proto) for event in read.Tensors("validation_cost")])
assert curve.dtype == np.float32
assert (curve == np.float32(model.history_["validation_cost"])).all()
""",
}


def need(*libraries):
    if missing := [name for name in libraries if find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")


def test_every_page_runs(tmp_path):
    need(*PAGES)
    pages = {name: python(path.read_text(encoding="utf-8")) for name, path in sorted(PAGES.items())}
    assert all(pages.values())
    pages |= {name: pages[name] + check for name, check in CHECKS.items()}
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


def test_the_homework_is_graded_as_nbgrader_and_otter_do(tmp_path):
    need("ipykernel", "nbclient", "nbformat", "otter")
    import nbformat
    from nbclient import NotebookClient

    shutil.copytree(DOCS / "teaching" / "tests", tmp_path / "tests")
    notebook = nbformat.read(DOCS / "teaching" / "homework.ipynb", as_version=4)
    graded = {cell.id: cell for cell in notebook.cells}
    assert graded["points"].metadata.nbgrader.points == 4
    solution, points = graded["backward"].source, graded["points"].source
    otter = 'import otter\n\nprint(otter.Notebook(tests_dir="tests").check("backward"))'
    mistaken = solution.replace(" * (1 - A1**2)", "")
    released = re.sub(r"### BEGIN SOLUTION.*### END SOLUTION", "raise NotImplementedError", solution, flags=re.DOTALL)
    assert len({solution, mistaken, released}) == 3
    later = [otter, mistaken, points, otter, released, points]
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in later]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Jupyter says of its folders
        NotebookClient(notebook, allow_errors=True, timeout=60, resources={"metadata": {"path": tmp_path}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    right, otter_right, _, wrong, otter_wrong, _, none = map(said, cells[2:])
    assert right.endswith("\n4"), right
    assert wrong.endswith("\n2"), wrong
    assert "NotImplementedError" in none
    assert "All test cases passed!" in otter_right
    for told in (wrong, otter_wrong):
        assert "The first wrong one in the backward pass is dW[1]." in told
        assert "It looks like: the derivative g′ is missing: dZ = dA." in told
    assert otter_wrong.count("Test case failed") == 2


def said(cell):
    """What a cell prints, the value of its last line, its error."""
    outputs = [out.get("text") or out.get("ename") or out.data["text/plain"] for out in cell.outputs]
    return "\n".join(text.strip() for text in outputs)
