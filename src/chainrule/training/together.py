"""Which of many networks are trained together: those of one design, by an engine that is faster with several."""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import engines
from chainrule.checks import check_whole
from chainrule.engines.stream import Streamed
from chainrule.errors import DivergenceError
from chainrule.optimizers import LBFGS
from chainrule.schedules import knows_ahead
from chainrule.training.steps import Batches, Step, Training
from chainrule.training.train import CheckedExamples, prepare

if TYPE_CHECKING:
    from chainrule.network import Network

# Where somebody looks at the network between two epochs, or an engine has it for one network only.
_ALONE = ("weights", "order", "validation", "patience", "checkpoint", "checkpoint_every")


def blocks(networks: Sequence["Network"], calls: Sequence[dict[str, Any]], threads: int) -> list[list[int]]:
    """The networks by their numbers, each in one list; those of a list are trained together.

    calls: for each network the arguments of `train`; the examples of those of one list are checked here, once.
    threads: how many take such lists.
    """
    found = []
    for group in alike(networks, calls):
        count = _lists(networks, calls, group, threads) if len(group) > 1 else 1
        found += [group[k::count] for k in range(count)]
    return sorted(found)


def alike(networks: Sequence["Network"], calls: Sequence[dict[str, Any]]) -> list[list[int]]:
    """The networks by their numbers, in lists of one design; one that nothing is trained together with is alone."""
    groups: dict[Hashable, list[int]] = {}
    for i, (network, call) in enumerate(zip(networks, calls, strict=True)):
        groups.setdefault(_design(network, call) or i, []).append(i)
    return list(groups.values())


def run(trainings: list[Training], stopped: Callable[[], bool]) -> list[tuple[list[Step], DivergenceError | None]]:
    """Run trainings that were not begun, as each alone; of each the steps, and how it diverged.

    They are of one list of `blocks`. stopped: whether they are to end with the epochs that are done.
    """
    parts = [training._of_many() for training in trainings]
    _, state, recorder = parts[0]
    engine = engines.get(recorder.engine, state.network, state.optimizer, state.precision)
    steps: list[list[Step]] = [[] for _ in parts]
    errors: list[DivergenceError | None] = [None for _ in parts]
    going = list(range(len(parts)))
    while going and not stopped():
        loops, states, _ = zip(*(parts[i] for i in going), strict=True)
        first = loops[0].epoch
        costs: list[list[float]] = [[] for _ in going]
        engine.run_many(states, min(loop.epochs_until_told(first) for loop in loops), costs)
        for i, its_costs in zip(going, costs, strict=True):
            loop, _, recorder = parts[i]
            try:
                loop.end_epochs(first, its_costs)
            except DivergenceError as error:
                errors[i] = error
            steps[i] += recorder.reported
        going = [i for i in going if errors[i] is None and not parts[i][0].ended]
    return list(zip(steps, errors, strict=True))


def _design(network: "Network", call: dict[str, Any]) -> Hashable:
    """What a network has in common with those that it may be trained together with; None if it goes alone."""
    if any(call[name] is not None for name in _ALONE) or call["resume"] or not knows_ahead(call["schedule"]):
        return None
    if isinstance(call["optimizer"], LBFGS) or isinstance(call["every"], Batches):
        return None
    X, Y, of_jax = call["X"], call["Y"], call["engine"] == "jax"
    if isinstance(X, Streamed):  # which reads its files for itself
        return None
    no_dropout = isinstance(call["dropout"], (int, float)) and call["dropout"] == 0
    if not of_jax and (call["clip_norm"] is not None or not no_dropout):
        return None
    shapes = of_jax and isinstance(X, np.ndarray) and isinstance(Y, np.ndarray)
    examples = (X.shape, Y.shape) if shapes else (id(X), id(Y))
    options = tuple(call[name] for name in ("epochs", "batch_size", "engine", "precision"))
    try:
        check_whole(epochs=call["epochs"], batch_size=call["batch_size"])
        if network.normalizer is not None:
            return None
        kind = (type(network), tuple(network.sizes), network.dtype, network.loss, *network.g[1:])
        design = (kind, type(call["optimizer"]), options, bool(call["shuffle"]), examples)
        hash(design)
    except (AttributeError, TypeError, ValueError):
        return None  # what is wrong is said where it is trained
    return design


def _lists(networks: Sequence["Network"], calls: Sequence[dict[str, Any]], group: list[int], threads: int) -> int:
    """In how many lists a group of one design is trained; the calls get their examples, checked."""
    network, call = networks[group[0]], calls[group[0]]
    options = {name: call[name] for name in ("batch_size", "precision")}
    checked: dict[Hashable, CheckedExamples] = {}
    try:
        engine = engines.get(call["engine"], network, call["optimizer"], call["precision"])
        for X, Y in ((calls[i]["X"], calls[i]["Y"]) for i in group):
            if (id(X), id(Y)) not in checked:
                checked[id(X), id(Y)] = CheckedExamples(network.check_examples(X, Y))
        state = prepare(network, checked[id(call["X"]), id(call["Y"])], call["optimizer"], shuffle=False, **options)
        count = engine.lists(state, len(group), threads)
    except (AttributeError, ImportError, TypeError, ValueError):
        return len(group)  # what is wrong is said where they are trained
    for i in group:
        calls[i].update(X=checked[id(calls[i]["X"]), id(calls[i]["Y"])], Y=None)
    return count
