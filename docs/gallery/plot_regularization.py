"""
Too many units: L2 and dropout
==============================

Forty points, and a network with two thousand parameters. It can learn every point by heart; L2 and dropout make
it draw something simpler.
"""

import matplotlib.pyplot as plt

import chainrule as cr

X, Y = cr.datasets.moons(40, noise=0.3, seed=1)
new = cr.datasets.moons(2000, noise=0.3, seed=2)

# %%

figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
cases = {"nothing": {}, "l2=1": {"l2": 1.0}, "dropout=0.5": {"dropout": 0.5}}
for ax, (name, options) in zip(axes, cases.items(), strict=True):
    net = cr.Network([2, 40, 40, 1], seed=0)
    net.train(X, Y, cr.Adam(0.01), epochs=1500, every=1500, seed=0, **options).run()
    old, other = (((net.forward(x) > 0.5) == y).mean() for x, y in ((X, Y), new))
    cr.plots.decision_boundary(net, X, Y, ax=ax)
    ax.set(title=f"{name}\n{old:.0%}, new points {other:.1%}", xlabel="", ylabel="", xticks=[], yticks=[])
