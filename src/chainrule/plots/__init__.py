"""Pictures of a training, a trace or a network with matplotlib (the extra ``plots``).

Every function draws on `ax`, or on Axes of a new figure, and returns it; only `activations` makes a Figure of its own.
Nothing sets a background: text and lines take the colors of matplotlib's rcParams, so a style for dark pages makes a
dark picture, and the colors of the data read on both. A model is a Network, where examples are columns of X and of the
targets, or a fitted estimator, where they are rows.
"""

from chainrule.plots.boundary import decision_boundary
from chainrule.plots.curves import activation, activations, cost_curves
from chainrule.plots.diagram import network
from chainrule.plots.images import first_layer, misclassified
from chainrule.plots.matrix import confusion
from chainrule.plots.overtime import histograms
from chainrule.plots.tables import calibration, contributions, effect, importances

__all__ = [
    "activation", "activations", "calibration", "confusion", "contributions", "cost_curves", "decision_boundary",
    "effect", "first_layer", "histograms", "importances", "misclassified", "network",
]  # fmt: skip
