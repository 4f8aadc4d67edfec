"""
Handwritten digits, seen from inside
====================================

1,797 real digits of 8 by 8 pixels. What does the first layer look at, and which digits does the network get
wrong?
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import chainrule as cr

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
clf = cr.MLPClassifier((16,), early_stopping=True, alpha=1.0, max_iter=300, learning_rate_init=0.01, random_state=0)
clf.fit(X_train, y_train)
print(f"{clf.score(X_test, y_test):.1%} of {len(y_test)} new digits right")

# %%
# Each unit of the first layer has a weight for each pixel: a picture of what it answers to.

ax = cr.plots.first_layer(clf, (8, 8))

# %%

ax = cr.plots.confusion(clf, X_test, y_test)

# %%
# The worst mistakes:

ax = cr.plots.misclassified(clf, X_test, y_test, (8, 8))
