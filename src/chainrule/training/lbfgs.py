"""L-BFGS: SciPy's solver on the cost of a network."""

from collections.abc import Callable
from typing import Any

from chainrule._types import Array
from chainrule.engines import blas
from chainrule.optimizers import LBFGS


def minimize(
    optimizer: LBFGS,
    cost_and_gradients: Callable[[Array], tuple[float, Array]],
    params: Array,
    iterations: int,
    callback: Callable[[Any], None] | None = None,
) -> Any:
    """Minimize from the (p,) start; gives SciPy's OptimizeResult. A callback may raise StopIteration."""
    from scipy.optimize import minimize

    def outside(intermediate_result: Any) -> None:
        if callback is not None:
            with blas.as_before():
                callback(intermediate_result)

    options = {
        "maxiter": iterations,
        "maxfun": optimizer.max_evaluations,
        "gtol": optimizer.tolerance,
        "maxcor": optimizer.memory,
    }
    with blas.one_thread():  # its dot products of long vectors would be split among them
        return minimize(cost_and_gradients, params, method="L-BFGS-B", jac=True, callback=outside, options=options)
