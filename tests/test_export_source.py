"""Files of C, JavaScript and Python: compiled and run, they say what the model says, and nothing in them breaks out."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import warnings
from copy import deepcopy
from math import isnan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

import chainrule as cr
from chainrule import MLPClassifier, MLPRegressor
from chainrule.activations import Activation
from chainrule.exporting import ExportError
from chainrule.exporting.source import export_source
from chainrule.exporting.source.models import quantized
from chainrule.tabular.calendar import seconds
from support.contract import HIDDEN, rng_of
from support.tables import people

ROOT = Path(__file__).resolve().parents[1]
OUTPUTS = ("softmax", "sigmoid", "identity", "exp", "relu", "tanh")
QUICK = {"hidden_layer_sizes": (7,), "max_iter": 3, "n_iter_no_change": np.inf, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
STRICT = ("gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1")
EVIL = '*/ evil "quoted" \\ ??/ \n </script> ${x} %s \'\'\'""" \u202e größer 日本 // # {0}'


class Case:
    """A model with rows: as JSON has them, as C has them (numbers, texts, lists of words), and what is said of them."""

    def __init__(self, name, model, rows, expected, typed=None):
        self.name, self.model, self.rows, self.expected = name, model, rows, np.asarray(expected, float)
        self.typed = rows if typed is None else typed


def answered(model, X):
    said = model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)
    return said.reshape(len(said), -1)


def of_arrays(name, model, X):
    return Case(name, model, X.tolist(), answered(model, X))


def records(frame):
    """The rows of a table as JSON has them."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def of_table(name, model, frame, columns):
    """columns: the step that brings a table to the types of its roles, which C is given."""
    typed = columns.transform(frame)
    for column, role in columns.roles.items():
        if role == "date":
            typed[column] = seconds(typed[column])
        if role == "text":
            typed[column] = [re.findall(r"[^\W\d_]\w*", text.lower()) for text in typed[column]]
    return Case(name, model, records(frame), answered(model, frame), records(typed))


def networks():
    for k, hidden in enumerate(HIDDEN):
        rng = rng_of(hidden)
        dtype = (np.float32, np.float64)[k % 2]
        output = OUTPUTS[k % len(OUTPUTS)]
        net = cr.Network([3, 6, 5, 4][: 2 + k % 3], hidden=hidden, output=output, seed=k, dtype=dtype)
        net.b[1] = rng.standard_normal(net.b[1].shape)
        X = (3 * rng.standard_normal((3, 20)) + 1).astype(dtype)
        net.normalize(X, (None, "standard", "robust")[k % 3])
        yield Case(f"net{k}", net, X.T.tolist(), net.forward(X).T)
    years = np.array([[2020.25, 2024.5, 1.7e9]]) + np.random.default_rng(0).standard_normal((9, 3))  # lost in float32
    net = cr.Network([3, 4, 1], seed=0).normalize(years.T)
    yield Case("years", net, years.tolist(), net.forward(years.T).T)


def estimators():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    few = X[:12]
    for k, labels in enumerate((["no", EVIL], [False, True], [3, -7, 2**40], [1.0, 2.0, 4.0], [7])):
        y = np.asarray(labels)[(X[:, 0] * 10).astype(int) % len(labels)]
        yield of_arrays(f"labels{k}", MLPClassifier(**QUICK, normalize="standard").fit(X, y), few)
    yield of_arrays("several", MLPClassifier(**QUICK).fit(X, (X[:, :3] > 0).astype(int)), few)
    Y = np.floor(np.exp(X[:, :3] + 2))
    scaled = MLPRegressor(**QUICK, scale_target=True, clip_target=True).fit(X, Y * 1e4 + 1e6)
    yield of_arrays("scaled", scaled, 3 * few)
    yield of_arrays("counts", MLPRegressor("poisson", **QUICK).fit(X.astype(np.float32), Y[:, 0]), few)


def pipelines():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    new = pd.concat([X[:8], X[:3] * 3])
    for k, steps in enumerate(
        (
            (StandardScaler(),),
            (MinMaxScaler((-1, 2)), PCA(5, whiten=True), StandardScaler()),
            (MinMaxScaler(clip=True), VarianceThreshold(0.02)),
            (FunctionTransformer(np.log1p), RobustScaler(), MaxAbsScaler()),
        )
    ):
        model = make_pipeline(*steps, MLPClassifier(**QUICK, normalize="standard")).fit(X, y)
        yield Case(f"steps{k}", model, new.to_dict("records"), answered(model, new))
        if k == 1:
            bare = make_pipeline(*map(clone, steps), MLPClassifier(**QUICK)).fit(X.to_numpy(), y)
            yield of_arrays("bare", bare, new.to_numpy())
    gaps = np.where(np.random.default_rng(0).random((60, 3)) < 0.2, -1.0, np.arange(180).reshape(60, 3))
    imputer = SimpleImputer(missing_values=-1, strategy="median", add_indicator=True)
    model = make_pipeline(imputer, StandardScaler(), MLPRegressor(**QUICK)).fit(gaps, gaps[:, 0] / 100)
    yield of_arrays("gaps", model, gaps[:15])
    city = ["Rome", "Oslo", "Lima", "Rome", "Oslo", "Rome", "Bern", None]
    table = pd.DataFrame({"class": city * 5, "Class": ["a", "b", "c", "a"] * 10, "int": [1, 2, 5, 2, 1, 5, 7, 1] * 5})
    table["note"] = ["Ein großes, großes Haus", "a small house 3x", "", "the ÉTÉ _x 12 été"] * 10
    encoders = ColumnTransformer(
        [
            ("first", OneHotEncoder(drop="first"), ["Class"]),
            ("rare", OneHotEncoder(min_frequency=6, handle_unknown="infrequent_if_exist"), ["class"]),
            ("numbers", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["int"]),
            ("target", TargetEncoder(random_state=0), ["Class", "int"]),
            ("ordinal", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["Class", "int"]),
            ("words", TfidfVectorizer(norm="l1"), "note"),
            ("left", "passthrough", ["int"]),
        ],
        transformer_weights={"first": 0.5},
    )
    model = make_pipeline(encoders, MLPClassifier(**QUICK)).fit(table, np.arange(40) % 3)
    new = pd.concat([table[:8], table[:2].assign(**{"class": "Atlantis", "int": 99})])
    words = new.assign(note=[re.findall(r"\b\w\w+\b", text.lower()) for text in new["note"]])
    words = [row | {"class": row["class"] or 0} for row in records(words)]  # NULL in C
    texts = ["a good film", "bad", "", "good good film", "ÉTÉ été"] * 6
    model_of_texts = make_pipeline(TfidfVectorizer(), MLPClassifier(**QUICK)).fit(texts, np.arange(30) % 2)
    rows = [{"text": text} for text in texts[:5]]
    in_words = [{"text": re.findall(r"\b\w\w+\b", text.lower())} for text in texts[:5]]
    yield Case("texts", model_of_texts, rows, answered(model_of_texts, texts[:5]), in_words)
    yield Case("encoders", model, records(new), answered(model, new), words)


def tables():
    orders = pd.read_csv(ROOT / "docs" / "orders.csv")
    options = {"random_state": 0, "effort": "quick", "max_iter": 2, "hidden_layer_sizes": (16,)}
    model = cr.TabularClassifier(**options, threshold=0.3).fit(orders[:500], "returned")
    model.temperature_ = 1.25
    other = deepcopy(model.networks_[0])
    other.network_.parameters *= 0.9
    model.networks_ = [*model.networks_, other]  # an ensemble, of which the mean is the answer
    new = orders[480:].drop(columns="returned")
    odd = new[:4].assign(
        country=["Atlantis", None, " it ", "F r"], item=["LAMP", "shoes ", "", None], rating=["n/a", 3, 99, None],
        price=["1.234,5", "-5 EUR", "€ 12.50", ""], ordered=["2031-01-01", "01.01.1960", None, "?"],
    )  # fmt: skip
    odd["price"] = ["1,234.5", "-5 EUR", "€ 12.50", None]
    yield of_table("orders", model, pd.concat([new[:20], odd]), model.preparation_.named_steps["columns"])
    folk = people(90)
    number = cr.TabularRegressor(**options).fit(folk.drop(columns="buys"), "spends")
    some = folk.drop(columns=["buys", "spends"])[:15]
    yield of_table("folk", number, some, number.preparation_.named_steps["columns"])
    r = np.random.default_rng(1)
    words = ["große", "Straße", "apple", "pear", "kiwi", "naïve", "ÉTÉ", "x1"]
    m = 200
    strange = pd.DataFrame(
        {
            EVIL: r.choice([EVIL, "*/ int x;", "</script>", "\u202e", "x" * 300, "日本"], m),
            "__proto__": r.normal(size=m) * 1e3 + 1.7e9,
            "member": pd.Series(r.choice([True, False], m), dtype=object),
            "when": pd.to_datetime(r.integers(-3 * 10**9, 4 * 10**9, m), unit="s"),
            "end": r.choice(["9999-12-31", "2024-01-05", "2024-03-07", "2024-06-30"], m).astype("M8[us]"),
            "note": [", ".join(r.choice(words, 7)) + "! 3x Ab_c1" for _ in range(m)],
            "code": [f"k{i}" for i in range(m)],
            "level": r.choice([*map(float, range(40)), -999.0], m, p=[0.02] * 40 + [0.2]),
        }
    )  # fmt: skip
    for k, name in enumerate(strange):
        strange.loc[k::9, name] = None
    y = np.where(r.random(m) < 0.5, EVIL, "no")
    model = cr.TabularClassifier(**options, keep=[EVIL], date=["end"]).fit(strange, pd.Series(y, name=EVIL))
    columns = model.preparation_.named_steps["columns"]
    assert {"number", "category", "boolean", "date", "text", "presence"} == set(columns.roles.values())
    some = strange[:20].assign(code=[None, "new"] * 10)
    case = of_table("strange", model, some, columns)
    case.rows = json.loads(some.to_json(orient="records", date_format="iso", date_unit="s"))
    yield case


@pytest.fixture(scope="module")
def cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [*networks(), *estimators(), *pipelines(), *tables()]


@pytest.fixture(scope="module")
def folder(cases, tmp_path_factory):
    """All of them in each language."""
    folder = tmp_path_factory.mktemp("sources")
    for case in cases:
        for ending in ("c", "mjs", "py"):
            export_source(case.model, folder / f"{case.name}.{ending}")
        (folder / f"{case.name}.json").write_text(json.dumps(case.rows))
    return folder


def right(case, said, labels, bound=1e-5, of=lambda label: label):
    """The numbers that a file has said of each row, and its labels, as the model has them."""
    size = 1 + np.abs(case.expected)
    assert (np.abs(np.array(said) - case.expected) / size).max() <= bound, case.name
    last = case.model[-1] if hasattr(case.model, "steps") else case.model
    if not hasattr(last, "classes_") or labels is None:
        return
    sure = np.abs(np.diff(np.sort(case.expected, axis=1)[:, -2:], axis=1)).ravel() > 1e-4
    if getattr(last, "threshold_", None):
        expected = np.where(
            case.expected[:, [*last.classes_].index(last.positive_)] >= last.threshold_, last.positive_, "no"
        )
        assert set(expected) == {"no", "yes"}
    elif case.name == "several":
        expected = (case.expected > 0.5).astype(int)
        sure[:] = True
    else:
        expected = np.asarray([*last.classes_, *last.classes_], object)[case.expected.argmax(axis=1)]
    for row, (label, wanted) in enumerate(zip(labels, expected.tolist(), strict=True)):
        assert not sure[row] or label == of(wanted), (case.name, row)


RUN = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
found = {}
for name in sys.argv[2:]:
    module = importlib.import_module(name)
    rows = json.load(open(f"{sys.argv[1]}/{name}.json"))
    found[name] = [getattr(module, "probabilities", module.predict)(row) for row in rows], [*map(module.predict, rows)]
assert not {"numpy", "chainrule"} & {*sys.modules}
print(json.dumps(found))
"""


def test_python(cases, folder):
    (folder / "run.py").write_text(RUN)
    names = [case.name for case in cases]
    done = subprocess.run([sys.executable, "-I", "run.py", folder, *names], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for case in cases:
        said, labels = found[case.name]
        right(case, np.reshape(said, case.expected.shape), labels)


def test_javascript(cases, folder):
    if shutil.which("node") is None:
        pytest.skip("there is no Node.js to run JavaScript")
    lines = ['import { readFileSync } from "node:fs";', "const found = {};"]
    for case in cases:
        lines += [
            f'import * as {case.name} from "./{case.name}.mjs";',
            f'{{ const rows = JSON.parse(readFileSync("{case.name}.json"), (k, v) => v), m = {case.name};',
            f"  found.{case.name} = [rows.map(m.probabilities ?? m.predict), rows.map(m.predict)]; }}",
        ]
    (folder / "run.mjs").write_text("\n".join([*lines, "console.log(JSON.stringify(found));"]))
    done = subprocess.run(["node", "run.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for case in cases:
        said, labels = found[case.name]
        right(case, np.reshape(said, case.expected.shape), labels)


def literal(value):
    """A value of a row as C has it."""
    if isinstance(value, str):
        return '"' + "".join(f"\\{byte:03o}" for byte in value.encode()) + '"'
    if isinstance(value, list):
        return f"(const char *[]){{{', '.join([*map(literal, value), '0'])}}}"
    return "NAN" if value is None or isnan(value) else repr(value if value == 0 else float(value))


def in_c(case, name=""):
    """A function that prints what a file says of the rows of a case."""
    name, count = name or case.name, case.expected.shape[1]
    last = case.model[-1] if hasattr(case.model, "steps") else case.model
    classes = hasattr(last, "classes_")
    real = "float" if classes or isinstance(last, cr.Network) else "double"
    lines = [
        f"static void run_{name}(void) {{",
        f"    {real} p[{count}];",
        "    int i, k;",
        *(["    const char *s;"] * classes),
    ]
    for row in case.typed:
        if isinstance(row, dict):
            values, given = f"const {name}_row row = {{{', '.join(map(literal, row.values()))}}};", "&row"
        else:
            kind = re.search(rf"{name}_predict\(const (\w+)", case.c)[1]
            values, given = f"const {kind} row[] = {{{', '.join(map(literal, row))}}};", "row"
        said = f'for (s = {name}_label(k); *s; s++) printf("%02x", *s & 255);' if classes else ""
        lines.append(f'    {{ {values} k = {name}_predict({given}, p); if (k < 0) printf("refused\\n"); }}')
        lines.append(
            f'    for (i = 0; i < {count}; i++) printf("%.17g ", (double)p[i]);\n    {said}\n    printf("\\n");'
        )
    return "\n".join([*lines, "}"])


def compiled(folder, programs, names, *options):
    """What a program of all these files prints."""
    includes = [f'#include "{name}.c"' for name in names]
    main = ["int main(void) {", *(f"    run_{name}();" for name in names), "    return 0;", "}"]
    (folder / "all.c").write_text("\n".join(["#include <stdio.h>", *includes, *programs, *main]))
    command = [*STRICT, *options, "all.c", "-lm", "-o", "all"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ran = subprocess.run(["./all"], cwd=folder, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc to compile C")
def test_c_without_a_warning_an_error_or_an_allocation(cases, folder):
    for case in cases:
        case.c = (folder / f"{case.name}.c").read_text()
    names = [case.name for case in cases]
    said = compiled(folder, map(in_c, cases), names, "-fsanitize=address,undefined", "-fno-sanitize-recover")
    for case in cases:
        rows, said = said[: len(case.typed)], said[len(case.typed) :]
        width = case.expected.shape[1]
        parts = [row.split(" ", width) for row in rows]
        numbers = [[float(text) for text in each[:width]] for each in parts]
        labels = [bytes.fromhex(each[width]).decode("utf-8", "surrogatepass") for each in parts]
        right(case, numbers, None if case.name == "several" else labels, of=str)
        assert "refused" not in str(rows)
    assert not said
    for name in ("net0", "several", "scaled", "bare", "orders", "strange"):  # the example in each file, and from C++
        command = [*STRICT, f"-D{name.upper()}_MAIN", f"{name}.c", "-lm", "-o", name]
        assert subprocess.run(command, cwd=folder, capture_output=True).stderr == b""
        assert len(subprocess.run([f"./{name}"], cwd=folder, capture_output=True, text=True).stdout.split()) > 1
    used = [f'#define {case.name.upper()}_DECLARATIONS\n#include "{case.name}.c"\n' for case in cases]
    check = ("g++", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x", "c++", "-")
    assert subprocess.run(check, cwd=folder, input="".join(used), capture_output=True, text=True).stderr == ""
    assert not re.search(r"\b(malloc|calloc|realloc|alloca|free)\b", "".join(case.c for case in cases))


# -- int8 --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    model = MLPClassifier((64,), max_iter=30, n_iter_no_change=np.inf, random_state=0, normalize="standard")
    return model.fit(X[:1200], y[:1200]), X[1200:], y[1200:]


def test_int8_loses_what_it_says(digits, tmp_path):
    model, X, y = digits
    names = ("small.py", "small.mjs", "small.c")
    written = [export_source(model, tmp_path / name, int8=True, check=(X, y)) for name in names]
    loss = written[0].loss
    assert all(each.loss == loss for each in written)
    assert (loss.score, loss.rows) == ("accuracy", len(X))
    assert loss.before == model.score(X, y) > 0.85
    assert abs(loss.after - loss.before) <= loss.changed / len(X) <= 0.01
    # Half a step of each weight: with 64 terms and activations of about 1 it is far below a tenth.
    assert 0 < loss.largest < 0.1
    for name in names:
        assert f"Loss by int8: {loss}." in (tmp_path / name).read_text()
    assert written[2].constants < export_source(model, tmp_path / "large.c").constants / 3
    # The files compute with the rounded weights, and the largest difference is the one that was told.
    some = Case("small", model, X[:150].tolist(), answered(model, X[:150]))
    (tmp_path / "small.json").write_text(json.dumps(some.rows))
    (tmp_path / "run.py").write_text(RUN)
    done = subprocess.run([sys.executable, "-I", "run.py", ".", "small"], cwd=tmp_path, capture_output=True, text=True)
    said = np.array(json.loads(done.stdout)["small"][0])
    assert 1e-4 < np.abs(said - some.expected).max() <= loss.largest + 1e-5
    if shutil.which("gcc"):
        some.c = (tmp_path / "small.c").read_text()
        lines = compiled(tmp_path, [in_c(some)], ["small"])
        np.testing.assert_allclose([[*map(float, line.split()[:10])] for line in lines], said, atol=1e-5)


def test_a_weight_in_int8_is_off_by_half_a_step_at_most():
    W = np.random.default_rng(0).standard_normal((9, 50)) * np.logspace(-20, 20, 9)[:, None]
    W[3] = 0
    q, scale = quantized(W)
    assert (q.dtype, q.min(), q.max()) == (np.int8, -127, 127) or np.abs(q).max() == 127
    assert (np.abs(q * scale[:, None].astype(float) - W) <= 0.5001 * scale[:, None]).all()
    assert not q[3].any()


def test_a_network_says_how_far_its_outputs_are(tmp_path):
    net = cr.Network([3, 8, 2], output="identity", seed=0)
    X = np.random.default_rng(0).standard_normal((3, 40))
    loss = export_source(net, tmp_path / "net.c", int8=True, check=(X, None)).loss
    assert (loss.score, loss.rows, loss.changed) == ("", 40, 0)
    assert 0 < loss.largest < 0.1
    assert str(loss) == f"on 40 rows: largest difference {loss.largest:.2g}"


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_what_cannot_be_written_is_refused_by_its_name(tmp_path):
    X = np.random.default_rng(0).standard_normal((30, 3))
    y = X[:, 0] > 0
    own = cr.Network([3, 5, 2], hidden=Activation("odd", np.sin, np.cos, "", ""), seed=0)
    diverged = cr.Network([3, 5, 2], seed=0)
    diverged.W[1][0, 0] = np.nan

    def behind(*steps):
        return make_pipeline(*steps, MLPClassifier(**QUICK)).fit(X, y)

    for model, said in (
        (own, "layer 1: the activation 'odd' is of your own"),
        (diverged, "infinite or NaN: its training diverged"),
        (behind(PolynomialFeatures()), "PolynomialFeatures cannot be written .*--network-only"),
        (behind(FunctionTransformer(np.arctan)), r"FunctionTransformer\(arctan\): not one of NumPy's log,"),
        (behind(PCA(2), MinMaxScaler(clip=True)), "MinMaxScaler behind PCA"),
        (StandardScaler().fit(X), "StandardScaler: wanted a Network"),
    ):
        with pytest.raises(ExportError, match=said):
            export_source(model, tmp_path / "model.c")
    net = cr.Network([3, 5, 2], seed=0)
    with pytest.raises(ExportError, match=r"model.rs: wanted a name that ends in \.c, \.js, \.mjs, \.py"):
        export_source(net, tmp_path / "model.rs")
    with pytest.raises(ExportError, match="check: measures the loss by int8"):
        export_source(net, tmp_path / "model.c", check=(X.T, None))
    labels = MLPClassifier(**QUICK).fit(X, np.where(y, "x" * 5000, "no"))
    with pytest.raises(ExportError, match=r"a text of 5,000 bytes .* is too long for C"):
        export_source(labels, tmp_path / "model.c")
    many = np.array([[f"user {k}"] for k in range(2**15 + 1)], dtype=object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is not trained
        model = make_pipeline(OneHotEncoder(), MLPClassifier((), max_iter=1)).fit(many, np.arange(len(many)) % 2)
    with pytest.raises(ExportError, match="32,768 values or categories of a column are too many for C"):
        export_source(model, tmp_path / "model.c")
    assert not any(tmp_path.iterdir())


def test_an_option_that_cannot_be_written_is_told_as_it_is_written():
    texts, y = ["ab cd", "cd ef gh", "ij"] * 9, [0, 1, 2] * 9
    for options, said in (
        ({"sublinear_tf": True}, "TfidfVectorizer(sublinear_tf=True) cannot be written"),
        ({"token_pattern": r"\w+"}, r"TfidfVectorizer(token_pattern='\\w+') cannot be written"),
        (
            {"ngram_range": (1, 2), "tokenizer": str.split},
            "TfidfVectorizer(ngram_range=(1, 2), tokenizer=split) cannot",
        ),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a tokenizer takes the place of a pattern
            model = make_pipeline(TfidfVectorizer(**options), MLPClassifier(**QUICK)).fit(texts, y)
        with pytest.raises(ExportError, match=re.escape(said)):
            export_source(model, "model.py")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"[^\W\d_]\w*", "a word begins with a letter: of 3pack it is pack"),
        (r"(?u)\b\w\w+\b", "a word is two and more letters, digits and _ in a row"),
    ],
)
def test_a_file_of_c_says_what_a_word_is(pattern, said, tmp_path):
    table = pd.DataFrame({"note": ["3pack red", "a red x2", "pack 3pack"] * 9})
    words = ColumnTransformer([("w", TfidfVectorizer(token_pattern=pattern), "note")])
    model = make_pipeline(words, MLPClassifier(**QUICK)).fit(table, [0, 1, 2] * 9)
    export_source(model, tmp_path / "model.c")
    code = (tmp_path / "model.c").read_text()
    assert f"its words, in lower case, with NULL at the end; {said}" in " ".join(code.split())
    assert set(re.findall(r'"(\w+)"', code)) >= set(model[0].named_transformers_["w"].vocabulary_)
    page = (ROOT / "docs" / "export-source.md").read_text()
    assert f'`re.findall(r"{pattern.removeprefix("(?u)")}", text.lower())`' in page


def test_no_name_hides_in_a_file_or_ends_the_page_around_it(folder):
    for ending in ("c", "mjs", "py"):
        text = "".join((folder / f"{name}.{ending}").read_text() for name in ("strange", "labels0"))
        assert text.count("evil") > 5
        assert "\u202e" not in text
    assert "</script" not in (folder / "strange.mjs").read_text()


@pytest.mark.parametrize("kind", ["uint64", "int64", "M8[D]", "M8[ns]"])
def test_a_class_is_a_number_where_the_language_has_it_exactly_and_a_date_is_a_text(kind, tmp_path):
    X = np.random.default_rng(0).standard_normal((60, 2))
    numbers = [7, 2**53 + 1, 2**63 + 5 if kind == "uint64" else 2**62 + 1]
    labels = np.array(["2024-01-01", "2024-01-02", "2024-02-01"] if "M8" in kind else numbers, kind)
    model = MLPClassifier(**QUICK).fit(X, labels[np.arange(60) % 3])
    export_source(model, tmp_path / "m.py")
    file = runpy.run_path(str(tmp_path / "m.py"))
    wanted = [*map(str, labels)] if "M8" in kind else labels.tolist()
    assert file["CLASSES"] == wanted
    assert file["predict"](X[0]) in wanted
    export_source(model, tmp_path / "m.mjs")
    line = re.search(r"CLASSES = (.*);", (tmp_path / "m.mjs").read_text())[1]
    assert json.loads(line) == [each if each == 7 else str(each) for each in wanted]


def test_a_row_that_the_model_would_refuse_is_refused(folder):
    sys.path.insert(0, str(folder))
    try:
        import orders
        import steps0
    finally:
        sys.path.remove(str(folder))
    row = json.loads((folder / "orders.json").read_text())[0]
    assert orders.predict(row | {"price": 12.5}) in orders.CLASSES
    for wrong, said in (
        ({"price": "12,5"}, "price: '12,5' is no number as the column has them"),
        ({"price": "12 $"}, "price: '12 \\$' is no number"),
        ({"price": float("inf")}, "price: inf is too large"),
        ({"ordered": "31.02.2024"}, "ordered: '31.02.2024' is no date"),
        ({"ordered": "soon"}, "ordered: 'soon' is no date"),
    ):
        with pytest.raises(ValueError, match=said):
            orders.predict(row | wrong)
    with pytest.raises(ValueError, match="no column 'country' in the row"):
        orders.predict({name: value for name, value in row.items() if name != "country"})
    row = json.loads((folder / "steps0.json").read_text())[0]
    with pytest.raises(ValueError, match="mean radius: is missing, and the model takes no row without it"):
        steps0.predict(row | {"mean radius": None})


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_writes_what_the_ending_says(tmp_path, monkeypatch, run, ok):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    people(120).drop(columns="spends").to_csv("people.csv", index=False)
    ok("train", "people.csv", "--target", "buys", "--out", "m.chainrule", "--effort", "quick", "--epochs", "2")
    out = ok("export", "m.chainrule", "m.c", "--int8", "--check", "people.csv")
    for words in (
        *("Wrote m.c", "of C), weights in int8", "bytes of constants", "bytes of memory", "multiply-adds for a row"),
        *("age", "number", "city", "category", "Loss by int8: on 120 rows: accuracy 0."),
    ):
        assert words in out
    told = json.loads(ok("export", "m.chainrule", "m.py", "--json"))
    assert (told["language"], told["loss"], told["constants"]) == ("Python", None, None)
    assert told["columns"] == {"age": "number", "city": "category", "member": "boolean", "since": "date"}
    assert "not measured; --check DATA measures it" in ok("export", "m.chainrule", "m.mjs", "--int8", "--network-only")
    assert "a row has" not in ok("export", "m.chainrule", "m.mjs", "--network-only")  # its own may be replaced
    Path("other.py").write_text("print('mine')\n")
    for arguments, said in (
        (("other.py",), "other.py: exists and is not a file that chainrule export has written"),
        (("m.rs",), "m.rs: wanted a name that ends in .onnx, .c, .js, .mjs or .py"),
        (("n.onnx", "--int8"), "--int8 and --check: are for source, and n.onnx is ONNX"),
        (("n.c", "--zipmap", "maps"), "--zipmap: are of ONNX, and n.c is source"),
        (("n.c", "--check", "people.csv"), "--check: measures the loss by --int8, which was not asked for"),
        (("n.c", "--int8", "--check", "people.csv", "--network-only"), "--network-only leaves their preparation out"),
    ):
        code, _, err = run("export", "m.chainrule", *arguments)
        assert (code, err.count("\n")) == (2, 1)
        assert said in err
    assert Path("other.py").read_text() == "print('mine')\n"
    assert not [*Path().glob("n.*")]
