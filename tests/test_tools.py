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
import joblib, pickle
import numpy as np

for fitted in (model, search.best_estimator_):
    joblib.dump(pickle.loads(pickle.dumps(fitted)), "model.joblib")
runs = mlflow.MlflowClient().search_runs(["0"])
known = {run.info.run_id for run in runs}
parents = [run.data.tags.get("mlflow.parentRunId") for run in runs]
assert sorted(parents.count(parent) for parent in {*parents} - {None}) == [1, 2 * 2 + 1]
assert sorted(run.data.params["alpha"] for run in runs if "max_iter" in run.data.params)[-1] == "1.0"
assert all(run.info.status == "FINISHED" for run in runs)
assert not np.isnan(search.cv_results_["mean_test_score"]).any()
mlflow.sklearn.autolog()
model.fit(*load_breast_cancer(return_X_y=True))
assert len(known) == 1 + 1 + 1 + 5 + 1
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
    "wandb": """
import joblib, os, pickle

for fitted in (model, search.best_estimator_):
    joblib.dump(pickle.loads(pickle.dumps(fitted)), "model.joblib")
runs = [name for name in os.listdir("wandb") if name.startswith("offline-run-")]
assert len(runs) == 1 + 5 + 1
assert all(score > 0.8 for score in search.cv_results_["mean_test_score"])
""",
    "tensorboard": """
import joblib, pickle

joblib.dump(pickle.loads(pickle.dumps(model)), "model.joblib")
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


TEACHING = DOCS / "teaching"


def notebook_run(notebook, folder):
    from nbclient import NotebookClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Jupyter says of its folders
        NotebookClient(notebook, allow_errors=True, timeout=60, resources={"metadata": {"path": folder}}).execute()
    return [said(cell) for cell in notebook.cells if cell.cell_type == "code"]


def test_the_homework_is_graded_as_nbgrader_does(tmp_path):
    need("ipykernel", "nbclient", "nbformat")
    import nbformat

    notebook = nbformat.read(TEACHING / "homework.ipynb", as_version=4)
    graded = {cell.id: cell for cell in notebook.cells}
    assert graded["points"].metadata.nbgrader.points == 4
    solution, points = graded["backward"].source, graded["points"].source
    mistaken = solution.replace(" * (1 - A1**2)", "")
    incomplete = re.sub(r'\n *"db2": .*', "", solution)
    released = re.sub("(?s)### BEGIN SOLUTION.*### END SOLUTION", "raise NotImplementedError", solution)
    assert len({solution, mistaken, incomplete, released}) == 4
    later = [mistaken, points, incomplete, points, released, points]
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in later]
    right, _, wrong, _, three, _, none = notebook_run(notebook, tmp_path)[2:]
    assert right.endswith("\n4"), right
    assert wrong.endswith("\n2"), wrong
    assert three.endswith("\n3"), three
    assert "WRONG: it is None" in three
    assert "NotImplementedError" in none
    assert "The first wrong one in the backward pass is dW[1]." in wrong
    assert "It looks like: the derivative g′ is missing: dZ = dA." in wrong


@pytest.mark.timeout(300)
def test_the_homework_is_handed_out_and_graded_as_the_page_does_with_otter(tmp_path, monkeypatch):
    need("ipykernel", "nbclient", "nbformat", "otter")
    import nbformat

    monkeypatch.chdir(tmp_path)
    shutil.copytree(TEACHING, tmp_path, dirs_exist_ok=True)
    page = (DOCS / "teaching.md").read_text(encoding="utf-8")
    (makes,) = re.findall(r"(?s)^```py\n(import re\n.*?)^```", page, re.MULTILINE)
    exec(compile(makes, "teaching.md", "exec"), {})
    assert [path.name for path in Path("student/tests").iterdir()] == ["backward.py"]
    student = nbformat.read("student/homework.ipynb", as_version=4)
    (task,) = (cell for cell in student.cells if cell.id == "backward")
    assert task.source.endswith("    raise NotImplementedError")
    solution = nbformat.read("homework.ipynb", as_version=4).cells[2].source
    m40, slope = solution.replace("m = X.shape[1]", "m = 40"), solution.replace(" * (1 - A1**2)", "")

    (grading,) = re.findall(r"(?s)^```sh\n(.*?)^```", page, re.MULTILINE)
    generate, make, run = (line.split() for line in grading.splitlines())
    otter(*generate)
    for name, source, scores in (("right", solution, [3, 1]), ("m40", m40, [3, 0]), ("slope", slope, [0, 0])):
        task.source = source
        nbformat.write(student, f"{name}.ipynb")
        Path(make[1]).mkdir(exist_ok=True)
        otter(*(word.replace("student", name) for word in run))
        found = json.loads(Path("results/results.json").read_text(encoding="utf-8"))["tests"]
        assert {test["name"]: test.get("score") for test in found[1:]} == dict(
            zip(("backward", "sizes"), scores, strict=True)
        )
        assert found[0]["name"] == "Public Tests"
        assert "m = 40" not in source or "failed" not in found[0]["output"]
        shown = notebook_run(student, tmp_path / "student")[-1]
        assert ("passed!" in shown) is bool(scores[0]), shown
        assert "sizes" not in shown
        assert "three_inputs" not in shown
    assert "It looks like: the derivative g′ is missing: dZ = dA." in shown


def otter(*words):
    assert words[0] == "otter"
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def said(cell):
    """What a cell prints, the value of its last line, its error."""
    outputs = [out.get("text") or out.get("ename") or out.data["text/plain"] for out in cell.outputs]
    return "\n".join(text.strip() for text in outputs)
