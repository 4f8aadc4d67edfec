"""Draw docs/flower.png, the picture of the README: python docs/flower.py (needs matplotlib)."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr

X, Y = cr.datasets.flower()
grid = np.stack(np.meshgrid(np.linspace(-5, 5, 300), np.linspace(-5, 5, 300)))  # (2, 300, 300)
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for ax, sizes, title in (
    (axes[0], [2, 1], "logistic regression"),
    (axes[1], [2, 4, 1], "one hidden layer of four tanh units"),
):
    net = cr.Network(sizes, hidden="tanh", output="sigmoid", init="small", seed=3)
    for _ in net.train(X, Y, cr.GradientDescent(1.2), epochs=10_000, every=10_000):
        pass
    probability = net.forward(grid.reshape(2, -1)).reshape(grid.shape[1:])
    accuracy = ((net.forward(X) > 0.5) == Y).mean()
    ax.contourf(*grid, probability, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6)
    ax.contour(*grid, probability, levels=[0.5], colors="black", linewidths=1)
    ax.scatter(*X, c=Y[0], cmap="RdBu_r", s=10, edgecolors="black", linewidths=0.3)
    ax.set(title=f"{title}: {accuracy:.1%}", xticks=[], yticks=[], aspect="equal")
figure.savefig(Path(__file__).with_name("flower.png"), dpi=110)
