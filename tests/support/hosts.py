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
B = 8
OPTIONS: dict[str, Any] = {"l2": 0.3, "dropout": 0.3, "clip_norm": 0.5, "seed": 3, "batch_size": B}
ALL = 43  # examples of the trainings that are compared
FEW = 3  # examples for more processes than that
PARTS = {"four": [1, 0, 2, 0], "two": [30, 13], "devices": [ALL], "resumed": [2, 1]}


def examples(m: int) -> tuple[Array, Array, Array]:
    """X (3, m), Y (1, m) and weights (m,), of which one is 0."""
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(3, m)), rng.random(m)
    w[m // 2] = 0
    return X, (rng.random((1, m)) < 0.5) * 1.0, w


def network(seed: int = 1) -> cr.Network:
    return cr.Network([3, 4, 1], hidden="tanh", seed=seed)


def training(net: cr.Network, parts: list[int], process: int, **options: Any) -> Any:
    """Of the part of the examples that is this process's."""
    X, Y, w = examples(sum(parts))
    mine = slice(sum(parts[:process]), sum(parts[: process + 1]))
    return net.train(
        X[:, mine], Y[:, mine], cr.Adam(0.02), weights=w[mine] if parts[process] else None, engine="jax",
        **OPTIONS | options,
    )  # fmt: skip


def keep(folder: Path, name: str, net: cr.Network, steps: list[cr.Step]) -> None:
    np.savez(folder / name, parameters=net.parameters, costs=[step.cost for step in steps])


def main(scenario: str, process: int, processes: int, port: int, folder: Path) -> None:
    if scenario == "two":  # the script of the documents, which finds the others by what SLURM says
        os.chdir(folder)
        del sys.argv[1:]
        runpy.run_path(str(ROOT / "docs" / "hosts" / "train.py"), run_name="__main__")
    else:
        address = None if processes == 1 else f"127.0.0.1:{port}"
        # Heartbeats may be far between on a busy machine.
        found = cr.distributed(address, processes, process, heartbeat_timeout_seconds=100)
        assert found == (process, processes)
    parts = PARTS[scenario]
    if scenario == "devices":  # as if its devices were full: two mini-batches are sent at a time
        feed.free_memory, feed._SENT = lambda: 0.0, 2 * 4 * B * 3 * 8  # type: ignore[assignment]
    if scenario != "four":
        net = network()
        steps = []
        for step in training(net, parts, process, epochs=3):
            steps.append(step)
            time.sleep(0.5 * process)  # the others wait for a slow one
        keep(folder, f"{scenario}{process}", net, steps)
    file = folder / "four.checkpoint"
    if scenario == "two":
        try:
            training(network(seed=process), parts, process, epochs=1)
        except ValueError as error:
            (folder / f"refused{process}").write_text(str(error))
        net = network()
        steps = training(
            net, PARTS["resumed"], process, epochs=4, checkpoint=cr.Checkpoint(file, every=1, resume=True)
        ).run()
        keep(folder, f"resumed{process}", net, steps)
    if scenario == "four":
        net = network()
        for step in training(net, parts, process, epochs=1000, checkpoint=cr.Checkpoint(file, every=1)):
            if process == processes - 1 and step.epoch == 1:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    scenario, process, processes, port, folder = sys.argv[1:]
    main(scenario, int(process), int(processes), int(port), Path(folder))
