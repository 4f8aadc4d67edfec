"""A run of the lab that cannot go on says why."""

import pytest

from chainrule.lab.advice import advise
from chainrule.lab.data import load
from chainrule.lab.design import Design
from chainrule.lab.run import Run
from support.lab import FLOWER

EXAMPLES = load(FLOWER["data"])
FAST = {"optimizer": {"name": "GradientDescent", "learning_rate": 1e5}, "activations": ["relu", "relu"], "l2": 0.1}


@pytest.mark.parametrize(
    ("design", "hand", "advice"),
    [
        ({"l2": 1e300}, None, "L2 does that: take a smaller λ than 1e+300"),
        ({"l2": 0.1}, 1e308, "Set what was set by hand here to a smaller number"),
        ({"init_scale": 1e308}, None, "It begins so: take smaller initial weights, or normalize the inputs"),
        (FAST, None, "Go back, and take a lower learning rate"),
    ],
)
def test_what_makes_the_cost_infinite_is_what_is_to_be_changed(design, hand, advice):
    run = Run(1, "", Design.of({**FLOWER, **design}), EXAMPLES)
    if hand:
        run.edit("W", 1, 0, 0, hand)
    run.go(50)
    assert run.stopped.endswith(f"training cannot go on from here. {advice}")
    assert run.diverged == (design is FAST)
    if "l2" in design and not run.diverged and not hand:
        assert [finding["name"] for finding in advise(run)["findings"]] == ["L2 too strong"]
