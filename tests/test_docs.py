"""What the documents say is true: their examples run, and what is public is documented."""

import io
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pandas as pd
import pytest

import chainrule
from support import docstrings

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ["train", "predict", "evaluate", "explain", "inspect", "trace", "diagnose", "claims", "quiz", "lab"]
COMMANDS += ["export"]
QUICK = (("--effort", "quick"), ("--epochs", "3"))
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language):
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for i, block in enumerate(re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)):
            found.append(pytest.param(block, id=f"{document.name}-{i}"))
    return found


@pytest.fixture
def folder(tmp_path):
    """Where the examples run: with the files that they use."""
    for name in ("orders.csv", "quiz/averages.md"):
        copy(ROOT / "docs" / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples_run(code, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(code, "example", "exec"), {"__name__": "example"})


@pytest.mark.parametrize("document", ["README.md", "docs/tables.md"])
def test_what_is_shown_of_a_table_is_what_was_understood(document):
    orders = pd.read_csv(ROOT / "docs" / "orders.csv")
    model = chainrule.TabularClassifier(effort="quick", max_iter=1, batch_size=100).fit(orders[:500], "returned")
    assert f"```text\n{model.columns_}\n" in (ROOT / document).read_text(encoding="utf-8")


def commands(session):
    return [shlex.split(line[2:].split("#")[0]) for line in session.splitlines() if line.startswith("$ ")]


SESSIONS = blocks("console")
LABS = {tuple(words) for session in SESSIONS for words in commands(session.values[0]) if words[1] == "lab"}


@pytest.mark.parametrize("words", sorted(LABS), ids=" ".join)
def test_the_lab_begins_as_it_is_typed_and_goes_on_until_somebody_ends_it(words, folder):
    command = [sys.executable, "-m", *words, "--no-open"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        said = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert "The lab is at http://127.0.0.1:" in said, running.stderr.read()
        assert running.wait(60) == 130


def in_a_process(words):
    run = subprocess.run([sys.executable, "-m", "chainrule", *words], capture_output=True, text=True, timeout=300)
    return run.returncode, run.stderr


@pytest.mark.parametrize("session", SESSIONS)
def test_commands_run(session, folder, monkeypatch, run, request):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", io.StringIO())  # the quiz asks, and nobody answers
    assert commands(session)
    for words in commands(session):
        if words[0] == "make":  # run by whoever reads the README, and by CI; here: the target is there
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            continue
        assert words[0] == "chainrule"
        if words[1] == "lab":  # above, in a process of its own
            assert tuple(words) in LABS
            continue
        if words[1] == "train":  # how good it becomes is not the question here
            words += [part for option in QUICK if option[0] not in words for part in option]
        if "README.md" in request.node.name:  # what a reader types first, as it is typed; the rest without a process
            code, error = in_a_process(words[1:])
        else:
            code, _, error = run(*words[1:])
        assert code == 0, error


def sloppy(x, y):
    """Add two numbers.

    Parameters
    ----------
    x : float
        The first.
    z : float
        Something that is not there.
    """
    return x + y


def test_the_check_of_the_docstrings_sees_what_is_missing_and_looks_at_every_public_name():
    # `make lint` runs it on everything; what must be in order there is said in pyproject.toml.
    assert {message.split()[0] for _, message in docstrings.findings(f"{__name__}.sloppy", sloppy)} == {
        "PR01",
        "PR02",
        "RT01",
    }
    looked_at = {name for name, _ in docstrings.public_names()}
    assert {f"chainrule.{name}" for name in set(chainrule.__all__) - {"__version__"}} <= looked_at
    assert {"chainrule.Network.train", "chainrule.MLPClassifier.fit", "chainrule.plots.decision_boundary"} <= looked_at
    assert set(chainrule.__all__) <= set(dir(chainrule))


def test_every_command_of_the_command_line_explains_itself():
    run = subprocess.run([sys.executable, "-m", "chainrule", "--help"], capture_output=True, text=True, timeout=60)
    commands = re.findall(rf"^\W*({'|'.join(COMMANDS)})\s+\S", run.stdout, re.MULTILINE)
    assert sorted(commands) == sorted(COMMANDS)


def test_every_command_is_in_the_page_of_the_command_line():
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert [c for c in COMMANDS if f"chainrule {c}" not in text] == []


def test_the_changelog_and_the_package_agree_on_the_version():
    assert chainrule.__version__ in (ROOT / "pyproject.toml").read_text()
