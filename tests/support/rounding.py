"""How far rounding can take a step: bounds by running error analysis, against which engines are compared."""

import numpy as np

from chainrule import equations

UNIT = {np.dtype(dtype): float(np.finfo(dtype).eps) / 2 for dtype in (np.float32, np.float64)}  # of rounding
FUNCTION = 8  # an activation, a slope or a loss is right to so many units of 1 + its size


def spread(f, Z, e):
    """How much f(Z) changes if Z changes by up to e; where there is a kink between, by all of its jump."""
    return np.maximum(abs(f(Z + e) - f(Z)), abs(f(Z - e) - f(Z)))


def gradient_and_bound(net, X, Y, w, l2, u):
    """The gradient in float64, and how far from it each number may be if every operation rounds by up to u.

    By running error analysis (Higham 2002, section 3.3), from layer to layer: a sum of K products is wrong by up to
    (K + 2) u Σ|products| in whatever order it is taken, an error in Z spreads by the slope, one in a factor with the
    other factor. So the bound grows with the inputs K of the layers and the examples m, and with the layers.
    """
    W, b, g = net.W, net.b, net.g
    Z, A = equations.forward(X, W, b, g)
    eA, eZ, es = [0 * abs(X)], [None], [None]
    for l in range(1, net.L + 1):
        eZ.append(abs(W[l]) @ eA[-1] + (net.sizes[l - 1] + 2) * u * (abs(W[l]) @ abs(A[l - 1]) + abs(b[l])))
        eA.append(spread(g[l], Z[l], eZ[l]) + FUNCTION * u * (1 + abs(A[l])))
        es.append(0 if l == net.L else spread(g[l].slope, Z[l], eZ[l]) + FUNCTION * u * (1 + abs(g[l].slope(Z[l]))))
    J, dZ, m = equations.cost(Z, Y, W, net.loss, l2, w)
    if g[-1].name == "softmax":  # |∂a/∂z| summed over the column is 2 a (1 − a)
        e = 2 * A[-1] * eZ[-1].max(axis=0, keepdims=True) + FUNCTION * u * net.sizes[-1]
    else:
        e = spread(lambda Z: net.loss(Z, Y)[1], Z[-1], eZ[-1])
    e += FUNCTION * u * (1 + abs(Y) + abs(A[-1]))
    e = e if w is None else e * w
    dW, db, edW, edb = ([None] * (net.L + 1) for _ in range(4))
    terms = 2 * Y.shape[1] + 8  # of the sum over the examples, and of that of their weights
    for l in range(net.L, 0, -1):
        a, d = abs(A[l - 1]), abs(dZ)
        edW[l] = (e @ (a + eA[l - 1]).T + d @ eA[l - 1].T + terms * u * d @ a.T + 8 * u * l2 * abs(W[l])) / m
        edb[l] = (e + terms * u * d).sum(axis=1, keepdims=True) / m
        dW[l] = (dZ @ A[l - 1].T + l2 * W[l]) / m
        db[l] = dZ.sum(axis=1, keepdims=True) / m
        if l > 1:
            dA, eD = W[l].T @ dZ, abs(W[l]).T @ (e + (net.sizes[l] + 2) * u * d)
            s = g[l - 1].slope(Z[l - 1])
            dZ, e = dA * s, eD * (abs(s) + es[l - 1]) + abs(dA) * es[l - 1]
    return float(J), net.pack(dW, db), net.pack(edW, edb)


def step_and_bound(net, optimizer, gradient, error, u):
    """The parameters after the first step, and their bounds: those of the gradient through the optimizer, and its own.

    The first step is monotone in every number of the gradient: v and s come from 0.
    """
    start = net.parameters.copy()

    def step(g):
        return optimizer.step(start, g, optimizer.init(start))[0]

    after = step(gradient)
    return after, spread(step, gradient, error) + 8 * u * (abs(start) + abs(after - start))


# Later steps see other errors than the first, and errors of errors: 200 small steps may at most multiply them by this.
GROWTH = 4
