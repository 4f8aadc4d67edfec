"""Lessons about the way down: learning rate, normalized inputs, mini-batches, momentum and Adam."""

import numpy as np

from chainrule.lab.design import Design
from chainrule.lab.lessons.common import (
    Lesson,
    Question,
    Verdict,
    adam,
    after,
    cost,
    data,
    gradient_descent,
    look,
    reached,
    right,
)
from chainrule.lab.run import Run


def _high(high: Run, fitting: Run) -> tuple[bool, str]:
    taken, calm = (np.array(run.line.costs[: run.line.step]) for run in (high, fitting))
    rises, other = (float(np.mean(np.diff(costs) > 0)) for costs in (taken, calm))
    swing, settled = (float(np.ptp(costs[-100:])) for costs in (taken, calm))
    return rises > 0.2 and other < 0.02 and swing > 10 * settled, (
        f"With α = 20 the cost went up in {rises:.0%} of the steps, with α = 1 in {other:.0%}. In the last hundred it "
        f"was between {taken[-100:].min():.3g} and {taken[-100:].max():.3g}; with α = 1 it is {cost(fitting):.3g}."
    )


_RATE = Design(data("flower"), (8,), ("tanh",), optimizer=gradient_descent(1.0))
learning_rate_too_high = Lesson(
    name="learning-rate-too-high",
    title="Steps too long",
    statement="With a learning rate that is too high the cost goes up and down, and does not settle.",
    text=(
        "W[l] = W[l] − α dW[l]. The gradient says which way is down here, and nothing about how far.",
        "With α = 20 a step lands on the other side of the valley, often higher than before. Watch the cost, and the "
        "border jump from step to step. Then pause, lower the learning rate, and play on: it is not too late.",
    ),
    runs={"α = 20": Design.but(_RATE, optimizer=gradient_descent(20.0)), "α = 1": _RATE},
    steps=1500,
    look=(look("curves"), look("plane")),
    question=Question(
        "What does the cost do with α = 20?",
        ("It falls 20 times as fast", "It goes up and down", "It stays where it is"),
        1,
    ),
    verdict=_high,
)


def _low(low: Run, fitting: Run) -> tuple[bool, str]:
    taken = np.array(low.line.costs[: low.line.step])
    falls = bool((np.diff(taken) <= 1e-15).all())
    start, end, other = float(taken[0]), cost(low), cost(fitting)
    share = (start - end) / (start - other)
    return falls and share < 1 / 3, (
        f"With α = 0.001 J {'fell in every step' if falls else 'did not fall in every step'}, from {start:.3f} to "
        f"{end:.3f}. With α = 1 it fell to {other:.3f}: {share:.0%} of the way in as many steps."
    )


learning_rate_too_low = Lesson(
    name="learning-rate-too-low",
    title="Steps too short",
    statement="With a learning rate that is too low the cost falls in every step, and gets nowhere.",
    text=(
        "The same network with α = 0.001 and with α = 1. The gradients are alike at first, the steps are not.",
        "A curve that falls without a single rise looks like good work. Compare the scale on its left: it is the "
        "beginning of a curve, drawn large.",
    ),
    runs={"α = 0.001": Design.but(_RATE, optimizer=gradient_descent(0.001)), "α = 1": _RATE},
    steps=1500,
    look=(look("curves"), look("equations", "dW", 1)),
    question=Question(
        "About how many steps would α = 0.001 need to come as far as α = 1 in 1,500?",
        ("3,000", "A million or more", "It would never get there"),
        1,
    ),
    verdict=_low,
)


def _normalized(raw: Run, normalized: Run) -> tuple[bool, str]:
    costs, scores = (cost(raw), cost(normalized)), (right(raw), right(normalized))
    return costs[1] < 0.5 * costs[0] and scores[1] > scores[0], (
        f"After {raw.line.step:,} steps J is {costs[0]:.3g} with the inputs as they are and {costs[1]:.3g} with "
        f"normalized ones; {scores[0]:.1%} and {scores[1]:.1%} of the tumors are classified right."
    )


_NORMALIZED = Design(data("breast_cancer"), (), (), init="zeros", normalize="standard", optimizer=gradient_descent(0.3))
normalized_inputs = Lesson(
    name="normalized-inputs",
    title="A long, narrow valley",
    statement="Gradient descent needs fewer iterations when the inputs have mean 0 and variance 1.",
    text=(
        "Logistic regression on 30 measurements of tumors: some are in thousands, some in thousandths. The first "
        "network takes them as they are, the second with mean 0 and deviation 1.",
        "A wide input makes the cost steep along its weight, a narrow one flat. The steepest direction allows only "
        "short steps, here α = 0.00001, and along the flat ones these get nowhere. Normalized, one learning rate "
        "suits all weights.",
        "Look at dW[1] at step 0: on the left its numbers differ by a factor of 100,000 and more.",
    ),
    runs={
        "inputs as they are": Design.but(_NORMALIZED, normalize=None, optimizer=gradient_descent(1e-5)),
        "normalized": _NORMALIZED,
    },
    steps=1000,
    look=(look("curves"), look("equations", "dW", 1)),
    question=Question(
        "Why does the first network not simply take a larger learning rate?",
        (
            "It could, nothing speaks against it",
            "Along the wide inputs the steps would be too long",
            "Its weights are 0",
        ),
        1,
    ),
    verdict=_normalized,
    claim="normalized-inputs",
)


def _batches(whole: Run, some: Run) -> tuple[bool, str]:
    costs, steps = (cost(whole), cost(some)), whole.line.step
    seen = [steps * run.line.options.batch_size for run in (whole, some)]
    return costs[1] < 1.5 * costs[0] and seen[1] * 20 < seen[0], (
        f"After {steps} updates each J of all digits is {costs[0]:.3f} with all examples at once and {costs[1]:.3f} "
        f"with mini-batches. For that the first looked at {seen[0]:,} pictures, the second at {seen[1]:,}."
    )


_BATCHES = Design(data("digits"), (32,), ("relu",), optimizer=gradient_descent(0.1), batch_size=64)
mini_batches = Lesson(
    name="mini-batches",
    title="A few will do",
    statement="Mini-batches learn faster than all examples at once.",
    text=(
        "Both networks make the same number of updates with the same learning rate. For each the first looks at all "
        "1,797 digits, the second at 64.",
        "The gradient of 64 examples is a rough copy of that of all. Its errors point in all directions and mostly "
        "cancel over the steps; its price is 1/28. Look at how the curve of the second trembles, and where it goes.",
    ),
    runs={"all at once": Design.but(_BATCHES, batch_size=None), "64 at a time": _BATCHES},
    steps=400,
    look=(look("curves"), look("equations", "dW", 1)),
    question=Question(
        "After as many updates, how far will the mini-batches be?",
        ("About as far", "1/28 of the way", "They wander about and get nowhere"),
        0,
    ),
    verdict=_batches,
    claim="mini-batches",
)


def _against(goal: float, names: tuple[str, str], factor: float) -> Verdict:
    """Whether the second of two methods is first at a goal, by a factor."""

    def verdict(a: Run, b: Run) -> tuple[bool, str]:
        needed = reached(a, goal), reached(b, goal)
        return needed[1] * factor < needed[0], (
            f"{names[1]} came below J = {goal:g} {after(needed[1])}, {names[0]} {after(needed[0])}. At the end J is "
            f"{cost(b):.3g} and {cost(a):.3g}."
        )

    return verdict


_MOMENTUM = Design(data("flower"), (8,), ("tanh",), optimizer=gradient_descent(1.0))
momentum = Lesson(
    name="momentum",
    title="A ball with some weight",
    statement="Momentum learns faster than plain gradient descent.",
    text=(
        "Plain gradient descent forgets where it came from. Momentum keeps a mean of the last gradients, v, and steps "
        "along it: what points to and fro cancels, what points the same way adds up.",
        "Each has a learning rate that suits it. Watch the first hundred steps of the two curves.",
    ),
    runs={"gradient descent": _MOMENTUM, "momentum": Design.but(
        _MOMENTUM, optimizer={"name": "Momentum", "learning_rate": 5.0})},
    steps=2000,
    look=(look("curves"), look("plane")),
    question=Question(
        "What does momentum gain?",
        ("It computes better gradients", "It can take longer steps without swinging", "It needs fewer examples"),
        1,
    ),
    verdict=_against(0.3, ("gradient descent", "Momentum"), 2),
    claim="momentum-rmsprop-adam",
)  # fmt: skip

_ADAM = Design(data("wine"), (), (), init="zeros", optimizer=gradient_descent(1e-5))
adam_on_raw_inputs = Lesson(
    name="adam",
    title="A step of its own for each weight",
    statement="RMSProp and Adam learn faster than plain gradient descent.",
    text=(
        "Three sorts of wine, described by 13 numbers: one goes up to 1,680, another hardly beyond 0.6. They are not "
        "normalized.",
        "Gradient descent has one α for all weights, and the widest input decides what it may be: with α = 0.0001 "
        "instead of 0.00001 the cost leaps about. Adam divides each step by the size of that weight's own gradients: "
        "all weights move, the steep and the flat.",
        "Normalize the inputs afterwards and let gradient descent take α = 0.3: most of the gap is gone.",
    ),
    runs={"gradient descent": _ADAM, "Adam": Design.but(_ADAM, optimizer=adam(0.01))},
    steps=1000,
    look=(look("curves"), look("equations", "dW", 1)),
    question=Question(
        "What is the first step of Adam for a weight whose gradient is 1000 times as large as another's?",
        ("1000 times as long", "√1000 times as long", "As long as the other's"),
        2,
    ),
    verdict=_against(0.5, ("gradient descent", "Adam"), 2),
    claim="momentum-rmsprop-adam",
)
