"""Several devices and processes that train one network together: how they find each other, and who has which examples.

After `distributed`, `Network.train` with the engine "jax" is data-parallel: the parameters are on every device, each
device has its part of every mini-batch, and the gradients are added up by an all-reduce.
"""

import hashlib
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from copy import copy
from functools import cache
from typing import Any, Self

import numpy as np

from chainrule._types import Array

DEVICES = "devices"  # the axis of the mesh
_GRACE = 1.0  # seconds that the end of a program has that an error has ended
_GRACE_OF_0 = 5.0  # of process 0: when it goes JAX ends the others at once, and they are to say what they know
_FAILED = re.compile("(UNKNOWN|UNAVAILABLE|INTERNAL|ABORTED|CANCELLED|DEADLINE_EXCEEDED|FAILED_PRECONDITION): ")
_TOLD = 4  # numbers of 64 bits that the processes tell each other at once
_mesh: Any = None  # of all devices; None before `distributed`
_alone = ContextVar("alone", default=False)
_broken = False  # whether another process is gone


def distributed(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    local_device_ids: int | Sequence[int] | None = None,
    *,
    cluster_detection_method: str | None = None,
    coordinator_bind_address: str | None = None,
    initialization_timeout: int = 300,
    heartbeat_timeout_seconds: int = 30,
    shutdown_timeout_seconds: int = 300,
) -> tuple[int, int]:
    """Let this process train together with others, by ``engine="jax"``: to be called at the top of the program.

    `Network.train` then takes the examples of this process, its part of all. Under SLURM, Open MPI, Kubernetes and on
    TPU pods nothing need be given. ``distributed(num_processes=1)`` is one process that trains on all of its devices.

    Parameters
    ----------
    coordinator_address : str, optional
        ``HOST:PORT`` of process 0; the port must be free there, and open to the others.
    num_processes : int, optional
        How many there are.
    process_id : int, optional
        Which one this is, from 0 on.
    local_device_ids : int or list of int, optional
        Which of its machine's devices this process has; all unless given.
    cluster_detection_method : str, optional
        How to find the others, as "slurm"; "deactivate" for what is given here only.
    coordinator_bind_address : str, optional
        Where process 0 listens; on all of its addresses unless given.
    initialization_timeout : int, default 300
        Seconds to wait for the others to start.
    heartbeat_timeout_seconds : int, default 30
        Seconds without a sign of life after which a process counts as dead, and all end.
    shutdown_timeout_seconds : int, default 300
        Seconds that a process which has come to its end waits for the others.

    Returns
    -------
    process, processes : int
        Which one this is, and how many there are.

    Raises
    ------
    ValueError
        The processes cannot be found, or JAX has computed before.

    Notes
    -----
    The arguments are those of ``jax.distributed.initialize``, which does the work.
    """
    global _mesh
    try:
        import jax
    except ImportError as error:
        raise ImportError(f'distributed: needs an extra: pip install "chainrule[jax]" ({error})') from error
    if num_processes != 1:
        try:
            jax.distributed.initialize(
                coordinator_address,
                num_processes,
                process_id,
                local_device_ids,
                cluster_detection_method,
                initialization_timeout,
                heartbeat_timeout_seconds,
                shutdown_timeout_seconds,
                coordinator_bind_address,
            )
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"distributed: {error} Give coordinator_address='HOST:PORT' of process 0, num_processes and process_id "
                "(SLURM, Open MPI, Kubernetes and TPU pods are found without), once, before JAX computes anything; or "
                "num_processes=1 for this process alone"
            ) from error
        handler = signal.getsignal(signal.SIGTERM)
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # JAX has put its own there, which does not end a program
        grace = _GRACE if jax.process_index() else _GRACE_OF_0
        threading.Thread(target=_leave, args=(grace,), daemon=True).start()
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    _mesh = jax.sharding.Mesh(np.array(devices), (DEVICES,))
    return jax.process_index(), jax.process_count()


def _leave(grace: float) -> None:
    """End this process so many seconds after an error has ended the program.

    JAX would wait for the others first, for minutes, while they wait for this one.
    """
    threading.main_thread().join()
    if _broken or hasattr(sys, "last_value"):
        time.sleep(grace)
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(1)


def active(engine: str) -> bool:
    """Whether a training by this engine is one of several devices or processes."""
    return engine == "jax" and _mesh is not None and not _alone.get()


@contextmanager
def alone() -> Iterator[None]:
    """Within it, this process trains for itself."""
    before = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(before)


class Hosts:
    """Who has which examples of a training. All processes call the same methods in the same order.

    m: the examples of this process, of which each of its devices has a piece. weighted: whether they have weights, and
    some: whether any of these is above 0.

    Attributes
    ----------
    rows : list of int, the examples of each process
    parts : list of int, the examples of each device
    m : int, all examples
    own : the devices of this process among all
    """

    def __init__(self, m: int, weighted: bool, some: bool = True) -> None:
        devices = list(_mesh.devices)
        self.mesh, self.process, self.processes = _mesh, _process(), devices[-1].process_index + 1
        self.counts = [sum(device.process_index == p for device in devices) for p in range(self.processes)]
        first = sum(self.counts[: self.process])
        self.own = slice(first, first + self.counts[self.process])
        told = self.gather(np.array([m, weighted, m and some], np.int64))
        self.weighted = bool(told[:, 1].any())
        self._divide(told[:, 0].tolist())
        if not self.m:
            raise ValueError(f"X: got no examples in any of {self.processes} processes, wanted at least one")
        if not told[:, 2].any():
            raise ValueError(f"weights: wanted some above 0; those of all {self.m:,} examples are 0")

    def _divide(self, rows: list[int]) -> None:
        self.rows, self.m = rows, sum(rows)
        pieces = zip(rows, self.counts, strict=True)
        self.parts = [n // count + (i < n % count) for n, count in pieces for i in range(count)]

    def given(self, example: int) -> int:
        """How many examples this process has given when so many of an epoch are done."""
        return int(taken(self.rows, np.array([example]))[0, self.process])

    def window(self, first: int, count: int) -> Self:
        """Who has which of so many examples of an epoch, from one on."""
        given = np.diff(taken(self.rows, np.array([first, first + count])), axis=0)
        window = copy(self)
        window._divide(given[0].tolist())
        return window

    def gather(self, numbers: Array) -> Array:
        """Some numbers of 64 bits (k,) of each process, as (processes, k): the sum of arrays that are 0 elsewhere."""
        mine = np.zeros((self.counts[self.process], self.processes, max(_TOLD, len(numbers))), np.uint64)
        mine[0, self.process, : len(numbers)] = numbers.view(np.uint64)
        with self.connected():
            told = _summed(self.mesh, mine.view(np.uint32))
        return told.view(np.uint64)[:, : len(numbers)].view(numbers.dtype)

    def tell(self, value: Any) -> list[Any]:
        """What each process says, in their order: anything that JSON knows."""
        said = json.dumps(value).encode()
        lengths = self.gather(np.array([len(said)]))[:, 0]
        words = np.zeros(1 << int(-(-lengths.max() // 8) - 1).bit_length(), np.uint64)  # few sizes are compiled
        words.view(np.uint8)[: len(said)] = np.frombuffer(said, np.uint8)
        told = self.gather(words)
        return [json.loads(row.tobytes()[:length]) for row, length in zip(told, lengths, strict=True)]

    def agree(self, what: dict[str, tuple[Any, str]]) -> None:
        """ValueError, in all processes, where one has other things than process 0. By name: parts, and what to do."""
        digests = [hashlib.sha256(repr(parts).encode()).digest()[:8] for parts, _ in what.values()]
        told = self.gather(np.frombuffer(b"".join(digests), np.uint64))
        for i, (name, (_, advice)) in enumerate(what.items()):
            if len(others := np.flatnonzero(told[:, i] != told[0, i])):
                raise ValueError(
                    f"training in {self.processes} processes: the {name} of process {others[0]} is not that of "
                    f"process 0. {advice}"
                )

    def check_watched(self, size: float) -> None:
        """ValueError, in all processes, if none of them has an example to watch; size: of this one's."""
        if not self.gather(np.array([size])).any():
            raise ValueError(f"validation: got no examples that count in any of {self.processes} processes")

    def mean(self, value: float, weight: float) -> float:
        """Σ weight · value / Σ weight over the processes."""
        told = self.gather(np.array([value, weight]))
        return float(np.average(told[:, 0], weights=told[:, 1]))

    def order(self, key: int, epoch: int) -> Array:
        """The order of this process's examples in an epoch; key: of the training."""
        return drawn(key, epoch, self.process, sum(self.parts[self.own]))

    def checksum(self, *arrays: Any) -> str:
        """A checksum of the examples of all processes, arrays (…, m) or None; who has which of them changes nothing."""
        total, m = np.zeros(1, np.uint64), arrays[0].shape[1]
        for first in range(0, m, 1 << 14):
            rows = [A[:, first : first + (1 << 14)] for A in arrays if A is not None]
            whole = np.vstack([A.toarray() if hasattr(A, "toarray") else A for A in rows]).astype(np.float64)
            odd = np.random.Philox(key=0).random_raw(len(whole)) | np.uint64(1)
            words = (whole.view(np.uint64) ^ (whole.view(np.uint64) >> np.uint64(29))) * odd[:, None]
            sums = words.sum(axis=0)
            total += ((sums ^ (sums >> np.uint64(32))) * odd[0]).sum()
        told = self.gather(np.array([total[0], m], np.uint64)).sum(axis=0)
        return f"{told[1]} examples, {told[0]:016x}"

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Within it, what JAX says when the others cannot be reached is a ConnectionError."""
        global _broken
        import jax

        try:
            yield
        except (jax.errors.JaxRuntimeError, ValueError) as error:  # the latter from what waits for an array
            if self.processes == 1 or not _is_of_jax(error):
                raise
            _broken = True
            raise ConnectionError(
                f"process {self.process} of {self.processes} cannot go on with the others: {error}. The one that "
                "ended first may say why. Start all of them again: with checkpoint=Checkpoint(FILE, resume=True) they "
                "go on from the last write"
            ) from None


def _is_of_jax(error: Exception) -> bool:
    """Whether JAX says that something could not be computed, and not who called it that something is wrong."""
    import jax

    return isinstance(error, jax.errors.JaxRuntimeError) or bool(_FAILED.match(str(error)))


def taken(parts: Sequence[int], counts: Array) -> Array:
    """How many examples each of the parts has given, (k, parts), when the first counts (k,) of an epoch are done.

    Each gives its share as far as whole numbers allow, and all together as many as were asked for: the first part its
    share of all, the second its share of what is left then, and so on.
    """
    found, rows = [], sum(parts)
    for part in parts:
        found.append((counts * part + rows // 2) // max(1, rows))
        counts, rows = counts - found[-1], rows - part
    return np.stack(found, axis=1)


def drawn(key: int, epoch: int, process: int, m: int) -> Array:
    """A permutation of 0 … m − 1, a function of the key of a training, the epoch and the process."""
    # The dropout masks have (key, 0).
    return np.random.Generator(np.random.Philox(key=[key, (epoch + 1 << 32) + process])).permutation(m)


def _process() -> int:
    import jax

    return jax.process_index()


def _summed(mesh: Any, mine: Array) -> Array:
    """The sum over all devices of what each has, (own devices, …) in this process."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    whole = jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec(DEVICES)), mine)
    return np.array(_sum(mesh)(whole))


@cache
def _sum(mesh: Any) -> Any:
    import jax
    from jax.sharding import PartitionSpec as Spec

    over = jax.shard_map(lambda A: jax.lax.psum(A[0], DEVICES), mesh=mesh, in_specs=Spec(DEVICES), out_specs=Spec())
    return jax.jit(over)
