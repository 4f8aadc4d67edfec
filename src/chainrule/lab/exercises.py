"""Backward passes with one mistake each, to be found and mended."""

from dataclasses import dataclass

import numpy as np

from chainrule._types import Array
from chainrule.network import Network

L2 = 0.6  # λ where an exercise has one


@dataclass(frozen=True)
class Exercise:
    """Six equations, one of which is wrong. mistake: that line. mended: as it should be. why: told at the end."""

    name: str
    title: str
    text: str
    mistake: str
    mended: str
    why: str
    l2: float = 0.0

    @property
    def wrong(self) -> list[str]:
        """All lines, with the mistake in its place."""
        target = self.mended.split("=")[0]
        return [self.mistake if line.startswith(target) else line for line in _right(self.l2)]


def small() -> tuple[Network, Array, Array]:
    """A network of 2, 3 and 1 units, and 4 examples: small enough for paper, and no two sizes are the same."""
    net = Network([2, 3, 1], hidden="tanh", init="zeros")
    net.W[1], net.b[1] = np.array([[0.5, -0.2], [0.3, 0.8], [-0.6, 0.1]]), np.array([[0.1], [0.0], [-0.2]])
    net.W[2], net.b[2] = np.array([[0.7, -0.4, 0.9]]), np.array([[0.3]])
    X = np.array([[1.0, -2.0, 0.5, 3.0], [0.0, 1.0, -1.0, 2.0]])
    return net, X, np.array([[1.0, 0.0, 1.0, 0.0]])


def _right(l2: float) -> list[str]:
    decay = ["", " + (l2/m) * W[1]", " + (l2/m) * W[2]"] if l2 else [""] * 3
    return [
        "dZ[2] = A[2] - Y",
        f"dW[2] = (1/m) * dZ[2] @ A[1].T{decay[2]}",
        "db[2] = (1/m) * sum(dZ[2], axis=1, keepdims=True)",
        "dZ[1] = (W[2].T @ dZ[2]) * g_prime[1]",
        f"dW[1] = (1/m) * dZ[1] @ A[0].T{decay[1]}",
        "db[1] = (1/m) * sum(dZ[1], axis=1, keepdims=True)",
    ]


_EVERY = (
    Exercise(
        "uphill",
        "Uphill",
        "Everything has the right shape and the right size, and yet the cost climbs with every update.",
        "dZ[2] = Y - A[2]",
        "dZ[2] = A[2] - Y",
        "dZ[2] is the derivative of the loss by z: too large an answer has to give a positive number, so that the step "
        "against it makes the answer smaller. All other lines start from this one, so all of them had the wrong sign.",
    ),
    Exercise(
        "too-large",
        "More examples, larger steps",
        "With 4 examples the steps of W[2] are too large, and with 400 they would be a hundred times larger still.",
        "dW[2] = dZ[2] @ A[1].T",
        "dW[2] = (1/m) * dZ[2] @ A[1].T",
        "The product sums over the examples, and the cost is their mean: the sum has to be divided by m. A learning "
        "rate that is too high looks just the same, which is why this mistake lives long.",
    ),
    Exercise(
        "all-alike",
        "Three biases, one number",
        "The three biases of layer 1 all move by the same amount, whatever their units do.",
        "db[1] = (1/m) * sum(dZ[1])",
        "db[1] = (1/m) * sum(dZ[1], axis=1, keepdims=True)",
        "Without axis=1 the sum runs over units and examples alike. NumPy says nothing, because a number can be "
        "subtracted from a column.",
    ),
    Exercise(
        "lying-down",
        "A bias without its column",
        "The numbers of db[1] are right, every single one. The first update makes a (3, 3) of b[1].",
        "db[1] = (1/m) * sum(dZ[1], axis=1)",
        "db[1] = (1/m) * sum(dZ[1], axis=1, keepdims=True)",
        "A sum over axis 1 forgets that axis: (3,) instead of (3, 1). Taken from a column, NumPy takes it for a row "
        "and spreads both to (3, 3). keepdims=True keeps the column.",
    ),
    Exercise(
        "half-the-chain",
        "A link is missing in the chain",
        "Layer 2 is right. Layer 1 moves as if its tanh were not there.",
        "dZ[1] = W[2].T @ dZ[2]",
        "dZ[1] = (W[2].T @ dZ[2]) * g_prime[1]",
        "W[2]ᵀ dZ[2] is dA[1], what the cost wants of the activations. Back through the tanh it has to be multiplied "
        "by its slope g′(Z[1]), element by element.",
    ),
    Exercise(
        "before-or-after",
        "Before or after the tanh?",
        "Somebody wrote the slope of tanh out. A slope of tanh lies between 0 and 1; this one does not.",
        "dZ[1] = (W[2].T @ dZ[2]) * (1 - Z[1]**2)",
        "dZ[1] = (W[2].T @ dZ[2]) * (1 - A[1]**2)",
        "tanh′(z) = 1 − tanh(z)², and tanh(z) is a, not z. The same slip is common with sigmoid: a (1 − a), not "
        "z (1 − z).",
    ),
    Exercise(
        "wrong-input",
        "What layer 2 has really seen",
        "Only dW[2] is off, and not by much where the units are small.",
        "dW[2] = (1/m) * dZ[2] @ Z[1].T",
        "dW[2] = (1/m) * dZ[2] @ A[1].T",
        "A weight multiplies what comes in, so its derivative is made with what came in: A[1], after the tanh.",
    ),
    Exercise(
        "once-too-often",
        "The slope that was there already",
        "Layer 2 is right. Somebody wanted to be thorough on the way back from it.",
        "dZ[1] = (W[2].T @ (dZ[2] * A[2] * (1 - A[2]))) * g_prime[1]",
        "dZ[1] = (W[2].T @ dZ[2]) * g_prime[1]",
        "For a sigmoid and binary cross-entropy the slope a (1 − a) cancels against the loss: A[2] − Y is dZ[2] "
        "already, slope included. Once more makes the gradient vanish where the network is certain.",
    ),
    Exercise(
        "half-a-penalty",
        "Half a penalty",
        f"With L2 (λ = {L2:g}): the cost has the term (λ/2m) Σ ‖W[l]‖².",
        "dW[2] = (1/m) * dZ[2] @ A[1].T + (l2/(2*m)) * W[2]",
        "dW[2] = (1/m) * dZ[2] @ A[1].T + (l2/m) * W[2]",
        "The derivative of ½ w² is w: the ½ is in the cost to go away here.",
        l2=L2,
    ),
    Exercise(
        "on-its-side",
        "On its side",
        "dW[1] has the right numbers in the wrong places.",
        "dW[1] = (1/m) * A[0] @ dZ[1].T",
        "dW[1] = (1/m) * dZ[1] @ A[0].T",
        "dW[l] has the shape of W[l], (n[l], n[l-1]): dZ[l] comes first. Where two layers are equally wide, no shape "
        "gives this away, and only a check of the numbers does.",
    ),
)
EXERCISES = {each.name: each for each in _EVERY}
