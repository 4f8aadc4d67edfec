"""The test that students have, for otter-grader."""

import numpy as np
from otter.test_files import test_case

import chainrule as cr

OK_FORMAT = False
name = "backward"


@test_case(points=3)
def test_two_inputs(backward):
    rng, net = np.random.default_rng(0), cr.Network([2, 4, 1], hidden="tanh", seed=0)
    net.b[1], net.b[2] = rng.standard_normal((4, 1)), rng.standard_normal((1, 1))  # at 0, a forgotten one is not seen
    X, Y = rng.standard_normal((2, 40)), rng.integers(0, 2, (1, 40))
    cr.check_gradients(net, X, Y, lambda net, X, Y: backward(net.W[1], net.b[1], net.W[2], net.b[2], X, Y))
