"""The lab's thread: whatever pages ask for, it lives, each question has its answer, and runs stay whole."""

import inspect
import time
from queue import SimpleQueue

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chainrule.lab import protocol, session, views
from chainrule.lab.design import Design
from chainrule.lab.session import COMMANDS, Lab
from support.lab import FLOWER

# What commands and views call their arguments, and things that might be meant, or never.
PARAMETERS = [
    parameter
    for act in (*COMMANDS.values(), *views.VIEWS.values())
    for parameter in list(inspect.signature(act).parameters.values())[1:]
    if parameter.kind is not parameter.VAR_KEYWORD
]
NAMES = sorted({each.name for each in PARAMETERS} | {"views", "stamp", "id", "learning_rate", "kind", "self"})
WORDS = [
    "",
    "W",
    "dZ",
    "train",
    "validation",
    "epoch",
    "model",
    "link",
    "flower",
    "bundled",
    "Adam",
    "tanh",
    *views.VIEWS,
]
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 40),
    st.sampled_from([10**9, -(10**9), 2**63, 10**400, 1e308, -0.0, 0.5, 1e-9, float("inf"), float("nan")]),
    st.sampled_from(WORDS),
    st.text(max_size=5),
    st.builds(lambda n: np.arange(n, dtype=np.float64), st.integers(0, 3)),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)
RULES = st.fixed_dictionaries({"name": st.sampled_from(["Adam", "Momentum", "Nesterov"]), "learning_rate": PLAIN})
DESIGNS = st.fixed_dictionaries(
    {},
    optional={
        "hidden": st.lists(st.integers(-1, 9), max_size=3) | VALUES,
        "activations": st.lists(st.sampled_from(["tanh", "relu", "sigmoid", "nothing"]), max_size=3) | VALUES,
        "optimizer": RULES | VALUES,
        "dtype": st.sampled_from(["float32", "float64", "int8"]) | VALUES,
        **dict.fromkeys(("batch_size", "l2", "clip_norm", "seed", "init_scale"), PLAIN),
        **dict.fromkeys(("dropout", "init", "normalize", "output", "loss", "data"), VALUES),
    },
)
MESSAGES = st.builds(
    lambda do, given: {**given, "do": do},
    st.sampled_from(sorted({*COMMANDS, "look"} - {"upload"})),
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)
    | st.fixed_dictionaries({"change": DESIGNS})
    | st.fixed_dictionaries({"by": PLAIN}, optional={"unit": st.sampled_from(["step", "epoch"])})
    | st.fixed_dictionaries(
        {"view": st.sampled_from(sorted(views.VIEWS))}, optional={"side": PLAIN, "l": PLAIN, "letter": PLAIN}
    ),
)
BYTES = st.binary(max_size=30)
FRAMES = st.binary(max_size=60) | st.builds(
    lambda text, rest: len(text).to_bytes(4, "little") + text + rest, BYTES, BYTES
)


class Heard:
    """A page, without a server."""

    def __init__(self, lab):
        self.lab, self.queue = lab, SimpleQueue()
        self.page = lab.join(self.queue.put)
        self.number = 0

    def send(self, message):
        """Send a message or a frame; its number."""
        self.number += 1
        frame = message if isinstance(message, bytes) else protocol.pack({**message, "id": self.number})
        self.lab.receive(self.page, frame)
        return self.number

    def next(self, seconds=100.0):
        return protocol.unpack(self.queue.get(timeout=seconds))

    def answer(self, number):
        while (message := self.next()).get("id") != number:
            pass
        return message


@pytest.fixture(scope="module")
def lab():
    made = Lab(Design.of(FLOWER))
    yield made
    made.close()


def whole(lab):
    """That all runs are as they should be, looked at from the lab's thread."""

    def look():
        assert lab.runs
        assert lab.active in lab.runs
        for run in lab.runs.values():
            line = run.line
            assert 0 <= line.step <= line.end == len(line.costs)
            assert np.isfinite(line.costs).all()
            assert np.isfinite(run.network.parameters).all()
            assert line.state.memory.batches == line.step

    lab.call(look)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(messages=st.lists(MESSAGES, min_size=1, max_size=6))
def test_the_thread_lives_through_all_messages_and_answers_each(lab, messages):
    heard = Heard(lab)
    for message in messages:
        with np.errstate(all="ignore"):
            number = heard.send(message)
        if message["do"] != "look":
            answer = heard.answer(number)
            assert ("error" in answer) != ("ok" in answer)
            assert answer.get("error", "x")
    whole(lab)
    lab.call(lab.pause)
    # As long as a page can: what the next example begins with is small.
    lab.call(lambda: [lab.remove(id) for id in list(lab.runs)[1:]])
    lab.call(lambda: lab.change_design(FLOWER))
    lab.leave(heard.page)


@settings(max_examples=100)
@given(frame=FRAMES)
def test_frames_of_any_bytes_are_answered(lab, frame):
    heard = Heard(lab)
    heard.send(frame)
    assert "error" in heard.next()
    lab.leave(heard.page)


ASKED = [
    ({"do": "rename", "name": "\ud800"}, "message: got half a character"),
    ({"do": "design", "change": {"seed": -1}}, "seed: got -1, wanted a whole number of 0 or more"),
    ({"do": "design"}, "design: wanted change, too"),
    ({"do": "design", "change": None}, "design: change: got None, wanted an object"),
    ({"do": "design", "change": {"optimizer": None}}, "unknown optimizer None"),
    ({"do": "design", "change": {"optimizer": {"name": "Adam", "speed": 1}}}, "optimizer: Adam has no 'speed'"),
    ({"do": "design", "change": {"data": {"kind": []}}}, "unknown kind of data []"),
    (
        {"do": "design", "change": {"data": {"kind": "points", "points": [[1e308, 0, 0]]}}},
        "points: got [1e+308, 0, 0] at 0, wanted numbers from −1e+100 to 1e+100",
    ),
    ({"do": "go", "step": "x"}, "go: step: got 'x', wanted a whole number or null"),
    ({"do": "go", "speed": 3}, "go: there is no 'speed'"),
    ({"do": "see", "view": "array"}, "array: wanted letter and l, too"),
]


@pytest.mark.parametrize(("message", "said"), ASKED, ids=range(len(ASKED)))
def test_what_is_asked_wrongly_gets_a_sentence_and_changes_nothing(lab, message, said):
    heard, before = Heard(lab), lab.run()
    assert said in heard.answer(heard.send(message))["error"]
    assert lab.run() is before
    lab.leave(heard.page)


def test_a_page_is_told_of_text_that_utf8_has_none_for():
    assert protocol.pack(["\ud800"])[4:14] == b'["\\ud800"]'


def test_a_long_way_is_answered_at_once_and_ends_with_a_pause(lab, monkeypatch):
    monkeypatch.setattr(session, "AT_ONCE", 0.2)
    heard = Heard(lab)
    heard.answer(heard.send({"do": "design", "change": FLOWER}))
    began = time.monotonic()
    heard.answer(heard.send({"do": "go", "step": 10**12}))
    assert lab.playing
    heard.answer(heard.send({"do": "pause"}))
    assert time.monotonic() - began < 10
    assert not lab.playing
    heard.answer(heard.send({"do": "go", "step": 20_000}))
    while lab.call(lambda: lab.playing):
        time.sleep(0.01)
    assert lab.runs[lab.active].line.step == 20_000
    heard.answer(heard.send({"do": "go", "step": 3}))
    assert lab.runs[lab.active].line.step == 3
    lab.leave(heard.page)


def test_a_run_that_is_added_while_it_plays_catches_up_and_all_play_on(lab):
    lab.call(lambda: lab.change_design(FLOWER))
    lab.call(lambda: lab.go(step=200))
    lab.call(lab.play)
    made = lab.call(lambda: lab.add({"seed": 9}))
    until = time.monotonic() + 30
    while lab.runs[made].line.step <= 300 and time.monotonic() < until:
        time.sleep(0.01)
    lab.call(lab.pause)
    steps = {run.line.step for run in lab.runs.values()}
    assert len(steps) == 1
    assert steps.pop() > 300
    lab.call(lambda: lab.remove(made))


def test_what_fails_while_it_trains_ends_the_play_and_says_why(lab, monkeypatch, capsys):
    lab.call(lambda: lab.change_design(FLOWER))
    run = lab.runs[lab.active]

    def broken(step):
        raise RuntimeError("a bug")

    monkeypatch.setattr(run, "go", broken)
    lab.call(lab.play)
    until = time.monotonic() + 30
    while lab.call(lambda: lab.playing) and time.monotonic() < until:
        time.sleep(0.01)
    assert not lab.playing
    assert run.stopped == "training failed: a bug"
    assert "RuntimeError: a bug" in capsys.readouterr().err
    lab.call(lambda: lab.change_design(FLOWER))


def test_a_page_whose_link_is_broken_keeps_nobody_from_looking(lab, capsys):
    def broken(frame):
        raise RuntimeError("the link is broken")

    lab.join(broken)
    heard = Heard(lab)
    for name in "xy":
        heard.answer(heard.send({"do": "rename", "name": name}))
    assert capsys.readouterr().err.count("the link is broken") == 2  # in the line that raises, and in what it says
    lab.leave(heard.page)


def test_the_number_of_runs_is_limited(lab):
    lab.call(lambda: [lab.add({}) for _ in range(session.MOST_RUNS - len(lab.runs))])
    with pytest.raises(ValueError, match="take one away first"):
        lab.call(lambda: lab.add({}))
    assert len(lab.runs) == session.MOST_RUNS
    lab.call(lambda: [lab.remove(id) for id in list(lab.runs)[1:]])
    with pytest.raises(ValueError, match="it stays"):
        lab.call(lambda: lab.remove(lab.active))
