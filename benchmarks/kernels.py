"""Single kernels, through the public surface, against the peak of the multiply-adds.

    python benchmarks/kernels.py [--dtype float32] [--engine auto] [--rounds 5] [--seconds 0.05]

forward: net.forward of one layer n[1] × n[0] on m columns. step: a training step of it by gradient descent (forward and
dW; there is no dA of the first layer), as one full batch. hidden: what a layer's activation adds to net.forward, in
nanoseconds for each number. share: of the peak with the same threads. tiny: a step with numbers below the normal ones
(2⁻¹²⁶ in float32), in ordinary steps: without the kernel's flushing to zero some 10.
"""

import argparse
import time

import numpy as np
from contenders import Case, Chainrule
from timing import (
    CORES,
    calibrate,
    clock,
    headline,
    interleave,
    machine,
    number,
    over_the_bound,
    peak,
    report_noise,
    spread,
    table,
    use_threads,
)

import chainrule as cr
from chainrule.activations import ACTIVATIONS, OUTPUT_ONLY
from chainrule.engines import ENGINES
from chainrule.training.train import prepare

# n[1], n[0], m: thin, square, deep, and the layers of the six cases in speed.py.
SHAPES = (
    (4, 2, 400),
    (32, 64, 32),
    (10, 32, 32),
    (100, 30, 200),
    (256, 784, 128),
    (128, 256, 128),
    (20, 12288, 209),
    (64, 64, 4096),
    (256, 256, 256),
    (1024, 1024, 1024),
    (2048, 2048, 1024),
    (17, 63, 129),
    (2048, 1, 1024),
    (1, 2048, 1024),
)
UNITS, COLUMNS = 256, 512  # of the layer whose activation is timed


def layer(n, k, dtype):
    return cr.Network((k, n), output="identity", seed=0, dtype=dtype)


def with_threads(threads, call):
    with use_threads(threads):
        return call()


def matmul_rows(arguments, threads, limit, noise):
    rows = []
    for n, k, m in SHAPES:
        net = layer(n, k, arguments.dtype)
        case = Case("", (k, n), m, m, cr.GradientDescent(1e-6))
        step = Chainrule(case, arguments.dtype, threads, engine=arguments.engine)
        X = np.random.default_rng(0).standard_normal((m, k)).astype(arguments.dtype).T
        epochs, _ = calibrate(step, arguments.seconds)
        calls = {
            "forward": lambda net=net, X=X: clock(lambda: net.forward(X), arguments.seconds),
            "step": lambda step=step, epochs=epochs: step.sample(epochs) / epochs,
        }
        timed = {name: (lambda call=call: with_threads(threads, call)) for name, call in calls.items()}
        for name, samples in interleave(timed, arguments.rounds).items():
            seconds = float(np.median(samples))
            speed = 2 * n * k * m * (2 if name == "step" else 1) / seconds / 1e9
            share = f"{speed / limit:.0%}" if limit else "–"
            noise.append(spread(samples))
            numbers = [number(seconds * 1e6), number(speed), share, f"{noise[-1]:.0%}"]
            rows.append([name, f"{n} × {k}, {m}", str(threads), *numbers])
    return rows


def activation_rows(arguments, noise):
    X = np.random.default_rng(0).standard_normal((COLUMNS, UNITS)).astype(arguments.dtype).T

    def forward(name):
        net = cr.Network((UNITS, UNITS, 1), hidden=name, output="identity", seed=0, dtype=arguments.dtype)
        return lambda: with_threads(1, lambda: clock(lambda: net.forward(X), arguments.seconds))

    names = [name for name in ACTIVATIONS if name not in OUTPUT_ONLY]
    samples = interleave({name: forward(name) for name in names}, arguments.rounds)
    bare = np.array(samples["identity"])
    rows = []
    for name in names:
        added = float(np.median(np.array(samples[name]) - bare)) / (UNITS * COLUMNS)
        noise.append(spread(samples[name]))
        rows.append(["hidden", name, "1", f"{added * 1e9:.2f}", f"{noise[-1]:.0%}"])
    return rows


def tiny_rows(arguments, noise):
    tiny = float(np.finfo(arguments.dtype).tiny) / 1000
    cases = {"ordinary": {}, "inputs": {"inputs": tiny}, "parameters": {"parameters": tiny}}
    cases["inputs, moments"] = {"inputs": tiny, "moments": tiny}

    def steps(inputs=1.0, parameters=1.0, moments=0.0):
        net = cr.Network([64, 64, 64, 4], hidden="tanh", output="identity", seed=0, dtype=arguments.dtype)
        net.parameters *= parameters
        rng = np.random.default_rng(0)
        X, Y = (inputs * rng.standard_normal((n, 256)) for n in (64, 4))
        state = prepare(net, net.check_examples(X, Y), cr.Adam(1e-3))
        state.memory.slots = (*(np.full_like(slot, moments) for slot in state.memory.slots[:2]), 0)
        started = time.perf_counter()
        ENGINES["native"].run(state, 20)
        return time.perf_counter() - started

    calls = {name: lambda case=case: with_threads(1, lambda: steps(**case)) for name, case in cases.items()}
    samples = interleave(calls, max(7, arguments.rounds))
    noise += map(spread, samples.values())
    ordinary = np.median(samples.pop("ordinary"))
    return [["tiny", name, f"{np.median(taken) / ordinary:.2f}"] for name, taken in samples.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--engine", default="auto", help="of chainrule, for the steps")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.05, help="the shortest sample")
    arguments = parser.parse_args()
    info, noise = machine(), []
    print(headline(info) + "\n")
    head = ["kernel", "n[1] × n[0], m", "threads", "µs", "GFLOP/s", "share of the peak", "spread"]
    for threads in sorted({1, CORES}):
        limit = peak(arguments.dtype, threads)
        print(f"{arguments.dtype}, threads: {threads}, peak: {number(limit)} GFLOP/s\n")
        table([head, *matmul_rows(arguments, threads, limit, noise)])
    head = ["kernel", "activation", "threads", "ns a number over identity", "spread"]
    table([head, *activation_rows(arguments, noise)])
    if "native" in ENGINES:
        table([["kernel", "tiny numbers in", "ordinary steps"], *tiny_rows(arguments, noise)])
    report_noise(info, {"the kernels": over_the_bound(noise)})


if __name__ == "__main__":
    main()
