"""
A validation set of your own
============================

Rows of one patient look alike. If they lie on both sides of the split, a network that has learned the patients
by heart looks good. So the validation set has to be made by hand: whole patients, whom the training has not
seen.
"""

import matplotlib.pyplot as plt
import numpy as np

import chainrule as cr

rng = np.random.default_rng(1)
patients, visits = 150, 5
who = np.repeat(np.arange(patients), visits)
ill = rng.integers(0, 2, patients)
habits = rng.normal(0, 1, (patients, 20))  # each patient's own
X = habits[who] + rng.normal(0, 0.2, (len(who), 20))
X[:, 0] += 1.5 * ill[who]  # the only sign of the illness
y = ill[who]

# %%
# Twice the same network: with a validation set by chance, and with one of whole patients. The last third of the
# patients is for neither.

options = {"scoring": "loss", "early_stopping": True, "n_iter_no_change": 60, "max_iter": 500, "random_state": 0}
train, validation, new = who < 75, (who >= 75) & (who < 100), who >= 100
by_chance = cr.MLPClassifier((64,), **options).fit(X[~new], y[~new])
by_hand = cr.MLPClassifier((64,), **options).fit(X[train], y[train], X_val=X[validation], y_val=y[validation])

for name, clf in (("by chance", by_chance), ("whole patients", by_hand)):
    best = np.argmin(clf.history_["validation_cost"])
    promised = clf.history_["validation_metric"][best]
    print(f"{name}: {promised:.0%} promised by the validation set, {clf.score(X[new], y[new]):.0%} of new patients")

# %%
# The curves. By chance, the validation cost (dashed) falls with that of the training, and says nothing. With whole
# patients it rises when the network begins to learn them by heart, the training ends, and the best parameters come
# back.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, clf, name in zip(axes, (by_chance, by_hand), ("by chance", "whole patients"), strict=True):
    cr.plots.cost_curves(clf.history_, ax=ax)
    ax.set_title(name)
