"""Cells as a table has them, in the files of Python and JavaScript: numbers with any unit, dates in any form."""

import itertools
import json
import re
import runpy
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.exporting.source import export_source
from chainrule.tabular import numerals
from chainrule.tabular.calendar import seconds

QUICK = {"hidden_layer_sizes": (4,), "effort": "quick", "max_iter": 3, "random_state": 0}
UNITS = [
    *("mmHg", "Days", "Years", "Items", "kN", "µg/L", "Mbit/s", "pH", "Std.", "mS", "USD/kg", "Widgets", "kΩ", "Fuß"),
    *("m²/kg", "°C", "KG", "MB", "Kr", "Stück", "H.", "H", "km/h", "L/min", "Mg", "W/m²K", "lbs.", "glass", "%", "€"),
]


def in_both(model, folder, rows):
    """What the file of Python says of some rows, and that of JavaScript; an error as its message."""
    export_source(model, folder / "model.py")
    file = runpy.run_path(str(folder / "model.py"))
    answer = file.get("probabilities", file["predict"])

    def said(row):
        try:
            return np.ravel(answer(row)).tolist()
        except ValueError as error:
            return str(error)

    python = [said(row) for row in rows]
    if shutil.which("node") is None:
        return python, python
    export_source(model, folder / "model.mjs")
    (folder / "rows.json").write_text(json.dumps(rows))
    (folder / "run.mjs").write_text(
        'import { readFileSync } from "node:fs";\nimport * as model from "./model.mjs";\n'
        "const answer = model.probabilities ?? model.predict;\n"
        "const said = (row) => { try { return [answer(row)].flat(); } catch (error) { return error.message; } };\n"
        'console.log(JSON.stringify(JSON.parse(readFileSync("rows.json")).map(said)));'
    )
    done = subprocess.run(["node", "run.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return python, json.loads(done.stdout)


def read_alike(model, folder, cells, **others):
    """Each cell is what it is to the model, in both files; returns how many are refused."""
    rows = [{"q": cell, "z": 0.5} | others for cell in cells]
    refused = 0
    for row, *said in zip(rows, *in_both(model, folder, rows), strict=True):
        try:
            answer = model.predict_proba if hasattr(model, "classes_") else model.predict
            expected = np.ravel(answer(pd.DataFrame([row])))
        except ValueError:
            expected, refused = None, refused + 1
        for each in said:
            assert isinstance(each, str) == (expected is None), (row, each, expected)
            if expected is not None:
                np.testing.assert_allclose(each, expected, rtol=1e-5, atol=1e-5, err_msg=str(row))
    return refused


def of_numbers(unit):
    rng = np.random.default_rng(0)
    v = rng.integers(1, 100, 60)
    table = pd.DataFrame({"q": [f"{t} {unit}" for t in v], "z": rng.normal(size=60)})
    return cr.TabularClassifier(**QUICK).fit(table, np.where(v > 50, "a", "b"))


@pytest.mark.parametrize("unit", UNITS)
def test_a_number_with_a_unit_is_read_as_the_table_writes_it(unit, tmp_path):
    model = of_numbers(unit)
    assert model.columns_.loc["q"].tolist()[0] == "number"
    assert read_alike(model, tmp_path, [f"{v} {unit}" for v in (1, 50, 70)]) == 0


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_in_other_letters_is_one_where_it_is_one_to_the_model(unit):
    known = numerals.recognize(pd.Series(1, index=[f"{v} {unit}" for v in range(1, 9)])).format
    pattern, (times, units) = re.compile(numerals.pattern(known)), numerals.suffixes(known.unit)
    word = unit.rstrip(".")
    written = {"".join(some) for some in itertools.product(*({c, c.lower(), c.upper()[:1]} for c in word[:6]))}
    written = {some + word[6:] for some in written} | {unit, word.title(), word.upper(), word.casefold()}
    taken = 0
    for text in (f"5 {some}{more}" for some in sorted(written) for more in ("", "s", "S", ".", "s.", "x")):
        wanted = numerals.parse(pd.Series([1], index=[text]), str(known))[0]
        found = pattern.fullmatch(text)
        if numerals.scaled(known.unit) and not found and (not text.isupper() or text[-1] in "S."):
            continue  # of units that can be converted the usual spellings are known
        said = 5 * (times | units).get(found[9], 1) * units.get(found[10], 1) if found else np.nan
        np.testing.assert_allclose(said, wanted, err_msg=text)
        taken += found is not None
    assert taken


# -- dates -------------------------------------------------------------------------------------------------------------

FORMS = {
    "%d %b %Y": ["18 aug 2024", "18 AUGUST 2024", "18. März 2024", "18 mars 2024", "18-août-2024",
                 "18 de agosto de 2024", "1st Aug 2024", "18 января 2024", "31 Feb 2024", "18 Aug 24",
                 "32 Aug 2024", "18 Foo 2024"],
    "%B %d, %Y": ["august 18, 2024", "Aug. 18 2024", "MAI 3, 2024", "February 30, 2024", "Sept 1st, 2024"],
    "%b %Y": ["aug 2024", "Aug-2024", "Dez. 2024", "aug 0999", "Août 2024", "oct/2024"],
    "%b-%y": ["Aug-24", "aug-68", "Aug-69", "Dez-24"],
    "%m/%d/%Y %I:%M %p": ["12/31/2024 12:00 AM", "12/31/2024 12:30 pm", "1/2/2024 1:05 p.m.", "12/31/2024 13:30 PM",
                          "12/31/2024 13:30 AM", "12/31/2024 10:61 AM", "12/31/2024 11:59PM", "12/31/2024 0:10 am",
                          "12/31/2024 10:00 AM +02:00"],
    "%Y-%m-%dT%H:%M:%S+02:00": ["2024-12-31T10:00:00-05:30", "2024-12-31T10:00:00Z", "2024-12-31T10:00:00",
                                "2024-12-31 10:00", "2024-12-31T23:59:60.25+0100", "2024-12-31T10:00:00 CET",
                                "2024-12-31T10:00+02:00[Europe/Berlin]", "2024-12-31T24:00:00+02", "2024-12-31T24:01Z",
                                "2024-12-31T100000Z", "2024-12-31 10", "2024-12-31"],
    "%a, %d %b %Y %H:%M:%S +0000": ["Tue, 31 Dec 2024 10:00:00 -0800", "Di, 31. Dez 2024 10:00:00 GMT",
                                    "31 Dec 2024 10:00:00 EST", "tuesday 31 December 2024 10:00:00.5 UTC"],
    "%a %b %d %H:%M:%S UTC %Y": ["Tue Dec 31 10:00:00 EST 2024", "Dec 31 10:00 2024"],
    "%d.%m.%Y %H:%M": ["31.12.2024 10:00", "31.12.2024 10:00 Uhr", "1.2.2024, 9:05", "31.12.2024 24:00",
                       "32.1.2024 10:00"],
    "%I:%M %p": ["10:30 AM", "12:00 am", "12:00 PM", "10:30 a. m.", "13:30 am"],
    "%d %b": ["18 Aug", "29 feb", "30 Feb", "18. März"],
    "%G-W%V": ["2024-W01", "2024W53", "2025-w01-3", "2024-W54", "2026-W53-7"],
    "%Y-Q3": ["2024-Q1", "2024Q4", "2024 q2", "2024-Q5"],
}  # fmt: skip


def moments_in_both(folder, cells):
    """The seconds since 1970 that the files written before read in some cells, or "refused"."""
    file = runpy.run_path(str(folder / "model.py"))

    def said(cell):
        try:
            return file["date"]({"q": cell}, "q", [], file["DATES0"])
        except ValueError:
            return "refused"

    python = [said(cell) for cell in cells]
    if shutil.which("node") is None:
        return python, python
    (folder / "run.mjs").write_text(
        'import { date, DATES0 } from "./model.mjs";\n'
        'const said = (q) => { try { return date({ q }, "q", [], DATES0); } catch { return "refused"; } };\n'
        f"console.log(JSON.stringify({json.dumps(cells)}.map(said)));"
    )
    done = subprocess.run(["node", "run.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return python, json.loads(done.stdout)


@pytest.mark.parametrize("form", FORMS)
def test_a_date_is_read_as_the_table_writes_it_and_as_the_model_reads_it(form, tmp_path):
    rng = np.random.default_rng(0)
    moments = pd.to_datetime("2023-01-05") + pd.to_timedelta(rng.integers(0, 700 * 86_400, 80), "s")
    table = pd.DataFrame({"q": [each.strftime(form) for each in moments], "z": rng.normal(size=80)})
    if form == "%Y-Q3":
        table["q"] = [f"{each.year}-Q{each.quarter}" for each in moments]
    y = moments.to_numpy().astype("M8[s]").astype(float) / 1e7
    model = cr.TabularRegressor(**QUICK, date="q").fit(table, y)
    assert read_alike(model, tmp_path, table.q[:5].tolist()) == 0
    with (tmp_path / "model.mjs").open("a") as file:
        file.write("export { date, DATES0 };")
    cells = [*table.q[:20], *FORMS[form], "soon", "n/a", ""]
    for said in moments_in_both(tmp_path, cells):
        for cell, each in zip(cells, said, strict=True):
            try:
                (wanted,) = seconds(model.preparation_[0].transform(pd.DataFrame({"q": [cell], "z": 1.0})).q)
            except ValueError:
                assert each == "refused", cell
            else:
                np.testing.assert_equal(np.nan if each is None else each, wanted, err_msg=cell)


def test_a_form_that_the_column_has_not_is_refused_and_not_guessed(tmp_path):
    table = pd.DataFrame({"q": [f"{d} Aug {y}" for d in range(1, 29) for y in (2023, 2024)], "z": 0.5})
    model = cr.TabularRegressor(**QUICK).fit(table, np.arange(56.0))
    cells = ["Aug 2024", "12/31/2024", "18 Aug 2024 10:00", "2024-Q1"]
    for said in in_both(model, tmp_path, [{"q": cell, "z": 0.5} for cell in cells]):
        assert [each.replace("'", '"') for each in said] == [
            f'q: "{cell}" is no date as the column has them, nor one like 2024-12-31' for cell in cells
        ]
