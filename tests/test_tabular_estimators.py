"""TabularClassifier and TabularRegressor: a table as it is, from fit to file."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.files import model as modelfile
from chainrule.readers import Table
from chainrule.tabular import estimators, make_pipeline, make_plan
from support.tables import people

LITTLE = {"hidden_layer_sizes": (4,), "max_iter": 2, "batch_size": 20}
QUICK = {**LITTLE, "random_state": 0}
ESTIMATORS = {"buys": cr.TabularClassifier, "spends": cr.TabularRegressor}


def split(target):
    frame = people(60)
    return frame.drop(columns=["buys", "spends"]), frame[target]


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ESTIMATORS)
def test_a_saved_model_says_the_same_and_its_file_tells_what_it_is(target, tmp_path):
    X, y = split(target)
    model = ESTIMATORS[target](**QUICK).fit(X, y)
    cr.save(model, tmp_path / "m", {"who": "me"})
    again = cr.load(tmp_path / "m", ESTIMATORS[target])
    assert (answers(again, X) == answers(model, X)).all()
    assert again.columns_ == model.columns_
    assert again.get_params() == model.get_params()
    header = modelfile.read_about(tmp_path / "m")
    assert header["kind"] == type(model).__name__
    assert [column["name"] for column in header["columns"]] == list(X.columns)
    assert set(header["columns"][0]) == {"name", "role", "note", "missing"}
    assert header["classes"] == (["no", "yes"] if target == "buys" else None)
    assert (header["target"], header["networks"], header["training"]["seed"]) == (target, 2, 0)
    assert header["leaderboard"] == model.leaderboard_
    assert header["preprocessing"][0]["does"] == "Columns"
    assert len(header["layers"]) == 2


@pytest.mark.parametrize("target", [*ESTIMATORS, None])
def test_a_pipeline_that_train_saved_becomes_a_fitted_estimator(target, tmp_path):
    X, y = split(target) if target else (np.arange(120.0).reshape(60, 2) % 7, np.arange(60) % 2)
    table = Table("people", X, y, target or "y")
    plan = make_plan(table)
    pipeline = make_pipeline(plan, 60, **LITTLE)
    pipeline.fit(*plan.examples(table))
    about = {
        "task": plan.task,
        "target": plan.target,
        "rows": {"train": 50, "test": 10},
        "columns": [vars(column) for column in plan.columns],
        "classes": None if plan.classes is None else list(plan.classes.items()),
        "features": plan.features or len(plan.used),
        "image_shape": None,
    }
    model = estimators.from_pipeline(pipeline, about)
    assert type(model) is ESTIMATORS.get(target, cr.TabularClassifier)
    assert (model.predict(X) == pipeline.predict(X)).all()
    cr.save(model, tmp_path / "m")
    assert (answers(cr.load(tmp_path / "m"), X) == answers(model, X)).all()
