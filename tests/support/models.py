"""Model files as `chainrule train` writes them, without the time that it takes; and those that 0.1.0 has written."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from chainrule.files import model as modelfile
from chainrule.tabular.estimators import TabularClassifier, TabularRegressor
from support.tables import people

OLD = Path(__file__).parents[1] / "data" / "0.1.0"


def save(model: Any, path: Path | str) -> None:
    """Save a fitted estimator of a table as `chainrule train` does."""
    plan = model.plan_
    about = {
        "data": "people.csv",
        "task": plan.task,
        "target": plan.target,
        "rows": {"train": plan.rows, "test": 0},
        "columns": [asdict(column) for column in plan.columns],
        "classes": None if plan.classes is None else list(plan.classes.items()),
        "features": plan.features or len(plan.used),
        "image_shape": plan.image_shape,
        "test": {},
    }
    modelfile.save(model, path, about)


def bytes_of_models(folder: Path) -> dict[str, bytes]:
    """The bytes of models of the table of people: of its classes, of its numbers; and of two of 0.1.0."""
    options: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 8, "learning_rate_init": 0.02, "random_state": 0}
    X = people().drop(columns=["buys", "spends"])
    save(TabularClassifier(**options).fit(X, people().buys), folder / "classes")
    save(TabularRegressor(**options).fit(X, people().spends), folder / "numbers")
    files = {"classes": folder / "classes", "numbers": folder / "numbers"}
    files |= {"classes of 0.1.0": OLD / "buys.chainrule", "numbers of 0.1.0": OLD / "spends.chainrule"}
    return {name: file.read_bytes() for name, file in files.items()}
