"""Every lesson is played, and its verdict is what the notes say; other runs get another verdict."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from chainrule.claims import CLAIMS
from chainrule.lab.data import load
from chainrule.lab.design import Design
from chainrule.lab.lessons import CHAPTERS, LESSONS, chapters, lesson, verdict
from chainrule.lab.lessons.common import adam, cost, gradient_descent, reached
from chainrule.lab.run import Run

PANELS = {"plane", "network", "equations", "curves", "findings", "walk"}
ARRAYS = {"Z", "A", "D", "W", "b", "dZ", "dA", "dW", "db", "slope"}


def played(design, steps, name="run"):
    run = Run(1, name, design, load(design.data))
    run.go(steps)
    return run


def both(name, **changes):
    """The two runs of a lesson, at its end."""
    found = LESSONS[name]
    return [played(design.but(**changes), found.steps, each) for each, design in found.runs.items()]


# Those whose statement is about the first weights of a seed as of any other.
@pytest.mark.parametrize("seed", [1, 2, 5])
@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_shows_what_it_says(name, seed):
    found = verdict(name, *both(name, seed=seed))
    assert found["done"]
    assert found["holds"] is True, found
    assert re.search(r"\d", found["sentence"])
    assert found["sentence"].endswith(".")
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("name", LESSONS)
def test_no_verdict_is_assumed(name):
    runs = both(name)
    assert verdict(name, *reversed(runs))["holds"] is False
    assert verdict(name, runs[1], runs[1])["holds"] is False


def test_there_is_no_verdict_before_the_end():
    a, b = (played(design, 10) for design in LESSONS["xor"].runs.values())
    assert verdict("xor", a, b) == {"done": False, "holds": None, "sentence": "play to step 800 first"}


def test_a_verdict_is_said_of_runs_that_can_go_no_further():
    a, b = both("learning-rate-too-high")
    a.go(10)
    a.stopped = "step 11: the cost is nan"
    assert verdict("learning-rate-too-high", a, b)["done"]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_whole(name):
    found, given = LESSONS[name], lesson(name)
    json.dumps(given, allow_nan=False)
    assert [Design.of(run["design"]) for run in given["runs"]] == list(found.runs.values())
    assert len(found.runs) == 2
    assert len({str({**design.data, "one_hot": None}) for design in found.runs.values()}) == 1
    assert 5 <= found.steps / given["speed"] <= 15
    assert 2 <= len(found.question.options) <= 3
    assert 0 <= found.question.right < len(found.question.options)
    assert 2 <= len(found.text) <= 3
    assert max(map(len, found.text)) <= 400
    assert all(place["panel"] in PANELS and place.get("array", "Z") in ARRAYS for place in found.look)
    assert all(place.get("run", 0) in (0, 1) for place in found.look)
    assert not found.claim or found.claim in CLAIMS


def test_chapters_hold_every_lesson_once():
    names = [each["name"] for chapter in chapters() for each in chapter["lessons"]]
    assert sorted(names) == sorted(LESSONS)
    assert len(names) >= 20
    assert len({each.title for some in CHAPTERS.values() for each in some}) == len(names)
    with pytest.raises(ValueError, match="Did you mean 'xor'"):
        lesson("xorr")


def test_the_page_of_claims_has_those_that_lessons_name():
    page = (Path(__file__).parents[2] / "docs/claims.md").read_text(encoding="utf-8")
    for each in LESSONS.values():
        assert not each.claim or f"{CLAIMS[each.claim].number}-{each.claim})" in page


# -- what the texts say by the way -------------------------------------------------------------------------------------


def test_how_far_a_low_learning_rate_comes_depends_on_rate_times_steps():
    # "About how many steps would α = 0.001 need": a thousand times as many, as α = 0.1 needs ten times as many.
    usual = LESSONS["learning-rate-too-low"].runs["α = 1"]
    ends = [cost(played(usual.but(optimizer=gradient_descent(rate)), round(1500 / rate))) for rate in (1.0, 0.1)]
    assert ends[0] == pytest.approx(ends[1], rel=0.05)


def test_a_learning_rate_can_be_lowered_when_the_cost_has_leapt():
    run = played(LESSONS["learning-rate-too-high"].runs["α = 20"], 1500)
    run.change({"optimizer": gradient_descent(1.0)})
    run.go(3000)
    assert reached(run, 0.25) < np.inf
    assert (np.diff(run.line.costs[2000:]) < 1e-9).mean() > 0.98


def test_momentum_takes_longer_steps_without_swinging():
    runs = LESSONS["momentum"].runs
    plain = played(runs["gradient descent"].but(optimizer=gradient_descent(20.0)), 300)
    rate = runs["momentum"].optimizer["learning_rate"]
    heavy = played(runs["momentum"], 2000)
    assert rate == 5 * runs["gradient descent"].optimizer["learning_rate"]
    assert (np.diff(heavy.line.costs) > 0).mean() < 0.2 < (np.diff(plain.line.costs) > 0).mean()


def test_adam_gains_less_where_inputs_are_normalized_and_more_rate_is_too_much_where_they_are_not():
    given = LESSONS["adam"].runs
    descent, steps = given["gradient descent"], LESSONS["adam"].steps
    leaping = played(descent.but(optimizer=gradient_descent(1e-4)), steps)
    assert (np.diff(leaping.line.costs) > 0).mean() > 0.2
    normalized = played(descent.but(normalize="standard", optimizer=gradient_descent(0.3)), steps)
    assert cost(normalized) < 0.1
    X = load(descent.data).X
    assert (X.max(), X.max(axis=1).min()) == (1680, pytest.approx(0.66))


def test_softmax_with_twice_the_learning_rate_goes_the_same_way_faster():
    runs = LESSONS["two-classes"].runs.values()
    (sigmoid, softmax) = (played(design.but(optimizer=gradient_descent(1.0)), 500) for design in runs)
    sigmoid.go(1000)
    assert cost(softmax) == pytest.approx(cost(sigmoid), abs=1e-3)


def test_the_first_step_of_adam_is_as_long_for_every_weight():
    run = played(LESSONS["adam"].runs["Adam"], 1)
    np.testing.assert_allclose(abs(run.network.W[1]), 0.01, rtol=1e-3)


def test_gradients_of_raw_inputs_differ_by_a_factor_of_100_000():
    run = played(LESSONS["normalized-inputs"].runs["inputs as they are"], 0)
    dW = abs(run.working().dW[1])
    assert dW.max() / dW.min() > 1e5


def test_five_units_are_nearly_as_good_as_fifty():
    ten = LESSONS["hidden-sizes"].runs["ten units"]
    few, many = (played(ten.but(hidden=(n,)), 2000) for n in (5, 50))
    right = [float(((run.answers("train")[0] > 0.5) == run.examples.Y).mean()) for run in (few, many)]
    assert right[1] - right[0] < 0.08


def test_layer_1_of_the_deep_sigmoid_network_gets_the_smallest_gradient():
    run = played(LESSONS["relu-in-depth"].runs["sigmoid"], 0)
    sizes = [np.linalg.norm(dW) for dW in run.working().dW[1:]]
    assert np.argmin(sizes) == 0


def test_leaky_units_come_back_with_adam():
    assert LESSONS["dead-units"].runs["leaky ReLU"].optimizer == adam(0.5)
    run = played(LESSONS["dead-units"].runs["ReLU"], 500)
    seen, Z = run.working(), run.network.layers(run.examples.X)[0][1]
    off = Z.max(axis=1) <= 0
    assert off.any()
    assert not seen.dW[1][off].any()
