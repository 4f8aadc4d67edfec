"""Every source of data: examples, what is understood of it, and code that makes the same bits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.lab import data, formula, given, tables
from chainrule.lab.data import arrays, load, understand
from chainrule.lab.design import Design

SHARED = Path(__file__).parents[3] / "shared" / "data"


def shared(name):
    if not (SHARED / name).is_file():
        pytest.skip(f"../shared/data/{name} is not there")
    return str(SHARED / name)


def same(a, b):
    """To the bit, and in memory alike: an engine may add in another order where it is not."""
    return a.shape == b.shape and a.dtype == b.dtype and a.strides == b.strides and a.tobytes() == b.tobytes()


def reproduced(made):
    """The examples, after their code has made the same."""
    names = {"np": np, "cr": cr}
    exec("\n".join(made.code), names)
    for part in ("X", "Y", "X_val", "Y_val"):
        assert same(names[part], getattr(made, part)), part
    assert made.X.dtype == made.Y.dtype == np.float64
    assert len(made.inputs) == len(made.X)
    assert len(made.classes) == {"regression": 0, "binary": 2, "classes": len(made.Y)}[made.task]
    return made


def people(m=60):
    """A table of every kind of column: 60 rows of which 5 have no age, and a class of two rows."""
    rows = ["id,age,city,since,note,member,plan"]
    for i in range(m):
        age = "" if i % 13 == 7 else f"{20 + i * 7 % 50}"
        city = ("Graz", "Linz", "Wien")[i % 3]
        day = f"{2020 + i % 4}-0{1 + i % 9}-1{i % 10}"
        plan = "gone" if i < 2 else ("free", "paid", "team")[(7 * i + i // 5) % 3]
        rows.append(f"A{i:03},{age},{city},{day},a note no {i} from {city} to say,{'yes' if i % 4 else 'no'},{plan}")
    return "\n".join(rows) + "\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to be in, with the table of people."""
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(people(), encoding="utf-8")
    return tmp_path


PEOPLE = {"kind": "file", "path": "people.csv", "target": "plan"}

# -- bundled -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", cr.datasets.NAMES)
def test_every_bundled_set(name):
    made = reproduced(load({"kind": "bundled", "name": name}))
    m = cr.datasets.NAMES[name]()[0].shape[1]
    assert made.X_val.shape[1] == round(0.2 * m)
    assert made.X.shape[1] + made.X_val.shape[1] == m
    assert (made.task == "regression") == (name in ("quadratic", "sine", "diabetes"))


def test_a_bundled_set_with_arguments_and_nothing_held_out_is_the_set_itself():
    made = reproduced(load({"kind": "bundled", "name": "spirals", "m": 50.0, "noise": 0, "seed": 3, "validation": 0}))
    X, Y = cr.datasets.spirals(m=50, noise=0, seed=3)
    assert same(made.X, X)
    assert same(made.Y, Y)
    assert made.X_val.shape == (2, 0)
    assert made.code[0] == "X, Y = cr.datasets.spirals(m=50, noise=0, seed=3)"


def test_the_rows_that_are_held_out_are_the_first_of_a_permutation():
    made = reproduced(load({"kind": "bundled", "name": "flower", "m": 10, "validation": 0.3, "split_seed": 5}))
    X, Y = cr.datasets.flower(m=10)
    order = np.random.default_rng(5).permutation(10)
    assert np.array_equal(made.X_val, X[:, order[:3]])
    assert np.array_equal(made.Y, Y[:, order[3:]])


def test_bundled_tables_have_the_names_of_their_columns():
    iris = load({"kind": "bundled", "name": "iris"})
    assert iris.inputs == ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
    assert iris.classes == ("setosa", "versicolor", "virginica")
    assert load({"kind": "bundled", "name": "breast_cancer"}).classes == ("malignant", "benign")
    digits = load({"kind": "bundled", "name": "digits"})
    assert digits.image == (8, 8, 1)
    assert digits.inputs[9] == "pixel 1,1"


def test_a_scaled_target_has_mean_0_and_deviation_1():
    made = reproduced(load({"kind": "bundled", "name": "diabetes", "scale_target": True}))
    center, scale = made.target_scale
    assert abs(made.Y.mean()) < 1e-12
    assert made.Y.std() == pytest.approx(1)
    plain = load({"kind": "bundled", "name": "diabetes"})
    assert np.allclose(made.Y_val * scale + center, plain.Y_val)
    assert "its mean is 0" in made.remarks[0]


# -- tables ------------------------------------------------------------------------------------------------------------


def test_a_table_as_it_is_understood(here):
    made = reproduced(load(PEOPLE))
    assert (made.name, made.task, made.target) == ("people.csv", "classes", "plan")
    assert made.classes == ("free", "paid", "team")
    assert made.inputs[:2] == ("age", "age missing")
    assert {"city = Graz", "city = Linz", "city = Wien", "member = no", "member = yes"} <= set(made.inputs)
    assert {"since year", "note: note"} <= set(made.inputs)
    assert [column["role"] for column in made.plan] == ["left out", "number", "category", "date", "text", "category"]
    assert any("gone" in remark for remark in made.remarks)
    i = made.inputs.index("city = Graz")
    assert set(made.X[i]) | set(made.X_val[i]) == {0, 1}
    assert abs(made.X[0].mean()) < 1e-12  # standardized over what is trained on


def test_the_cells_are_the_rows_of_the_table(here):
    made = load(PEOPLE)
    lines = [line.split(",") for line in people().splitlines()]
    assert made.columns == ("row", *lines[0])
    for part, X, Y in (("train", made.X, made.Y), ("validation", made.X_val, made.Y_val)):
        assert X.shape[1] > 5
        for k, cells in enumerate(made.cells(part, np.arange(X.shape[1]))):
            assert cells[1:] == lines[int(cells[0])]
            assert X[made.inputs.index("age missing"), k] == (cells[2] == "")
            assert made.classes[Y[:, k].argmax()] == cells[-1]


def test_what_is_said_of_a_table_is_done(here):
    said = {**PEOPLE, "target": "member", "drop": ["id", "note"], "category": ["age"], "m": 40, "validation": 0.25}
    made = reproduced(load(said))
    assert (made.task, made.classes, made.Y.shape, made.Y_val.shape) == ("binary", ("no", "yes"), (1, 30), (1, 10))
    assert made.inputs[0].startswith("age = ") or made.inputs[0].startswith("city = ")
    assert any("40 of 60 rows" in remark for remark in made.remarks)
    assert "drop=['id', 'note']" in "\n".join(made.code)
    assert made.table[0].target == "member"  # for a model that is taken along


def test_a_regression_is_scaled_unless_it_is_not_to_be(here):
    made = reproduced(load({**PEOPLE, "target": "age", "validation": 0}))
    assert (made.task, made.classes, made.X_val.shape[1]) == ("regression", (), 0)
    assert made.Y.std() == pytest.approx(1)
    plain = reproduced(load({**PEOPLE, "target": "age", "validation": 0, "scale_target": False}))
    assert plain.target_scale == (0.0, 1.0)
    assert np.allclose(made.Y * made.target_scale[1] + made.target_scale[0], plain.Y)
    assert "5 rows without age are left out" in plain.remarks


def test_rows_that_the_model_encodes_otherwise_are_told(here):
    rng = np.random.default_rng(0)
    some = {"a": rng.normal(size=90), "c": rng.choice([*"pqrs"], 90), "y": rng.choice(["u", "v", "w"], 90)}
    pd.DataFrame(some).to_csv("c.csv", index=False)
    made = load({"kind": "file", "path": "c.csv", "target": "y", "encoding": "recipe"})
    assert made.crossed
    assert "may answer otherwise" in made.remarks[0]
    assert made.inputs[-3:] == tuple(f"c by target = {name}" for name in "uvw")
    assert not load({"kind": "file", "path": "c.csv", "target": "y"}).crossed


def test_a_table_that_cannot_be_learned_as_it_is_can_be_chosen_from(here):
    Path("one.csv").write_text("a,b\n1,2\n")
    found = understand({"kind": "file", "path": "one.csv"})
    assert "which column is to be learned" in found["wrong"]
    assert [column["name"] for column in found["columns"]] == ["a", "b"]
    assert "at least 4 are needed" in understand({"kind": "file", "path": "one.csv", "target": "b"})["wrong"]


def test_names_that_have_no_utf8_are_refused():
    with pytest.raises(ValueError, match="names of the data: got half a character"):
        arrays("x", np.zeros((1, 3)), np.zeros((1, 3)), inputs=["\ud800"])


def test_held_out_examples_are_numbers_after_normalization_too():
    examples = replace(
        load({"kind": "bundled", "name": "flower"}), X_val=np.full((2, 1), -1e308), Y_val=np.ones((1, 1))
    )
    examples.X[:] = 1e308
    with pytest.raises(ValueError, match="held-out examples: X: got NaN or infinity"):
        Design.of({"data": {}, "normalize": "standard"}).timeline(examples)


def test_the_encoding_of_the_recipe(here):
    made = reproduced(load({**PEOPLE, "target": "member", "encoding": "recipe"}))
    assert "age bin 2" in made.inputs
    assert "city by target" in made.inputs


def test_titanic():
    path = shared("titanic.csv")
    made = reproduced(load({"kind": "file", "path": path, "target": "Survived"}))
    assert made.classes == ("0", "1")
    assert made.X.shape == (13, 713)
    assert made.inputs[:7] == ("Pclass", "Age", "SibSp", "Parch", "Fare", "Age missing", "Cabin given")
    assert made.inputs[7:] == (
        "Sex = female",
        "Sex = male",
        "Embarked = C",
        "Embarked = Q",
        "Embarked = S",
        "Embarked missing",
    )
    assert understand({"kind": "file", "path": path})["target"] == "Survived"


def test_housing():
    path = shared("housing.csv")
    made = reproduced(load({"kind": "file", "path": path, "target": "median_house_value", "m": 1000}))
    assert made.task == "regression"
    assert made.X.shape == (13, 800)  # of 1,000 rows, none of the 5 on an island
    assert understand({"kind": "file", "path": path})["targets"][0] == "median_house_value"


def test_without_a_target_the_columns_are_listed(here):
    with pytest.raises(ValueError, match=r"which column is to be learned\? Its columns: id, age, city, since, note"):
        load({"kind": "file", "path": "people.csv"})


def test_a_table_is_understood_by_its_likeliest_target(here):
    found = understand({"kind": "file", "path": "people.csv"})
    assert found["targets"][:2] == ["plan", "member"]
    assert found["target"] == "plan"
    assert found["task"] == "classes"
    assert found["rows"] == 58
    assert sum(each["rows"] for each in found["classes"]) == 58
    age = next(column for column in found["columns"] if column["name"] == "age")
    assert (age["role"], age["missing"], age["samples"]) == ("number", 5, ["20", "27", "34"])
    assert found["spread"] is None
    ages = understand({"kind": "file", "path": "people.csv", "target": "age"})["spread"]
    assert (ages["low"], ages["high"], ages["counts"].sum()) == (20, 69, 55)
    other = understand({"kind": "file", "path": "people.csv", "target": "member", "category": ["age"]})
    assert (other["target"], other["task"]) == ("member", "binary")
    assert next(column for column in other["columns"] if column["name"] == "age")["role"] == "category"


def test_advice_is_for_a_page(here):
    rows = "\n".join(f"{i % 7},{i * 37 % 100},{'ab'[i % 2]}" for i in range(80))
    Path("codes.csv").write_text(f"group,amount,kind\n{rows}\n", encoding="utf-8")
    found = understand({"kind": "file", "path": "codes.csv", "target": "kind"})
    assert any("make it a category" in remark for remark in found["remarks"])
    assert "--" not in " ".join(found["remarks"])


def test_how_a_file_was_read_is_told_by_its_name(here):
    rows = "\n".join(f"{i},{i * 7 % 11},{'ab'[i % 2]}" for i in range(40))
    (here / "hidden").mkdir()
    (here / "hidden" / "bare.csv").write_text(rows, encoding="utf-8")
    found = understand({"kind": "file", "upload": "u1", "target": "column3"}, {"u1": here / "hidden" / "bare.csv"})
    assert found["target"] == "column3"
    assert found["remarks"][0].startswith("bare.csv: ")


def test_a_column_that_gives_the_target_away_is_told(here):
    rows = "\n".join(f"{i * 37 % 101},{('yes', 'no')[i % 2]},{i % 2}" for i in range(80))
    Path("leak.csv").write_text(f"amount,answer,bought\n{rows}\n", encoding="utf-8")
    made = load({"kind": "file", "path": "leak.csv", "target": "bought"})
    assert any(remark.startswith("answer is bought in other words") for remark in made.remarks)


def test_arrays_of_a_file(here):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[3, 1] = np.nan
    np.savez("some.npz", X=X, y=rng.integers(0, 3, 40))
    made = reproduced(load({"kind": "file", "path": "some.npz"}))
    assert (made.task, made.inputs, made.cells) == ("classes", ("x0", "x1", "x2"), None)
    recipe = reproduced(load({"kind": "file", "path": "some.npz", "encoding": "recipe", "validation": 0}))
    assert len(recipe.X) > 3


def test_more_than_a_page_can_hold_is_drawn(here, monkeypatch):
    monkeypatch.setattr(tables, "MOST_ROWS", 20)
    made = reproduced(load(PEOPLE))
    assert made.X.shape[1] + made.X_val.shape[1] == 20
    monkeypatch.setattr(tables, "MOST_ROWS", 1000)
    monkeypatch.setattr(tables, "MOST_BYTES", 8 * 2000)
    made = reproduced(load(PEOPLE))
    assert 0 < made.X.size + made.X_val.size <= 2000
    monkeypatch.setattr(tables, "MOST_COLUMNS", 5)
    with pytest.raises(ValueError, match="6 columns are more than the 5 that a page can show"):
        load(PEOPLE)
    monkeypatch.setattr(given, "MOST_ROWS", 100)
    with pytest.raises(ValueError, match="400 examples of 2 inputs are more than a page can hold, wanted at most 100"):
        load({"kind": "bundled", "name": "flower"})


# -- pictures, uploads ----------------------------------------------------------------------------------------------


def test_a_folder_of_pictures(here):
    from PIL import Image

    rng = np.random.default_rng(0)
    for k, name in enumerate(("cat", "dog")):
        (here / "pets" / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(rng.integers(0, 255, (5, 4, 3), dtype=np.uint8) // (k + 1)).save(f"pets/{name}/{i}.png")
    spec = {"kind": "images", "path": "pets", "size": [3, 2], "gray": False}
    made = reproduced(load(spec))
    assert (made.name, made.image, made.classes, made.task) == ("pets", (3, 2, 3), ("cat", "dog"), "binary")
    assert made.inputs[:4] == ("pixel 0,0 red", "pixel 0,0 green", "pixel 0,0 blue", "pixel 0,1 red")
    assert 0 <= made.X.min() < made.X.max() <= 1
    assert same(load({"kind": "images", "upload": "u1", **spec, "path": None}, {"u1": here / "pets"}).X, made.X)
    assert reproduced(load({"kind": "images", "path": "pets", "validation": 0})).X.shape == (1024, 10)
    found = understand({"kind": "images", "path": "pets"})
    assert found["classes"] == [{"name": "cat", "rows": 5}, {"name": "dog", "rows": 5}]


def test_an_upload_is_called_by_its_name(here):
    uploads = {"u1": here / "people.csv"}
    made = reproduced(load({**PEOPLE, "path": None, "upload": "u1"}, uploads))
    assert made.code[1] == "table = readers.read('people.csv', target='plan')"
    assert same(made.X, load(PEOPLE).X)
    with pytest.raises(ValueError, match=r"^people\.csv: no column 'nothing'"):
        load({**PEOPLE, "path": None, "upload": "u1", "target": "nothing"}, uploads)


# -- points, arrays ----------------------------------------------------------------------------------------------------


def test_points_painted_by_hand():
    points = [[0.1 * i, -(i**0.5), i % 2] for i in range(30)]
    made = reproduced(load({"kind": "points", "points": points, "validation": 0, "range": [[-1, 4], [-6, 1]]}))
    assert (made.task, made.inputs, made.X.shape) == ("binary", ("x1", "x2"), (2, 30))
    assert np.array_equal(made.X, np.array(points).T[:2])
    assert np.array_equal(made.Y, np.array(points).T[2:])
    three = reproduced(load({"kind": "points", "points": points, "classes": 3}))
    assert three.task == "classes"
    assert three.Y.shape == (3, 24)


def test_arrays_of_a_program():
    X, Y = cr.datasets.moons(m=40)
    held = {"mine": arrays("moons of mine", X, Y, inputs=["east", "north"], classes=["up", "down"])}
    made = load({"kind": "arrays", "key": "mine"}, held)
    assert made is held["mine"]
    assert (made.task, made.inputs, made.classes, made.X_val.shape) == (
        "binary",
        ("east", "north"),
        ("up", "down"),
        (2, 0),
    )
    half = load({"kind": "arrays", "key": "mine", "validation": 0.5}, held)
    names = {"np": np, "X": X, "Y": Y}
    exec("\n".join(half.code), names)
    assert all(same(names[part], getattr(half, part)) for part in ("X", "Y", "X_val", "Y_val"))
    made_of = load({"kind": "arrays", "key": "mine", "features": ["x1*x2"]}, held)
    assert np.array_equal(made_of.X[0], X[0] * X[1])
    apart = arrays("apart", X[:, :30], Y[:, :30], X_val=X[:, 30:], Y_val=Y[:, 30:])
    assert load({"kind": "arrays", "key": "k", "validation": 0.5}, {"k": apart}) is apart
    assert arrays("r", X, X[0]).task == "regression"
    assert arrays("c", X, cr.datasets.one_hot(Y[0], 3)).task == "classes"


def test_inputs_that_are_made_of_the_two_of_a_plane():
    spec = {"kind": "bundled", "name": "moons", "features": ["x1", "x2", "x1*x2", "sin(x1)", "x1 > 0"]}
    made = reproduced(load(spec))
    assert made.inputs == ("x1", "x2", "x1*x2", "sin(x1)", "x1 > 0")
    assert np.array_equal(made.points, load({"kind": "bundled", "name": "moons"}).X)
    assert made.points_val.shape == (2, 40)
    assert np.array_equal(made.X[2], made.points[0] * made.points[1])
    assert np.array_equal(made.features(made.points), made.X)
    powers = reproduced(
        load({"kind": "formula", "formula": "sin(x)", "features": ["x", "x²", "x**3"], "scale_target": True})
    )
    assert powers.X.shape == (3, 160)
    for features, message in [
        (["x1", "log(x1)"], r"features|log\(x1\).* not finite"),
        (["x"], "wanted formulas of x1 and x2"),
        (["x1"] * 21, "wanted at most 20"),
        (["x1.T"], "not understood"),
    ]:
        with pytest.raises(ValueError, match=message):
            load({**spec, "features": features})
    with pytest.raises(ValueError, match="got 1 of 4 inputs"):
        load({"kind": "bundled", "name": "iris", "features": ["x1"]})


# -- formulas ----------------------------------------------------------------------------------------------------------


def test_a_formula_of_one_input_or_of_two():
    made = reproduced(load({"kind": "formula", "formula": "sin(3*x) + x**2/2", "m": 50, "noise": 0.05, "seed": 2}))
    assert (made.task, made.inputs, made.X.shape) == ("regression", ("x",), (1, 40))
    assert "Y = (np.sin(3 * x) + x ** 2 / 2)[None]" in made.code
    assert np.abs(made.Y - np.sin(3 * made.X) - made.X**2 / 2).max() < 0.3
    two = reproduced(load({"kind": "formula", "formula": "x1**2 + x2**2 < 1", "low": -1.5, "high": 1.5, "noise": 0.1}))
    assert (two.task, two.inputs, two.classes) == ("binary", ("x1", "x2"), ("false", "true"))
    assert set(two.Y[0]) == {0, 1}
    still = reproduced(load({"kind": "formula", "formula": "x1**2 + x2**2 < 1", "validation": 0}))
    assert np.array_equal(still.Y[0] > 0, still.X[0] ** 2 + still.X[1] ** 2 < 1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("y = x^2 − 2·π + x² - x**2", lambda x: x**2 - 2 * np.pi),
        ("-2**2 + abs(x)", lambda x: -4 + np.abs(x)),
        ("max(0, x, -x/2) - min(1, e**x)", lambda x: np.maximum(np.maximum(x, 0), -x / 2) - np.minimum(1, np.exp(x))),
        ("sign(x)*sqrt(abs(x)) + floor(tanh(tan(cos(log(exp(x))))))", None),
        ("3**0.5*x*abs(2)**70/2**70", lambda x: 3**0.5 * x),
    ],
)
def test_formulas_mean_what_they_say(text, wanted):
    x = np.linspace(-1, 1, 7)
    f = formula.parse(text)
    found = f(x)
    assert np.array_equal(found, eval(f.code, {"np": np, "x": x}))
    if wanted is None:
        wanted = lambda x: np.sign(x) * np.sqrt(abs(x)) + np.floor(np.tanh(np.tan(np.cos(x))))  # noqa: E731
    assert np.allclose(found, wanted(x))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x % 2 + 1", r"'x % 2' \(character 1\); a remainder is no function that this page knows"),
        ("1 + 2x", r"from '2x' on \(character 5\).*a product needs its sign, 2\*x"),
        ("sin x", r"from 'x' on \(character 5\)"),
        ("(x + 1", "its parentheses do not match"),
        ("1 + tahn(x)", r"'tahn' \(character 5\); .*Did you mean 'tan"),
        ("z*2", "there is no 'z'"),
        ("3", "there is no x in it"),
        ("x1 + x", "got both x and x1 or x2"),
        ("sin(x, 2)", "sin takes one number"),
        ("max(x)", "max takes two numbers or more"),
        ("x == 1", "compare with < or >"),
        ("(x > 1)*2", "a comparison stands alone"),
        ("log(x)", r"it is nan at x = -1.*; choose another range"),
        ("1/(x*0)", "not finite at 7 of 7 points"),
        ("1e999*x", "it is too large for a number"),
        ("1" * 390 + "*x", "it is too large for a number"),
        ("x+" * 150 + "x", "it is too long"),
        ("x" * 401, "got 401 characters, wanted at most 400"),
        ("(" * 210 + "x" + ")" * 180, "parentheses do not match"),
        ("-" * 300 + "x", "too long"),
        ("9**9**9*x", "a part of it without x cannot be computed"),
        ("1/0*x", "a part of it without x cannot be computed"),
        ("(-8)**0.5*x", "is no real number"),
        ("", "wanted one such as"),
        (5, "wanted one such as"),
    ],
)
def test_what_is_wrong_with_a_formula_is_told(text, message):
    with pytest.raises(ValueError, match=message):
        formula.parse(text)(*[np.linspace(-1, 1, 7)] * len(formula.parse(text).variables))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')*x", "x.__class__", "(lambda: x)()", "[x for x in (1,)]", "x if x else x",
        "x[0]", "np.sin(x)", "open('a')", "'a'*x", "True*x", "1j*x", "f'{x}'", "(x := 3)", "sin(*x)", "sin(x=x)",
        "{x: x}",
        "x @ x", "~x", "not x", "x is x", "x in x", "x and x", "x < x and x", "await x", "...", "eval('x')", "(x,)",
        "sin(x)(x)", "sin", "x\x00", "x; x", "x\nx", "print(x)", "getattr(x, 'T')", "e(x)", "b'x'", "x // 2", "x % 2",
        "x << 2",
    ],
)  # fmt: skip
def test_no_formula_is_more_than_a_formula(text):
    with pytest.raises(ValueError, match=r"^formula "):
        formula.parse(text)


# -- what is wrong -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("flower", "unknown kind of data None"),
        ({}, "unknown kind of data None"),
        ({"kind": "bundel"}, "unknown kind of data 'bundel'. Did you mean 'bundled'"),
        ({"kind": "bundled", "name": "flour"}, "unknown bundled data set 'flour'. Did you mean 'flower'"),
        ({"kind": "bundled", "name": "flower", "noise": 1}, "data of kind 'bundled': there is no 'noise'"),
        (
            {"kind": "bundled", "name": "flower", "m": 10**9},
            "m: got 1000000000, wanted a whole number from 1 to 200,000",
        ),
        ({"kind": "bundled", "name": "flower", "m": "many"}, "m: got 'many'"),
        ({"kind": "bundled", "name": "moons", "noise": -1}, "noise: got -1, wanted a number from 0"),
        ({"kind": "bundled", "name": "moons", "validation": 0.9}, "validation: got 0.9, wanted a number from 0 to 0.5"),
        ({"kind": "bundled", "name": "moons", "split_seed": 0.5}, "split_seed: got 0.5, wanted a whole number"),
        ({"kind": "points", "points": []}, "points: got .*, wanted at least one"),
        ({"kind": "points", "points": [[1, 2]]}, r"points: got \[1, 2\] at 0, wanted \[x1, x2, class\]"),
        ({"kind": "points", "points": [[1, 2, 2]]}, "points: got class 2 at 0, wanted a whole number from 0 to 1"),
        ({"kind": "points", "points": [[1, float("nan"), 0]]}, "three finite numbers"),
        ({"kind": "points", "points": [[1, 2, 0]] * 2001}, "points: got 2,001, wanted at most 2,000"),
        (
            {"kind": "points", "points": [[1, 2, 0]], "range": [[1, 0], [0, 1]]},
            r"wanted \[\[low, high\], \[low, high\]\]",
        ),
        ({"kind": "formula", "formula": "x", "low": 1, "high": 1}, "low, high: got 1 and 1"),
        ({"kind": "file"}, "wanted either its path or an upload"),
        ({"kind": "file", "path": "-"}, "path: got '-'"),
        ({"kind": "file", "path": "people.cvs", "target": "plan"}, "no such file"),
        ({"kind": "file", "upload": "u9"}, "it is not here any more"),
        ({**PEOPLE, "target": "plane"}, "no column 'plane'. Did you mean 'plan'"),
        ({**PEOPLE, "number": ["city"]}, "column 'city' was said to be a number"),
        ({**PEOPLE, "drop": "nothing"}, "no column 'nothing'"),
        ({**PEOPLE, "drop": [3]}, r"drop: got \[3\], wanted a list of names of columns"),
        ({**PEOPLE, "task": "clusters"}, "unknown task 'clusters'"),
        ({**PEOPLE, "encoding": "raw"}, "unknown encoding 'raw'"),
        ({**PEOPLE, "header": "yes"}, "header: got 'yes', wanted true or false"),
        ({**PEOPLE, "m": 1}, "m: got 1, wanted a whole number from 2"),
        ({"kind": "images", "path": ".", "size": [0, 3]}, r"size: got \[0, 3\], wanted \[height, width\]"),
        ({"kind": "arrays", "key": "gone"}, "there are none called 'gone'"),
    ],
)
def test_what_is_wrong_is_told(here, spec, message):
    with pytest.raises(ValueError, match=message):
        load(spec)


def test_what_is_wrong_with_arrays_is_told():
    X, Y = np.zeros((2, 5)), np.zeros((1, 5))
    for wrong, message in [
        ((X, np.zeros((1, 4))), "wanted as many columns"),
        ((X, [["a"] * 5]), "wanted numbers"),
        ((X * np.nan, Y), "NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            arrays("a", *wrong)
    for wrong, message in [
        ({"inputs": ["a"]}, "wanted 2 and 2, or none"),
        ({"X_val": X}, "needs both"),
        ({"X_val": X, "Y_val": np.zeros((2, 5))}, "wanted"),
        ({"task": "guess"}, "unknown task"),
    ]:
        with pytest.raises(ValueError, match=message):
            arrays("a", X, Y, **wrong)


def test_understand_tells_what_any_source_holds():
    found = understand({"kind": "bundled", "name": "flower", "m": 100})
    assert [each["rows"] for each in found["classes"]] == [50, 50]
    assert (found["rows"], found["task"]) == (100, "binary")
    assert found["preview"]["x"].shape == (2, 100)
    assert understand({"kind": "bundled", "name": "digits"})["preview"]["x"].shape == (64, data._PICTURES)
    line = understand({"kind": "formula", "formula": "x**2"})
    assert line["classes"] == []
    assert np.allclose(line["preview"]["x"] ** 2, line["preview"]["y"], atol=1e-5)
