"""The command line as people use it: four commands on tables, arrays and images, and one line for every mistake."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli import main, screen
from chainrule.cli.output import console
from chainrule.files import model as modelfile
from chainrule.text import without_controls
from support import hostile
from support.tables import QUICK, people, shared

PROGRAM = [sys.executable, "-c", "from chainrule.cli import main; main()"]


@pytest.fixture
def table():
    people().to_csv("people.csv", index=False)
    return "people.csv"


@pytest.fixture
def model(table, of_people):
    Path("people.chainrule").write_bytes(of_people)
    return "people.chainrule"


# -- the way through ---------------------------------------------------------------------------------------------------


def test_train_shows_what_it_understood_and_what_came_of_it(table, ok):
    out = ok("train", table, "--target", "buys", "--drop", "spends", "--hidden", "8,4", "--epochs", "3")
    for words in (
        "people.csv: 80 rows, 5 columns", "To predict: buys (2 classes)", "left out", "as you asked", "3 different:",
        "2024-01-01 to 2024-01-08", "Classes: no", "64 to train on, 16 to test on", "sigmoid", "8 × ", "4 × 8", "total",
        "epoch 3/3  cost ", "this network", "no hidden", "always the", "interval",
        "ROC AUC", "Saved people.chainrule", "chainrule predict people.chainrule people.csv --out",
        "chainrule explain people.chainrule people.csv --row 1", "chainrule inspect people.chainrule",
    ):  # fmt: skip
        assert words in out
    assert max(map(len, out.splitlines()[:-4])) <= 80


def test_the_commands_that_train_suggests_work(table, ok, run):
    out = ok("train", table, "--target", "spends", *QUICK)
    commands = [line for line in out.partition("Next:")[2].split("\n") if line.strip()]
    assert len(commands) == 3
    assert subprocess.run(commands[-1], shell=True, capture_output=True, timeout=60).returncode == 0
    program = commands[-1].partition("chainrule ")[0]
    for command in commands[:-1]:
        assert command.startswith(f"{program}chainrule ")
        assert run(*shlex.split(command.removeprefix(f"{program}chainrule ")))[0] == 0


def test_the_printed_table_of_layers_is_that_of_the_network(table, ok):
    out = ok("train", table, "--target", "buys", *QUICK)
    net = cr.load("people.chainrule").networks_[0].network_
    assert f"8 × {net.sizes[0]}" in out
    assert f"{net.parameters.size:,}" in out


def test_predict_gives_answers_with_probabilities_in_the_order_of_the_rows(model, table, ok):
    printed = ok("predict", model, table)
    frame = pd.read_csv(pd.io.common.StringIO(printed))
    assert list(frame.columns) == ["prediction", "probability_no", "probability_yes"]
    assert len(frame) == 80
    np.testing.assert_allclose(frame.iloc[:, 1:].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(frame.prediction, cr.load(model).predict(people()))
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}
    for suffix in read:
        assert "80 predictions of buys" in ok("predict", model, table, "--out", f"p.{suffix}")
        np.testing.assert_array_equal(read[suffix](f"p.{suffix}").prediction, frame.prediction)


def test_predict_needs_no_target_and_no_order_and_bears_the_unknown(model, ok, run):
    expected = ok("predict", model, "people.csv")
    people()[["since", "member", "city", "age"]].to_parquet("new.parquet")
    assert ok("predict", model, "new.parquet") == expected
    people().assign(city="Atlantis", age=None, member=None, since=None).to_csv("new.csv")
    code, out, err = run("predict", model, "new.csv")
    assert (code, len(out.splitlines())) == (0, 81)
    assert "note: city: 80 unseen (Atlantis)\n" in err
    assert err.count(": empty in all 80 rows\n") == 3


def test_evaluate_compares_with_the_target(model, table, ok):
    out = ok("evaluate", model, table)
    assert "people.chainrule on 80 rows of people.csv" in out
    assert "true \\ predicted" in out
    scores = json.loads(ok("evaluate", model, table, "--json"))
    predicted = cr.load(model).predict(people())
    assert scores["scores"]["accuracy"] == pytest.approx(np.mean(predicted == people().buys))
    assert np.sum(scores["confusion"]) == 80
    assert scores["classes"] == ["no", "yes"]


def test_evaluate_counts_new_classes_as_wrong_and_leaves_out_missing_targets(model, ok):
    frame = people()
    frame["buys"] = frame["buys"].astype(object)
    frame.loc[:39, "buys"] = "perhaps"
    frame.loc[40:49, "buys"] = None
    frame.to_csv("new.csv", index=False)
    result = json.loads(ok("evaluate", model, "new.csv", "--json"))
    predicted, true = cr.load(model).predict(people()), people().buys
    right = np.sum(predicted[50:] == true[50:])
    assert result["scores"]["accuracy"] == pytest.approx(right / 70)
    assert (result["rows"], result["unknown"], result["without_target"]) == (70, ["perhaps"], 10)
    said, hit = np.delete(predicted, range(40, 50)) == "yes", (predicted[50:] == "yes") & (true[50:] == "yes")
    by_class = {row["label"]: row for row in result["by_class"]}
    assert by_class["yes"]["precision"] == pytest.approx(hit.sum() / said.sum())
    assert by_class["yes"]["recall"] == pytest.approx(hit.sum() / (true[50:] == "yes").sum())
    assert result["confusion"][2] == [(predicted[:40] == label).sum() for label in ("no", "yes")]
    assert np.sum(result["confusion"]) == 70
    out = ok("evaluate", model, "new.csv")
    assert "on 70 rows" in out
    assert "never seen, counted as wrong in 40 rows: perhaps. The log" in " ".join(out.split())
    assert any(line.split()[0] == "perhaps" for line in out.splitlines() if line.strip())
    assert "10 rows without buys" in out


def test_regression_with_json_all_the_way(table, ok):
    trained = json.loads(ok("train", table, "--target", "spends", "--json", "--seed", "3", *QUICK))
    assert (trained["task"], trained["model"], trained["seed"]) == ("regression", "people.chainrule", 3)
    assert set(trained["test"]) == {"this network", "no hidden layer", "always the mean"}
    assert set(trained["test"]["this network"]) == {"R²", "RMSE", "MAE"}
    assert len(trained["history"]["cost"]) == trained["epochs"] == 3
    predicted = json.loads(ok("predict", "people.chainrule", table, "--json"))
    assert len(predicted["predictions"]) == predicted["rows"] == 80
    assert set(json.loads(ok("evaluate", "people.chainrule", table, "--json"))["scores"]) == {"R²", "RMSE", "MAE"}
    assert "R²" in ok("evaluate", "people.chainrule", table)
    about = json.loads(ok("inspect", "people.chainrule", "--json"))
    assert about["layers"][0]["units"] == 8
    assert about["about"]["columns"][0]["name"] == "age"


def test_every_network_is_shown_and_the_race_is_told_in_json(table, ok):
    out = ok("train", table, "--target", "buys", "--epochs", "2")
    count = len(cr.load("people.chainrule").networks_)
    assert count > 1
    assert all(f"network {k + 1} of {count}: epoch 2/2  cost " in out for k in range(count))
    assert f"Trained {count} networks, 2 epochs each, in " in out
    result = json.loads(ok("train", table, "--target", "buys", "--epochs", "2", "--json"))
    assert all({"name", "loss", "seconds"} <= entry.keys() for entry in result["race"])


def test_candidates_are_shown_with_their_loss_the_best_first(capsys):
    screen.race(
        console(), [{"name": "deep", "loss": 0.25, "seconds": 1.234}, {"name": "wide", "loss": 0.5, "seconds": 2}]
    )
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line and not line.startswith("─")] == [
        "candidate validation loss seconds",
        "deep 0.2500 1.2",
        "wide 0.5000 2.0",
    ]


def test_inspect_shows_the_model_without_building_it(model, ok, monkeypatch):
    monkeypatch.setattr(modelfile, "load", lambda path: pytest.fail("built"))
    out = ok("inspect", model)
    for words in (
        "TabularClassifier, written with chainrule", "64 rows of people.csv", "Predicts buys (binary)", "city",
        "category", "relu", "binary_cross_entropy", "largest class",
    ):  # fmt: skip
        assert words in out
    assert max(map(len, out.splitlines())) <= 80


def test_inspect_of_a_network_saved_in_python(ok, run):
    cr.save(cr.Network([3, 4, 2], output="softmax", seed=0), "net")
    out = ok("inspect", "net")
    assert "4 × 3" in out
    assert "cross_entropy" in out
    assert "was not saved by chainrule train" in run("predict", "net", "iris")[2]


def test_images_in_folders(ok, rng):
    image = pytest.importorskip("PIL.Image")
    for name, channel in (("red", 0), ("blue", 2)):
        Path("pictures", name).mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(0, 80, (9 + i, 12, 3), dtype=np.uint8)
            pixels[..., channel] += 150
            image.fromarray(pixels).save(Path("pictures", name, f"{i}.png"))
    out = ok("train", "pictures", "--image-size", "6x8", "--epochs", "40", "--hidden", "none")
    assert "images of 6 × 8 pixels, color" in out
    assert "no hidden" in out
    header, *rows = ok("predict", "pictures.chainrule", "pictures/red").splitlines()
    assert header.startswith("file,prediction,probability_blue")
    assert [row.split(",")[:2] for row in rows] == [[f"{i}.png", "red"] for i in range(10)]
    assert ok("predict", "pictures.chainrule", "pictures/red/3.png").splitlines()[1].startswith("3.png,red,")
    assert "1.0000" in ok("evaluate", "pictures.chainrule", "pictures")
    assert "From images of 6 × 8 pixels" in ok("inspect", "pictures.chainrule")
    assert "1 × 48" in ok("train", "pictures", "--gray", "--image-size", "6x8", "--epochs", "2", "--hidden", "none")


def test_arrays(ok, run, rng):
    X = rng.normal(size=(60, 3))
    X[4, 1] = np.nan
    np.savez("arrays.npz", X=X, y=np.arange(60) % 3)
    assert "3 numbers in each" in ok("train", "arrays.npz", *QUICK)
    assert "softmax" in ok("inspect", "arrays.chainrule")
    assert len(ok("predict", "arrays.chainrule", "arrays.npz").splitlines()) == 61
    pd.DataFrame(X).to_csv("same.csv", index=False)
    assert ok("predict", "arrays.chainrule", "same.csv") == ok("predict", "arrays.chainrule", "arrays.npz")
    code, _, err = run("predict", "arrays.chainrule", "iris")
    assert (code, err) == (2, "error: iris: 4 numbers in each row, the model was trained on 3\n")


@pytest.mark.parametrize(("name", "words"), [("digits", "images of 8 × 8 pixels, gray"), ("moons", "2 columns")])
def test_bundled_data(ok, name, words):
    assert words in ok("train", name, *QUICK)
    assert "accuracy" in ok("evaluate", f"{name}.chainrule", name)


def test_many_columns_are_shown_by_what_they_are_used_as(ok, rng):
    frame = pd.DataFrame(rng.normal(size=(40, 30))).add_prefix("c").assign(const=1, y=["a", "b"] * 20)
    frame.to_csv("wide.csv", index=False)
    out = ok("train", "wide.csv", "--target", "y", *QUICK)
    assert "30   c0, c1, c2" in out
    assert "1   const" in out


def test_the_same_seed_gives_the_same_model(table, ok):
    answers = []
    for seed in (1, 1, 2):
        ok("train", table, "--target", "buys", "--seed", seed, *QUICK)
        answers.append(ok("predict", "people.chainrule", table))
    assert answers[0] == answers[1] != answers[2]


def test_quiet_prints_the_result_only(table, run):
    code, out, _ = run("train", table, "--target", "buys", "-q", *QUICK)
    assert code == 0
    assert "this network" in out
    assert "Saved people.chainrule" in out
    assert not any(words in out for words in ("epoch 1/3", "To predict", "Next:"))


def test_options_reach_the_network(table, ok):
    ok("train", table, "--target", "buys", "--hidden", "7,5", "--activation", "leaky_relu(0.2)", "--epochs", "2",
       "--learning-rate", "0.01", "--batch-size", "9", "--test", "0.5", "--out", "m")  # fmt: skip
    network = cr.load("m").networks_[0]
    assert network.hidden_layer_sizes == (7, 5)
    assert (network.activation, network.max_iter) == ("leaky_relu(0.2)", 2)
    assert (network.learning_rate_init, network.batch_size) == (0.01, 9)
    assert modelfile.read_about("m")["about"]["rows"]["test"] == 40


def test_a_bar_in_a_terminal(table, ok, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    out = ok("train", table, "--target", "buys", *QUICK)
    assert "Training" in out
    assert "3/3" in out
    assert "epoch 1/3" not in out


def test_help_and_version(ok):
    assert ok("--version") == f"chainrule {cr.__version__}\n"
    for command in ("train", "predict", "evaluate", "inspect"):
        assert command in ok()
        assert command in ok(command, "--help")


def test_the_command_line_starts_without_what_only_some_commands_need():
    program = "import sys, chainrule.cli; print(sys.modules.keys() & {'numpy', 'sklearn', 'pandas', 'matplotlib'})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"


# -- real tables -------------------------------------------------------------------------------------------------------


def test_titanic(ok):
    path = shared("titanic.csv")
    result = json.loads(ok("train", path, "--target", "Survived", "--json", "--epochs", "10", "--hidden", "32"))
    assert result["test"]["this network"]["accuracy"] > 0.7
    ok("predict", "titanic.chainrule", path, "--out", "p.csv")
    assert set(pd.read_csv("p.csv").prediction) == {0, 1}


def test_housing(ok):
    pd.read_csv(shared("housing.csv")).sample(1500, random_state=0).to_csv("some.csv", index=False)
    options = (
        "--target",
        "median_house_value",
        "--json",
        "--epochs",
        "40",
        "--hidden",
        "64",
        "--learning-rate",
        "0.01",
    )
    result = json.loads(ok("train", "some.csv", *options))["test"]
    assert result["this network"]["R²"] > result["no hidden layer"]["R²"] > 0.4


# -- mistakes ----------------------------------------------------------------------------------------------------------


def csv(name, *lines):
    Path(name).write_text("\n".join(lines) + "\n")


def numbered(*more):
    return [*(f"{i}.5,{i % 2}" for i in range(40)), *more]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train nothing.csv --target y", "'nothing.csv': no such file"),
        ("train people.csv", "which column is to be predicted? Say --target COLUMN, one of: age, city"),
        ("train people.csv --target Buys", "no column 'Buys'. Did you mean 'buys'?"),
        ("train empty.csv --target y", "the file is empty"),
        ("train header.csv --target y", "no examples"),
        ("train one_class.csv --target y", "'y' is 1 in every row: there is nothing to learn"),
        ("train few.csv --target y", "3 rows with a target, at least 4 are needed"),
        ("train all_different.csv --target y", "40 different values in 40 rows; at least two classes"),
        ("train infinite.csv --target y", "column 'x' is infinite in row 41"),
        ("train infinite.csv --target x", "the target 'x' is infinite in row 41"),
        ("train no_columns.csv --target y", "no column to learn from"),
        ("train people.csv --target city --task regression", "'city' is not a number in row 1"),
        ("train people.csv --target buys --task guess", "'guess' is not one of 'classes', 'regression'"),
        ("train people.csv --target buys --hidden 8;4", "--hidden 8;4: wanted the units of each layer, as in 64,32"),
        ("train people.csv --target buys --hidden 0,4", "--hidden 0,4: wanted"),
        ("train people.csv --target buys --activation relux", "Did you mean 'relu'?"),
        ("train people.csv --target buys --activation softmax", "it can only be the output's"),
        ("train people.csv --target buys --epochs 0", "'--epochs'"),
        ("train people.csv --target buys --epochs many", "'--epochs'"),
        ("train people.csv --target buys --learning-rate -1", "--learning-rate -1: wanted a number above 0"),
        ("train people.csv --target buys --learning-rate nan", "wanted a number above 0"),
        ("train people.csv --target buys --learning-rate 1e30 -q", "lower --learning-rate (it was 1e+30)"),
        ("train people.csv --target buys --batch-size 0", "'--batch-size'"),
        ("train people.csv --target buys --test 1", "--test 1: wanted a share of the rows from 0.01 to 0.9, as 0.2"),
        ("train people.csv --target buys --test 20", "as 0.2; 20 % are 0.2"),
        ("train people.csv --target buys --seed -1", "'--seed'"),
        ("train people.csv --target buys --image-size 0x3", "--image-size 0x3: wanted pixels"),
        ("train people.csv --target buys --drop nobody", "no column 'nobody'"),
        ("train people.csv --target buys --frobnicate", "--frobnicate"),
        ("train people.csv --target buys --out people.csv", "people.csv: exists and is not a chainrule model"),
        ("train people.csv --target buys --out folder", "folder: is a folder; name a file with --out"),
        ("train people.csv --target buys --out nowhere/m", "nowhere: no such folder"),
        ("train folder", "no images"),
        ("train truncated.png", "truncated.png"),
        ("train", "Missing argument 'DATA'"),
        ("dance", "No such command 'dance'"),
        ("predict nothing.chainrule people.csv", "nothing.chainrule: no such file"),
        ("predict people.csv people.csv", "people.csv: not a chainrule model"),
        ("predict people.csv m.chainrule", "people.csv and m.chainrule are swapped: the model comes first"),
        ("evaluate iris m.chainrule", "iris and m.chainrule are swapped: the model comes first, as m.chainrule iris"),
        ("explain people.csv m.chainrule", "people.csv and m.chainrule are swapped"),
        ("predict cut.chainrule people.csv", "cut.chainrule: the model file is cut short"),
        ("predict newer.chainrule people.csv", "was written by a newer chainrule, with format '99'; this one"),
        ("predict m.chainrule nothing.csv", "'nothing.csv': no such file"),
        ("predict m.chainrule header.csv", "no examples"),
        ("predict m.chainrule one_class.csv", "no column 'age' (and 3 more)"),
        ("predict m.chainrule people.csv --out p.xlsx", "predictions go to a .csv, .parquet or .json file"),
        ("predict m.chainrule people.csv --out nowhere/p.csv", "nowhere: no such folder"),
        ("predict m.chainrule people.csv --out people.csv", "would be overwritten"),
        ("evaluate m.chainrule one_class.csv", "no column 'buys'"),
        ("evaluate m.chainrule strange.csv", "'buys' has no value that is a class of the model (no, yes)"),
        ("evaluate m.chainrule untold.csv", "'buys' is missing in every row"),
        ("inspect people.csv", "people.csv: not a chainrule model"),
        ("inspect folder", "folder: cannot be read"),
    ],
)  # fmt: skip
def test_every_mistake_gets_one_line_and_exit_code_2(arguments, message, table, run, saved):
    csv("header.csv", "x,y")
    csv("one_class.csv", "x,y", *(f"{i},1" for i in range(9)))
    csv("few.csv", "x,y", "1,1.5", "2,2.5", "3,3.5")
    csv("all_different.csv", "x,y", *(f"{i},word{i}" for i in range(40)))
    csv("infinite.csv", "x,y", *numbered("inf,1"))
    csv("no_columns.csv", "x,y", *(f"1,{i % 2}" for i in range(20)))
    people().assign(buys="maybe").to_csv("strange.csv")
    people().assign(buys=None).to_csv("untold.csv")
    Path("empty.csv").touch()
    Path("folder").mkdir()
    Path("truncated.png").write_bytes(bytes.fromhex("89504e470d0a1a0a0000000d49484452"))
    Path("m.chainrule").write_bytes(saved)
    Path("cut.chainrule").write_bytes(saved[:3000])
    Path("newer.chainrule").write_bytes(hostile.file(texts={"chainrule_format": "99"}))
    code, out, err = run(*arguments.split())
    assert message in err
    assert (code, err.count("\n"), err.startswith("error: "), "Traceback" in err) == (2, 1, True, False)
    assert out == ""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The bytes of a model of the table above."""
    folder = tmp_path_factory.mktemp("saved")
    people().to_csv(folder / "people.csv", index=False)
    arguments = ["train", folder / "people.csv", "--target", "buys", "--drop", "spends", "-q", "--json"]
    with pytest.raises(SystemExit):
        main([str(argument) for argument in [*arguments, "--out", folder / "m", *QUICK]])
    return (folder / "m").read_bytes()


def test_a_model_is_replaced_and_nothing_else_is(model, table, ok, run):
    before = Path(model).read_bytes()
    ok("train", table, "--target", "spends", *QUICK)
    assert Path(model).read_bytes() != before
    Path("people.chainrule").write_text("my diary")
    assert "is not a chainrule model" in run("train", table, "--target", "buys", *QUICK)[2]
    assert Path("people.chainrule").read_text() == "my diary"


def test_a_bug_of_ours_keeps_its_traceback(table, monkeypatch):
    monkeypatch.setattr("chainrule.readers.read", lambda *_, **__: 1 / "a")
    with pytest.raises(TypeError):
        main(["train", table, "--target", "buys"])


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_with_one_line_and_130(table):
    command = [*PROGRAM, "train", table, "--target", "buys", "--epochs", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith(" total"):  # the next thing is training
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("stopped: nothing was saved")
    assert err.count("\n") == 1
    assert not Path("people.chainrule").exists()


def test_a_closed_pipe_is_no_error(model, table):
    program = subprocess.list2cmdline([*PROGRAM, "predict", model, table])
    done = subprocess.run(f"{program} | head -1", shell=True, capture_output=True, text=True, timeout=60)
    assert done.stdout == "prediction,probability_no,probability_yes\n"
    assert done.stderr == ""


def test_names_are_shown_with_the_joiners_of_their_script_and_without_what_terminals_obey():
    assert without_controls("می\u200cخواهم 👩\u200d💻") == "می\u200cخواهم 👩\u200d💻"
    assert without_controls("a\x1b[31m\u202eb\nc") == "a�[31m�b\nc"
