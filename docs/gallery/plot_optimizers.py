"""
A race of optimizers
====================

The same network, the same first weights, the same mini-batches: only the way in which it steps differs.
"""

import matplotlib.pyplot as plt

import chainrule as cr

X, Y = cr.datasets.spirals()
rules = {
    "gradient descent": cr.GradientDescent(0.3),
    "momentum": cr.Momentum(0.3),
    "Nesterov": cr.Nesterov(0.05),
    "RMSProp": cr.RMSProp(0.01),
    "Adam": cr.Adam(0.01),
    "AdamW": cr.AdamW(0.01, weight_decay=0.1),
}

# %%
# ``train_many`` trains all of them at a time, a network to a core; ``Each`` gives every network its own.

nets = [cr.Network([2, 32, 32, 3], hidden="tanh", output="softmax", seed=0) for _ in rules]
runs = cr.train_many(nets, X, Y, cr.Each(rules.values()), epochs=200, batch_size=32, seed=0)

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
cr.plots.cost_curves(dict(zip(rules, runs, strict=True)), ax=ax)
ax.set_yscale("log")

# %%
# Where they have come to:

figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for ax, net, name in zip(axes.flat, nets, rules, strict=True):
    cr.plots.decision_boundary(net, X, Y, ax=ax)
    ax.set(title=name, xlabel="", ylabel="", xticks=[], yticks=[])
