"""
How sure is it? Intervals for numbers
=====================================

A number without a width is half an answer. ``TabularRegressor.predict_interval`` gives two, between which the
truth lies as often as asked for; what it promises is measured on rows that were held out.
"""

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr

# %%
# Noise that grows from left to right: the width has to know it.

rng = np.random.default_rng(0)


def drawn(m):
    x = rng.uniform(0, 10, m)
    return {"x": x}, np.sin(x) * 3 + rng.normal(0, 0.1 + 0.15 * x)


X, y = drawn(4000)
new, truth = drawn(1000)
model = cr.TabularRegressor(effort="quick", random_state=0).fit(X, y)

for level in (0.5, 0.8, 0.95):
    low, high = model.predict_interval(new, level=level).T
    print(f"asked for {level:.0%}: {((low <= truth) & (truth <= high)).mean():.1%} of new rows lie between")

# %%

x = np.linspace(0, 10, 300)
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for level in (0.95, 0.8, 0.5):
    low, high = model.predict_interval({"x": x}, level=level).T
    ax.fill_between(x, low, high, color="C0", alpha=0.2, linewidth=0, label=f"{level:.0%}")
ax.plot(x, model.predict({"x": x}), "C0", label="predicted")
ax.plot(new["x"], truth, ".", color="C1", markersize=3, label="new rows")
ax.set(xlabel="x", ylabel="y")
ax.legend(ncols=5)
