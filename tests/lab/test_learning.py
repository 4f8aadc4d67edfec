"""What a page asks the lab for to learn with: diagnosis, lessons, homework, the quiz."""

import time
from functools import partial

import pytest

from chainrule.lab.design import Design
from chainrule.lab.learning import COMMANDS
from chainrule.lab.session import Lab


@pytest.fixture
def lab():
    made = Lab(Design.of({"data": {"kind": "bundled", "name": "flower"}, "hidden": [4], "activations": ["tanh"]}))
    yield made
    made.close()


@pytest.fixture
def do(lab):
    return lambda command, **given: lab.call(lambda: COMMANDS[command](lab, **given))


def finish(lab, begun):
    """Both runs to the end of a lesson."""
    for run in lab.runs.values():
        lab.call(partial(run.go, begun["steps"]))


def test_a_lesson_is_begun_played_and_judged(lab, do):
    begun = do("lesson", name="xor")
    assert lab.lesson["ids"] == list(lab.runs)
    assert [run.name for run in lab.runs.values()] == ["no hidden layer", "four hidden units"]
    assert lab.about()["lesson"]["question"]["options"] == begun["question"]["options"]
    assert not do("verdict")["done"]
    a, b = lab.runs.values()
    finish(lab, begun)
    assert (a.line.step, b.line.step) == (800, 800)
    assert do("verdict") | {"sentence": ""} == {"done": True, "holds": True, "sentence": "", "changed": []}
    lab.call(lambda: lab.change_options({"l2": 0.1}, run=b.id))
    assert do("verdict")["changed"] == ["four hidden units"]
    lab.call(lambda: lab.change_design({"seed": 3}, run=a.id))
    finish(lab, begun)
    assert do("verdict")["changed"] == ["no hidden layer", "four hidden units"]
    lab.call(lambda: lab.change_design({"data": {"kind": "bundled", "name": "flower"}}, run=a.id))
    finish(lab, begun)
    assert do("verdict")["changed"] == ["no hidden layer", "four hidden units"]
    lab.call(lambda: lab.remove(a.id))
    with pytest.raises(ValueError, match="begin the lesson again"):
        do("verdict")
    do("end_lesson")
    assert lab.about()["lesson"] is None
    with pytest.raises(ValueError, match="there is no lesson at hand"):
        do("verdict")


def test_runs_of_a_lesson_share_their_data(lab, do):
    do("lesson", name="mini-batches")
    a, b = lab.runs.values()
    assert a.examples is b.examples
    with pytest.raises(ValueError, match="lesson"):
        do("lesson", name="nothing of the sort")


def test_a_run_is_diagnosed_and_what_is_advised_is_tried_beside_it(lab, do):
    lab.call(lambda: lab.change_design({"init": "zeros"}))
    lab.call(lambda: lab.go(40))
    found = do("diagnose")
    assert found["step"] == 40
    first = next(each for each in found["findings"] if each["name"] == "symmetric hidden units")
    beside = lab.call(lambda: lab.add(first["change"], "with random weights"))
    assert lab.runs[beside].line.step == 40
    assert not [each for each in do("diagnose", run=beside)["findings"] if each["name"] == first["name"]]


def test_homework_is_about_the_next_mini_batch(lab, do):
    lab.call(lambda: lab.change_design({"batch_size": 7, "l2": 0.5, "seed": 2}))
    lab.call(lambda: lab.go(3))
    given = do("homework")
    assert (given["m"], given["sizes"]) == (7, [2, 4, 1])
    assert "l2" in given["lines"][1]
    names = {}
    exec(given["code"], names)
    assert names["X"].shape == (2, 7)
    assert do("check", given={"lines": given["lines"]})["right"]
    seen = next(iter(lab.runs.values())).working()
    text = "".join(f"dW{l} = {seen.dW[l].tolist()}\ndb{l} = {seen.db[l].tolist()}\n" for l in (1, 2))
    assert do("check", given={"text": text})["right"]
    lab.call(lambda: lab.go(4))
    assert not do("check", given={"text": text})["right"]
    small = do("homework", small=True)
    assert (small["m"], len(small["exercises"])) == (4, 10)
    assert do("check", given={"exercise": "small", "lines": small["lines"]})["right"]


def test_an_experiment_of_the_quiz_runs_while_the_lab_goes_on(lab, do):
    chapters = do("questions")
    name = chapters[0]["questions"][0]["name"]
    asked = do("question", name=name)
    assert asked["title"] == chapters[0]["questions"][0]["title"]
    assert "holds" not in asked["options"][0]
    assert do("question", name=name, experiment=True)["running"]
    end = time.monotonic() + 60
    while (answered := do("question", name=name, experiment=True))["running"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert answered["problem"] is None
    assert [each["holds"] for each in answered["options"]] == [each["right"] for each in answered["options"]]
    with pytest.raises(ValueError, match="question"):
        do("question", name="nothing of the sort")


def test_a_verdict_that_cannot_be_measured_any_more_says_so(lab, do):
    begun = do("lesson", name="he-in-depth")
    a, _ = lab.runs.values()
    lab.call(lambda: lab.change_design({"hidden": []}, a.id))
    finish(lab, begun)
    with pytest.raises(ValueError, match=r"weights of 0\.01 can no longer be compared"):
        do("verdict")
