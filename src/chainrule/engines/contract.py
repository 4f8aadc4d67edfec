"""The contract of the engines, which do the arithmetic: four functions.

* ``objective(network, X, Y, …) → (parameters → (J, gradient))``: what the checks see, and what L-BFGS minimizes.
* ``run(state, epochs, costs)``: advance a training by whole epochs without coming back in between; the cost of each is
  appended to `costs`, so that an interrupt leaves those of the epochs that are done. The network's parameters change
  only at the end of an epoch whose cost, parameters and slots of the optimizer are finite; an engine stops after one
  that is not, and the cost it gives for it is not finite either. A training that stands within an epoch goes on to its
  end, and the cost is that of the whole epoch.
* ``steps(state, batches, costs)``: the same by so many mini-batches, but no further than to the end of the epoch; J of
  each is appended to `costs` (not of those whose weights are all 0, which are passed over). Bit for bit they are those
  of `run`. They are done together, or not at all.
* ``run_many(states, epochs, costs)``: `run` for several trainings; `lists` says where that is faster.

Random masks (dropout) come from a counter-based generator that every engine computes alike; see `dropout_masks` of
reference.py. The examples of a state belong to the training while it runs: the kernel may keep a rearranged copy of a
full batch.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from chainrule._types import Array
from chainrule.engines.state import State

if TYPE_CHECKING:
    from chainrule.network import Network

Objective = Callable[[Array], tuple[float, Array]]


class Engine(Protocol):
    """What every engine can do."""

    name: str

    def objective(self, network: "Network", X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters (p,) to J and its gradient (p,)."""
        ...

    def run(self, state: State, epochs: int, costs: list[float] | None = None) -> list[float]:
        """Advance by whole epochs; `costs`, longer by the cost of each, before its updates."""
        ...

    def steps(self, state: State, batches: int, costs: list[float] | None = None) -> list[float]:
        """Advance by mini-batches of one epoch; `costs`, longer by J of each, before its update."""
        ...

    def lists(self, state: State, count: int, threads: int) -> int:
        """In how many lists so many trainings like this one are best given to `run_many`, by so many threads.

        As many as there are trainings where each alone is faster.
        """
        ...

    def run_many(self, states: Sequence[State], epochs: int, costs: Sequence[list[float]]) -> None:
        """Advance all by whole epochs, as `run` would each; to each belongs one of `costs`.

        They have come equally far, are of one design, have the same batch size and kind of optimizer, orders that are
        drawn, or none, and no weights. But on the engine "jax" also the same examples, and neither dropout nor
        clip_norm.
        """
        ...
