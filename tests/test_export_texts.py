"""Texts, numbers and dates in the rows of exported files: they are read as the model reads them, or refused."""

import json
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.exporting.source import export_source

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
OPTIONS = {"random_state": 0, "effort": "quick", "max_iter": 2, "hidden_layer_sizes": (8,)}
PYTHON = """
import json, sys
import model
def said(row):
    try:
        return model.predict(row)
    except (ValueError, TypeError):
        return "refused"
print(json.dumps([*map(said, json.load(open("rows.json")))]))
"""
JAVASCRIPT = """
import { readFileSync } from "node:fs";
import { predict } from "./model.mjs";
const said = (row) => { try { return predict(row); } catch (error) { return "refused"; } };
console.log(JSON.stringify(JSON.parse(readFileSync("rows.json", "utf8")).map(said)));
"""


def answers(model, rows, folder):
    """What the model says of each row alone, the file of Python and, if there is Node.js, that of JavaScript."""
    for ending in ("py", "mjs"):
        export_source(model, folder / f"model.{ending}")
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / "run.py").write_text(PYTHON)
    (folder / "run.mjs").write_text(JAVASCRIPT)
    found = [[of_model(model, row) for row in rows]]
    for command in ([sys.executable, "run.py"], ["node", "run.mjs"]):
        if shutil.which(command[0]):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
            found.append(json.loads(done.stdout))
    return found


def of_model(model, row):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return float(model.predict(pd.DataFrame([row]))[0])
    except ValueError:
        return "refused"


def check(model, texts, refused, folder):
    """That files answer texts as the model does, and refuse others, `refused`, whatever the model makes of them."""
    said, *files = answers(model, [{"a": text} for text in [*texts, *refused]], folder)
    assert "refused" not in said[: len(texts)]
    for file in files:
        wrong = [
            (text, y, t)
            for text, y, t in zip(texts, said, file, strict=False)
            if t == "refused" or abs(y - t) > 1e-5 * (1 + abs(y))
        ]
        assert wrong == []
        answered = [text for text, t in zip(refused, file[len(texts) :], strict=True) if t != "refused"]
        assert answered == []


def table(template, size=300):
    """A column of 300 positive numbers that are written so, and a target that tells each of them."""
    x = np.random.default_rng(0).lognormal(1, 1.5, size)
    return pd.DataFrame({"a": [template.format(v) for v in x], "y": np.log(x)})


def dated(form, first="2020-01-01"):
    """A column of 300 dates that are written in a form of strftime, and a target that tells each of them."""
    days = pd.date_range(first, periods=300, freq="31h")
    return pd.DataFrame({"a": days.strftime(form), "y": np.arange(300.0)})


def fitted(frame, **more):
    return cr.TabularRegressor(**OPTIONS, **more).fit(frame, "y")


# -- numbers -----------------------------------------------------------------------------------------------------------


def test_a_point_or_a_comma_before_three_digits_is_for_thousands_only_behind_digits_that_do_not_begin_with_0(tmp_path):
    comma = table("{:.3f}")
    comma["a"] = comma["a"].str.replace(".", ",")
    texts = ["0,125", "0,5", "000,123", "1.234", "1.234.567,5", "1 234", "1'234", ",5", "-0,125", "(2)", "2-", "2.-"]
    wrong = ["0.125", "0.500", "1.234'567", "0 500", "5,", "1.234,", "1,234,567", "01.234", "1.23", "1.2345", "1..5"]
    check(fitted(comma), texts, wrong, tmp_path)
    texts = ["0.125", "0.500", "000.123", "1,234", "1,234,567.5", "12,34,567", "5.", "+2", " 2 ", "'2", "2\u00a0"]
    wrong = ["0,125", "0,500", "000,123", "1,234'567", "0 500", "5,", "1,234,", "01,234", "--2", "(2", "-(2)", "2 )"]
    check(fitted(table("{:.3f}")), texts, wrong, tmp_path)


def test_capitals_in_units_mean_what_they_mean_in_the_model(tmp_path):
    for unit, texts, wrong in (
        ("m", ["5", "5 m", "5 M", "5 km", "5cm", "5 µm", "5 ft", "5k"], ["5 Q", "5 kg", "5 mol"]),
        ("mW", ["5 mW", "5 MW", "5 W", "5kW"], ["5 mw", "5 Mw"]),
        ("mg", ["5 mg", "5 Mg", "5 MG", "5 kg", "5 lb"], ["5 m"]),
        ("MB", ["5 MB", "5 GB", "5 mB", "5 kB"], ["5 Mb", "5 mb"]),
        (
            "€",
            ["€5", "5 €", "5 EUR", "5 k€", "5 Mio. €", "€5m", "5 T", "-€5", "(5 €)"],
            ["5 $", "€ 5 $", "5 eur"],
        ),
        ("%", ["5%", "5 %", "5"], ["5 ‰", "%5"]),
    ):
        check(fitted(table(f"{{:.2f}} {unit}")), texts, wrong, tmp_path)


def test_multiples_are_read_where_the_column_has_them(tmp_path):
    frame = table("{:.2f}k")
    frame.loc[::3, "a"] = frame["a"].str.replace("k", "m")
    check(fitted(frame), ["5k", "5m", "5 M", "5.5b", "5", "5 Mio"], ["5 kk", "5 x"], tmp_path)


def test_what_stands_for_a_missing_value_in_the_model_does_in_the_file_and_nothing_else(tmp_path):
    frame = table("{:.2f}")
    frame.loc[::9, "a"] = "?"
    texts = [
        "",
        "  ",
        "?",
        "--",
        "n/a",
        "N.A.",
        "#DIV/0!",
        "#N/A",
        "keine Angabe",
        "\\N",
        "<0.1",
        "non renseigné",
        None,
    ]
    check(fitted(frame), texts, ["€", "%", "+", "\ufeff", "\ufeff5", "5\ufeff", "abc", "12.5 DIV"], tmp_path)


@pytest.mark.parametrize("template", ["{:.2f}", "{:.2f} €"])
def test_long_texts_cost_no_more_than_their_length(template, tmp_path):
    wrong = [f"{first}{' ' * 100_000}{last}" for first in ("€", "-", "5") for last in ("x", "€x", "5 5")]
    wrong += ["5" * 100_000 + "x", "1" + ",234" * 30_000 + "x", "-" * 100_000 + "5"]
    check(fitted(table(template)), [" " * 100_000 + "5" + " " * 100_000, " " * 100_000], wrong, tmp_path)


# -- dates -------------------------------------------------------------------------------------------------------------


def test_times_and_days_that_do_not_exist_are_refused(tmp_path):
    times = ["24:00", "0:00", "23:59:60", "9:05", "09:05:07.25"]
    wrong = ["25:00", "10:75", "99:99", "24:01", "10:20:75", "10:20:61", "9:5", "10:20:7", "10:20:30.", "24:00:99"]
    days = ["2020-02-29", "2020-2-9", "2020-02-01T10:00Z"]
    none = ["2021-02-29", "2020-00-10", "2020-13-01", "0000-01-01", "2020-02-01Z", "2020-02-01T"]
    texts = [*(f"2020-02-01 {time}" for time in times), *days]
    check(fitted(dated("%Y-%m-%d %H:%M")), texts, [*(f"2020-02-01 {time}" for time in wrong), *none], tmp_path)
    texts = [*(f"01.02.2020 {time}" for time in times[:2]), "2020-02-01 10:00", "1.2.2020 10:00"]
    check(fitted(dated("%d.%m.%Y %H:%M")), texts, [f"01.02.2020 {time}" for time in wrong], tmp_path)


def test_forms_of_digits_have_all_their_places_and_times_alone_no_day(tmp_path):
    days = fitted(dated("%Y%m%d"), date=["a"])
    check(days, ["20200201", "2020-02-01"], ["2020211", "2020021", "202013", "20201301"], tmp_path)
    check(fitted(dated("%H:%M:%S")), ["10:20:30", "0:00:00"], ["2020-02-01", "10:20:7", "10:75:00"], tmp_path)
    check(fitted(dated("%Y-%m", "1990-01-01")), ["2020-02"], ["2020-2", "0999-01", "3000-01", "2020-13"], tmp_path)
