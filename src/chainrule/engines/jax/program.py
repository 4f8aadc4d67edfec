"""What JAX compiles: mini-batches of an epoch in one call, traced through equations.py and optimizers.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as Spec

from chainrule.engines import reference
from chainrule.engines.hosts import DEVICES
from chainrule.engines.jax import philox
from chainrule.engines.state import State
from chainrule.losses import Loss
from chainrule.optimizers import Rule
from chainrule.text import one_line

if TYPE_CHECKING:
    from chainrule.network import Network

Array = Any  # of jax.numpy, or of NumPy on the way to the device
# On a GPU: without it, another algorithm may be chosen for a product in the next process, and other bits come out.
_OPTIONS = {"xla_gpu_deterministic_ops": True}


class Design(NamedTuple):
    """A network as the equations need it; two of one design share their programs."""

    sizes: tuple[int, ...]
    g: tuple[Any, ...]  # 1-based, as in the network
    loss: Loss

    @classmethod
    def of(cls, network: "Network") -> "Design":
        """That of a network."""
        return cls(tuple(network.sizes), tuple(network.g), network.loss)

    @property
    def slope(self) -> list[Any]:
        """g[l]′ of the hidden layers, 1-based."""
        return [None, *(g.slope for g in self.g[1:-1]), None]


class Recipe(NamedTuple):
    """How a training steps: all that its program depends on, besides the shapes of the arrays."""

    design: Design
    optimizer: Any  # at any learning rate
    l2: float
    dropout: tuple[float, ...]
    clip_norm: float | None
    weighted: bool  # whether there are mini-batches whose weights are all 0
    mesh: Mesh | None = None  # of the devices, where there are several

    @classmethod
    def of(cls, state: State, mesh: Mesh | None = None) -> "Recipe":
        """That of a state."""
        optimizer = state.optimizer
        if isinstance(optimizer, Rule):
            optimizer = at_rate(optimizer, 0.0)
        weighted = state.weights is not None if state.hosts is None else state.hosts.weighted
        return cls(Design.of(state.network), optimizer, state.l2, state.dropout, state.clip_norm, weighted, mesh)


class Place(NamedTuple):
    """Where a training stands: its parameters (p,) and what the optimizer remembers."""

    parameters: Array
    slots: tuple[Any, ...]


class Epoch(NamedTuple):
    """An epoch under way: where it stands, and of each of its mini-batches J and whether it counted."""

    place: Place
    Js: Array  # (batches,); 0 for those that did not come yet, or do not count
    counted: Array  # (batches,)


class Examples(NamedTuple):
    """Examples as rows. In mini-batches already, X is (batches, b, n[0]); or all of them, (m + 1, n[0]).

    A short mini-batch is filled up with examples of weight 0. Where all are here the last one, number m, is that.
    """

    X: Array
    Y: Array
    weights: Array


class Share(NamedTuple):
    """What a device gives to each mini-batch of an epoch, where there are several devices."""

    begins: Array  # (batches, 1), the place of its first example in the mini-batch
    sizes: Array  # (batches,), examples of the mini-batch on all devices


def at_rate(optimizer: Any, rate: Any) -> Any:
    """The optimizer with another learning rate, perhaps one that JAX traces."""
    other = copy(optimizer)
    object.__setattr__(other, "learning_rate", rate)  # frozen; its check wants a number
    return other


@partial(jax.jit, static_argnums=(1, 2))
def begin(place: Place, batches: int, several: int | None) -> Epoch:
    """An epoch of so many mini-batches, in memory of its own; of several trainings, or one."""
    shape = (batches,) if several is None else (several, batches)
    own = jax.tree.map(jnp.copy, place)
    return Epoch(own, jnp.zeros(shape, place.parameters.dtype), jnp.zeros(shape, bool))


def _advance(
    recipe: Recipe,
    epoch: Epoch,
    examples: Examples,
    order: Array | None,
    share: Share | None,
    first: Any,
    last: Any,
    offset: Any,
    step: Any,
    mask_key: Any,
    rate: Any,
) -> Epoch:
    """Mini-batches first … last − 1 of an epoch.

    order: (batches, b), which examples each has; None where they are in mini-batches already, the first of which is
    number `offset`. share: of this device, where there are several. step: the number of mini-batch 0 in the whole
    training, for the masks.
    """
    optimizer, sizes = at_rate(recipe.optimizer, rate), recipe.design.sizes

    def batch(i: Array) -> tuple[Array, ...]:
        which = i - offset if order is None else order[i]
        return tuple(A[which] for A in examples)

    def one(i: Array, so_far: Epoch) -> Epoch:
        (parameters, slots), Js, counted = so_far
        X, Y, w = batch(i)
        starts = None if share is None else [share.begins[i, 0] * n for n in sizes]
        words = partial(philox.words, mask_key, step + i, starts=starts)
        D = reference.masks(sizes, recipe.dropout, len(Y), np.dtype(parameters.dtype), words)
        if share is None:
            J, gradient = reference.cost_and_gradient(recipe.design, X.T, Y.T, w[None], recipe.l2, parameters, D)
            counts = w.any()
        else:
            J, gradient, counts = _reduced(recipe, X, Y, w, share.sizes[i], parameters, D)
        if recipe.clip_norm is not None:
            gradient = reference.clipped(gradient, recipe.clip_norm)
        after = Place(*optimizer.step(parameters, gradient, slots))
        if recipe.weighted:
            after = jax.tree.map(partial(jnp.where, counts), after, so_far.place)
        return Epoch(after, Js.at[i].set(jnp.where(counts, J, 0)), counted.at[i].set(counts))

    after: Epoch = lax.fori_loop(first, last, one, epoch)
    return after


def _reduced(
    recipe: Recipe, X: Array, Y: Array, weights: Array, size: Array, parameters: Array, D: list[Any] | None
) -> tuple[Array, Array, Array]:
    """J and gradient of a mini-batch of which each device has a share, and whether it counts: by an all-reduce.

    A share stands for the whole mini-batch: its weights become as large as all together, so that λ/m is that of the
    mini-batch. What comes of it counts by the part that they were.
    """
    own = weights.sum()
    total = lax.psum(own, DEVICES) if recipe.weighted else size.astype(own.dtype)
    part = own / total
    w = weights[None] / part
    J, gradient = reference.cost_and_gradient(recipe.design, X.T, Y.T, w, recipe.l2, parameters, D)
    sums = lax.psum(jnp.where(own > 0, part * jnp.append(gradient, J), 0), DEVICES)  # 0 / 0 in a share without examples
    return sums[-1], sums[:-1], total > 0


def _on_devices(
    recipe: Recipe, epoch: Epoch, examples: Examples, order: Array | None, share: Share | None, *numbers: Any
) -> Epoch:
    """`_advance` on one device, or on each of several with its own examples, order and share."""
    if share is None:
        return _advance(recipe, epoch, examples, order, share, *numbers)
    batches = Spec(None, DEVICES)
    which = batches if order is None else Spec(DEVICES)
    specs = Spec(), which, batches, Share(batches, Spec()), *(Spec() for _ in numbers)
    on_each = jax.shard_map(partial(_advance, recipe), mesh=recipe.mesh, in_specs=specs, out_specs=Spec())
    after: Epoch = on_each(epoch, examples, order, share, *numbers)
    return after


def _settle(before: Place, after: Place, Js: Array, so_far: Any) -> tuple[Place, Array]:
    """Where a training stands, and whether all of it, J of each mini-batch, and all `so_far`, is finite.

    If it is not, it stands where it was before.
    """
    finite = jnp.asarray(so_far)
    for A in jax.tree.leaves((after, Js)):
        finite = finite & jnp.isfinite(A).all()
    return jax.tree.map(partial(jnp.where, finite), after, before), finite


def _several(recipe: Recipe, *given: Any, shared: bool) -> Epoch:
    """`_advance` for several trainings, each with its own of all that has an axis more."""
    epochs, examples, order, *common, mask_keys, rates = given
    axes = 0, None if shared else 0, 0, *(None for _ in common), 0, 0
    advance: Any = jax.vmap(partial(_advance, recipe), axes)
    after: Epoch = advance(epochs, examples, order, *common, mask_keys, rates)
    return after


@contextmanager
def traced() -> Iterator[None]:
    """Where functions are traced that may be the user's: ValueError for one that cannot be."""
    try:
        yield
    except jax.errors.JAXTypeError as error:
        raise ValueError(
            "engine 'jax': an activation, a loss or an optimizer asks for numbers, or for NumPy's functions, and JAX "
            "traces it without numbers. Let it take the functions of its array, Z.__array_namespace__().maximum(Z, 0), "
            f"or leave the choice to engine='auto'. JAX says: {one_line(error)}"
        ) from error


def _compiled(function: Any) -> Any:
    return jax.jit(function, static_argnums=0, donate_argnums=1, compiler_options=_OPTIONS)


_ONE = _compiled(_on_devices), jax.jit(_settle, donate_argnums=1)
_SEVERAL = {shared: _compiled(partial(_several, shared=shared)) for shared in (False, True)}
_SETTLE_SEVERAL = jax.jit(jax.vmap(_settle), donate_argnums=1)


def of(several: bool, shared: bool) -> tuple[Any, Any]:
    """`_on_devices` and `_settle`, compiled when called; of several trainings, which may have the same examples."""
    return (_SEVERAL[shared], _SETTLE_SEVERAL) if several else _ONE


@partial(jax.jit, static_argnames=("design", "l2"), compiler_options=_OPTIONS)
def cost_and_gradient(
    design: Design, X: Array, Y: Array, weights: Array | None, l2: float, parameters: Array
) -> tuple[Array, Array]:
    """J at any parameters (p,), and its gradient (p,), over all examples, here columns."""
    return reference.cost_and_gradient(design, X, Y, weights, l2, parameters)
