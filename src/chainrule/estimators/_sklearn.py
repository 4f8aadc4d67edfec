"""Every private name of scikit-learn that we need, once: what to look at when a new version of it comes out."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.parallel import _FuncWrapper as FuncWrapper
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _get_feature_names as get_feature_names

__all__ = [
    "FuncWrapper", "Interval", "Options", "StrOptions", "check_partial_fit_first_call", "check_sample_weight",
    "fit_context", "get_feature_names",
]  # fmt: skip
