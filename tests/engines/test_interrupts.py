"""Ctrl-C and SIGTERM inside the kernel: they end it. How long that takes is measured by benchmarks/interrupts.py."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines import ENGINES, kernel
from chainrule.training.train import prepare

pytestmark = pytest.mark.skipif(not kernel.BUILT, reason="the kernel is not built")
signals = pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")


class Stopped(BaseException):
    """What a question raises here."""


@pytest.fixture
def ask():
    """The kernel's question in this thread; none when the test is over."""
    yield kernel.module().ask
    kernel.module().ask(lambda: None)


# -- signals -----------------------------------------------------------------------------------------------------------

# No job comes to its end within the time limit of a test, unless it is interrupted; `cut_short` says whether it was,
# where that can be seen. `send` waits until the kernel computes, in whatever thread.
HEAD = """
import os, signal, sys, threading, time, warnings
import numpy as np, chainrule as cr
from chainrule.engines import kernel
from chainrule.engines import ENGINES
from chainrule.training.train import prepare

class Terminated(BaseException):
    pass

def terminate(number, frame):
    raise Terminated

signal.signal(signal.SIGTERM, terminate)
warnings.simplefilter("ignore")
inside = threading.Event()
cut_short = lambda: True

def send(number, delay=0.0):
    def run():
        inside.wait()
        time.sleep(delay)
        os.kill(os.getpid(), number)
    kernel.module().ask(inside.set)  # only now: what prepares a job computes, too
    sender = threading.Thread(target=run, daemon=True)
    sender.start()
    return sender

def stopped(sender):
    sender.join()
    assert threading.active_count() == 1, threading.enumerate()
    assert cut_short()
    print("fine")

def state(m, batch_size=None, sizes=(20, 30, 1), **options):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((sizes[0], m)), rng.standard_normal((sizes[-1], m))
    net = cr.Network(sizes, hidden="tanh", output="identity", seed=0)
    examples = net.check_examples(X, Y)
    return prepare(net, examples, cr.Adam(1e-4), batch_size=batch_size, shuffle=False, seed=0, **options)
"""

JOBS = {
    "run, tiny steps": """
s = state(4, sizes=(3, 2, 1))
job, cut_short = lambda: ENGINES["native"].run(s, 10**9), lambda: s.epoch < 10**9""",
    "run, long epochs": """
s = state(10**6, 1000, (20, 2000, 2000, 1))
job, cut_short = lambda: ENGINES["native"].run(s, 1), lambda: s.epoch == 0""",
    "run, long steps": """
s = state(10**6, None, (20, 2000, 2000, 1))
job, cut_short = lambda: ENGINES["native"].run(s, 1), lambda: s.epoch == 0""",
    "net.train": """
s = state(1000)
job = lambda: list(s.network.train(s.X, s.Y, cr.Adam(1e-4), epochs=10**7, every=10**6))""",
    "one evaluation": """
s = state(1, sizes=(20, 2000, 2000, 1))
X, Y = np.broadcast_to(s.X, (20, 10**6)), np.broadcast_to(s.Y, (1, 10**6))
compute = ENGINES["native"].objective(s.network, X, Y, None, 0.0)
job = lambda: compute(s.network.parameters)""",
    "forward": """
net = cr.Network((1, 1000, 1000, 1), hidden="relu", output="identity", seed=0, dtype="float32")
X = np.broadcast_to(np.ones((1, 1), np.float32), (1, 4 * 10**7))
job = lambda: net.forward(X)""",
    "L-BFGS": """
s = state(10**5)
inside.set()  # the kernel computes in a thread of the solver's
job = lambda: list(s.network.train(s.X, s.Y, cr.LBFGS(), epochs=10**6, every=10**6))""",
    "train_many, many epochs": """
s = state(20_000)
nets = [cr.Network((20, 3, 1), hidden="tanh", output="identity", seed=i) for i in range(20)]
inside.set()
job = lambda: cr.train_many(nets, s.X, s.Y, cr.Adam(1e-4), epochs=10**6, every=10**5, threads=2)""",
    "train_many, long epochs": """
s = state(10**6)
nets = [cr.Network((20, 500, 500, 1), hidden="tanh", output="identity", seed=i) for i in range(3)]
inside.set()
job = lambda: cr.train_many(nets, s.X, s.Y, cr.Adam(1e-4), epochs=10, batch_size=1000, threads=2)""",
    "GridSearchCV": """
rng = np.random.default_rng(0)
X, y = rng.standard_normal((50_000, 20)), rng.standard_normal(50_000)
model = cr.MLPRegressor(hidden_layer_sizes=(700, 700), max_iter=10**6, n_iter_no_change=np.inf)
search = cr.GridSearchCV(model, {"alpha": [0, 1, 2]}, cv=2, n_jobs=2)
inside.set()
job = lambda: search.fit(X, y)""",
}


def run_program(program):
    path = os.pathsep.join(filter(None, sys.path))
    run = subprocess.run(
        [sys.executable, "-c", HEAD + program], env={**os.environ, "PYTHONPATH": path},
        capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout


@signals
@pytest.mark.parametrize("name", JOBS)
def test_ctrl_c_and_a_handler_that_raises_end_whatever_the_kernel_computes(name):
    number, error = ("SIGINT", "KeyboardInterrupt") if len(name) % 2 else ("SIGTERM", "Terminated")
    delay = 0.0 if "ask" in JOBS[name] or "inside.set" not in JOBS[name] else 1.0
    found = run_program(f"""{JOBS[name]}
sender = send(signal.{number}, {delay})
try:
    job()
except {error}:
    stopped(sender)
""")
    assert found == "fine\n"


@signals
def test_an_estimator_keeps_what_it_has_and_can_go_on():
    found = run_program("""
rng = np.random.default_rng(0)
X, y = rng.standard_normal((50_000, 20)), rng.standard_normal(50_000)
model = cr.MLPRegressor(hidden_layer_sizes=(700, 700), max_iter=1, random_state=0)
sender = send(signal.SIGINT)
model.fit(X, y)
stopped(sender)
assert model.n_iter_ == 0 and model.predict(X[:5]).shape == (5,)
signal.signal(signal.SIGINT, signal.SIG_IGN)
assert model.partial_fit(X[:500], y[:500]).n_iter_ == 1
""")
    assert found == "fine\n"


@signals
@pytest.mark.parametrize("threads", [1, 2])
def test_after_a_signal_a_training_goes_on_with_the_bits_of_one_that_had_none(threads):
    found = run_program(f"""
from threadpoolctl import threadpool_limits
options = dict(m=3000, batch_size=1000, sizes=(50, 200, 1), dropout=0.3, l2=0.1)
with threadpool_limits({threads}):
    s = state(**options)
    for number, error in ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)) * 2:
        inside.clear()
        sender = send(number)
        try:
            ENGINES["native"].run(s, 10**6)
        except error:
            stopped(sender)
        assert s.memory.batches == 3 * s.epoch == s.memory.slots[-1]
    assert len(ENGINES["native"].run(s, 2)) == 2
    other = state(**options)
    ENGINES["native"].run(other, s.epoch)
np.testing.assert_array_equal(other.network.parameters, s.network.parameters)
for a, b in zip(other.memory.slots, s.memory.slots):
    np.testing.assert_array_equal(a, b)
assert (other.epoch, other.memory.batches) == (s.epoch, s.memory.batches)
""")
    assert found == "fine\n" * 4


@signals
def test_a_handler_that_does_not_raise_changes_nothing():
    found = run_program("""
calls, epochs = [], 20
signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
s, other = state(3000, 10), state(3000, 10)
while not calls:  # until one came in time
    send(signal.SIGINT)
    assert len(ENGINES["native"].run(s, epochs)) == epochs
ENGINES["native"].run(other, s.epoch)
np.testing.assert_array_equal(other.network.parameters, s.network.parameters)
print("fine")
""")
    assert found == "fine\n"


@signals
def test_a_kernel_in_another_thread_goes_on_while_the_main_thread_is_told():
    found = run_program("""
s, other = state(3000, 10), state(3000, 10)
def work():
    kernel.module().ask(inside.set)
    while len(ENGINES["native"].run(s, 100)) and not done:
        pass
done = []
thread = threading.Thread(target=work)
sender = send(signal.SIGINT, 0.2)
thread.start()
try:
    while True:
        time.sleep(0.05)  # Python without the lock sleeps on where one comes just before
except KeyboardInterrupt:
    assert thread.is_alive()
    done.append(True)
thread.join()
stopped(sender)
ENGINES["native"].run(other, s.epoch)
np.testing.assert_array_equal(other.network.parameters, s.network.parameters)
""")
    assert found == "fine\n"


# -- the kernel's question ---------------------------------------------------------------------------------------------


def examples(m, sizes):
    rng = np.random.default_rng(0)
    return rng.standard_normal((sizes[0], m)), rng.standard_normal((sizes[-1], m))


def small(m=6000, batch_size=500, sizes=(30, 100, 1), **options):
    net = cr.Network(sizes, hidden="tanh", output="identity", seed=0)
    X, Y = examples(m, sizes)
    order = options.pop("order", lambda epoch: np.random.default_rng(epoch).permutation(m))
    return prepare(net, net.check_examples(X, Y), cr.Adam(1e-4), batch_size=batch_size, order=order, seed=0, **options)


@pytest.mark.parametrize(
    ("epochs", "options"),
    [
        (40, {"dropout": 0.2, "clip_norm": 1.0}),
        (8, {"m": 800, "batch_size": 800, "sizes": (300, 900, 500, 1)}),  # each a step that is made in place
        (8, {"m": 800, "batch_size": 800, "sizes": (300, 900, 500, 1), "clip_norm": 1e-3}),
    ],
    ids=["batches", "in place", "in place, clipped"],
)
def test_given_up_in_any_epoch_and_taken_up_again_it_is_the_same_training(ask, epochs, options):
    state, other, given_up = small(**options), small(**options), 0
    steps = options.get("m", 6000) // options.get("batch_size", 500)
    questions = 0

    def question():
        nonlocal questions
        questions += 1
        if questions > given_up:  # ever more patient, or a slow machine would never come to the end of an epoch
            raise Stopped

    while state.epoch < epochs and given_up < 1000:
        ask(question)
        questions = 0
        try:
            ENGINES["native"].run(state, epochs - state.epoch)
        except Stopped:
            given_up += 1
        assert state.memory.batches == steps * state.epoch == state.memory.slots[-1]
    ask(lambda: None)
    ENGINES["native"].run(other, epochs)
    np.testing.assert_array_equal(other.network.parameters, state.network.parameters)
    for a, b in zip(other.memory.slots, state.memory.slots, strict=True):
        np.testing.assert_array_equal(a, b)
    assert given_up > 0 or other.memory.batches == steps * epochs


@pytest.mark.parametrize("kind", ["step", "sparse step", "evaluation", "forward"])
def test_a_single_long_computation_asks_in_between(ask, kind):
    # Larger and larger until it is asked twice within one computation; a question comes every 0.02 s or so.
    import scipy.sparse

    asked = []
    ask(lambda: asked.append(1))
    sizes = (50, 300, 1)
    net = cr.Network(sizes, hidden="relu", output="identity", seed=0)
    m, seconds = 4000, 0.0
    while len(asked) < 2 and seconds < 10:
        m *= 2
        X, Y = examples(m, sizes)
        if kind == "sparse step":
            X = scipy.sparse.csc_array(X)
        state = prepare(net, net.check_examples(X, Y), cr.GradientDescent(1e-9), shuffle=False)
        compute = ENGINES["native"].objective(net, X, Y, None, 0.0)
        asked.clear()
        started = time.perf_counter()
        if "step" in kind:
            ENGINES["native"].run(state, 1)
        elif kind == "forward":
            net.forward(X)
        else:
            compute(net.parameters)
        seconds = time.perf_counter() - started
    assert len(asked) >= 2


def test_what_a_question_raises_comes_out_and_the_next_call_is_as_ever(ask):
    state, other = small(order=None, shuffle=False), small(order=None, shuffle=False)

    def question():
        raise Stopped("enough")

    ask(question)
    with pytest.raises(Stopped, match="enough"):
        ENGINES["native"].run(state, 10**6)
    ask(lambda: None)
    epoch = state.epoch
    ENGINES["native"].run(state, 3)
    ENGINES["native"].run(other, epoch + 3)
    np.testing.assert_array_equal(other.network.parameters, state.network.parameters)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_cost_that_was_given_up_is_right_when_it_is_asked_for_again(ask, kind):
    import scipy.sparse

    asked = []
    ask(lambda: asked.append(1))
    sizes, m = (50, 300, 1), 1000
    net = cr.Network(sizes, hidden="tanh", output="identity", seed=0)
    while len(asked) < 3:  # until there are several places within it to give it up
        m *= 2
        X, Y = examples(m, sizes)
        X = scipy.sparse.csc_array(X) if kind == "sparse" else X
        compute = ENGINES["native"].objective(net, X, Y, None, 0.5)
        asked.clear()
        wanted, gradient = compute(net.parameters)
    given_up = 0
    for patience in range(len(asked)):
        questions = iter(range(patience))

        def question(questions=questions):
            if next(questions, None) is None:
                raise Stopped

        compute = ENGINES["native"].objective(net, X, Y, None, 0.5)
        ask(question)
        try:
            compute(net.parameters)
        except Stopped:
            given_up += 1
        ask(lambda: None)
        J, again = compute(net.parameters)
        assert wanted == J
        np.testing.assert_array_equal(again, gradient)
    assert given_up > 0


def test_a_question_belongs_to_its_thread(ask):
    mine, theirs = [], []
    ask(lambda: mine.append(threading.get_ident()))

    def work():
        kernel.module().ask(lambda: theirs.append(threading.get_ident()))
        state = small(order=None, shuffle=False)
        while not theirs:
            ENGINES["native"].run(state, 20)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert set(theirs) == {thread.ident}
    assert mine == []


def test_a_question_must_be_a_function(ask):
    with pytest.raises(TypeError, match="ask"):
        ask(3)
