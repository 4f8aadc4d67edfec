"""The same for otter-grader: what students see, and other sizes that they do not."""

import numpy as np
from otter.test_files import test_case

import chainrule as cr

OK_FORMAT = False
name = "backward"


def check(backward, n0, n1, m):
    rng, net = np.random.default_rng(0), cr.Network([n0, n1, 1], hidden="tanh", seed=0)
    net.b[1], net.b[2] = (
        rng.standard_normal((n1, 1)),
        rng.standard_normal((1, 1)),
    )  # at 0, a forgotten bias would not show
    X, Y = rng.standard_normal((n0, m)), rng.integers(0, 2, (1, m))
    cr.check_gradients(net, X, Y, lambda net, X, Y: backward(net.W[1], net.b[1], net.W[2], net.b[2], X, Y))


@test_case(points=3)
def test_two_inputs(backward):
    check(backward, 2, 4, 40)


@test_case(points=1, hidden=True)
def test_other_sizes(backward):
    check(backward, 3, 5, 7)
