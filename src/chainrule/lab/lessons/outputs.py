"""Lessons about outputs: the sigmoid and softmax."""

from typing import Any

from chainrule.lab.design import Design
from chainrule.lab.lessons.common import Lesson, Question, cost, data, gradient_descent, look
from chainrule.lab.run import Run

_SAME = 1e-10  # apart: rounding in every step


def _two(one: Run, two: Run) -> tuple[bool, str]:
    sizes, costs = (one.network.sizes[-1], two.network.sizes[-1]), (cost(one), cost(two))
    answers = [run.network.forward(run.examples.X)[-1] for run in (one, two)]  # ŷ of class 1
    apart = float(abs(answers[0] - answers[1]).max())
    w = [_difference(run) for run in (one, two)]
    off, moved = float(abs(w[0] - w[1]).max()), float(abs(w[0]).max())
    holds = sizes == (1, 2) and apart < _SAME and off < _SAME * moved and moved > 1
    return holds, (
        f"After {one.line.step:,} steps the two answers to each of {one.m} examples are {apart:.0e} apart at most, and "
        f"J is {costs[0]:.6f} and {costs[1]:.6f}. Row 1 less row 0 of W[1] of softmax is ({w[1][0]:.4f}, "
        f"{w[1][1]:.4f}), W[1] of the sigmoid ({w[0][0]:.4f}, {w[0][1]:.4f})."
    )


def _difference(run: Run) -> Any:
    """W[1] of a sigmoid; of softmax row 1 less row 0."""
    W = run.network.W[1]
    return W[-1] - W[0] if len(W) > 1 else W[0]


_TWO = Design(data("moons", m=300, noise=0.2), (), (), init="zeros", optimizer=gradient_descent(1.0))
two_classes = Lesson(
    name="two-classes",
    title="One output or two",
    statement="For two classes, one sigmoid unit and softmax with two units say the same.",
    text=(
        "One network has a single output: ŷ is the share of class 1, and 1 − ŷ that of class 0. The other has a unit "
        "for each class and softmax over both.",
        "Divide softmax by eᶻ of its unit 1, and a₁ = 1 / (1 + e to the −(z₁ − z₀)): the sigmoid of the difference. "
        "The two rows of W[1] move by the same step, one up and one down, so the difference moves twice as far. That "
        "is why the second network has half the learning rate.",
        "Set α = 1 in the second one, too: the border goes the same way, only faster.",
    ),
    runs={
        "one sigmoid unit": _TWO,
        "softmax, two units": Design.but(
            _TWO, data=data("moons", m=300, noise=0.2, one_hot=True), optimizer=gradient_descent(0.5)
        ),
    },
    steps=1000,
    look=(look("plane"), look("equations", "W", 1), look("equations", "dZ", 1), look("curves")),
    question=Question(
        "Softmax has twice as many parameters. What will its border between the classes be?",
        ("A line that fits better", "A curve", "The very same line"),
        2,
    ),
    verdict=_two,
    claim="two-class-softmax",
)
