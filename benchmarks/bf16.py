"""What precision="bf16" costs and gives: test errors beside float32's, and times of a step beside PyTorch's autocast.

    python benchmarks/bf16.py [speed] [sets] [tables] [--seeds 3] [--effort quick]

speed: milliseconds of a step, the first epoch left out, one and two threads; chainrule in float32 and bf16, PyTorch
(where installed) in bf16 by autocast, with its fused Adam. sets: digits, the 10,000 test images of MNIST and a
regression, networks of 256-128 and 512-512 units. tables: TabularClassifier and TabularRegressor on the tuning tables.
Errors: 1 − accuracy, or RMSE / deviation of y, on rows held out; means over the seeds, which draw split and network,
and ± the deviation of the difference between the two precisions.
"""

import argparse
import time
import warnings
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits, make_friedman1
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule import readers, tabular

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SHAPES = [([1024, 2048, 2048, 10], 1024), ([1024, 1024, 1024, 10], 512), ([784, 512, 512, 10], 256),
          ([784, 256, 128, 10], 128), ([256, 256, 256, 10], 256), ([128, 128, 128, 10], 128)]  # fmt: skip


def ours(sizes, batch, steps, precision):
    """A function that trains for one epoch of so many steps."""
    X, labels = problem(sizes, batch * steps)
    net = cr.Network(sizes, output="softmax", dtype=np.float32, seed=0)
    training = net.train(X, cr.one_hot(labels, sizes[-1]), cr.Adam(1e-4), epochs=1000, batch_size=batch, seed=0,
                         precision=precision)  # fmt: skip
    return lambda: next(training)


def torchs(sizes, batch, steps):
    """The same in PyTorch."""
    import torch

    X, labels = problem(sizes, batch * steps)
    X, labels = torch.from_numpy(np.ascontiguousarray(X.T)), torch.from_numpy(labels)
    layers = [part for n, k in pairwise(sizes) for part in (torch.nn.Linear(n, k), torch.nn.ReLU())]
    net = torch.nn.Sequential(*layers[:-1])
    optimizer, loss = torch.optim.Adam(net.parameters(), 1e-4, fused=True), torch.nn.CrossEntropyLoss()

    def epoch():
        for rows in torch.randperm(len(X)).split(batch):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                J = loss(net(X[rows]), labels[rows])
            J.backward()
            optimizer.step()

    return epoch


def problem(sizes, m):
    rng = np.random.default_rng(0)
    return rng.standard_normal((m, sizes[0]), np.float32).T, rng.integers(sizes[-1], size=m)


def speed(rounds=5, steps=8):
    try:
        import torch
    except ImportError:
        torch = None
    print("| network; batch | threads | float32 | bf16 | PyTorch, autocast | bf16 / PyTorch |\n|" + " --- |" * 6)
    for sizes, batch in SHAPES:
        for threads in (1, 2):
            makers = {
                "float32": partial(ours, sizes, batch, steps, None),
                "bf16": partial(ours, sizes, batch, steps, "bf16"),
            }
            if torch is not None:
                torch.set_num_threads(threads)
                makers["PyTorch"] = partial(torchs, sizes, batch, steps)
            times = {name: [] for name in makers}
            with threadpool_limits(threads, user_api="openmp"):
                epochs = {name: make() for name, make in makers.items()}
                for _ in range(rounds):
                    for name, epoch in epochs.items():
                        time.sleep(0.3)  # until the threads of the one before have gone to sleep
                        start = time.perf_counter()
                        epoch()
                        times[name].append((time.perf_counter() - start) / steps * 1e3)
            ms = {name: float(np.median(t[1:])) for name, t in times.items()}
            theirs = ms.get("PyTorch", np.nan)
            print(f"| {'-'.join(map(str, sizes))}; {batch} | {threads} | {ms['float32']:.3g} | {ms['bf16']:.3g} | "
                  f"{theirs:.3g} | {ms['bf16'] / theirs:.2f} |", flush=True)  # fmt: skip


def compare(name, fit, X, y, seeds):
    """A row: the mean errors of the two precisions, and of their difference."""
    errors = []
    for seed in range(seeds):
        a, b, c, d = train_test_split(X, y, test_size=0.25, random_state=seed)
        errors.append([fit(a, c, b, d, seed, precision) for precision in ("float32", "bf16")])
    whole, short = np.mean(errors, axis=0)
    difference = np.diff(errors, axis=1)[:, 0]
    print(
        f"| {name} | {whole:.4f} | {short:.4f} | {difference.mean():+.4f} ± {difference.std(ddof=1):.4f} |", flush=True
    )


def error_of(model, X, y):
    if hasattr(model, "classes_"):
        return 1 - np.mean(model.predict(X) == y)
    return float(np.sqrt(np.mean((model.predict(X) - y) ** 2)) / np.std(y))


def sets(seeds):
    digits, (friedman, target) = load_digits(), make_friedman1(4000, 64, noise=1.0, random_state=0)
    known = [("digits", digits.data / 16, digits.target), ("a regression (Friedman 1)", friedman, target)]
    if DATA.exists():
        images = readers.read(DATA / "t10k-images-idx3-ubyte.gz")
        known.append(("MNIST, its 10,000 test images", images.X, images.y))
    for name, X, y in known:
        make = cr.MLPRegressor if np.asarray(y).dtype.kind == "f" else cr.MLPClassifier
        for hidden in ((256, 128), (512, 512)):

            def fit(a, c, b, d, seed, precision, make=make, hidden=hidden):
                model = make(hidden_layer_sizes=hidden, batch_size=128, max_iter=25, random_state=seed,
                             dtype=np.float32, precision=precision)  # fmt: skip
                return error_of(model.fit(a, c), b, d)

            compare(f"{name}, {hidden[0]}-{hidden[1]}", fit, X, y, seeds)


def tables(seeds, effort):
    for _, row in pd.read_csv(DATA / "tuning" / "index.csv").iterrows():
        table = readers.read(DATA / "tuning" / f"{row['name']}.csv", target=row.target)
        X, y = tabular.make_plan(table).examples(table)
        make = cr.TabularRegressor if row.task == "regression" else cr.TabularClassifier

        def fit(a, c, b, d, seed, precision, make=make):
            return error_of(make(random_state=seed, effort=effort, precision=precision).fit(a, c), b, d)

        compare(row["name"], fit, X, y, seeds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["speed", "sets", "tables"], default=["speed", "sets", "tables"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--effort", default="quick")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if "speed" in given.what:
        speed()
    if {"sets", "tables"} & set(given.what):
        print("| data | float32 | bf16 | difference |\n| --- | --- | --- | --- |")
    if "sets" in given.what:
        sets(given.seeds)
    if "tables" in given.what:
        tables(given.seeds, given.effort)
