"""Kill trainings at random moments, resume them, and compare what comes out with what was never interrupted.

    PYTHONPATH=tests python -m support.kill --kills 100 --seed 0

Each round trains in a process of its own, which is killed (SIGKILL) after a random time, again and again, until it
comes to its end. After each kill the checkpoint must be whole, and not older than after the last one; at the end
parameters and history must be those of the uninterrupted training, to the last bit.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.files import model as modelfile


def network(checkpoint: Path | None = None, size: int = 300, epochs: int = 60) -> tuple[np.ndarray, list[object]]:
    """A training of the core: mini-batches, dropout, early stopping; most of its time goes into the checkpoint."""
    rng = np.random.default_rng(0)
    X, V = rng.normal(size=(20, 200)), rng.normal(size=(20, 50))
    net = cr.Network([20, size, size, 1], hidden="tanh", output="identity", seed=1)
    keep = {} if checkpoint is None else {"checkpoint": checkpoint, "checkpoint_every": 1, "resume": True}
    steps = net.train(
        X, X[:1] * X[1:2], cr.Adam(0.001), epochs=epochs, batch_size=32, dropout=0.1, seed=2, l2=0.1, every=5,
        validation=(V, V[:1] * V[1:2]), patience=30, schedule=cr.schedules.Cosine(epochs), **keep,
    )  # fmt: skip
    return net.parameters, [repr(step) for step in steps]


def estimator(checkpoint: Path | None = None, size: int = 300, epochs: int = 60) -> tuple[np.ndarray, list[object]]:
    """A fit with rows held out, class weights, dropout and an adaptive learning rate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(250, 20))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "different")
    clf = cr.MLPClassifier(
        (size, size), solver="sgd", learning_rate="adaptive", learning_rate_init=0.05, early_stopping=True, tol=0.01,
        n_iter_no_change=3, dropout=0.1, class_weight="balanced", normalize="standard", max_iter=epochs, random_state=3,
    )  # fmt: skip
    keep = {} if checkpoint is None else {"checkpoint": checkpoint, "checkpoint_every": 1, "resume": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf.fit(X, y, **keep)
    return clf.network_.parameters, [clf.history_, clf.validation_scores_, clf.n_iter_]


TRAININGS = {"network": network, "estimator": estimator}


def one_round(name: str, folder: Path, rng: np.random.Generator, most: int = 1000, **size: int) -> tuple[int, int]:
    """Kill one training until it ends, or `most` times: how often it was, and how often in the middle of a write."""
    checkpoint, result = folder / f"{name}.checkpoint", folder / "result.npz"
    arguments = [f"{key}={value}" for key, value in size.items()]
    kills = writes = last = 0
    while True:
        child = subprocess.Popen([sys.executable, __file__, "--child", name, checkpoint, result, *arguments])
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while child.poll() is None and (checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0) == before:
            time.sleep(0.002)  # until it has got further than the last one
        try:
            child.wait(rng.exponential(0.15) if kills < most else None)
            break
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        kills += 1
        writes += any(folder.glob(f".{checkpoint.name}.*.part"))
        epoch = modelfile.read_about(checkpoint)["epoch"]
        cr.load(checkpoint)
        assert epoch >= last, f"the checkpoint of epoch {last} was replaced by that of {epoch}"
        last = epoch
    assert child.returncode == 0, f"{name}: exit code {child.returncode}"
    parameters, history = TRAININGS[name](**size)
    with np.load(result) as found:
        assert np.array_equal(found["parameters"], parameters), f"{name}: other parameters after {kills} kills"
        assert str(found["history"]) == repr(history), f"{name}: another history after {kills} kills"
    assert not list(folder.glob(".*.part")), "a killed writer has left its file"
    return kills, writes


def _child(name: str, checkpoint: str, result: str, *arguments: str) -> None:
    size = {key: int(value) for key, _, value in (argument.partition("=") for argument in arguments)}
    parameters, history = TRAININGS[name](Path(checkpoint), **size)
    np.savez(result, parameters=parameters, history=np.array(repr(history)))


def main() -> None:
    """Rounds of all trainings until there were enough kills."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    kills = writes = rounds = 0
    while kills < options.kills:
        for name in TRAININGS:
            with tempfile.TemporaryDirectory() as folder:
                found = one_round(name, Path(folder), rng)
            kills, writes, rounds = kills + found[0], writes + found[1], rounds + 1
            print(f"{name}: {found[0]} kills, {found[1]} of them in a write; the same bits", flush=True)
    print(f"{rounds} trainings, {kills} kills, {writes} in a write: every checkpoint whole, every result identical")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(*sys.argv[2:])
    else:
        main()
