"""A thousand tiny networks on two workers of each system, against two threads of this process.

    python benchmarks/cluster.py

Seconds, each the better of two: until the workers have trained something; 1,000 networks for 200 epochs and for one,
which is what their way there and back costs; 64 networks on examples of 8 MB, which go with each of 64 tasks, and which
the workers got before.
"""

import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import numpy as np

import chainrule as cr

WORKERS = 2


@contextmanager
def threads():
    yield {"threads": WORKERS}, None


@contextmanager
def processes():
    with ProcessPoolExecutor(WORKERS) as pool:
        yield {"executor": pool}, None


@contextmanager
def dask():
    from dask.distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield {"executor": client.get_executor()}, lambda data: client.scatter(list(data), broadcast=True)


@contextmanager
def on_ray():
    import ray

    class Executor:
        def map(self, function, *iterables):
            task = ray.remote(function)
            return map(ray.get, [task.remote(*arguments) for arguments in zip(*iterables, strict=True)])

    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
        yield {"executor": Executor()}, lambda data: list(map(ray.put, data))
        ray.shutdown()


SYSTEMS = {"threads": threads, "ProcessPoolExecutor": processes, "Dask": dask, "Ray": on_ray}


def once(sizes, count, data, **options):
    """Seconds, and the parameters of all networks."""
    networks = [cr.Network(sizes, hidden="tanh", seed=seed) for seed in range(count)]
    began = time.perf_counter()
    cr.train_many(networks, *data, cr.Adam(0.01), seed=0, **options)
    return time.perf_counter() - began, np.concatenate([net.parameters for net in networks])


def best(*arguments, **options):
    return min(once(*arguments, **options)[0] for _ in range(2))


def main():
    flower, tiny = cr.datasets.flower(), {"sizes": [2, 8, 1], "batch_size": 64}
    rng = np.random.default_rng(0)
    large = rng.normal(size=(1000, 1000)), (rng.random((1, 1000)) < 0.5).astype(float)
    heads = ("start", "200 epochs", "one epoch", "8 MB a task", "8 MB before")
    print(f"{'':<20}" + "".join(f"{head:>13}" for head in heads))
    expected = None
    for name, system in SYSTEMS.items():
        began = time.perf_counter()
        with system() as (where, give):
            once(count=WORKERS, data=flower, epochs=1, **tiny, **where)
            seconds = [time.perf_counter() - began]
            bits = once(count=1000, data=flower, epochs=3, **tiny, **where)[1]
            expected = bits if expected is None else expected
            seconds += [best(count=1000, data=flower, epochs=epochs, every=200, **tiny, **where) for epochs in (200, 1)]
            seconds.append(best([1000, 1], 64, large, epochs=1, **where))
            if give is not None:
                seconds.append(best([1000, 1], 64, give(large), epochs=1, **where))
        told = "the same bits" if np.array_equal(bits, expected) else "OTHER BITS"
        print(f"{name:<20}" + "".join(f"{one:>13.2f}" for one in seconds), told, flush=True)


if __name__ == "__main__":
    main()
