"""Known bugs, put in one at a time: the checks must object to every one, and to nothing else.

A bug is a fragment of the source and what a tired programmer would have written instead; a fragment that is no longer
there fails the test, so that this list cannot rot. All layers have the same size here, because a transpose that is
missing shows in the shapes otherwise.
"""

import inspect
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

import chainrule as cr
from chainrule import equations, optimizers
from chainrule.engines import reference
from support.contract import assert_gradients, masks, network, problem, reported
from support.oracles import BY_HAND, GRADIENTS, trajectory, written_out

m, n = 7, 4


def planted(module: ModuleType, fragment: str, instead: str) -> ModuleType:
    """A copy of the module with one fragment of its source replaced."""
    source = inspect.getsource(module)
    assert source.count(fragment) == 1, f"{module.__name__}: {fragment!r} is there {source.count(fragment)} times"
    copy = ModuleType(module.__name__)
    exec(source.replace(fragment, instead), vars(copy))
    return copy


@pytest.fixture
def everything(rng):
    """A problem with L2, example weights and dropout: whatever goes wrong has a place to show."""
    net = network([n, n, n, n], ["tanh", "sigmoid"], "softmax", seed=5)
    X, Y = problem("cross_entropy", "softmax", n, n, m, rng)
    return {"net": net, "X": X, "Y": Y, "l2": 0.7, "weights": rng.uniform(0.2, 3, m), "D": masks(net, m, rng)}


def test_without_a_bug_the_gradient_check_passes(everything):
    assert_gradients(**everything)


BACKWARD_AND_COST = {
    "dW without 1/m": ("dW = dZ @ A[l - 1].T / m", "dW = dZ @ A[l - 1].T"),
    "db without 1/m": ("db = dZ.sum(axis=1, keepdims=True) / m", "db = dZ.sum(axis=1, keepdims=True)"),
    "J without 1/m": ("J = losses.sum() / m", "J = losses.sum()"),
    "W not transposed in the backward pass": ("dA = W[l].T @ dZ", "dA = W[l] @ dZ"),
    "dZ transposed in dW": ("dW = dZ @ A[l - 1].T / m", "dW = A[l - 1] @ dZ.T / m"),
    "dW from A[l] instead of A[l-1]": ("dZ @ A[l - 1].T", "dZ @ A[l].T"),
    "slope at A instead of Z": ("slope[l - 1](Z[l - 1])", "slope[l - 1](A[l - 1])"),
    "slope at the wrong layer": ("slope[l - 1](Z[l - 1])", "slope[l - 1](Z[l])"),
    "slope forgotten": ("dA * slope[l - 1](Z[l - 1])", "dA"),
    "db sum without keepdims": ("dZ.sum(axis=1, keepdims=True)", "dZ.sum(axis=1)"),
    "db summed over the units": ("dZ.sum(axis=1, keepdims=True)", "dZ.sum(axis=0, keepdims=True)[:, :4].T"),
    "sign of dZ[L]": ("return J, dZ, m", "return J, -dZ, m"),
    "dropout mask not applied in the backward pass": ("dA = dA * D[l - 1]", "dA = dA * 1"),
    "dropout mask of the next layer": ("dA = dA * D[l - 1]", "dA = dA * (D[l] if D[l] is not None else 1)"),
    "L2 gradient without 1/m": ("l2 / m * W[l]", "l2 * W[l]"),
    "L2 gradient with the ½ of the cost": ("l2 / m * W[l]", "l2 / (2 * m) * W[l]"),
    "L2 gradient forgotten": ("dW + l2 / m * W[l]", "dW"),
    "L2 cost without the ½": ("l2 / (2 * m) * sum(", "l2 / m * sum("),
    "L2 cost without the first layer": ("for l in range(1, len(W)))", "for l in range(2, len(W)))"),
    "example weights not in dZ": ("dZ * weights", "dZ"),
    "example weights squared in dZ": ("dZ * weights", "dZ * weights**2"),
}


@pytest.mark.parametrize("bug", BACKWARD_AND_COST)
def test_the_gradient_check_objects_to(bug, everything, monkeypatch):
    copy = planted(equations, *BACKWARD_AND_COST[bug])
    monkeypatch.setattr(equations, "cost", copy.cost)
    monkeypatch.setattr(equations, "backward", copy.backward)
    with pytest.raises(AssertionError, match=r"gradient check|wanted \("):
        assert_gradients(**everything)


def _l2_on_biases(net, dW, db, l2, m):
    return dW, [None, *(d + l2 / m * b for d, b in zip(db[1:], net.b[1:], strict=True))]


def _zero_dW1(net, dW, db, l2, m):
    return [None, np.zeros_like(dW[1]), *dW[2:]], db


def _swapped_layers(net, dW, db, l2, m):
    return [None, dW[2], dW[1], dW[3]], db


@pytest.mark.parametrize("bug", [_l2_on_biases, _zero_dW1, _swapped_layers], ids=lambda f: f.__name__)
def test_the_gradient_check_objects_to_a_wrong_result_of_backward(bug, everything, monkeypatch):
    right = equations.backward

    def wrong(dZ, Z, A, W, slope, m, l2, D=None):
        return bug(everything["net"], *right(dZ, Z, A, W, slope, m, l2, D), l2, m)

    monkeypatch.setattr(equations, "backward", wrong)
    with pytest.raises(AssertionError, match="gradient check"):
        assert_gradients(**everything)


LOSS = {
    "K times the gradient": lambda losses, dZ: (losses, len(dZ) * dZ),
    "mean over the outputs in the cost only": lambda losses, dZ: (losses / len(dZ), dZ),
    "cost of the squared gradient": lambda losses, dZ: ((dZ**2).sum(axis=0, keepdims=True), dZ),
}


@pytest.mark.parametrize("bug", LOSS)
def test_the_gradient_check_objects_to_a_loss_that_drifted_apart(bug, everything):
    net = everything["net"]
    right = net.loss.function
    net.loss = replace(net.loss, function=lambda Z, Y: LOSS[bug](*right(Z, Y)))
    with pytest.raises(AssertionError, match="gradient check"):
        assert_gradients(**everything)


SLOPE = {
    "tanh′ as 1 − z²": (1, lambda Z: 1 - Z**2),
    "tanh′ as 1 − tanh": (1, lambda Z: 1 - np.tanh(Z)),
    "σ′ as σ": (2, lambda Z: 1 / (1 + np.exp(-Z))),
    "σ′ as z(1 − z), meant for a": (2, lambda Z: Z * (1 - Z)),
}


@pytest.mark.parametrize("bug", SLOPE)
def test_the_gradient_check_objects_to_a_wrong_slope(bug, everything):
    layer, slope = SLOPE[bug]
    net = everything["net"]
    net.g[layer] = replace(net.g[layer], derivative=slope)
    with pytest.raises(AssertionError, match="gradient check"):
        assert_gradients(**everything)


def test_weights_divided_by_m_are_caught_by_doubling_an_example(everything, monkeypatch):
    # Cost and gradient agree in this bug, so no gradient check can see it; doubled examples do.
    net, X, Y = (everything[name] for name in ("net", "X", "Y"))
    twice, doubled = np.r_[2, np.ones(m - 1)], np.r_[0, 0:m]
    D = [None] * (net.L + 1)  # by the equations, whatever engine answers for the network
    once_more = reported(net, X[:, doubled], Y[:, doubled], D=D)
    assert reported(net, X, Y, weights=twice, D=D) == pytest.approx(once_more, rel=1e-13)
    copy = planted(equations, "losses * weights, dZ * weights, weights.sum()", "losses * weights, dZ * weights, m")
    monkeypatch.setattr(equations, "cost", copy.cost)
    assert reported(net, X, Y, weights=twice, D=D) != pytest.approx(once_more, rel=1e-3)


OPTIMIZER = {
    "Adam without bias correction": (
        "Adam",
        "rate = self.learning_rate * correction / (1 - self.beta1**t)",
        "rate = self.learning_rate",
    ),
    "Adam with a t that starts at 0": ("Adam", "        t += 1\n", "        t = max(t, 1)\n"),
    "Adam with the betas swapped": (
        "Adam",
        "correction = (1 - self.beta2**t) ** 0.5",
        "correction = (1 - self.beta1**t) ** 0.5",
    ),
    "AdamW with L2 in the gradient": (
        "AdamW",
        "super().step((1 - self.learning_rate * self.weight_decay) * params, grads, state)",
        "super().step(params, grads + self.weight_decay * params, state)",
    ),
    "Momentum without (1 − β)": (
        "Momentum",
        "v = self.beta * v + (1 - self.beta) * grads",
        "v = self.beta * v + grads",
    ),
    "Nesterov that does not look ahead": (
        "Nesterov",
        "return params + self.momentum * v - self.learning_rate * grads, (v,)",
        "return params + v, (v,)",
    ),
    "RMSProp without the root": ("RMSProp", "(_root(s) + self.epsilon), (s,)", "(s + self.epsilon), (s,)"),
    "GradientDescent uphill": (
        "GradientDescent",
        "params - self.learning_rate * grads, ()",
        "params + self.learning_rate * grads, ()",
    ),
}


@pytest.mark.parametrize("bug", OPTIMIZER)
def test_three_steps_by_hand_object_to(bug):
    name, fragment, instead = OPTIMIZER[bug]
    (right, path), *_ = [row for row in BY_HAND if type(row[0]).__name__ == name]
    constants = vars(right)
    wrong = getattr(planted(optimizers, fragment, instead), name)(**constants)
    got = trajectory(wrong, np.array([1.0]), [np.array([g]) for g in GRADIENTS])
    assert not np.allclose(got[:, 0], path, rtol=1e-6)


def _three_epochs(engine, seed=0):
    rng = np.random.default_rng(seed)
    X, Y = problem("cross_entropy", "softmax", 3, 2, 10, rng)
    net = network([3, 6, 2], "tanh", "softmax")
    from chainrule.training.train import prepare

    state = prepare(net, net.check_examples(X, Y), cr.Adam(0.1), batch_size=4, dropout=0.5, l2=0.1, seed=1)
    return net, engine.run(state, 3)


ENGINE = {
    "the last short batch is lost": (
        "for start in range(state.example, end, state.batch_size)",
        "for start in range(state.example, end - end % state.batch_size, state.batch_size)",
    ),
    "short batch counted as a full one": (
        "total, seen = total + J * size, seen + size",
        "total, seen = total + J, seen + 1",
    ),
    "dropout not scaled by 1/keep": (" / dtype.type(keep)", ""),
    "one mask for every step": ("counter=[0, 0, l, step]", "counter=[0, 0, l, 0]"),
    "memory of the optimizer lost between epochs": ("        memory.slots = slots\n", ""),
    "parameters of the batch before": (
        "parameters, slots = optimizer.step(parameters, gradient, slots)",
        "_, slots = optimizer.step(parameters, gradient, slots)",
    ),
}


@pytest.mark.parametrize("bug", ENGINE)
def test_a_loop_written_out_objects_to(bug):
    right, wrong = reference.Numpy(), planted(reference, *ENGINE[bug]).Numpy()
    wanted_net, wanted = written_out()
    net, costs = _three_epochs(right)
    np.testing.assert_allclose(costs, wanted, rtol=1e-12)
    np.testing.assert_allclose(net.parameters, wanted_net, rtol=1e-10)
    net, costs = _three_epochs(wrong)
    assert not (np.allclose(costs, wanted, rtol=1e-6) and np.allclose(net.parameters, wanted_net, rtol=1e-6))
