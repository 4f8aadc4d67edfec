"""The constants of docs/scale.md, measured here, and what its models make of them.

    python benchmarks/scale.py [--rows 2000000] [--folder build/scale] [--write docs/scale.md]

The table is written into the folder first: 30 numbers and a target, in row groups of 65,536 rows; it is read from the
page cache, so that reading is decoding and mixing, not the disk. Every figure is the median of three.
"""

import argparse
import pickle
import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from hosts import CONSTANTS, all_reduce
from pyarrow import parquet
from report import put
from timing import CORES, headline, machine, text_table

import chainrule as cr
from chainrule import layout

FEATURES, GROUP = 30, 65_536
SIZES, BATCH = [FEATURES, 100, 2], 256
DIGITS, EXAMPLES, EPOCHS = [64, 32, 10], 1504, 10
TERABYTE = 1e12
HOSTS = (1, 10, 100)
MILLION = 1_000_000


class Constants(NamedTuple):
    """What the models are made of; see NAMES."""

    row: float
    read: float
    trained: float
    together: float
    networks: float
    task: float
    group: float


NAMES = Constants(
    "bytes of a row on the disk",
    "rows read, decoded and mixed a second, one thread",
    f"rows trained a second, {'-'.join(map(str, SIZES))}, batches of {BATCH}",
    "rows a second, read and trained together",
    f"networks a second, {'-'.join(map(str, DIGITS))}, {EPOCHS} epochs of {EXAMPLES:,} rows, all cores",
    "milliseconds of a task of an executor, a network there and a number back",
    "bytes of memory for each row group that Blocks knows of",
)


def median(measure):
    return float(np.median([measure() for _ in range(3)]))


def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def written(folder, rows):
    """A table of so many rows, as Blocks."""
    folder.mkdir(parents=True, exist_ok=True)
    path, rng = folder / f"{rows}.parquet", np.random.default_rng(0)
    if not path.exists():
        schema = pa.schema([(f"x{j}", pa.float32()) for j in range(FEATURES)] + [("y", pa.int8())])
        with parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for start in range(0, rows, GROUP):
                X = rng.standard_normal((min(GROUP, rows - start), FEATURES), dtype=np.float32)
                y = (X[:, 0] > X[:, 1]).astype(np.int8)
                writer.write_table(pa.table([*map(pa.array, X.T), pa.array(y)], schema=schema), row_group_size=GROUP)
    return cr.Blocks(path, target="y"), path.stat().st_size


def measured(folder, rows):
    """The constants."""
    blocks, size = written(folder, rows)
    net = cr.Network(SIZES, output="softmax", dtype=np.float32, seed=0)
    windows, _, _ = blocks.examples(net)

    def read():
        seen = 0
        for X, _, _ in windows.windows(1, 0, 0, 0):
            seen += len(X)
            if seen >= rows:
                return

    rng = np.random.default_rng(0)
    X = rng.standard_normal((FEATURES, 262_144), dtype=np.float32)
    Y = cr.one_hot((X[0] > X[1]).astype(int), 2)

    def compute():
        net.train(X, Y, cr.Adam(1e-4), epochs=1, batch_size=BATCH, seed=0).run()

    def stream():
        net.train(blocks, cr.Adam(1e-4), epochs=1, batch_size=BATCH, seed=0).run()

    D = rng.standard_normal((DIGITS[0], EXAMPLES), dtype=np.float32)
    T = cr.one_hot(rng.integers(0, 10, EXAMPLES), 10)

    def networks(count=128):
        many = [cr.Network(DIGITS, output="softmax", dtype=np.float32, seed=i) for i in range(count)]
        cr.train_many(many, D, T, cr.Adam(1e-3), epochs=EPOCHS, batch_size=32, seed=0)

    with ProcessPoolExecutor(1) as pool:
        list(pool.map(len, [b""]))  # it is there
        load = pickle.dumps(cr.Network(DIGITS, seed=0))
        task = median(lambda: seconds(lambda: list(pool.map(len, [load] * 200)))) / 200
    tracemalloc.start()
    index = cr.Blocks(blocks_of(folder, 1000), target="y")
    held = tracemalloc.get_traced_memory()[0] / len(index.sizes)
    tracemalloc.stop()
    return Constants(
        row=size / rows,
        read=rows / median(lambda: seconds(read)),
        trained=262_144 / median(lambda: seconds(compute)),
        together=rows / median(lambda: seconds(stream)),
        networks=128 / median(lambda: seconds(networks)),
        task=1e3 * task,
        group=held,
    )


def blocks_of(folder, groups):
    """A file of so many tiny row groups."""
    path = folder / "groups.parquet"
    columns = [pa.array(np.zeros(groups, np.float32))] * FEATURES + [pa.array(np.zeros(groups, np.int8))]
    names = [*(f"x{j}" for j in range(FEATURES)), "y"]
    parquet.write_table(pa.table(columns, names), path, row_group_size=1)
    return path


def terabyte(constants):
    """The model of an epoch over 1 TB: each host reads and trains its part, and all add up their gradients."""
    rows, parameters = TERABYTE / constants.row, layout.length(SIZES)
    table = [["hosts", "rows each", "reading", "training", "adding up", "an epoch", "memory for the index"]]
    for hosts in HOSTS:
        steps = rows / (BATCH * hosts)
        add = steps * all_reduce(hosts, 4 * parameters, **CONSTANTS) if hosts > 1 else 0.0
        reading, training = rows / hosts / constants.read, rows / hosts / constants.trained
        times = map(hours, (reading, training, add, max(reading, training) + add))
        index = rows / hosts / GROUP * constants.group / 1e6
        table.append([str(hosts), f"{rows / hosts / 1e6:,.0f} million", *times, f"{index:.1f} MB"])
    return text_table(table)


def million(constants):
    """The model of a million networks of the size of digits: as many cores as there are, and one scheduler."""
    table = [["cores", "networks in a task", "training", "the scheduler", "in all"]]
    for cores in (CORES, 64, 1024):
        for each in (1, 16, 256):
            training, scheduler = MILLION / (constants.networks / CORES * cores), MILLION / each * constants.task / 1e3
            table.append([str(cores), str(each), hours(training), hours(scheduler), hours(max(training, scheduler))])
    return text_table(table)


def balance():
    """Simulated: 16,000 row groups of 1 to 65,536 rows, dealt out to 100 hosts: the largest part over the mean."""
    rng, found = np.random.default_rng(0), []
    for _ in range(200):
        sizes = rng.integers(1, GROUP + 1, 16_000)
        parts = np.array([sizes[p::100].sum() for p in range(100)])
        found.append(parts.max() / parts.mean())
    return f"{np.median(found):.2f} in the median of 200 draws, {max(found):.2f} at most"


def hours(seconds):
    unit, name = next(((u, n) for u, n in ((3600, "h"), (60, "min")) if seconds >= u), (1, "s"))
    return f"{seconds / unit:.1f} {name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, default=Path("build/scale"))
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    constants = measured(asked.folder, asked.rows)
    shown = [f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in constants]
    parts = {
        "machine": headline(machine()),
        "constants": text_table([["constant", "measured"], *map(list, zip(NAMES, shown, strict=True))]),
        "terabyte": terabyte(constants),
        "million": million(constants),
        "balance": balance(),
    }
    for name, text in parts.items():
        print(f"{name}:\n{text}\n")
        if asked.write:
            put(asked.write, name, text)


if __name__ == "__main__":
    main()
