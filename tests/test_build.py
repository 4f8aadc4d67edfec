"""What a build makes: with a compiler one extension module, without one everything but that and a line that says so."""

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import chainrule

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


def compiled():
    """The folder in which this Python's extension was compiled."""
    (folder,) = (ROOT / "build").glob(f"cp3*-{sysconfig.get_platform().replace('-', '_')}")
    return folder


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
def test_where_there_is_a_compiler_the_package_has_one_extension(tmp_path):
    _, files, said = build(ROOT, tmp_path)  # in the folder of the installation: what it compiled is there
    assert len(extensions(files)) == 1, said
    assert extensions(files)[0].startswith("chainrule/_native.")
    assert native_sources(files) == []
    assert set(files) >= PARTS


@pytest.mark.skipif(not COMPILER, reason="there is no C++ compiler here")
def test_the_compiler_has_no_warning():
    """What it finds without making code; what it finds on the way to code leaves `.ci/run` without a kernel."""
    commands = json.loads((compiled() / "compile_commands.json").read_text(encoding="utf-8"))
    ours = [each for each in commands if Path(each["file"]).parent == ROOT / "native"]
    assert {Path(each["file"]) for each in ours} == set((ROOT / "native").glob("*.cpp"))
    for each in ours:
        command = [*shlex.split(each["command"]), "-fsyntax-only", "-Werror"]
        run = subprocess.run(command, cwd=each["directory"], stderr=subprocess.PIPE, text=True)
        assert run.returncode == 0, run.stderr


@pytest.mark.skipif(not COMPILER, reason="there is no C++ compiler here")
def test_where_there_is_a_compiler_the_tests_run_with_the_extension():
    assert importlib.import_module("chainrule._native")


# -- what other compilers and systems do not have ----------------------------------------------------------------------

ONLY_SOME_HAVE = {
    r"\b(aligned_alloc|posix_memalign|alloca|M_PI|ssize_t)\b": "not on Windows",
    r"__builtin_cpu_": "knows no levels of x86-64 on Apple's systems",
    r"\b(unsigned )?long( long)?\b(?! double)": "of 32 bits on Windows: take int64_t",
    r"<(cpuid|intrin|windows|bits/\S+|pthread)\.?h?>": "one compiler's, or one system's",
    r"std::(from_chars|format|jthread|print)\b": "later in other standard libraries, or not for older macOS",
}


@pytest.mark.parametrize("file", sorted((ROOT / "native").iterdir()), ids=lambda file: file.name)
def test_the_kernel_has_only_what_all_compilers_and_systems_have(file):
    code = re.sub(r"//.*|\"[^\"]*\"", "", file.read_text(encoding="utf-8"))
    found = {match[0]: why for pattern, why in ONLY_SOME_HAVE.items() for match in re.finditer(pattern, code)}
    assert not found


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="asks /proc")
def test_the_instruction_sets_are_those_that_the_system_lists():
    kernel = pytest.importorskip("chainrule._native")
    listed = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    flags = set(listed[1].split()) if listed else set()
    v3 = {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave", "cx16", "lahf_lm", "popcnt", "sse4_2"}
    v4 = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
    wanted = ["baseline", *(["avx2"] if v3 <= flags else []), *(["avx512"] if v3 | v4 <= flags else [])]
    assert kernel.isas() == wanted
    assert ("avx512_bf16" in kernel.bf16_isas()) == (kernel.bf16_built() and v3 | v4 | {"avx512_bf16"} <= flags)


@pytest.mark.skipif(not (COMPILER and shutil.which("nm")), reason="wants objects, and nm to look into them")
def test_no_function_that_the_instruction_sets_share_is_compiled_for_one_of_them():
    # The linker keeps one of several: it could be one that an older processor cannot run.
    archives = sorted(compiled().glob("libkernel_*.a"))
    assert len(archives) >= 1
    for archive in archives:
        isa = archive.stem.removeprefix("libkernel_")
        said = subprocess.run(
            ["nm", "-C", "--defined-only", archive], capture_output=True, text=True, check=True
        ).stdout
        shared = re.findall(r"^\w+ [VWu] (.*)$", said, re.MULTILINE)
        assert [name for name in shared if f"chainrule::{isa}::" not in name] == []


# -- releases ----------------------------------------------------------------------------------------------------------

ABOUT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_all_say_the_same_version_and_license():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ABOUT["project"]["version"] == chainrule.__version__
    assert citation["license"] == ABOUT["project"]["license"]
    assert {"authors", "cff-version", "message", "title"} <= set(citation)  # what the format asks for


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_take_pinned_actions_and_have_no_more_rights_than_they_need(file):
    written = file.read_text(encoding="utf-8")
    workflow = yaml.safe_load(written)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 180
        writes = {what for what, may in job["permissions"].items() if may != "read"}
        assert writes == ({"id-token", "attestations"} if name == "publish" else set())
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "text from outside becomes a part of a program"
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            if step.get("uses", "").startswith("actions/download-artifact@"):
                assert {"name", "pattern"} & step["with"].keys(), "another run may have left other artifacts"
    for action in re.findall(r"uses: (.*)", written):
        assert re.fullmatch(r"[\w/.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)
    named = re.findall(r"\b(?:tests|\.ci)/[\w/.]*\w", written)
    assert all((ROOT / path).exists() for path in named)


@pytest.mark.parametrize(("address", "code"), [("", 1), ("https://wheels.example", 0)])
def test_the_nightly_run_refuses_to_test_tomorrow_without_tomorrows_wheels(address, code):
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8"))
    first = workflow["jobs"]["tomorrow"]["steps"][0]
    assert first["env"] == {"NIGHTLY_WHEELS": "${{ vars.NIGHTLY_WHEELS }}"}
    command = ["sh", "-e", "-c", first["run"]]
    done = subprocess.run(command, env={**os.environ, "NIGHTLY_WHEELS": address}, capture_output=True, text=True)
    assert done.returncode == code
    assert ("NIGHTLY_WHEELS" in done.stdout) == (code == 1)


def test_the_files_of_a_release_are_those_that_the_workflow_builds(tmp_path):
    version = chainrule.__version__
    machines = ["manylinux_2_27_x86_64.manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "musllinux_1_2_x86_64"]
    machines += ["musllinux_1_2_aarch64", "macosx_11_0_x86_64", "macosx_11_0_arm64", "win_amd64", "win_arm64"]
    names = [f"chainrule-{version}.tar.gz"]
    pythons = ("cp311-cp311", "cp312-abi3", "cp314-cp314t")
    names += [f"chainrule-{version}-{python}-{machine}.whl" for python in pythons for machine in machines]
    for name in names:
        (tmp_path / name).touch()

    def check(tag):
        command = [sys.executable, "-P", ROOT / "tests" / "support" / "installed.py", tmp_path]
        return subprocess.run(command, env={**os.environ, "TAG": tag}, capture_output=True, text=True)

    assert check(f"v{version}").stdout.split() == sorted(names)
    assert f"the tag is v9, the version {version}" in check("v9").stderr
    (tmp_path / names[-1]).rename(tmp_path / f"chainrule-{version}-py3-none-any.whl")
    said = check("").stderr
    assert f"missing: ['{names[-1]}'], not expected: ['chainrule-{version}-py3-none-any.whl']" in said
