"""The derivative by the inputs is the slope that differences measure."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.working.inputs import input_gradient


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
