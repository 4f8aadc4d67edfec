"""One task of a SLURM array: its share of the settings, each kept in a file. Without SLURM, all of them."""

import json
import os
import sys
from pathlib import Path

import chainrule as cr

SETTINGS = [(rate, seed) for rate in (0.003, 0.01, 0.03) for seed in range(4)]


def train(task, tasks, folder):
    mine = SETTINGS[task::tasks]
    names = [f"{rate}-{seed}" for rate, seed in mine]
    networks = [cr.Network([2, 8, 1], hidden="tanh", seed=seed) for _, seed in mine]
    runs = cr.train_many(
        networks,
        *cr.datasets.flower(),  # with large data: np.load("X.npy", mmap_mode="r"), which every task reads for itself
        cr.Each(cr.Adam(rate) for rate, _ in mine),
        epochs=100,
        batch_size=64,
        every=100,
        seed=cr.Each(seed for _, seed in mine),
        checkpoint=cr.Each(folder / f"{name}.checkpoint" for name in names),
        resume=True,  # a task that SLURM has ended and queued again goes on
    )
    for name, network, steps in zip(names, networks, runs, strict=True):
        cr.save(network, folder / f"{name}.chainrule")
        (folder / f"{name}.json").write_text(json.dumps({"cost": steps[-1].cost}))


def best(folder):
    costs = {path.stem: json.loads(path.read_text())["cost"] for path in folder.glob("*.json")}
    name = min(costs, key=costs.get)
    return name, costs[name], len(costs)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    if sys.argv[2:] == ["best"]:
        print(*best(folder))
    else:
        task, tasks = os.environ.get("SLURM_ARRAY_TASK_ID", 0), os.environ.get("SLURM_ARRAY_TASK_COUNT", 1)
        train(int(task), int(tasks), folder)
