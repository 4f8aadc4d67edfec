"""Training on several processes: what an all-reduce costs, and what is left of the time of 2 … 64 of them, by a model.

    python benchmarks/hosts.py                                       two processes here, over loopback
    python benchmarks/hosts.py HOST:PORT PROCESSES PROCESS           in a network, started on each machine
    python benchmarks/hosts.py --latency 20e-6 --bandwidth 1e10      the table for these constants

Measured: the all-reduce of 1 to 10⁶ numbers of float32; and, of two processes with one core each, for computing and for
sending, the step of 784-256-128-10 with 128 and 1,024 examples for each process, beside the same step of two that
do not know of one another, and the all-reduce of its gradient there.

The model is that of a ring: each of P processes sends 2 (P − 1) messages, which together hold 2 (P − 1) / P times the
gradient,

    t(P) = 2 (P − 1) a + 2 (P − 1) / P · bytes / B

with a, the latency, and B, the bandwidth, fitted to what was measured with P processes. Efficiency is c / (c + t(P)),
where c is the time in which one process computes its share of a step: nothing is computed while gradients are added up.
"""

import argparse
import ast
import os
import socket
import subprocess
import sys
import time

import numpy as np
from timing import number, table

CONSTANTS = {"latency": 0.11e-3, "bandwidth": 0.85e9}  # of loopback, as this program measured them; see docs/hosts.md
NUMBERS = (1, 1000, 10_000, 100_000, 1_000_000)
SIZES = [784, 256, 128, 10]
HOSTS = (2, 4, 8, 16, 32, 64)
SHARES = (0.3, 1, 3, 10, 30, 100)  # ms
GRADIENT = 235_146  # numbers, of the network of the steps
PARAMETERS = (10_000, GRADIENT, 1_000_000, 10_000_000)
SECONDS = 0.4  # for a point


def all_reduces(numbers=NUMBERS):
    """Numbers → seconds of their all-reduce, the fastest of three samples; after `distributed`."""
    import jax

    from chainrule.engines import hosts

    mesh, found = hosts._mesh, {}
    spec = jax.sharding.PartitionSpec()
    for count in numbers:

        def several(w, times):
            return jax.lax.fori_loop(0, times, lambda i, w: jax.lax.psum(w, hosts.DEVICES) / mesh.size, w)

        run = jax.jit(jax.shard_map(several, mesh=mesh, in_specs=(spec, spec), out_specs=spec))
        sharding = jax.sharding.NamedSharding(mesh, spec)
        w = jax.make_array_from_process_local_data(sharding, np.ones(count, np.float32))
        times = max(5, int(SECONDS / 3 / (0.0003 + count * 8e-9)))  # the same in all processes
        samples = []
        for _ in range(4):  # the first compiles
            started = time.perf_counter()
            run(w, times).block_until_ready()
            samples.append((time.perf_counter() - started) / times)
        found[count] = min(samples[1:])
    return found


def fitted(found, processes):
    """The latency and the bandwidth of the model."""
    bytes_ = 4.0 * np.array(list(found))
    seconds = np.array(list(found.values()))
    A = np.stack([np.full(len(bytes_), 2.0 * (processes - 1)), 2 * (processes - 1) / processes * bytes_], axis=1)
    # By relative errors, or the largest alone would count.
    latency, slope = np.linalg.lstsq(A / seconds[:, None], np.ones(len(seconds)), rcond=None)[0]
    return {"latency": latency, "bandwidth": 1 / slope}


def all_reduce(processes, bytes_, latency, bandwidth):
    """Seconds of an all-reduce, by the model."""
    return 2 * (processes - 1) * latency + 2 * (processes - 1) / processes * bytes_ / bandwidth


def step_time(share, processes):
    """Seconds of a step with so many examples for each process, the fastest of three epochs."""
    import chainrule as cr

    rng = np.random.default_rng(0)
    m = 16 * share
    X, Y = rng.standard_normal((SIZES[0], m), np.float32), cr.one_hot(rng.integers(0, 10, m), 10)
    net = cr.Network(SIZES, output="softmax", dtype="float32", seed=0)
    samples, last = [], None
    for _ in net.train(X, Y, cr.Adam(1e-4), epochs=5, batch_size=share * processes, seed=0, engine="jax"):
        now = time.perf_counter()
        if last is not None:
            samples.append((now - last) / 16)
        last = now
    return min(samples[1:])


def measure(address, processes, process, what):
    """What process 0 prints, too: "sums", the seconds of all-reduces, or "steps", those of steps, on a core each."""
    import chainrule as cr

    if what == "steps":  # JAX would take all cores, and the processes would compete
        os.sched_setaffinity(0, [sorted(os.sched_getaffinity(0))[process]])
    cr.distributed(*((address, processes, process) if processes > 1 else (None, 1)))
    if what == "sums":
        found = all_reduces()
    else:
        found = {share: step_time(share, processes) for share in (128, 1024)}
        found |= all_reduces([GRADIENT]) if processes > 1 else {}
    if process == 0:
        print(repr(found))
    return found


def in_two(processes, what):
    """What `measure` finds in two processes on this machine, which train together or, for 1, each for itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    commands = [[sys.executable, __file__, address, str(processes), str(i), what] for i in range(2)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    said = [process.communicate()[0] for process in running]
    return ast.literal_eval(said[0].splitlines()[-1])


def report(latency, bandwidth):
    """The table of the model."""
    print(f"\nModel, latency {latency * 1e6:.0f} µs, bandwidth {bandwidth / 1e9:.2f} GB/s: efficiency of P processes\n")
    for count in PARAMETERS:
        costs = [all_reduce(processes, 4 * count, latency, bandwidth) for processes in HOSTS]
        rows = [[f"{share:g} ms", *(f"{share / (share + 1e3 * cost):.0%}" for cost in costs)] for share in SHARES]
        cost = ["all-reduce", *(f"{number(1e3 * cost, 2)} ms" for cost in costs)]
        table([[f"{count:,} parameters", *(f"P = {processes}" for processes in HOSTS)], cost, *rows])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("given", nargs="*", metavar="HOST:PORT PROCESSES PROCESS")
    parser.add_argument("--latency", type=float)
    parser.add_argument("--bandwidth", type=float)
    options = parser.parse_args()
    if options.latency is not None:
        return report(options.latency, options.bandwidth or CONSTANTS["bandwidth"])
    if options.given:
        address, processes, process, *what = options.given
        found = measure(address, int(processes), int(process), *what or ["sums"])
        return None if what or int(process) else report(**fitted(found, int(processes)))
    found, alone, together = in_two(2, "sums"), in_two(1, "steps"), in_two(2, "steps")
    constants = fitted(found, 2)
    rows = [["numbers of float32", "all-reduce, two processes", "by the model"]]
    rows += [
        [f"{count:,}", f"{1e3 * seconds:.2f} ms", f"{1e3 * all_reduce(2, 4 * count, **constants):.2f} ms"]
        for count, seconds in found.items()
    ]
    table(rows)
    rows = [
        [
            "examples a process",
            "step of each alone, c",
            "all-reduce, t",
            "step of both",
            "c + t",
            "efficiency",
            "c / (c + t)",
        ]
    ]
    t = together[GRADIENT]
    for share, c in alone.items():
        two = together[share]
        rows.append([f"{share:,}", *(f"{1e3 * seconds:.1f} ms" for seconds in (c, t, two, c + t))])
        rows[-1] += [f"{c / two:.0%}", f"{c / (c + t):.0%}"]
    table(rows)
    return report(**constants)


if __name__ == "__main__":
    main()
