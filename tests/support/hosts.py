"""One of several processes that train together: `python -m support.hosts SCENARIO PROCESS PROCESSES PORT FOLDER`."""

import os
import runpy
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule._types import Array
from chainrule.engines.jax import feed

ROOT = Path(__file__).parents[2]
PATIENCE = 100  # seconds; heartbeats may be far between on a busy machine
B = 8
# What is equal in two trainings of one process is compiled once.
OPTIONS: dict[str, Any] = {"l2": 0.3, "dropout": 0.3, "clip_norm": 0.5, "seed": 3, "batch_size": B, "engine": "jax"}
PARTS = {"four": [13, 0, 30, 0], "two": [30, 13], "devices": [43]}
M = 43  # examples
EPOCHS = 3


def examples(weighted: bool) -> tuple[Array, Array, Array | None]:
    """X (3, m), Y (1, m) and weights (m,), of which some are 0."""
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(3, M)), rng.random(M)
    w[20:31] = 0
    return X, (rng.random((1, M)) < 0.5) * 1.0, w if weighted else None


def network(seed: int = 1) -> cr.Network:
    return cr.Network([3, 4, 1], hidden="tanh", seed=seed)


def optimizer() -> cr.Adam:
    return cr.Adam(0.02)


def keep(folder: Path, name: str, net: cr.Network, steps: list[cr.Step]) -> None:
    costs = [[step.cost, step.validation_cost or 0.0] for step in steps]
    np.savez(folder / name, parameters=net.parameters, costs=costs)


def one_killed(net: cr.Network, part: Any, process: int, file: Path) -> None:
    """The last process ends without a word; the others are to say so, and process 0 to write the file."""
    for step in net.train(*part, optimizer(), epochs=1000, checkpoint=cr.Checkpoint(file, every=1), **OPTIONS):
        if process == 3 and step.epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def slow(net: cr.Network, part: Any, process: int) -> list[cr.Step]:
    """The others wait for process 1."""
    steps = []
    for step in net.train(*part, optimizer(), epochs=EPOCHS, validation=part, **OPTIONS):
        steps.append(step)
        time.sleep(0.5 * process)
    return steps


def of_blocks(net: cr.Network, part: Any, process: int, folder: Path) -> list[cr.Step]:
    X, Y = folder / f"X{process}.npy", folder / f"Y{process}.npy"
    np.save(X, part[0].T)
    np.save(Y, part[1].T)
    return net.train(cr.Blocks(X, target=Y), optimizer(), epochs=EPOCHS, shuffle=False, **OPTIONS).run()


def labeled(process: int, folder: Path, columns: Any = None, weights: str | None = None) -> cr.Blocks:
    """The rows of a process as a table with labels, of which some are in one process only."""
    import pandas as pd

    X, _, _ = examples(False)
    mine = slice(*((0, 30) if process == 0 else (30, M)))
    labels = np.resize(np.array([["u", "v"], ["w", "u"]][process]), M)[mine]
    path = folder / f"labeled{process}{weights or ''}.parquet"
    pd.DataFrame(X.T[mine], columns=["a", "b", "c"]).assign(y=labels, w=watched_weights()[mine]).to_parquet(path)
    return cr.Blocks(path, target="y", columns=columns or ["a", "b", "c"], weights=weights)


def watched_weights() -> Array:
    """Examples of process 1 count ten times as much as those of process 0, about."""
    return (1 + np.arange(M) % 3) * np.where(np.arange(M) < 30, 0.1, 1.0)


def of_labels(process: int, folder: Path) -> None:
    """Labels of both, and columns in another order, which are refused."""
    net, blocks = cr.Network([3, 4, 3], hidden="tanh", output="softmax", seed=1), labeled(process, folder)
    watched = labeled(process, folder, weights="w")
    steps = net.train(blocks, optimizer(), epochs=EPOCHS, shuffle=False, validation=watched, **OPTIONS).run()
    keep(folder, f"labels{process}", net, steps)
    try:
        blocks = labeled(process, folder, ["b", "a", "c"] if process else None)
        net.train(blocks, optimizer(), epochs=EPOCHS, **OPTIONS)
    except ValueError as error:
        (folder / f"refused columns {process}").write_text(str(error))


def silent(process: int, folder: Path) -> None:
    """The examples of process 0 have no weight, and it watches none; then no example of any process counts."""
    X, Y, w = weights_of_one()
    mine, none, net = slice(*((0, 30) if process == 0 else (30, M))), slice(0, 0), network()
    watched = [X[:, none], Y[:, none]] if process == 0 else [X[:, mine], Y[:, mine], w[mine]]
    options = OPTIONS | {"weights": w[mine], "validation": watched}
    keep(
        folder, f"silent{process}", net, net.train(X[:, mine], Y[:, mine], optimizer(), epochs=EPOCHS, **options).run()
    )
    zeros = np.zeros(len(w[mine]))
    for name, wrong in ("weights", {"weights": zeros}), ("watched", {"validation": (X[:, mine], Y[:, mine], zeros)}):
        try:
            network().train(X[:, mine], Y[:, mine], optimizer(), epochs=1, **options | wrong)
        except ValueError as error:
            (folder / f"refused {name} {process}").write_text(str(error))


def weights_of_one() -> tuple[Array, Array, Array]:
    """Examples of which the first 30 have the weight 0."""
    X, Y, _ = examples(weighted=False)
    return X, Y, np.where(np.arange(M) < 30, 0.0, np.random.default_rng(1).random(M))


def main(scenario: str, process: int, processes: int, port: int, folder: Path) -> None:
    if scenario == "two":  # first the script of the documents, which finds the others by what SLURM says
        os.chdir(folder)
        cr.distributed.__kwdefaults__["heartbeat_timeout_seconds"] = PATIENCE
        del sys.argv[1:]
        runpy.run_path(str(ROOT / "docs" / "hosts" / "train.py"), run_name="__main__")
    else:
        address = None if processes == 1 else f"127.0.0.1:{port}"
        found = cr.distributed(address, processes, process, heartbeat_timeout_seconds=PATIENCE)
        assert found == (process, processes)
    parts, net, file = PARTS[scenario], network(), folder / "four.checkpoint"
    X, Y, w = examples(weighted=scenario == "devices")
    mine = slice(sum(parts[:process]), sum(parts[: process + 1]))
    part = X[:, mine], Y[:, mine]
    if scenario == "four":  # two of them have no example
        keep(folder, f"four{process}", net, net.train(*part, optimizer(), epochs=EPOCHS, **OPTIONS).run())
        net = network()
        one_killed(net, part, process, file)
    if scenario == "devices":  # as if they were full: two mini-batches are sent at a time
        feed.free_memory, feed._SENT = lambda: 0.0, 1000  # type: ignore[assignment]
        keep(folder, "devices0", net, net.train(*part, optimizer(), epochs=EPOCHS, weights=w, **OPTIONS).run())
    if scenario == "two":
        keep(folder, f"two{process}", net, slow(net, part, process))
        net = network()
        keep(folder, f"blocks{process}", net, of_blocks(net, part, process, folder))
        of_labels(process, folder)
        silent(process, folder)
        net = network()
        kept = cr.Checkpoint(file, resume=True)
        keep(
            folder, f"resumed{process}", net, net.train(*part, optimizer(), epochs=4, checkpoint=kept, **OPTIONS).run()
        )
        try:
            network(seed=process).train(*part, optimizer(), epochs=1, **OPTIONS)
        except ValueError as error:
            (folder / f"refused{process}").write_text(str(error))
        for name, option in ("seed", process), ("schedule", lambda epoch: 1 / (1 + process * epoch)):
            try:
                network().train(*part, optimizer(), epochs=2, **OPTIONS | {name: option})
            except ValueError as error:
                (folder / f"refused {name} {process}").write_text(str(error))


if __name__ == "__main__":
    scenario, process, processes, port, folder = sys.argv[1:]
    main(scenario, int(process), int(processes), int(port), Path(folder))
