"""
Thousands of networks
=====================

How many hidden units does XOR need, and which learning rate? One network says little: it may have begun badly.
So train thousands, every one from other weights. Tiny networks of one design go several to a core.
"""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr

X, Y = np.array([[-1, -1, 1, 1], [-1, 1, -1, 1]]), np.array([[0, 1, 1, 0]])
units, rates, seeds = (1, 2, 3, 4, 8), (0.03, 0.1, 0.3, 1.0), range(100)
cases = list(product(units, rates, seeds))
nets = [cr.Network([2, n, 1], hidden="tanh", init=1.0, seed=seed) for n, _, seed in cases]
optimizers = cr.Each(cr.GradientDescent(rate) for _, rate, _ in cases)
runs = cr.train_many(nets, X, Y, optimizers, epochs=500, every=500)
print(f"{len(runs):,} networks of 500 epochs")

# %%
# The share of them that has learned it:

right = np.array([((net.forward(X) > 0.5) == Y).mean() == 1 for net in nets]).reshape(len(units), len(rates), -1)
share = right.mean(axis=2)
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
ax.imshow(share, cmap="viridis", vmin=0, vmax=1, aspect="auto")
ax.set(xlabel="learning rate α", ylabel="hidden units", xticks=range(len(rates)), yticks=range(len(units)))
ax.set(xticklabels=rates, yticklabels=units)
for (i, j), value in np.ndenumerate(share):
    ax.text(j, i, f"{value:.0%}", ha="center", va="center", color="w" if value < 0.6 else "k")

# %%
# One unit cannot do it, whatever the rate; two can, and often do not find it; more units are more tickets in the
# lottery.
