"""The lists under test, and the two measuring tools every gradient check uses.

A new row of a table, a new optimizer or a new schedule appears here (most do by themselves) and inherits every test.
"""

import zlib
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from chainrule import Network, equations, optimizers, schedules
from chainrule.activations import ACTIVATIONS, OUTPUT_ONLY
from chainrule.losses import LOSSES
from chainrule.training.threads import available_threads

with threadpool_limits(1, user_api="openmp"):
    counts_threads = pytest.mark.skipif(
        available_threads() > 1, reason="the kernel has no OpenMP here, so that no limit of threads reaches it"
    )

# Every activation that a hidden layer can have, and those with a constant once more with another one.
HIDDEN = [*(name for name in ACTIVATIONS if name not in OUTPUT_ONLY), "leaky_relu(0.2)", "elu(0.5)"]
# Where g has a kink, no difference quotient may reach over it.
KINKED = ("relu", "leaky_relu", "leaky_relu(0.2)", "elu(0.5)", "selu")

# Every row of the losses as (loss, output activation), and Huber once more with another constant.
PAIRS = [*LOSSES, ("huber(0.3)", "identity")]

OPTIMIZERS = [
    optimizers.GradientDescent(0.3),
    optimizers.Momentum(0.5, 0.8),
    optimizers.HeavyBall(0.1, 0.8),
    optimizers.Nesterov(0.1, 0.8),
    optimizers.RMSProp(0.02, 0.8, 1e-6),
    optimizers.Adam(0.05, 0.8, 0.95, 1e-6),
    optimizers.Adam(0.05, 0.8, 0.95, 1e-6, epsilon_hat=True),
    optimizers.AdamW(0.05, 0.8, 0.95, 1e-6, 0.1),
]

SCHEDULES = [
    schedules.Constant(),
    schedules.InverseTime(0.5),
    schedules.StepDecay(3, 0.5),
    schedules.InverseScaling(0.5),
    schedules.Cosine(10, 0.1),
    schedules.CosLog4(10),
    schedules.WarmUp(4, schedules.InverseTime(0.5)),
]

# Sizes for 0, 1, 2 and 3 hidden layers: all different, and never equal to the number of examples.
DEPTHS = {0: [5, 2], 1: [5, 4, 2], 2: [5, 4, 6, 2], 3: [5, 4, 6, 3, 2]}
EXAMPLES = 7
# Everything with everything; without a hidden layer there is no hidden activation to vary.
CASES = [
    (hidden, pair, depth) for hidden in HIDDEN for pair in PAIRS for depth in DEPTHS if depth or hidden == HIDDEN[0]
]


def rng_of(*labels: object) -> np.random.Generator:
    """A generator that depends on the case and on nothing else."""
    return np.random.default_rng(zlib.crc32(repr(labels).encode()))


def problem(loss: str, output: str, n: int, K: int, m: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """X (n, m) and targets Y (K, m) that this loss accepts."""
    X, N = rng.standard_normal((n, m)), rng.standard_normal((K, m))
    if loss == "binary_cross_entropy":
        Y = (N > 0) * 1.0
        Y[0, 0] = 0.3  # a probability is a target too
    elif loss == "cross_entropy":
        Y = np.eye(K)[:, rng.integers(K, size=m)]
        Y[:, 0] = 1 / K
    elif loss == "poisson":
        Y = rng.poisson(2.0, (K, m)).astype(float)
        Y[0, 0] = 0.0
    else:
        Y = np.tanh(N) if output == "tanh" else N
    return X, Y


def network(
    sizes: list[int],
    hidden: Any = "tanh",
    output: str = "sigmoid",
    loss: str | None = None,
    seed: int = 0,
    dtype: str = "float64",
) -> Any:
    """A network whose biases are not zero, so that a lost b shows."""
    net = Network(sizes, hidden=hidden, output=output, loss=loss, init="xavier", seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed + 1)
    for l in range(1, net.L + 1):
        net.b[l] = 0.3 * rng.standard_normal(net.b[l].shape)
    return net


def twin(net: Any) -> Any:
    """The same network in float64."""
    other = Network(net.sizes, hidden=net.g[1:-1], output=net.g[-1], loss=net.loss.spec, init="zeros")
    other.parameters = net.parameters
    return other


def case(hidden: Any, pair: tuple[str, str], depth: int) -> tuple[Any, Any, Any, np.random.Generator]:
    """A network, X, Y and a generator for what else the test draws."""
    loss, output = pair
    sizes = DEPTHS[depth]
    rng = rng_of(hidden, pair, depth)
    X, Y = problem(loss, output, sizes[0], sizes[-1], EXAMPLES, rng)
    net = network(sizes, hidden, output, loss, seed=int(rng.integers(1000)))
    if output == "relu":  # an output that is dead for every example proves nothing; this is on for half of them
        net.b[net.L] += 0.1 - np.median(net.layers(X)[0][-1], axis=1, keepdims=True)
    return net, X, Y, rng


def reported(net: Any, X: Any, Y: Any, l2: float = 0.0, weights: Any = None, D: Any = None) -> float:
    """J as the network reports it; with dropout masks D, as the engine does."""
    if D is None:
        return float(net.cost(X, Y, l2=l2, weights=weights))
    X, Y, w = net.check_examples(X, Y, weights)
    Z, _ = equations.forward(X, net.W, net.b, net.g, D)
    return float(equations.cost(Z, Y, net.W, net.loss, l2, w)[0])


def analytic(net: Any, X: Any, Y: Any, l2: float = 0.0, weights: Any = None, D: Any = None) -> dict[str, Any]:
    """dW[l] and db[l] by name, by the equations, which a planted bug is part of."""
    X, Y, w = net.check_examples(X, Y, weights)
    return named(*equations.cost_and_gradients(X, Y, net.W, net.b, net.g, net.slope, net.loss, l2, w, D)[1:])


def named(dW: Any, db: Any) -> dict[str, Any]:
    return {f"d{name}[{l}]": array[l] for l in range(1, len(dW)) for name, array in (("W", dW), ("b", db))}


def central_differences(
    net: Any, X: Any, Y: Any, l2: float = 0.0, weights: Any = None, D: Any = None, h: float = 1e-5
) -> dict[str, Any]:
    """`slopes` of the *reported* J: dW[l] and db[l] by name."""
    before = net.parameters.copy()

    def J(parameters: Any) -> float:
        net.parameters = parameters
        return reported(net, X, Y, l2, weights, D)

    found = slopes(J, before, h)
    net.parameters = before
    return named(*net.unpack(found))


def slopes(J: Any, parameters: Any, h: float = 1e-5) -> Any:
    """(J(w + h) − J(w − h)) / 2h for every parameter, of any function J of the flat vector."""
    found = np.empty_like(parameters)
    for i, w in enumerate(parameters):
        above, below = parameters.copy(), parameters.copy()
        above[i], below[i] = w + h, w - h
        found[i] = (J(above) - J(below)) / (2 * h)
    return found


def relative_error(got: dict[str, Any], wanted: dict[str, Any]) -> dict[str, float]:
    """‖got − wanted‖ / max(‖got‖, ‖wanted‖) of every tensor.

    A tensor that is zero on both sides proves nothing, so it counts as wrong: choose a problem where it is not.
    """
    errors = {}
    for name in wanted:
        assert got[name].shape == wanted[name].shape, f"{name}: {got[name].shape}, wanted {wanted[name].shape}"
        size = max(np.linalg.norm(got[name]), np.linalg.norm(wanted[name]))
        errors[name] = float(np.linalg.norm(got[name] - wanted[name]) / size) if size > 0 else float("inf")
    return errors


def assert_gradients(net: Any, X: Any, Y: Any, l2: float = 0.0, weights: Any = None, D: Any = None) -> None:
    """The gradient check: 1e-6 in relative norm for every tensor, float64."""
    errors = relative_error(analytic(net, X, Y, l2, weights, D), central_differences(net, X, Y, l2, weights, D))
    wrong = {name: error for name, error in errors.items() if not error < 1e-6}
    assert not wrong, f"gradient check: {wrong}"


def masks(net: Any, m: int, rng: np.random.Generator, keep: float = 0.7) -> list[Any]:
    """Inverted dropout for every hidden layer: at least one unit of each is out, and one stays in every column."""
    D: list[Any] = [None] * (net.L + 1)
    for l in range(1, net.L):
        mask = rng.random((net.sizes[l], m)) < keep
        mask[0], mask[1, 0] = True, False
        D[l] = mask / keep
    return D
