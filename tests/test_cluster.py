"""docs/cluster.md: its scripts run, on processes, Dask, Ray and MPI that are really started, two workers of each."""

import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
from sklearn.datasets import load_iris

import chainrule as cr

pytestmark = pytest.mark.timeout(300)  # several programs start; on a busy machine that takes long
DOCS = Path(__file__).resolve().parents[1] / "docs"
SCRIPTS = DOCS / "cluster"
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def expected():
    """What docs/cluster/work.py prints."""
    work = runpy.run_path(str(SCRIPTS / "work.py"))
    return f"{work['search']()}\n{work['train'](*cr.datasets.flower())}\n"


def start(*command, folder, **environment):
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),  # where Ray leaves a token
        "RAY_USAGE_STATS_ENABLED": "0",
        **environment,
    }
    command = list(map(str, command))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **pipes)


def ended(process):
    with process:
        try:
            out, err = process.communicate(timeout=250)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with all that it has started
            out, err = process.communicate()
    assert process.returncode == 0, err
    return out


# A script as it is, but for a look at where its search runs.
LOOKING = """
import os, runpy, sys
from functools import partial
import chainrule as cr

sys.path.insert(0, os.path.dirname(sys.argv[1]))
import work

def score(estimator, X, y):
    from chainrule.training.threads import available_threads
    return {"score": estimator.score(X, y), "threads": available_threads(), "process": os.getpid()}

class Search(cr.GridSearchCV):
    def fit(self, X, y):
        super().fit(X, y)
        assert (self.cv_results_["mean_test_threads"] == 1).all(), self.cv_results_
        processes = {self.cv_results_[f"split{k}_test_process"][i] for k in range(3) for i in range(4)}
        assert len(processes) <= 2 and os.getpid() not in processes
        return self

work.search = partial(work.search, partial(Search, scoring=score, refit=False))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("script", ["on_processes", "on_dask"])
def test_scores_and_networks_are_those_of_here_and_a_worker_takes_one_thread(script, expected, tmp_path):
    assert ended(start(sys.executable, "-c", LOOKING, SCRIPTS / f"{script}.py", folder=tmp_path)) == expected


def test_on_ray_too(expected, tmp_path):
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:  # for sockets: a short name
        running = start(sys.executable, "-c", LOOKING, SCRIPTS / "on_ray.py", folder=tmp_path, RAY_TMPDIR=folder)
        assert ended(running) == expected


def test_on_mpi_too(expected, tmp_path):
    command = ["mpiexec", "-n", 3, sys.executable, "-m", "mpi4py.futures", SCRIPTS / "on_mpi.py"]
    assert ended(start(*command, folder=tmp_path)) == expected.splitlines(keepends=True)[1]


def test_optuna_prunes_and_programs_share_a_study(tmp_path):
    running = [start(sys.executable, SCRIPTS / "with_optuna.py", 6, folder=tmp_path) for _ in range(2)]
    last = sorted(map(ended, running), key=lambda out: int(re.findall(r"of (\d+) trials", out)[-1]))[-1]
    told = re.findall(r"^(\w+): (\S+) .*, (\d+) of (\d+) trials pruned$", last, re.MULTILINE)
    assert [name for name, *_ in told] == ["network", "estimator"]
    for _, cost, pruned, trials in told:
        assert 0 < float(cost) < 1
        assert 0 < int(pruned) < int(trials) <= 12
    assert int(told[1][3]) > 6


def test_the_callback_prunes_the_one_network_of_a_quick_table():
    class Trial:
        told = ()

        def report(self, value, step):
            self.told += (step,)

        def should_prune(self):
            return len(self.told) == 40

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Optuna imports
        script = runpy.run_path(str(SCRIPTS / "with_optuna.py"))
    trial = Trial()
    model = cr.TabularClassifier(effort="quick", max_iter=100, random_state=0)
    with pytest.raises(script["optuna"].TrialPruned):
        model.set_callbacks(script["Pruning"](trial)).fit(*load_iris(return_X_y=True))
    assert trial.told == tuple(range(40))


def test_the_slurm_script_runs_and_a_task_that_is_queued_again_goes_on(tmp_path):
    script = shutil.copy(SCRIPTS / "slurm_array.sh", tmp_path)
    shutil.copy(SCRIPTS / "slurm_array.py", tmp_path)
    (tmp_path / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "srun").chmod(0o755)
    count = 4
    assert f"#SBATCH --array=0-{count - 1}\n" in Path(script).read_text()

    def task(number):
        environment = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_TASK_COUNT": str(count)}
        path = f"{tmp_path}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
        return start("bash", script, folder=tmp_path, PATH=path, SLURM_CPUS_PER_TASK="1", **environment)

    for running in [task(0), task(1)]:
        ended(running)
    once = (tmp_path / "results" / "0.003-0.chainrule").read_bytes()
    (tmp_path / "results" / "0.003-0.chainrule").unlink()
    for running in [task(number) for number in (0, 2, 3)]:
        ended(running)
    assert (tmp_path / "results" / "0.003-0.chainrule").read_bytes() == once
    best = ended(start(sys.executable, "slurm_array.py", "results", "best", folder=tmp_path))
    assert re.fullmatch(r"0\.\d+-\d 0\.\d+ 12\n", best)


def test_what_the_page_shows_is_in_the_scripts():
    text = (DOCS / "cluster.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```(?:py|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = {line.strip() for path in SCRIPTS.iterdir() if path.is_file() for line in path.read_text().splitlines()}
    assert len(shown) >= 6
    assert [line for code in shown for line in code.splitlines() if line.strip() not in lines] == []
