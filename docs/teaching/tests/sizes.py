"""What students do not get: other sizes, which a solution with a number of the first test in it does not pass."""

import numpy as np
from otter.test_files import test_case

import chainrule as cr

OK_FORMAT = False
name = "sizes"


@test_case(points=1, hidden=True)
def test_three_inputs(backward):
    rng, net = np.random.default_rng(0), cr.Network([3, 5, 1], hidden="tanh", seed=0)
    net.b[1], net.b[2] = rng.standard_normal((5, 1)), rng.standard_normal((1, 1))
    X, Y = rng.standard_normal((3, 7)), rng.integers(0, 2, (1, 7))
    cr.check_gradients(net, X, Y, lambda net, X, Y: backward(net.W[1], net.b[1], net.W[2], net.b[2], X, Y))
