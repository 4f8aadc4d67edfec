"""What one takes along from the lab, and the lab that comes back from it."""

import json
import sys
import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import chainrule as cr
from chainrule import tabular
from chainrule.cli import app
from chainrule.lab import design, learning, lessons, session, take
from chainrule.lab.data import load
from chainrule.lab.design import Design, Examples
from chainrule.lab.run import Run
from chainrule.lab.session import Lab
from chainrule.readers import Table

FLOWER = {"kind": "bundled", "name": "flower"}


@pytest.fixture
def lab():
    made = Lab(Design.of({"data": FLOWER, "batch_size": 64, "seed": 5}))
    yield made
    made.close()


def table(regression=False):
    """Examples of a table of numbers and words, as they were made of its rows; and the rows."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(1, 90, 60), "ship": rng.choice(["a", "b", "c"], 60)})
    y = np.where(X["age"] > 40, "lived", "died") if not regression else X["age"].to_numpy() * 2.0 + 5
    plan = tabular.make_plan(Table("people", X, y, "fate"))
    preparation = tabular.make_pipeline(plan, 60)[:-1]
    inputs = np.asarray(preparation.fit(X, y).transform(X)).T
    scale = (float(y.mean()), float(y.std())) if regression else (0.0, 1.0)
    Y = (y[None] - scale[0]) / scale[1] if regression else (y == "lived")[None] * 1.0
    task, classes = ("regression", ()) if regression else ("binary", ("died", "lived"))
    names = tuple(f"x{i}" for i in range(len(inputs)))
    examples = Examples(
        "people.csv", inputs, Y, inputs[:, :0], Y[:, :0], task, names, "fate", classes, table=(plan, preparation),
        target_scale=scale,
    )  # fmt: skip
    return examples, X, y


def saved(lab, path, what="model"):
    name, content = take.take(lab, what)
    path.write_bytes(content)
    return name


def test_a_model_of_points_is_their_network(lab, tmp_path):
    lab.call(lambda: lab.run().go(30))
    assert saved(lab, tmp_path / "m") == "flower.chainrule"
    run = lab.run()
    np.testing.assert_array_equal(cr.load(tmp_path / "m", cr.Network).parameters, run.network.parameters)
    run.go(31)  # what was taken does not go on


@pytest.mark.parametrize("regression", [False, True])
def test_a_model_of_a_table_takes_the_table_as_it_is(tmp_path, regression):
    examples, X, y = table(regression)
    lab = Lab(Design.of({"data": {}, "hidden": [6], "activations": ["tanh"]}), examples)
    lab.call(lambda: lab.run().go(400))
    assert saved(lab, tmp_path / "m") == "people.chainrule"
    lab.close()
    model = cr.load(tmp_path / "m")
    answers = lab.run().network(examples.X)
    if regression:
        mean, deviation = examples.target_scale
        np.testing.assert_allclose(model.predict(X), mean + deviation * answers[0])
        assert model.score(X, y) > 0.9
    else:
        np.testing.assert_allclose(model.predict_proba(X)[:, 1], answers[0], rtol=1e-6)
        assert model.score(X, y) > 0.9


def test_chainrule_predict_opens_the_model_of_a_table(tmp_path):
    examples, X, _ = table()
    lab = Lab(Design.of({"data": {}, "hidden": [6], "activations": ["tanh"]}), examples)
    lab.call(lambda: lab.run().go(400))
    saved(lab, tmp_path / "m.chainrule")
    lab.close()
    X.to_csv(tmp_path / "rows.csv", index=False)
    files = [str(tmp_path / name) for name in ("m.chainrule", "rows.csv", "out.csv")]
    done = CliRunner().invoke(app, ["predict", *files[:2], "--out", files[2]])
    assert done.exit_code == 0, done.output
    found = pd.read_csv(tmp_path / "out.csv")
    assert (found["prediction"] == np.where(X["age"] > 40, "lived", "died")).mean() > 0.9


def test_onnx_answers_as_the_network(lab, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export and onnxruntime")
    lab.call(lambda: lab.run().go(30))
    assert saved(lab, tmp_path / "m", "onnx") == "flower.onnx"
    X = lab.run().examples.X
    (answers,) = onnxruntime.InferenceSession(tmp_path / "m").run(None, {"X": X.T})
    np.testing.assert_allclose(answers.T, lab.run().network(X), rtol=1e-6)


def test_onnx_of_a_table_has_its_columns(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export and onnxruntime")
    rows = [f"{'' if i % 9 == 4 else 20 + i % 50},{'abc'[i % 3]},{'lived' if i % 7 < 3 else 'died'}" for i in range(60)]
    (tmp_path / "people.csv").write_text("age,ship,fate\n" + "\n".join(rows))
    lab = Lab(Design.of({"data": {"kind": "file", "path": str(tmp_path / "people.csv"), "target": "fate"}}))
    saved(lab, tmp_path / "m", "onnx")
    answers = onnxruntime.InferenceSession(tmp_path / "m").run(
        ["label"], {"age": np.array([[30.0], [np.nan]]), "ship": np.array([["a"], [""]], object)}
    )
    assert set(answers[0]) <= {"lived", "died"}
    lab.close()


def test_without_onnx_the_error_names_the_extra(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r'pip install "chainrule\[export\]"'):
        take.take(lab, "onnx")


@pytest.mark.parametrize("way", ["lab", "link"])
def test_a_lab_comes_back_to_the_same_bits(lab, way, monkeypatch):
    monkeypatch.setattr(session, "AT_ONCE", 60.0)  # on a machine that is busy, too

    def played():
        lab.go(by=20)
        lab.change_options({"batch_size": None, "optimizer": {"name": "Momentum", "learning_rate": 0.2}})
        lab.go(by=7)
        lab.add({"activations": ["relu", "relu"]}, "with relu")
        lab.go(by=5)
        lab.change_options({"dropout": [0.1, 0.0]}, run=1)
        lab.go(by=1, run=1)
        lab.go(by=-2, run=2)
        lab.speed = 30.0

    lab.call(played)
    _, content = take.take(lab, way)
    other = Lab(Design.of({"data": FLOWER}))
    assert other.call(lambda: take.restore(other, content.decode()))["said"] == ""
    assert [run.name for run in other.runs.values()] == ["run 1", "with relu"]
    assert other.run().name == "with relu"
    assert other.speed == 30.0
    for run, again in zip(lab.runs.values(), other.runs.values(), strict=True):
        assert again.line.step == run.line.step
        np.testing.assert_array_equal(again.network.parameters, run.network.parameters)
        again.go(10), run.go(10)
        again.go(40), run.go(40)
        np.testing.assert_array_equal(again.network.parameters, run.network.parameters)
    other.close()


def test_a_lab_that_was_far_is_on_its_way_for_a_while(lab, monkeypatch):
    lab.call(lambda: lab.run().go(300))
    content = take.take(lab, "lab")[1].decode()
    wanted = lab.run().network.parameters.copy()
    monkeypatch.setattr(session, "AT_ONCE", 0.0)
    assert lab.call(lambda: take.restore(lab, content))["said"] == "run 1 is on its way to step 300"
    while lab.call(lambda: lab.playing):
        pass
    np.testing.assert_array_equal(lab.run().network.parameters, wanted)


def test_a_lesson_comes_back_with_its_runs(lab):
    name = next(iter(lessons.LESSONS))
    lab.call(lambda: learning.play_lesson(lab, name))
    content = take.as_json(lab)
    other = Lab(Design.of({"data": FLOWER}))
    other.call(lambda: take.restore(other, json.dumps(content)))
    assert (other.lesson["name"], other.lesson["ids"]) == (name, list(other.runs))
    for wrong, message in (
        ("x", "got 'x'"),
        ({"name": "x", "runs": [0, 1]}, "x"),
        ({"name": name, "runs": [0, 7]}, "got 7"),
    ):
        with pytest.raises(ValueError, match=message):
            take.restore(other, json.dumps({**content, "lesson": wrong}))
    lab.call(lambda: lab.remove(next(iter(lab.runs))))
    assert take.as_json(lab)["lesson"] is None
    other.close()


def test_a_link_that_is_too_long_says_to_take_a_file(lab):
    content = take.as_json(lab)
    noise = np.random.default_rng(0).integers(0, 1 << 62, 3000).tolist()
    with pytest.raises(ValueError, match="Take it along as a lab file"):
        take.link({**content, "noise": noise})


def packed(text):
    return "1." + urlsafe_b64encode(zlib.compress(text.encode())).decode()


HOSTILE = {
    "nothing": ("", "cannot be read"),
    "no JSON": ("{", "cannot be read"),
    "deep": ("{" + '"a":[' * 100_000, "cannot be read"),
    "no base64": ("1.???", "cannot be read"),
    "a bomb": (packed(" " * 20_000_000), "cut off, or too long"),
    "cut off": (packed("{}")[:-6], "cannot be read"),
    "a list": (packed("[]"), "it is none of chainrule lab"),
    "NaN": ('{"format": NaN}', "NaN is no number of JSON"),
    "long": ("{" + "a" * (8 << 20), "8,388,608 at most"),
    "newer": (
        '{"format": "chainrule lab", "version": 2, "chainrule": "9.9"}',
        "it is of version 2, .* by chainrule '9.9'",
    ),
    "no runs": ('{"format": "chainrule lab", "version": 1}', "runs: wanted a list of 1 to"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_lab_gets_one_clear_error(lab, name):
    text, message = HOSTILE[name]
    with pytest.raises(ValueError, match=message):
        take.restore(lab, text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"design": {"data": FLOWER, "hidden": [10**9], "activations": ["relu"]}},
            "parameters in 2 runs are more than",
        ),
        ({"design": {"data": FLOWER, "nonsense": 1}}, "run 2: design: there is no 'nonsense'"),
        ({"design": 5}, "run 2: design: got 5, wanted an object"),
        ({"design": {"data": {"kind": "bundled", "name": "../x"}}}, "run 2: "),
        ({"changes": [[0, {}]] * 10_001}, "changes: got 10,001, wanted 10,000 at most"),
        ({"changes": [[-1, {}]]}, "changes: got -1, wanted a whole number"),
        (
            {"changes": [[5, {"optimizer": {"name": "Adam", "learning_rate": "x"}}]]},
            "run 2: Adam.learning_rate: got 'x'",
        ),
        ({"changes": [[5, {"optimizer": {"name": "__import__"}}]]}, "run 2: .*optimizer"),
        ({"step": 1e9}, "step: got 1000000000.0, wanted a whole number"),
        ({"step": "9" * 1000}, "step: got '999"),
        ({"changes": [[1]]}, r"changes: got \[1\], wanted \[step, options\]"),
        ({"changes": [None]}, "changes: got None, wanted"),
        ({"changes": None}, "changes: got None, wanted a list"),
        ({"changes": [[5, None]]}, "options: got None, wanted an object with an optimizer"),
        ({"edits": [[1, [3]]]}, r"edits: got 3, wanted \[place, value\]"),
        ({"design": {"data": FLOWER, "seed": -1}}, "seed: got -1, wanted a whole number of 0 or more"),
        ({"design": {"data": FLOWER, "hidden": None}}, "hidden: got None, wanted a list"),
        ({"name": "\ud800"}, "half a character"),
        ({"design": {"data": {"kind": "formula", "formula": "x\udfff"}}}, "half a character"),
    ],
)
def test_runs_that_cannot_be_are_refused_and_nothing_changes(lab, change, message):
    content = take.as_json(lab)
    content["runs"] = [content["runs"][0], {**content["runs"][0], **change}]
    before = lab.run()
    with pytest.raises(ValueError, match=message):
        take.restore(lab, json.dumps(content))
    assert list(lab.runs.values()) == [before]


def test_what_no_page_could_be_told_of_is_an_error_before_anything_changes(lab, monkeypatch):
    content, before = take.as_json(lab), lab.run()
    monkeypatch.setattr(Run, "about", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take.restore(lab, json.dumps(content))
    assert list(lab.runs.values()) == [before]


def test_the_runs_of_a_lab_together_have_a_limit_that_is_known_before_they_take_memory(lab, monkeypatch):
    content = take.as_json(lab)
    one = {"design": {"data": FLOWER, "hidden": [2800, 2800], "activations": ["relu"] * 2}, "step": 0}
    monkeypatch.setattr(Design, "timeline", lambda *given: pytest.fail("a network was made"))
    with pytest.raises(ValueError, match="47,124,006 parameters in 6 runs are more than the 20,000,000"):
        take.restore(lab, json.dumps({**content, "runs": [one] * 6}))


def test_a_run_beside_others_may_not_be_too_large_together_with_them(lab, monkeypatch):
    monkeypatch.setattr(design, "MOST_PARAMETERS", 2 * lab.run().network.parameters.size)
    lab.call(lambda: lab.add({}))
    with pytest.raises(ValueError, match="parameters in 3 runs are more than"):
        lab.call(lambda: lab.add({}))
    with pytest.raises(ValueError, match="parameters in 2 runs are more than"):
        lab.call(lambda: lab.change_design({"hidden": [9, 4]}))


def test_the_code_of_a_run_is_its_program(lab):
    examples = load(FLOWER)
    lines = ("X, Y = cr.datasets.flower()", "X_val, Y_val = X[:, :0], Y[:, :0]")
    X, Y = cr.datasets.flower()
    run = lab.run()
    run.examples = replace(examples, X=X, Y=Y, X_val=X[:, :0], Y_val=Y[:, :0], code=lines)
    name, content = take.take(lab, "code")
    assert name == "flower.py"
    assert b"cr.datasets.flower()" in content


def test_the_page_asks_for_it_by_two_commands(lab):
    found = lab.call(lambda: lab.take("link"))
    assert found["bytes"].dtype == np.uint8
    assert lab.call(lambda: take.restore(lab, found["bytes"].tobytes().decode()))["said"] == ""
    with pytest.raises(ValueError, match="wanted one of model, onnx, code, lab, link"):
        lab.call(lambda: lab.take("nothing"))
