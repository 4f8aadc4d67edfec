"""The derivative of an answer by the inputs: one step more of the backward pass, dA[0] = W[1]ᵀ dZ[1]."""

from contextvars import copy_context
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import equations
from chainrule._types import Array
from chainrule.checks import helpful
from chainrule.engines import blas, stream
from chainrule.text import unknown

if TYPE_CHECKING:
    from chainrule.network import Network

_AT_ONCE = 1 << 20  # bytes of the largest dA[l] of `jacobian`, about what stays in a core's cache
_FEWEST = 128  # examples at once: with fewer, products lose a tenth of their speed and more


@helpful
def jacobian(network: "Network", X: Any, output: int | None = None, *, of: str = "A") -> Array:
    """∂ŷ/∂x of every example: how much each output changes with each input.

    Parameters
    ----------
    X : array of shape (n[0], m), or Blocks
        Examples, as `forward` takes them. Normalization is part of the derivative, which is by the X that is given.
    output : int, optional
        k, counted from 0: of one output only.
    of : {"A", "Z"}, default "A"
        Of A[L] = Ŷ, or of Z[L], what the output activation is given: the logits of a classifier.

    Returns
    -------
    array of shape (n[L], n[0], m), or (n[0], m) for one output
        [k, j, i] is ∂ŷ[k]/∂x[j] of example i: [:, :, i] is the Jacobian of an example, and [k] lies as X does. Of
        Blocks an iterator over those of each, in their order.

    Raises
    ------
    ValueError
        For an X of another shape, an output that is not there, and an output activation of your own without a slope.

    Notes
    -----
    dZ[L] = ∂ŷ[k]/∂Z[L], then the backward pass and dA[0] = W[1]ᵀ dZ[1], for all k at once. It is computed by the
    reference, some examples at a time, on the threads that BLAS would have: the compiled kernel gives no derivative by
    its inputs. At a kink (relu at 0) the slope is that of the left side, as in training.
    """
    n, outputs = network.sizes[0], network.sizes[-1]
    if of not in ("A", "Z"):
        raise unknown("of", of, ("A", "Z"))
    if output is not None and not (isinstance(output, Integral) and 0 <= output < outputs):
        raise ValueError(f"output: got {output!r}, wanted a whole number from 0 to {outputs - 1}, or None for all")
    if isinstance(X, stream.Streamed):
        return stream.mapped(X, network, partial(jacobian, network, output=output, of=of))  # type: ignore[return-value]
    X = network.check_inputs(X)
    m, dtype = X.shape[1], network.dtype
    unit = np.eye(outputs, dtype=dtype)[:, :, None]  # (n[L], n[L], 1): row k is the derivative of output k by itself
    unit = unit if output is None else unit[output : output + 1]
    dX = np.empty((len(unit), n, m), dtype)
    width = max(_FEWEST, _AT_ONCE // (len(unit) * max(network.sizes) * dtype.itemsize))

    @blas.one_thread()
    def put(start: int) -> None:
        some = slice(start, start + width)
        Z, A = equations.forward(X.T[some].T, network.W, network.b, network.g)
        dZ = _through_output(network, Z, A, unit) if of == "A" else unit.repeat(Z[-1].shape[1], axis=2)
        dX[:, :, some] = _way_back(network, Z, A, dZ)

    starts = range(0, m, width)  # where they are does not depend on the threads, nor do the bits
    threads = min(blas.threads(), len(starts))
    with blas.one_thread():
        if threads < 2:
            list(map(put, starts))
        else:
            from concurrent.futures import ThreadPoolExecutor  # it takes 5 ms to load

            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(lambda context, start: context.run(put, start), [copy_context() for _ in starts], starts))
    return dX if output is None else dX[0]


def input_gradient(network: "Network", X: Any, dA: Any) -> Array:
    """dX of a function of the outputs, by its dA[L]: how much it changes with each input of each example.

    Parameters
    ----------
    network : Network
    X : array of shape (n[0], m)
        As `forward` takes it: normalization is part of the way, and of the derivative.
    dA : callable or array of shape (n[L], m)
        The derivative of the function by A[L], or a callable that makes it of A[L].

    Returns
    -------
    array of shape (n[0], m)
    """
    Z, A = network.layers(X)
    upstream = dA(A[-1]) if callable(dA) else np.asarray(dA)  # (n[L], m)
    return _way_back(network, Z, A, _through_output(network, Z, A, upstream))


def _through_output(network: "Network", Z: Any, A: Any, dA: Array) -> Array:
    """dZ[L] (…, n[L], m) of dA[L] (…, n[L], m or 1)."""
    g, Y = network.g[-1], A[-1]
    if g.name == "softmax":
        dZ: Array = Y * (dA - (Y * dA).sum(axis=-2, keepdims=True))
    else:
        dZ = dA * (Y if g.name == "exp" else g.slope(Z[-1]))
    return dZ


def _way_back(network: "Network", Z: Any, A: Any, dZ: Array) -> Array:
    """dX (…, n[0], m) of dZ[L] (…, n[L], m)."""
    none = [np.empty((0, dZ.shape[-1]), dZ.dtype)] * len(Z)  # for A: nobody wants dW, which is empty with these
    way = equations.backward_layers(dZ, Z, none, network.W, network.slope, 1, 0.0)
    for _, _, dZ, _, _ in way:  # noqa: B007
        pass
    dX: Array = network.W[1].T @ dZ  # (n[0], m)
    if (normalizer := network.normalizer) is not None:
        if normalizer.clip:  # y = u / √(1 + (u/3)²) has the slope (1 − (y/3)²)^(3/2)
            dX = dX * np.maximum(1 - (A[0] / 3) ** 2, 0) ** 1.5
        dX = dX * normalizer.scale
    return dX
