"""What the commands print: in every encoding, to closed pipes and full disks, whatever names there are."""

import errno
import io
import json
import os
import re
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import chainrule as cr
from chainrule.cli import main, screen
from chainrule.files import model as modelfile
from chainrule.tabular import Plan
from chainrule.text import first_few, in_line, without_controls
from support.tables import QUICK

EVIL = "\x1b[31m\x9b2J\x07\u202egood\rbad\nSaved all"  # colors, clears, rings, turns, begins lines anew
CYRILLIC = "возраст ×"
posix = pytest.mark.skipif(sys.platform == "win32", reason="shells and devices of POSIX")


def frame(word=EVIL, m=60):
    r = np.random.default_rng(0)
    age, place = r.normal(size=m).round(3), r.choice([f"{word} A", f"{word} B"], m)
    return pd.DataFrame({f"{word} age": age, f"{word} place": place, word: np.where(age > 0, f"{word} yes", "no")})


def table(folder, name, word):
    """A table and its model, in a folder."""
    frame(word).to_csv(folder / f"{name}.csv", index=False)
    arguments = ["train", folder / f"{name}.csv", "--target", word, "-q", "--out", folder / f"{name}.chainrule", *QUICK]
    with pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    assert not done.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("names")
    table(made, "evil", EVIL)
    table(made, "words", CYRILLIC)
    return made


@pytest.fixture(autouse=True)
def there(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())


def commands(name, target):
    """Every command of a table and its model: what it is called, and whether what it prints is all that it makes."""
    model, data = f"{name}.chainrule", f"{name}.csv"
    train = ["train", data, "--target", target, "--out", "new.chainrule", *QUICK]
    return {
        "train": (train, False),
        "train --json": ([*train, "--json"], False),
        "predict": (["predict", model, data], True),
        "predict --json": (["predict", model, data, "--json"], True),
        "predict --out": (["predict", model, data, "--out", "new.csv"], False),
        "evaluate": (["evaluate", model, data], True),
        "evaluate --json": (["evaluate", model, data, "--json"], True),
        "explain": (["explain", model, data], True),
        "explain --json": (["explain", model, data, "--json"], True),
        "explain --row": (["explain", model, data, "--row", "1"], True),
        "inspect": (["inspect", model], True),
        "inspect --json": (["inspect", model, "--json"], True),
        "trace": (["trace", model, data], True),
        "trace --unit": (["trace", model, data, "--unit", "1:0"], True),
        "trace --json": (["trace", model, data, "--json"], True),
        "diagnose": (["diagnose", model, data], True),
        "export": (["export", model, "new.onnx"], False),
        "claims --list": (["claims", "--list"], True),
        "--help": (["--help"], True),
        "--version": (["--version"], True),
    }


NAMES = list(commands("", ""))


def call(which, name, target, stdout, monkeypatch):
    """Run a command with that standard output: its exit code."""
    if which == "export":
        pytest.importorskip("onnx")
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit) as done:
            main(commands(name, target)[which][0])
        assert sys.stdout is stdout
    return done.value.code or 0


# -- names of strangers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", NAMES)
def test_no_name_reaches_a_terminal_as_a_command_or_as_a_line_of_its_own(which, run):
    if which == "export":
        pytest.importorskip("onnx")
    code, out, err = run(*commands("evil", EVIL)[which][0])
    assert code == 0
    assert all(c.isprintable() or c == "\n" for c in out + err)
    if which != "predict":  # CSV puts names with ends of lines in quotes
        assert not any(line.startswith("Saved all") for line in (out + err).splitlines())
    if "--json" in which and which.split()[0] in ("train", "inspect"):
        result = json.loads(out)
        assert result.get("about", result)["target"] == " ".join(EVIL.split())  # as in any heading


def test_a_bug_is_shown_without_what_terminals_obey(capsys, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def bug(*_, **__):
        raise TypeError(EVIL)

    monkeypatch.setattr("chainrule.readers.read", bug)
    with pytest.raises(TypeError) as raised:
        main(["train", "evil.csv"])
    sys.excepthook(raised.type, raised.value, raised.tb)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "TypeError: �[31m�2J��good�bad" in err


def test_errors_and_notes_are_one_line_of_what_terminals_do_not_obey(run):
    for arguments in (["train", "evil.csv"], ["train", "evil.csv", "--target", "\x1b[2J"], ["inspect", EVIL]):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert all(c.isprintable() for c in err.rstrip("\n"))
    Path("latin.csv").write_bytes(Path("words.csv").read_bytes() + b"1,\xff,no\n")
    code, _, err = run("evaluate", "words.chainrule", "latin.csv")
    assert err.startswith(("note: latin.csv", "error:"))


def test_text_within_a_line_has_no_end_of_a_line():
    assert without_controls("a\nb\u2028c\u061cd") == "a\nb�c�d"
    assert in_line("a\n\r\tb") == "a���b"
    assert first_few(["a\nb", "c\x1b"]) == "a�b, c�"


def test_predictions_in_a_file_have_the_names_as_they_are_and_printed_ones_a_note(run):
    code, printed, err = run("predict", "evil.chainrule", "evil.csv")
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith("note: names have characters that cannot be printed")
    assert "\x1b" not in printed
    for suffix, read in (("csv", pd.read_csv), ("json", pd.read_json), ("parquet", pd.read_parquet)):
        code, _, err = run("predict", "evil.chainrule", "evil.csv", "--out", f"p.{suffix}")
        assert (code, err) == (0, "")
        written = read(f"p.{suffix}")
        assert set(written.prediction) <= {"no", f"{EVIL} yes"}
        assert "probability_" + "_".join(f"{EVIL} yes".split()) in written.columns


@pytest.mark.parametrize("label", ["=1+1", "@SUM(A1)", "-2+3", "+cmd|' /C calc'!A0"])
def test_a_class_that_is_a_formula_is_written_as_it_is_with_a_note(run, ok, label):
    frame("x").assign(x=np.where(frame("x")["x age"] > 0, label, "-")).to_csv("f.csv", index=False)
    ok("train", "f.csv", "--target", "x", *QUICK)
    code, _, err = run("predict", "f.chainrule", "f.csv", "--out", "p.csv")
    assert code == 0
    assert err == f"note: {label!r} is a formula to spreadsheet programs: import its column as text\n"
    written = pd.read_csv("p.csv")
    assert set(written.prediction) <= {label, "-"}
    assert "probability_" + "_".join(label.split()) in written.columns
    ok("predict", "f.chainrule", "f.csv", "--out", "p.parquet")
    ok("predict", "f.chainrule", "f.csv", "--json")


def test_signs_and_numbers_are_no_formulas(ok):
    for labels in (("+", "-"), ("-1", "+1"), (-1, 1), ("-1.5e3", "=")):
        frame("x").assign(x=np.where(frame("x")["x age"] > 0, *labels)).to_csv("f.csv", index=False)
        ok("train", "f.csv", "--target", "x", "--task", "classes", *QUICK)
        ok("predict", "f.chainrule", "f.csv", "--out", "p.csv")


# -- encodings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "utf-16"])  # without most signs, with some, with all
@pytest.mark.parametrize("which", NAMES)
def test_no_encoding_is_an_error(which, encoding, monkeypatch, capsys):
    bytes_ = io.BytesIO()
    stream = io.TextIOWrapper(bytes_, encoding, errors="strict")
    assert call(which, "words", CYRILLIC, stream, monkeypatch) == 0
    stream.flush()
    out = bytes_.getvalue().decode(encoding)
    assert out.strip()
    if "--json" in which:  # exact, in every encoding
        assert json.dumps(json.loads(out), ensure_ascii=False).count(CYRILLIC) > 1 or which == "trace --json"
    elif which == "inspect" and encoding != "utf-16":
        assert "\\u0432\\u043e\\u0437\\u0440\\u0430\\u0441\\u0442" in "".join(out.split())
    assert [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: names have")] == []


def test_signs_of_ours_have_a_plain_form(ok, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", errors="strict")
    assert call("inspect", "words", CYRILLIC, stream, monkeypatch) == 0
    stream.seek(0)
    assert re.search(r"8 x \d", stream.read())


# -- streams that cannot be written ------------------------------------------------------------------------------------


class Failing(io.RawIOBase):
    """A device that takes nothing."""

    def __init__(self, number):
        self.number = number

    def writable(self):
        return True

    def write(self, data):
        raise OSError(self.number, os.strerror(self.number))


@pytest.fixture
def broken():
    """A stream that fails with a number, or none; in the end it is closed, which newer Pythons report as it fails."""
    with ExitStack() as made:

        def make(number):
            if number is None:
                return None
            made.enter_context(suppress(OSError))
            return made.enter_context(io.TextIOWrapper(io.BufferedWriter(Failing(number)), "utf-8"))

        yield make


def made(which):
    """What a command has to write, whatever becomes of its words."""
    if which.startswith("train"):
        assert modelfile.read_about("new.chainrule")["about"]["test"]
    elif which == "predict --out":
        assert len(pd.read_csv("new.csv")) == 60
    elif which == "export":
        assert Path("new.onnx").stat().st_size > 0


@pytest.mark.parametrize("number", [None, errno.ENOSPC, errno.EPIPE], ids=["closed", "full", "pipe"])
@pytest.mark.parametrize("which", NAMES)
def test_what_cannot_be_printed_costs_no_work_and_is_no_success(which, number, broken, monkeypatch, capsys):
    code = call(which, "words", CYRILLIC, broken(number), monkeypatch)
    made(which)
    err = capsys.readouterr().err
    only_printed = commands("words", CYRILLIC)[which][1]
    if number == errno.EPIPE:
        assert (code, err) == (141 if only_printed else 0, "")
        return
    why = "it is closed" if number is None else os.strerror(number)
    assert code == 2
    assert f"standard output cannot be written: {why}\n" in err
    assert err.startswith("error: new." if not only_printed else "error: standard output")
    assert err.count("\n") == 1


@pytest.mark.parametrize("number", [None, errno.ENOSPC, errno.EPIPE], ids=["closed", "full", "pipe"])
def test_what_cannot_be_complained_about_changes_nothing(number, broken, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", broken(number))
        for arguments, code in ((["predict", "evil.chainrule", "evil.csv"], 0), (["inspect", "nothing"], 2)):
            with pytest.raises(SystemExit) as done:
                main(arguments)
            assert (done.value.code or 0) == code
    assert "note" not in capsys.readouterr().out


PROGRAM = f"{sys.executable} -c 'from chainrule.cli import main; main()'"


@posix
@pytest.mark.parametrize(
    ("command", "codes", "words"),
    [
        ("train words.csv --target 'возраст ×' --epochs 2 --effort quick | head -1", "0 0", ""),
        (
            "train words.csv --target 'возраст ×' --epochs 2 --effort quick > /dev/full",
            "2",
            "words.chainrule is written, but standard",
        ),
        ("train words.csv --target 'возраст ×' --epochs 2 --effort quick >&- 2>&- </dev/null", "2", ""),
        ("predict words.chainrule words.csv | true", "141 0", ""),
        ("predict words.chainrule words.csv >&-", "2", "error: standard output cannot be written: it is closed"),
    ],
)
def test_shells_see_it(command, codes, words):
    if "/dev/full" in command and not Path("/dev/full").exists():
        pytest.skip("/dev/full is not there")
    Path("words.chainrule").replace("kept") if command.startswith("train") else None
    done = subprocess.run(
        ["bash", "-c", f'{PROGRAM} {command}; echo "${{PIPESTATUS[@]}}" > codes'], capture_output=True, text=True,
        timeout=100, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert Path("codes").read_text().strip() == codes
    assert words in done.stderr
    assert done.stderr.count("\n") == (1 if words else 0)
    assert cr.load("words.chainrule").predict(frame(CYRILLIC)).shape == (60,)


def test_the_unit_of_the_target_is_shown():

    out = io.StringIO()
    for unit in (".kg", ",€", ",", ""):
        screen.understood(Console(file=out, width=100), Plan("regression", "y", 9, features=2, target_format=unit), "t")
    said = [line for line in out.getvalue().splitlines() if line.startswith("To predict")]
    assert said == [
        "To predict: y (a number, in kg)",
        "To predict: y (a number, in €)",
        *["To predict: y (a number)"] * 2,
    ]
