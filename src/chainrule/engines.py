"""Engines: who does the arithmetic. One contract, two functions, and the record of which one ran.

* ``objective(network, X, Y, …) → (parameters → (J, gradient))``: what the checks see, and what L-BFGS minimizes.
* ``run(state, epochs) → the cost of each epoch``: advance a training by whole epochs without coming back in between.
  The network's parameters change only at the end of an epoch whose cost and parameters are finite; an engine stops
  after one that is not, and the cost it returns for it is not finite either.

``"numpy"`` is the reference: equations.py and optimizers.py in a loop. ``"native"`` is the compiled kernel, which
computes the same, fused, and is checked against it. The examples of a state belong to the training while it runs: the
kernel may keep a rearranged copy of a full batch.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from chainrule import blas, equations, interrupts, native, optimizers
from chainrule.names import unknown
from chainrule.network import Network
from chainrule.optimizers import Optimizer

Array = np.ndarray[Any, np.dtype[Any]]
Objective = Callable[[Array], tuple[float, Array]]
log = logging.getLogger("chainrule")


@dataclass(eq=False)
class State:
    """All that a training is: an engine advances it, and from a deep copy of it the training goes on."""

    network: Network
    X: Any  # (n[0], m), checked and normalized; dense or sparse
    Y: Array  # (n[L], m)
    weights: Array | None  # (1, m)
    optimizer: Optimizer
    slots: tuple[Any, ...]  # what the optimizer remembers; an engine may write into it
    batch_size: int
    order: Callable[[int], Array] | None = None  # epoch → permutation of the examples; None leaves them as they are
    schedule: Callable[[int], float] | None = None  # epoch → factor of the learning rate
    l2: float = 0.0
    dropout: tuple[float, ...] = ()  # the rate of each hidden layer; () for none
    clip_norm: float | None = None
    mask_key: int = 0
    epoch: int = 0
    step: int = 0

    def content(self) -> dict[str, Any]:
        """What changes from epoch to epoch, but for the examples: from it, and the rest, the training goes on."""
        return {
            "network": self.network,
            "slots": self.slots,
            "mask_key": self.mask_key,
            "epoch": self.epoch,
            "step": self.step,
            "order": self.order.content(self.epoch) if isinstance(self.order, Drawn) else None,
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Be as `content` has it. ValueError if it is of another network."""
        self.network.parameters = content["network"].parameters
        self.slots, self.mask_key = content["slots"], content["mask_key"]
        self.epoch, self.step = content["epoch"], content["step"]
        if isinstance(self.order, Drawn):
            self.order.restore(content["order"])


class Drawn:
    """A new order of the examples for each epoch, drawn once: who asks again for the same epoch gets the same.

    random: a Generator or RandomState. draw: the last order (None at first) → the next, with numbers from `random`.
    """

    def __init__(self, random: Any, draw: Callable[[Array | None], Array]) -> None:
        self.random, self.draw = random, draw
        self.order: Array | None = None
        self.epoch = -1
        self.before: dict[str, Any] = {}
        self.kept = False  # who asks for the content asks again; where nobody does, it costs more than many an epoch

    def __call__(self, epoch: int) -> Array:
        """The order of an epoch: a permutation of the examples."""
        if epoch != self.epoch or self.order is None:
            self.before = self.content(epoch) if self.kept else {}
            self.order, self.epoch = self.draw(self.order), epoch
        return self.order

    def content(self, epoch: int) -> dict[str, Any]:
        """The last order, and where `random` stands, before that of `epoch` is drawn."""
        self.kept = True
        if epoch == self.epoch:
            return self.before
        return {"order": self.order, "random": numbers(self.random)}

    def restore(self, content: dict[str, Any]) -> None:
        """Draw from here on."""
        self.kept = True
        self.order, self.epoch = content["order"], -1
        set_numbers(self.random, content["random"])


def numbers(random: Any) -> dict[str, Any]:
    """Where a Generator or RandomState stands."""
    old = isinstance(random, np.random.RandomState)
    state: dict[str, Any] = random.get_state(legacy=False) if old else random.bit_generator.state
    return state


def set_numbers(random: Any, state: dict[str, Any]) -> None:
    """Put a Generator or RandomState where `numbers` has found one. TypeError for what is no such state."""
    if not isinstance(state, dict):  # NumPy takes tuples, too, and trusts the places in them
        raise TypeError("the state of a random generator is no dict")
    if isinstance(random, np.random.RandomState):
        random.set_state(state)
    else:
        random.bit_generator.state = state


class Engine(Protocol):
    """The contract."""

    name: str

    def objective(self, network: Network, X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters to J and its gradient, as flat."""
        ...

    def run(self, state: State, epochs: int) -> list[float]:
        """Advance by whole epochs; the cost of each, before its updates."""
        ...


def dropout_masks(state: State, examples: int) -> list[Any] | None:
    """D[l] (n[l], examples) for this step: 1 / keep where a unit stays, 0 where it is out, None without dropout.

    Unit i of the batch's example j in layer l takes 32-bit number j·n[l] + i of the Philox4x64-10 stream (Salmon et al.
    2011) with key (mask_key, 0) and counter (0, 0, l, step), as numpy.random.Philox counts; it stays if that is below
    keep · 2³².
    So a mask depends on its place only, not on the engine, the number of threads, or what was drawn before.
    """
    if not any(state.dropout):
        return None
    D: list[Any] = [None] * (state.network.L + 1)
    for l, rate in enumerate(state.dropout, start=1):
        if rate:
            n, keep = state.network.sizes[l], 1 - rate
            stream = np.random.Philox(key=[state.mask_key, 0], counter=[0, 0, l, state.step])
            words = stream.random_raw((n * examples + 1) // 2).astype("<u8").view("<u4")[: n * examples]
            stays = (words < np.uint64(keep * 2**32)).reshape(examples, n).T
            D[l] = stays.astype(state.network.dtype) / state.network.dtype.type(keep)
    return D


class Numpy:
    """The readable reference."""

    name = "numpy"

    def objective(self, network: Network, X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters to J and its gradient, as flat."""

        @blas.one_thread()
        def cost_and_gradients(parameters: Array) -> tuple[float, Array]:
            return self.cost_and_gradients(network, X, Y, weights, l2, parameters)

        return cost_and_gradients

    def cost_and_gradients(
        self,
        network: Network,
        X: Any,
        Y: Array,
        weights: Array | None,
        l2: float,
        parameters: Array,
        D: list[Any] | None = None,
    ) -> tuple[float, Array]:
        """J at any flat vector of parameters, and its gradient, as flat."""
        W, b = network.unpack(parameters)
        Z, A = equations.forward(X, W, b, network.g, D)
        J, dZ, m = equations.cost(Z, Y, W, network.loss, l2, weights)
        return float(J), network.pack(*equations.backward(dZ, Z, A, W, network.slope, m, l2, D))

    def run(self, state: State, epochs: int) -> list[float]:
        """Advance by whole epochs; the cost of each, before its updates."""
        costs: list[float] = []
        # An overflow shows in the cost, which is checked; underflow to zero is harmless.
        with blas.one_thread(), np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
            while len(costs) < epochs:
                step = state.step
                try:
                    cost, parameters, slots = self._epoch(state)
                except BaseException:  # an interrupt: the epoch has not been
                    state.step = step
                    raise
                finite = np.isfinite(cost) and np.isfinite(parameters).all()
                costs.append(cost if finite or not np.isfinite(cost) else float("inf"))
                if not finite:
                    break
                state.network.parameters[...] = parameters
                state.slots = slots
                state.epoch += 1
        return costs

    def _epoch(self, state: State) -> tuple[float, Array, tuple[Any, ...]]:
        network, m, total, seen = state.network, state.Y.shape[1], 0.0, 0
        parameters, slots, optimizer = network.parameters, state.slots, scheduled(state, state.epoch)
        order = None if state.order is None else state.order(state.epoch)
        for start in range(0, m, state.batch_size):
            interrupts.check()
            batch: Any = slice(start, min(start + state.batch_size, m))
            size = batch.stop - start
            if order is not None:
                batch = order[batch]
            # Rows of the transpose: contiguous for C-ordered examples, and sparse arrays can do it too.
            X, Y = state.X.T[batch].T, state.Y.T[batch].T
            w = None if state.weights is None else state.weights[:, batch]
            if w is None or w.any():  # a batch of examples that do not count changes nothing
                J, gradient = self.cost_and_gradients(
                    network, X, Y, w, state.l2, parameters, dropout_masks(state, size)
                )
                if state.clip_norm is not None:
                    gradient = clipped(gradient, state.clip_norm)
                parameters, slots = optimizer.step(parameters, gradient, slots)
                total, seen = total + J * size, seen + size
            state.step += 1
        return total / seen, parameters, slots


def scheduled(state: State, epoch: int) -> Optimizer:
    """The optimizer with the learning rate of an epoch. ValueError if that is negative."""
    if state.schedule is None:
        return state.optimizer
    return replace(state.optimizer, learning_rate=state.optimizer.learning_rate * state.schedule(epoch))


def clipped(gradient: Array, norm: float) -> Array:
    """g · min(1, norm / ‖g‖): the whole gradient, shortened to a length (Pascanu et al. 2013, algorithm 1)."""
    length = float(np.linalg.norm(gradient))
    return gradient if length <= norm else gradient * float(norm / length)


@dataclass
class _Job:
    """What the kernel keeps of a state between two calls of run."""

    trainer: Any
    data: Any
    hyper: Any
    slots: tuple[Any, ...]


# The kernel's rule and its constants β₁, β₂ (or μ), ε, for each optimizer; of a class with other steps there is none.
_RULES: dict[type, Callable[[Any], dict[str, Any]]] = {
    optimizers.GradientDescent: lambda o: {},
    optimizers.Momentum: lambda o: {"beta1": o.beta},
    optimizers.HeavyBall: lambda o: {"beta1": o.momentum},
    optimizers.Nesterov: lambda o: {"beta1": o.momentum},
    optimizers.RMSProp: lambda o: {"beta2": o.beta, "epsilon": o.epsilon},
    optimizers.Adam: lambda o: {name: getattr(o, name) for name in ("beta1", "beta2", "epsilon", "epsilon_hat")},
    optimizers.AdamW: lambda o: {
        "rule": "Adam",
        "weight_decay": o.weight_decay,
        **_RULES[optimizers.Adam](o),
    },
}
_NONE = {"beta1": 0.0, "beta2": 0.0, "epsilon": 1.0, "weight_decay": 0.0, "epsilon_hat": False}


_MOST = 100_000  # epochs in one call of the kernel, whose rates are listed before


class Native:
    """The compiled kernel: whole epochs of forward, backward and update in one call."""

    name = "native"

    def __init__(self) -> None:
        self._jobs: WeakKeyDictionary[State, _Job] = WeakKeyDictionary()

    def objective(self, network: Network, X: Any, Y: Array, weights: Array | None, l2: float) -> Objective:
        """The function from any flat vector of parameters to J and its gradient, as flat."""
        trainer = native.trainer(network.sizes, network.g[1:], network.loss, network.dtype)
        data = native.data(X, Y, weights)

        def cost_and_gradients(parameters: Array) -> tuple[float, Array]:
            gradient = np.empty_like(parameters)
            return trainer.cost_and_gradients(parameters, data, l2, gradient), gradient

        return cost_and_gradients

    def run(self, state: State, epochs: int) -> list[float]:
        """Advance by whole epochs; the cost of each, before its updates."""
        job = self._job(state)
        vectors = [slot for slot in job.slots if isinstance(slot, np.ndarray)]
        costs: list[float] = []
        while len(costs) < epochs:
            interrupts.check()
            # With an order the kernel comes back after each epoch to ask for the next one.
            order = None if state.order is None else np.ascontiguousarray(state.order(state.epoch), np.int64)
            some = min(epochs - len(costs), _MOST) if order is None else 1
            rates = [float(scheduled(state, state.epoch + i).learning_rate) for i in range(some)]
            counts = np.array([job.slots[-1] if len(job.slots) > len(vectors) else 0, state.step, 0], np.int64)
            found: list[float] = []
            interrupts.giving_up = True
            try:
                found = job.trainer.run(job.data, job.hyper, rates, order, state.network.parameters, vectors, counts)
            finally:  # an interrupt leaves the epochs that are done
                interrupts.giving_up = False
                done = int(counts[2])
                if found and not np.isfinite(found[-1]):
                    done -= 1
                if len(job.slots) > len(vectors):
                    job.slots = (*vectors, int(counts[0]))
                state.slots, state.step, state.epoch = job.slots, int(counts[1]), state.epoch + done
            costs += found
            if done < some:
                break
        return costs

    def _job(self, state: State) -> _Job:
        job = self._jobs.get(state)
        if job is None or job.slots is not state.slots:
            network, optimizer = state.network, state.optimizer
            constants = {"rule": type(optimizer).__name__, **_NONE, **_RULES[type(optimizer)](optimizer)}
            hyper = native.kernel().Hyper(
                **constants,
                l2=state.l2,
                clip_norm=state.clip_norm or 0.0,
                dropout=list(state.dropout),
                batch_size=state.batch_size,
                mask_key=state.mask_key,
            )
            slots = tuple(_own(slot) if isinstance(slot, np.ndarray) else slot for slot in state.slots)
            job = _Job(
                native.trainer(network.sizes, network.g[1:], network.loss, network.dtype)
                if job is None
                else job.trainer,
                native.data(state.X, state.Y, state.weights) if job is None else job.data,
                hyper,
                slots,
            )
            self._jobs[state] = job
            state.slots = slots
        return job


def _own(slot: Array) -> Array:
    """A copy, for the kernel writes into it."""
    copy = native.zeros(slot.size, slot.dtype)
    copy[...] = slot
    return copy


ENGINES: dict[str, Engine] = {"numpy": Numpy()}
if native.BUILT:
    ENGINES["native"] = Native()


def get(name: str, network: Network, optimizer: Any = None) -> Engine:
    """The engine of a name, for a network and an optimizer; ``"auto"`` takes the fastest that can.

    Where ``"auto"`` has to take the slower one, the log says why. ValueError for an unknown name, and for ``"native"``
    where the kernel cannot do it.
    """
    if name not in ("auto", "numpy", "native"):
        raise unknown("engine", name, ["auto", "numpy", "native"])
    if name == "numpy":
        return ENGINES["numpy"]
    reason = native.obstacle(network.g[1:], network.loss)
    if reason is None and optimizer is not None and type(optimizer) not in (*_RULES, optimizers.LBFGS):
        reason = f"optimizer {type(optimizer).__name__} is not one of chainrule's own"
    if reason is None:
        return ENGINES["native"]
    if name == "native":
        raise ValueError(f"engine 'native': {reason}. Leave the choice to engine='auto'.")
    _say_once(f"networks run on the slower engine 'numpy': {reason}")
    return ENGINES["numpy"]


@cache
def _say_once(message: str) -> None:
    log.warning(message)
