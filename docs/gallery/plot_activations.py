"""
Activations, and what they draw
===============================

Each activation g with its slope g′, and the boundary that the same small network learns with it: corners where
g has a kink, curves where it has none.
"""

import matplotlib.pyplot as plt

import chainrule as cr

figure = cr.plots.activations()

# %%

X, Y = cr.datasets.moons(noise=0.25)
figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
for ax, hidden in zip(axes.flat, ("identity", "sigmoid", "tanh", "relu", "leaky_relu(0.1)", "silu"), strict=True):
    net = cr.Network([2, 6, 6, 1], hidden=hidden, seed=1)
    net.train(X, Y, cr.Adam(0.02), epochs=400, batch_size=50, seed=0, every=400).run()
    cr.plots.decision_boundary(net, X, Y, ax=ax)
    ax.set(title=f"{hidden}: {((net.forward(X) > 0.5) == Y).mean():.1%}", xlabel="", ylabel="", xticks=[], yticks=[])
