"""A table larger than the memory: written block by block, then trained on in a process of limited memory.

    python benchmarks/blocks.py [--gb 20] [--limit-gb 2] [--folder FOLDER] [--keep] [--part FILE,…]

write: a Parquet file of 25 columns of 8 bytes, whose rows lie class by class. read: one epoch is read and mixed, and
nothing is computed. compute: mini-batches of windows that are in memory already, as many as there are in an epoch.
train: an epoch, against the larger of the two; the goal is 1.3 times. All three in one process that may have so much
memory (RLIMIT_DATA), from a file that is not in the cache of the system. rows: another two epochs, in which a checksum
of the rows that the engine gets is compared with that of the rows that were written. cost: 400,000 rows that lie class
by class, in windows of an eighth, against a shuffle of all of them in memory, for several seeds.
Exit code 1: a goal is missed.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

GOAL = 1.3
INPUTS, CLASSES, GROUP = 24, 10, 32_768  # rows of a row group: 6.6 MB
BATCH, HIDDEN = 256, 64
PARTS = ("read", "compute", "train", "rows", "cost")
CENTERS = np.random.default_rng(0).normal(size=(CLASSES, INPUTS))
FACTORS = np.random.default_rng(1).integers(1, 2**63, INPUTS, dtype=np.uint64) | np.uint64(1)


def checksum(X):
    """Of rows (m, INPUTS) in float32, whatever their order: Σ of a hash of each, modulo 2⁶⁴."""
    words = np.ascontiguousarray(X, np.float32).view(np.uint32)
    total = np.zeros(len(words), np.uint64)
    for column, factor in zip(words.T, FACTORS, strict=True):
        total += column.astype(np.uint64) * factor
    total ^= total >> np.uint64(31)
    total *= np.uint64(0x9E3779B97F4A7C15)
    total ^= total >> np.uint64(29)
    return int(total.sum(dtype=np.uint64))


def write(path, rows):
    """The table, a row group at a time; the checksum of its rows."""
    import pyarrow as pa
    from pyarrow import parquet

    names, total, started = [f"x{j + 1}" for j in range(INPUTS)], 0, time.perf_counter()
    schema = pa.schema([*((name, pa.float64()) for name in names), ("y", pa.int64())])
    rng = np.random.default_rng(2)
    with parquet.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for first in range(0, rows, GROUP):
            y = np.arange(first, min(first + GROUP, rows)) * CLASSES // rows
            X = rng.standard_normal((len(y), INPUTS), np.float32) + CENTERS[y].astype(np.float32)
            total += checksum(X)
            columns = [pa.array(column) for column in X.T.astype(np.float64)]
            writer.write_table(pa.table([*columns, pa.array(y)], schema=schema), row_group_size=GROUP)
    print(
        f"write: {path.stat().st_size / 1e9:.1f} GB, {rows:,} rows, {time.perf_counter() - started:.0f} s", flush=True
    )
    return total % 2**64


def make_network(inputs=INPUTS, seed=0):
    import chainrule as cr

    return cr.Network([inputs, HIDDEN, CLASSES], output="softmax", dtype="float32", seed=seed)


def forget(path):
    """Take a file out of the cache of the system."""
    import os

    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(path):
    """Seconds that an epoch takes to be read and mixed."""
    import chainrule as cr

    blocks, network, rows = cr.Blocks(path, target="y"), make_network(), 0
    forget(path)
    started = time.perf_counter()
    for X, _, _ in blocks.examples(network)[0].windows(1, 0, 0, 0):
        rows += len(X)
        if rows == blocks.rows:
            break
    return time.perf_counter() - started


def compute(path):
    """Seconds that the mini-batches of an epoch take, by those of one window, again and again."""
    import chainrule as cr

    blocks, network = cr.Blocks(path, target="y"), make_network()
    X, Y, _ = next(blocks.examples(network)[0].windows(1, 0, 0, 0))
    options = {"batch_size": BATCH, "shuffle": False, "epochs": 1}
    network.train(X.T, Y.T, cr.Adam(), **options).run()
    epochs = max(1, min(round(blocks.rows / len(X)), 20))
    started = time.perf_counter()
    network.train(X.T, Y.T, cr.Adam(), **{**options, "epochs": epochs}, every=epochs).run()
    return (time.perf_counter() - started) / (epochs * len(X)) * blocks.rows


def train(path):
    """Seconds that an epoch takes to be trained on."""
    import chainrule as cr

    blocks, network = cr.Blocks(path, target="y"), make_network()
    forget(path)
    started = time.perf_counter()
    network.train(blocks, cr.Adam(), epochs=1, batch_size=BATCH, seed=0).run()
    return time.perf_counter() - started


def rows(path):
    """The checksums of the rows that an engine gets in two epochs."""
    import chainrule as cr
    from chainrule.engines import native

    sums, steps = [], native.Native.steps

    def summed(self, state, batches, costs=None):
        if len(sums) == state.epoch:
            sums.append(0)
        sums[-1] = (sums[-1] + checksum(state.X.T)) % 2**64
        return steps(self, state, batches, costs)

    native.Native.steps = summed
    make_network().train(
        cr.Blocks(path, target="y"), cr.Adam(), epochs=2, batch_size=BATCH, seed=0, engine="native"
    ).run()
    return sums


def cost(path):
    """The final costs by blocks, and by a shuffle of all rows, for several seeds."""
    import pyarrow as pa
    from pyarrow import parquet

    import chainrule as cr

    m, inputs = 400_000, 30
    rng = np.random.default_rng(3)
    y = np.arange(m) * CLASSES // m
    X = (0.7 * rng.normal(size=(CLASSES, inputs))[y] + 1.5 * rng.normal(size=(m, inputs))).astype(np.float32)
    file = Path(path).with_name("sorted.parquet")
    parquet.write_table(pa.table([*X.T, y], names=[*(f"x{j}" for j in range(inputs)), "y"]), file, row_group_size=500)
    Y, found = cr.one_hot(y), {"blocks": [], "memory": []}
    for seed in range(4):
        for name, given in (("blocks", (cr.Blocks(file, target="y", window=100),)), ("memory", (X.T, Y))):
            network = make_network(inputs, seed)
            network.train(*given, cr.Adam(0.001), epochs=3, batch_size=BATCH, seed=seed).run()
            found[name].append(network.cost(X.T, Y))
    file.unlink()
    return found


def in_child(part, path, limit):
    """What a part finds in a process that may have so many bytes; and the most that it took."""
    command = [sys.executable, __file__, "--child", part, "--folder", str(path), "--limit-gb", str(limit / 1e9)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{part}: exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def child(part, path, limit):
    if limit:
        resource.setrlimit(resource.RLIMIT_DATA, (int(limit), int(limit)))
    found = globals()[part](path)
    print(json.dumps({"found": found, "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gb", type=float, default=20.0)
    parser.add_argument("--limit-gb", type=float, default=2.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keep", action="store_true", help="leave the table where it is, and take one that is there")
    parser.add_argument("--part", default=",".join(PARTS))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    limit = args.limit_gb * 1e9
    if args.child:
        child(args.child, args.folder, limit)
        return
    parts, missed = args.part.split(","), []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(args.folder or folder) / f"table-{args.gb:g}.parquet" if args.keep else Path(folder) / "t.parquet"
        known = path.with_suffix(".json")
        count = int(args.gb * 1e9 / (8 * (INPUTS + 1)))
        if {"read", "compute", "train", "rows"} & set(parts) and not (path.exists() and known.exists()):
            known.write_text(json.dumps(write(path, count)))
        found = {}
        for part in parts:
            result = in_child(part, path, 0 if part == "cost" else limit)
            found[part] = result["found"]
            shown = f"{found[part]:.1f} s, " if isinstance(found[part], float) else ""
            print(f"{part}: {shown}at most {result['peak'] / 1e6:,.0f} MB of memory", flush=True)
        if {"read", "compute", "train"} <= set(found):
            ratio = found["train"] / max(found["read"], found["compute"])
            missed += ["train"] * (ratio > GOAL)
            print(f"train: {ratio:.2f} × the larger of the two (goal {GOAL}: {'MISSED' if missed else 'met'})")
            print(f"       {args.gb / found['train']:.2f} GB/s, {count / found['train'] / 1e6:.2f} million rows/s")
        if "rows" in found:
            same = found["rows"] == [json.loads(known.read_text())] * 2
            missed += ["rows"] * (not same)
            print(f"rows: {'each row once in each epoch' if same else 'NOT every row once'} ({count:,} rows, 2 epochs)")
        if "cost" in found:
            for name, costs in found["cost"].items():
                print(f"cost: {name} {np.mean(costs):.4f} ± {np.std(costs, ddof=1):.4f}")
            blocks, memory = map(np.array, found["cost"].values())
            near = abs(blocks.mean() - memory.mean()) <= 3 * np.hypot(blocks.std(ddof=1), memory.std(ddof=1)) / 2
            missed += ["cost"] * (not near)
            print(f"cost: {'within' if near else 'OUTSIDE OF'} the noise of {len(blocks)} seeds")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
