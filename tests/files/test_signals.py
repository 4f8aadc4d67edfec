"""Signals by the dozen, in every phase of a training that is kept: nothing is lost, and nothing of them is left."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines import interrupts
from chainrule.files import container
from chainrule.files import model as modelfile
from support.hostile import alone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 90)), (rng.random((1, 90)) > 0.5) * 1.0
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def handlers():
    """Nothing of a signal is left when a test is over."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    assert {number: signal.getsignal(number) for number in NUMBERS} == before
    assert interrupts.deferral() is None


def training(path=None, engine="auto", epochs=200, sizes=(6, 40, 40, 1), **options):
    keep = {} if path is None else {"checkpoint": cr.Checkpoint(path, resume=True)}
    net = cr.Network(sizes, hidden="tanh", seed=0)
    options = {"batch_size": 16, "seed": 1, "validation": (X, Y), "patience": 10**6, **options}
    return net, net.train(X, Y, cr.Adam(), epochs=epochs, engine=engine, **keep, **options)


# A program that does a job again and again while another thread sends signals at moments that nobody has chosen. The
# handlers raise wherever they are called within the job, and nowhere else.
STORM = """
import os, signal, sys, threading, time, warnings
import numpy as np, chainrule as cr
from chainrule.engines import interrupts
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(6, 90)), (rng.random((1, 90)) > 0.5) * 1.0
rows, labels = X.T.copy(), Y[0] > 0.5
KEPT = cr.Checkpoint("c", resume=True)
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
inside, sent, raised = False, 0, 0

class Terminated(BaseException):
    pass

def handler(number, frame):
    if inside:
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

def send(count):
    global sent
    random = np.random.default_rng(count)
    while sent < count or raised < 4:  # a busy machine takes several for one
        time.sleep(0.002 + random.exponential(0.02))
        os.kill(os.getpid(), random.choice(NUMBERS))
        sent += 1

def storm(count):
    global inside, raised
    cr.MLPClassifier((3,), max_iter=3).fit(rows, labels, checkpoint="warm")  # a signal within an import breaks it
    net().train(X, Y, cr.LBFGS(), epochs=3).run()
    for number in NUMBERS:
        signal.signal(number, handler)
    sender = threading.Thread(target=send, args=(count,))
    sender.start()
    while sender.is_alive():
        try:
            inside = True
            job()
            inside = False
        except (KeyboardInterrupt, Terminated):
            inside = False
            raised += 1
    sender.join()
    while any(isinstance(thread, threading.Timer) for thread in threading.enumerate()):
        time.sleep(0.01)  # a signal that came while a training was freed comes again
    assert [signal.getsignal(number) for number in NUMBERS] == [handler] * 3
    assert interrupts.deferral() is None
    assert threading.active_count() == 1, threading.enumerate()
    assert not [name for name in os.listdir() if name.endswith(".part")], os.listdir()

def net(seed=0):
    return cr.Network([6, 40, 40, 1], hidden="tanh", seed=seed)

def training(network, epochs, **options):
    options = {"batch_size": 16, "seed": 1, "validation": (X, Y), "patience": 10**6, **options}
    return network.train(X, Y, cr.Adam(), epochs=epochs, **options)
"""
JOBS = {
    "a training on the kernel": """
job = lambda: training(net(), 3000, checkpoint=KEPT).run()
storm(30)
resumed, whole = net(), net()
assert training(resumed, 3000, checkpoint=KEPT).run() == training(whole, 3000).run()
np.testing.assert_array_equal(resumed.parameters, whole.parameters)
""",
    "a training on the reference": """
job = lambda: training(net(), 300, engine="numpy", checkpoint=KEPT).run()
storm(30)
resumed, whole = net(), net()
found = training(resumed, 300, engine="numpy", checkpoint=KEPT).run()
assert found == training(whole, 300, engine="numpy").run()
np.testing.assert_array_equal(resumed.parameters, whole.parameters)
""",
    "a training that is left and taken up again": """
def job():
    for step in training(net(), 10**6, every=7, checkpoint=KEPT):
        if step.epoch % 5 == 4:
            break
storm(30)
found = training(net(), 10**6, every=7, checkpoint=KEPT)
steps = [next(found) for _ in range(30)]
whole = training(net(), 10**6, every=7)
assert steps == [next(whole) for _ in range(30)]
""",
    "a fit": """
def model():
    return cr.MLPClassifier((40,), max_iter=500, tol=0, n_iter_no_change=10**6, random_state=0, dropout=0.1)
job = lambda: model().fit(rows, labels, checkpoint=KEPT)
storm(30)
resumed, whole = model().fit(rows, labels, checkpoint=KEPT), model().fit(rows, labels)
np.testing.assert_array_equal(resumed.network_.parameters, whole.network_.parameters)
assert resumed.history_ == whole.history_
""",
    "many trainings": """
kept = cr.Each([cr.Checkpoint(f"c{i}", resume=True) for i in range(4)])
def job():
    nets = [net(i) for i in range(4)]
    cr.train_many(nets, X, Y, cr.Adam(), epochs=300, batch_size=16, seed=0, checkpoint=kept, threads=2)
    return nets
storm(20)
for i, resumed in enumerate(job()):
    whole = net(i)
    whole.train(X, Y, cr.Adam(), epochs=300, batch_size=16, seed=0).run()
    np.testing.assert_array_equal(resumed.parameters, whole.parameters)
""",
    "trainings that are not kept": """
def job():
    training(net(), 300).run()
    cr.MLPClassifier((40,), max_iter=50).fit(rows, labels)
    net().train(X, Y, cr.LBFGS(), epochs=30).run()
storm(30)
""",
}  # fmt: skip


@pytest.mark.parametrize("name", JOBS)
def test_a_storm_of_signals_costs_nothing_and_leaves_nothing(tmp_path, name):
    """Each time the job goes on from what the last signal left; what comes out is what would have without them."""
    after = """
assert raised > 3, raised
assert len(training(net(), 3).run()) == 3  # as ever
assert cr.MLPClassifier((3,), max_iter=3).fit(rows, labels).n_iter_ == 3
print("fine")
"""
    done = alone(f"os.chdir({str(tmp_path)!r})\n{STORM}{JOBS[name]}{after}")
    assert done.stdout == "fine\n", done.stderr


BEFORE_EACH = """
import itertools, signal, sys
from chainrule.engines import interrupts
NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

class Raised(BaseException):
    pass

def within(frame):
    return frame is not None and (frame.f_code.co_filename == interrupts.__file__ or within(frame.f_back))

def handler(number, frame):
    if within(frame):
        raise Raised

def send(frame, event, arg):
    global passed
    if frame.f_code.co_filename != interrupts.__file__:
        return None
    frame.f_trace_opcodes = True
    passed += event == "opcode"
    if event == "opcode" and passed == at:  # what raises here ends the tracing
        signal.pthread_sigmask(signal.SIG_BLOCK, sent)
        for number in sent:
            signal.raise_signal(number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, sent)
    return send

for number in NUMBERS:
    signal.signal(number, handler)
for sent in [some for n in (1, 2, 3) for some in itertools.combinations(NUMBERS, n)]:
    at = passed = raised = 0
    while passed >= at:
        at, passed = at + 1, 0
        try:
            sys.settrace(send)
            with interrupts.Deferral():
                pass
        except Raised:
            raised += 1
        finally:
            sys.settrace(None)
        signal.pthread_sigmask(signal.SIG_BLOCK, [])  # newer Pythons let the second one wait until somebody looks
        assert interrupts.deferral() is None, (sent, at)
        assert [signal.getsignal(number) for number in NUMBERS] == [handler] * 3, (sent, at)
    assert raised == at - 1 > 300, (sent, raised, at)  # each time but the last, which was after all instructions
print("fine")
"""


def test_signals_before_any_instruction_of_a_deferral_leave_nothing_of_it():
    """The first handler raises there, and each other one where Python looks next: in what mends the first."""
    done = alone(BEFORE_EACH)
    assert done.stdout == "fine\n", done.stderr


def test_ctrl_c_again_while_the_checkpoint_is_written_waits_for_it(tmp_path, monkeypatch):
    write, written = container.write, []

    def slowly(*arguments):
        if written:
            os.kill(os.getpid(), signal.SIGINT)  # again and again
        write(*arguments)
        written.append(modelfile.read_about(tmp_path / "c")["epoch"])

    monkeypatch.setattr(container, "write", slowly)
    net, run = training(tmp_path / "c", epochs=10**6)
    next(run)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt) as caught:
        timer.start() or run.run()
    timer.join()
    assert f"training stopped after epoch {written[-1]}" in caught.value.__notes__[0]
    np.testing.assert_array_equal(modelfile.read(tmp_path / "c")[1]["network"].parameters.shape, net.parameters.shape)
    monkeypatch.undo()
    other = cr.Network([6, 3, 1], seed=0)
    assert len(other.train(X, Y, cr.Adam(), epochs=3).run()) == 3  # in this process, too
    assert cr.MLPClassifier((3,), max_iter=3, schedule="cosine").fit(X.T, Y[0] > 0.5).n_iter_ == 3


def test_ctrl_c_while_a_training_that_is_freed_writes_its_checkpoint_comes_after_it(tmp_path, monkeypatch):
    write = container.write

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        write(*arguments)

    _, run = training(tmp_path / "c", epochs=10**6)
    next(run), next(run), next(run)
    monkeypatch.setattr(container, "write", interrupted)
    del run  # what is raised in a finalizer is lost
    with pytest.raises(KeyboardInterrupt):
        time.sleep(10)
    assert modelfile.read_about(tmp_path / "c")["epoch"] == 3


def test_a_training_in_another_thread_does_not_change_what_a_signal_leaves_of_this_one(tmp_path):
    stop = threading.Event()

    def other():
        while not stop.is_set():
            cr.Network([6, 64, 1], seed=1).train(X, Y, cr.Adam(), epochs=50, batch_size=50, seed=0).run()

    thread = threading.Thread(target=other)
    thread.start()
    many = np.tile(X, 200), np.tile(Y, 200)  # to measure it takes longer than an epoch does
    try:
        for i in range(6):
            _, run = training(tmp_path / f"c{i}", epochs=10**6, validation=many)
            next(run)
            timer = threading.Timer(0.3 + 0.013 * i, os.kill, (os.getpid(), signal.SIGINT))
            with pytest.raises(KeyboardInterrupt):
                timer.start() or run.run()
            found = modelfile.read(tmp_path / f"c{i}")[1]
            assert found["steps"][0] == list(range(found["epoch"]))  # each epoch has its step
    finally:
        stop.set()
        thread.join()


def test_a_training_within_a_training_hears_of_the_signal_and_so_does_the_outer_one(tmp_path):
    inner = []

    class Nested:
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
                try:
                    training(None, epochs=10**8, every=10**8, validation=None, patience=None)[1].run()
                finally:
                    inner.append("ended")

    model = cr.MLPClassifier((4,), max_iter=50, random_state=0)
    model.set_callbacks(Nested())
    with pytest.warns(UserWarning, match="stopped after epoch 1;"):
        model.fit(X.T, Y[0] > 0.5, checkpoint=tmp_path / "c")
    assert inner == ["ended"]
    assert modelfile.read_about(tmp_path / "c")["epoch"] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_callback_that_ends_the_program_leaves_a_checkpoint_too(tmp_path, error):
    told = []

    class After:
        def setup(self, estimator, context):
            pass

        teardown = on_fit_task_begin = setup

        def on_fit_task_end(self, estimator, context):
            told.append(context.task_name)
            if told.count("epoch") == 7 and context.task_name == "epoch":
                raise error

    model = cr.MLPClassifier((4,), max_iter=50, random_state=0)
    model.set_callbacks(After())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(SystemExit) if error is SystemExit else nullcontext():
            model.fit(X.T, Y[0] > 0.5, checkpoint=tmp_path / "c", checkpoint_every=100)
    assert modelfile.read_about(tmp_path / "c")["epoch"] == 7
    assert told.count("epoch") == 7


# -- the end of the program --------------------------------------------------------------------------------------------

PROGRAM = """
import os, sys, threading, time
import numpy as np, chainrule as cr
X, Y = cr.datasets.flower()
net = cr.Network([2, 8, 1], hidden="tanh", seed=0)
steps = net.train(X, Y, cr.Adam(), epochs=5000, batch_size=32, seed=0, checkpoint=sys.argv[1])
def train():
    for step in steps:
        if step.epoch == 99:
            ACTION
"""
ENDINGS = {
    "break": "break\ntrain()",
    "exit": "sys.exit(0)\ntrain()",
    "an error": "raise ZeroDivisionError\ntrain()",
    "in a thread": "break\nthread = threading.Thread(target=train); thread.start(); thread.join()",
    "a cycle": "break\ntrain()\nsteps.me = steps",
    "a child": "break\ntrain()\nif (child := os.fork()) == 0:\n    sys.exit(0)\nos.waitpid(child, 0)\n"
    "print(os.path.getmtime(sys.argv[1]) > 0)",
}  # fmt: skip


@pytest.mark.parametrize("name", ENDINGS)
def test_a_program_that_ends_with_a_training_in_a_variable_keeps_all_of_it(tmp_path, name):
    action, _, rest = ENDINGS[name].partition("\n")
    program = PROGRAM.replace("ACTION", action) + rest + "\n"
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "c"], capture_output=True, text=True, timeout=100)
    assert (done.returncode == 1) == (name == "an error"), done.stderr
    assert name == "an error" or done.stderr == ""
    assert modelfile.read_about(tmp_path / "c")["epoch"] == 100


def test_ctrl_c_while_a_program_that_ends_writes_the_checkpoint_is_told_and_costs_nothing_of_it(tmp_path):
    program = (
        PROGRAM.replace("ACTION", "break")
        + """
train()
from chainrule.files import container
write = container.write
def interrupted(*arguments):
    os.kill(os.getpid(), 2)
    write(*arguments)
container.write = interrupted
"""
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "c"], capture_output=True, text=True, timeout=100)
    assert "KeyboardInterrupt" in done.stderr
    assert "new thread" not in done.stderr
    assert modelfile.read_about(tmp_path / "c")["epoch"] == 100


def test_a_child_that_ends_does_not_write_over_what_its_parent_has_done_since(tmp_path):
    program = (
        PROGRAM.replace("ACTION", "break")
        + """
train()
if (child := os.fork()) == 0:
    while not os.path.exists(sys.argv[1] + ".go"):
        time.sleep(0.01)
    sys.exit(0)
for step in steps:
    if step.epoch == 299:
        break
steps.close()
open(sys.argv[1] + ".go", "w").close()
os.waitpid(child, 0)
"""
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "c"], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert modelfile.read_about(tmp_path / "c")["epoch"] == 300


@pytest.mark.parametrize("way", ["a loop", "a loop that began in the main thread", "a run", "a fit", "the reference"])
def test_a_daemon_thread_that_trains_when_the_program_ends_keeps_what_it_has_done(tmp_path, way):
    program = """
import sys, threading, time, warnings
import chainrule as cr
X, Y = cr.datasets.flower()
way = sys.argv[2]
net = cr.Network([2, 8, 1], seed=0)
engine = "numpy" if way == "the reference" else "auto"
options = {"epochs": 10**7, "batch_size": 32, "seed": 1, "engine": engine, "checkpoint": sys.argv[1]}
if way == "a fit":
    model = cr.MLPClassifier((8,), max_iter=10**7, tol=0, n_iter_no_change=10**7)
    work = lambda: model.fit(X.T, Y[0], checkpoint=sys.argv[1])
else:
    steps = net.train(X, Y, cr.Adam(), **options)
    if "main" in way:
        next(steps)
    work = steps.run if way == "a run" else lambda: [None for _ in steps]
threading.Thread(target=work, daemon=True).start()
time.sleep(0.5)
sys.exit(3)
"""
    run = [sys.executable, "-c", program, tmp_path / "c", way]
    done = subprocess.run(run, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (3, "")
    assert modelfile.read_about(tmp_path / "c")["epoch"] > 5


@contextmanager
def running(*command, **options):
    """A process that does not outlive its test, whatever signals it was born to ignore."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as child:
        try:
            yield child
        finally:
            child.kill()


def test_a_closed_terminal_is_answered_like_ctrl_c(tmp_path):
    program = (
        PROGRAM.replace("epochs=5000", "epochs=10**9, every=10**9").replace("ACTION", "pass")
        + """
print("ready", flush=True)
train()
"""
    )
    with running(sys.executable, "-c", program, tmp_path / "c") as child:
        assert child.stdout.readline() == "ready\n"
        while not (tmp_path / "c").exists():
            time.sleep(0.01)
        time.sleep(0.3)
        child.send_signal(signal.SIGHUP)
        child.communicate(timeout=60)
    assert child.returncode == -signal.SIGHUP
    assert modelfile.read_about(tmp_path / "c")["epoch"] > 0


def test_the_command_line_answers_a_closed_terminal_and_says_how_to_go_on(tmp_path):
    train = ["train", "breast_cancer", "--quiet", "--hidden", "64,64", "--epochs", "20000", "--checkpoint", "c"]
    with running(sys.executable, "-m", "chainrule", *train, cwd=tmp_path, stderr=subprocess.PIPE) as child:
        while not (tmp_path / "c").exists():
            time.sleep(0.01)
        time.sleep(0.3)
        child.send_signal(signal.SIGHUP)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 129
    assert re.search(r"of 20000 of network 1 of \d+; go on with:", err)
    assert "--resume" in err
