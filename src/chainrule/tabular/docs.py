"""What the docstrings of the two estimators have in common."""

from collections.abc import Callable
from typing import TypeVar

from chainrule.estimators.docs import filled

Class = TypeVar("Class", bound=type)

_PARAMETERS = """\
    effort : {"quick", "normal", "thorough"}, default "normal"
        "quick" is one network, "normal" the mean of four, "thorough" of twelve of the candidate that wins a race.
    time_limit : float, optional
        Seconds, in which as many networks, or else epochs, are trained as there is time for.
    number, category, date, text : str or list of str, default ()
        Columns that are this, whatever they look like: names, or numbers counted from 0.
    drop : str or list of str, default ()
        Columns not to use.
    keep : str or list of str, default ()
        Columns to use even if they look like identifiers.
    day_first : bool, optional
        Whether 03/04/2024 is in April; told from all rows unless given.
    hidden_layer_sizes : int or sequence of int, optional
        Units of each hidden layer; ``()`` for none. This and the next six replace what the recipe chooses.
    activation : str or Activation, optional
        Of the hidden layers.
    learning_rate_init : float, optional
        The learning rate to begin with.
    batch_size : int, optional
        Rows for each update.
    max_iter : int, optional
        The epochs.
    engine : {"auto", "native", "numpy", "jax"}, optional
        Who computes in the fit; "jax", an extra, is for a GPU.
    precision : {"float32", "bf16"} or None, default None
        Of the products in training; "bf16" is faster for wide layers, on processors and GPUs that have it.
{more}    random_state : int, RandomState or None, default None
        For everything that is drawn. The same int gives the same model, to the last bit.
"""
_ATTRIBUTES = """\
    columns_ : DataFrame
        What was understood: role, note and how many values are missing, for each column.
    remarks_ : list of str
        What you may see otherwise, a line each.
    leaderboard_ : DataFrame
        The race: a row for each candidate, the best first.
    importances_ : chainrule.tabular.Importances or None
        How much the log loss, or the RMSE, grows without what a column says, on held-out rows, with intervals; None for
        pixels. Of more than 200 columns the 100 along which the answer is steepest.
    feature_importances_ : array of shape (n_features_in_,)
        The same numbers, in the order of the columns.
    typical_ : array
        The mean of each input of the networks over the rows of the fit, to compare one row with.
    networks_ : list of MLPClassifier or MLPRegressor
        The mean of what they say is the answer.
    preparation_ : sklearn.pipeline.Pipeline or None
        From the table to the inputs of the networks; None where these are the rows as they are.
    plan_ : chainrule.tabular.Plan
        What was to be learned, and from what.
    n_features_in_ : int
        Columns of X, those left out among them.
    feature_names_in_ : array
        Their names, where X had names.
"""


def with_parameters(more: str = "") -> Callable[[Class], Class]:
    """Fill the shared parameters and attributes into the docstring of an estimator; more: parameters of its own."""
    own = more.lstrip("\n").rstrip(" ")
    return filled(parameters=_PARAMETERS.replace("{more}", own), attributes=_ATTRIBUTES)
