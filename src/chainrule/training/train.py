"""`Network.train`: from arguments to a loop."""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import engines
from chainrule._types import Array
from chainrule.checks import check_function, check_l2, check_whole, generator, helpful
from chainrule.engines import hosts as several
from chainrule.engines.contract import Engine
from chainrule.engines.hosts import Hosts
from chainrule.engines.state import EpochOrder, OptimizerState, State
from chainrule.engines.stream import Stream, Streamed, Windows, check_alone
from chainrule.errors import DivergenceError
from chainrule.optimizers import LBFGS, Optimizer, check_optimizer
from chainrule.schedules import Schedule, knows_ahead
from chainrule.training import lbfgs
from chainrule.training.loop import Examples, Loop, Patience, size
from chainrule.training.options import Options, learning_rate
from chainrule.training.steps import Batches, Step, StepRecorder, Training

if TYPE_CHECKING:
    from chainrule.files.checkpoint import Checkpoint, CheckpointWriter
    from chainrule.network import Network

Order = Callable[[int], Any]  # epoch → a permutation of the examples, (m,)


class CheckedExamples(tuple[Any, ...]):
    """X, Y and weights as `check_examples` gives them: `train` takes them in place of X for any network of a design."""


@helpful
def train(
    network: "Network",
    X: Any,
    Y: Any = None,
    optimizer: Optimizer | LBFGS | None = None,
    *,
    epochs: int,
    batch_size: int | None = None,
    every: int | Batches = 1,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    weights: Any = None,
    shuffle: bool = True,
    seed: int | np.random.Generator | None = None,
    order: Order | None = None,
    validation: Any = None,
    patience: int | None = None,
    schedule: Schedule | None = None,
    clip_norm: float | None = None,
    engine: str = "auto",
    precision: str | None = None,
    checkpoint: "str | os.PathLike[str] | Checkpoint | None" = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
) -> Training:
    """Train the network by mini-batches: an iterable of steps, for epochs 0, every, 2·every, … and the last.

    The arguments are checked at once; training begins with the first step.

    Parameters
    ----------
    X : array of shape (n[0], m), or Blocks
        The examples, as columns; may be a scipy.sparse array.
    Y : array of shape (n[L], m)
        Their targets; one-hot for softmax (`chainrule.one_hot` makes them of labels). Blocks have their own:
        ``net.train(blocks, optimizer, epochs=…, batch_size=…)``.
    optimizer : Adam, GradientDescent, … or LBFGS
        How to step. LBFGS takes the full batch and chooses its own steps.
    epochs : int
        Passes over the examples.
    batch_size : int, optional
        Examples for each update, so ⌈m / batch_size⌉ updates an epoch; the last batch may be short. 1 is stochastic
        gradient descent; None takes all m examples in one update, in their order.
    every : int or Batches, default 1
        Report every so many epochs; or, with ``Batches(k)``, after every k mini-batches of an epoch, and at its end.
        The bits are the same; where training diverges, the network keeps the parameters of the last report.
    l2 : float, default 0
        λ of the term (λ/2m) Σ‖W[l]‖² of the cost, with m the examples of the batch.
    dropout : float or sequence of float, default 0
        The share of units left out, one number for all hidden layers or one for each.
    weights : array of shape (m,), optional
        The weight of each example: it multiplies its loss, and Σ weights takes the place of m.
    shuffle : bool, default True
        A new order of the examples in every epoch, drawn by `seed`, where there are several batches.
    seed : int or numpy.random.Generator, optional
        For the order of the examples and the dropout masks. The same seed gives the same training. A Generator is drawn
        from when the training is made, and in every epoch.
    order : function, optional
        epoch → permutation of 0 … m − 1, in the place of `shuffle`.
    validation : (X, Y), (X, Y, weights) or Blocks, optional
        Examples on which the cost is measured after each epoch that is reported; with patience, after every epoch.
    patience : int, optional
        Stop after so many epochs without a lower validation cost. However the training ends, the parameters with the
        lowest come back.
    schedule : function, optional
        epoch → factor of the learning rate; see `chainrule.schedules`.
    clip_norm : float, optional
        The longest gradient allowed: a longer one is shortened to it.
    engine : {"auto", "native", "numpy", "jax"}, default "auto"
        Who computes: "native" is the compiled kernel, "numpy" the readable reference, "auto" the kernel where it can.
        "jax", an extra, is for a GPU: see `chainrule.devices`. After `chainrule.distributed` it is for several devices
        and processes; X, Y, weights, order and validation are this process's.
    precision : {"float32", "float64", "bf16"}, optional
        Of the products in training. "bf16" (2 to 3 digits) makes large layers of a float32 network faster, on
        processors and GPUs that have it; sums, parameters and predictions stay float32. None is the network's own.
    checkpoint : path or Checkpoint, optional
        A file that the training is kept in; see `chainrule.Checkpoint`.
    checkpoint_every : int, optional
        Epochs between two writes; half a minute unless given. (A Checkpoint has its own.)
    resume : bool, default False
        Go on from the checkpoint where it is there: first come the steps that were made, then the others.

    Returns
    -------
    Training
        Iterate over it, or call its `run`; `change` gives it other options on the way. It warns if it is dropped before
        it has begun.

    Raises
    ------
    ValueError
        For options and data that do not fit, at once.
    DivergenceError
        When the cost is no longer finite, while it trains. The network keeps its last finite parameters.
    ConnectionError
        When another process that trains together with this one is gone, while it trains.
    CheckpointError, ModelFileError
        For a checkpoint of another training, or that cannot be written. If only a later one cannot be, training goes
        on with a warning, and the error comes at the end.

    Notes
    -----
    An update is W[l] = W[l] − α dW[l], b[l] = b[l] − α db[l] for gradient descent; see `chainrule.optimizers` for the
    others.
    """
    if isinstance(X, Streamed) and optimizer is None:
        Y, optimizer = None, Y
    check_optimizer(optimizer)
    assert optimizer is not None
    if epochs is None:
        raise ValueError("epochs: got None, wanted a whole number of 1 or more")
    within = every if isinstance(every, Batches) else None
    check_whole(epochs=epochs, every=1 if within else every, patience=patience, batch_size=batch_size)
    epochs, settings, seeded = int(epochs), None, ""
    if checkpoint is not None or checkpoint_every is not None or resume:
        from chainrule.files import checkpoint as checkpoints  # model files are not loaded where nothing is kept

        settings = checkpoints.Checkpoint.of(checkpoint, checkpoint_every, resume)
        seeded = checkpoints.seeded(seed)
    if patience is not None and validation is None:
        raise ValueError("patience: there is nothing to watch; give validation=(X, Y) as well")
    chosen = engines.get(engine, network, optimizer, precision)
    if isinstance(X, Streamed):
        _check_streamed(optimizer, batch_size, order)
        chosen = Stream(chosen)
    is_active = several.active(chosen.name)
    if isinstance(optimizer, LBFGS):
        given = {
            "batch_size": batch_size,
            "schedule": schedule,
            "clip_norm": clip_norm,
            "dropout": dropout or None,
            "order": order,
            "checkpoint": checkpoint,
            "every=Batches": within,
        }
        if is_active:
            raise ValueError("LBFGS: it cannot train on several devices; give another optimizer, or another engine")
        if wrong := [name for name, value in given.items() if value is not None]:
            raise ValueError(f"LBFGS takes the full batch and chooses its own steps: leave out {', '.join(wrong)}")
        check_l2(l2)
    examples, hosts = _check_examples(network, X, Y, weights, is_active)
    watched = None if validation is None else _check_validation(network, validation, examples[0], is_active)
    recorder = StepRecorder(network, epochs, every, patience is not None, watched, chosen.name, settings is not None)
    rule = None if patience is None else Patience(patience, network.parameters)
    if isinstance(optimizer, LBFGS):
        loop = Loop(network, epochs, recorder, rule)
        steps = _solver_steps(loop, recorder, optimizer, chosen, examples, l2)
        return Training(steps, network, epochs, False, recorder)
    state = prepare(
        network, examples, optimizer, batch_size=batch_size, l2=l2, dropout=dropout,
        shuffle=shuffle, seed=seed, order=order, schedule=schedule, clip_norm=clip_norm, resumable=settings is not None,
        precision=precision, hosts=hosts,
    )  # fmt: skip
    recorder.hosts = hosts
    recorder.learning_rate, recorder.asked = state.rate_in_force, not knows_ahead(schedule)
    batches = None if within is None else (within.count, recorder.record_batches)
    loop = Loop(network, epochs, recorder, rule, state.rate_in_force, batches)
    writer = None
    if settings is not None or hosts is not None:
        from chainrule.training import same  # and not model files, where nothing is kept

        what = same.described(state, rule, chosen.name, order, seeded, every)
        if settings is not None:
            writer = same.writer(settings, what, state, epochs, watched, schedule, order)
        if hosts is not None:
            what |= {"epochs": epochs, "validation": watched is not None, "schedule": same.factors(schedule, epochs)}
            same.agree(hosts, what, state, seed, writer)
            if watched is not None:
                hosts.check_watched(size(watched))
    steps = _engine_steps(loop, recorder, chosen, state, writer)
    return Training(steps, network, epochs, writer is not None, recorder, (loop, state))


def _engine_steps(
    loop: Loop, recorder: StepRecorder, engine: Engine, state: State, writer: "CheckpointWriter | None"
) -> Generator[Step]:
    """The steps of a training by mini-batches: those of its checkpoint, then the others."""
    try:
        if writer is not None and writer.saved is not None:
            with writer.restoring():
                loop.load_state_dict(writer.saved, state)
            yield from recorder.steps
        with closing(loop.run_epochs(engine, state, writer)) as epochs:
            for _ in epochs:
                yield from recorder.reported
    except DivergenceError:
        yield from recorder.reported  # before it
        raise
    finally:
        _restore_best(loop)


def _solver_steps(
    loop: Loop, recorder: StepRecorder, optimizer: LBFGS, engine: Engine, examples: Examples, l2: float
) -> Generator[Step]:
    """The steps of L-BFGS."""
    X, Y, w = examples
    objective = engine.objective(loop.network, X, Y, w, l2)

    def solve(tell: Callable[[], None], check: Callable[[], None]) -> None:
        def checked(parameters: Array) -> tuple[float, Array]:
            check()
            return objective(parameters)

        result = loop.run_solver(optimizer, checked, tell)
        if loop.epoch == 0:  # at a minimum, or nowhere to go, from the start
            loop.end_epochs(0, [float(result.fun)])

    taken = None
    try:
        with closing(lbfgs.one_by_one(solve)) as iterations:
            for _ in iterations:
                for taken in recorder.reported:
                    yield taken
        if recorder.last is not None and recorder.last is not taken:
            yield recorder.last  # the solver came to its end between two reports
    finally:
        _restore_best(loop)


def _restore_best(loop: Loop) -> None:
    if loop.rule is not None and loop.rule.best.parameters is not None:
        loop.network.parameters[...] = loop.rule.best.parameters


def prepare(
    network: "Network",
    examples: Examples,
    optimizer: Optimizer,
    *,
    batch_size: int | None = None,
    l2: float = 0.0,
    dropout: float | Sequence[float] = 0.0,
    shuffle: bool = True,
    seed: int | np.random.Generator | None = None,
    order: Order | None = None,
    schedule: Schedule | None = None,
    clip_norm: float | None = None,
    precision: str | None = None,
    resumable: bool = False,
    memory: OptimizerState | None = None,
    draws: bool = True,
    hosts: Hosts | None = None,
) -> State:
    """The checked state from which an engine trains on checked examples; the options are those of `train`.

    draws: whether anything is drawn from `seed`; to make a generator takes 40 µs. hosts: who trains together.
    """
    check_function("schedule", schedule, "a function epoch → factor, such as chainrule.schedules.Cosine(100)")
    check_function("order", order, "a function epoch → permutation of the examples")
    X, Y, w = examples
    m = Y.shape[1]
    all_m = m if hosts is None else hosts.m
    options = Options.checked(optimizer, batch_size, l2, dropout, clip_norm, hidden=network.L - 1, m=all_m)
    rng = generator(seed) if draws else None
    mask_key = 0 if rng is None else int(rng.integers(2**63))
    if hosts is not None:
        keys = hosts.gather(np.array([mask_key]))[:, 0]  # without a seed, each has drawn another
        if seed is not None and (keys != keys[0]).any():
            raise ValueError("seed: the processes have different ones. Call net.train with the same seed in each")
        mask_key = int(keys[0])
    shuffled = None
    if isinstance(X, Windows):
        X.shuffle = shuffle
    elif order is not None:
        order = partial(_checked_order, order, m)
    elif shuffle and rng is not None and hosts is None:
        shuffled = EpochOrder(rng, m, resumable)
        order = None if batch_size is None else shuffled
    memory = memory or OptimizerState(optimizer, network.parameters)
    state = State(
        network, X, Y, w, optimizer, memory, options.batch_size, partial(learning_rate, optimizer, schedule), order,
        options.l2, options.dropout, options.clip_norm, precision or network.dtype.name, mask_key,
        schedule=schedule, shuffled=shuffled, hosts=hosts,
    )  # fmt: skip
    if hosts is not None and order is None and shuffle and batch_size is not None:
        state.order = lambda epoch: hosts.order(state.mask_key, epoch)  # a checkpoint may bring another key
    return state


def _check_streamed(optimizer: Any, batch_size: int | None, order: Order | None) -> None:
    """ValueError for what needs all examples at once."""
    if batch_size is None and not isinstance(optimizer, LBFGS):
        raise ValueError("batch_size: Blocks are trained by mini-batches; give batch_size=256, say")
    if order is not None:
        raise ValueError("order: Blocks come in an order by themselves; leave it out, or give shuffle=False")


def _check_examples(network: "Network", X: Any, Y: Any, weights: Any, together: bool) -> tuple[Examples, Hosts | None]:
    """X, Y and weights, checked, and who has which of them where several devices or processes train together."""
    if isinstance(X, Streamed):
        check_alone(Y, weights)
        hosts = Hosts(X.rows, X.weighted) if together else None
        return X.learned(network, None if hosts is None else hosts.tell), hosts
    if not together:
        return X if isinstance(X, CheckedExamples) else network.check_examples(X, Y, weights), None
    examples = _check_part(network, X, Y, weights)
    return examples, Hosts(examples[1].shape[1], examples[2] is not None, size(examples) > 0)


def _check_part(network: "Network", X: Any, Y: Any, weights: Any = None) -> Examples:
    """X, Y and weights of one of several processes, checked: it may have no example, or none that counts."""
    if isinstance(X, CheckedExamples):
        return X
    if 0 in np.shape(X):  # there may be more processes than examples
        return np.zeros((network.sizes[0], 0), network.dtype), np.zeros((network.sizes[-1], 0), network.dtype), None
    given = np.asarray(weights)
    nothing = given.dtype.kind in "biuf" and not given.any()
    X, Y, w = network.check_examples(X, Y, np.ones(given.shape) if nothing else weights)
    return X, Y, 0 * w if nothing and w is not None else w


def _check_validation(network: "Network", given: Any, trained: Any, together: bool) -> Examples:
    if isinstance(given, Streamed):
        return given.watched(network, trained)
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise ValueError(f"validation: got {type(given).__name__}, wanted (X, Y) or (X, Y, weights)")
    try:
        return _check_part(network, *given) if together else network.check_examples(*given)
    except ValueError as error:
        raise ValueError(f"validation: {error}") from None


def _checked_order(order: Order, m: int, epoch: int) -> Array:
    permutation = np.asarray(order(epoch))
    if permutation.shape != (m,) or not np.array_equal(np.sort(permutation), np.arange(m)):
        raise ValueError(
            f"order({epoch}): wanted a permutation of 0 … {m - 1}, each once; got shape {permutation.shape}, "
            f"{len(np.unique(permutation))} different values"
        )
    return permutation
