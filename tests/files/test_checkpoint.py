"""Trainings that are kept in a file: resumed as if never interrupted, stopped by signals, refused."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.callback import ScoringMonitor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule import engines
from chainrule.engines import interrupts
from chainrule.errors import CheckpointError
from chainrule.files import checkpoint as checkpoints
from chainrule.files import container
from chainrule.files import model as modelfile
from chainrule.files.model import ModelFileError
from support import kill

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 90))
Y = (X[:1] * X[1:2] > 0).astype(float)
PEOPLE, LABELS = X.T.copy(), np.where(Y[0] > 0, "yes", "no")


def trained(path=None, stop=None, dtype=np.float64, optimizer=None, **options):
    """(network, steps) of a training of 12 epochs, or of one that is left after the step of epoch `stop`."""
    net = cr.Network([6, 5, 4, 1], hidden=["tanh", "relu"], seed=1, dtype=dtype)
    options = {"epochs": 12, "batch_size": 16, "seed": 2, **options}
    if path is not None:
        options = {"checkpoint": path, "checkpoint_every": 1, "resume": True, **options}
    steps = []
    for step in net.train(X, Y, optimizer or cr.Adam(0.01), **options):
        steps.append(step)
        if step.epoch == stop:
            break
    return net, steps


def assert_same(first, second):
    np.testing.assert_array_equal(first[0].parameters, second[0].parameters)
    assert first[1] == second[1]


OPTIONS = {
    "plain": {},
    "full batch": {"batch_size": None},
    "in order": {"shuffle": False},
    "dropout, L2, weights": {"dropout": [0.3, 0.1], "l2": 0.5, "weights": rng.integers(0, 3, 90)},
    "schedule, clipping": {"schedule": cr.schedules.Cosine(12), "clip_norm": 0.1},
    "own order": {"order": lambda epoch: np.random.default_rng(epoch).permutation(90)},
    "generator": {"seed": None},
    "every third": {"every": 3, "validation": (X[:, :30], Y[:, :30])},
    "patience": {"patience": 2, "validation": (X[:, :30], 1 - Y[:, :30])},
    "patience not worn out": {"patience": 9, "validation": (X[:, :30], Y[:, :30]), "every": 5},
}


@pytest.mark.parametrize("engine", engines.ENGINES)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_resumed_training_is_the_one_that_was_never_interrupted(tmp_path, name, engine):
    def options():
        seeded = {"seed": np.random.default_rng(8)} if name == "generator" else {}
        return OPTIONS[name] | seeded | {"engine": engine}

    whole = trained(**options())
    for stop in range(0, whole[1][-1].epoch, 2):
        trained(tmp_path / "c", stop, **options())
    assert_same(trained(tmp_path / "c", **options()), whole)
    assert_same(trained(tmp_path / "c", **options()), whole)  # and once more, when all of it is in the file


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "optimizer",
    [
        cr.GradientDescent(0.1),
        cr.Momentum(0.1),
        cr.HeavyBall(0.01),
        cr.Nesterov(0.01),
        cr.RMSProp(0.01),
        cr.AdamW(0.01),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_what_every_optimizer_remembers_is_kept(tmp_path, optimizer, dtype):
    whole = trained(optimizer=optimizer, dtype=dtype)
    trained(tmp_path / "c", 4, optimizer=optimizer, dtype=dtype)
    assert_same(trained(tmp_path / "c", optimizer=optimizer, dtype=dtype), whole)


def test_sparse_examples_are_resumed(tmp_path):
    from scipy.sparse import csc_array

    def run(**options):
        net = cr.Network([6, 4, 1], seed=0)
        return net, list(net.train(csc_array(np.maximum(X, 0)), Y, cr.Adam(), batch_size=8, seed=1, **options))

    run(epochs=3, checkpoint=tmp_path / "c")
    assert_same(run(epochs=7, checkpoint=tmp_path / "c", resume=True), run(epochs=7))


def test_more_epochs_go_on_where_the_last_run_ended(tmp_path):
    trained(tmp_path / "c", epochs=5)
    assert_same(trained(tmp_path / "c"), trained())


def test_patience_that_is_not_worn_out_goes_on_with_more_epochs(tmp_path):
    watched = {"patience": 4, "validation": (X[:, :30], Y[:, :30])}
    trained(tmp_path / "c", epochs=3, **watched)
    assert_same(trained(tmp_path / "c", **watched), trained(**watched))


def test_without_a_number_of_epochs_the_clock_decides_when_to_write(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(modelfile, "write", lambda path, tree: written.append(tree["epoch"]))
    trained(tmp_path / "c", checkpoint_every=None)
    assert written == [0, 12]
    written.clear()
    clock = [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: clock[0])

    def schedule(epoch):  # asked once for an epoch by the engine, and again for the step and the file
        clock[0] = max(clock[0], 11 * (epoch + 1))
        return 1

    trained(tmp_path / "c", checkpoint_every=None, schedule=schedule)
    assert written == [0, 3, 6, 9, 12]  # every 33 s, the first time that 30 have passed


def test_how_long_epochs_take_is_measured_anew_after_a_resume(tmp_path):
    trained(tmp_path / "c", 9)
    found = modelfile.read(tmp_path / "c")[1]
    settings = checkpoints.Checkpoint(tmp_path / "c", resume=True)
    writer = checkpoints.CheckpointWriter(settings, found["same"], lambda epochs: {}, None, 12)
    writer.write_if_due(10, lambda: pytest.fail("written again"))
    assert writer.epochs_until_due(10) == 1  # the ten epochs were not made in these microseconds


def test_a_checkpoint_is_a_model_file_with_the_network_as_it_was(tmp_path, ok):
    net, _ = trained(tmp_path / "c", 4)
    np.testing.assert_array_equal(cr.load(tmp_path / "c").parameters, net.parameters)
    about = modelfile.read_about(tmp_path / "c")
    assert (about["kind"], about["epoch"], about["epochs"]) == ("checkpoint", 5, 12)
    assert "after epoch 5 of 12" in ok("inspect", tmp_path / "c")


def test_a_checkpoint_that_is_there_is_not_overwritten_unasked(tmp_path):
    trained(tmp_path / "c", 4)
    before = (tmp_path / "c").read_bytes()
    with pytest.raises(
        CheckpointError, match=r"c is there already, of a training after epoch 5 of 12; go on with resu"
    ):
        trained(tmp_path / "c", resume=False)
    assert (tmp_path / "c").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"l2": 0.1}, r"l2: there 0\.0, here 0\.1"),
        ({"optimizer": cr.Adam(0.02)}, r"optimizer: there Adam\(learning_rate=0\.01.*here Adam\(learning_rate=0\.02"),
        ({"dtype": np.float32}, "network: there .*float64.* here .*float32"),
        ({"weights": np.ones(90)}, "data: there"),
        ({"validation": (X, Y)}, "validation: there None"),
        ({"patience": 3, "validation": (X, Y)}, "patience: there None, here 3"),
        ({"shuffle": False, "batch_size": 8}, "batch_size: there 16, here 8; shuffle: there True, here False"),
    ],
)
def test_another_training_is_refused_by_what_differs(tmp_path, options, what):
    trained(tmp_path / "c", 4, engine="native")
    with pytest.raises(CheckpointError, match=f"is of another training .*{what}"):
        trained(tmp_path / "c", **{"engine": "native", **options})


def test_a_file_that_came_after_the_training_was_made_is_not_overwritten(tmp_path):
    net = cr.Network([6, 5, 1], seed=1)
    first, second = (net.train(X, Y, cr.Adam(), epochs=3, checkpoint=tmp_path / "c") for _ in range(2))
    first.run()
    before = (tmp_path / "c").read_bytes()
    with pytest.raises(CheckpointError, match="c has come to be there since this training was made"):
        second.run()
    assert (tmp_path / "c").read_bytes() == before


def test_a_checkpoint_that_does_not_hold_this_training_leaves_the_network_as_it_was(tmp_path):
    trained(tmp_path / "c", 4)
    _, tree = modelfile.read(tmp_path / "c")
    del tree["order"]
    modelfile.write(tmp_path / "c", tree)
    net = cr.Network([6, 5, 4, 1], hidden=["tanh", "relu"], seed=1)
    parameters = net.parameters.copy()
    options = {"epochs": 12, "batch_size": 16, "seed": 2, "checkpoint": tmp_path / "c", "resume": True}
    with pytest.raises(CheckpointError, match="does not hold this training"):
        net.train(X, Y, cr.Adam(0.01), **options).run()
    np.testing.assert_array_equal(net.parameters, parameters)


def test_leaving_the_loop_says_so_where_the_checkpoint_cannot_be_written(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    net = cr.Network([6, 5, 1], seed=1)
    training = net.train(X, Y, cr.Adam(), epochs=9, checkpoint=cr.Checkpoint(folder / "c", every=100))
    next(training)
    shutil.rmtree(folder)
    with pytest.warns(RuntimeWarning, match="training stopped after epoch 1; the checkpoint could not be written"):
        training.close()


def test_other_files_are_refused_and_left_alone(tmp_path):
    cr.save(cr.Network([2, 1]), tmp_path / "net")
    (tmp_path / "text").write_text("a,b\n")
    trained(tmp_path / "cut", 4)
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:-1])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for name, error, words in (
        ("net", CheckpointError, "is a Network; choose another name"),
        ("text", ModelFileError, "not a chainrule model"),
        ("cut", ModelFileError, "damaged"),
    ):
        with pytest.raises(error, match=words):
            trained(tmp_path / name)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_wrong_arguments_are_told_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="checkpoint: there is none to go on from"):
        trained(resume=True)
    with pytest.raises(ValueError, match="checkpoint_every: got 0, wanted a whole number of 1 or more"):
        trained(tmp_path / "c", checkpoint_every=0)
    with pytest.raises(ValueError, match="LBFGS takes the full batch and chooses its own steps: leave out checkpoint"):
        trained(tmp_path / "c", optimizer=cr.LBFGS(), batch_size=None)
    assert not list(tmp_path.iterdir())


# Files of another processor: where this one has other vectors, the last bits are others.
def test_a_checkpoint_of_the_first_version_goes_on_to_where_it_would_have_come(tmp_path):
    shutil.copy(Path(__file__).parents[1] / "data" / "0.1.0" / "checkpoint.chainrule", tmp_path / "c")
    r = np.random.default_rng(0)  # as in tests/data/write.py
    A, B = r.normal(size=(3, 40)), r.normal(size=(2, 40))

    def run(**kept):
        net = cr.Network(
            [3, 5, 4, 2], hidden=["leaky_relu(0.2)", "gelu"], output="identity", loss="huber(1.35)", seed=0
        )
        net.normalize(A, "robust")
        return net, net.train(A, B, cr.Adam(0.01), epochs=7, batch_size=8, seed=0, **kept).run()

    assert modelfile.read_about(tmp_path / "c")["epoch"] == 3
    (resumed, later), (whole, steps) = run(checkpoint=tmp_path / "c", resume=True), run()
    np.testing.assert_allclose(resumed.parameters, whole.parameters, rtol=1e-9, atol=1e-12)
    assert [step.epoch for step in later] == [step.epoch for step in steps]
    assert [step.cost for step in later] == pytest.approx([step.cost for step in steps], rel=1e-9)


@pytest.mark.parametrize(("name", "watched"), [("fit", False), ("watched", True)])
def test_a_fit_of_the_first_version_goes_on_to_where_it_would_have_come(tmp_path, name, watched):
    shutil.copy(Path(__file__).parents[1] / "data" / "0.1.0" / f"{name}.checkpoint", tmp_path / "c")
    rows = np.random.default_rng(2).normal(size=(60, 3))  # as in tests/data/write.py

    def run(**kept):
        model = cr.MLPClassifier((4,), max_iter=9, random_state=0, early_stopping=watched)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Stochastic Optimizer")
            return model.fit(rows, rows[:, 0] > 0, **kept)

    whole, resumed = run(), run(checkpoint=tmp_path / "c", resume=True)
    np.testing.assert_allclose(resumed.network_.parameters, whole.network_.parameters, rtol=1e-9, atol=1e-12)
    one, other = ({**fit.history_, "best": [fit.best_loss_, fit.best_validation_score_]} for fit in (resumed, whole))
    assert one.keys() == other.keys()
    for of, numbers in other.items():
        there = [number for number in one[of] if number is not None]
        assert there == pytest.approx([number for number in numbers if number is not None], rel=1e-9), of


def test_a_checkpoint_says_all_of_it_in_one_argument(tmp_path):
    whole = trained()
    one = cr.Checkpoint(tmp_path / "c", every=1, resume=True)
    net = cr.Network([6, 5, 4, 1], hidden=["tanh", "relu"], seed=1)
    options = {"epochs": 12, "batch_size": 16, "seed": 2, "checkpoint": one}
    for step in net.train(X, Y, cr.Adam(0.01), **options):
        if step.epoch == 5:
            break
    assert modelfile.read_about(one.path)["epoch"] == 6
    net = cr.Network([6, 5, 4, 1], hidden=["tanh", "relu"], seed=1)
    assert_same((net, net.train(X, Y, cr.Adam(0.01), **options).run()), whole)
    model = cr.MLPClassifier((4,), max_iter=3, tol=0).set_params(n_iter_no_change=np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(PEOPLE, LABELS, checkpoint=cr.Checkpoint(tmp_path / "d", every=2))
    assert modelfile.read_about(tmp_path / "d")["epoch"] == 3
    with pytest.raises(ValueError, match=r"say `every` and `resume` in Checkpoint\(…\), or beside the path, not both"):
        net.train(X, Y, cr.Adam(), epochs=1, checkpoint=one, resume=True)
    with pytest.raises(ValueError, match="checkpoint_every: got 0"):
        cr.Checkpoint("c", every=0)


# -- writing that fails ----------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_is_told_before_the_first_epoch(tmp_path):
    with pytest.raises(ModelFileError, match="cannot be written: No such file or directory"):
        trained(tmp_path / "nowhere" / "c", 0)


def test_a_disk_that_is_full_for_a_while_stops_nothing(tmp_path, monkeypatch):
    full, write = iter([False, True, True] + [False] * 20), container.write

    def sometimes(*arguments):
        if next(full):
            raise ModelFileError("c: cannot be written: No space left on device")
        write(*arguments)

    monkeypatch.setattr(container, "write", sometimes)
    with pytest.warns(RuntimeWarning, match="could not be written, training goes on; that of epoch 0 is still there"):
        found = trained(tmp_path / "c")
    assert_same(found, trained())
    assert_same(trained(tmp_path / "c"), found)


def test_a_disk_that_stays_full_is_an_error_at_the_end_and_the_training_survives(tmp_path):
    """A real limit of the system on the size of files, in a process of its own."""
    program = """
import resource, signal, sys, warnings
import numpy as np, chainrule as cr
warnings.simplefilter("ignore")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
net = cr.Network([30, 40, 1], seed=0)
X = np.random.default_rng(0).normal(size=(30, 50)); Y = (X[:1] > 0) * 1.0
run = net.train(X, Y, cr.Adam(), epochs=6, batch_size=10, seed=1, checkpoint=sys.argv[1], checkpoint_every=1)
next(run)
sys.dont_write_bytecode = True  # half of it would stay
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
try:
    steps = list(run)
except cr.ModelFileError as error:
    print(error)
np.save(sys.argv[2], net.parameters[:200])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "c", tmp_path / "p.npy"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{tmp_path / 'c'}: cannot be written: File too large"
    net = cr.Network([30, 40, 1], seed=0)
    Z = np.random.default_rng(0).normal(size=(30, 50))
    for _ in net.train(Z, (Z[:1] > 0) * 1.0, cr.Adam(), epochs=6, batch_size=10, seed=1):
        pass
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), net.parameters[:200])  # trained to its end
    assert modelfile.read_about(tmp_path / "c")["epoch"] in (0, 1)  # the last that could be written is whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "p.npy"]


# -- signals ---------------------------------------------------------------------------------------------------------


def endless(path, engine, **options):
    """A training that goes on for as long as nobody stops it, most of the time inside one call of its engine."""
    net = cr.Network([6, 30, 30, 1], seed=0)
    keep = {} if path is None else {"checkpoint": path, "resume": True}
    return net, net.train(X, Y, cr.Adam(), batch_size=16, seed=1, engine=engine, every=10**9, **keep, **options)


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_ctrl_c_inside_an_engine_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path, engine):
    net, run = endless(tmp_path / "c", engine, epochs=10**9)
    next(run)
    for _ in range(2):  # the second time from the checkpoint of the first
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt) as caught:
            next(run)
        timer.join()
        done = modelfile.read_about(tmp_path / "c")["epoch"]
        assert (
            f"training stopped after epoch {done}; {tmp_path / 'c'} holds it, resume=True" in caught.value.__notes__[0]
        )
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        np.testing.assert_array_equal(cr.load(tmp_path / "c").parameters, net.parameters)
        whole = endless(None, engine, epochs=done)
        for _ in whole[1]:
            pass
        np.testing.assert_array_equal(whole[0].parameters, net.parameters)
        net, run = endless(tmp_path / "c", engine, epochs=10**9)
        next(run)


def test_sigterm_ends_a_program_with_143_and_leaves_a_checkpoint(tmp_path):
    program = """
import sys, numpy as np, chainrule as cr
net = cr.Network([6, 30, 1], seed=0)
X = np.random.default_rng(0).normal(size=(6, 90))
print("ready", flush=True)
for _ in net.train(X, X[:1] > 0, cr.Adam(), epochs=10**9, every=10**9, checkpoint=sys.argv[1]):
    print("going", flush=True)
"""
    for number, code in ((signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, -signal.SIGINT)):
        path = tmp_path / f"c{number}"
        child = subprocess.Popen(
            [sys.executable, "-c", program, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "ready\n"
        assert child.stdout.readline() == "going\n"
        time.sleep(0.2)
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
        assert child.returncode == code  # a shell calls it 128 + number
        assert "holds it, resume=True goes on from there" in err
        assert modelfile.read_about(path)["epoch"] >= 1


def test_a_handler_that_does_not_raise_is_called_when_all_is_written_and_the_training_goes_on(tmp_path):
    seen = []

    def handler(number, frame):
        seen.append(modelfile.read_about(tmp_path / "c")["epoch"])

    before = signal.signal(signal.SIGTERM, handler)
    try:
        net, run = endless(tmp_path / "c", "auto", epochs=20_000)
        next(run)
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        run.run()
        timer.join()
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert len(seen) == 1
    assert 1 < seen[0] < 20_000
    whole = endless(None, "auto", epochs=20_000)
    whole[1].run()
    np.testing.assert_array_equal(net.parameters, whole[0].parameters)


def test_a_signal_that_is_ignored_stays_so_and_other_threads_have_no_part_in_it(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.Deferral():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    found = []
    thread = threading.Thread(target=lambda: found.append(trained(tmp_path / "c")))
    thread.start()
    thread.join(60)
    assert_same(found[0], trained())


def test_a_signal_that_comes_with_an_error_is_not_kept_for_later(tmp_path):
    def order(epoch):
        if epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)
            raise ZeroDivisionError
        return np.arange(90)

    with pytest.raises(KeyboardInterrupt) as caught:
        trained(tmp_path / "c", order=order)
    assert isinstance(caught.value.__context__, ZeroDivisionError)
    assert_same(trained(tmp_path / "d"), trained())


def test_a_loop_that_is_left_writes_what_is_done(tmp_path):
    trained(tmp_path / "c", 7, checkpoint_every=100)
    assert modelfile.read_about(tmp_path / "c")["epoch"] == 8


def test_a_training_that_diverges_keeps_the_last_good_checkpoint(tmp_path):
    def run():
        net = cr.Network([6, 5, 1], output="identity", seed=0)
        keep = {"checkpoint": tmp_path / "c", "checkpoint_every": 1, "resume": True}
        for _ in net.train(X, 10 * Y, cr.GradientDescent(5.0), epochs=500, **keep):
            pass

    for _ in range(2):
        with pytest.raises(cr.DivergenceError):
            run()
        assert np.isfinite(cr.load(tmp_path / "c").parameters).all()


# -- estimators ------------------------------------------------------------------------------------------------------

ESTIMATORS = {
    "plain": {},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.01, "n_iter_no_change": 2, "max_iter": 40},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "dropout": {"dropout": 0.2, "normalize": "robust", "schedule": "cosine", "dtype": "float32"},
    "in order": {"shuffle": False, "solver": "nesterov"},
    "reference": {"engine": "numpy", "batch_size": 10},
}


def fitted(kind=cr.MLPClassifier, path=None, parameters=None, labels=None, **fit):
    model = kind(hidden_layer_sizes=(7,), **{"max_iter": 12, "random_state": 4, **(parameters or {})})
    keep = {} if path is None else {"checkpoint": path, "checkpoint_every": 1, "resume": True}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Stochastic Optimizer")
        return model.fit(PEOPLE, LABELS if labels is None else labels, **keep, **fit)


def assert_same_fit(first, second):
    np.testing.assert_array_equal(first.network_.parameters, second.network_.parameters)
    for name in ("n_iter_", "t_", "loss_", "loss_curve_", "history_", "best_loss_", "validation_scores_"):
        assert getattr(first, name) == getattr(second, name), name
    np.testing.assert_array_equal(first.predict(PEOPLE), second.predict(PEOPLE))


class After:
    """A callback that interrupts a fit after some epochs, where the signal would wait."""

    def __init__(self, epochs):
        self.left = epochs

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "epoch":
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)


def interrupted(kind, path, parameters, epochs, labels=None):
    model = kind(hidden_layer_sizes=(7,), **{"max_iter": 12, "random_state": 4, **parameters})
    model.set_callbacks(After(epochs))
    with pytest.warns(UserWarning, match=f"interrupted by user. training stopped after epoch .*{path.name} holds it"):
        model.fit(PEOPLE, LABELS if labels is None else labels, checkpoint=path, checkpoint_every=1, resume=True)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_resumed_fit_is_the_one_that_was_never_interrupted(tmp_path, name):
    parameters = ESTIMATORS[name]
    interrupted(cr.MLPClassifier, tmp_path / "c", parameters, 3)
    interrupted(cr.MLPClassifier, tmp_path / "c", parameters, 2)
    assert modelfile.read_about(tmp_path / "c")["epoch"] == 5
    whole = fitted(parameters=parameters)
    assert_same_fit(fitted(path=tmp_path / "c", parameters=parameters), whole)
    assert_same_fit(fitted(path=tmp_path / "c", parameters=parameters), whole)


def test_a_resumed_regressor_too_and_with_rows_of_one_s_own_to_watch(tmp_path):
    parameters, y = {"scale_target": True, "early_stopping": True}, PEOPLE[:, 0] * 5 + 3
    interrupted(cr.MLPRegressor, tmp_path / "c", parameters, 4, y)
    assert_same_fit(
        fitted(cr.MLPRegressor, tmp_path / "c", parameters, y), fitted(cr.MLPRegressor, None, parameters, y)
    )
    own = {"X_val": PEOPLE[:20], "y_val": y[:20]}
    with pytest.raises(CheckpointError, match="validation: there None"):
        fitted(cr.MLPRegressor, tmp_path / "c", parameters, y, **own)


def test_a_fit_without_a_seed_goes_on_with_the_numbers_it_began_with(tmp_path):
    parameters = {"random_state": None, "early_stopping": True, "dropout": 0.1}
    np.random.seed(3)
    whole = fitted(parameters=parameters)
    np.random.seed(3)
    interrupted(cr.MLPClassifier, tmp_path / "c", parameters, 5)
    np.random.seed(99)
    np.random.random_sample(whole.network_.parameters.size)  # the initial weights, which the checkpoint then replaces
    expected = np.random.get_state()
    np.random.seed(99)
    resumed = fitted(path=tmp_path / "c", parameters=parameters)
    np.testing.assert_equal(np.random.get_state(), expected)  # the generator that everyone draws from goes its own way
    assert_same_fit(resumed, whole)
    assert resumed._random_state is not whole._random_state


def test_more_iterations_go_on_and_a_rule_that_has_stopped_a_fit_stays(tmp_path):
    fitted(path=tmp_path / "c", parameters={"max_iter": 4})
    assert_same_fit(fitted(path=tmp_path / "c"), fitted())
    stopped = {"tol": 1.0, "n_iter_no_change": 2}
    fitted(path=tmp_path / "d", parameters={"max_iter": 9, **stopped})
    again = fitted(path=tmp_path / "d", parameters={"max_iter": 500, **stopped})
    assert again.n_iter_ == fitted(parameters={"max_iter": 500, **stopped}).n_iter_ < 9


def test_callbacks_see_the_epochs_that_are_left(tmp_path):
    fitted(path=tmp_path / "c", parameters={"max_iter": 8})
    model = cr.MLPClassifier((7,), max_iter=12, random_state=4)
    monitor = ScoringMonitor(scoring="accuracy")
    model.set_callbacks(monitor)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(PEOPLE, LABELS, checkpoint=tmp_path / "c", resume=True)
    assert model.n_iter_ == 12
    assert_same_fit(model, fitted())


def test_another_fit_is_refused_by_what_differs(tmp_path):
    fitted(path=tmp_path / "c")
    for parameters, what in (
        ({"alpha": 0.1}, "alpha: there 0.0001, here 0.1"),
        ({"random_state": 5}, "random_state: there 4, here 5"),
        ({"activation": "tanh"}, "activation: there relu, here tanh"),
    ):
        with pytest.raises(CheckpointError, match=what):
            fitted(path=tmp_path / "c", parameters=parameters)
    with pytest.raises(CheckpointError, match="data: there"):
        fitted(path=tmp_path / "c", labels=LABELS[::-1])
    with pytest.raises(CheckpointError, match="classes: there"):
        fitted(path=tmp_path / "c", labels=np.where(LABELS == "yes", "ja", "nein")[::-1])
    with pytest.raises(ValueError, match="leave out checkpoint"):
        fitted(path=tmp_path / "d", parameters={"solver": "lbfgs"})


def test_a_step_of_a_pipeline_is_kept_too(tmp_path):
    def pipeline():
        return make_pipeline(StandardScaler(), cr.MLPClassifier((5,), max_iter=3, schedule="cosine", random_state=0))

    whole = pipeline().fit(PEOPLE, LABELS)
    pipeline().fit(PEOPLE, LABELS, mlpclassifier__checkpoint=tmp_path / "c")
    again = pipeline().fit(PEOPLE, LABELS, mlpclassifier__checkpoint=tmp_path / "c", mlpclassifier__resume=True)
    np.testing.assert_array_equal(again.predict_proba(PEOPLE), whole.predict_proba(PEOPLE))


# -- killed, and the command line ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", kill.TRAININGS)
def test_a_training_that_is_killed_again_and_again_comes_to_the_same_end(tmp_path, name):
    # The short one; make kill is the long one.
    # With this seed the first times are short, so that fast machines are not done before them.
    kills, _ = kill.one_round(name, tmp_path, np.random.default_rng(25), most=2)
    assert 1 <= kills <= 2


def test_the_command_line_stops_says_how_to_go_on_and_goes_on(tmp_path, ok, monkeypatch):
    monkeypatch.chdir(tmp_path)
    long = ["train", "breast_cancer", "--quiet", "--hidden", "64,64", "--epochs", "400", "--checkpoint", "c"]
    ok(*long, "--out", "whole")
    assert not (tmp_path / "c").exists()  # the model is saved
    for number in (signal.SIGINT, signal.SIGTERM):
        command = [sys.executable, "-m", "chainrule", *long, "--out", "m", "--resume"]
        child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while child.poll() is None and not (tmp_path / "c").exists():
            time.sleep(0.005)  # it trains when there is a checkpoint; of the second time its imports come first
        time.sleep(0.05 if number == signal.SIGINT else 1.5)
        child.send_signal(number)
        _, err = child.communicate(timeout=120)
        # The signal may also come before the program is there to answer, or when it has done its work.
        assert child.returncode in (0, -number, 128 + number), err
        if number == signal.SIGINT:
            assert re.search(r"of 400 of network 1 of \d+; go on with:", err)
            assert "--resume" in err
    ok(*long, "--out", "m", "--resume")
    for first, second in zip(*(cr.load(tmp_path / name).networks_ for name in ("whole", "m")), strict=True):
        np.testing.assert_array_equal(first.network_.parameters, second.network_.parameters)
    assert not (tmp_path / "c").exists()


def test_wrong_options_of_the_command_line_are_one_line(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained(tmp_path / "c", 4)
    for arguments, words in (
        (["--resume"], "--resume: of which file? Say --checkpoint FILE"),
        (["--checkpoint-every", "2"], "--checkpoint-every: of which file?"),
        (["--checkpoint", "iris.chainrule"], "iris.chainrule: the model goes there"),
        (["--checkpoint", "c"], "is there already, of a training after epoch 5 of 12; go on with --resume, or remove"),
        (["--checkpoint", "c", "--resume"], "c is of another training"),
        (["--checkpoint", "nowhere/c"], "cannot be written: No such file or directory"),
        (["--checkpoint", "x", "--checkpoint-every", "0"], "Invalid value"),
    ):
        code, _, err = run("train", "iris", "--epochs", "2", "--quiet", *arguments)
        assert code == 2
        assert words in err
        assert err.count("\n") == 1


def test_the_limits_of_this_process_are_as_they_were():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert interrupts.deferral() is None
