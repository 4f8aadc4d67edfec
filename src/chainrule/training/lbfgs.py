"""L-BFGS: SciPy's solver, and how a for loop gets at its iterations."""

import sys
import threading
from collections.abc import Callable, Generator
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from chainrule._types import Array
from chainrule.engines import blas, interrupts
from chainrule.optimizers import LBFGS


def minimize(
    optimizer: LBFGS,
    cost_and_gradients: Callable[[Array], tuple[float, Array]],
    start: Array,
    iterations: int,
    callback: Callable[[Any], None],
) -> Any:
    """Minimize from the start (p,), float64; SciPy's OptimizeResult. The callback may raise StopIteration."""
    from scipy.optimize import minimize

    def outside(intermediate_result: Any) -> None:
        with blas.as_before():
            callback(intermediate_result)

    options = {
        "maxiter": iterations,
        "maxfun": optimizer.max_evaluations,
        "gtol": optimizer.tolerance,
        "maxcor": optimizer.memory,
    }
    with blas.one_thread():  # its dot products of long vectors would be split among them
        return minimize(cost_and_gradients, start, method="L-BFGS-B", jac=True, callback=outside, options=options)


def one_by_one(solve: Callable[[Callable[[], None], Callable[[], None]], None]) -> Generator[None]:
    """Run solve(tell, check) and give control back whenever it calls `tell`.

    SciPy's solver calls back, and a for loop calls: so the solver runs in a thread, which waits in `tell` until the
    loop comes back. `check`, which is to be called in each evaluation, raises StopIteration when the loop was left.
    """
    # A Queue and a Semaphore are Python code around a lock, which a signal may leave in disorder.
    messages: SimpleQueue[BaseException | bool] = SimpleQueue()  # True: told; False: the end
    go_on: SimpleQueue[None] = SimpleQueue()
    left = threading.Event()

    def check() -> None:
        if left.is_set():
            raise StopIteration

    def tell() -> None:
        messages.put(True)
        go_on.get()
        check()

    def run() -> None:
        interrupts.ask(check)
        try:
            solve(tell, check)
            messages.put(False)
        except BaseException as error:  # it belongs to the caller, not to this thread
            messages.put(error)

    thread = threading.Thread(target=copy_context().run, args=(run,), daemon=True)
    try:
        with interrupts.Deferral():
            try:
                thread.start()
            except RuntimeError:
                raise RuntimeError(
                    "L-BFGS: the system refuses a thread, wanted one for SciPy's solver, which `train` steps through. "
                    "Raise the limit of processes or memory (ulimit -u, ulimit -v, a container's pids limit), or take "
                    "another optimizer."
                ) from None
        while message := messages.get():
            if isinstance(message, BaseException):
                raise message
            yield
            go_on.put(None)
    finally:
        with interrupts.Deferral():  # a second Ctrl-C would leave the thread behind
            left.set()
            go_on.put(None)
            if thread.ident is not None and not sys.is_finalizing():  # where it never comes to its end
                thread.join()
