"""What a build makes: with a compiler one extension module, without one everything but that and a line that says so."""

import importlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.timeout(1800)  # seconds; a slow machine compiles for minutes
COMPILER = any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++"))


def build(source, folder, *options, **environment):
    """The name and the files of the wheel of this source, and what the build said. It needs no network."""
    command = [sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "--no-index", "--no-build-isolation", *options]
    run = subprocess.run(
        [*command, "--disable-pip-version-check", "--wheel-dir", str(folder), str(source)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    (wheel,) = folder.glob("*.whl")
    return wheel.name, zipfile.ZipFile(wheel).namelist(), run.stdout


def extensions(files):
    return [name for name in files if name.endswith((".so", ".pyd", ".dylib"))]


def native_sources(files):
    return [name for name in files if name.endswith((".cpp", ".hpp", ".txt")) and ".dist-info/" not in name]


@pytest.fixture
def source(tmp_path):
    """A copy of what a build reads."""
    for name in ("native", "src"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("CMakeLists.txt", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / "copy")
    return tmp_path / "copy"


PARTS = {"chainrule/engines/contract.py", "chainrule/py.typed", "chainrule/quiz/chapters/02-shapes.md"}
PARTS |= {"chainrule/lab/page/index.html", "chainrule/lab/page/style.css", "chainrule/lab/page/start.js"}
SLOWER = 'chainrule: the C++ part could not be compiled; networks will run on the slower "numpy" engine.'


def test_without_a_compiler_the_package_is_pure_python_and_the_build_says_so(source, tmp_path):
    name, files, said = build(source, tmp_path, CXX=str(tmp_path / "no" / "compiler"))
    assert name.endswith("-py3-none-any.whl")
    assert set(files) >= PARTS
    assert extensions(files) + native_sources(files) == []
    assert [line.strip() for line in said.splitlines()].count(SLOWER) == 1


@pytest.mark.skipif(not COMPILER, reason="there is no C++ compiler here")
def test_where_there_is_a_compiler_the_package_has_one_extension_and_no_warning(tmp_path):
    # In a folder that stays, for nothing to be compiled twice; a warning would leave the wheel without its extension.
    options = ("build-dir=build/test/{wheel_tag}", "cmake.define.CHAINRULE_WERROR=ON")
    _, files, said = build(ROOT, tmp_path, *(f"--config-settings={option}" for option in options))
    assert len(extensions(files)) == 1, said
    assert extensions(files)[0].startswith("chainrule/_native.")
    assert native_sources(files) == []
    assert set(files) >= PARTS


@pytest.mark.skipif(not COMPILER, reason="there is no C++ compiler here")
def test_where_there_is_a_compiler_the_tests_run_with_the_extension():
    assert importlib.import_module("chainrule._native")
