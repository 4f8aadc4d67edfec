"""
A loss of your own
==================

The squared error asks for the mean. The pinball loss asks for a quantile: with q = 0.9 for the number that nine
of ten values stay below. It is not in the table, so here is a row for it: a function of Z[L] and Y that gives 𝓛
and dZ[L].
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr


def pinball(q, Z, Y):
    E = Y - Z  # (1, m)
    return np.maximum(q * E, (q - 1) * E).sum(axis=0, keepdims=True), np.where(E > 0, -q, 1 - q)


rng = np.random.default_rng(0)
X = rng.uniform(-3, 3, (1, 1000))
Y = np.sin(2 * X) + rng.gamma(1.5, 0.3, X.shape) * (1.5 + X / 3)  # noise to one side, and more of it on the right

# %%
# First the check: the derivative by hand against the differences of the loss. (At E = 0 it has a kink; no point
# lies there.)

nets = {}
for q in (0.1, 0.5, 0.9):
    row = cr.losses.Loss("pinball", "identity", partial(pinball, q), "Σ max(q e, (q − 1) e), e = y − a")
    nets[q] = cr.Network([1, 32, 32, 1], hidden="tanh", output="identity", loss=row, seed=0)
print(cr.check_gradients(nets[0.9], X[:, :50], Y[:, :50]))

# %%
# The kernel does not know this loss, so the network trains by the readable equations, and the log says so.

for q, net in nets.items():
    net.train(X, Y, cr.Adam(0.005), epochs=150, batch_size=100, seed=0, every=150).run()
    print(f"q = {q}: {(net.forward(X) > Y).mean():.1%} of the points lie below, on the engine {net.engine!r}")

x = np.linspace(-3, 3, 300)[None]
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(X[0], Y[0], ".", color="0.6", markersize=3)
for q, net in nets.items():
    ax.plot(x[0], net.forward(x)[0], label=f"q = {q}")
ax.legend()
