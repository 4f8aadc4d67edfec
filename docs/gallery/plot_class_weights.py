"""
Class weights: when one class is rare
=====================================

One row in twenty is of the class that matters. Who answers "never" is right in 95 % of all cases, and useless.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import precision_score, recall_score

import chainrule as cr

rng = np.random.default_rng(0)
X = np.vstack([rng.normal(0, 1, (950, 2)), rng.normal(1.5, 0.7, (50, 2))])
y = np.repeat(["usual", "rare"], [950, 50])

# %%
# ``class_weight="balanced"`` multiplies the loss of every example, so that both classes weigh alike; a dict says
# it by hand.

figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
for ax, weight in zip(axes, (None, {"rare": 5}, "balanced"), strict=True):
    clf = cr.MLPClassifier((8,), "tanh", class_weight=weight, solver="lbfgs", alpha=1.0, random_state=0).fit(X, y)
    said = clf.predict(X)
    found, right = recall_score(y, said, pos_label="rare"), precision_score(y, said, pos_label="rare")
    cr.plots.decision_boundary(clf, X, y, ax=ax)
    ax.set_title(f"class_weight={weight}\n{found:.0%} found, {right:.0%} of the finds right")

# %%
# There is no free lunch: what is found more often is also cried more often. The same trade can be made after the
# training, by a threshold on ``predict_proba``; ``TabularClassifier(threshold="auto")`` chooses one.
