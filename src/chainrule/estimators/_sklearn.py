"""Every private name of scikit-learn that we need, once: what to look at when a new version of it comes out."""

import inspect
from collections.abc import Callable
from functools import cache, lru_cache, wraps
from typing import Any, TypeVar

import sklearn.base
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, Options, StrOptions, validate_parameter_constraints
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.parallel import _FuncWrapper as FuncWrapper
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _get_feature_names as get_feature_names

from chainrule.optimizers import check_optimizer

__all__ = [
    "BaseEstimator", "FuncWrapper", "Interval", "Options", "StrOptions", "callback_context",
    "check_partial_fit_first_call", "check_sample_weight", "fit_context", "get_feature_names", "has_callbacks",
    "is_in_callback_tree", "names_its_output",
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


class BaseEstimator(sklearn.base.BaseEstimator):
    """scikit-learn's, which reads its signature once, and validates a number or a name only when it is new.

    Both took a quarter of a small fit. A default of ours is right: to validate all took 0.4 ms of a first fit.
    """

    @classmethod
    def _get_param_names(cls) -> list[str]:
        kind: Any = cls
        return list(_defaults(kind))

    def _validate_params(self) -> None:
        kind: Any = type(self)
        defaults = _defaults(kind) if kind.__module__.startswith("chainrule.") else {}
        for name, value in self.get_params(deep=False).items():
            if value is not defaults.get(name, inspect.Parameter.empty):
                (_validate_once if type(value) in _PLAIN else _validate)(kind, name, value)


_PLAIN = {bool, int, float, str, type(None)}


def _validate(kind: Any, name: str, value: Any) -> None:
    """InvalidParameterError for a value that the constraints of an estimator's class do not let pass."""
    validate_parameter_constraints(kind._parameter_constraints, {name: value}, kind.__name__)


_validate_once = lru_cache(maxsize=1000, typed=True)(_validate)  # an error is raised each time


@cache
def _defaults(kind: Any) -> dict[str, Any]:
    """The names of the parameters, in scikit-learn's order, and their defaults."""
    parameters = inspect.signature(kind.__init__).parameters
    return {name: parameters[name].default for name in super(BaseEstimator, kind)._get_param_names()}


def has_callbacks(estimator: Any) -> bool:
    """Whether `set_callbacks` has given it some."""
    return bool(getattr(estimator, "_skl_callbacks", None))


def is_in_callback_tree(estimator: Any) -> bool:
    """Whether somebody is to know of a fit: its callbacks, or an estimator that it is a part of."""
    return has_callbacks(estimator) or hasattr(estimator, "_parent_callback_ctx")


def callback_context(estimator: Any, epochs: int) -> Any:
    """The task of a fit of at most so many epochs, for its callbacks."""
    return estimator._init_callback_context(max_subtasks=epochs)


def names_its_output(estimator: Any) -> bool:
    """Whether `set_output` makes a frame of what `transform` gives."""
    return bool(getattr(estimator, "_sklearn_output_config", {}).get("transform", "default") != "default")
