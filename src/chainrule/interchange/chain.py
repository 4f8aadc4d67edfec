"""A network of another library as it is read, layer by layer, until it is one of ours; and ours as such layers."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule._types import Array
from chainrule.errors import ChainruleError
from chainrule.losses import Loss
from chainrule.network import Network
from chainrule.normalization import Normalizer
from chainrule.text import one_line

LOG_SOFTMAX = "log_softmax"  # an output of other libraries, whose exponential is softmax
_EXAMPLES = 16
_SIZES = (1.0, 30.0, 1000.0)  # of the inputs on which both are compared: some of what is done shows in large ones only
_STYLE = re.compile(r"\x1b\[[0-9;]*m")  # of terminals


class ConversionError(ChainruleError, ValueError):
    """A network has no counterpart in the other library."""


@contextmanager
def at(place: str) -> Iterator[None]:
    """Let an error that is raised within begin with its place."""
    try:
        yield
    except ConversionError as error:
        raise ConversionError(f"{place}: {error}") from None


def finite(name: str, numbers: Array) -> None:
    """Refuse parameters of a layer that are not finite."""
    if len(wrong := np.argwhere(~np.isfinite(numbers))):
        at = tuple(wrong[0].tolist())
        raise ConversionError(f"{name}: got {numbers[at]} at {list(at)}, wanted finite numbers")


@dataclass
class _Layer:
    W: Array  # (n[l], n[l-1])
    b: Array  # (n[l],)
    g: str | None = None


class Chain:
    """Linear layers, each with its activation: what has been read so far.

    What scales its inputs by constants is folded into the linear layer beside it, or becomes the normalizer.
    """

    def __init__(self) -> None:
        self.layers: list[_Layer] = []
        self.normalizer: Normalizer | None = None
        # x → scale · x + shift, for the linear layer to come; None where there is nothing
        self.pending: tuple[Array, Array] | None = None
        self.added = ""  # the output activation that the other library leaves to its loss

    @property
    def linear_is_last(self) -> bool:
        """Whether the last thing read is a linear layer."""
        return bool(self.layers) and self.layers[-1].g is None

    def linear(self, W: Any, b: Any) -> None:
        """W (n[l], n[l-1]) and b (n[l],), or None for 0."""
        width, b = W.shape[1], np.zeros(len(W)) if b is None else b
        if self.layers and len(self.layers[-1].b) != width:
            raise ConversionError(f"it takes {width} numbers, and the layer before it gives {len(self.layers[-1].b)}")
        if self.normalizer is not None and not self.layers:
            known = self.normalizer
            center, scale = (_of_width(part, width)[:, None] for part in (known.center, known.scale))
            self.normalizer = Normalizer(center, scale, known.clip)
        if self.pending is not None:
            scale, shift = (_of_width(part, width) for part in self.pending)
            W, b, self.pending = W * scale, b + W @ shift, None
        self.layers.append(_Layer(W, b))

    def activation(self, name: str) -> None:
        """The function after a linear layer."""
        if name == "identity":
            return
        if not self.linear_is_last or self.pending is not None:
            raise ConversionError(
                "an activation after no linear layer: each layer of a Network is Z = W A + b, A = g(Z)"
            )
        self.layers[-1].g = name

    def scaling(self, center: Any, scale: Any, shift: Any = 0.0, clip: bool = False) -> None:
        """(x − center) · scale + shift for each x (n,). clip: as in `Normalizer`."""
        center, scale, shift = (np.asarray(part, np.float64) for part in (center, scale, shift))
        if not all(np.isfinite(part).all() for part in (center, scale, shift)):
            raise ConversionError("it scales by numbers that are not finite")
        comes_first = not self.layers and self.normalizer is None and self.pending is None
        if clip and not comes_first:
            raise ConversionError("it clips, so it can only come first")
        if self.linear_is_last:
            last = self.layers[-1]
            center, scale, shift = (_of_width(part, len(last.b)) for part in (center, scale, shift))
            last.W, last.b = scale.reshape(-1, 1) * last.W, scale * (last.b - center) + shift
        elif comes_first and center.ndim and scale.ndim:
            self.normalizer = Normalizer(center.reshape(-1, 1), scale.reshape(-1, 1), clip)
            self.pending = np.ones_like(scale), shift * np.ones_like(scale)
        else:
            before_scale, before_shift = self.pending or (1.0, 0.0)
            self.pending = before_scale * scale, scale * (before_shift - center) + shift

    def network(self, dtype: Any, output: str | None, loss: str | Loss | None) -> Network:
        """The network of what was read."""
        if not self.layers:
            raise ConversionError("there is no linear layer in it, and a Network has at least one")
        if self.pending is not None:
            raise ConversionError("its last layer scales what an activation gives, which no layer of a Network does")
        last = self.layers[-1].g
        ends_in = "softmax" if last == LOG_SOFTMAX else last
        if output is not None and ends_in is None:
            self.added = output
        elif output not in (None, ends_in):
            raise ConversionError(f"output: got {output!r}, but the last layer is {ends_in} already; leave output out")
        for l, layer in enumerate(self.layers[:-1], 1):
            if layer.g in ("softmax", LOG_SOFTMAX):
                raise ConversionError(f"{layer.g} after layer {l}: it can only be the last")
        try:
            network = Network(
                [self.layers[0].W.shape[1], *(len(layer.b) for layer in self.layers)],
                hidden=[layer.g or "identity" for layer in self.layers[:-1]],
                output=output or ends_in or "identity",
                loss=loss,
                init="zeros",
                dtype=dtype,
            )
        except ValueError as error:  # an output without a loss, say
            raise ConversionError(str(error)) from None
        for l, layer in enumerate(self.layers, 1):
            network.W[l], network.b[l] = layer.W, layer.b
        if self.normalizer is not None:
            center, scale = (part.astype(network.dtype) for part in (self.normalizer.center, self.normalizer.scale))
            network.normalizer = Normalizer(center, scale, self.normalizer.clip)
            network.normalizer.check(network.sizes[0])
        return network

    def check(self, network: Network, answers: Callable[[Array], Any], close: float) -> None:
        """Compare both on random rows. answers: X (m, n[0]) → what the other library's network gives (m, n[L]).

        close: how far from each other outputs may be that are equal up to rounding, by the size of the largest.

        Raises
        ------
        ConversionError
            If they are not equal, up to rounding.
        """
        rng = np.random.default_rng(0)
        N, near = rng.standard_normal((2, _EXAMPLES, network.sizes[0]))
        for size in _SIZES:
            X = size * N
            if (normalizer := network.normalizer) is not None:
                scale = normalizer.scale.T.astype(np.float64)
                X = normalizer.center.T + X / np.where(scale, scale, 1)
            X = X.astype(network.dtype)
            found = self._outputs(network, X)
            try:
                wanted = np.asarray(answers(X), np.float64)
            except ConversionError:
                raise
            except Exception as error:  # whatever the other library says
                said = one_line(_STYLE.sub("", str(error)) or error)
                raise ConversionError(f"it does not take rows (m, {network.sizes[0]}): {said}") from None
            if wanted.shape == found.shape[:-1] and found.shape[1] == 1:  # (m,) of one output
                wanted = wanted[:, None]
            if wanted.shape != found.shape:
                raise ConversionError(
                    f"it gives shape {wanted.shape} for {_EXAMPLES} examples, its layers {found.shape}"
                )
            if size == 1 and not np.isfinite(wanted).all():
                raise ConversionError("for random inputs it gives numbers that are not finite")
            # What rounding does to large inputs is as much as a change of them does that is as small as it.
            moved = self._outputs(network, (X * (1 + close * near)).astype(X.dtype)) if size > 1 else found
            _compare(wanted, found, moved, close, size)

    def _outputs(self, network: Network, X: Array) -> Array:
        """What the other library's network should give for rows X (m, n[0]): (m, n[L]) in float64."""
        with np.errstate(all="ignore"):
            Z, A = network.layers(X.T)
            outputs: Array = (Z if self.added or self.layers[-1].g == LOG_SOFTMAX else A)[-1].T.astype(np.float64)
            if self.layers[-1].g == LOG_SOFTMAX:
                outputs = outputs - outputs.max(axis=1, keepdims=True)
                outputs = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
        return outputs


def _compare(wanted: Array, found: Array, moved: Array, close: float, size: float) -> None:
    """ConversionError where outputs (m, n[L]) differ by more than rounding: as much as from found to moved, and close.

    size: of the inputs. Of large ones outputs may be too large for a number; such examples are left out.
    """
    with np.errstate(all="ignore"):
        rows = np.isfinite([found, moved]).all(axis=(0, 2)) | (size == 1)
        wanted, found, moved = wanted[rows], found[rows], moved[rows]
        largest = np.abs(found).max(initial=0.0)
        apart = np.abs(wanted - found).max(axis=1)
        wrong = ~(apart <= close * (1 + largest) + np.abs(moved - found).max(axis=1))  # NaN is wrong
    if wrong.any():
        raise ConversionError(
            f"it does more than its layers in their order: for random inputs{f' of size {size:g}' if size > 1 else ''} "
            f"one of its outputs, of which the largest is {np.abs(wanted).max():.3g}, is {apart[wrong].max():.3g} from "
            "what these layers give"
        )


def _of_width(numbers: Array, width: int) -> Array:
    """One number for each of so many, of those of a layer that scales: it has as many, or one for all."""
    if numbers.size not in (1, width):
        raise ConversionError(f"{numbers.size} numbers are scaled beside it, and it has {width}")
    return np.array(np.broadcast_to(numbers.ravel(), width))


def parts(
    network: Network, dropout: float | Sequence[float], logits: bool, fold: bool, names: Sequence[str]
) -> tuple[Normalizer | None, list[tuple[Array, Array, Any, float]]]:
    """What another library makes layers of: the normalizer that is left, and W, b, g and the dropout of each layer.

    W (n[l], n[l-1]), b (n[l],): copies. logits: leave out the output activation. fold: put the normalizer into W[1] and
    b[1]. names: the activations that the other library has.
    """
    if not isinstance(network, Network):
        hint = "; its network_ is one" if hasattr(network, "network_") else ""
        raise ConversionError(f"got {type(network).__name__}, wanted a chainrule.Network{hint}")
    rates, made = [*_rates(dropout, network.L - 1), 0.0], []
    for l in range(1, network.L + 1):
        g = network.g[l]
        if l == network.L and logits:
            g = None
        elif g.name not in names or not isinstance(g.named, str):
            raise ConversionError(f"layer {l}: activation {g.name!r} has no counterpart. Known: {', '.join(names)}")
        made.append((network.W[l].copy(), network.b[l].ravel().copy(), g, float(rates[l - 1])))
    normalizer = network.normalizer
    if normalizer is not None and fold:
        if normalizer.clip:
            raise ConversionError("fold: normalization 'robust' clips, so that no weights can stand for it; fold=False")
        W, b, *rest = made[0]
        scale, center = (part.astype(np.float64) for part in (normalizer.scale, normalizer.center))
        folded = W * scale.T  # (n[1], n[0])
        made[0] = (folded.astype(W.dtype), (b - (folded @ center).ravel()).astype(b.dtype), *rest)
        normalizer = None
    return normalizer, made


def _rates(dropout: Any, hidden: int) -> list[float]:
    """The dropout of each hidden layer."""
    try:
        rates: list[float] = np.ravel(dropout).tolist() * (hidden if np.ndim(dropout) == 0 else 1)
    except ValueError:  # lists of several lengths
        rates = []
    if len(rates) != hidden or not all(isinstance(rate, (int, float)) and 0 <= rate < 1 for rate in rates):
        raise ConversionError(f"dropout: got {dropout!r}, wanted a share from 0 up to 1, one or {hidden} of them")
    return rates
