"""A new row needs nothing but its table: one in each, and used through every door of the network."""

import copy
import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest

import chainrule as cr
from chainrule import activations, initializers, losses, optimizers
from chainrule.activations import Activation
from chainrule.checks import Checked, bounded
from chainrule.losses import Loss
from support.contract import assert_gradients, masks, named, rng_of

m = 40


def _cube(Z):
    return Z**3


def _cube_slope(Z):
    return 3 * Z**2


def _log_cosh(Z, Y):
    E = abs(Z - Y)
    return (E + np.log1p(np.exp(-2 * E)) - np.log(2)).sum(axis=0, keepdims=True), np.tanh(Z - Y)


def _cubed(Z, Y):
    return ((Z**3 - Y) ** 2).sum(axis=0, keepdims=True) / 2, (Z**3 - Y) * 3 * Z**2


def _orthogonal(rng, shape):
    Q, _ = np.linalg.qr(rng.standard_normal((max(shape), max(shape))))
    return Q[: shape[0], : shape[1]]


@dataclass(frozen=True)
class SignDescent(optimizers.Rule):
    """w = w − α sign(v), v = β v + (1 − β) g."""

    remembers = ("v", "t")
    beta: float = bounded(0.9, below=1)

    def step(self, params, grads, state):
        v, t = state
        v = self.beta * v + (1 - self.beta) * grads
        return params - self.learning_rate * np.sign(v), (v, t + 1)


@dataclass(frozen=True)
class Triangle(Checked):
    """Up and down between 1/2 and 1."""

    period: int = bounded(least=2)

    def __call__(self, epoch):
        return 0.5 + abs(epoch % self.period - self.period / 2) / self.period


CUBE = Activation("cube", _cube, _cube_slope, "z³", "3z²", init="orthogonal")


@pytest.fixture(autouse=True)
def new_rows(monkeypatch):
    monkeypatch.setitem(activations.ACTIVATIONS, "cube", CUBE)
    monkeypatch.setitem(initializers.INITIALIZERS, "orthogonal", _orthogonal)
    for row in (
        Loss("log_cosh", "identity", _log_cosh, "Σ log cosh(a − y)", "tanh(A[L] − Y)"),
        Loss("half_squared_error", "cube", _cubed, "½ Σ (a − y)²", "(A[L] − Y) ∗ g[L]′(Z[L])"),
    ):
        monkeypatch.setitem(losses.LOSSES, (row.name, row.output), row)


@pytest.fixture(params=[("identity", "log_cosh"), ("cube", None)], ids=["a new loss", "a new output"])
def net(request):
    output, loss = request.param
    net = cr.Network([3, 5, 2], hidden="cube", output=output, loss=loss, seed=0)
    rng = rng_of("new rows", *request.param)
    for l in range(1, net.L + 1):
        net.b[l] = 0.3 * rng.standard_normal(net.b[l].shape)
    return net


@pytest.fixture
def examples():
    rng = rng_of("new rows")
    X = rng.uniform(-1, 1, (3, m))
    return X, X[:2] ** 3 - X[1:] + 0.1 * rng.standard_normal((2, m))


def test_it_is_found_by_its_name(net):
    assert net.g[1] is CUBE
    assert activations.get("cube") is CUBE
    with pytest.raises(ValueError, match=r"unknown activation 'cubed'. Did you mean 'cube'\?"):
        activations.get("cubed")
    with pytest.raises(ValueError, match="loss 'log_cosh' needs output 'identity', got output='sigmoid'"):
        losses.get("log_cosh", "sigmoid")


def test_auto_takes_the_initial_weights_of_the_row():
    assert initializers.get("auto", "cube") is _orthogonal
    W = cr.Network([6, 4, 1], hidden="cube", seed=0).W[1]
    np.testing.assert_allclose(W @ W.T, np.eye(4), atol=1e-12)
    W = cr.Network([6, 4, 1], hidden="tanh", init="orthogonal", seed=0).W[1]
    np.testing.assert_allclose(W @ W.T, np.eye(4), atol=1e-12)


def test_the_network_describes_itself_with_it(net):
    assert f"hidden='cube', output={net.g[-1].name!r}, loss={net.loss.name!r}" in repr(net)
    assert [layer["activation"] for layer in net.describe()["layers"]] == ["cube", net.g[-1].name]
    assert net.describe()["loss"] == net.loss.name
    assert "cube" in str(net)


def test_its_gradient_is_checked(net, examples):
    assert_gradients(net, *examples, 0.7, np.arange(1.0, m + 1), masks(net, m, rng_of("masks")))
    assert cr.check_gradients(net, *examples, l2=0.7, weights=np.arange(1.0, m + 1))
    assert cr.check_gradients(net, *examples, net.gradients(*examples))
    net.g[1] = replace(CUBE, derivative=_cube)
    assert cr.check_gradients(net, *examples, raises=False).first_wrong.name == "dW[1]"


def test_mistakes_with_it_are_named(net, examples):
    _, dW, db = net.gradients(*examples)
    twice = [None, *(2 * d for d in dW[1:])], [None, *(2 * d for d in db[1:])]
    wrong = [None, *(-d for d in dW[1:])], [None, *(-d for d in db[1:])]
    assert not cr.check_gradients(net, *examples, twice, raises=False)
    looks_like = cr.check_gradients(net, *examples, wrong, raises=False).first_wrong.looks_like
    assert looks_like == ("the sign is the wrong way round: Y − A instead of A − Y",)
    net.g[1] = activations.get("tanh")
    wrong = net.gradients(*examples)[1:]
    net.g[1] = CUBE
    looks_like = cr.check_gradients(net, *examples, wrong, raises=False).first_wrong.looks_like
    assert looks_like == ("the hidden units are computed with tanh, but g is cube",)


def test_it_is_traced(net, examples):
    t = cr.trace(net, *examples)
    np.testing.assert_array_equal(t.A[1], t.Z[1] ** 3)
    np.testing.assert_allclose(t.dZ[1], t.dA[1] * 3 * t.Z[1] ** 2)
    last = {"log_cosh": "dZ[2] = tanh(A[2] − Y)", "half_squared_error": "dZ[2] = (A[2] − Y) ∗ g[2]′(Z[2])"}
    for shown in (repr(t), cr.trace(net, *examples, weights=np.ones(m))._repr_html_()):
        assert "cube(z) = z³" in shown
        assert "cube′(z) = 3z²" in shown
    assert last[net.loss.name] in repr(t)
    assert t.unit(1, 2).a == pytest.approx(t.unit(1, 2).z ** 3)
    errors = {name: abs(d - named(*net.gradients(*examples)[1:])[name]).max() for name, d in named(t.dW, t.db).items()}
    assert max(errors.values()) < 1e-12


def test_it_is_diagnosed(net, examples):
    X, Y = examples
    steps = list(net.train(X, Y, cr.Adam(0.003), epochs=400))
    found = cr.diagnose(net, X, Y, steps=steps)
    assert steps[-1].cost < 0.2 * steps[0].cost
    assert 0.7 < found.learned < 1
    assert not {"targets not scaled", "class imbalance"} & {finding.name for finding in found}
    assert found.unchecked["class imbalance"] == "the targets are no classes"
    assert any(finding.name == "targets not scaled" for finding in found.passed)
    # The best constant answer, found by its Z where the row has no inverse.
    zeros = cr.Network([3, 2], output=net.g[-1].name, loss=net.loss.name, init="zeros")
    zeros.b[1] = np.cbrt(Y.mean(axis=1, keepdims=True)) if net.g[-1].name == "cube" else Y.mean(axis=1, keepdims=True)
    assert abs(cr.diagnose(zeros, X, Y).learned) < 0.01


def test_it_is_trained_with_a_new_optimizer_and_a_new_schedule(net, examples):
    X, Y = examples
    before, optimizer = net.parameters.copy(), SignDescent(0.01, 0.5)
    (step,) = net.train(X, Y, optimizer, epochs=1, schedule=Triangle(4))
    assert (step.engine, step.learning_rate) == ("numpy", 0.01)
    np.testing.assert_allclose(abs(net.parameters - before), 0.01, rtol=1e-9)
    steps = list(net.train(X, Y, optimizer, epochs=200, schedule=Triangle(4)))
    assert [s.learning_rate for s in steps[:3]] == pytest.approx([0.01, 0.0075, 0.005])
    assert steps[-1].cost < 0.5 * step.cost
    assert pickle.loads(pickle.dumps(optimizer)) == replace(optimizer) == optimizer
    with pytest.raises(ValueError, match=r"SignDescent\.beta: got 1\.0, wanted a number of 0 or more and below 1"):
        SignDescent(beta=1.0)
    with pytest.raises(ValueError, match=r"Triangle\.period: got 1, wanted a number of 2 or more"):
        Triangle(1)


def test_it_is_copied_pickled_and_saved(net, examples, tmp_path):
    cr.save(net, tmp_path / "net.chainrule")
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), cr.load(tmp_path / "net.chainrule")):
        assert repr(other) == repr(net)
        assert other.g[1] == CUBE
        np.testing.assert_array_equal(other.forward(examples[0]), net.forward(examples[0]))


def test_it_is_drawn():
    pytest.importorskip("matplotlib")
    assert "cube" in {axes.get_title() for axes in cr.plots.activations().axes}
