"""The model files of a release, to be loaded by all later ones: python tests/data/write.py

Writes tests/data/VERSION/, once for each release, before it is tagged; a folder that is there is never written again
(--again does it, before the release). Beside each model are the inputs and what the model made of them.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

import chainrule as cr
from chainrule.cli import main

HERE = Path(__file__).parent
QUICK = ("--hidden", "8", "--epochs", "4")


def table(m: int = 120) -> pd.DataFrame:
    """People with numbers, words, truths, dates, sentences and gaps; `buys` and `spends` can be learned from them."""
    r = np.random.default_rng(0)
    age = r.integers(18, 80, m) + 0.5
    city = r.choice(["Rome", "Oslo", "Lima", "Łódź"], m)
    words = np.array(["likes the red one", "asked for a blue one", "wants it in green"])
    said = [f"{words[i]} and {words[j]}, number {k}" for k, (i, j) in enumerate(r.integers(0, 3, (m, 2)))]
    since = [f"2024-{month:02}-{day:02}" for month, day in zip(r.integers(1, 13, m), r.integers(1, 29, m), strict=True)]
    frame = pd.DataFrame({"age": age, "city": city, "member": age > 40, "since": since, "said": said})
    frame.loc[::7, "age"] = None
    return frame.assign(buys=np.where((age > 45) ^ (city == "Oslo"), "yes", "no"), spends=age * 2.25 + (city == "Rome"))


def network(folder: Path) -> None:
    """A network with a normalizer, every parameter used, and the checkpoint of its training."""
    r = np.random.default_rng(0)
    X, Y = r.normal(size=(3, 40)), r.normal(size=(2, 40))
    net = cr.Network([3, 5, 4, 2], hidden=["leaky_relu(0.2)", "gelu"], output="identity", loss="huber(1.35)", seed=0)
    net.normalize(X, "robust")
    list(net.train(X, Y, cr.Adam(0.01), epochs=3, batch_size=8, seed=0, checkpoint=folder / "checkpoint.chainrule"))
    cr.save(net, folder / "network.chainrule", {"note": "ä"})
    for name in ("network", "checkpoint"):
        keep(folder, name, net.parameters, X=X, outputs=net.forward(X))


def fits(folder: Path) -> None:
    """Checkpoints of fits that can go on: one that watches its cost, one that watches a score."""
    r = np.random.default_rng(2)
    X = r.normal(size=(60, 3))
    for name, early_stopping in (("fit", False), ("watched", True)):
        clf = cr.MLPClassifier((4,), max_iter=4, random_state=0, early_stopping=early_stopping)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            clf.fit(X, X[:, 0] > 0, checkpoint=folder / f"{name}.checkpoint")


def estimators(folder: Path) -> None:
    """A classifier with texts as labels, a regressor of two outputs, and a pipeline around a classifier."""
    r = np.random.default_rng(1)
    X = r.normal(size=(60, 4))
    labels = np.array(["no", "maybe", "ja"])[X[:, :3].argmax(axis=1)]
    options = {"hidden_layer_sizes": (6, 5), "max_iter": 5, "random_state": 0}
    classifier = cr.MLPClassifier(**options, schedule="cosine", dtype=np.float32).fit(X, labels)
    cr.save(classifier, folder / "classifier.chainrule")
    found = {"predictions": classifier.predict(X), "probabilities": classifier.predict_proba(X)}
    keep(folder, "classifier", classifier.network_.parameters, X=X, **found)
    regressor = cr.MLPRegressor(**options, solver=cr.AdamW(0.01), early_stopping=True, normalize="standard")
    regressor.fit(X, X[:, :2] ** 2)
    cr.save(regressor, folder / "regressor.chainrule")
    keep(folder, "regressor", regressor.network_.parameters, X=X, predictions=regressor.predict(X))
    holes = np.where(r.random(X.shape) < 0.1, np.nan, X)
    holes[:, 3] = np.round(X[:, 3])
    columns = ColumnTransformer([("one", OneHotEncoder(handle_unknown="ignore"), [3])], remainder=SimpleImputer())
    steps = SimpleImputer(strategy="median"), columns, QuantileTransformer(n_quantiles=20), StandardScaler(), PCA(4)
    pipeline = make_pipeline(*steps, cr.MLPClassifier(**options)).fit(holes, labels)
    cr.save(pipeline, folder / "pipeline.chainrule")
    found = {"predictions": pipeline.predict(holes), "probabilities": pipeline.predict_proba(holes)}
    keep(folder, "pipeline", pipeline[-1].network_.parameters, X=holes, **found)


def command_line(folder: Path) -> None:
    """What `chainrule train` makes of the table: classes and numbers."""
    data = folder / "people.csv"
    table().to_csv(data, index=False)
    os.chdir(folder)  # no path of this machine comes into a file
    for target, other in (("buys", "spends"), ("spends", "buys")):
        out = folder / f"{target}.chainrule"
        try:
            with contextlib.redirect_stdout(None):
                main(["train", "people.csv", "--target", target, "--drop", other, "--out", str(out), *QUICK])
        except SystemExit as done:
            if done.code:
                raise
        model = cr.load(out)
        found = {"predictions": model.predict(pd.read_csv(data))}
        if target == "buys":
            found["probabilities"] = model.predict_proba(pd.read_csv(data))
        keep(folder, target, model[-1].network_.parameters, **found)


def keep(folder: Path, name: str, parameters: np.ndarray, **arrays: np.ndarray) -> None:
    """Inputs and answers of a model beside it, and the checksum of its parameters."""
    arrays = {key: a.astype(str) if a.dtype == object else a for key, a in arrays.items()}
    np.savez_compressed(folder / name, parameters=hashlib.sha256(parameters.tobytes()).hexdigest(), **arrays)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="the release is not out yet: write its folder again")
    again = parser.parse_args().again
    warnings.simplefilter("ignore")
    made = HERE / cr.__version__
    if made.exists() and not again:
        parser.error(f"{made} is there already, and people have such files")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    network(made)
    fits(made)
    estimators(made)
    command_line(made)
    for file in sorted(made.iterdir()):
        print(f"{file.stat().st_size:9,} {file.name}")
