"""A short run over broken and hostile files (fuzz.py has the long one), and that it sees what goes wrong."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support import fuzz

TESTS = Path(__file__).parents[1]
PLANTED = f"""
import os, sys, time, warnings
sys.path.insert(0, {str(TESTS)!r})
from support import fuzz

def call(path):
    data = path.read_bytes()
    match data[:1]:
        case b"a": raise fuzz.RefusedError("no, and here is why")
        case b"b": raise fuzz.RefusedError("no\\nwhy")
        case b"c": raise KeyError("c")
        case b"d": warnings.warn("d")
        case b"e": os.write(1, b"e")
        case b"f": os.abort()
        case b"g":
            while True: pass
        case b"h":
            try: bytearray(1 << 40)
            except MemoryError: raise fuzz.RefusedError("too large") from None

class RefusedError(Exception): pass

fuzz.RefusedError, fuzz.SECONDS = RefusedError, 1
fuzz.CHANGES = [lambda rng, data, other: data]
fuzz.TARGETS = {{"planted": fuzz.Target(lambda: {{f"{{c}}.bin": c.encode() for c in "abcdefghi"}}, call, RefusedError)}}
if __name__ == "__main__":
    sys.exit(fuzz.main())
"""


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def test_broken_and_hostile_files_are_refused_or_read(tmp_path):
    code, said = run("-m", "support.fuzz", "--inputs", 1200, "--seed", 1, "--save", tmp_path)
    assert code == 0, said
    rows = {line.split()[0]: line.split()[1:4] for line in said.splitlines()[1:]}
    assert rows.keys() == {*fuzz.TARGETS, "all"}
    for inputs, accepted, refused in rows.values():  # neither all too broken nor all too whole to show anything
        assert int(accepted.replace(",", "")) + int(refused.replace(",", "")) == int(inputs.replace(",", ""))
        assert "0" not in (accepted, refused)


def test_whatever_goes_wrong_is_found_and_the_run_goes_on(tmp_path):
    (tmp_path / "planted.py").write_text(PLANTED)
    code, said = run(
        tmp_path / "planted.py", "--inputs", 11, "--seed", 12, "--save", tmp_path / "found"
    )  # each at least once
    assert code == 1, said
    assert said.splitlines()[1].split()[:2] == ["planted", "11"]
    kinds = (
        "not one line",
        "KeyError at planted.py:",
        "warning",
        "output",
        "crash, exit code -6",
        "too slow",
        "memory",
    )
    for kind in kinds:
        assert f"planted: {kind}" in said
    saved = {path.read_bytes() for path in (tmp_path / "found").glob("*/*.bin")}
    assert saved == {bytes([c]) for c in b"bcdefgh"}, "the inputs of findings, and no others"


def test_an_input_depends_on_the_seed_and_its_number_alone():
    for name in fuzz.TARGETS:
        assert fuzz.source(name, 3, 5) == fuzz.source(name, 3, 5)
    assert len({fuzz.source("text", seed, i) for seed in (0, 1) for i in range(20)}) > 35


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_valid_files_are_accepted_also_when_they_were_opened_and_closed(tmp_path, name):
    target = fuzz.TARGETS[name]
    for file, data in fuzz.valid(target).items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        for content in (data, target.pack(target.unpack(data)) if target.pack else data, (target.fix or bytes)(data)):
            path.write_bytes(content)
            expected = "refused" if file.endswith("moving.gif") else "accepted"
            assert fuzz.attempt(name, path)[0] == expected, file
        path.unlink()


@pytest.mark.parametrize("change", sorted(set(fuzz.CHANGES), key=lambda change: change.__name__))
def test_changes_work_on_anything(change):
    rng = np.random.default_rng(0)
    for data in (b"", b"a", bytes(range(256)) * 4):
        changed = [change(rng, data, b"other") for _ in range(50)]
        assert all(isinstance(each, bytes) for each in changed)
    assert sum(each != data for each in changed) > 25
