"""The compiled kernel: which networks it knows, and how it sees a network and its examples.

It was built with the package where there was a compiler. The environment variable CHAINRULE_ISA chooses one of the
instruction sets it was built for (avx512, avx2, baseline); otherwise it is the best that the processor has.
"""

import os
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.activations import ACTIVATIONS, Activation
from chainrule.losses import LOSSES, Loss

_HUGE = 4 << 20  # bytes of an array from which on NumPy asks for huge pages
BUILT = find_spec("chainrule._native") is not None
if BUILT:  # at once: a limit that threadpoolctl sets can only reach an OpenMP that is loaded
    from chainrule import _native

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_native.forget_other_threads)


def module() -> ModuleType:
    """The module chainrule._native."""
    return _native


@cache
def known(kind: str) -> frozenset[Any]:
    """The kernel's "functions", "losses" (name, output) or "rules": each question to it makes a new list."""
    return frozenset(getattr(module(), kind)())


@cache
def isa() -> str:
    """The instruction set that runs. ValueError if the environment asks for one that this machine does not have."""
    found: list[str] = module().isas()
    wanted = os.environ.get("CHAINRULE_ISA", found[-1])
    if wanted not in found:
        raise ValueError(f"CHAINRULE_ISA: got {wanted!r}, wanted one that this machine has: {', '.join(found)}")
    return wanted


def bf16_isa() -> str | None:
    """The instruction set that runs where products are in bf16; None where this machine, or CHAINRULE_ISA, has none."""
    found: list[str] = module().bf16_isas() if isa() == module().isas()[-1] else []
    return found[-1] if found else None


def bf16_obstacle() -> str | None:
    """Why the kernel has no products in bf16 here; None if it has."""
    if bf16_isa() is not None:
        return None
    if not module().bf16_built():
        return "the compiled kernel was built without it, by a compiler or for a processor that has none"
    if isa() != module().isas()[-1]:
        return f"CHAINRULE_ISA={isa()} has none"
    return "it takes a processor with AMX or AVX512-BF16, and this one has neither"


def obstacle(g: list[Any], loss: Loss) -> str | None:
    """Why the kernel cannot compute a network with these functions g[1 … L]; None if it can."""
    if not BUILT:
        compiler = "clang-cl" if os.name == "nt" else "C++20 compiler"
        return f"the compiled kernel is not installed: without a {compiler} that compiles it, chainrule is Python alone"
    for row in g:
        listed = ACTIVATIONS.get(row.name) if isinstance(row, Activation) else None
        if listed is None or (listed.function, listed.derivative) != (row.function, row.derivative):
            return f"activation {getattr(row, 'name', row)!r} is not one of chainrule's own"
        if row.name not in known("functions"):
            return f"the compiled kernel has no activation {row.name!r}"
    listed_loss = LOSSES.get((loss.name, loss.output))
    if listed_loss is None or listed_loss.function is not loss.function or g[-1].name != loss.output:
        return f"loss {loss.name!r} is not one of chainrule's own"
    if (loss.name, loss.output) not in known("losses"):
        return f"the compiled kernel has no loss {loss.name!r} for the output {loss.output!r}"
    return None


def trainer(sizes: list[int], g: list[Any], loss: Loss, dtype: np.dtype[Any], precision: str | None = None) -> Any:
    """The kernel's form of a network with functions g[1 … L]: its memory and threads, but not its parameters."""
    new = module().Trainer32 if dtype == np.float32 else module().Trainer64
    delta = 0.0 if loss.delta is None else float(loss.delta)
    alphas = [0.0 if row.alpha is None else float(row.alpha) for row in g]
    return new(sizes, [row.name for row in g], alphas, loss.name, delta, bf16_isa() if precision == "bf16" else isa())


def zeros(count: int, dtype: np.dtype[Any]) -> Array:
    """A vector of zeros (count,) that begins with a cache line, where the kernel reads and writes fastest."""
    # np.zeros gives pages that are mapped when they are needed. One that is read before it is written, as the kernel
    # does with slots, costs its two threads 20 µs: a first training of 3072-100-50-10 took 71 ms instead of 58.
    if count * dtype.itemsize >= _HUGE:
        return _from_line(np.zeros, count, dtype)
    vector = empty(count, dtype)
    vector[...] = 0
    return vector


def empty(count: int, dtype: np.dtype[Any]) -> Array:
    """Likewise, of any numbers: to be written first."""
    return _from_line(np.empty, count, dtype)


def _from_line(make: Callable[..., Array], count: int, dtype: np.dtype[Any]) -> Array:
    line = 64 // dtype.itemsize
    whole = make(count + line, dtype)
    start = -whole.ctypes.data % 64 // dtype.itemsize
    return whole[start : start + count]


def aligned(vector: Array) -> Array:
    """A copy of a vector that begins with a cache line."""
    copy = empty(vector.size, vector.dtype)
    copy[...] = vector
    return copy


def data(X: Any, Y: Array | None, weights: Array | None) -> Any:
    """Examples (X dense or sparse, Y, weights (1, m)) as the kernel reads them: in place, whatever their strides."""
    dtype = X.dtype
    w = None if weights is None else np.ascontiguousarray(weights.reshape(-1), dtype)
    Y = None if Y is None else whole_strides(np.asarray(Y, dtype))
    if hasattr(X, "tocsc"):
        X = X.tocsc()  # compressed by example; CSR rows of an estimator's X are that already
        new = module().Data32 if dtype == np.float32 else module().Data64
        return new(X.shape[0], *map(np.ascontiguousarray, (X.data, X.indices, X.indptr)), Y, w)
    return (module().Data32 if dtype == np.float32 else module().Data64)(whole_strides(X), Y, w)


def whole_strides(A: Array) -> Array:
    """A itself unless a step between two numbers is no multiple of their size, as in a field of a record."""
    (rows, columns), size = A.strides, A.itemsize
    return A if rows % size == columns % size == 0 and A.flags.aligned else A.copy()
