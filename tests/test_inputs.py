"""The derivative by the inputs is the slope that differences measure."""

import numpy as np
import pytest
import scipy.sparse as sp

import chainrule as cr
from chainrule import inputs
from chainrule.inputs import input_gradient
from support.contract import HIDDEN, PAIRS, network


@pytest.mark.parametrize("method", [None, "standard", "robust"])
@pytest.mark.parametrize(
    ("output", "loss", "n"),
    [("softmax", None, 3), ("sigmoid", None, 2), ("identity", None, 2), ("exp", None, 1), ("tanh", None, 2)],
)
def test_the_derivative_by_the_inputs_is_that_of_differences(output, loss, n, method, rng):
    net = cr.Network([4, 6, 5, n], hidden="tanh", output=output, loss=loss, init=0.7, seed=1)
    X = 3 + 2 * rng.normal(size=(4, 7))
    net.normalize(X, method) if method else None
    scale = 1 if method else 0.1
    X, c = scale * X, rng.normal(size=(n, 7))
    found = input_gradient(net, X, c)
    for i in range(4):
        step = np.zeros((4, 7))
        step[i] = 1e-6
        wanted = (c * (net(X + step) - net(X - step))).sum(axis=0) / 2e-6
        np.testing.assert_allclose(found[i], wanted, rtol=1e-6, atol=1e-8)


def test_the_derivative_of_a_function_of_the_outputs(rng):
    net = cr.Network([3, 4, 2], hidden="tanh", output="identity", init=1.0, seed=0)
    X = rng.normal(size=(3, 5))
    np.testing.assert_allclose(input_gradient(net, X, lambda A: 2 * A), input_gradient(net, X, 2 * net(X)), rtol=1e-12)


def test_a_network_without_a_hidden_layer_has_its_weights_for_a_derivative():
    net = cr.Network([3, 1], output="identity", init=1.0, seed=0)
    np.testing.assert_array_equal(input_gradient(net, np.zeros((3, 2)), np.ones((1, 2))), np.tile(net.W[1].T, 2))


# -- the Jacobian ----------------------------------------------------------------------------------------------------


def differences(answer, X, h=1e-6):
    """(n[L], n[0], m) of an answer (n[0], m) → (n[L], m)."""
    found = []
    for j in range(len(X)):
        step = np.zeros_like(X)
        step[j] = h
        found.append((answer(X + step) - answer(X - step)) / (2 * h))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("method", [None, "standard", "robust"])
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_the_jacobian_is_that_of_differences_for_every_output(loss, output, method, rng):
    net = network([4, 6, 5, 3], "tanh", output, loss, seed=1)
    X = 2 + rng.normal(size=(4, 7)) * np.array([[1.0], [2.0], [0.5], [3.0]])
    X = X if method else 0.3 * X
    net.normalize(X, method) if method else None
    if output == "relu":
        net.b[3] += 0.1 - np.median(net.layers(X)[0][-1], axis=1, keepdims=True)
    for of, answer in (("A", net.forward), ("Z", lambda X: net.layers(X)[0][-1])):
        found = net.jacobian(X, of=of)
        assert found.shape == (3, 4, 7)
        np.testing.assert_allclose(found, differences(answer, X), rtol=2e-6, atol=1e-8)
        for k in range(3):
            np.testing.assert_allclose(net.jacobian(X, k, of=of), found[k], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_jacobian_goes_through_every_activation_and_in_blocks(hidden, rng, monkeypatch):
    net = network([5, 4, 6, 2], hidden, "softmax", seed=3)
    X = rng.normal(size=(5, 100))
    found = net.jacobian(X)
    np.testing.assert_allclose(found, differences(net.forward, X), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(net.jacobian(sp.csr_array(X)), found, rtol=1e-12)
    monkeypatch.setattr(inputs, "_AT_ONCE", 1)
    monkeypatch.setattr(inputs, "_FEWEST", 16)  # and 4 at the end
    pieces = net.jacobian(X)
    np.testing.assert_allclose(pieces, found, rtol=1e-12)
    monkeypatch.setattr(inputs.blas, "threads", lambda: 3)
    np.testing.assert_array_equal(net.jacobian(X), pieces)
    narrow = network([5, 4, 6, 2], hidden, "softmax", seed=3, dtype="float32")
    single = narrow.jacobian(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, rtol=1e-4, atol=1e-5)


def test_the_jacobian_of_a_network_without_a_hidden_layer_and_of_no_examples():
    net = cr.Network([3, 2], output="identity", init=1.0, seed=0)
    for of in "AZ":
        np.testing.assert_array_equal(net.jacobian(np.ones((3, 4)), of=of), np.repeat(net.W[1][:, :, None], 4, axis=2))
    assert net.jacobian(np.ones((3, 0))).shape == (2, 3, 0)


def test_the_jacobian_of_blocks_is_that_of_each(rng, tmp_path):
    net, X = network([5, 4, 2], "tanh", "sigmoid"), rng.normal(size=(5, 30))
    net.normalize(X)
    for i in range(2):
        np.save(tmp_path / f"{i}.npy", X.T[15 * i :][:15])
    found = list(net.jacobian(cr.Blocks(tmp_path / "*.npy"), output=1))
    assert [part.shape for part in found] == [(5, 15), (5, 15)]
    np.testing.assert_allclose(np.concatenate(found, axis=1), net.jacobian(X, 1), rtol=1e-13)


def test_the_jacobian_is_that_of_pytorch(rng):
    torch = pytest.importorskip("torch")
    net = network([5, 4, 6, 3], "gelu", "softmax").normalize(rng.normal(size=(5, 30)), "robust")
    X = rng.normal(size=(5, 8))
    per_example = torch.func.vmap(torch.func.jacrev(cr.to_torch(net)))(torch.from_numpy(X.T))  # (m, n[L], n[0])
    np.testing.assert_allclose(net.jacobian(X), per_example.detach().numpy().transpose(1, 2, 0), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda net, X: net.jacobian(X.T), r"X: got shape \(7, 3\), wanted \(3, m\).* give X.T"),
        (lambda net, X: net.jacobian(X, 2), "output: got 2, wanted a whole number from 0 to 1, or None for all"),
        (lambda net, X: net.jacobian(X, "cat"), "output: got 'cat'"),
        (lambda net, X: net.jacobian(X, of="logits"), "unknown of 'logits'.* Known: A, Z"),
    ],
)
def test_the_jacobian_says_what_is_wrong(ask, message):
    with pytest.raises(ValueError, match=message):
        ask(cr.Network([3, 4, 2], output="softmax"), np.zeros((3, 7)))
