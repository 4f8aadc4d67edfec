"""engine="jax" on the device that JAX finds, beside PyTorch there: eager, torch.compile, CUDA graphs.

    python benchmarks/gpu.py [CASE …] [--seconds 2] [--rounds 5] [--peers eager,compile,graphs] [--quick]

mnist and mnist-1024: 784-256-128-10 by mini-batches of 128 and 1,024. wide: 1024-2048-2048-10, 1,024. many: a thousand
networks of 64-32-10, 32, each with an order of its own, by `train_many` and in PyTorch as one network of batched
products. All in float32 with Adam, data resident on the device, a new order in every epoch.

First each trains for some steps from the same parameters, in the order of the examples, and must come to those of the
float64 reference. Then the time of a step is taken: the first epoch by itself, and epochs that fill the seconds, until
the device is at its end; the median of the rounds, which go from one contender to the next. The kernel ("auto") is
timed, too, on the processor. --quick: tiny networks, a tenth of a second, to see that it works.
"""

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
from contenders import has
from timing import headline, machine, number, spread, table

import chainrule as cr
from chainrule import engines
from chainrule.training.train import prepare

TOLERANCE = 2e-2  # of the way that the parameters go, in float32 by Adam; see contenders.py
CHECKED = 10  # steps


@dataclass(frozen=True)
class Case:
    """Networks of some sizes, the rows they learn, and how many of them there are."""

    sizes: tuple
    rows: int
    batch: int
    networks: int = 1

    @property
    def steps(self):
        """Of an epoch."""
        return -(-self.rows // self.batch)

    def data(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.rows, self.sizes[0]), dtype=np.float32)
        return X, rng.integers(self.sizes[-1], size=self.rows)

    def network(self, seed, dtype=np.float32):
        start = cr.Network(self.sizes, output="softmax", seed=seed, dtype=np.float32)
        net = cr.Network(self.sizes, output="softmax", init="zeros", dtype=dtype)
        net.parameters = start.parameters
        return net


CASES = {
    "mnist": Case((784, 256, 128, 10), 60_000, 128),
    "mnist-1024": Case((784, 256, 128, 10), 60_000, 1024),
    "wide": Case((1024, 2048, 2048, 10), 16_384, 1024),
    "many": Case((64, 32, 10), 1504, 32, 1000),
}
QUICK = {name: replace(case, sizes=(8, 6, 3), rows=64, batch=16, networks=min(case.networks, 3))
         for name, case in CASES.items()}  # fmt: skip
ADAM = cr.Adam(1e-4)


class Chainrule:
    """One of our engines; several networks by `train_many`. `parameters` are those of the first network."""

    def __init__(self, case, engine, dtype=np.float32):
        self.case, self.name, self.dtype = case, engine, dtype
        self.family = f"chainrule {engine}"
        self.engine = engines.get(engine, case.network(0), ADAM)

    def start(self, shuffle):
        X, labels = self.case.data()
        self.X, self.Y = X.T.astype(self.dtype), cr.one_hot(labels, self.case.sizes[-1]).astype(self.dtype)
        self.nets = [self.case.network(i, self.dtype) for i in range(self.case.networks)]
        self.options = {"batch_size": self.case.batch, "shuffle": shuffle}
        self.state = prepare(self.nets[0], self.nets[0].check_examples(self.X, self.Y), ADAM, seed=0, **self.options)

    def epochs(self, count):
        if self.case.networks == 1:
            self.engine.run(self.state, count)
        else:
            cr.train_many(self.nets, self.X, self.Y, ADAM, epochs=count, every=count, engine=self.name,
                          seed=cr.Each(range(len(self.nets))), **self.options)  # fmt: skip

    def steps(self, count):
        if self.case.networks == 1:
            self.engine.steps(self.state, count)
        else:
            self.epochs(1)

    def parameters(self):
        return self.nets[0].parameters


class Torch:
    """PyTorch; how: eager, compile or graphs. Several networks are one, of batched products."""

    def __init__(self, case, how):
        self.case, self.how, self.family = case, how, f"PyTorch {how}"

    def start(self, shuffle):
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False  # as ours: float32 in full
        self.shuffle, self.device = shuffle, "cuda" if torch.cuda.is_available() else "cpu"
        X, labels = self.case.data()
        self.X, self.y = (torch.from_numpy(A).to(self.device) for A in (X, labels))
        nets = [self.case.network(i) for i in range(self.case.networks)]
        layers = range(1, len(self.case.sizes))

        def stacked(arrays):
            whole = torch.from_numpy(np.stack(arrays))
            return (whole if len(nets) > 1 else whole[0]).to(self.device).requires_grad_()

        self.W = [stacked([net.W[l] for net in nets]) for l in layers]
        self.b = [stacked([net.b[l].T if len(nets) > 1 else net.b[l].ravel() for net in nets]) for l in layers]
        self.optimizer = torch.optim.Adam([*self.W, *self.b], ADAM.learning_rate, betas=(ADAM.beta1, ADAM.beta2),
                                          eps=ADAM.epsilon, fused=True, capturable=self.how == "graphs")  # fmt: skip
        self.J = torch.compile(self._J) if self.how == "compile" else self._J
        self.graph = None

    def _J(self, X, y):
        import torch

        A = X
        for l, (W, b) in enumerate(zip(self.W, self.b, strict=True), start=1):
            Z = torch.nn.functional.linear(A, W, b) if W.ndim == 2 else torch.baddbmm(b, A, W.transpose(1, 2))
            A = torch.relu(Z) if l < len(self.W) else Z
        # The sum of the means over the examples of each network: so each has the gradient of its own J.
        return torch.nn.functional.cross_entropy(A.flatten(0, -2), y.flatten()) * self.case.networks

    def _step(self, X, y):
        self.optimizer.zero_grad(set_to_none=True)
        self.J(X, y).backward()
        self.optimizer.step()

    def _graphed(self, X, y):
        import torch

        if self.graph is None or self.still[0].shape != X.shape:
            if self.graph is not None:
                return self._step(X, y)  # the short mini-batch
            kept = [p.detach().clone() for p in (*self.W, *self.b)]
            self.still = X.clone(), y.clone()
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(3):
                    self._step(*self.still)
            torch.cuda.current_stream().wait_stream(stream)
            self.graph = torch.cuda.CUDAGraph()
            self.optimizer.zero_grad(set_to_none=True)
            with torch.cuda.graph(self.graph):
                self.J(*self.still).backward()
                self.optimizer.step()
            with torch.no_grad():  # as if there had been no step yet
                for p, before in zip((*self.W, *self.b), kept, strict=True):
                    p.copy_(before)
                    for slot in self.optimizer.state[p].values():
                        slot.zero_()
        for still, new in zip(self.still, (X, y), strict=True):
            still.copy_(new)
        self.graph.replay()
        return None

    def _order(self):
        import torch

        lead = (self.case.networks,) if self.case.networks > 1 else ()
        if self.shuffle:
            return torch.rand(*lead, self.case.rows, device=self.device).argsort(-1)
        return torch.arange(self.case.rows, device=self.device).expand(*lead, self.case.rows)

    def _run(self, order):
        step = self._graphed if self.how == "graphs" else self._step
        for rows in order.split(self.case.batch, dim=-1):
            step(self.X[rows], self.y[rows])
        self.wait()

    def epochs(self, count):
        for _ in range(count):
            self._run(self._order())

    def steps(self, count):
        self._run(self._order()[..., : count * self.case.batch])

    def wait(self):
        import torch

        if self.device == "cuda":
            torch.cuda.synchronize()

    def parameters(self):
        arrays = [A.detach().cpu().numpy() for pair in zip(self.W, self.b, strict=True) for A in pair]
        return np.concatenate([(A if self.case.networks == 1 else A[0]).ravel() for A in arrays])


def contenders(case, peers):
    """Those that there are here."""
    found = [Chainrule(case, "jax"), Chainrule(case, "auto")]
    if has("torch"):
        import torch

        found += [Torch(case, how) for how in peers if how != "graphs" or torch.cuda.is_available()]
    return found


def check(case, found):
    """SystemExit for one that does not train as the reference does."""
    reference = Chainrule(case if case.networks == 1 else replace(case, networks=1), "numpy", np.float64)
    reference.start(False)
    before = reference.parameters().copy()
    steps = CHECKED if case.networks == 1 else case.steps
    reference.steps(steps)
    wanted = reference.parameters()
    for one in found:
        one.start(False)
        one.steps(steps)
        away = np.linalg.norm(one.parameters() - wanted) / np.linalg.norm(wanted - before)
        if not away <= TOLERANCE:
            raise SystemExit(f"{one.family}: {away:.1e} of the way from the reference, allowed {TOLERANCE:.0e}")


def seconds_of(one, seconds):
    """Of an epoch, after one that does not count."""
    count = 1
    while True:
        started = time.perf_counter()
        one.epochs(count)
        if (taken := time.perf_counter() - started) >= seconds:
            return taken / count
        count = max(count + 1, int(1.2 * count * seconds / taken))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", choices=[[], *CASES], default=[], help=", ".join(CASES))
    parser.add_argument("--seconds", type=float, default=2.0, help="of a sample")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default="eager,compile,graphs", help="of PyTorch")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    peers = [] if given.peers == "none" else given.peers.split(",")
    if given.quick:
        given.seconds, given.rounds = 0.1, 1
        peers = [how for how in peers if how != "compile"]  # half a minute of a C++ compiler on a processor
    print(headline(machine()), cr.devices(), "", sep="\n")
    rows = [("case", "contender", "a step, µs", "spread", "times as long as jax", "first epoch, s")]
    for name, case in (QUICK if given.quick else CASES).items():
        if given.cases and name not in given.cases:
            continue
        found = contenders(case, peers)
        check(case, found)
        samples, first = {one.family: [] for one in found}, {}
        for one in found:
            one.start(True)
            started = time.perf_counter()
            one.epochs(1)
            first[one.family] = number(time.perf_counter() - started)
        for _ in range(given.rounds):
            for one in found:
                samples[one.family].append(seconds_of(one, given.seconds))
        ours = np.median(samples["chainrule jax"])
        for family, taken in samples.items():
            middle = float(np.median(taken))
            step, times = number(middle / case.steps * 1e6), number(middle / ours)
            rows.append((name, family, step, f"{spread(taken):.0%}", times, first[family]))
    table(rows)


if __name__ == "__main__":
    main()
