"""The check of a whole training: every update recomputed from the parameters before it, and every cost."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.checks import check_l2, check_number, check_whole
from chainrule.engines import blas
from chainrule.optimizers import LBFGS, Rule, check_optimizer
from chainrule.working.trainings import beginning, layout
from chainrule.working.trainings.calls import Call
from chainrule.working.trainings.inferred import Inference
from chainrule.working.trainings.judged import judged
from chainrule.working.trainings.report import TrainingCheck, TrainingError
from chainrule.working.trainings.rules import remembers


def check_training(
    f: Callable[..., Any] | Any,
    X: Any,
    Y: Any,
    *,
    hidden: Any = None,
    output: Any = None,
    loss: Any = None,
    optimizer: Rule | None = None,
    batch_size: int | None = None,
    l2: float | None = None,
    rows_are_examples: bool | None = None,
    tolerance: float | None = None,
    most: int = 1000,
    raises: bool = True,
) -> TrainingCheck:
    """Check a whole training that somebody wrote: every update and every cost, by the equations.

    Each update is recomputed from the training's own parameters before it, so that a mistake is found where it begins,
    and not in all that follows from it. What is not said is inferred from the first update and the first costs.

    Parameters
    ----------
    f : callable, or what it gives back
        A function of X and Y that trains, and gives the costs and the parameters after each update: (costs,
        parameters), two lists; best with the parameters before the first update in front, one more than there are
        costs. Parameters are a dictionary with "W1", "b1", …, or (W, b), or [W1, b1, W2, b2, …], or an object with W
        and b. A dictionary or an object with both lists will do as well, and pairs of cost and parameters, also from a
        generator. It is called with copies of X and Y; up to three times more if it takes a learning rate.
    X, Y : array_like of shape (n[0], m) and (n[L], m)
        The examples, as f takes them: few are enough, and few updates. Y may be a vector, also of classes.
    hidden, output, loss : str, optional, as of `Network`; loss may also be "squared_error", that without the ½
    optimizer : Rule, optional
        Such as ``cr.Adam(0.001)``. If f takes a learning rate, it is called with this one.
    batch_size : int, optional, how many examples a batch should have; f is called with it if it takes it
    l2 : float, optional, λ; f is called with it if it takes it
    rows_are_examples : bool, optional, whether examples are rows of X and Y; told by the shapes, if it can be
    tolerance : float, optional
        A step is right if ‖got − wanted‖ / (‖got‖ + ‖wanted‖) is not above this, beyond what rounding explains: 1e-6,
        and 1e-3 for parameters in float32, unless given.
    most : int, how many updates are checked, from the first on
    raises : bool, whether a wrong training is an error

    Returns
    -------
    TrainingCheck
        True if all is right. Else it names the first thing that is wrong, with its update, its layer and the equation
        that should stand there, and the usual mistakes that give these very numbers.

    Raises
    ------
    TrainingError
        If something is wrong and `raises` is true.
    ValueError
        For what is no training at all: no costs and parameters, or shapes that do not go together.
    TypeError
        For arguments of f that nobody knows.

    Notes
    -----
    What dropout leaves out cannot be known afterwards: a function with an argument such as ``keep_prob`` or ``dropout``
    is called without dropout. Each call begins with the same state of NumPy's common generator (`np.random`).
    """
    X, Y = layout.arrays(X, Y)
    check_whole(batch_size=batch_size, most=most)
    if l2 is not None:
        l2 = check_l2(l2)
    if tolerance is not None:
        check_number("tolerance", tolerance, "a relative error above 0 and below 1", lambda error: 0 < error < 1)
    if optimizer is not None:
        check_optimizer(optimizer)
        if isinstance(optimizer, LBFGS):
            raise ValueError(
                "optimizer: got LBFGS, whose steps cannot be recomputed one by one, wanted a rule of steps"
            )
    call = Call(f, X, Y, optimizer, batch_size, l2, most, rows_are_examples)
    returned, taken = call()
    found = layout.layouts(X, Y, *returned.parameters[0], rows_are_examples)
    start = beginning.found(call, returned)
    if optimizer is not None and remembers(optimizer) and start.first > 1:
        raise ValueError(
            f"f: {type(optimizer).__name__} remembers what was before, so the parameters before the first update "
            "are needed: put a copy of them in front of the others"
        )
    options = {"hidden": hidden, "output": output, "loss": loss}
    with blas.one_thread(), np.errstate(all="ignore"):
        training, lies = Inference(X, Y, call, returned, start, taken, optimizer, options, tolerance).best(found)
        check = judged(training, lies, returned, start, call, options, optimizer, batch_size)
    if check and not check.updates:
        raise ValueError("f: got the parameters of one moment only, wanted those after each update, of two or more")
    if raises and not check:
        raise TrainingError(check)
    return check
