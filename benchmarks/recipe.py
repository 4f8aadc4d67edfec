"""Our estimators of tables against their peers, on one thread: test error, log loss and CPU time over random splits.

    python benchmarks/recipe.py [NAME …] [--splits 3] [--peers hist,td-s,…] [--effort normal] [--out FILE.json]

Tables: the tuning tables of ../shared/data/tuning, or the bundled sets where that folder is not there. Error: 1 −
accuracy, or RMSE / deviation of y. All are given the same rows and the same understanding of the columns, and the work
on them counts; the methods take turns within a split. Figures are means over the splits; what is compared with a goal
is the geometric mean over the tables of ratios of these, with 0.001 added to errors, as they may be 0.

"before" is the default of the command line up to version 0.1, kept here as it was: one network on standardized numbers
and one-hot categories, with smoothed labels. The peers td-s, td (pytabkit), catboost and lightgbm are left out where
they are not installed (`pip install chainrule[bench-tables]`).
"""

import argparse
import json
import os
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before they are loaded

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import chainrule as cr
from chainrule import readers, tabular

TUNING = Path(__file__).resolve().parents[2] / "shared" / "data" / "tuning"
BUNDLED = {"digits": "digit", "breast_cancer": "diagnosis", "wine": "cultivar", "diabetes": "progression"}
# What is compared → the figure of ours / of theirs, at most; and on how many of 13 tables ours is no worse, at least.
GOALS = {
    ("before", "error"): 0.90,
    ("before", "log loss"): 0.75,
    ("td", "error"): 0.97,
    ("td-s", "CPU"): 0.25,
}
WINS = ("hist", 9)


def tables():
    """Name → file or bundled set, and target."""
    if not TUNING.exists():
        return {name: (name, target) for name, target in BUNDLED.items()}
    index = pd.read_csv(TUNING / "index.csv")
    return {row["name"]: (TUNING / f"{row['name']}.csv", row.target) for _, row in index.iterrows()}


class Ours:
    """TabularClassifier or TabularRegressor, as anybody would call it."""

    def __init__(self, plan, m, seed, effort):
        make = cr.TabularClassifier if plan.classes is not None else cr.TabularRegressor
        self.model = make(random_state=seed, effort=effort)

    def fit(self, X, y):
        self.model.fit(X, y)

    def answer(self, X):
        return self.model.predict_proba(X) if hasattr(self.model, "classes_") else self.model.predict(X)


class Prepared:
    """An estimator behind the usual work on the columns."""

    def __init__(self, plan, m, estimator):
        def filled(strategy):
            return SimpleImputer(strategy=strategy, add_indicator=True, keep_empty_features=True)

        one_hot = OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=max(3, m // 1000), max_categories=128,
            sparse_output=False, dtype=np.float32,
        )  # fmt: skip
        numbers = make_pipeline(filled("median"), StandardScaler())
        if plan.columns:
            steps = {
                "number": numbers,
                "boolean": filled("most_frequent"),
                "presence": "passthrough",
                "category": one_hot,
                "date": make_pipeline(tabular.DateParts(), filled("median"), StandardScaler()),
            }
            named = {role: [column.name for column in plan.used if column.role == role] for role in steps}
            steps = [(role, step, named[role]) for role, step in steps.items() if named[role]]
            columns = tabular.Columns({column.name: column.role for column in plan.used if column.role in named})
            self.preparation = make_pipeline(columns, ColumnTransformer(steps, sparse_threshold=0))
        else:
            self.preparation = make_pipeline(SimpleImputer())
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator.fit(self.preparation.fit_transform(X), y)

    def answer(self, X):
        model, inputs = self.estimator, self.preparation.transform(X)
        return model.predict_proba(inputs) if hasattr(model, "predict_proba") else model.predict(inputs)


class Framed:
    """An estimator that takes a DataFrame with numbers and categories."""

    def __init__(self, plan, estimator, categories=None):
        roles = {column.name: column.role for column in plan.used if column.role != "text"}
        self.columns = tabular.Columns(roles) if plan.columns else None
        self.estimator, self.categories = estimator, categories
        self.words = [name for name, role in roles.items() if role == "category"]

    def frame(self, X):
        if self.columns is None:
            return pd.DataFrame(X).add_prefix("x")
        made = self.columns.transform(X)
        for name in made:
            if name in self.words:
                made[name] = made[name].astype(self.types[name])
            elif made[name].dtype.kind == "M":
                made[name] = made[name].astype("int64") / 86_400e9
        return made.fillna(self.medians) if self.medians is not None else made

    def fit(self, X, y):
        self.types = self.medians = None
        if self.columns is not None:
            made = self.columns.fit(X).transform(X)
            self.types = {name: pd.CategoricalDtype(sorted(made[name].unique())) for name in self.words}
            self.medians = made.drop(columns=self.words).median()
        given = {} if self.categories is None else {self.categories: self.words}
        self.estimator.fit(self.frame(X), y, **given)

    def answer(self, X):
        if self.categories is not None:
            X = self.frame(X)
            X[self.words] = X[self.words].astype(str)
        else:
            X = self.frame(X)
        found = self.estimator.predict_proba(X) if hasattr(self.estimator, "predict_proba") else None
        return np.asarray(self.estimator.predict(X) if found is None else found).squeeze()


def before(m, features, numbers, classes, seed):
    """The network that was the default up to version 0.1."""
    small = m < 1000 and features < 1000
    arguments = {
        "hidden_layer_sizes": (512,) if small else (128, 128, 128),
        "init": "auto",
        "alpha": 0.2 if small else 0.1,
        "dropout": 0.5 if small else 0.05,
        "batch_size": min(64 if small else 128 if m < 10_000 else 256, m),
        "learning_rate_init": (0.08 if small else 0.04) / max(256, features) ** 0.5,
        "beta_2": 0.95,
        "schedule": "coslog4",
        "max_iter": int(np.clip(1_500_000 // m, 10, 100)),
        "normalize": "standard",
        "early_stopping": m >= 2000 and m // 10 >= classes,
        "n_iter_no_change": np.inf,
        "dtype": np.float32,
        "random_state": seed,
    }
    if numbers:
        return cr.MLPRegressor(**arguments, scale_target=True)
    return cr.MLPClassifier(**arguments, label_smoothing=0.1)


def methods(plan, m, seed, effort):
    """Name → a function that makes it, of those that are installed."""
    numbers = plan.classes is None
    features, classes = plan.features or len(plan.used), len(plan.classes or ())
    scaled = make_pipeline(StandardScaler(), (MLPRegressor if numbers else MLPClassifier)(random_state=seed))
    boosting = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    made = {
        "ours": lambda: Ours(plan, m, seed, effort),
        "before": lambda: Prepared(plan, m, before(m, features, numbers, classes, seed)),
        "hist": lambda: Prepared(plan, m, boosting(random_state=seed)),
        "sklearn": lambda: Prepared(
            plan, m, TransformedTargetRegressor(scaled, transformer=StandardScaler()) if numbers else scaled
        ),
    }
    kind = "Regressor" if numbers else "Classifier"
    if find_spec("pytabkit"):
        import pytabkit

        for name, recipe in (("td-s", "TD_S"), ("td", "TD")):
            network = getattr(pytabkit, f"RealMLP_{recipe}_{kind}")
            options = {"device": "cpu", "random_state": seed, "n_cv": 1, "n_refit": 0, "verbosity": 0, "n_threads": 1}
            made[name] = lambda network=network, options=options: Framed(plan, network(**options))
    if find_spec("catboost"):
        import catboost

        trees = getattr(catboost, f"CatBoost{kind}")
        made["catboost"] = lambda: Framed(
            plan, trees(random_seed=seed, verbose=0, thread_count=1, allow_writing_files=False), "cat_features"
        )
    if find_spec("lightgbm"):
        import lightgbm

        more = getattr(lightgbm, f"LGBM{kind}")
        made["lightgbm"] = lambda: Framed(plan, more(random_state=seed, n_jobs=1, verbose=-1))
    return made


def measure(name, source, target, splits, wanted, effort):
    """Method → {"error", "log loss", "CPU"}, each over the splits."""
    table = readers.read(source, target=target)
    plan = tabular.make_plan(table)
    X, y = plan.examples(table)
    numbers = plan.classes is None
    results = {}
    for seed in range(splits):
        rows = np.arange(len(y))
        train, test = train_test_split(rows, test_size=0.25, random_state=seed, stratify=None if numbers else y)
        take = (lambda part: X.iloc[part].reset_index(drop=True)) if hasattr(X, "iloc") else (lambda part: X[part])
        for method, make in methods(plan, len(train), seed, effort).items():
            if wanted and method not in wanted:
                continue
            started = time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = make()
                model.fit(take(train), y[train])
                answers = model.answer(take(test))
            seconds = time.process_time() - started
            if numbers:
                figures = {"error": root_mean_squared_error(y[test], answers) / y.std()}
            else:
                labels = np.unique(y)
                figures = {
                    "error": 1 - accuracy_score(y[test], labels[answers.argmax(axis=1)]),
                    "log loss": log_loss(y[test], np.clip(answers, 1e-7, 1), labels=labels),
                }
            for what, value in (figures | {"CPU": seconds}).items():
                results.setdefault(method, {}).setdefault(what, []).append(float(value))
    return results


def ratio(results, peer, what):
    """The geometric mean over the tables of ours / theirs."""
    more = 0.001 if what == "error" else 0
    logs = [
        np.log((np.mean(found["ours"][what]) + more) / (np.mean(found[peer][what]) + more))
        for found in results.values()
        if what in found["ours"] and peer in found
    ]
    return float(np.exp(np.mean(logs))) if logs else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = tables()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all unless given")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--peers", default="", help="names with commas; all that are installed unless given")
    parser.add_argument("--effort", default="normal", help="of our estimators")
    parser.add_argument("--out", help="a file for all figures, as JSON")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(known):
        parser.error(f"unknown table {sorted(unknown)[0]!r}; known: {', '.join(known)}")
    wanted = {"ours", *arguments.peers.split(",")} if arguments.peers else set()
    threadpool_limits(1)
    results = {}
    for name in arguments.names or known:
        results[name] = measure(name, *known[name], arguments.splits, wanted, arguments.effort)
        for what in ("error", "log loss", "CPU"):
            found = {method: figures[what] for method, figures in results[name].items() if what in figures}
            if found:
                line = "".join(f"  {method} {np.mean(values):.4g}" for method, values in found.items())
                print(f"{name if what == 'error' else '':14}{what:>9}{line}", flush=True)
        if arguments.out:
            Path(arguments.out).write_text(json.dumps(results, indent=1))
    peers = [method for method in next(iter(results.values())) if method != "ours"]
    print(
        f"\nours / theirs, geometric means over {len(results)} tables\n{'':12}{'error':>10}{'log loss':>10}{'CPU':>10}"
    )
    for peer in peers:
        line = "".join(f"{ratio(results, peer, what):10.3f}" for what in ("error", "log loss", "CPU"))
        wins = sum(np.mean(r["ours"]["error"]) <= np.mean(r[peer]["error"]) for r in results.values() if peer in r)
        print(f"{peer:12}{line}   no worse on {wins} of {len(results)}")
        for (other, what), goal in GOALS.items():
            if other == peer:
                print(f"{'':12}goal: {what} {goal}, {'met' if ratio(results, peer, what) <= goal else 'NOT met'}")
        if peer == WINS[0] and len(results) == 13:
            print(f"{'':12}goal: no worse on {WINS[1]}, {'met' if wins >= WINS[1] else 'NOT met'}")


if __name__ == "__main__":
    main()
