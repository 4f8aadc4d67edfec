"""Checkpoints of the estimators of tables: a fit that was stopped goes on, and comes to the same bits."""

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.errors import CheckpointError
from chainrule.tabular.checkpoints import files

LITTLE = {"hidden_layer_sizes": (4,), "max_iter": 4, "batch_size": 10, "random_state": 0}
TABLE = pd.DataFrame({"age": np.arange(60) % 9 + 0.5, "city": np.resize(["Rome", "Oslo", None], 60)})
LABELS = np.resize(["no", "yes", "yes"], 60)


class Stop:
    """A callback that ends the program, so to say, in an epoch of all trainings together."""

    def __init__(self, last):
        self.left = last

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch":
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    def on_fit_task_end(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass


def fit(kind, path=None, stop=None, **options):
    kept = {} if path is None else {"checkpoint": path, "checkpoint_every": 1, "resume": True}
    y = LABELS if kind is cr.TabularClassifier else TABLE["age"]
    model = kind(**LITTLE | options)
    return (model if stop is None else model.set_callbacks(stop)).fit(TABLE, y, **kept)


def answers(model):
    return model.predict_proba(TABLE) if hasattr(model, "classes_") else model.predict(TABLE)


@pytest.mark.parametrize("kind", [cr.TabularClassifier, cr.TabularRegressor])
@pytest.mark.parametrize("epochs", [0, 2, 5, 9])
def test_a_fit_that_was_stopped_goes_on_to_the_same_bits(kind, epochs, tmp_path):
    expected = fit(kind)
    with pytest.raises(KeyboardInterrupt) as stopped:
        fit(kind, tmp_path / "f", Stop(epochs))
    assert any("resume=True goes on from there" in note for note in stopped.value.__notes__)
    model = fit(kind, tmp_path / "f")
    assert (answers(model) == answers(expected)).all()
    assert list(model.leaderboard_["loss"]) == list(expected.leaderboard_["loss"])
    assert len(files(tmp_path / "f")) >= len(model.networks_)
    # The files hold the fit now: again, and nothing is trained.
    assert (answers(fit(kind, tmp_path / "f", Stop(0))) == answers(expected)).all()


def test_a_fit_that_is_stopped_is_not_half_fitted(tmp_path):
    model = cr.TabularClassifier(**LITTLE).set_callbacks(Stop(3))
    with pytest.raises(KeyboardInterrupt):
        model.fit(TABLE, LABELS)
    assert not any(name.endswith("_") for name in vars(model))


def test_files_of_another_fit_are_an_error_before_the_first_epoch(tmp_path):
    path = tmp_path / "f"
    fit(cr.TabularClassifier, path, effort="quick")
    with pytest.raises(CheckpointError, match="f is there already; go on with resume=True, or remove it"):
        cr.TabularClassifier(**LITTLE).fit(TABLE, LABELS, checkpoint=path)
    with pytest.raises(CheckpointError, match="is of another training"):
        fit(cr.TabularRegressor, path)
    path.rename(tmp_path / "f.2")
    with pytest.raises(CheckpointError, match=r"f\.2 is of a fit of which .*f is gone; remove it"):
        fit(cr.TabularClassifier, path)


def test_a_fit_in_files_needs_a_seed(tmp_path):
    with pytest.raises(ValueError, match="random_state: got None; a fit that can go on needs a number"):
        fit(cr.TabularClassifier, tmp_path / "f", random_state=None)
    assert not files(tmp_path / "f")


def test_the_files_of_a_fit_are_known_by_the_name_of_the_first(tmp_path):
    for name in ("a[1]", "a[1].2", "a[1].10", "a[1].txt", "a1.2", "b.2"):
        (tmp_path / name).touch()
    assert [file.name for file in files(tmp_path / "a[1]")] == ["a[1]", "a[1].10", "a[1].2"]
    assert files(tmp_path / "nowhere" / "f") == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_ends_a_fit_of_several_networks_at_once():
    program = """
import numpy as np, chainrule as cr
X = np.random.default_rng(0).normal(size=(20_000, 20))
print("now", flush=True)
cr.TabularClassifier(effort="thorough", max_iter=2000).fit(X, X[:, 0] > 0)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.readline()
        time.sleep(1.5)
        child.send_signal(2)
        _, said = child.communicate(timeout=30)
    assert said.decode().strip().endswith("KeyboardInterrupt")
