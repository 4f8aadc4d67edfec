"""The program of a run makes the same bits."""

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.engines import ENGINES
from chainrule.lab.code import plain, program, stem
from chainrule.lab.data import load
from chainrule.lab.design import Design, Examples, optimizer

FLOWER = {"kind": "bundled", "name": "flower"}
POINTS = (
    "X = np.array([[0.5, -1.0, 2.0, 0.25, 1.5], [1.0, 0.5, -0.5, 2.0, -1.5]])",
    "Y = np.array([[1.0, 0, 1, 0, 1]])",
)
NONE = ("X_val, Y_val = X[:, :0], Y[:, :0]",)


def made(task="binary", name="points"):
    """A few examples, by lines of Python."""
    lines = {
        "binary": POINTS,
        "regression": (*POINTS, "Y = 3 * X[:1] - X[1:]"),
        "classes": (*POINTS, "Y = np.array([[1.0, 0, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 1, 0, 0]])"),
        "flower": ("X, Y = cr.datasets.flower(37)",),
    }[task] + NONE
    space = {"np": np, "cr": cr}
    exec("\n".join(lines), space)
    X, Y, X_val, Y_val = (space[each] for each in ("X", "Y", "X_val", "Y_val"))
    task = "binary" if task == "flower" else task
    return Examples(name, X, Y, X_val, Y_val, task, ("x1", "x2"), "y", code=lines)


def trained_by(text):
    space = {}
    exec(compile(text, "program.py", "exec"), space)
    return space["net"]


def any_design(rng):
    """A design of any kind, on any of the data."""
    hidden = rng.integers(1, 6, rng.integers(0, 4)).tolist()
    rate = float(rng.choice([0.01, 0.003, 0.1]))
    return {
        "hidden": hidden,
        "activations": rng.choice(["tanh", "relu", "sigmoid", "leaky_relu", "silu"], len(hidden)).tolist(),
        "init": rng.choice(["auto", "he", "xavier", "small"]).item(),
        "init_scale": float(rng.choice([1, 1, 3, 0.5])),
        "seed": int(rng.integers(0, 100)),
        "normalize": rng.choice([None, "standard", "robust"]),
        "dtype": rng.choice(["float64", "float32"]).item(),
        "optimizer": any_optimizer(rng, rate),
        **any_options(rng, len(hidden)),
    }


def any_optimizer(rng, rate=0.01):
    extra = [{}, {"beta1": 0.8, "epsilon": 1e-6}]
    names = [
        {"name": "Adam", **extra[rng.integers(2)]},
        {"name": "AdamW", "weight_decay": 0.1},
        {"name": "GradientDescent"},
        {"name": "Momentum", "beta": 0.5},
        {"name": "Nesterov"},
        {"name": "RMSProp"},
        {"name": "HeavyBall"},
    ]
    return {**names[rng.integers(len(names))], "learning_rate": rate}


def any_options(rng, hidden):
    options = {
        "batch_size": rng.choice([None, 1, 2, 4, 16, 100]),
        "l2": float(rng.choice([0, 0, 0.1])),
        "dropout": rng.choice([0, 0.2, 0.5], hidden).tolist() if rng.random() < 0.4 else [],
        "clip_norm": rng.choice([None, None, 0.3]),
    }
    return {name: value.item() if hasattr(value, "item") else value for name, value in options.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("number", range(30))
def test_a_program_makes_the_bits_of_a_run_with_any_changes(number, engine):
    rng = np.random.default_rng(number)
    examples = made(("binary", "regression", "classes", "flower")[number % 4])
    m = examples.Y.shape[1]
    design = Design.of({"data": {}, **any_design(rng)})
    line = design.timeline(examples, engine)
    for _ in range(number % 5):
        line.go(line.step + int(rng.integers(0, 25)))
        given = any_options(rng, len(design.hidden))
        given = {name: given[name] for name in rng.choice(list(given), 2, replace=False)}
        if rng.random() < 0.5:
            given["optimizer"] = any_optimizer(rng)
        after = replace(
            line.options,
            **{
                "l2": float(given.get("l2", line.options.l2)),
                "clip_norm": given.get("clip_norm", line.options.clip_norm),
                "batch_size": min(given.get("batch_size", line.options.batch_size) or m, m),
                "dropout": tuple(given.get("dropout", line.options.dropout)),
                "optimizer": optimizer(given["optimizer"]) if "optimizer" in given else line.options.optimizer,
            },
        )
        line.change(after)
    line.go(line.step + int(rng.integers(0, 40)))
    text = program(design, examples, line.changes, line.step, engine)
    net = trained_by(text)
    np.testing.assert_array_equal(net.parameters, line.state.network.parameters, err_msg=text)


def test_a_simple_run_looks_simple():
    design = Design.of(
        {"data": FLOWER, "seed": 3, "optimizer": {"name": "Adam", "learning_rate": 0.03}, "batch_size": 16}
    )
    text = program(design, made("flower", "flower"), design.timeline(made("flower")).changes, 300)
    assert (
        text
        == f'''"""flower: a network of the lab of chainrule {cr.__version__}, the same to the last bit."""
import chainrule as cr

# The data: each column of X (n[0], m) is an example, that of Y (n[L], m) its target.
X, Y = cr.datasets.flower(37)
X_val, Y_val = X[:, :0], Y[:, :0]

# The network: W[1] (8, 2), W[2] (4, 8), W[3] (1, 4).
net = cr.Network([2, 8, 4, 1], hidden="tanh", seed=3)

# The training: 300 steps, 3 mini-batches an epoch.
# The seed is for the order of the examples in each epoch, and for dropout.
net.train(X, Y, cr.Adam(0.03), epochs=100, batch_size=16, seed=3).run()

# What has come of it: J = (1/m) Σ 𝓛(ŷ, y).
print("J of the training examples:", net.cost(X, Y))
# cr.save(net, "flower.chainrule")  # keeps the network; cr.load brings it back
'''
    )


def test_a_run_that_ends_within_an_epoch_and_one_that_changes_at_the_end_of_epochs():
    design = Design.of({"data": FLOWER, "batch_size": 16})
    examples = made("flower")
    line = design.timeline(examples)
    assert "if step.epoch == 10:  # of this one, counted from 0, only 2 mini-batches" in program(
        design, examples, line.changes, 32
    )
    line.go(30)
    line.change(replace(line.options, optimizer=cr.Adam(0.001), batch_size=37))
    line.go(45)
    text = program(design, examples, line.changes, line.step)
    assert "changes = {  # epochs that are done: what changes then\n" in text
    assert '    10: {"optimizer": cr.Adam(0.001), "batch_size": None},\n' in text
    assert "Batches" not in text
    np.testing.assert_array_equal(trained_by(text).parameters, line.state.network.parameters)


def test_a_run_that_has_not_begun_prints_the_cost_of_the_initial_weights(capsys):
    design = Design.of({"data": FLOWER})
    examples = load(FLOWER)
    examples = replace(examples, code=made("flower").code, X_val=examples.X[:, :0], Y_val=examples.Y[:, :0])
    text = program(design, examples, design.timeline(examples).changes, 0)
    assert "It is not trained yet" in text
    assert ".train(" not in text
    trained_by(text)
    assert "J of the training examples: 0." in capsys.readouterr().out


def test_names_of_strangers_stay_names():
    nasty = 'a"""\nimport os\\\u202e\''
    assert plain(nasty) == "a    import os"
    assert stem("../../etc/passwd \0.csv") == "passwd"
    text = program(Design.of({"data": {}}), made(name=nasty), [], 0)
    assert text.splitlines()[0].count('"""') == 2
    assert "import os: a network" in text


SPECS = [
    *({"kind": "bundled", "name": name} for name in ("moons", "digits", "iris", "xor", "sine")),
    {"kind": "bundled", "name": "spirals", "validation": 0.3, "split_seed": 4, "features": ["x1", "x2", "x1*x2"]},
    {"kind": "points", "points": [[0.5, 1, 0], [-1, 2, 1], [0.1, -0.25, 2], [0, 0, 1]], "classes": 3},
    {"kind": "formula", "formula": "sin(3*x)", "m": 30, "noise": 0.1, "scale_target": True},
    {"kind": "formula", "formula": "x1*x2 > 0.2", "m": 40},
    {"kind": "file", "path": "people.csv", "target": "fate"},
    {"kind": "file", "path": "people.csv", "target": "age", "encoding": "recipe"},
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.get("name") or spec["kind"])
def test_a_program_has_the_data_of_every_kind(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{20 + i % 50},{'abc'[i % 3]},{'lived' if i % 7 < 3 else 'died'}" for i in range(60)]
    (tmp_path / "people.csv").write_text("age,ship,fate\n" + "\n".join(rows))
    design = Design.of({"data": spec, "batch_size": 16, "dtype": "float32"})
    examples = load(spec)
    line = design.timeline(examples)
    line.go(5)
    text = program(design, examples, line.changes, 5)
    np.testing.assert_array_equal(trained_by(text).parameters, line.state.network.parameters, err_msg=text)
