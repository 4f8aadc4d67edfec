"""Lessons about the first weights."""

from math import inf

import numpy as np

from chainrule.lab.design import Design
from chainrule.lab.lessons.common import (
    Lesson,
    Question,
    adam,
    cost,
    data,
    first,
    gradient_descent,
    look,
    reached,
    right,
    size,
    slopes,
)
from chainrule.lab.run import Run
from chainrule.working.trace import trace


def _zero(zero: Run, random: Run) -> tuple[bool, str]:
    W, b = zero.network.W[1], zero.network.b[1]
    apart = float(max(np.ptp(W, axis=0).max(), np.ptp(b)))
    moved, scores = float(abs(W).max()), (right(zero), right(random))
    holds = apart == 0 and moved > 0 and scores[1] > scores[0] + 0.1
    same = "equal to the last bit" if apart == 0 else f"up to {apart:.2g} apart"
    return holds, (
        f"From zero weights the four hidden units are {same}, though their weights have grown to {moved:.2g}: "
        f"{scores[0]:.0%} of the flower is right. From random weights it is {scores[1]:.0%}."
    )


_ZERO = Design(data("flower", validation=0.2), (4,), ("sigmoid",), optimizer=adam(0.05))
zero_weights = Lesson(
    name="zero-weights",
    title="Four units that are one",
    statement="With zero weights all units of a hidden layer stay identical for ever.",
    text=(
        "Both networks have four sigmoid units and see the same flower. The first starts with every weight at 0, the "
        "second with small random numbers.",
        "Play, and look at dW[1]: it has a row for each hidden unit. On the left all four rows are the same at every "
        "step. Equal weights get equal gradients, so they stay equal: four units do the work of one.",
        "Why are the biases allowed to start at 0? Because different weights are enough to make units different.",
    ),
    runs={"zero weights": Design.but(_ZERO, init="zeros"), "random weights": _ZERO},
    steps=1500,
    look=(look("equations", "dW", 1), look("network"), look("plane")),
    question=Question(
        "What will the four hidden units of the first network look like at the end?",
        ("All four the same", "In two pairs", "All different, only later than in the second network"),
        0,
    ),
    verdict=_zero,
    claim="zero-weights-stay-identical",
)


def _large(large: Run, usual: Run) -> tuple[bool, str]:
    flat = [float(np.mean(slopes(run, first(run), 1) < 0.01)) for run in (large, usual)]
    moved = [
        float(np.linalg.norm(run.network.W[1] - first(run).W[1]) / np.linalg.norm(first(run).W[1]))
        for run in (large, usual)
    ]
    costs = cost(large), cost(usual)
    holds = flat[0] > 0.9 and flat[1] < 0.1 and costs[0] > 2 * costs[1]
    return holds, (
        f"With weights × 1000, {flat[0]:.1%} of the tanh slopes were below 0.01 at the start, against {flat[1]:.1%}. "
        f"W[1] has moved by {moved[0]:.2%} of its size, against {moved[1]:.0%}; J is {costs[0]:.3g}, against "
        f"{costs[1]:.3g}."
    )


_LARGE = Design(data("flower"), (10,), ("tanh",), optimizer=gradient_descent(0.5))
weights_times_1000 = Lesson(
    name="weights-times-1000",
    title="Weights × 1000",
    statement="With weights × 1000 tanh is saturated, and learning is slow.",
    text=(
        "The same random weights twice; in the first network all of them are 1000 times as large.",
        "Look at Z[1] and at g′(Z[1]) before you play. tanh is flat far from 0: where z is 100, its slope is 0 to the "
        "last digit, and dZ[1] = dA[1] ∗ g′(Z[1]) is 0 with it.",
        "No learning rate helps: what comes back to layer 1 is not small, it is nothing.",
    ),
    runs={"weights × 1000": Design.but(_LARGE, init_scale=1000.0), "weights as usual": _LARGE},
    steps=2000,
    look=(look("equations", "slope", 1), look("equations", "dZ", 1), look("curves")),
    question=Question(
        "How far will W[1] of the first network have moved, measured by its own size?",
        ("Further than the other: its gradients are larger", "As far as the other", "By less than 1 %"),
        2,
    ),
    verdict=_large,
    claim="large-weights-saturate",
)


def _depth(small: Run, he: Run) -> tuple[bool, str]:
    back, costs = [], (cost(small), cost(he))
    for run in (small, he):
        found = trace(first(run), run.examples.X, run.examples.Y)
        back.append(size(found.dZ[1]) / size(found.dZ[run.network.L - 1]))
    holds = back[0] < 1e-6 and back[1] > 1e-3 and costs[0] > 0.69 and costs[1] < 0.5 * costs[0]
    return holds, (
        f"On the way back through eight layers dZ shrank to {back[0]:.0e} of its size with weights of 0.01, to "
        f"{back[1]:.2g} with He's. J is {costs[0]:.3f} (0.693 is a coin), against {costs[1]:.3f}."
    )


_DEPTH = Design(data("circles", m=200), (10,) * 8, ("relu",) * 8, init="he", seed=1, optimizer=gradient_descent(0.1))
he_against_small = Lesson(
    name="he-in-depth",
    title="Eight layers, and nothing arrives",
    statement="He's weights keep activations and gradients of a deep ReLU network from vanishing; 0.01 does not.",
    text=(
        "Eight hidden layers of ten ReLU units. The first network starts with weights of 0.01, as many do by habit; "
        "the second with He's, of deviation √(2 / n[l-1]).",
        "Look at A[1], A[2], … A[8] before you play, and then at dZ[8] … dZ[1]. With 0.01 each layer passes on a few "
        "hundredths of what it gets. Forwards there is nothing left to tell the examples apart, backwards nothing to "
        "learn from.",
    ),
    runs={"weights of 0.01": Design.but(_DEPTH, init="small"), "He's weights": _DEPTH},
    steps=2000,
    look=(look("network"), look("equations", "dZ", 1), look("curves")),
    question=Question(
        "Where will the cost of the first network be after 2,000 steps?",
        ("At 0.693, where it began", "A little above that of the second", "Lower: small weights do not overfit"),
        0,
    ),
    verdict=_depth,
    claim="he-and-xavier-in-depth",
)


def _logistic(zero: Run, random: Run) -> tuple[bool, str]:
    costs = cost(zero), cost(random)
    goal = 1.01 * min(costs)
    needed = [reached(run, goal) for run in (zero, random)]
    from_zero = [not first(run).W[1].any() for run in (zero, random)]
    same = abs(costs[0] - costs[1]) < 1e-3 * costs[1] and max(needed) < inf
    holds = from_zero == [True, False] and same and right(zero) > 0.8
    return holds, (
        f"From zero weights J came within 1 % of its end after {needed[0]:,.0f} steps, from random ones after "
        f"{needed[1]:,.0f}. At the end J is {costs[0]:.4f} and {costs[1]:.4f}."
    )


_LOGISTIC = Design(data("moons", m=300, noise=0.3), (), (), init=1.0, optimizer=gradient_descent(1.0))
logistic_from_zero = Lesson(
    name="logistic-from-zero",
    title="When zero is fine",
    statement="Logistic regression, which has no hidden layer, learns from zero weights.",
    text=(
        "No hidden layer: one sigmoid unit on two inputs. One run starts from zero weights, one from random ones.",
        "Zero weights are a problem of units that have twins. A single unit has none: dW[1] = (1/m) dZ[1] Xᵀ is not 0, "
        "because the inputs differ. And the cost of logistic regression has one valley only, so both end in it.",
    ),
    runs={"zero weights": Design.but(_LOGISTIC, init="zeros"), "random weights": _LOGISTIC},
    steps=1500,
    look=(look("equations", "dW", 1), look("plane"), look("curves")),
    question=Question(
        "Where do the two runs end?",
        ("The first does not move", "At the same line", "At two different lines of the same cost"),
        1,
    ),
    verdict=_logistic,
    claim="logistic-learns-from-zero",
)
