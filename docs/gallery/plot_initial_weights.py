"""
Initial weights in depth
========================

A signal goes through thirty layers before anything is learned. If every layer makes it a little smaller,
nothing arrives; if a little larger, it explodes. The way back has the same trouble with the gradient.
"""

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr

L, n = 30, 100
X = np.random.default_rng(0).standard_normal((n, 200))
Y = np.random.default_rng(1).standard_normal((n, 200))

# %%
# The spread of A[l] on the way forward, and of dZ[l] on the way back, layer by layer. He's √(2/n[l-1]) is for
# ReLU, which lets half of the signal through; Xavier's √(1/n[l-1]) for tanh. The others are what one would try
# first.

figure, axes = plt.subplots(2, 2, figsize=(9, 6), sharex=True, layout="constrained")
for (above, below), hidden in zip(axes.T, ("relu", "tanh"), strict=True):
    for init in ("he", "xavier", 0.01, 1.0):
        net = cr.Network([n] * (L + 1), hidden=hidden, output="identity", init=init, seed=0)
        t = cr.trace(net, X, Y)
        above.semilogy(range(1, L), [np.std(t["A"][l]) for l in range(1, L)], label=str(init))
        below.semilogy(range(1, L), [np.std(t["dZ"][l]) + 1e-300 for l in range(1, L)], label=str(init))
    above.set(title=hidden, ylabel="spread of A[l]", ylim=(1e-12, 1e4))
    below.set(xlabel="layer l", ylabel="spread of dZ[l]", ylim=(1e-12, 1e4))
axes[0, 0].legend(title="init")

# %%
# What it means for the training, with the same steps:

X, Y = cr.datasets.digits()
costs = {}
for init in ("he", "xavier", 0.01):
    net = cr.Network([64, *[32] * 8, 10], hidden="relu", output="softmax", init=init, seed=0)
    steps = net.train(X, Y, cr.Adam(0.001), epochs=12, batch_size=64, seed=0).run()
    costs[str(init)] = steps

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
cr.plots.cost_curves(costs, ax=ax)
