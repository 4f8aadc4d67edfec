"""The strict world of the tests: warnings are errors (pyproject.toml), and NumPy's floating-point flags raise.

Underflow alone does not: e⁻¹⁰⁰⁰ is 0 to the last digit of a double, and every stable formula here leans on that.
"""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import hypothesis
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

# Hundreds of processes begin here, and each would compile what it imports of this package.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Where a shell began the tests in the background, it let them ignore Ctrl-C, which some of them send to their children.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("house", derandomize=True, deadline=None, database=None, max_examples=50)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    # One more than there are cores: for a fifth of the time a test waits for a browser, a process or the disk.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


@pytest.fixture(autouse=True)
def strict_floats() -> Iterator[None]:
    with np.errstate(divide="raise", over="raise", invalid="raise", under="ignore"):
        yield


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    # Estimators without a random_state take NumPy's own generator: what such a test sees is the same in every run.
    np.random.seed(0)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    # pytest-xdist has a worker on every core already; a pool of threads in each makes them wait for one another.
    with threadpool_limits(1):
        yield


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    # By name, not by number: a thread of an earlier test may come to its end meanwhile.
    before = set(threading.enumerate())
    yield
    gc.collect()
    deadline = time.monotonic() + 10
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run one command: (exit code, what it printed, what it complained about)."""

    from chainrule.cli import main

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as done:
            main([str(argument) for argument in arguments])
        return done.value.code or 0, *capsys.readouterr()

    return run


@pytest.fixture
def ok(run: Callable[..., tuple[int, str, str]]) -> Callable[..., str]:
    """Run one command that must not complain: what it printed."""

    def ok(*arguments: object) -> str:
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        return out

    return ok
