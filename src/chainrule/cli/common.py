"""What the commands share: their arguments, how they speak, and the scores they give."""

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

Data = Annotated[str, typer.Argument(metavar="DATA", help="A file, a folder of images, or a bundled data set.")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A file that train has saved.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


class CommandError(ValueError):
    """One clear line about what was asked for."""


def console(silent: bool = False) -> Console:
    """Where people read. Names from the data are shown as they are, not taken for markup."""
    return Console(quiet=silent, markup=False, emoji=False, highlight=False)


def print_json(result: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    print(json.dumps(plain(result), ensure_ascii=False))


def plain(value: Any) -> Any:
    """As JSON has it: text for keys, None for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not isfinite(value) else value


@contextmanager
def notes() -> Iterator[None]:
    """Warnings that help become one line on stderr, the others are left out."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        if any(words in text for words in ("predicts nearly the same", "not UTF-8")):
            print("note:", " ".join(text.split()), file=sys.stderr)


def scores(model: Any, X: Any, y: Any, predicted: Any) -> dict[str, float]:
    """Accuracy, and for two classes the area under the ROC curve; R², RMSE and MAE for numbers."""
    from sklearn import metrics

    if not hasattr(model, "classes_"):
        return {
            "R²": float(metrics.r2_score(y, predicted)) if len(y) > 1 else float("nan"),
            "RMSE": float(metrics.root_mean_squared_error(y, predicted)),
            "MAE": float(metrics.mean_absolute_error(y, predicted)),
        }
    result = {"accuracy": float(metrics.accuracy_score(y, predicted))}
    if len(model.classes_) == 2 and len(set(y.tolist())) == 2:
        result["ROC AUC"] = float(metrics.roc_auc_score(y == model.classes_[1], model.predict_proba(X)[:, 1]))
    return result
