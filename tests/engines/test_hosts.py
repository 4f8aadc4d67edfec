"""Several processes, and several devices of one, train together on one machine: as one process, to rounding."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule.engines import hosts
from chainrule.training.train import _check_part

pytest.importorskip("jax")

from support import hosts as worker

pytestmark = pytest.mark.timeout(300)  # its processes share the machine with whatever else runs
TESTS = Path(__file__).parents[1]


def free_port() -> int:
    """One of those that JAX takes under SLURM."""
    for port in range(61440 + os.getpid() % 2048, 65536):
        with socket.socket() as free, suppress(OSError):
            free.bind(("", port))
            return port
    raise AssertionError("no port is free")


def start(scenario: str, processes: int, folder: Path, **environment: str) -> list[subprocess.Popen[str]]:
    """The processes of a scenario, each with what it says in a file of the folder."""
    port, started = free_port(), []
    for i in range(processes):
        command = [sys.executable, "-m", "support.hosts", scenario, *map(str, (i, processes, port, folder))]
        with (folder / f"{scenario}{i}.log").open("w") as log:
            env = os.environ | {"PYTHONPATH": str(TESTS), "JAX_PLATFORMS": "cpu"} | environment
            if scenario == "two":
                env |= {"SLURM_JOB_ID": str(port), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2"}
                env |= {"SLURM_PROCID": str(i), "SLURM_LOCALID": "0"}
            started.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=env, text=True))
    return started


def ended(started: list[subprocess.Popen[str]]) -> list[int]:
    try:
        return [process.wait(timeout=250) for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What four processes, one of which is killed, then two, and one with four devices, have left."""
    folder = tmp_path_factory.mktemp("hosts")
    devices = start("devices", 1, folder, XLA_FLAGS="--xla_force_host_platform_device_count=4")
    codes = {"four": ended(start("four", 4, folder))}
    codes["two"] = ended(start("two", 2, folder))
    codes["devices"] = ended(devices)
    said = {log.name: log.read_text() for log in folder.glob("*.log")}
    assert codes["two"] == codes["devices"] * 2 == [0, 0], said
    assert codes["four"][3] == -9, said
    assert 0 not in codes["four"], said
    return folder


def drawn(parts: list[int], epoch: int) -> list[np.ndarray]:
    """The orders in which the processes take their own examples."""
    key = int(np.random.default_rng(worker.OPTIONS["seed"]).integers(2**63))
    return [hosts.drawn(key, epoch, process, part) for process, part in enumerate(parts)]


def by_one_process(parts: list[int], orders: list[np.ndarray], devices: int = 1) -> np.ndarray:
    """The order in which one process takes the examples that these parts take together, each in its own order."""
    first, own, sizes = 0, [], []
    for part, order in zip(parts, orders, strict=True):
        for piece in np.array_split(np.arange(part), devices):
            own.append(first + order[np.isin(order, piece)])
            sizes.append(len(piece))
        first += part
    done = hosts.taken(sizes, np.minimum(np.arange(0, first + worker.B, worker.B), first))
    return np.concatenate([own[p][done[k, p] : done[k + 1, p]] for k in range(len(done) - 1) for p in range(len(own))])


@pytest.mark.parametrize(
    ("name", "processes", "devices", "shuffled"),
    [("two", 2, 1, True), ("four", 4, 1, True), ("blocks", 2, 1, False), ("devices", 1, 4, True)],
)
def test_it_is_the_training_of_one_process(folder, name, processes, devices, shuffled):
    parts = worker.PARTS.get(name, worker.PARTS["two"])

    def order(epoch):
        orders = drawn(parts, epoch) if shuffled else [np.arange(part) for part in parts]
        return by_one_process(parts, orders, devices)

    net, (X, Y, w) = worker.network(), worker.examples(weighted=devices > 1)
    options = worker.OPTIONS | {"engine": "numpy", "weights": w, "order": order}
    options["validation"] = (X, Y) if name == "two" else None
    steps = net.train(X, Y, worker.optimizer(), epochs=worker.EPOCHS, **options).run()
    for process in range(processes):
        found = np.load(folder / f"{name}{process}.npz")
        assert_allclose(found["parameters"], net.parameters, rtol=1e-12, atol=1e-14)
        costs = [(step.cost, step.validation_cost or 0.0) for step in steps]
        assert_allclose(found["costs"], costs, rtol=1e-12)


def test_labels_that_lie_in_one_process_only_are_classes_of_all(folder):
    parts = worker.PARTS["two"]
    labels = np.concatenate([np.resize(["u", "v"], worker.M)[:30], np.resize(["w", "u"], worker.M)[30:]])
    X, Y = worker.examples(weighted=False)[0], (labels == np.array(["u", "v", "w"])[:, None]) * 1.0
    net = cr.Network([3, 4, 3], hidden="tanh", output="softmax", seed=1)
    order = by_one_process(parts, [np.arange(part) for part in parts])
    options = worker.OPTIONS | {"engine": "numpy", "order": lambda epoch: order}
    options["validation"] = X, Y, worker.watched_weights()
    steps = net.train(X, Y, worker.optimizer(), epochs=worker.EPOCHS, **options).run()
    for process in range(2):
        found = np.load(folder / f"labels{process}.npz")
        assert_allclose(found["parameters"], net.parameters, rtol=1e-12, atol=1e-14)
        assert_allclose(found["costs"], [(step.cost, step.validation_cost) for step in steps], rtol=1e-12)
        said = (folder / f"refused columns {process}").read_text()
        assert "the columns of process 1 are 'b', 'a', 'c', those of process 0 are 'a', 'b', 'c'" in said


def test_examples_of_a_process_may_all_have_no_weight_and_it_may_watch_none(folder):
    parts, (X, Y, w) = worker.PARTS["two"], worker.weights_of_one()
    net = worker.network()
    options = worker.OPTIONS | {"engine": "numpy", "weights": w, "validation": (X, Y, w)}
    options["order"] = lambda epoch: by_one_process(parts, drawn(parts, epoch))
    steps = net.train(X, Y, worker.optimizer(), epochs=worker.EPOCHS, **options).run()
    for process in range(2):
        found = np.load(folder / f"silent{process}.npz")
        assert_allclose(found["parameters"], net.parameters, rtol=1e-12, atol=1e-14)
        assert_allclose(found["costs"], [(step.cost, step.validation_cost) for step in steps], rtol=1e-12)
        refused = (folder / f"refused weights {process}").read_text()
        assert refused == "weights: wanted some above 0; those of all 43 examples are 0"
        refused = (folder / f"refused watched {process}").read_text()
        assert refused == "validation: got no examples that count in any of 2 processes"


def test_weights_of_one_process_that_are_no_numbers_are_no_zeros():
    X, Y, _ = worker.examples(weighted=False)
    for wrong in ([None] * worker.M, [""] * worker.M, np.zeros(worker.M + 1), []):
        with pytest.raises(ValueError, match="weights: "):
            _check_part(worker.network(), X, Y, wrong)
    assert not _check_part(worker.network(), X, Y, [0] * worker.M)[2].any()


def test_what_jax_says_of_a_process_that_is_gone_is_a_connection_error_and_nothing_else_is():
    two = object.__new__(hosts.Hosts)
    two.process, two.processes = 0, 2
    said = ValueError("UNKNOWN: Gloo all-reduce failed: [external/gloo] Connection reset by peer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hosts, "_broken", False)
        with (
            pytest.raises(ConnectionError, match=r"process 0 of 2 cannot go on with the others: UNKNOWN"),
            two.connected(),
        ):
            raise said
        assert hosts._broken
        two.processes = 1
        with pytest.raises(ValueError, match=r"^UNKNOWN"), two.connected():
            raise said
        two.processes = 2
        with pytest.raises(ValueError, match=r"^X: got no examples$"), two.connected():
            raise ValueError("X: got no examples")


def test_when_one_is_killed_the_others_say_so_and_the_run_goes_on_from_its_checkpoint_on_fewer(folder):
    said = [(folder / f"four{process}.log").read_text() for process in range(3)]
    assert "ConnectionError: process 0 of 4 cannot go on with the others" in said[0]
    assert "four.checkpoint holds it" in said[0]
    for text in said[1:]:  # whom JAX may end before, when it hears of process 0's end
        assert "cannot go on with the others" in text or "another task died" in text
    one, two = (np.load(folder / f"resumed{process}.npz") for process in range(2))
    assert len(one["costs"]) == 4
    assert (one["parameters"] == two["parameters"]).all()


def test_the_script_of_the_documents_finds_the_others_by_what_slurm_says(folder):
    assert "epoch 19: cost 0.0" in (folder / "two0.log").read_text()
    assert "epoch" not in (folder / "two1.log").read_text()
    assert cr.load(folder / "digits.chainrule").sizes == [64, 32, 10]


def test_networks_that_differ_are_refused_in_all_processes(folder):
    for process in range(2):
        assert "the network of process 1 is not that of process 0" in (folder / f"refused{process}").read_text()
        assert "same seed in each" in (folder / f"refused seed {process}").read_text()
        assert "the training of process 1 is not" in (folder / f"refused schedule {process}").read_text()


def test_without_a_cluster_it_says_what_to_give(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(ValueError, match="Give coordinator_address='HOST:PORT' of process 0"):
        cr.distributed()


def test_every_part_gives_its_share_and_each_example_once():
    rng = np.random.default_rng(0)
    for _ in range(200):
        parts, b = rng.integers(0, 30, rng.integers(1, 9)).tolist(), int(rng.integers(1, 40))
        m = sum(parts)
        counts = np.minimum(np.arange(0, m + b, b), m)
        done = hosts.taken(parts, counts)
        assert (done.sum(axis=1) == counts).all()
        assert (np.diff(done, axis=0) >= 0).all()
        assert done[-1].tolist() == parts
        assert (abs(done - np.outer(counts, parts) / max(1, m)) < 3).all()
    assert (np.diff(hosts.taken([300] * 4, np.arange(0, 1200, 20)), axis=0) == 5).all()
