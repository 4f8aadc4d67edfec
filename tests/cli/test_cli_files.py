"""Files that the commands write: none is written over another by two names, each is there as a whole or not at all."""

import errno
import os
import sys
import threading
import unicodedata
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli import report
from chainrule.files.atomic import same_file
from support.tables import QUICK, people

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")


@pytest.fixture
def model(of_people):
    people().to_csv("people.csv", index=False)
    Path("people.chainrule").write_bytes(of_people)
    return "people.chainrule"


def spellings(name):
    """Other names of a file of this folder, be it there or not."""
    Path("sub").mkdir(exist_ok=True)
    os.symlink(name, "link")
    os.symlink(".", "here")
    names = [name, f"sub/../{name}", f"./{name}", os.path.abspath(name), "link", f"here/{name}", f"here/sub/../{name}"]
    if Path(name).exists():
        os.link(name, "hard")
        names.append("hard")
    return names


# -- one file by two names ---------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("there", [True, False])
def test_a_file_is_the_same_by_every_name(there):
    if there:
        Path("file").write_text("")
        Path("other").write_text("")
    names = spellings("file")
    for one in names:
        assert all(same_file(one, other) for other in names)
        assert not any(same_file(one, other) for other in ("other", "sub", "nowhere/file", "", "x" * 300, "sub/file"))
    assert same_file("nowhere/deep/file", "./nowhere/../nowhere/deep/file")
    assert not same_file("nowhere/deep/file", "nowhere/deeper/file")
    # To the file systems of some machines these are one.
    assert same_file("Model", "model")
    assert same_file(*(unicodedata.normalize(form, "é") for form in ("NFC", "NFD")))


@posix
def test_no_name_of_the_model_is_taken_for_the_checkpoint(model, run):
    before = Path(model).read_bytes()
    for name in spellings(model):
        code, _, err = run("train", "people.csv", "--target", "buys", "--checkpoint", name, "--out", model, *QUICK)
        assert (code, err) == (2, f"error: {Path(name)}: the model goes there; choose another name with --checkpoint\n")
        assert Path(model).read_bytes() == before
    for name in ("sub/../new", "here/new", "./new", "New"):
        code, _, err = run("train", "people.csv", "--target", "buys", "--checkpoint", name, "--out", "new", *QUICK)
        assert (code, "the model goes there" in err, Path("new").exists()) == (2, True, False)


@posix
def test_no_name_of_the_data_or_the_model_is_written_over(model, run):
    data = Path("people.csv").read_bytes()
    for name in spellings("people.csv"):
        if name.endswith(".csv"):
            code, _, err = run("predict", model, "people.csv", "--out", name)
            assert (code, err.count("\n"), "is the data, and would be overwritten" in err) == (2, 1, True)
        for resume in ((), ("--resume",)):
            code, _, err = run("train", "people.csv", "--target", "buys", "--checkpoint", name, *resume, *QUICK)
            assert (code, "is the data" in err) == (2, True)
        assert Path("people.csv").read_bytes() == data
    Path("model.csv").symlink_to(model)
    err = run("predict", "model.csv", "people.csv", "--out", "model.csv")[2]
    assert "is the model, and would be overwritten" in err
    pytest.importorskip("onnx")
    Path("model.onnx").symlink_to(model)
    assert "model.onnx: is the model" in run("export", model, "model.onnx")[2]


@posix
def test_the_report_is_apart_from_the_model_and_the_checkpoint(model, run):
    pytest.importorskip("matplotlib")
    for option in ("--out", "--checkpoint"):
        for name, folder in (("r/report.html", "r"), ("./r", "r"), ("sub/../r/report.html", "r")):
            Path("sub").mkdir(exist_ok=True)
            Path("r").mkdir(exist_ok=name.endswith("html"))
            code, _, err = run("train", "people.csv", "--target", "buys", option, name, "--report", folder, *QUICK)
            assert (code, err.count("\n")) == (2, 1)
            assert f"choose another name with {option}" in err or "is a folder" in err
            assert list(Path("r").iterdir()) == []
            Path("r").rmdir()
        code, _, err = run("train", "people.csv", "--target", "buys", option, "r", "--report", "r/deep", *QUICK)
        assert (code, f"r: is in the way of the report, in r; choose another name with {option}" in err) == (2, True)


# -- links, pipes, names -----------------------------------------------------------------------------------------------


@posix
def test_links_stay_and_lead_to_what_is_written(model, ok):
    Path("far").mkdir()
    for name in ("m", "p.csv", "c"):
        Path(name).symlink_to(f"far/{name}")
    ok("train", "people.csv", "--target", "buys", "--out", "m", "--checkpoint", "c", "--checkpoint-every", "1", *QUICK)
    ok("predict", "m", "people.csv", "--out", "p.csv")
    assert all(Path(name).is_symlink() for name in ("m", "p.csv", "c"))
    assert {file.name for file in Path("far").iterdir()} == {"m", "p.csv"}  # and the checkpoint is gone


@posix
def test_a_link_to_nowhere_is_known_before_the_training(model, run):
    Path("m").symlink_to("nowhere/m")
    code, out, err = run("train", "people.csv", "--target", "buys", "--out", "m", *QUICK)
    assert (code, out) == (2, "")
    assert err.endswith("nowhere: no such folder\n")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="to root nothing is protected")
def test_what_is_protected_is_known_before_the_training(model, run):
    os.chmod(model, 0o400)
    assert "people.chainrule: is protected" in run("train", "people.csv", "--target", "buys", *QUICK)[2]
    Path("locked").mkdir(mode=0o500)
    code, out, err = run("train", "people.csv", "--target", "buys", "--out", "locked/m", *QUICK)
    assert (code, out) == (2, "")
    assert err == "error: locked: cannot be written to (Permission denied); choose another with --out\n"


@posix
def test_predictions_go_through_a_pipe_with_a_name(model, ok):
    os.mkfifo("p.csv")
    got = []
    reader = threading.Thread(target=lambda: got.append(pd.read_csv("p.csv")), daemon=True)
    reader.start()
    ok("predict", model, "people.csv", "--out", "p.csv")
    reader.join(30)
    assert len(got[0]) == 80
    assert Path("p.csv").is_fifo()


@posix
def test_names_of_files_that_are_no_utf8_are_read_and_written(model, run):
    data, out = (os.fsdecode(b"caf\xe9" + end) for end in (b".csv", b"-predictions.csv"))
    people().to_csv(data, index=False)
    code, printed, err = run("train", data, "--target", "buys", "--drop", "spends", *QUICK)
    assert (code, err) == (0, "")
    assert "Saved caf�.chainrule" in printed
    made = os.fsdecode(b"caf\xe9.chainrule")
    assert run("predict", made, data, "--out", out)[::2] == (0, "")
    assert len(pd.read_csv(out)) == 80
    for command in (["inspect", made], ["inspect", made, "--json"], ["evaluate", made, data], ["trace", made, data]):
        assert run(*command)[::2] == (0, "")


def test_nothing_is_written_to_the_folder_of_temporary_files(model, ok, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nowhere")
    ok("predict", model, "people.csv", "--out", "p.csv")
    ok("train", "people.csv", "--target", "buys", "--out", "m", *QUICK)


# -- full disks --------------------------------------------------------------------------------------------------------


@contextmanager
def a_disk_of(size):
    """While files may have so many bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # half of it would stay, for all later processes
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = before


FULL = os.strerror(errno.EFBIG)


@pytest.mark.parametrize("name", ["p.csv", "p.json", "p.parquet"])
def test_on_a_full_disk_the_old_predictions_are_whole(name, model, run, ok):
    pd.concat([people()] * 50).to_csv("many.csv", index=False)
    ok("predict", model, "people.csv", "--out", name)
    before = Path(name).read_bytes()
    with a_disk_of(1_000):
        code, out, err = run("predict", model, "many.csv", "--out", name)
    assert (code, out, err) == (2, "", f"error: {name}: cannot be written: {FULL}\n")
    assert Path(name).read_bytes() == before
    assert not list(Path().glob(".*.part"))


def test_on_a_full_disk_the_model_is_there_and_the_old_report_is_whole(model, run, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(report.Page, "picture", lambda page, *_, **__: page.print("as large as a picture " * 1000))
    command = ["train", "people.csv", "--target", "buys", "-q", "--report", "r", *QUICK]
    assert run(*command)[0] == 0
    before = Path("r/report.html").read_bytes()
    Path(model).unlink()
    with a_disk_of(40_000):
        code, out, err = run(*command, "--seed", "1")
    page = Path("r/report.html")
    assert (code, out) == (2, "")
    assert err == f"error: {model} is written, but {page}: cannot be written: {FULL}\n"
    assert cr.load(model).predict(people()).shape == (80,)
    assert page.read_bytes() == before


def test_on_a_full_disk_the_old_model_and_the_checkpoint_are_whole(model, run, ok):
    before = Path(model).read_bytes()
    wide = ["train", "people.csv", "--target", "buys", "--hidden", "400", "--epochs", "2", "-q"]
    for more in ([], ["--checkpoint", "c"]):
        with a_disk_of(5_000):
            code, out, err = run(*wide, *more)
        name = "c" if more else model
        assert (code, out, err) == (2, "", f"error: {name}: cannot be written: {FULL}\n")
        assert Path(model).read_bytes() == before
    pytest.importorskip("onnx")
    ok(*wide, "--out", "wide")
    with a_disk_of(2_000):
        assert run("export", "wide", "wide.onnx")[2] == f"error: wide.onnx: cannot be written: {FULL}\n"
    assert not Path("wide.onnx").exists()


# -- what follows when the model is saved ------------------------------------------------------------------------------


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


WRITTEN = "error: people.chainrule is written, but there is not enough memory"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (MemoryError(), 2, f"{WRITTEN}; try --stream, which holds some of its rows at a time\n"),
        (ValueError("no"), 2, "error: people.chainrule is written, but no\n"),
        (KeyboardInterrupt(), 130, "stopped: people.chainrule is written\n"),
    ],
)
def test_the_model_is_saved_before_it_is_tested(error, code, message, model, run, monkeypatch, ok):
    Path(model).unlink()
    monkeypatch.setattr("sklearn.dummy.DummyClassifier.fit", failing(error))
    options = ["--drop", "spends", "--checkpoint", "c", "--checkpoint-every", "1"]
    assert run("train", "people.csv", "--target", "buys", "-q", *options, *QUICK) == (code, "", message)
    assert not Path("c").exists()
    assert "Predicts buys" in ok("inspect", model)
    assert np.isfinite(ok("evaluate", model, "people.csv", "--json") != "")
