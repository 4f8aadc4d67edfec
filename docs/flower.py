"""Draw docs/flower.png, the picture of the README: python docs/flower.py (needs matplotlib)."""

from pathlib import Path

import matplotlib.pyplot as plt

import chainrule as cr

X, Y = cr.datasets.flower()
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for ax, sizes, title in zip(
    axes, ([2, 1], [2, 4, 1]), ("logistic regression", "one hidden layer of four tanh units"), strict=True
):
    net = cr.Network(sizes, hidden="tanh", output="sigmoid", init="small", seed=3)
    net.train(X, Y, cr.GradientDescent(1.2), epochs=10_000, every=10_000).run()
    accuracy = ((net.forward(X) > 0.5) == Y).mean()
    cr.plots.decision_boundary(net, X, Y, ax=ax)
    ax.set(title=f"{title}: {accuracy:.1%}", xlabel="", ylabel="", xticks=[], yticks=[])
figure.savefig(Path(__file__).with_name("flower.png"), dpi=110)
