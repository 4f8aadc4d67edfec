"""From a table to a plan and a pipeline: what each column is, what is to be learned, and the default recipe.

The work on the columns is done by scikit-learn's transformers; two are our own: Columns and DateParts.
"""

from chainrule.tabular.bootstrap import Score
from chainrule.tabular.calendar import DateParts
from chainrule.tabular.calibration import Reliability, fit_temperature, of_class, reliability, with_temperature
from chainrule.tabular.effects import Effect, effect
from chainrule.tabular.explanation import Contribution, Explanation, explain
from chainrule.tabular.importance import Importance, Importances, permutation_importance
from chainrule.tabular.intervals import Intervals, fit_intervals
from chainrule.tabular.opened import input_columns, opened
from chainrule.tabular.plain import input_names, plain_inputs
from chainrule.tabular.plan import Plan, make_plan
from chainrule.tabular.recipe import Arguments, make_pipeline, recipe
from chainrule.tabular.roles import Column
from chainrule.tabular.scores import (
    best_threshold,
    class_scores,
    class_table,
    decide,
    number_scores,
    rarer,
)
from chainrule.tabular.transformers import Columns
from chainrule.tabular.values import TableError, labels, numbers

__all__ = [
    "Arguments", "Column", "Columns", "Contribution", "DateParts", "Effect", "Explanation", "Importance", "Importances",
    "Intervals", "Plan", "Reliability", "Score", "TableError", "best_threshold", "class_scores", "class_table",
    "decide", "effect", "explain", "fit_intervals", "fit_temperature", "input_columns", "input_names", "labels",
    "make_pipeline", "make_plan", "number_scores", "numbers", "of_class", "opened", "permutation_importance",
    "plain_inputs", "rarer", "recipe", "reliability", "with_temperature",
]  # fmt: skip
