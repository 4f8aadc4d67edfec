"""Claims 5 to 7 and 11: what the first weights decide."""

from collections.abc import Sequence
from math import inf
from typing import Any

import numpy as np

from chainrule import datasets
from chainrule.claims import drawing
from chainrule.claims.common import Result, claim, count, epochs_until, judge, mean_cost, measured
from chainrule.engines import ENGINES
from chainrule.network import Network
from chainrule.optimizers import LBFGS, GradientDescent
from chainrule.training.many import Each, train_many
from chainrule.working.trace import trace

# The first two are the claimed ones; the third is Xavier's where He's belongs.
SCHEMES: tuple[tuple[str | float, str], ...] = (
    ("he", "relu"), ("xavier", "tanh"), ("xavier", "relu"), (0.01, "relu"), (0.01, "tanh"), (1.0, "relu"), (1.0, "tanh")
)  # fmt: skip


@claim(
    5,
    "With zero weights all units of a hidden layer stay identical for ever; zero biases do no harm.",
    "Largest difference between the weights and biases of two hidden units, looked at 10 times in 300 epochs of "
    "mini-batches, on every engine. It holds if it is exactly 0, and if zero biases under random weights cost less "
    "than 2 points of accuracy.",
)
def zero_weights_stay_identical(seeds: Sequence[int], init: str | float = "zeros") -> Result:
    X, Y = datasets.flower()
    start = "zero weights" if init == "zeros" else f"{init} weights"
    cases = [(f"{start}, {g}", g, init, 0.0) for g in ("tanh", "sigmoid", "relu")]
    cases += [(f"random weights, {name} biases, tanh", "tanh", 1.0, b) for name, b in (("zero", 0.0), ("random", 1.0))]
    engines = list(ENGINES)
    # Every engine where bits are compared, one where accuracies are.
    keys = [(c, e, seed) for c in cases for e in (engines if c[2] == init else engines[-1:]) for seed in seeds]
    nets = []
    for (_, g, scale, biases), _, seed in keys:
        net = Network([2, 4, 1], hidden=g, init=scale, seed=seed)
        net.b[1] = biases * np.random.default_rng(seed).standard_normal((4, 1))
        nets.append(net)
    spread = np.zeros(len(nets))
    costs: list[list[float]] = [[] for _ in nets]
    for stretch in range(10):  # looked at ten times: once apart, units do not meet again to the last bit
        runs = train_many(
            nets, X, Y, GradientDescent(1.0), epochs=30, every=10, batch_size=100,
            seed=Each(100 * seed + stretch for *_, seed in keys), engine=Each(engine for _, engine, _ in keys),
        )  # fmt: skip
        for i, (net, steps) in enumerate(zip(nets, runs, strict=True)):
            spread[i] = max(spread[i], np.abs(net.W[1] - net.W[1][0]).max(), np.ptp(net.W[2]), np.ptp(net.b[1]))
            costs[i] += [step.cost for step in steps]
    scores, moved = measured(nets, X, Y), np.array([np.abs(net.W[1]).max() for net in nets])
    mine = {case: [i for i, key in enumerate(keys) if key[0] == case] for case in cases}
    rows = [(case[0], spread[i].max(), moved[i].mean(), scores[i].mean()) for case, i in mine.items()]
    different = [f"{case[1]} on {keys[i][1]}" for case in cases[:3] for i in mine[case] if spread[i] > 0]
    still = [case[1] for case in cases[:3] if not moved[mine[case]].any()]
    identical, harmless = not different, bool(rows[-1][-1] - rows[-2][-1] < 0.02 and rows[-2][1] > 0)
    parts = [
        f"From {start} the hidden units stay equal to the last bit over 300 epochs, on {' and '.join(engines)}."
        if identical
        else f"From {start} the hidden units come apart ({', '.join(dict.fromkeys(different))}).",
        f"Zero biases under random weights reach {rows[-2][-1]:.1%}, random biases {rows[-1][-1]:.1%}: "
        f"{'no harm' if harmless else 'they do harm'}.",
    ]
    if still:
        parts.append(f"With {' and '.join(still)} W[1] does not move at all: its gradient is 0.")
    zero, random = (nets[keys.index((case, engines[-1], seeds[0]))].W[1] for case in (cases[1], cases[3]))
    epoch = np.linspace(0, 300, len(costs[0]))
    curves = {case[0]: (epoch, np.mean([costs[i] for i in each], axis=0)) for case, each in mine.items()}
    title = "W[1] after 300 epochs, a row for a unit"
    return Result(
        judge([identical, harmless]),
        " ".join(parts),
        ("start", "largest difference between units", "largest |w| of W[1], mean", "mean accuracy"),
        tuple(rows),
        drawing.picture(
            drawing.matrices({"from zero\n(sigmoid)": zero, "from random\n(tanh)": random}, title=title),
            drawing.lines(curves, xlabel="epoch", ylabel="cost J", title="mean cost"),
        ),
    )


@claim(
    6,
    "Logistic regression, which has no hidden layer, learns from zero weights.",
    "Epochs of gradient descent (α = 1) until the cost is within 1% of the lowest there is (found by L-BFGS), on two "
    "moons. It holds if zero weights arrive with every seed, in at most twice the epochs of random ones.",
)
def logistic_learns_from_zero(seeds: Sequence[int], hidden: tuple[int, ...] = ()) -> Result:
    X, Y = map(Each, zip(*(datasets.moons(300, 0.3, seed) for seed in seeds), strict=True))
    best = [Network([2, *hidden, 1], hidden="tanh", seed=seed) for seed in seeds]
    train_many(best, X, Y, LBFGS(tolerance=1e-9), epochs=300, every=300)
    lowest = measured(best, X, Y, Network.cost)
    starts: dict[str, tuple[tuple[int, ...], str | float]] = {
        "zero weights": (hidden, "zeros"),
        "0.01 N(0, 1)": (hidden, 0.01),
        "N(0, 1)": (hidden, 1.0),
        "zero, with a hidden layer": ((4,), "zeros"),
    }
    rows, curves, needed = [], {}, []
    for name, (layers, init) in starts.items():
        nets = [Network([2, *layers, 1], hidden="tanh", init=init, seed=seed) for seed in seeds]
        gradient = measured(nets, X, Y, lambda net, x, y: np.linalg.norm(net.gradients(x, y)[1][1])).mean()
        runs = train_many(nets, X, Y, GradientDescent(1.0), epochs=3000)
        needed.append([epochs_until(steps, 1.01 * J) for steps, J in zip(runs, lowest, strict=True)])
        _, cost = curves[name] = mean_cost(runs)
        rows.append((name, gradient, count(np.median(needed[-1])), cost[-1], measured(nets, X, Y).mean()))
    zero, small, large, _ = (float(np.median(epochs)) for epochs in needed)
    learns, as_fast = max(needed[0]) < inf, zero <= 2 * min(small, large) < inf
    shown = drawing.lines(curves, level=float(lowest.mean()), title="gray: the lowest cost (L-BFGS)")
    return Result(
        judge([learns, as_fast]),
        f"From zero weights the cost is within 1% of the lowest after {count(zero)} epochs, from small random weights "
        f"after {count(small)}, from N(0, 1) after {count(large)}. The gradient at zero is {rows[0][1]:.2g}: "
        + ("a single unit has no other to stay equal to." if learns else "the training does not get there."),
        ("start", "‖dW[1]‖ at the start", "epochs to 1% of the lowest cost", "mean cost at the end", "mean accuracy"),
        tuple(rows),
        drawing.picture(shown, xscale="log", xlabel="epochs of gradient descent", ylabel="cost J, mean"),
    )


@claim(
    7,
    "With weights × 1000 tanh is saturated, and learning is slow.",
    "Share of tanh slopes below 0.01 at the start; accuracy on the flower after 3,000 epochs with 10 units. It holds "
    "if over 90% are flat with 1000 N(0, 1) and under 10% with 0.01 N(0, 1), and the cost stays higher with every "
    "seed.",
)
def large_weights_saturate(seeds: Sequence[int], factors: Sequence[float] = (0.01, 1.0, 10.0, 100.0, 1000.0)) -> Result:
    X, Y = datasets.flower()
    nets = [Network([2, 10, 1], hidden="tanh", init=factor, seed=seed) for factor in factors for seed in seeds]
    first = [trace(net, X, Y) for net in nets]
    runs = train_many(nets, X, Y, GradientDescent(0.5), epochs=3000, every=10)
    changes = [np.linalg.norm(n.W[1] - t.W[1]) / np.linalg.norm(t.W[1]) for n, t in zip(nets, first, strict=True)]
    each = ([np.mean(t.slope[1] < 0.01) for t in first], changes, measured(nets, X, Y))
    flat, moved, scores = (np.reshape(values, (len(factors), -1)) for values in each)
    costs = np.reshape([[step.cost for step in steps] for steps in runs], (*flat.shape, -1))
    saturated = bool(flat[-1].min() > 0.9 and flat[0].max() < 0.1)
    slow = bool((costs[-1, :, -1] > costs[0, :, -1]).all() and scores[-1].mean() < scores[0].mean())
    names = [f"{factor:g} N(0, 1)" for factor in factors]
    curves = {name: (np.arange(len(c.T)) * 10 + 1, c.mean(axis=0)) for name, c in zip(names, costs, strict=True)}
    shares = [f"{name}: {share:.0%}" for name, share in zip(names, flat.mean(axis=1), strict=True)]
    return Result(
        judge([saturated, slow]),
        f"With weights of {names[-1]}, {flat[-1].mean():.1%} of the tanh slopes are below 0.01 at the "
        f"start ({flat[0].mean():.1%} with {factors[0]:g}). After 3,000 epochs W[1] has moved by "
        f"{moved[-1].mean():.2%} of itself and {scores[-1].mean():.1%} of the examples are right, against "
        f"{scores[0].mean():.1%}.",
        ("first weights × N(0, 1)", "share of slopes < 0.01", "‖W[1] − start‖ / ‖start‖", "cost at the start",
         "cost at the end", "mean accuracy"),
        tuple(
            (factor, f.mean(), w.mean(), c[:, 0].mean(), c[:, -1].mean(), s.mean())
            for factor, f, w, c, s in zip(factors, flat, moved, costs, scores, strict=True)
        ),
        drawing.picture(
            drawing.activation("tanh", "\n".join(["slope below 0.01", "at the start:", *shares])),
            drawing.lines(
                curves, xscale="log", yscale="log", xlabel="epochs", ylabel="cost J, mean", title="training"
            ),
        ),
    )  # fmt: skip


@claim(
    11,
    "He's weights (for ReLU) and Xavier's (for tanh) keep activations and gradients from vanishing or exploding; 0.01 "
    "and 1.0 do not.",
    "Variance of A[l] and of dZ[l] over 50 hidden layers of 100 units, by a trace before training. It holds if with He "
    "and Xavier it changes by less than a factor of 1,000 with every seed, forward and back, and with 0.01 and 1.0 by "
    "more.",
)
def he_and_xavier_in_depth(seeds: Sequence[int], schemes: Sequence[tuple[str | float, str]] = SCHEMES) -> Result:
    hidden, width, m = 50, 100, 100
    names = [f"{init if isinstance(init, str) else f'{init:g} N(0, 1)'}, {g}" for init, g in schemes]
    forward, backward, typical, kept = {}, {}, {}, {}
    for name, (init, g) in zip(names, schemes, strict=True):
        A, dZ = [], []
        for seed in seeds:
            rng = np.random.default_rng([seed, 1])  # not the numbers of the weights
            X, Y = rng.standard_normal((width, m)), (rng.random((1, m)) < 0.5) * 1.0
            found = trace(Network([width] * (hidden + 1) + [1], hidden=g, init=init, seed=seed), X, Y)
            A.append([found.A[l].var() for l in range(1, hidden + 1)])
            dZ.append([found.dZ[l].var() for l in range(1, hidden + 1)])
        forward[name], backward[name] = np.array(A), np.array(dZ)  # (seeds, hidden)
        ratios = forward[name][:, -1] / forward[name][:, 0], backward[name][:, 0] / backward[name][:, -1]
        kept[name] = all(bool((abs(np.log10(r)) <= 3).all()) for r in ratios)
        typical[name] = tuple(float(np.exp(np.mean(np.log(r)))) for r in ratios)
    texts = {name: f"{name} (× {f:.2g} forward, × {b:.2g} back)" for name, (f, b) in typical.items()}
    within, beyond = ("; ".join(texts[n] for n in names if kept[n] is whether) or "none" for whether in (True, False))
    layer = np.arange(1, hidden + 1)
    shown = (
        drawing.lines({name: (layer, np.exp(np.log(v).mean(axis=0))) for name, v in found.items()}, title=title)
        for found, title in ((forward, "activations A[l]"), (backward, "gradients dZ[l]"))
    )
    look: dict[str, Any] = {"xlabel": "layer l", "ylabel": "variance", "yscale": "log", "ylim": (1e-30, 1e30)}
    return Result(
        judge([*(kept[name] for name in names[:2]), *(not kept[name] for name in names[3:])]),
        f"Over {hidden} layers the variance is kept within a factor of 1,000 by {within}; it is not by {beyond}.",
        ("first weights", "var A[50] / var A[1]", "var dZ[1] / var dZ[50]", "kept within a factor of 1,000"),
        tuple((name, *typical[name], kept[name]) for name in names),
        drawing.picture(*shown, share=True, **look),
    )
