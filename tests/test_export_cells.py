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
        if numerals.scaled(known.unit) and not found and (not text.isupper() or text[-1] == "S"):
            continue  # of units that can be converted the usual spellings are known
        said = 5 * (times | units).get(found[9], 1) * units.get(found[10], 1) if found else np.nan
        np.testing.assert_allclose(said, wanted, err_msg=text)
        taken += found is not None
    assert taken
