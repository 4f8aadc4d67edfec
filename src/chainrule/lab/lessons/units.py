"""Lessons about hidden layers: what they are for, how many units, which activation, how deep."""

import numpy as np

from chainrule.lab.design import Design
from chainrule.lab.lessons.common import (
    Lesson,
    Question,
    adam,
    after,
    cost,
    data,
    dead,
    gradient_descent,
    look,
    reached,
    right,
)
from chainrule.lab.run import Run, score


def _flower(line: Run, layer: Run) -> tuple[bool, str]:
    scores = right(line), right(layer)
    return scores[0] < 0.65 and scores[1] >= 0.85, (
        f"Logistic regression gets {scores[0]:.0%} of the flower right: no better than guessing. With four hidden "
        f"units it is {scores[1]:.0%}."
    )


_FLOWER = Design(data("flower"), (4,), ("tanh",), init="small", optimizer=gradient_descent(1.2))
flower_needs_a_hidden_layer = Lesson(
    name="flower-needs-a-hidden-layer",
    title="A line through a flower",
    statement="Logistic regression cannot separate the flower; one hidden layer can.",
    text=(
        "The flower has petals of two colors, in turns. Without a hidden layer the network is logistic regression, "
        "σ(w x + b): the border between its two answers is a straight line.",
        "The second network has four tanh units between. Click on them in the diagram: each one draws a soft line of "
        "its own, and the output adds them up.",
    ),
    runs={"logistic regression": Design.but(_FLOWER, hidden=(), activations=()), "four hidden units": _FLOWER},
    steps=4000,
    look=(look("plane"), look("network", run=1)),
    question=Question(
        "How many of the 400 points will the line get right?",
        ("About half", "About three quarters", "Nearly all, if it trains for long enough"),
        0,
    ),
    verdict=_flower,
    claim="flower-needs-a-hidden-layer",
)


def _linear(linear: Run, bent: Run) -> tuple[bool, str]:
    apart, other = _from_a_line(linear), _from_a_line(bent)
    scores = right(linear), right(bent)
    return apart < 1e-12 and scores[0] < 0.7 and scores[1] > 0.95, (
        f"W′ and b′, read off Z[3] at three points, give Z[3] of all {linear.m} examples to {apart:.0e}: three layers "
        f"are one. With tanh they are {other:.0%} off. The linear network gets {scores[0]:.0%} right, the one with "
        f"tanh {scores[1]:.0%}."
    )


def _from_a_line(run: Run) -> float:
    """How far Z[L] is from W′X + b′, by its largest number; W′ and b′ are read off Z[L] at 0 and the unit vectors."""
    net, X = run.network, run.examples.X
    n = len(X)
    corners = net.layers(np.hstack([np.zeros((n, 1)), np.eye(n)]))[0][net.L]
    b = corners[:, :1]
    Z = net.layers(X)[0][net.L]
    return float(abs((corners[:, 1:] - b) @ X + b - Z).max() / abs(Z).max())


_LINEAR = Design(data("circles", m=200), (6, 4), ("tanh", "tanh"), optimizer=adam(0.02))
linear_hidden_layers = Lesson(
    name="linear-hidden-layers",
    title="Three layers, one line",
    statement="With linear hidden activations the network is one linear map: W′ = W[3] W[2] W[1].",
    text=(
        "Both networks have two hidden layers. In the first g(z) = z, in the second g = tanh.",
        "Watch the border: without a bend in g it stays a straight line, whatever the weights do, because a linear map "
        "of a linear map is a linear map. To close a ring around the inner circle takes units that bend.",
    ),
    runs={"g(z) = z": Design.but(_LINEAR, activations=("identity", "identity")), "g = tanh": _LINEAR},
    steps=1000,
    look=(look("plane"), look("equations", "A", 1)),
    question=Question(
        "What border can the first network draw?",
        ("A straight line", "Two lines, one for each hidden layer", "A polygon of as many sides as it has units"),
        0,
    ),
    verdict=_linear,
    claim="linear-layers-are-one-map",
)


def _xor(line: Run, layer: Run) -> tuple[bool, str]:
    scores = right(line), right(layer)
    return scores[0] < 0.75 and scores[1] > 0.93, (
        f"Without a hidden layer {scores[0]:.0%} of the points are right, with four units {scores[1]:.0%}."
    )


_XOR = Design(data("xor"), (4,), ("tanh",), optimizer=adam(0.05))
xor = Lesson(
    name="xor",
    title="Either, but not both",
    statement="XOR cannot be told apart by a line; a hidden layer solves it.",
    text=(
        "A point is of class 1 where exactly one of its two numbers is above 0. Each number alone tells nothing.",
        "A line leaves at least a quarter of the square on its wrong side. Look at the hidden units of the second "
        "network: each is a line, and together they cut out the quadrants.",
    ),
    runs={"no hidden layer": Design.but(_XOR, hidden=(), activations=()), "four hidden units": _XOR},
    steps=800,
    look=(look("plane"), look("network", run=1)),
    question=Question(
        "What will logistic regression end up with?",
        ("It alternates between two lines", "An answer near ½ almost everywhere", "Three quadrants right, for certain"),
        1,
    ),
    verdict=_xor,
)


def _sizes(few: Run, many: Run) -> tuple[bool, str]:
    scores, costs = (right(few), right(many)), (cost(few), cost(many))
    return scores[1] > scores[0] + 0.1 and costs[1] < costs[0], (
        f"One hidden unit gets {scores[0]:.0%} of the flower right, ten get {scores[1]:.0%}; J is {costs[0]:.3f} and "
        f"{costs[1]:.3f}."
    )


_SIZES = Design(data("flower"), (10,), ("tanh",), optimizer=adam(0.02))
hidden_sizes = Lesson(
    name="hidden-sizes",
    title="One unit or ten",
    statement="The more hidden units, the better the flower is fitted.",
    text=(
        "The first network has one hidden unit, the second ten. One tanh unit bends the answer along one direction "
        "only: its border is still a straight line.",
        "Ten units are ten directions. Try 3, 5 and 50 afterwards: from about five on, little is gained on these 400 "
        "points.",
    ),
    runs={"one unit": Design.but(_SIZES, hidden=(1,)), "ten units": _SIZES},
    steps=2000,
    look=(look("plane"), look("network"), look("curves")),
    question=Question(
        "What will the border of the network with one hidden unit look like?",
        ("A straight line", "A circle", "An S"),
        0,
    ),
    verdict=_sizes,
    claim="hidden-sizes",
)


def _tanh(sigmoid: Run, tanh: Run) -> tuple[bool, str]:
    goal = 0.25
    needed = reached(sigmoid, goal), reached(tanh, goal)
    return needed[1] < needed[0], (
        f"tanh came below J = {goal:g} {after(needed[1])}, sigmoid {after(needed[0])}; at the end J is "
        f"{cost(tanh):.3f} and {cost(sigmoid):.3f}."
    )


_TANH = Design(data("moons"), (8,), ("tanh",), init="glorot", optimizer=gradient_descent(0.3))
tanh_against_sigmoid = Lesson(
    name="tanh-against-sigmoid",
    title="Around zero, or around ½",
    statement="In hidden layers tanh learns faster than sigmoid.",
    text=(
        "The same first weights and the same learning rate; only g differs. tanh is a sigmoid that was stretched and "
        "moved: tanh(z) = 2 σ(2z) − 1.",
        "Look at A[1]: tanh gives numbers around 0, sigmoid around ½. And at g′(Z[1]): the slope of tanh at 0 is 1, "
        "that of sigmoid ¼. Both make the steps of layer 1 longer with tanh.",
        "It is no law: with other learning rates the two can change places. The claim's page has the races.",
    ),
    runs={"sigmoid": Design.but(_TANH, activations=("sigmoid",)), "tanh": _TANH},
    steps=2000,
    look=(look("curves"), look("equations", "slope", 1), look("equations", "A", 1)),
    question=Question(
        "By how much is the slope of tanh at 0 larger than that of sigmoid?",
        ("They are equal", "2 times", "4 times"),
        2,
    ),
    verdict=_tanh,
    claim="tanh-faster-than-sigmoid",
)


def _relu(sigmoid: Run, relu: Run) -> tuple[bool, str]:
    costs, scores = (cost(sigmoid), cost(relu)), (right(sigmoid), right(relu))
    return costs[1] < 0.5 * costs[0] and scores[1] > scores[0] + 0.2, (
        f"After the same steps J is {costs[0]:.3f} with sigmoid and {costs[1]:.3f} with ReLU; {scores[0]:.0%} and "
        f"{scores[1]:.0%} of the spirals are right."
    )


_RELU = Design(
    data("spirals", m=300, classes=2, noise=0.1), (16,) * 4, ("relu",) * 4, optimizer=gradient_descent(0.1),
    batch_size=30,
)  # fmt: skip
relu_in_depth = Lesson(
    name="relu-in-depth",
    title="Four layers back",
    statement="In deeper networks ReLU learns faster than sigmoid.",
    text=(
        "Four hidden layers of 16 units on two spirals, each activation with the first weights that suit it.",
        "Look at the lengths of dW[1] … dW[5] among the curves. On the way back each sigmoid multiplies by a slope of "
        "¼ or less; the slope of ReLU is 1 or 0. After four layers little is left for layer 1.",
    ),
    runs={"sigmoid": Design.but(_RELU, activations=("sigmoid",) * 4), "ReLU": _RELU},
    steps=3000,
    look=(look("curves"), look("equations", "dZ", 1), look("plane")),
    question=Question(
        "Which layer of the sigmoid network gets the smallest gradient at the start?",
        ("Layer 1", "The last one", "All get about the same"),
        0,
    ),
    verdict=_relu,
    claim="relu-faster-in-depth",
)


def _dead(relu: Run, leaky: Run) -> tuple[bool, str]:
    shares, scores = (dead(relu), dead(leaky)), (right(relu), right(leaky))
    return shares[0] > shares[1], (
        f"At the end {shares[0]:.0%} of the ReLU units give 0 for every example, and of the leaky ones {shares[1]:.0%} "
        f"would; {scores[0]:.0%} and {scores[1]:.0%} of the moons are right."
    )


_DEAD = Design(data("moons", noise=0.2), (16, 16), ("relu", "relu"), init="he", optimizer=adam(0.5))
dead_units = Lesson(
    name="dead-units",
    title="Units that never wake up",
    statement="Leaky ReLU helps against dead units, which are 0 for every example and get no gradient.",
    text=(
        "A learning rate that is far too high, on purpose: the first steps throw many units to where z is below 0 for "
        "every example. There ReLU is 0 and so is its slope: no gradient, no way back.",
        "Look at the share of dead units among the curves, and at the rows of dW[1] that are 0. leaky_relu has a slope "
        "of 0.01 there: little, but enough for Adam, which makes up for the size of a gradient.",
    ),
    runs={"ReLU": _DEAD, "leaky ReLU": Design.but(_DEAD, activations=("leaky_relu", "leaky_relu"))},
    steps=500,
    look=(look("curves"), look("equations", "dW", 1), look("network")),
    question=Question(
        "What is dW of a unit whose z is below 0 for every example, with ReLU?",
        ("Small", "0, exactly", "Large, so that it comes back"),
        1,
    ),
    verdict=_dead,
    claim="leaky-relu-against-dead-units",
)


def _deep(wide: Run, deep: Run) -> tuple[bool, str]:
    counts = [run.network.parameters.size for run in (wide, deep)]
    needed = reached(wide, 0.1), reached(deep, 0.1)
    return needed[1] < needed[0] and counts[1] <= counts[0], (
        f"One wide layer ({counts[0]} parameters) came below J = 0.1 {after(needed[0])}, three narrow ones "
        f"({counts[1]} parameters) {after(needed[1])}."
    )


_DEEP = Design(data("spirals", m=300, classes=2, noise=0.1), (8, 8, 8), ("tanh",) * 3, optimizer=adam(0.02))
spirals_and_depth = Lesson(
    name="spirals-and-depth",
    title="Wide or deep",
    statement="With as many parameters, three layers fit two spirals sooner than one wide layer.",
    text=(
        "177 parameters twice, once in one layer of 44 units, once in three layers of 8.",
        "A unit of the first layer is a soft line. A unit of the third is made of things that bend already: look at "
        "their pictures in the diagram, layer by layer.",
    ),
    runs={"one wide layer": Design.but(_DEEP, hidden=(44,), activations=("tanh",)), "three layers": _DEEP},
    steps=1000,
    look=(look("network"), look("plane"), look("curves")),
    question=Question(
        "Whose units of the first layer draw straight lines?",
        ("Those of the wide network only", "Those of the deep network only", "Those of both"),
        2,
    ),
    verdict=_deep,
)


def _curve(two: Run, many: Run) -> tuple[bool, str]:
    kinks = [_kinks(run) for run in (two, many)]
    fits = [score("regression", *run.answers("train")) or 0.0 for run in (two, many)]
    few = all(k <= run.network.sizes[1] for k, run in zip(kinks, (two, many), strict=True))
    return few and fits[1] > fits[0] + 0.03 and fits[1] > 0.95, (
        f"Two units have drawn a line with {kinks[0]} kink{'s' * (kinks[0] != 1)}, which explains R² = {fits[0]:.1%} "
        f"of the targets; sixteen units one with {kinks[1]}, and R² = {fits[1]:.1%}."
    )


def _kinks(run: Run) -> int:
    """Where the line that the network draws changes its slope, between the least and the largest input."""
    x = np.linspace(run.examples.X.min(), run.examples.X.max(), 20_001)[None]
    bends = abs(np.diff(run.network.forward(x)[0], 2))
    there = bends > 1e-9 * bends.max()
    return int(np.count_nonzero(there[1:] & ~there[:-1])) + int(there[0])


_CURVE = Design(data("sine"), (16,), ("relu",), optimizer=adam(0.02))
line_with_kinks = Lesson(
    name="line-with-kinks",
    title="A line with kinks",
    statement="One hidden layer comes as close to a curve as one likes, if it has units enough.",
    text=(
        "No classes this time: the network is to draw a sine through 100 points that are a little off.",
        "A ReLU unit is a line with one kink, where its z is 0. The output adds the units up: a broken line with at "
        "most one kink for each. Two of them make a poor sine, sixteen a good one.",
        "Click on the units to see what each one adds. Then try tanh, whose kinks are round.",
    ),
    runs={"two units": Design.but(_CURVE, hidden=(2,)), "sixteen units": _CURVE},
    steps=1500,
    look=(look("plane"), look("network", run=1), look("curves")),
    question=Question(
        "What is the most that a line drawn by two ReLU units can do?",
        ("Change its direction once", "Change its direction twice", "Bend smoothly, as a parabola does"),
        1,
    ),
    verdict=_curve,
)
