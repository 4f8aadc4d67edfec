"""The default recipe against scikit-learn's MLP and histogram gradient boosting: median test error over random splits.

    python benchmarks/recipe.py [NAME …] [--splits 5] [--set learning_rate_init=0.005 …]

Error: 1 − accuracy for classes, RMSE / deviation of y for regression. All models get the same work on the columns;
scikit-learn's MLP has its default settings behind a StandardScaler, and for regression also a scaled target (the goal
is measured against the better of the two). `sd` is the deviation of our error over the splits.
"""

import argparse
import ast
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from chainrule import readers, tabular

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = {
    "digits": ("digits", "digit"),
    "breast_cancer": ("breast_cancer", "diagnosis"),
    "wine": ("wine", "cultivar"),
    "diabetes": ("diabetes", "progression"),
    "housing": (DATA / "housing.csv", "median_house_value"),
    "titanic": (DATA / "titanic.csv", "Survived"),
}
COLUMNS = ("chainrule", "sklearn MLP", "MLP scaled y", "HistGradientBoosting")


def peers(plan):
    """Name → estimator that follows the work on the columns."""
    if plan.classes is not None:
        return {
            COLUMNS[1]: make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
            COLUMNS[3]: HistGradientBoostingClassifier(random_state=0),
        }
    mlp = make_pipeline(StandardScaler(), MLPRegressor(random_state=0))
    return {
        COLUMNS[1]: mlp,
        COLUMNS[2]: TransformedTargetRegressor(clone(mlp), transformer=StandardScaler()),
        COLUMNS[3]: HistGradientBoostingRegressor(random_state=0),
    }


def measure(name, splits, overrides):
    """Model → (errors, seconds) over the splits."""
    source, target = SETS[name]
    table = readers.read(source, target=target)
    plan = tabular.make_plan(table)
    X, y = plan.examples(table)
    results = {}
    for seed in range(splits):
        rows = np.arange(len(y))
        stratify = None if plan.classes is None else y
        train, test = train_test_split(rows, test_size=0.25, random_state=seed, stratify=stratify)
        take = (lambda part: X.iloc[part]) if hasattr(X, "iloc") else (lambda part: X[part])
        ours = tabular.make_pipeline(plan, len(train), seed, **overrides)
        models = {COLUMNS[0]: ours}
        for peer, estimator in peers(plan).items():
            models[peer] = Pipeline([*clone(ours).steps[:-1], ("model", estimator)])
        for model, pipeline in models.items():
            started = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pipeline.fit(take(train), y[train])
                predicted = pipeline.predict(take(test))
            error = (
                root_mean_squared_error(y[test], predicted) / y.std()
                if plan.classes is None
                else 1 - accuracy_score(y[test], predicted)
            )
            errors, seconds = results.setdefault(model, ([], []))
            errors.append(error)
            seconds.append(time.perf_counter() - started)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SETS)}; all unless given")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="ARGUMENT=VALUE", help="instead of the recipe's")
    arguments = parser.parse_args()
    overrides = {}
    for pair in arguments.set:
        key, _, value = pair.partition("=")
        try:
            overrides[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            overrides[key] = value
    if unknown := set(arguments.names) - set(SETS):
        parser.error(f"unknown data set {sorted(unknown)[0]!r}; known: {', '.join(SETS)}")

    print(f"{'median error (seconds)':24}" + "".join(f"{column:>23}" for column in COLUMNS) + "    sd    ours / MLP")
    threadpool_limits(1)  # on a busy machine two threads are slower than one, for all of them
    for name in arguments.names or SETS:
        if isinstance(SETS[name][0], Path) and not SETS[name][0].exists():
            print(f"{name:24}skipped: {SETS[name][0].name} is not there")
            continue
        results = measure(name, arguments.splits, overrides)
        line = f"{name:24}"
        for column in COLUMNS:
            if column in results:
                errors, seconds = results[column]
                line += f"{np.median(errors):14.4f} ({np.median(seconds):5.1f})"
                line += " "
            else:
                line += f"{'—':>23}"
        best = min(np.median(results[column][0]) for column in COLUMNS[1:3] if column in results)
        ours = results[COLUMNS[0]][0]
        ratio = np.median(ours) / best if best else float("nan")
        print(line + f"{np.std(ours):8.4f}{ratio:10.3f}", flush=True)


if __name__ == "__main__":
    main()
