"""What makes two trainings the same one: for what goes on from a checkpoint, and for processes that train together."""

from collections.abc import Callable
from typing import Any

from chainrule.engines.hosts import Hosts
from chainrule.engines.state import State
from chainrule.engines.stream import Windows
from chainrule.files.checkpoint import Checkpoint, CheckpointWriter, digest, made_of, words
from chainrule.schedules import Schedule
from chainrule.training.loop import Examples, Patience
from chainrule.training.steps import Batches

Order = Callable[[int], Any]


def described(
    state: State,
    rule: Patience | None,
    engine: str,
    order: Order | None,
    seed: str,
    every: int | Batches,
) -> dict[str, Any]:
    """What a training is, by name, besides its examples."""
    in_blocks = isinstance(state.X, Windows)
    return {
        "network": state.network,
        "optimizer": state.optimizer,
        "batch_size": state.batch_size,
        "l2": state.l2,
        "dropout": state.dropout,
        "clip_norm": state.clip_norm,
        "shuffle": state.X.shuffle if in_blocks else state.order is not None,
        "own order": order is not None,
        "seed": seed,
        "every": every,
        "patience": None if rule is None else rule.patience,
        "engine": engine,
        "precision": state.precision,
        **({"classes": digest(state.X.classes)} if in_blocks else {}),
    }


def writer(
    settings: Checkpoint, what: dict[str, Any], state: State, epochs: int, watched: Examples | None,
    schedule: Schedule | None, order: Order | None,
) -> CheckpointWriter:  # fmt: skip
    """The writer of a training's checkpoint, which says what there was in the file. Of several processes one writes."""
    hosts, validation = state.hosts, watched and "of each process"
    if hosts is None:
        data, validation = digest(state.X, state.Y, state.weights), watched and digest(*watched)
    elif isinstance(state.X, Windows):  # to read all of them would take as long as an epoch
        data = f"{hosts.m} examples"
    else:
        data = hosts.checksum(state.X, state.Y, state.weights)
    what = what | {"data": data, "validation": validation}
    writes = hosts is None or hosts.process == 0
    return CheckpointWriter(settings, what, made_of(schedule, order), state.network.parameters, epochs, writes)


def factors(schedule: Schedule | None, epochs: int) -> str:
    """What a schedule gives for the epochs to come, in words; of very many for some of them."""
    return made_of(schedule)(epochs)["factors of the schedule"]


def agree(hosts: Hosts, what: dict[str, Any], state: State, seed: Any, writer: CheckpointWriter | None) -> None:
    """ValueError, in all processes, if they are not to make the same training."""
    network, saved = state.network, None if writer is None else writer.saved
    normalizer = network.normalizer and digest(network.normalizer.center, network.normalizer.scale)
    hosts.agree(
        {
            "network": (
                [digest(network.parameters), normalizer],
                "Make it with the same seed in each, chainrule.Network(…, seed=0), and normalize it by the same rows",
            ),
            "training": (
                [*map(words, what.values()), seed is None],
                "Call net.train with the same options and seed in each; only the examples are its own",
            ),
            "checkpoint": (
                saved and (saved["step"], digest(saved["network"].parameters)),
                "Its file is to be one that all processes see",
            ),
        }
    )
