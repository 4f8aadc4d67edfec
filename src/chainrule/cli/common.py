"""What the commands share: their arguments, how they speak, what they load, and the scores they give."""

import json
import re
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.segment import Segment

if TYPE_CHECKING:
    from chainrule.readers import Table

Data = Annotated[str, typer.Argument(metavar="DATA", help="A file, a folder of images, or a bundled data set.")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A file that train has saved.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


GENERATOR = "chainrule"  # who has made a page, in its head


class CommandError(ValueError):
    """One clear line about what was asked for."""


_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class _Console(Console):
    """Control characters in names, of a stranger's table or model, do not reach the terminal, which would obey them."""

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def harmless(text: str) -> str:
    """The text with � for each control character but the ends of lines, and for marks that hide or turn text around.

    Joiners stay: words of Persian and Hindi have them.
    """
    return _OBEYED.sub("�", text)


class Stopped(BaseException):
    """By Ctrl-C or SIGTERM: the exit code, and what to say."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def console(silent: bool = False) -> Console:
    """Where people read. Names from the data are shown as they are, not taken for markup."""
    return _Console(quiet=silent, markup=False, emoji=False, highlight=False)


def print_json(result: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    text = json.dumps(plain(result), ensure_ascii=False)
    print("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))


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
    told: set[str] = set()
    helpful = ("nearly the same", "not UTF-8", "checkpoint", "train it again")

    def tell(message: Warning | str, *_: Any, **__: Any) -> None:
        text = " ".join(str(message).split())
        if text not in told and any(words in text for words in helpful):
            told.add(text)
            print("note:", harmless(text), file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = tell
        yield


def load(path: Path) -> tuple[Any, dict[str, Any]]:
    """The pipeline of a model file, and what `train` has written about it."""
    from chainrule.files import model as modelfile

    with notes():
        header, model = modelfile.load_with_about(path)
    about = header["about"]
    if header["kind"] == modelfile.CHECKPOINT:
        raise CommandError(f"{path}: is the checkpoint of a training; end it with chainrule train … --resume")
    if not isinstance(about, dict) or not {"target", "classes", "columns", "features", "image_shape"} <= about.keys():
        raise CommandError(f"{path}: was not saved by chainrule train; load it in Python with chainrule.load")
    shape, features = about["image_shape"], about["features"]
    if shape is not None and not (isinstance(shape, list) and len(shape) == 3 and prod(shape) == features):
        raise CommandError(f"{path}: its images of {shape!r:.100} are not its {features!r:.100} inputs")
    return model, about


def read(data: str, about: dict[str, Any], target: str | None) -> "Table":
    """DATA as the model was trained to see it: images in its size."""
    from chainrule import readers

    height, width, channels = about["image_shape"] or (64, 64, 3)
    return readers.read(data, target=target, image_size=(height, width), gray=channels == 1)


def inputs(X: Any, about: dict[str, Any], data: str) -> Any:
    """The rows for a model: tables go to tables; a model of arrays takes a table of as many numbers."""
    if about["columns"] and hasattr(X, "columns"):
        return X
    wanted = about["features"]
    if hasattr(X, "columns"):
        import pandas as pd

        X = X.drop(columns=about["target"], errors="ignore")
        if X.shape[1] == wanted:
            X = X.apply(pd.to_numeric, errors="coerce").to_numpy("float32")
    if X.shape[1] != wanted:
        raise CommandError(f"{data}: {X.shape[1]} numbers in each row, the model was trained on {wanted}")
    return X


def learnable(table: "Table", model: Any, about: dict[str, Any], data: str) -> tuple[Any, Any, int, dict[str, int]]:
    """The rows whose target the model can know.

    X, y, how many rows have no target, and the classes it has never seen with their rows. A label is the same whatever
    type its column has here. Raises CommandError where no row is left.
    """
    import numpy as np
    import pandas as pd

    from chainrule import tabular

    target = about["target"]
    if table.y is None:
        raise CommandError(f"{data}: there is no {target!r} to compare the predictions with")
    rows, strange = np.asarray(pd.notna(table.y)), dict[str, int]()
    if not rows.any():
        raise CommandError(f"{data}: {target!r} is missing in every row")
    untargeted = int((~rows).sum())
    if about["classes"] is None:
        y = tabular.numbers(table.y, target)
    else:
        labels = [str(label) for label in tabular.labels(table.y)]
        same = {str(label): i for i, label in enumerate(model.classes_)}
        unknown = Counter(label for label, there in zip(labels, rows, strict=True) if there and label not in same)
        strange, rows = dict(sorted(unknown.items())), rows & np.isin(labels, list(same))
        if not rows.any():
            raise CommandError(f"{data}: {target!r} has no value that is a class of the model ({', '.join(same)})")
        y = model.classes_[[same.get(label, 0) for label in labels]]
    X = inputs(table.X, about, data)
    return X.loc[rows] if hasattr(X, "loc") else X[rows], y[rows], untargeted, strange


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


def report_file(folder: Path, name: str) -> Path:
    """Where a page with pictures will be, in a folder that is there now.

    What stands in its way is told before the training: no matplotlib, no folder, a file of somebody else.
    """
    from chainrule.plots import style

    try:
        style.pyplot()
    except ImportError as error:
        raise CommandError(f"--report: {error}") from None
    if folder.exists() and not folder.is_dir():
        raise CommandError(f"{folder}: is a file; name a folder with --report")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            file = folder / name
    except OSError as error:
        raise CommandError(f"{folder}: cannot be written to ({error.strerror}); choose another with --report") from None
    mark = f'<meta name="generator" content="{GENERATOR} '
    if file.exists() and not (file.is_file() and mark in file.read_text(encoding="utf-8", errors="replace")[:1000]):
        raise CommandError(f"{file}: exists and is not a report of chainrule; choose another folder with --report")
    return file
