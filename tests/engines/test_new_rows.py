"""A new activation, loss or optimizer is one row of its table: without a line of C++ it trains, on the reference."""

from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as cr
from chainrule import activations, engines, losses
from chainrule.activations import Activation
from chainrule.engines import kernel
from chainrule.losses import Loss
from support.contract import assert_gradients

pytestmark = pytest.mark.skipif(not kernel.BUILT, reason="the kernel is not built: everything is on the reference")
# Within [-1, 1], so that its cube cannot run away.
X = np.tanh(np.random.default_rng(0).normal(size=(3, 40)))
Y = (X[:1] * X[1:2] > 0) * 1.0


@pytest.fixture(autouse=True)
def rows(monkeypatch):
    """The tables with a row more, which a release might bring."""
    cube = Activation("cube", lambda Z: Z**3, lambda Z: 3 * Z**2, "z³", "3z²")
    monkeypatch.setitem(activations.ACTIVATIONS, "cube", cube)

    def fourth_power(Z, Y):
        E = Z - Y
        return (E**4).sum(axis=0, keepdims=True) / 4, E**3

    loss = Loss("quarter_fourth_power", "identity", fourth_power, "¼ Σ (a − y)⁴")
    monkeypatch.setitem(losses.LOSSES, ("quarter_fourth_power", "identity"), loss)
    absolute = Loss("absolute", "tanh", lambda Z, Y: losses.LOSSES["absolute", "identity"](Z, Y), "Σ |z − y|")
    monkeypatch.setitem(losses.LOSSES, ("absolute", "tanh"), absolute)
    engines._log_once.cache_clear()


@dataclass(frozen=True)
class SignDescent:
    """w = w − α sign(g)."""

    learning_rate: float = 0.01

    def init(self, params):
        return ()

    def step(self, params, grads, state):
        return params - self.learning_rate * np.sign(grads), ()


def test_a_new_activation_trains_on_the_reference_and_the_log_says_why(caplog):
    net = cr.Network([3, 4, 1], hidden="cube", seed=0)
    assert net.engine == "numpy"
    steps = net.train(X, Y, cr.Adam(0.05), epochs=60).run()
    assert {step.engine for step in steps} == {"numpy"}
    assert steps[-1].cost < steps[0].cost
    assert caplog.messages == [
        "networks run on the slower engine 'numpy': the compiled kernel has no activation 'cube'"
    ]
    assert_gradients(net, X, Y, l2=0.1)
    J, dW, _ = net.gradients(X, Y)
    assert net.cost(X, Y) == J
    assert dW[1].shape == (4, 3)
    with pytest.raises(ValueError, match="engine 'native': the compiled kernel has no activation 'cube'"):
        net.train(X, Y, cr.Adam(), epochs=1, engine="native")


def test_a_new_activation_goes_through_the_estimators_the_files_and_the_working(tmp_path):
    clf = cr.MLPClassifier((5,), "cube", random_state=0, max_iter=30, schedule="cosine").fit(X.T, Y[0])
    assert clf.engine_ == "numpy"
    cr.save(clf, tmp_path / "cube.chainrule")
    again = cr.load(tmp_path / "cube.chainrule")
    np.testing.assert_array_equal(again.predict_proba(X.T), clf.predict_proba(X.T))
    assert "cube" in str(clf.network_)
    assert "cube(Z[1])" in repr(cr.trace(clf.network_, X, Y))
    assert cr.check_gradients(clf.network_, X, Y)
    assert clf.diagnose(X.T, Y[0]).network == repr(clf.network_)


def test_a_new_activation_trains_on_the_command_line(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(
        "train", "iris", "--activation", "cube", "--hidden", "8", "--epochs", "5", "--learning-rate", "0.001"
    )
    assert code == 0
    assert "cube" in out
    code, out, _ = run("inspect", "iris.chainrule")
    assert "cube" in out


@pytest.mark.parametrize(("loss", "output"), [("quarter_fourth_power", "identity"), ("absolute", "tanh")])
def test_a_new_loss_and_a_known_one_for_another_output_train_on_the_reference(loss, output, caplog):
    net = cr.Network([3, 4, 1], hidden="tanh", output=output, loss=loss, seed=0)
    assert net.engine == "numpy"
    steps = net.train(X, X[:1] * 0.5, cr.Adam(0.05), epochs=40).run()
    assert steps[-1].cost < steps[0].cost
    assert f"the compiled kernel has no loss {loss!r} for the output {output!r}" in caplog.text


def test_a_new_optimizer_trains_on_the_reference(caplog):
    net = cr.Network([3, 4, 1], hidden="tanh", seed=0)
    assert net.engine == "native"
    steps = net.train(X, Y, SignDescent(0.01), epochs=60, batch_size=10, seed=0).run()
    assert {step.engine for step in steps} == {"numpy"}
    assert steps[-1].cost < steps[0].cost
    assert "the compiled kernel has no optimizer SignDescent" in caplog.text


def test_what_the_kernel_says_it_has_are_rows_of_the_tables():
    native = kernel.module()
    assert set(native.functions()) <= set(activations.ACTIVATIONS)
    assert set(native.losses()) <= set(losses.LOSSES)
    assert set(native.rules()) <= set(dir(cr.optimizers))
