"""chainrule trace and chainrule diagnose, as people use them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli import main
from support.tables import QUICK, people


@pytest.fixture(autouse=True)
def a_terminal_of_100_columns(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The bytes of a model of the table of people."""
    folder = tmp_path_factory.mktemp("saved")
    people().to_csv(folder / "people.csv", index=False)
    arguments = [
        "train",
        folder / "people.csv",
        "--target",
        "buys",
        "--drop",
        "spends",
        "--hidden",
        "4",
        "--epochs",
        "3",
    ]
    with pytest.raises(SystemExit):
        main([str(argument) for argument in [*arguments, "-q", "--out", folder / "m"]])
    return (folder / "m").read_bytes()


@pytest.fixture
def model(saved):
    people().to_csv("people.csv", index=False)
    Path("people.chainrule").write_bytes(saved)
    return "people.chainrule"


def test_trace_shows_the_row_its_inputs_and_the_whole_working(model, ok):
    out = ok("trace", model, "people.csv", "--row", 3)
    row = people().iloc[2]
    for words in (
        "Row 3 of 80 of people.csv", "city", row.city, "category", "left out", " inputs, A[0]: ",
        f"Target: buys = {row.buys}, for the network Y = [", "Forward",
        "Z[1] = W[1] A[0] + b[1]",
        "A[1] = relu(Z[1])", "A[2] = sigmoid(Z[2])", "J = (1/m) Σ 𝓛 =", "Backward", "dZ[2] = A[2] − Y",
        "dZ[1] = dA[1] ∗ g[1]′(Z[1])", "dW[1] = (1/m) dZ[1] A[0]ᵀ", "Prediction: buys = ", "(probability 0.",
    ):  # fmt: skip
        assert words in out
    assert max(map(len, out.splitlines())) <= 160


def test_the_numbers_of_the_trace_are_those_of_the_network(model, ok):
    result = json.loads(ok("trace", model, "people.csv", "--row", 3, "--json"))
    trained = cr.load(model)
    row = people().iloc[[2]]
    prepared = trained.preparation_.transform(row)
    network = trained.networks_[0].network_
    Z, A = network.layers(prepared.T)
    found = result["trace"]
    for l in (1, 2):
        np.testing.assert_allclose(found["Z"][l], Z[l], rtol=1e-6)
        np.testing.assert_allclose(found["A"][l], A[l], rtol=1e-6)
    np.testing.assert_allclose(result["inputs"]["prepared"], prepared[0], rtol=1e-6)
    np.testing.assert_allclose(found["A"][0], network.check_inputs(prepared.T), rtol=1e-6)
    smoothing = trained.networks_[0].label_smoothing / 2
    Y = 1 - smoothing if row.buys.item() == "yes" else smoothing
    np.testing.assert_allclose(found["Y"], [[Y]], rtol=1e-6)
    J, dW, _ = network.gradients(prepared.T, np.array([[Y]]))
    assert found["J"] == pytest.approx(J, rel=1e-6)
    np.testing.assert_allclose(found["dW"][1], dW[1], rtol=1e-5)
    assert result["prediction"] == trained.predict(row)[0]
    assert result["target"] == row.buys.item()
    assert (result["row"], result["columns"]["city"]) == (3, row.city.item())
    assert len(result["inputs"]["names"]) == prepared.shape[1]
    assert {"age", "member", "city_Rome"} <= set(result["inputs"]["names"])


def test_every_input_has_the_name_of_its_column(model, ok):
    names = json.loads(ok("trace", model, "people.csv", "--json"))["inputs"]["names"]
    assert all(names)
    assert len(set(names)) == len(names)
    for column in ("age", "city", "member", "since"):
        assert any(name.startswith(column) or name.endswith(column) for name in names)


def test_the_sum_of_one_unit(model, ok):
    out = ok("trace", model, "people.csv", "--unit", "1:2")
    assert "z = W[1][2, :] · A[0][:, 0] + b[1][2]" in out
    names = json.loads(ok("trace", model, "people.csv", "--json"))["inputs"]["names"]
    assert any(name in out for name in names)
    assert "a = relu(z)" in out
    assert "Backward" not in out
    unit = json.loads(ok("trace", model, "people.csv", "--unit", "2:0", "--json"))["unit"]
    assert sum(np.multiply(unit["w"], unit["x"])) + unit["b"] == pytest.approx(unit["z"], rel=1e-5)
    assert unit["g"] == "sigmoid"


def test_without_a_target_the_way_forward_only(model, ok):
    people()[["age", "city", "member", "since"]].to_csv("new.csv", index=False)
    out = ok("trace", model, "new.csv")
    assert "Forward only: there is no buys" in out
    assert "Prediction: buys = " in out
    assert "Backward" not in out
    result = json.loads(ok("trace", model, "new.csv", "--json"))
    assert result["target"] is result["trace"]["Y"] is result["trace"]["J"] is None
    frame = people()
    frame["buys"] = frame["buys"].astype(object)
    frame.loc[0, "buys"], frame.loc[1, "buys"] = None, "perhaps"
    frame.to_csv("some.csv", index=False)
    assert "Forward only: there is no buys" in ok("trace", model, "some.csv")
    assert "no value that is a class of the model (no, yes)" in ok("trace", model, "some.csv", "--row", 2)
    assert "Backward" in ok("trace", model, "some.csv", "--row", 3)


def test_a_number_to_predict_is_shown_as_the_network_learns_it(ok):
    people().to_csv("people.csv", index=False)
    ok("train", "people.csv", "--target", "spends", *QUICK)
    out = ok("trace", "people.chainrule", "people.csv", "--row", 2)
    estimator = cr.load("people.chainrule").networks_[0]
    y = people().spends[1]
    Y = (y - estimator.target_mean_[0]) / estimator.target_scale_[0]
    assert f"Target: spends = {y}, for the network Y = [{np.round(Y, 4):.4f}".rstrip("0") in out
    assert "(scaled, as in training)" in out
    assert "probability" not in out


def test_arrays_images_and_bundled_sets(ok, rng):
    np.savez("arrays.npz", X=rng.normal(size=(60, 3)), y=np.arange(60) % 3)
    ok("train", "arrays.npz", *QUICK)
    assert "A[2] = softmax(Z[2])" in ok("trace", "arrays.chainrule", "arrays.npz", "--row", 60)
    ok("train", "digits", *QUICK)
    out = ok("trace", "digits.chainrule", "digits", "--row", 5)
    assert "64 inputs, A[0]:" in out
    assert "zeros" in out
    assert "pixel 3,4" in ok("trace", "digits.chainrule", "digits", "--unit", "1:0")


def test_many_columns_are_counted_and_not_cut_silently(ok, rng):
    frame = pd.DataFrame(rng.normal(size=(40, 50))).add_prefix("c").assign(y=["a", "b"] * 20)
    frame.to_csv("wide.csv", index=False)
    ok("train", "wide.csv", "--target", "y", *QUICK)
    out = ok("trace", "wide.chainrule", "wide.csv")
    assert "50 columns, the first 20:" in out
    count = cr.load("wide.chainrule").networks_[0].n_features_in_
    assert f"{count:,} inputs, A[0]: " in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("trace m people.csv --row 81", "--row 81: people.csv has 80 rows"),
        ("trace m people.csv --row 0", "'--row'"),
        ("trace m people.csv --unit 3:0", "--unit 3:0: layer: got 3, wanted 1 … 2"),
        ("trace m people.csv --unit 1:4", "--unit 1:4: unit: got 4, wanted 0 … 3"),
        ("trace m people.csv --unit 1", "--unit 1: wanted a layer, from 1, and a unit, from 0, as in 2:0"),
        ("trace m nothing.csv", "'nothing.csv': no such file"),
        ("trace people.csv people.csv", "people.csv: not a chainrule model"),
        ("trace people.csv people.chainrule", "swapped: the model comes first, as people.chainrule people.csv"),
        ("diagnose people.csv people.chainrule", "people.csv and people.chainrule are swapped"),
        ("trace m iris", "no column 'age'"),
        ("diagnose m nothing.csv", "'nothing.csv': no such file"),
        ("diagnose m untold.csv", "'buys' is missing in every row"),
        ("diagnose m iris", "no column 'buys'"),
    ],
)
def test_every_mistake_gets_one_line_and_exit_code_2(arguments, message, model, run):
    people().assign(buys=None).to_csv("untold.csv")
    code, out, err = run(*arguments.replace(" m ", f" {model} ").split())
    assert message in err
    assert (code, err.count("\n"), err.startswith("error: "), out) == (2, 1, True, "")


def test_diagnose_says_what_the_estimator_says(model, ok):
    trained, frame = cr.load(model), people()
    found = trained.networks_[0].diagnose(trained.preparation_.transform(frame), frame.buys)
    assert found
    out = ok("diagnose", model, "people.csv")
    assert "people.chainrule on 80 rows of people.csv" in out
    for finding in found:
        assert finding.title in out
        assert finding.measured.split(":")[-1].strip() in " ".join(out.split())
    result = json.loads(ok("diagnose", model, "people.csv", "--json"))
    assert (result["rows"], result["data"]) == (80, "people.csv")
    assert [(finding["name"], finding["value"]) for finding in result["findings"]] == [
        (finding.name, pytest.approx(finding.value, rel=1e-6)) for finding in found
    ]


def test_diagnose_calls_columns_by_their_names(ok):
    frame = people().assign(again=lambda f: 3 * f.age + 1)
    frame.to_csv("twice.csv", index=False)
    ok("train", "twice.csv", "--target", "buys", "--drop", "spends", *QUICK)
    found = json.loads(ok("diagnose", "twice.chainrule", "twice.csv", "--json"))["findings"]
    (twice,) = [finding for finding in found if finding["name"] == "duplicated columns"]
    assert "age" in twice["where"]
    assert "again" in twice["where"]


def test_diagnose_names_a_leaking_column(ok):
    frame = people(200).assign(again=lambda f: (f.buys == "yes") * 1.0)
    frame.to_csv("leak.csv", index=False)
    ok("train", "leak.csv", "--target", "buys", "--drop", "spends", "--epochs", "20", "--hidden", "8")
    assert "leak" in ok("diagnose", "leak.chainrule", "leak.csv")


def test_the_sheet_and_the_head_of_a_table_can_be_said(model, ok, run):
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter("book.xlsx") as book:
        pd.DataFrame({"day": [1], "note": ["nothing here"]}).to_excel(book, sheet_name="notes", index=False)
        people().to_excel(book, sheet_name="people", index=False)
    for command in ("trace", "diagnose"):
        assert "no column" in run(command, model, "book.xlsx", "--sheet", "notes")[2]
        told, wanted = ok(command, model, "book.xlsx", "--sheet", "people"), ok(command, model, "people.csv")
        assert told.splitlines()[2:] == wanted.splitlines()[2:]
        assert "no column" in run(command, model, "people.csv", "--no-header")[2]
