"""
Which columns matter, and why this answer
=========================================

A table of orders: which of them come back? Four questions to the model, on rows that it has not seen.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

import chainrule as cr
from chainrule import tabular

orders = pd.read_csv(next(path for path in (Path("orders.csv"), Path("../orders.csv")) if path.exists()))
old, new = orders[:500], orders[500:]
model = cr.TabularClassifier(effort="quick", random_state=0).fit(old, "returned")
print(model.columns_)

# %%
# **Which columns matter**: how much the loss grows when the values of a column are mixed among the rows.

y = new["returned"]
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
cr.plots.importances(tabular.permutation_importance(model, new, y), ax=ax)

# %%
# **Why this answer**: what moves the prediction of one row away from that of a typical one, column by column.

moved = tabular.explain(model, new, row=3, background=old, of="yes")
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
cr.plots.contributions(moved, ax=ax)

# %%
# **How it changes** with one column, all others as they are.

figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
cr.plots.effect(tabular.effect(model, new, "discount", of="yes"), ax=ax)

# %%
# **Whether the probabilities are right**: of the orders that it gives 70 %, seven in ten should come back.

said = tabular.of_class(model.classes_, y, model.predict_proba(new), "yes")
figure, ax = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
cr.plots.calibration(said, ax=ax)
