"""chainrule evaluate: every score of the answers for known rows, with its interval."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from support.models import bytes_of_models
from support.tables import people


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return bytes_of_models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def evaluated(trained, ok):
    """What a model says of its table, as JSON, and what it predicts."""
    people().to_csv("people.csv", index=False)

    def evaluated(which, *options):
        Path("m").write_bytes(trained[which])
        answers = json.loads(ok("predict", "m", "people.csv", "--json"))["predictions"]
        return json.loads(ok("evaluate", "m", "people.csv", "--json", *options)), pd.DataFrame(answers)

    return evaluated


def test_classes_have_the_scores_that_scikit_learn_gives_with_intervals_around_them(evaluated):
    result, answers = evaluated("classes")
    y, yes = people().buys, answers.probability_yes
    scores = result["scores"]
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(y, answers.prediction))
    assert scores["log loss"] == pytest.approx(metrics.log_loss(y, yes), rel=1e-6)
    assert scores["ROC AUC"] == pytest.approx(metrics.roc_auc_score(y == "yes", yes))
    positive = result["positive"]
    for name, function in (("recall", metrics.recall_score), ("precision", metrics.precision_score)):
        assert scores[name] == pytest.approx(function(y, answers.prediction, pos_label=positive, zero_division=0))
    for name, value in scores.items():
        low, high = result["intervals"][name]
        assert low <= value <= high
    assert [row["label"] for row in result["by_class"]] == ["no", "yes"]
    assert [row["rows"] for row in result["by_class"]] == [(y == "no").sum(), (y == "yes").sum()]


def test_numbers_have_theirs(evaluated):
    result, answers = evaluated("numbers")
    assert result["scores"]["MAE"] == pytest.approx(metrics.mean_absolute_error(people().spends, answers.prediction))
    low, high = result["intervals"]["MAE"]
    assert low < result["scores"]["MAE"] < high


def test_a_threshold_decides_for_the_rarer_class(evaluated, ok, run):
    few, _ = evaluated("classes", "--threshold", "0.999")
    all_, _ = evaluated("classes", "--threshold", "0")
    column = ["no", "yes"].index(few["positive"])
    assert np.sum(few["confusion"], axis=0)[column] == 0
    assert np.sum(all_["confusion"], axis=0)[column] == 80
    decided = json.loads(ok("predict", "m", "people.csv", "--threshold", "0", "--json"))["predictions"]
    assert {row["prediction"] for row in decided} == {few["positive"]}
    out = ok("evaluate", "m", "people.csv", "--threshold", "0.25")
    assert "predicted from a probability of 0.25 on" in " ".join(out.split())
    evaluated("numbers")
    for command in ("predict", "evaluate"):
        code, out, err = run(command, "m", "people.csv", "--threshold", "0.3")
        assert (code, out) == (2, "")
        assert "--threshold: is between two classes, and this model predicts a number" in err


def test_rows_count_as_much_as_a_column_says(evaluated, ok, run):
    weight = np.arange(80) % 3
    evaluated("classes")
    people().assign(weight=weight).to_csv("weighted.csv", index=False)
    people().loc[np.repeat(np.arange(80), weight)].to_csv("repeated.csv", index=False)
    one = json.loads(ok("evaluate", "m", "weighted.csv", "--weight", "weight", "--json"))["scores"]
    other = json.loads(ok("evaluate", "m", "repeated.csv", "--json"))["scores"]
    assert one == pytest.approx(other)
    people().assign(weight=[-1, *[1] * 79]).to_csv("negative.csv", index=False)
    for data, name, message in (
        ("negative.csv", "weight", "--weight weight: row 1 has -1, wanted a number of 0 or more"),
        ("weighted.csv", "wieght", "--weight wieght: no such column in weighted.csv. Did you mean 'weight'?"),
    ):
        code, out, err = run("evaluate", "m", data, "--weight", name)
        assert (code, out, err) == (2, "", f"error: {message}\n")


def test_evaluate_shows_it_in_80_columns(evaluated, ok):
    evaluated("classes")
    out = ok("evaluate", "m", "people.csv")
    for words in ("balanced accuracy", "95 % interval", "PR AUC", "are of buys = ", "precision", "true \\ predicted"):
        assert words in out
    assert max(map(len, out.splitlines())) <= 80


def test_many_classes_that_are_not_known_are_one_line_of_the_table(evaluated, ok):
    evaluated("classes")
    people().assign(buys=[f"other {i}" for i in range(40)] + [*people().buys[40:]]).to_csv("new.csv", index=False)
    result = json.loads(ok("evaluate", "m", "new.csv", "--json"))
    assert (len(result["unknown"]), np.shape(result["confusion"])) == (40, (42, 2))
    lines = [line.split() for line in ok("evaluate", "m", "new.csv").splitlines()]
    (found,) = [line[2:] for line in lines if line[:2] == ["40", "others"]]
    assert [0 if cell == "·" else int(cell) for cell in found] == np.sum(result["confusion"][2:], axis=0).tolist()
