"""What a row may hold in the files of C, JavaScript and Python: what the model takes is taken as the model takes it,
and what it refuses is refused, in words.
"""

import datetime
import json
import math
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

import chainrule as cr
from chainrule.exporting import ExportError
from chainrule.exporting.source import export_source

ROOT = Path(__file__).resolve().parents[1]
QUICK = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "max_iter": 20, "random_state": 0}
STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")
ODD = [" Private", "Private ", "a", "A", "a\n", "\u00a0x", "K\u00f6ln", "", "nan", "None", "1", " "]
NEAR = ["Private", " a", "x", " K\u00f6ln ", "k\u00f6ln", "1.0", " 1", "?", "\ufeffa", "NaN", "\t"]
REFUSED = object()
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Found unknown categories"),
]


def classifier(*steps):
    return make_pipeline(*steps, cr.MLPClassifier(**QUICK))


def in_python(model, folder, rows, name="predict"):
    export_source(model, folder / "model.py")
    answer = runpy.run_path(str(folder / "model.py"))[name]
    return [_or_refused(answer, row) for row in rows]


def _or_refused(answer, row):
    try:
        return answer(row)
    except ValueError:
        return REFUSED


def in_javascript(model, folder, rows, name="predict", **environment):
    """What a file says of rows that are given as JavaScript."""
    if shutil.which("node") is None:
        pytest.skip("there is no Node.js to run JavaScript")
    export_source(model, folder / "model.mjs")
    lines = [
        f'import {{ {name} as answer }} from "./model.mjs";',
        "const said = (row) => { try { return answer(row()); } catch (error) { return { error: error.message }; } };",
        f"console.log(JSON.stringify([{', '.join(f'() => ({row})' for row in rows)}].map(said)));",
    ]
    (folder / "run.mjs").write_text("\n".join(lines))
    done = subprocess.run(["node", "run.mjs"], cwd=folder, capture_output=True, text=True, env=environment or None)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_c(model, folder, rows, outputs=2):
    """What a file says of rows that are given as initializers of its struct, or of an array."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc to compile C")
    export_source(model, folder / "model.c")
    code = (folder / "model.c").read_text()
    kind = re.search(r"int model_predict\(const (\w+) \*row, (\w+)", code)
    given = "row" if kind[1] in ("double", "float") else "&row[0]"
    lines = ["#include <stdio.h>", '#include "model.c"', "int main(void) {", f"    {kind[2]} p[{outputs}];"]
    for row in rows:
        lines.append(f"    {{ const {kind[1]} row[] = {{{row}}};")
        lines.append(f'    if (model_predict({given}, p) < 0) puts("refused"); else')
        lines.append(f'    printf("{"%.9g " * outputs}\\n", {", ".join(f"p[{k}]" for k in range(outputs))}); }}')
    (folder / "run.c").write_text("\n".join([*lines, "    return 0;", "}"]))
    done = subprocess.run(
        ["gcc", "-std=c99", *STRICT, "run.c", "-lm", "-o", "run"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = subprocess.run(["./run"], cwd=folder, capture_output=True, text=True).stdout.splitlines()
    return [REFUSED if line == "refused" else [*map(float, line.split())] for line in said]


def text_of_c(text):
    return "NULL" if text is None else '"' + "".join(f"\\{byte:03o}" for byte in text.encode()) + '"'


def alike(said, expected):
    assert len(said) == len(expected)
    for row, (got, wanted) in enumerate(zip(said, expected, strict=True)):
        refused = got is REFUSED or (isinstance(got, dict) and "error" in got)
        assert refused == (wanted is REFUSED), (row, got, wanted)
        if not refused:
            np.testing.assert_allclose(got, wanted, atol=1e-5, err_msg=str(row))


# -- categories --------------------------------------------------------------------------------------------------------

ENCODERS = [
    OneHotEncoder(handle_unknown="ignore"),
    OneHotEncoder(),
    OneHotEncoder(min_frequency=15, handle_unknown="infrequent_if_exist"),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    OrdinalEncoder(encoded_missing_value=-5),
    TargetEncoder(),
    make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), SimpleImputer(strategy="median")
    ),
]


def said_of(model, values, dtype=object):
    """What a pipeline says of a column "word" with each of these alone; None is NaN."""
    found = []
    for value in values:
        column = pd.Series([np.nan if value is None else value], dtype=dtype)
        try:
            found.append(model.predict_proba(pd.DataFrame({"word": column}))[0])
        except ValueError:
            found.append(REFUSED)
    return found


@pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
@pytest.mark.parametrize("missing", [False, True], ids=["all given", "with gaps"])
def test_a_category_of_a_pipeline_is_compared_as_it_is_to_the_last_blank(encoder, missing, tmp_path):
    rng = np.random.default_rng(0)
    words = rng.choice(np.array([*ODD, *([np.nan] * missing)], object), 240)
    table = pd.DataFrame({"word": pd.Series(words, dtype=object)})
    y = np.array([len(str(word)) % 2 for word in words]) ^ (rng.random(240) < 0.2)
    model = classifier(ColumnTransformer([("e", encoder, ["word"])])).fit(table, y)
    given = [*ODD, *NEAR, None]
    expected = said_of(model, given)
    alike(in_python(model, tmp_path, [{"word": word} for word in given], "probabilities"), expected)
    rows = [json.dumps({"word": word}) for word in given]
    alike(in_javascript(model, tmp_path, rows, "probabilities"), expected)
    alike(in_c(model, tmp_path, map("{{{}}}".format, map(text_of_c, given))), expected)
    others = [1, 1.0, 2.5]  # numbers are no texts, though they look like one
    said = in_python(model, tmp_path, [{"word": value} for value in others], "probabilities")
    alike(said, said_of(model, others))
    said = in_javascript(model, tmp_path, [json.dumps({"word": value}) for value in others], "probabilities")
    alike(said, said_of(model, others))


def test_a_text_is_no_category_of_numbers(tmp_path):
    table = pd.DataFrame({"word": np.arange(60.0) % 4 / 2})
    model = classifier(ColumnTransformer([("e", OneHotEncoder(handle_unknown="ignore"), ["word"])]))
    model.fit(table, table["word"] > 0.6)
    given = [0.5, 1, "1", "0.5", "a", "", None, 3]
    expected = said_of(model, given)
    assert not np.allclose(expected[1], expected[2])
    alike(in_python(model, tmp_path, [{"word": value} for value in given], "probabilities"), expected)
    alike(in_javascript(model, tmp_path, [json.dumps({"word": v}) for v in given], "probabilities"), expected)


@pytest.mark.parametrize("names", [True, False], ids=["a table", "an array"])
def test_encoders_without_a_column_transformer(names, tmp_path):
    words = np.array([*ODD] * 10, object)
    rows = np.column_stack([words, words[::-1]])
    X = pd.DataFrame(rows, columns=["a", "b"], dtype=object) if names else rows
    model = classifier(OneHotEncoder(handle_unknown="ignore")).fit(X, np.arange(len(words)) % 3)
    new = [[ODD[i], (ODD + NEAR)[-i]] for i in range(len(ODD))]
    X = pd.DataFrame(new, columns=["a", "b"], dtype=object) if names else np.array(new, object)
    expected = [*model.predict_proba(X)]
    given = [dict(zip("ab", row, strict=True)) for row in new] if names else new
    alike(in_python(model, tmp_path, given, "probabilities"), expected)
    alike(in_javascript(model, tmp_path, map(json.dumps, given), "probabilities"), expected)
    alike(in_c(model, tmp_path, [f"{{{', '.join(map(text_of_c, row))}}}" for row in new], 3), expected)


def test_a_word_that_one_step_fills_in_and_another_refuses_is_refused(tmp_path):
    words = pd.Series(["a", "b", "b"] * 20, dtype=object)
    words[::7] = np.nan
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    strict = OneHotEncoder(categories=[["a", "b"]])
    for steps in ([("filled", filled, ["word"])], [("filled", filled, ["word"]), ("strict", strict, ["other"])]):
        table = pd.DataFrame({"word": words, "other": words.fillna("a")})
        steps = [(name, step, ["word"]) for name, step, _ in steps]
        model = classifier(ColumnTransformer(steps))
        model.fit(table.assign(word=table["other"]), words == "a")
        expected = said_of(model, ["a", None, "c"])
        assert (expected[1] is REFUSED) == (len(steps) == 2)
        alike(in_python(model, tmp_path, [{"word": v} for v in ("a", None, "c")], "probabilities"), expected)
        alike(in_c(model, tmp_path, ['{"a"}', "{NULL}", '{"c"}']), expected)


def test_a_mark_of_what_is_missing_counts_only_for_the_step_that_has_it(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 1))
    X[::5] = -1
    table = pd.DataFrame({"x": X[:, 0]})
    steps = [("filled", SimpleImputer(missing_values=-1), ["x"]), ("as it is", StandardScaler(), ["x"])]
    model = classifier(ColumnTransformer(steps)).fit(table, X[:, 0] > 0)
    expected = [model.predict_proba(pd.DataFrame({"x": [x]}))[0] for x in (-1.0, 2.0)]
    expected += [REFUSED, REFUSED]
    rows = [{"x": -1}, {"x": 2}, {"x": None}, {"x": float("inf")}]
    alike(in_python(model, tmp_path, rows, "probabilities"), expected)
    rows = ["{x: -1}", "{x: 2}", "{x: null}", "{x: Infinity}"]
    alike(in_javascript(model, tmp_path, rows, "probabilities"), expected)
    alike(in_c(model, tmp_path, ["{-1}", "{2}", "{NAN}", "{INFINITY}"]), expected)


def test_numbers_that_float64_cannot_tell_apart_are_told_as_such(tmp_path):
    codes = np.array([2**53, 2**53 + 1, 7] * 20)
    table = pd.DataFrame({"c": codes})
    model = classifier(ColumnTransformer([("e", OneHotEncoder(), ["c"])])).fit(table, codes == 7)
    said = f"c: its categories {2**53}, {2**53 + 1} are one number in float64"
    with pytest.raises(ExportError, match=said):
        export_source(model, tmp_path / "model.py")
    with pytest.raises(ExportError, match=f"the categories {2**53}, {2**53 + 1} are one number in float64"):
        cr.export_onnx(model, tmp_path / "model.onnx")
    days = pd.DataFrame({"day": pd.to_datetime(["2024-01-01", "2024-01-02"] * 20)})
    model = classifier(ColumnTransformer([("e", OneHotEncoder(), ["day"])])).fit(days, np.arange(40) % 2)
    with pytest.raises(ExportError, match="day: its categories are neither text nor numbers"):
        export_source(model, tmp_path / "model.py")


# -- numbers, dates and rows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filled", [False, True], ids=["no step fills", "SimpleImputer"])
def test_what_is_missing_in_a_list_of_numbers_is_no_zero(filled, tmp_path):
    X = np.random.default_rng(0).normal(5, 2, (60, 3))
    steps = [SimpleImputer(), StandardScaler()] if filled else []
    model = classifier(*steps).fit(X, X[:, 0] > 5)
    gap = model.predict_proba([[np.nan, 5, 5]])[0] if filled else REFUSED
    five, one = model.predict_proba([[5, 5, 5], [1, 5, 5]])
    for value, expected in (
        (None, gap), ("", gap), (" ", gap), (math.nan, gap), (pd.NA, gap), (pd.NaT, gap), ("5", five), (True, one),
        (np.float32(5), five), ([], REFUSED), ("a", REFUSED), (math.inf, REFUSED), ("1,5", REFUSED), ({}, REFUSED),
    ):  # fmt: skip
        alike(in_python(model, tmp_path, [[value, 5, 5]], "probabilities"), [expected])
    values = ["null", '""', '" "', "NaN", "undefined", '"5"', "5n", "true"]
    expected = [gap, gap, gap, gap, gap, five, five, one]
    values += ["[]", '"a"', "Infinity", '"1,5"', "{}", '"0x5"', "new Date(5)", "Symbol()"]
    expected += [REFUSED] * 8
    alike(in_javascript(model, tmp_path, [f"[{value}, 5, 5]" for value in values], "probabilities"), expected)
    alike(in_javascript(model, tmp_path, ["new Float32Array([5, 5, 5])"], "probabilities"), [five])
    alike(in_c(model, tmp_path, ["NAN, 5, 5", "INFINITY, 5, 5", "5, 5, 5"]), [gap, REFUSED, five])


def test_a_row_that_is_none_is_told_what_a_row_is(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = classifier(StandardScaler()).fit(X, X[:, 0] > 0)
    export_source(model, tmp_path / "model.py")
    predict = runpy.run_path(str(tmp_path / "model.py"))["predict"]
    for row, said in (
        ({"a": 1}, r"a row is a list of 3 values, not \{'a': 1\}"),
        ("abc", "a row is a list of 3 values, not 'abc'"),
        (5, "a row is a list of 3 values, not 5"),
        ([1, 2], "a row is a list of 3 values, not 2 values"),
        ([None, 5, 5], "x0: is missing, and the model takes no row without it"),
        ([5, "", 5], "x1: is missing"),
        ([5, 5, "a"], "x2: 'a' is no number"),
        ([5, 5, []], r"x2: \[\] is no number"),
        ([5, 5, 10**400], "x2: 1000.* is no number"),
    ):
        with pytest.raises(ValueError, match=said):
            predict(row)
    assert predict(X[0]) == predict(tuple(X[0])) == model.predict(X[:1])[0]
    said = in_javascript(model, tmp_path, ["{a: 1}", "null", "'abc'", "[1, 2]", "[5, null, 5]", "[5, 5, []]", "5n"])
    assert [each["error"] for each in said] == [
        'a row is a list of 3 values, not {"a":1}',
        "a row is a list of 3 values, not null",
        'a row is a list of 3 values, not "abc"',
        "a row is a list of 3 values, not 2 values",
        "x1: is missing, and the model takes no row without it",
        "x2: [] is no number",
        "a row is a list of 3 values, not 5",
    ]
    named = classifier(StandardScaler()).fit(pd.DataFrame(X, columns=[*"abc"]), X[:, 0] > 0)
    export_source(named, tmp_path / "named.py")
    predict = runpy.run_path(str(tmp_path / "named.py"))["predict"]
    for row, said in (
        ([1, 2, 3], r"a row is \{column: value\}, not \[1, 2, 3\]"),
        ({"a": 1, "b": 2}, "no column 'c' in the row"),
        ({"a": 1, "b": None, "c": 2}, "b: is missing"),
    ):
        with pytest.raises(ValueError, match=said):
            predict(row)
    assert predict(pd.Series({"a": 1, "b": 2, "c": 3})) == predict({"a": 1, "b": 2, "c": 3})
    said = in_javascript(named, tmp_path, ["null", "[1, 2, 3]", "{a: 1, b: 2}"])
    assert [each["error"] for each in said] == [
        "a row is {column: value}, not null",
        "a row is {column: value}, not [1,2,3]",
        'no column "c" in the row',
    ]


def test_a_text_that_a_step_would_count_words_in_must_be_one(tmp_path):
    table = pd.DataFrame({"note": ["good film", "bad film", "good good"] * 10})
    model = classifier(ColumnTransformer([("w", TfidfVectorizer(), "note")])).fit(table, np.arange(30) % 2)
    export_source(model, tmp_path / "model.py")
    predict = runpy.run_path(str(tmp_path / "model.py"))["predict"]
    with pytest.raises(ValueError, match="note: None is no text, and the model takes no other"):
        predict({"note": None})
    said = in_javascript(model, tmp_path, ["{note: null}", "{note: 5}", "{note: ''}"])
    assert said[0]["error"] == "note: null is no text, and the model takes no other"
    assert "error" in said[1]
    assert said[2] == predict({"note": ""})


@pytest.fixture(scope="module")
def of_dates():
    """A model of a table with dates, the day first, words and numbers."""
    rng = np.random.default_rng(0)
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, 300), "D")
    table = pd.DataFrame({"day": days.strftime("%d.%m.%Y"), "n": rng.normal(size=300)})
    table["city"] = rng.choice(["K\u0131sa", "x b", "Stra\u00dfe"], 300)
    y = np.where(days.month.to_numpy() % 2 == 0, "even", "odd")
    options = {"hidden_layer_sizes": (8,), "effort": "quick", "max_iter": 5, "random_state": 0}
    return cr.TabularClassifier(**options).fit(table, pd.Series(y, name="month"))


def probabilities_of(model, days, **others):
    rows = pd.DataFrame([{"day": day, "n": 0.5, "city": "x b"} | others for day in days])
    return [*model.predict_proba(rows)]


def test_a_date_is_what_the_model_takes_it_for(of_dates, tmp_path):
    day = "31.12.2024"
    (expected,) = probabilities_of(of_dates, [day])
    utc = datetime.timezone.utc  # noqa: UP017
    given = [day, datetime.date(2024, 12, 31), datetime.datetime(2024, 12, 31), pd.Timestamp(2024, 12, 31)]
    given += [np.datetime64("2024-12-31"), np.datetime64("2024-12-31T00:00", "ns"), 1735603200, "2024-12-31"]
    given += [datetime.datetime(2024, 12, 31, tzinfo=utc)]
    rows = [{"day": each, "n": 0.5, "city": "x b"} for each in given]
    alike(in_python(of_dates, tmp_path, rows, "probabilities"), [expected] * len(rows))
    (missing,) = probabilities_of(of_dates, [None])
    rows = [{"day": each, "n": 0.5, "city": "x b"} for each in (None, pd.NA, pd.NaT, np.datetime64("NaT"), "", "?")]
    alike(in_python(of_dates, tmp_path, rows, "probabilities"), [missing] * len(rows))
    predict = runpy.run_path(str(tmp_path / "model.py"))["predict"]
    for wrong in ("32.12.2024", "31.02.2024", "2024-12-31 25:00", "2024-12-31 10:61", True, np.True_, [], "soon"):
        with pytest.raises(ValueError, match=re.escape(f"day: {wrong!r} is no date")):
            predict({"day": wrong, "n": 0.5, "city": "x b"})
    with pytest.raises(ValueError, match=r"n: \[\] is no number"):
        predict({"day": day, "n": [], "city": "x b"})
    (expected,) = probabilities_of(of_dates, [day], n=np.nan)
    alike(in_python(of_dates, tmp_path, [{"day": day, "n": pd.NA, "city": "x b"}], "probabilities"), [expected])


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_a_date_of_javascript_is_read_in_utc_wherever_it_is_run(of_dates, zone, tmp_path):
    """The page says so: the machine's zone changes what new Date(2024, 11, 31) is, and nothing else."""
    (day,) = probabilities_of(of_dates, ["31.12.2024"])
    rows = ['"31.12.2024"', '"2024-12-31"', "new Date('2024-12-31')", "new Date(Date.UTC(2024, 11, 31))", "1735603200"]
    local = {"America/New_York": "2024-12-31 05:00", "Asia/Tokyo": "2024-12-30 15:00"}[zone]
    (other,) = probabilities_of(of_dates, [pd.Timestamp(local)])
    rows += ["new Date(2024, 11, 31)"]
    wrong = ["true", "[]", "{}", "new Date('soon')", '"32.12.2024"', '"2024-12-31 25:00"', "Symbol()"]
    rows = [f"{{day: {row}, n: 0.5, city: 'x b'}}" for row in [*rows, *wrong]]
    said = in_javascript(of_dates, tmp_path, rows, "probabilities", TZ=zone, PATH="/usr/bin:/bin:/usr/local/bin")
    alike(said, [day] * 5 + [other] + [REFUSED] * len(wrong))
    assert all(each["error"].startswith("day: ") for each in said[6:])


def test_letters_and_blanks_of_a_table_are_to_javascript_what_they_are_to_the_model(of_dates, tmp_path):
    words = [
        "K\u0131sa",
        "KISA",
        "kisa",
        "K\u0131SA",
        " X  B",
        "\x1cx b\x85",
        "\ufeffx b",
        "STRASSE",
        "STRA\u1e9eE",
        "x\u00a0b",
    ]
    rows = pd.DataFrame({"day": "31.12.2024", "n": 0.5, "city": words})
    expected = [*of_dates.predict_proba(rows)]
    assert not np.allclose(expected[0], expected[1])
    given = rows.to_dict("records")
    alike(in_javascript(of_dates, tmp_path, map(json.dumps, given), "probabilities"), expected)
    alike(in_python(of_dates, tmp_path, given, "probabilities"), expected)


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc to compile C")
def test_the_program_of_the_page_compiles_beside_the_file_and_around_it(tmp_path):
    page = (ROOT / "docs" / "export-source.md").read_text(encoding="utf-8")
    program = next(code for code in re.findall(r"^```c\n(.*?)^```", page, re.M | re.S) if "int main" in code)
    orders = pd.read_csv(ROOT / "docs" / "orders.csv")
    model = cr.TabularClassifier(random_state=0, effort="quick", max_iter=2).fit(orders[:500], "returned")
    export_source(model, tmp_path / "orders.c")
    row = {"price": "1250", "discount": "5%", "weight": 0.6, "rating": None, "country": "DE", "item": "lamp"}
    p = model.predict_proba(pd.DataFrame([row | {"ordered": "2024-12-31"}]))[0]
    expected = f"{model.classes_[p.argmax()]} {p.max():.3f}\n"
    define = "#define ORDERS_DECLARATIONS"
    assert program.count(define) == 1
    for code, files in ((program, ("main.c", "orders.c")), (re.sub(rf"{define}.*", "", program), ("main.c",))):
        (tmp_path / "main.c").write_text(code)
        command = ["gcc", "-std=c99", *STRICT, *files, "-lm", "-o", "main"]
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr == ""
        assert subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True).stdout == expected


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++ to compile C++")
def test_the_example_in_a_file_is_clean_in_c_and_in_cpp(of_dates, tmp_path):
    table = pd.DataFrame({"note": ["good film", "bad film"] * 20, "word": [" a", "b"] * 20, "x": np.arange(40.0)})
    steps = [("w", TfidfVectorizer(), "note"), ("e", OneHotEncoder(), ["word"]), ("x", StandardScaler(), ["x"])]
    model = classifier(ColumnTransformer(steps)).fit(table, np.arange(40) % 2)
    for name, each in (("dates", of_dates), ("words", model)):
        export_source(each, tmp_path / f"{name}.c")
        for compiler in (("gcc", "-std=c99"), ("g++",)):
            command = [*compiler, *STRICT, f"-D{name.upper()}_MAIN", f"{name}.c", "-lm", "-o", name]
            assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr == ""
            said = subprocess.run([f"./{name}"], cwd=tmp_path, capture_output=True, text=True).stdout
            assert said.split()[0] in map(str, each.classes_)
    assert "a word is two and more letters, digits and _ in a row" in (tmp_path / "words.c").read_text()
    assert "1 letters" not in (tmp_path / "dates.c").read_text()
