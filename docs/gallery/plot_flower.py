"""
A flower that no line divides
=============================

Two classes grow into one another like the petals of a flower. Logistic regression draws one straight line; a
hidden layer of four units bends it.
"""

import matplotlib.pyplot as plt

import chainrule as cr

# %%
# Columns are examples: X is (2, 400), Y (1, 400).

X, Y = cr.datasets.flower()
line = cr.Network([2, 1], output="sigmoid", seed=3)
bent = cr.Network([2, 4, 1], hidden="tanh", output="sigmoid", init="small", seed=3)

costs = {}
for name, net in (("logistic regression", line), ("four tanh units", bent)):
    steps = net.train(X, Y, cr.GradientDescent(1.2), epochs=5000, every=10).run()
    costs[name] = steps
    print(f"{name}: {((net.forward(X) > 0.5) == Y).mean():.1%} right")

# %%
# What each has learned. Where the color is pale, it hesitates.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, net, name in zip(axes, (line, bent), costs, strict=True):
    cr.plots.decision_boundary(net, X, Y, ax=ax)
    ax.set_title(name)

# %%
# The cost of the line stops falling near log 2 = 0.69, which is what guessing costs.

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
cr.plots.cost_curves(costs, ax=ax)
