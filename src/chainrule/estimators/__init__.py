"""scikit-learn's door: MLPClassifier and MLPRegressor, and searches for them. It translates, no more.

Here rows are examples and coefs_[l-1] is W[l]ᵀ, as in scikit-learn; X.T of a C-ordered (m, n) array is a free view, so
nothing is copied on the way to the network. All of scikit-learn 1.9's parameters, attributes, warnings, stopping rules
and random draws are here: the same `random_state` gives the same network up to rounding.
"""

from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.regressor import MLPRegressor
from chainrule.estimators.search import GridSearchCV, RandomizedSearchCV

__all__ = ["GridSearchCV", "MLPClassifier", "MLPRegressor", "RandomizedSearchCV"]
