"""Every private name of scikit-learn that we need, once: what to look at when a new version of it comes out."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.parallel import _FuncWrapper as FuncWrapper
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _get_feature_names as get_feature_names

from chainrule.optimizers import check_optimizer

__all__ = [
    "FuncWrapper", "Interval", "Options", "StrOptions", "callback_context", "check_partial_fit_first_call",
    "check_sample_weight", "fit_context", "get_feature_names", "has_callbacks", "names_its_output",
]  # fmt: skip

Method = TypeVar("Method", bound=Callable[..., Any])


def fit_context(method: Method) -> Method:
    """A fit whose parameters scikit-learn checks first; its type stays what it is."""
    checked = _fit_context(prefer_skip_nested_validation=True)(method)

    @wraps(method)
    def explained(estimator: Any, *args: Any, **named: Any) -> Any:
        if isinstance(
            getattr(estimator, "solver", None), type
        ):  # a class, of which scikit-learn lists what it should be
            check_optimizer(estimator.solver)
        return checked(estimator, *args, **named)

    return explained  # type: ignore[return-value]


def has_callbacks(estimator: Any) -> bool:
    """Whether `set_callbacks` has given it some."""
    return bool(getattr(estimator, "_skl_callbacks", None))


def callback_context(estimator: Any, epochs: int) -> Any:
    """The task of a fit of at most so many epochs, for its callbacks."""
    return estimator._init_callback_context(max_subtasks=epochs)


def names_its_output(estimator: Any) -> bool:
    """Whether `set_output` makes a frame of what `transform` gives."""
    return bool(getattr(estimator, "_sklearn_output_config", {}).get("transform", "default") != "default")
