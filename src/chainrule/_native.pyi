"""The compiled kernel as Python sees it (native/bindings.cpp).

Arrays are taken as they are: of exactly this dtype, vectors and outputs C-contiguous, X and Y with any strides; nothing
is converted. What does not fit is a ValueError or a TypeError, in few words: our own callers check first. Calls release
the interpreter's lock, and end with what the handler of a signal or the function of `ask` raises; see `end_calls`, too.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

import numpy as np

_T = TypeVar("_T", np.float32, np.float64)
_Array = np.ndarray[Any, np.dtype[_T]]
_Counts = np.ndarray[Any, np.dtype[np.int64]]
_Indices = np.ndarray[Any, np.dtype[np.int32]] | np.ndarray[Any, np.dtype[np.int64]]

def functions() -> list[str]:
    """The names of the activations that the kernel has."""

def losses() -> list[tuple[str, str]]:
    """The names of the losses that the kernel has, each with an output activation that it has it for."""

def rules() -> list[str]:
    """The names of the optimizers that the kernel has."""

def isas() -> list[str]:
    """The instruction sets that this machine has and the kernel was built for; the best one last."""

def bf16_isas() -> list[str]:
    """The instruction sets with products in bf16 that this machine has and the kernel was built for; the best one last.

    Only for Trainer32. Asks the system to let this process use AMX.
    """

def bf16_built() -> bool:
    """Whether the kernel was built with products in bf16."""

def available_threads() -> int:
    """How many threads a call may take: as OpenMP is told by OMP_NUM_THREADS, threadpoolctl, affinity; in the quota.

    Where the kernel has no OpenMP, as OMP_NUM_THREADS said at first, or as many as there are processors.
    """

def cpu_quota(root: str = "/") -> float:
    """Processors' time that the container may use, as a number of processors; 0 where nothing limits it."""

def ask(poll: Callable[[], object]) -> None:
    """From now on, calls in this thread call `poll` every 0.02 s or so, and end with what it raises."""

def take_turns() -> None:
    """From now on this thread takes turns with others that have called this: see native/turns.hpp."""

def end_calls() -> None:
    """Before the interpreter ends: calls in all other threads end with SystemExit, now and from now on."""

def forget_other_threads() -> None:
    """To be called in a forked process."""

def peak(isa: str, float64: bool, threads: int) -> float:
    """Floating-point operations per second of so many threads that do nothing but multiply and add (takes 0.2 s)."""

def all_finite(x: _Array[_T]) -> bool:
    """Whether all numbers of a vector are finite."""

def draw_orders(bit_generator: object, chained: bool, before: _Counts | None, out: _Counts) -> None:
    """Permutations of 0 … m − 1 to the rows of `out`, from a bit generator's capsule; the caller has its lock.

    Each is 0 … m − 1 as NumPy shuffles it; if chained, the one before it, shuffled again (first of all `before`).
    """

class Place:
    """Where a training stands: updates, batches and epochs that were done, and where in its epoch.

    There, the example that the next batch begins with, and Σ J m and Σ m over the batches before it.
    """

    def __init__(
        self,
        updates: int = 0,
        batches: int = 0,
        epochs: int = 0,
        example: int = 0,
        total: float = 0.0,
        seen: float = 0.0,
    ) -> None: ...
    updates: int
    batches: int
    epochs: int
    example: int
    total: float
    seen: float
    swapped: bool

class Hyper:
    """The constants of a training. The optimizer is named by `rule`; what it does not have is not read."""

    def __init__(
        self,
        rule: str,
        beta1: float,
        beta2: float,
        epsilon: float,
        weight_decay: float,
        epsilon_hat: bool,
        l2: float,
        clip_norm: float,
        dropout: Sequence[float],
        batch_size: int,
        mask_key: int,
    ) -> None: ...

class _Data(Generic[_T]):
    """Examples where they are in memory: X (n[0], m), or its sparse columns; Y (n[L], m); weights (m,)."""

    @overload
    def __init__(self, X: _Array[_T], Y: _Array[_T] | None, weights: _Array[_T] | None) -> None: ...
    @overload
    def __init__(
        self,
        inputs: int,
        values: _Array[_T],
        columns: _Indices,
        starts: _Indices,
        Y: _Array[_T] | None,
        weights: _Array[_T] | None,
    ) -> None: ...

class _Trainer(Generic[_T]):
    """A network without its parameters: functions and alphas for each of the layers 1 … L, and memory for its steps."""

    def __init__(
        self, sizes: Sequence[int], functions: Sequence[str], alphas: Sequence[float], loss: str, delta: float, isa: str
    ) -> None: ...
    @property
    def isa(self) -> str:
        """The instruction set that it runs on."""

    @property
    def threads(self) -> int:
        """How many threads the last step took."""

    def forward(self, parameters: _Array[_T], X: _Array[_T], out: _Array[_T], if_finite: bool = False) -> bool:
        """A[L] (n[L], m) to `out`; if_finite: not, and False, where X, one example after the other, has NaN or ±∞."""

    def evaluate(self, parameters: _Array[_T], data: _Data[_T], out: _Array[_T]) -> float:
        """A[L] (n[L], m) to `out`; the cost without L2, or 0 where the data has no Y."""

    def cost_and_gradients(self, parameters: _Array[_T], data: _Data[_T], l2: float, gradient: _Array[_T]) -> float:
        """J, and its gradient by all parameters to `gradient`."""

    def run(
        self,
        data: _Data[_T],
        hyper: Hyper,
        rates: Sequence[float],
        orders: _Counts | None,
        parameters: _Array[_T],
        slots: Sequence[_Array[_T]],
        spare: Sequence[_Array[_T]],
        batches: int,
        place: Place,
        costs: list[float],
    ) -> None:
        """To the end of an epoch for each learning rate; `orders` has a permutation of the examples each, or for all.

        Or, where `batches` is not 0, so many batches of one epoch, or those that are left of it. Updates the
        parameters, the slots (the optimizer's vectors) and the place; where that says `swapped`, the slots are now
        those in `spare`, memory of the same size, whose contents are lost. Appends the cost of each epoch, or batch, to
        `costs`, also where an interrupt ends it. The first epoch, or part of one, whose cost or state is not finite
        leaves them as they were, and is the last.
        """

    def lanes(self, data: _Data[_T], batch_size: int) -> int:
        """How many networks like this one `run_many` takes at once; 0 where it takes none, as they are too large."""

    def run_many(
        self,
        data: _Data[_T],
        hypers: Sequence[Hyper],
        rates: Sequence[Sequence[float]],
        orders: Sequence[_Counts | None],
        parameters: Sequence[_Array[_T]],
        slots: Sequence[Sequence[_Array[_T]]],
        updates: int,
        costs: Sequence[list[float]],
    ) -> None:
        """What `run` does, to the bit, for several networks at once: of most arguments one for each.

        One rule, one batch size, as many epochs, and `updates` so far; neither weights, dropout nor clip_norm. The
        slots stay where they are. A network with an epoch that is not finite is left as it was before it; the others go
        on.
        """

class Data32(_Data[np.float32]): ...
class Data64(_Data[np.float64]): ...
class Trainer32(_Trainer[np.float32]): ...
class Trainer64(_Trainer[np.float64]): ...
