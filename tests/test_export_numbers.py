"""Numbers that are very large, infinite, missing or no results in exported files: as in the model, or refused."""

import json
import runpy
import shutil
import subprocess
import sys
from math import inf, nan

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor, tabular
from chainrule.exporting import ExportError
from chainrule.exporting.source import c, export_source
from chainrule.tabular.encoders import PiecewiseLinear
from support.contract import HIDDEN

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
QUICK = {"hidden_layer_sizes": (7,), "max_iter": 3, "n_iter_no_change": np.inf, "random_state": 0}
READ = "[[float(t) for t in row] for row in json.load(open('rows.json'))]"
PYTHON = f"""
import json, math
import model
def said(row):
    try:
        found = getattr(model, "probabilities", model.predict)(row)
    except ValueError:
        return "refused"
    return found if isinstance(found, list) else [found]
print(json.dumps([*map(said, {READ})]))
"""
JAVASCRIPT = """
import { readFileSync } from "node:fs";
import * as model from "./model.mjs";
const number = (t) => Number({ inf: "Infinity", "-inf": "-Infinity", nan: "NaN" }[t] ?? t);
const rows = JSON.parse(readFileSync("rows.json", "utf8")).map((row) => row.map(number));
const said = (row) => {
  try { return [(model.probabilities ?? model.predict)(row)].flat(); } catch (error) { return "refused"; }
};
console.log(JSON.stringify(rows.map(said)));
"""


def in_c(model, rows, folder):
    """What the file of C says of rows of numbers."""
    text = (folder / "model.c").read_text()
    kind, real = (text.split("int model_predict(const ")[1].split(" ")[k] for k in (0, 2))
    names = {"inf": "INFINITY", "-inf": "-INFINITY", "nan": "NAN"}
    numbers = ", ".join(f"{{{', '.join(names.get(t, t) for t in row)}}}" for row in rows)
    (folder / "run.c").write_text(
        f"""#include <stdio.h>
#include "model.c"
int main(void) {{
    static const {kind} rows[][{len(rows[0])}] = {{{numbers}}};
    size_t i, k;
    for (i = 0; i < {len(rows)}; i++) {{
        {real} p[9] = {{0}};
        if (model_predict(rows[i], p) < 0) printf("refused");
        else for (k = 0; k < 9; k++) printf("%.17g ", (double)p[k]);
        printf("\\n");
    }}
    return 0;
}}
"""
    )
    strict = ("gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsanitize=address,undefined")
    subprocess.run([*strict, "run.c", "-lm", "-o", "run"], cwd=folder, check=True)
    lines = subprocess.run(["./run"], cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line if line == "refused" else [*map(float, line.split())] for line in lines]


def said(model, rows, folder, **options):
    """What the files say of rows of numbers: language → the answers of each row, or "refused"."""
    rows = [[repr(float(t)) for t in row] for row in rows]
    for ending in ("py", "mjs", "c"):
        export_source(model, folder / f"model.{ending}", **options)
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / "run.py").write_text(PYTHON)
    (folder / "run.mjs").write_text(JAVASCRIPT)
    found = {}
    for language, command in (("Python", [sys.executable, "run.py"]), ("JavaScript", ["node", "run.mjs"])):
        if shutil.which(command[0]):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            found[language] = json.loads(done.stdout)
    if shutil.which("gcc"):
        found["C"] = in_c(model, rows, folder)
    return found


def of_model(model, row):
    """What the model says of a row of numbers alone."""
    try:
        with np.errstate(all="ignore"):
            return np.ravel(model.forward(np.array([row]).T) if isinstance(model, cr.Network) else model.predict([row]))
    except ValueError:
        return "refused"


def check(model, rows, folder, **options):
    """That each file answers and refuses what the model answers and refuses, or answers with what is no number."""
    wanted = [of_model(model, row) for row in rows]
    for language, answers in said(model, rows, folder, **options).items():
        for row, one, other in zip(rows, wanted, answers, strict=True):
            if isinstance(one, str) or not np.isfinite(one).all():
                assert other == "refused", (language, row)
            else:
                assert other != "refused", (language, row)
                np.testing.assert_allclose(
                    np.array(other[: len(one)], float), one, 1e-4, 1e-5, err_msg=f"{language} {row}"
                )
    return ["refused" if isinstance(one, str) else one for one in wanted]


@pytest.mark.parametrize(("dtype", "large"), [(np.float32, 1e37), (np.float64, 1e37), (np.float64, 1e300)])
def test_robust_normalization_of_large_numbers_is_3(dtype, large, tmp_path):
    net = cr.Network([2, 4, 1], output="identity", seed=0, dtype=dtype)
    net.normalize(np.random.default_rng(0).standard_normal((2, 50)).astype(dtype) / 100, "robust")
    rows = [[large, -large], [-large, 1e20], [6e17, 1.0], [1e19, -1e18]]
    found = check(net, rows, tmp_path)
    assert "refused" not in found
    assert np.ptp(np.array(found)) > 0.01


def test_a_network_that_overflows_refuses_the_row(tmp_path):
    X = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)
    model = MLPClassifier(**QUICK).fit(X, (X[:, 0] > 0) * 1 + (X[:, 1] > 0))
    model._synced().W[1][...] *= 1e5
    said_of_large = said(model, [[3e38, -3e38], [-3e38, 3e38]], tmp_path)
    assert said_of_large["C"] == ["refused", "refused"]
    large = cr.Network([1, 2, 2], hidden="relu", output="softmax", seed=0, dtype=np.float64)
    large.W[1][...], large.W[2][...] = 1e30, [[1e30, 1e30], [1e30, -1e30]]
    assert set(map(str, said(large, [[1e300]], tmp_path).values())) == {"['refused']"}


@pytest.mark.parametrize("hidden", ["gelu", "silu", "mish"])
def test_what_is_minus_infinity_in_float32_is_0_as_in_the_model(hidden, tmp_path):
    net = cr.Network([1, 2, 1], hidden=hidden, output="identity", seed=0, dtype=np.float64)
    net.W[1][...] = [[-1e20], [-1e-20]]
    check(net, [[1e25], [3e38], [0.5]], tmp_path)


def test_infinity_is_refused_before_a_step_can_hide_it(tmp_path):
    X = np.random.default_rng(0).integers(0, 4, (60, 2)).astype(float)
    for steps in (
        (MinMaxScaler(clip=True),),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False),),
        (SimpleImputer(), MinMaxScaler(clip=True)),
        (FunctionTransformer(np.tanh, validate=True),),
        (FunctionTransformer(np.log1p), MinMaxScaler(clip=True)),
    ):
        model = make_pipeline(*steps, MLPRegressor(**QUICK)).fit(X, X[:, 0])
        found = check(model, [[1, 2], [inf, 1], [1, -inf], [9e99, 3]], tmp_path)
        assert [str(one) for one in found[1:3]] == ["refused", "refused"]


def test_functions_give_what_numpy_gives_where_there_is_no_result(tmp_path):
    X = np.abs(np.random.default_rng(0).standard_normal((60, 2))) + 0.5
    rows = [[-1, 1], [0, 1], [1, -2], [-1, -1], [2, 3], [800, 1], [nan, 1], [1e5, 1]]
    for function in (np.log, np.sqrt, np.log1p, np.log2, np.log10, np.exp, np.expm1, np.sin, np.square):
        steps = FunctionTransformer(function), SimpleImputer(strategy="median"), MinMaxScaler(clip=True)
        check(make_pipeline(*steps, MLPRegressor(**QUICK)).fit(X, X[:, 0]), rows, tmp_path)


@pytest.mark.parametrize(("base", "span"), [(1e6, 10), (5e4, 1), (1.7e9, 86400), (2024, 1)])
def test_a_network_in_float32_is_given_the_row_in_float32(base, span, tmp_path):
    rng = np.random.default_rng(0)
    u = rng.random((400, 1))
    X, y = base + u * span, u[:, 0] + 0.05 * rng.standard_normal(400) > 0.5
    options = {"normalize": "standard", "solver": "lbfgs", "max_iter": 200, "random_state": 0}
    for dtype, fitted in ((np.float32, X), (None, X.astype(np.float32))):
        model = MLPClassifier((8,), dtype=dtype, **options).fit(fitted, y)
        expected = model.predict_proba(X[:50])
        for language, answers in said(model, X[:50].tolist(), tmp_path).items():
            rows = [row[:2] for row in answers]
            np.testing.assert_allclose(rows, expected, atol=1e-5, err_msg=language)


@pytest.mark.parametrize(("hidden", "int8"), [*((hidden, False) for hidden in HIDDEN), ("relu", True), ("mish", True)])
def test_what_is_infinite_or_nan_in_a_network_in_float32_is_so_in_the_files(hidden, int8, tmp_path):
    net = cr.Network([1, 3, 2, 1], hidden=hidden, output="identity", seed=0, dtype=np.float32)
    net.W[1][...] = [[4], [0.25], [-127]]
    net.W[2][...] = np.array([[1, 0, 0], [-127, 0, 127]]) / 127  # no terms of a sum but one are infinite
    net.W[3][...] = [[0, 2]]
    found = check(net, [[3e38], [-3e38], [2e37], [-2e37], [1e20], [-1e20], [0.5]], tmp_path, int8=int8)
    assert found[-1] != "refused"


@pytest.mark.parametrize("normalize", [None, "standard", "robust"])
def test_a_row_that_is_infinite_in_float32_has_the_answer_of_the_model_and_is_refused_in_c(normalize, tmp_path):
    net = cr.Network([1, 3, 1], hidden="tanh", output="identity", seed=0, dtype=np.float32)
    net.normalize(np.array([[1.0, 2, 3, 4]], np.float32), normalize)
    found = said(net, [[1e39], [-1e39], [1e300]], tmp_path)
    assert found.pop("C", ["refused"] * 3) == ["refused"] * 3
    for answers in found.values():
        np.testing.assert_allclose(answers, [of_model(net, [x]) for x in (1e39, -1e39, 1e300)], atol=1e-5)


@pytest.mark.parametrize("learner", [cr.TabularClassifier, cr.TabularRegressor])
def test_what_is_too_far_from_what_a_model_of_tables_has_learned_is_refused(learner, tmp_path):
    X = np.random.default_rng(0).standard_normal((200, 2))
    y = X[:, 0] > 0.5 if learner is cr.TabularClassifier else X[:, 0] + X[:, 1]
    model = learner(effort="quick", max_iter=20, hidden_layer_sizes=(3,), random_state=0).fit(X, y)
    rows = [[sign * size, 0.3] for size in (1.0, 1e20, 1e38, 3.4e38, 1e39, 1e149) for sign in (1, -1)]
    expected = []
    for row in rows:
        try:
            expected.append(model.predict_proba([row])[0] if hasattr(model, "classes_") else model.predict([row]))
        except tabular.TableError:
            expected.append("refused")
    assert 2 <= [str(one) for one in expected].count("refused") <= 6
    for language, answers in said(model, rows, tmp_path).items():
        for row, one, other in zip(rows, expected, answers, strict=True):
            if isinstance(one, str) or (language == "C" and abs(row[0]) > 3.5e38):
                assert other == "refused", (language, row)
            elif language != "C" or abs(row[0]) < 3e38 or other != "refused":
                np.testing.assert_allclose(other[: len(one)], one, atol=1e-5, err_msg=f"{language} {row}")


def test_an_exponential_beyond_float32_is_refused(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 1)).astype(np.float32)
    model = MLPRegressor("poisson", (), max_iter=5, random_state=0).fit(X, np.floor(np.exp(X[:, 0] + 2)))
    model._synced().W[1][...] = 1.0
    found = check(model, [[1.0], [50.0], [100.0], [-100.0]], tmp_path)
    assert [str(one) == "[inf]" for one in found] == [False, False, True, False]


def test_sums_in_int8_overflow_only_where_those_in_float32_do(tmp_path):
    """127 a may overflow where s · 127 a does not; relu makes 0 of minus infinity."""
    net = cr.Network([1, 1, 1, 1], hidden="relu", output="identity", seed=0, dtype="float32")
    for l, (w, b) in enumerate(((1, 0), (-1, 5e36), (1e-36, 0)), 1):
        net.W[l][...], net.b[l][...] = w, b
    rows = [[3e36], [1e36], [-3e36], [6e36], [3.4e38]]
    expected = [2, 4, 5, 0, 0]
    for int8 in (False, True):
        for answers in said(net, rows, tmp_path, int8=int8).values():
            np.testing.assert_allclose([row[0] for row in answers], expected, rtol=1e-6, atol=1e-6)


STEPS = [
    (StandardScaler(),), (MinMaxScaler(),), (StandardScaler(with_std=False), StandardScaler()),
    (StandardScaler(), PiecewiseLinear()), (SimpleImputer(), StandardScaler(), MinMaxScaler((-1, 2), clip=True)),
    (RobustScaler(), MaxAbsScaler(), MinMaxScaler((0.2, 0.4), clip=True)), (StandardScaler(), PCA(2), StandardScaler()),
    (SimpleImputer(strategy="median"), StandardScaler(), PiecewiseLinear(), StandardScaler(with_std=False)),
]  # fmt: skip


@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: "-".join(type(step).__name__ for step in steps))
def test_what_is_prepared_keeps_its_digits_far_from_0_and_in_every_unit(steps, tmp_path):
    for base, span in ((0, 1), (5, 1), (1e9, 1e-3), (1.7e9, 1), (-1e12, 1e-2), (1, 1e-9), (0, 1e-150), (3, 1e100)):
        X = base + span * np.random.default_rng(0).random((60, 2))
        prepare = make_pipeline(*map(clone, steps)).fit(X)
        n = prepare.transform(X).shape[1]
        model = make_pipeline(prepare, MLPRegressor.from_network(cr.Network([n, 1], output="identity", seed=0)))
        export_source(model, tmp_path / "model.py")
        prepared = runpy.run_path(str(tmp_path / "model.py"))["prepare"]
        rows = np.vstack([X, X - 0.3 * span, X + 0.4 * span])
        found = np.array([prepared(row) for row in rows.tolist()])
        np.testing.assert_allclose(found, prepare.transform(rows), rtol=0, atol=1e-11, err_msg=f"{base} {span}")


def test_values_that_differ_in_their_last_digits_keep_to_their_bins(tmp_path):
    X = np.random.default_rng(0).choice([0.1 + 0.2, 0.3, 5, 5 + 1e-12, 5 + 2e-12, 7, 1000, 1001], (300, 1))
    for steps in ((PiecewiseLinear(),), (StandardScaler(), PiecewiseLinear())):
        prepare = make_pipeline(*steps).fit(X)
        n = prepare.transform(X).shape[1]
        model = make_pipeline(prepare, MLPRegressor.from_network(cr.Network([n, 1], output="identity", seed=0)))
        check(model, np.unique(X)[:, None].tolist(), tmp_path)


@pytest.mark.parametrize("size", [1e-307, 3e-308, 1e-308, 1e-320])
def test_numbers_whose_deviation_has_no_inverse_are_refused_by_their_name(size, tmp_path):
    rng = np.random.default_rng(0)
    u = rng.standard_normal(200)
    table = pd.DataFrame({"t": u * size})
    options = {"effort": "quick", "max_iter": 2, "hidden_layer_sizes": (8,), "random_state": 0}
    model = cr.TabularClassifier(**options).fit(table, np.where(u > 0.5, "a", "b"))
    for ending in ("py", "mjs", "c"):
        if size == 1e-307:
            export_source(model, tmp_path / f"model.{ending}")
            continue
        with pytest.raises(
            ExportError, match=r"t: its numbers are so near to each other that 1 / their deviation is b"
        ):
            export_source(model, tmp_path / f"model.{ending}")
    if size == 1e-307:
        answer = runpy.run_path(str(tmp_path / "model.py"))["probabilities"]
        found = [answer({"t": t}) for t in table["t"][:20]]
        np.testing.assert_allclose(found, model.predict_proba(table[:20]), atol=1e-6)


# -- what C cannot hold ------------------------------------------------------------------------------------------------


def test_texts_that_c_cannot_hold_are_refused(tmp_path):
    X = np.random.default_rng(0).standard_normal((40, 2))
    for label, what in (("a\0c", "the character NUL"), ("\ud800x", "half of a surrogate pair")):
        model = MLPClassifier(**QUICK).fit(X, np.where(X[:, 0] > 0, label, "no").astype(object))
        with pytest.raises(ExportError, match=f"has {what} in it, which C cannot hold"):
            export_source(model, tmp_path / "model.c")
        export_source(model, tmp_path / "model.py")
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]


def test_weights_beyond_float32_are_refused_where_the_file_would_have_them_in_it(tmp_path):
    net = cr.Network([2, 3, 1], seed=0, dtype=np.float64)
    net.W[1][0, 0] = 1e39
    with pytest.raises(ExportError, match="larger than float32 can hold"):
        export_source(net, tmp_path / "model.c")
    export_source(net, tmp_path / "model.py")
    net.W[1][0, 0] = 1e41
    with pytest.raises(ExportError, match="larger than float32 can hold"):
        export_source(net, tmp_path / "model.py", int8=True)


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++ to compile C++")
@pytest.mark.parametrize("standard", ["c++11", "c++20", "c++23"])
def test_no_column_is_called_as_a_word_of_c_plus_plus(standard, tmp_path):
    words = sorted(c.KEYWORDS)
    assert {"char8_t", "consteval", "constinit", "co_await", "typeof_unqual"} <= set(words)
    frame = pd.DataFrame(np.random.default_rng(0).standard_normal((40, len(words))), columns=words)
    model = MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0).fit(frame, frame["if"])
    export_source(model, tmp_path / "model.c")
    command = ["g++", f"-std={standard}", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++", "model.c"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr == ""
