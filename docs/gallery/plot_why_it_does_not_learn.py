"""
Why does it not learn?
======================

A network whose cost does not fall gives no reason. ``diagnose`` measures some, the likeliest first, and says
what to do.
"""

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr

X, Y = cr.datasets.digits()
net = cr.Network([64, 32, 32, 32, 10], hidden="sigmoid", output="softmax", init="small", seed=0)
steps = net.train(X, Y, cr.GradientDescent(0.1), epochs=40).run()
found = cr.diagnose(net, X, Y, steps=steps)
print(found.findings[0])

# %%
# dZ of every layer: what arrives at the first is too small to be drawn beside the last.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
better = cr.Network([64, 32, 32, 32, 10], hidden="relu", output="softmax", seed=0)
for ax, network, name in zip(axes, (net, better), ("sigmoid, weights of 0.01", "relu, He's weights"), strict=True):
    t = cr.trace(network, X, Y)
    ax.bar(range(1, 4), [np.sqrt((t["dZ"][l] ** 2).mean()) for l in range(1, 4)])
    ax.set(yscale="log", ylim=(1e-8, 1), title=name, xlabel="layer", ylabel="√(mean dZ²)", xticks=range(1, 4))

# %%
# With what it says, and nothing else changed:

others = better.train(X, Y, cr.GradientDescent(0.1), epochs=40).run()
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
cr.plots.cost_curves({"before": steps, "after": others}, ax=ax)
