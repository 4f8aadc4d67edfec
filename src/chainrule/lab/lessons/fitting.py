"""Lessons about examples that were not trained on, and about outputs."""

from chainrule.lab.design import Design
from chainrule.lab.lessons.common import Lesson, Question, adam, cost, data, look
from chainrule.lab.run import Run


def _both(run: Run) -> tuple[float, float]:
    return cost(run), cost(run, "validation")


def _overfits(small: Run, large: Run) -> tuple[bool, str]:
    (a, a_val), (b, b_val) = _both(small), _both(large)
    return b < 0.5 * a and b_val > 1.5 * a_val, (
        f"On the examples that it was trained on the large network has J = {b:.3g}, the small one {a:.3g}. On those "
        f"that it has not seen it is {b_val:.3g}, against {a_val:.3g}: it has learned by heart."
    )


_OVERFIT = Design(
    data("moons", m=200, noise=0.4, validation=0.5), (64,), ("tanh",), init="glorot", optimizer=adam(0.02)
)
overfitting = Lesson(
    name="overfitting",
    title="Learned by heart",
    statement="More parameters fit the training set better, and overfit.",
    text=(
        "Two moons that overlap: no border can be right about all of them. 100 examples to learn from, 100 held out.",
        "Watch both curves, training and held out. At first they fall together. Then the large network begins to fence "
        "in single points: the cost of what it has seen falls on, that of what it has not seen rises.",
    ),
    runs={"3 units": Design.but(_OVERFIT, hidden=(3,)), "64 units": _OVERFIT},
    steps=4000,
    look=(look("curves"), look("plane")),
    question=Question(
        "Which network has the lower cost on the examples that were held out?",
        ("The one of 3 units", "The one of 64 units", "Both have the same"),
        0,
    ),
    verdict=_overfits,
    claim="more-parameters-overfit",
)


def _l2(free: Run, held: Run) -> tuple[bool, str]:
    (a, a_val), (b, b_val) = _both(free), _both(held)
    norms = [float(sum((W**2).sum() for W in run.network.W[1:]) ** 0.5) for run in (free, held)]
    return b_val < a_val and norms[1] < norms[0] and b > a, (
        f"With L2 the weights are {norms[1]:.3g} long instead of {norms[0]:.3g}. J on the training examples is {b:.3g} "
        f"instead of {a:.3g}, and on those held out {b_val:.3g} instead of {a_val:.3g}."
    )


l2 = Lesson(
    name="l2",
    title="Weights that cost something",
    statement="L2 makes a network fit its training examples less well, and new ones better.",
    text=(
        "The network of 64 units from the lesson before, with and without the term (λ/2m) Σ ‖W[l]‖² in its cost.",
        "The term adds (λ/m) W[l] to dW[l]: every step pulls every weight a little towards 0. A sharp bend takes large "
        "weights, and has to be worth them now. Compare the two borders.",
    ),
    runs={"λ = 0": _OVERFIT, "λ = 1": Design.but(_OVERFIT, l2=1.0)},
    steps=4000,
    look=(look("plane"), look("curves"), look("equations", "dW", 1, run=1)),
    question=Question(
        "What happens to the cost of the training examples with L2?",
        ("It ends lower", "It ends higher", "Nothing"),
        1,
    ),
    verdict=_l2,
)


def _dropout(free: Run, thinned: Run) -> tuple[bool, str]:
    (a, a_val), (b, b_val) = _both(free), _both(thinned)
    return b_val < a_val and b > a, (
        f"With dropout J on the training examples is {b:.3g} instead of {a:.3g}, and on those held out {b_val:.3g} "
        f"instead of {a_val:.3g}."
    )


dropout = Lesson(
    name="dropout",
    title="Half of the team stays at home",
    statement="Dropout makes a network fit its training examples less well, and new ones better.",
    text=(
        "The network of 64 units once more. In the second run each hidden unit is left out of a step with probability "
        "½, another draw for each example; those that stay count double.",
        "No unit can rely on another being there, so none can take part in fencing in one point. Look at D[1], the "
        "mask, and at how it changes from step to step.",
    ),
    runs={"no dropout": _OVERFIT, "dropout ½": Design.but(_OVERFIT, dropout=(0.5,))},
    steps=2000,
    look=(look("equations", "D", 1, run=1), look("curves"), look("plane")),
    question=Question(
        "Is a unit left out when the network answers about new examples?",
        ("Yes, half of the units", "No: all units take part"),
        1,
    ),
    verdict=_dropout,
)
