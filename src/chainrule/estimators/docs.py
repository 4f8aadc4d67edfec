"""Docstrings of classes that have much in common: it is written once."""

from collections.abc import Callable
from inspect import cleandoc
from typing import TypeVar

Class = TypeVar("Class", bound=type)

PARAMETERS = """\
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer; ``()`` for none.
    activation : str, sequence of str or Activation, default "relu"
        Of the hidden layers: "identity", "logistic" (or "sigmoid"), "tanh", "relu", and also "leaky_relu", "elu",
        "selu", "softplus", "gelu", "silu", "mish", "leaky_relu(0.2)" with a constant, or one for each hidden layer.
    solver : str or optimizer, default "adam"
        "adam", "sgd", "lbfgs", and also "adamw", "rmsprop", "momentum", "nesterov", "heavy_ball", "gradient_descent";
        or an optimizer such as ``chainrule.Adam(0.01)``, which then brings its own constants.
    alpha : float, default 0.0001
        λ of the L2 term (λ/2m) Σ‖W[l]‖² of the cost, m the examples of the batch.
    batch_size : int or "auto", default "auto"
        Examples for each update; "auto" is min(200, m). Not for "lbfgs", which takes all.
    learning_rate : {"constant", "invscaling", "adaptive"}, default "constant"
        For "sgd": "invscaling" is learning_rate_init / (t + 1)^power_t after t examples; "adaptive" divides the rate by
        5 where training would have stopped, down to 1e-6.
    learning_rate_init : float, default 0.001
        α, the learning rate to begin with.
    power_t : float, default 0.5
        The exponent of "invscaling".
    max_iter : int, default 200
        The most epochs; for "lbfgs" iterations.
    shuffle : bool, default True
        A new order of the examples in every epoch.
    random_state : int, RandomState or None, default None
        For initial weights, order, dropout and the rows that are held out. The same int gives the same network.
    tol : float, default 1e-4
        An epoch is no improvement if it is not better than the best by this. For "lbfgs" the largest |∂J/∂w| at which
        it ends.
    verbose : bool or int, default False
        Print the cost of every epoch.
    warm_start : bool, default False
        Let `fit` go on from the parameters that are there, with a new optimizer. Other arguments may change in between
        (`set_params`), but not what the network is made with: layers, precision, `normalize`, `scale_target`, outputs.
    momentum : float, default 0.9
        μ of "sgd".
    nesterovs_momentum : bool, default True
        Whether "sgd" steps at the look-ahead point.
    early_stopping : bool, default False
        Hold out `validation_fraction` of the rows (or watch X_val, y_val), stop when their score does not improve, and
        bring the best parameters back.
    validation_fraction : float, default 0.1
        The share of rows to hold out.
    beta_1, beta_2 : float, default 0.9 and 0.999
        β₁ and β₂ of the averages of "adam".
    epsilon : float, default 1e-8
        ε of "adam".
    n_iter_no_change : int or inf, default 10
        Stop after more than so many epochs in a row without improvement.
    max_fun : int, default 15000
        The most evaluations of cost and gradient for "lbfgs".
    init : str or float, default "sklearn"
        "sklearn" for its uniform weights and biases, any initializer of `chainrule.Network` ("auto", "he", …), or a
        scale.
    dropout : float or sequence of float, default 0
        The share of hidden units left out in each step, one number or one for each hidden layer.
    normalize : {"standard", "robust"} or None, default None
        "standard" (mean and deviation) or "robust" (median and quartiles, smoothly clipped), measured in the first fit
        and applied to every later X. `partial_fit` goes on measuring ("standard" only). Rows count alike, whatever
        their weights.
    clip_norm : float or None, default None
        The longest gradient allowed.
    schedule : {"cosine", "coslog4"}, function or None, default None
        Factor of the learning rate over max_iter epochs (see `chainrule.schedules`), or a function epoch → factor.
    scoring : str, function or None, default None
        What early stopping watches: None is the {metric}, "loss" the validation cost, or any scikit-learn scorer.
    engine : {"auto", "native", "numpy", "jax"}, default "auto"
        Who computes: "native" is the compiled kernel, "numpy" the readable reference, "auto" the kernel where it can;
        "jax", an extra, is for a GPU.
    precision : {"float32", "float64", "bf16"} or None, default None
        Of the products in `fit`. "bf16" makes large layers in float32 (`dtype`) several times as fast on processors
        that have it, and their products exact to 3 digits; sums, parameters and predictions stay float32. None is the
        network's own, and so is its name.
    dtype : float32, float64 or None, default None
        Of parameters and predictions; None keeps that of X.
    training_metric : bool, default False
        With a validation set: record the {metric} on the training rows, too. It takes a pass over them in every epoch.
"""

ATTRIBUTES = """\
    network_ : chainrule.Network
        It holds all parameters.
    coefs_, intercepts_ : lists of arrays
        W[l]ᵀ (n[l-1], n[l]) and b[l] (n[l],): views on the network's, for normalized inputs where there is `normalize`.
    history_ : dict of lists
        An entry for each epoch: "cost", and where there is a validation set "validation_cost" and "validation_metric"
        (the {metric}); "metric" is that on the training rows, if `training_metric`.
    engine_ : str
        The engine that ran.
    loss_, loss_curve_, best_loss_, n_iter_, t_, n_layers_, n_outputs_, out_activation_, validation_scores_, \
best_validation_score_
        scikit-learn's: the last cost and its curve, the lowest, epochs, examples seen, layers with the input, outputs,
        "softmax", "logistic", "identity" or "exp", the curve of the score that early stopping watches, and its best.
"""


def filled(**texts: str) -> Callable[[Class], Class]:
    """Fill texts into the docstring of a class, each in the place of the line {its name}."""

    def fill(cls: Class) -> Class:
        doc = cleandoc(cls.__doc__ or "")
        for name, text in texts.items():
            doc = doc.replace(f"{{{name}}}", cleandoc(text))
        cls.__doc__ = doc
        return cls

    return fill


def with_parameters(metric: str) -> Callable[[Class], Class]:
    """Fill the shared parameters and attributes into the docstring of an estimator whose `score` is this metric."""
    return filled(parameters=PARAMETERS.replace("{metric}", metric), attributes=ATTRIBUTES.replace("{metric}", metric))
