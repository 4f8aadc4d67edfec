"""From scikit-learn's words for a solver and a schedule to ours."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import optimizers, schedules
from chainrule.text import unknown

SCHEDULES: dict[str, Callable[[int], schedules.Schedule]] = {"cosine": schedules.Cosine, "coslog4": schedules.CosLog4}


def solver(estimator: Any) -> Any:
    """The optimizer that `solver`, and the parameters that belong to it, describe."""
    est, rate = estimator, estimator.learning_rate_init
    if not isinstance(est.solver, str):
        return est.solver
    table: dict[str, Callable[[], Any]] = {
        "lbfgs": lambda: optimizers.LBFGS(est.tol, max_evaluations=est.max_fun),
        "sgd": lambda: (optimizers.Nesterov if est.nesterovs_momentum else optimizers.HeavyBall)(rate, est.momentum),
        "adam": lambda: optimizers.Adam(rate, est.beta_1, est.beta_2, est.epsilon, epsilon_hat=True),
        "adamw": lambda: optimizers.AdamW(rate, est.beta_1, est.beta_2, est.epsilon),
        "rmsprop": lambda: optimizers.RMSProp(rate, est.beta_2, est.epsilon),
        "momentum": lambda: optimizers.Momentum(rate, est.momentum),
        "heavy_ball": lambda: optimizers.HeavyBall(rate, est.momentum),
        "nesterov": lambda: optimizers.Nesterov(rate, est.momentum),
        "gradient_descent": lambda: optimizers.GradientDescent(rate),
    }
    if est.solver not in table:
        raise unknown("solver", est.solver, table)
    return table[est.solver]()


def schedule(estimator: Any) -> schedules.Schedule | None:
    """The function that `schedule` describes: a name is stretched over max_iter epochs."""
    given = estimator.schedule
    return SCHEDULES[given](estimator.max_iter) if isinstance(given, str) else given


def draw_parameters(network: Any, factor: float, rng: Any) -> None:
    """scikit-learn's draws, in its order: coefficients, then intercepts, layer by layer, in float64."""
    for l in range(1, network.L + 1):
        outputs, inputs = network.W[l].shape
        bound = np.sqrt(factor / (inputs + outputs))
        network.W[l][...] = rng.uniform(-bound, bound, (inputs, outputs)).T
        network.b[l][...] = rng.uniform(-bound, bound, outputs)[:, None]
