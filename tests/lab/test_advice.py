"""Every fault is made on purpose in a run; what is advised is done; then it is gone, or the cost is lower."""

import json
import time
from dataclasses import dataclass, replace
from math import inf

import numpy as np
import pytest

from chainrule import datasets
from chainrule.lab.advice import REMEDIES, advise, history
from chainrule.lab.design import Design, Examples
from chainrule.lab.run import Run
from chainrule.working.diagnosis import CHECKS


def examples(X, Y, task=None, held=0):
    """X (n, m) and Y (k, m) as a run gets them; the last `held` of them are not trained on."""
    task = task or ("binary" if len(Y) == 1 else "classes")
    names = tuple(f"x{i + 1}" for i in range(len(X)))
    m = X.shape[1] - held
    return Examples("mine", X[:, :m], Y[:, :m], X[:, m:], Y[:, m:], task, names, "y")


def standard(data):
    X, Y = data
    return (X - X.mean(axis=1, keepdims=True)) / (X.std(axis=1, keepdims=True) + 1e-8), Y


def gradient_descent(rate):
    return {"name": "GradientDescent", "learning_rate": rate}


def adam(rate):
    return {"name": "Adam", "learning_rate": rate}


MOONS, FLOWER, CIRCLES = (examples(*make()) for make in (datasets.moons, datasets.flower, datasets.circles))
DIGITS = examples(*standard(datasets.digits()))
X_DIABETES, Y_DIABETES = standard(datasets.diabetes())
DIABETES = examples(X_DIABETES, (Y_DIABETES - Y_DIABETES.mean()) / Y_DIABETES.std(), "regression")


@dataclass
class Ill:
    """A run with a fault. change: what the remedy changes; None for none. better: not gone, only lower."""

    examples: Examples
    design: dict
    steps: int
    change: tuple | None
    better: bool = False
    rounds: int = 1


def ill(given, hidden, activations, steps, change, better=False, rounds=1, **design):
    activations = [activations] * len(hidden) if isinstance(activations, str) else activations
    return Ill(
        given, {"data": {}, "hidden": hidden, "activations": activations, **design}, steps, change, better, rounds
    )


def diagonal(m=1000):
    rng = np.random.default_rng(0)
    Y = (np.arange(m) % 50 == 0)[None] * 1.0
    return examples(rng.standard_normal((3, m)) + Y, Y)


def shuffled(given):
    order = np.random.default_rng(0).permutation(given.Y.shape[1])
    return replace(given, Y=given.Y[:, order])


def with_columns(given, *rows):
    return examples(np.vstack([given.X, *rows]), given.Y, given.task)


def wave():
    X, Y = datasets.sine()
    return examples(X, 3 * Y, "regression")


NOTHING = None
FAULTS = {
    "inputs not normalized": [
        ill(examples(*datasets.breast_cancer()), (8,), "relu", 100, ("normalize",), optimizer=gradient_descent(1e-4)),
        ill(examples(*datasets.wine()), (8,), "tanh", 100, ("normalize",)),
    ],
    "targets not scaled": [
        ill(wave(), (8,), "tanh", 300, ("output", "loss"), output="tanh", loss="half_squared_error")
    ],
    "inputs do not tell the target": [ill(shuffled(DIGITS), (8,), "relu", 40, NOTHING)],
    "class imbalance": [ill(diagonal(), (8,), "tanh", 100, NOTHING)],
    "duplicated columns": [ill(with_columns(MOONS, 3 * MOONS.X[:1] + 1), (8,), "tanh", 100, NOTHING)],
    "leaking columns": [
        ill(with_columns(CIRCLES, 2 * CIRCLES.Y - 1 + 0.01 * CIRCLES.X[:1]), (8,), "tanh", 100, NOTHING)
    ],
    "L2 too strong": [
        ill(MOONS, (8,), "tanh", 300, ("l2",), l2=1000.0),
        ill(MOONS, (16,), "relu", 300, ("l2",), l2=4.0, batch_size=16),
    ],
    "dropout too strong": [
        ill(DIGITS, (64, 64), "relu", 300, ("dropout",), dropout=(0.95, 0.95), batch_size=64, optimizer=adam(0.003)),
        ill(examples(*standard(datasets.circles())), (16, 16, 16), "tanh", 300, ("dropout",), dropout=(0.8, 0.8, 0.8)),
    ],
    "symmetric hidden units": [
        ill(MOONS, (4,), "tanh", 50, ("init", "init_scale"), init="zeros", optimizer=gradient_descent(1.0)),
    ],
    "exploding gradients": [
        ill(DIGITS, (64,) * 8, "relu", 0, ("init", "init_scale"), init=1.0),
        ill(DIGITS, (64,) * 8, "relu", 0, ("init", "init_scale"), init_scale=4.0),
    ],
    "learning rate too high": [
        ill(DIABETES, (8,), "relu", 100, ("optimizer",), optimizer=gradient_descent(5.0)),
        ill(FLOWER, (8,), "tanh", 300, ("optimizer",), optimizer=gradient_descent(20.0)),
        ill(MOONS, (16, 16), "tanh", 300, ("optimizer",), optimizer=adam(30.0)),
    ],
    "saturated units": [
        ill(FLOWER, (8,), "tanh", 300, ("init", "init_scale"), init_scale=1000.0, optimizer=gradient_descent(0.3)),
        ill(examples(*datasets.xor()), (8,), "tanh", 100, ("init", "init_scale"), init_scale=100.0, output="sigmoid",
            loss="half_squared_error", optimizer=gradient_descent(0.03)),
    ],
    "dead ReLU units": [
        ill(MOONS, (16, 16), "relu", 300, ("activations",), seed=1, optimizer=adam(0.5)),
    ],
    "vanishing gradients": [
        ill(MOONS, (8,) * 8, "sigmoid", 200, ("activations",), optimizer=gradient_descent(0.5)),
        ill(MOONS, (8,) * 8, "tanh", 50, ("init", "init_scale"), init="small", optimizer=gradient_descent(0.5)),
    ],
    "learning rate too low": [
        ill(MOONS, (8,), "tanh", 200, ("optimizer",), rounds=3, optimizer=gradient_descent(1e-3)),
        ill(FLOWER, (8,), "tanh", 200, ("optimizer",), rounds=3, optimizer=adam(1e-5)),
    ],
    "linear hidden layers": [ill(FLOWER, (8, 8), "identity", 200, ("activations",))],
    "constant predictions": [
        ill(replace(MOONS, X=np.ones_like(MOONS.X)), (8,), "tanh", 300, NOTHING),
    ],
    "no better than a constant": [
        ill(examples(*datasets.xor()), (), (), 300, ("hidden", "activations"), optimizer=adam(0.05)),
    ],
    "overfitting": [
        ill(examples(*datasets.moons(60, noise=0.5), held=30), (64, 64), "relu", 400, ("l2",)),
    ],
    "underfitting": [
        ill(FLOWER, (), (), 300, ("hidden", "activations"), optimizer=adam(0.05)),
        ill(examples(*datasets.spirals()), (1,), "tanh", 400, ("hidden", "activations"), optimizer=adam(0.03)),
    ],
}  # fmt: skip


def made(given, design):
    run = Run(1, "run", design, given.examples)
    run.go(given.steps)
    return run


def of(found, name):
    return next((finding for finding in found["findings"] if finding["name"] == name), None)


def cost(run):
    if run.stopped:
        return inf
    return float(run.network.cost(run.examples.X, run.examples.Y))


def test_every_check_has_a_remedy_or_says_that_there_is_none_and_a_run_with_the_fault():
    assert FAULTS.keys() == REMEDIES.keys() == CHECKS.keys()


@pytest.mark.parametrize(("name", "given"), [(name, given) for name in FAULTS for given in FAULTS[name]])
def test_what_is_advised_helps(name, given):
    run = made(given, Design.of(given.design))
    found = advise(run)
    json.dumps(found, allow_nan=False)
    finding = of(found, name)
    assert finding, [each["title"] for each in found["findings"]]
    if given.change is None:
        assert (finding["change"], finding["does"]) == (None, None)
        return
    before, rounds = cost(run), 0
    while finding and finding["change"] and rounds < given.rounds:
        assert tuple(finding["change"]) == given.change
        assert finding["does"].endswith(".")
        run = made(given, run.design.but(**finding["change"]))
        finding, rounds = of(advise(run), name), rounds + 1
    if name == "overfitting":
        X, Y = given.examples.X_val, given.examples.Y_val
        assert run.network.cost(X, Y) < made(given, Design.of(given.design)).network.cost(X, Y)
    elif given.steps:
        assert cost(run) < before
    assert given.better or finding is None, finding


def test_a_finding_says_all_that_there_is_to_it():
    run = made(FAULTS["symmetric hidden units"][0], Design.of(FAULTS["symmetric hidden units"][0].design))
    found = advise(run)
    finding = found["findings"][0]
    assert (finding["name"], finding["layer"], finding["title"]) == (
        "symmetric hidden units",
        1,
        "symmetric hidden units, layer 1",
    )
    assert (finding["value"], finding["threshold"]) == (1.0, 0.05)
    assert "share of units that are equal to another" in finding["text"]
    assert finding["remedy"].startswith("random initial weights")
    assert set(finding["explains"]) <= {each["name"] for each in found["findings"]}
    assert "class imbalance" in found["passed"]
    assert "overfitting" in found["unchecked"]
    assert found["examples"] == [200, 200]


def test_an_effect_advises_what_its_cause_does():
    given = FAULTS["inputs not normalized"][1]
    found = advise(made(given, Design.of(given.design)))
    effects = [each for each in found["findings"] if each["name"] == "constant predictions"]
    assert all(each["change"] == {"normalize": "standard"} for each in effects)


def test_a_healthy_run_has_no_findings():
    run = Run(1, "run", Design.of({"data": {}, "optimizer": adam(0.02)}), CIRCLES)
    run.go(300)
    assert advise(run)["findings"] == []


def test_the_history_has_the_means_of_whole_epochs_and_the_rates_of_their_time():
    run = Run(1, "run", Design.of({"data": {}, "batch_size": 64, "optimizer": gradient_descent(0.1)}), MOONS)
    run.go(9)  # an epoch has 4 steps
    run.change({"optimizer": gradient_descent(0.2), "batch_size": None})
    run.go(12)
    costs = np.array(run.line.costs)
    means = [costs[:4].mean(), costs[4:8].mean(), *costs[9:12]]
    assert history(run.line)["cost"] == pytest.approx(means)
    assert history(run.line)["learning_rate"] == [0.1, 0.1, 0.2, 0.2, 0.2]
    run.go(4)
    assert history(run.line)["cost"] == pytest.approx(means[:1])
    assert history(run.line, stopped=True)["cost"][-1] == inf
    run.go(0)
    assert history(run.line) == {"cost": [], "learning_rate": []}


def test_a_run_at_its_beginning_is_diagnosed():
    assert advise(Run(1, "run", Design.of({"data": {}}), MOONS))["findings"] == []


def test_it_is_quick_for_a_network_of_784_256_128_10():
    rng = np.random.default_rng(0)
    Y = np.eye(10)[rng.integers(10, size=3000)].T
    X = rng.random((784, 3000)) * (rng.random((784, 1)) < 0.8)
    run = Run(
        1,
        "run",
        Design.of({"data": {}, "hidden": (256, 128), "activations": ("relu", "relu"), "batch_size": 64}),
        examples(X, Y),
    )
    run.go(3)
    start = time.perf_counter()
    advise(run)
    assert time.perf_counter() - start < 5  # about 0.3 s on two quiet cores


def test_targets_can_be_scaled():
    spec = {"kind": "bundled", "name": "diabetes"}
    raw = examples(X_DIABETES, Y_DIABETES, "regression")
    design = Design.of({"data": spec, "hidden": (8,), "activations": ("tanh",)})
    run = Run(1, "run", design, raw)
    run.go(100)
    finding = of(advise(run), "targets not scaled")
    assert finding["change"] == {"data": {**spec, "scale_target": True}}
    run = Run(1, "run", design.but(**finding["change"]), DIABETES)  # whose targets are
    run.go(100)
    assert of(advise(run), "targets not scaled") is None


def test_columns_of_a_table_can_be_left_out():
    X, Y = CIRCLES.X, CIRCLES.Y
    given = examples(np.vstack([X, X[:1], 2 * Y - 1]), Y)
    table = replace(
        given, inputs=("a", "b", "c", "paid"), plan=tuple({"name": name} for name in ("a", "b", "c", "paid"))
    )
    for drop in ([], ["d"]):
        spec = {"kind": "file", "path": "t.csv", "drop": drop}
        found = advise(made(ill(table, (4,), "tanh", 50, None), Design.of({"data": spec})))
        twice, leak = of(found, "duplicated columns"), of(found, "leaking columns")
        assert twice["change"] == {"data": {**spec, "drop": [*drop, "c"]}}
        assert leak["change"] == {"data": {**spec, "drop": [*drop, "paid"]}}
        assert leak["does"] == "The column paid stays out."
