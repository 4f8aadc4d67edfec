"""chainrule: neural networks with the working shown.

``Network`` trains by the equations of the notes (columns are examples); ``MLPClassifier`` and ``MLPRegressor`` are
scikit-learn estimators (rows are examples). Heavy things load on first use, so that importing chainrule costs what
importing NumPy costs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule import claims as claims
    from chainrule import datasets as datasets
    from chainrule import plots as plots
    from chainrule import schedules as schedules
    from chainrule.checking import GradientError as GradientError
    from chainrule.checking import check_gradients as check_gradients
    from chainrule.checkpoints import CheckpointError as CheckpointError
    from chainrule.container import ModelFileError as ModelFileError
    from chainrule.diagnosis import diagnose as diagnose
    from chainrule.estimators import GridSearchCV as GridSearchCV
    from chainrule.estimators import MLPClassifier as MLPClassifier
    from chainrule.estimators import MLPRegressor as MLPRegressor
    from chainrule.estimators import RandomizedSearchCV as RandomizedSearchCV
    from chainrule.estimators.display import CostCurveDisplay as CostCurveDisplay
    from chainrule.estimators.display import FirstLayerDisplay as FirstLayerDisplay
    from chainrule.estimators.display import NetworkDisplay as NetworkDisplay
    from chainrule.exporting import export_onnx as export_onnx
    from chainrule.many import Each as Each
    from chainrule.many import train_many as train_many
    from chainrule.modelfile import load as load
    from chainrule.modelfile import save as save
    from chainrule.network import Network as Network
    from chainrule.optimizers import LBFGS as LBFGS
    from chainrule.optimizers import Adam as Adam
    from chainrule.optimizers import AdamW as AdamW
    from chainrule.optimizers import GradientDescent as GradientDescent
    from chainrule.optimizers import HeavyBall as HeavyBall
    from chainrule.optimizers import Momentum as Momentum
    from chainrule.optimizers import Nesterov as Nesterov
    from chainrule.optimizers import RMSProp as RMSProp
    from chainrule.tracing import trace as trace
    from chainrule.training import DivergenceError as DivergenceError
    from chainrule.training import Step as Step

__version__ = "0.1.0"

_HOMES = {
    "Network": "network",
    **dict.fromkeys(("Step", "DivergenceError"), "training"),
    **dict.fromkeys(
        ("GradientDescent", "Momentum", "HeavyBall", "Nesterov", "RMSProp", "Adam", "AdamW", "LBFGS"),
        "optimizers",
    ),
    **dict.fromkeys(("Each", "train_many"), "many"),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor", "GridSearchCV", "RandomizedSearchCV"), "estimators"),
    **dict.fromkeys(("CostCurveDisplay", "NetworkDisplay", "FirstLayerDisplay"), "estimators.display"),
    **dict.fromkeys(("load", "save"), "modelfile"),
    "ModelFileError": "container",
    "CheckpointError": "checkpoints",
    "trace": "tracing",
    **dict.fromkeys(("check_gradients", "GradientError"), "checking"),
    "diagnose": "diagnosis",
    "export_onnx": "exporting",
}
_ROOMS = ("activations", "claims", "datasets", "initializers", "losses", "optimizers", "plots", "schedules")

__all__ = ["__version__", *_HOMES, "claims", "datasets", "plots", "schedules"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"chainrule.{_HOMES[name]}"), name)
    if name in _ROOMS:
        return import_module(f"chainrule.{name}")
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, *_ROOMS])
