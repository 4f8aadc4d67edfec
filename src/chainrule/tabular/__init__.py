"""From a table to a plan and a pipeline: what each column is, what is to be learned, and the default recipe.

The work on the columns is done by scikit-learn's transformers; two are our own: Columns and DateParts.
"""

from chainrule.tabular.calendar import DateParts
from chainrule.tabular.plan import Plan, make_plan
from chainrule.tabular.recipe import Arguments, make_pipeline, recipe
from chainrule.tabular.roles import Column
from chainrule.tabular.transformers import Columns
from chainrule.tabular.values import TableError, labels, numbers

__all__ = [
    "Arguments", "Column", "Columns", "DateParts", "Plan", "TableError", "labels", "make_pipeline", "make_plan",
    "numbers", "recipe",
]  # fmt: skip
