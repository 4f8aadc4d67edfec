"""What must come out, worked by hand or written out a second time as plainly as can be."""

from math import sqrt

import numpy as np

import chainrule as cr
from support.contract import network, problem

# Everything by hand: one parameter w = 1 and the gradients g = 2, −1, 0.5 of three steps.
#
# GradientDescent α = 0.1                 w = 1 − 0.2 = 0.8;  0.8 + 0.1 = 0.9;  0.9 − 0.05 = 0.85
# Momentum α = 0.1, β = 0.9               v = 0.2;  0.18 − 0.1 = 0.08;  0.072 + 0.05 = 0.122
#                                         w = 0.98;  0.972;  0.9598
# HeavyBall α = 0.1, μ = 0.9              v = −0.2;  −0.18 + 0.1 = −0.08;  −0.072 − 0.05 = −0.122
#                                         w = 0.8;  0.72;  0.598
# Nesterov α = 0.1, μ = 0.9               the same v; the step is 0.9 v − 0.1 g
#                                         −0.18 − 0.2 = −0.38;  −0.072 + 0.1 = 0.028;  −0.1098 − 0.05 = −0.1598
#                                         w = 0.62;  0.648;  0.4882
# RMSProp α = 0.1, β = 0.5, ε = 0         s = 2;  1 + 0.5 = 1.5;  0.75 + 0.125 = 0.875
#                                         w = 1 − 0.2/√2;  + 0.1/√1.5;  − 0.05/√0.875
# Adam α = 0.1, β₁ = 0.5, β₂ = 0.75, ε = 0
#                                         v = 1;  0;  0.25        v̂ = v / (½, ¾, ⅞) = 2;  0;  2/7
#                                         s = 1;  0.75 + 0.25 = 1;  0.75 + 0.0625 = 0.8125
#                                         ŝ = s / (¼, 7/16, 37/64) = 4;  16/7;  52/37
#                                         w = 1 − 0.1·2/2 = 0.9;  0.9;  0.9 − 0.1 (2/7) / √(52/37)
# AdamW with λ = 0.5                      each step first w ← (1 − 0.05) w
TINY = 1e-300  # ε must be above 0; this one cannot be seen
BY_HAND = [
    (cr.GradientDescent(0.1), [0.8, 0.9, 0.85]),
    (cr.Momentum(0.1, 0.9), [0.98, 0.972, 0.9598]),
    (cr.HeavyBall(0.1, 0.9), [0.8, 0.72, 0.598]),
    (cr.Nesterov(0.1, 0.9), [0.62, 0.648, 0.4882]),
    (
        cr.RMSProp(0.1, 0.5, TINY),
        [
            1 - 0.2 / sqrt(2),
            1 - 0.2 / sqrt(2) + 0.1 / sqrt(1.5),
            1 - 0.2 / sqrt(2) + 0.1 / sqrt(1.5) - 0.05 / sqrt(0.875),
        ],
    ),
    (cr.Adam(0.1, 0.5, 0.75, TINY), [0.9, 0.9, 0.9 - 0.2 / 7 / sqrt(52 / 37)]),
    (
        cr.AdamW(0.1, 0.5, 0.75, TINY, 0.5),
        [0.85, 0.95 * 0.85, 0.95**2 * 0.85 - 0.2 / 7 / sqrt(52 / 37)],
    ),
]
GRADIENTS = [2.0, -1.0, 0.5]


def trajectory(optimizer, start, gradients):
    w, state, path = start, optimizer.init(start), []
    for g in gradients:
        w, state = optimizer.step(w, g, state)
        path.append(w)
    return np.array(path)


# Philox4x64-10 once more, in whole numbers of Python (Salmon et al. 2011, table 2 and figure 4).
def philox4x64(counter, key):
    """Four 64-bit numbers of one counter."""
    word = 2**64 - 1
    x, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * x[0], 2**64)
        high1, low1 = divmod(0xCA5A826395121157 * x[2], 2**64)
        x = [high1 ^ x[1] ^ k[0], low1, high0 ^ x[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B97F4A7C15) & word, (k[1] + 0xBB67AE8584CAA73B) & word]
    return x


def documented_mask(key, l, step, n, examples, keep):
    """D[l] (n, examples) one unit at a time, as dropout_masks documents it."""
    numbers = []
    counter = 0
    while len(numbers) < n * examples:
        counter += 1  # numpy.random.Philox counts on before it draws
        for number in philox4x64([counter, 0, l, step], [key, 0]):
            numbers += [number % 2**32, number >> 32]
    return np.array([[(numbers[j * n + i] < keep * 2**32) / keep for j in range(examples)] for i in range(n)])


def written_out(m=10, batch_size=4, epochs=3, rate=0.5, l2=0.1):
    """Three epochs of Adam with mini-batches, dropout and L2, as a plain loop; parameters and the epochs' costs."""
    rng = np.random.default_rng(0)
    X, Y = problem("cross_entropy", "softmax", 3, 2, m, rng)
    W1, b1, W2, b2 = (
        np.array(p) for net in [network([3, 6, 2], "tanh", "softmax")] for p in (net.W[1], net.b[1], net.W[2], net.b[2])
    )
    draws = np.random.default_rng(1)
    key = int(draws.integers(2**63))
    w = [W1, b1, W2, b2]
    v, s = [np.zeros_like(p) for p in w], [np.zeros_like(p) for p in w]
    t, costs = 0, []
    for _ in range(epochs):
        order, total = draws.permutation(m), 0.0
        for batch in (order[0:4], order[4:8], order[8:10]):
            x, y, k = X[:, batch], Y[:, batch], len(batch)
            D = documented_mask(key, 1, t, 6, k, 1 - rate)
            A = np.tanh(w[0] @ x + w[1])
            E = np.exp(w[2] @ (A * D) + w[3])
            P = E / E.sum(axis=0)
            total += k * (-(Y[:, batch] * np.log(P)).sum() / k + l2 / (2 * k) * ((w[0] ** 2).sum() + (w[2] ** 2).sum()))
            dZ2 = P - y
            dZ1 = (w[2].T @ dZ2) * D * (1 - A**2)
            g = [
                dZ1 @ x.T / k + l2 / k * w[0],
                dZ1.sum(axis=1, keepdims=True) / k,
                dZ2 @ (A * D).T / k + l2 / k * w[2],
                dZ2.sum(axis=1, keepdims=True) / k,
            ]
            t += 1
            for i in range(4):
                v[i] = 0.9 * v[i] + 0.1 * g[i]
                s[i] = 0.999 * s[i] + 0.001 * g[i] ** 2
                w[i] = w[i] - 0.1 * (v[i] / (1 - 0.9**t)) / (np.sqrt(s[i] / (1 - 0.999**t)) + 1e-8)
        costs.append(total / m)
    return np.concatenate([p.ravel() for p in w]), costs
