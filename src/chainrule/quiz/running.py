"""Experiments, run in a process of their own whose time, memory and output are limited.

This is no sandbox: an experiment is a program that may do what its user may do. The limits are for accidents.
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any

from chainrule.quiz.reading import Question

SECONDS = 10.0  # for an experiment
MEMORY = 2 * 2**30  # bytes of address space, beside what a process has when it begins
STARTING = 60.0  # seconds that a process may take, on a busy machine, before its first experiment
LONGEST, MOST = 2**16, 2000  # bytes of a line that a process answers, and lines


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes
    ----------
    options : dict
        For the letter of each option whether the experiment says that it is the answer, and the sentence that says
        what was found. Empty where there is an error.
    picture : str
        Lines of text; often empty.
    error : str
        Why there is no result; else empty.
    """

    options: dict[str, tuple[bool, str]]
    picture: str = ""
    error: str = ""

    def against(self, question: Question) -> str:
        """Why the question cannot stand as it is: the error, or how experiment and [x] disagree. Else empty."""
        if self.error:
            return self.error
        holding = [letter for letter, (holds, _) in self.options.items() if holds]
        if holding == [question.right]:
            return ""
        says = f"says {' and '.join(holding)}" if holding else "says that no option holds"
        return f"{question.path}, line {question.line}: the file marks {question.right}, the experiment {says}"


class Experiments:
    """The experiments of some questions of one file, running from now on, ahead of whoever asks for their outcomes.

    ::

        with Experiments(chapter.questions) as experiments:
            for question in chapter.questions:
                outcome = experiments.outcome(question)

    They run one after the other in one process; where one ends it or takes too long, the others have another.
    """

    def __init__(self, questions: Sequence[Question], seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.seconds, self.memory = seconds, memory
        self._left = list(questions)
        self._done: dict[str, Outcome] = {}
        self._process: _Process | None = None
        self._start()

    def outcome(self, question: Question) -> Outcome:
        """The outcome of one of the questions, as soon as it is there."""
        while question.name not in self._done:
            self._next()
        return self._done[question.name]

    def close(self) -> None:
        """End what is still running."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def __enter__(self) -> "Experiments":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _start(self) -> None:
        self._process = _Process(self._left, self.seconds, self.memory) if self._left else None

    def _next(self) -> None:
        """Wait for the next outcome."""
        if self._process is None:
            self._start()
        question = self._left[0]
        assert self._process is not None
        answered = self._process.answer(self.seconds + STARTING)
        if (outcome := _understood(answered, question)) is None:
            outcome = Outcome({}, error=self._process.why(question, answered))
            self.close()
        self._done[question.name] = outcome
        self._left.pop(0)
        if not self._left:
            self.close()


def run(question: Question, seconds: float = SECONDS, memory: int = MEMORY) -> Outcome:
    """The outcome of the experiment of one question."""
    with Experiments([question], seconds, memory) as experiments:
        return experiments.outcome(question)


class _Process:
    """A process that runs the experiments of these questions."""

    def __init__(self, questions: Sequence[Question], seconds: float, memory: int) -> None:
        path = questions[0].path
        self.seconds, self.silent = seconds, False
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "chainrule.quiz.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=path.resolve().parent,  # where a teacher's data lie
            env={**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")},
            start_new_session=os.name == "posix",  # Ctrl-C is for us, and its own processes end with it
        )
        self.lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        asked = {
            "seconds": seconds,
            "memory": memory,
            "experiments": [
                {
                    "path": str(question.path),
                    "line": question.code_line,
                    "code": question.code,
                    "letters": "".join(option.letter for option in question.options),
                }
                for question in questions
            ],
        }
        assert self.process.stdin is not None
        with suppress(OSError):  # it has ended, which is told by its answer
            self.process.stdin.write(json.dumps(asked).encode() + b"\n")
            self.process.stdin.flush()  # and stays open: it ends when we do

    def answer(self, seconds: float) -> bytes:
        """Its next line; empty where it has ended, or says nothing for so long."""
        try:
            return self.lines.get(timeout=seconds)
        except queue.Empty:
            self.silent = True
            self.end()
            return b""

    def why(self, question: Question, answered: bytes) -> str:
        """What to say of a process that has not answered, or not as it should."""
        where = f"{question.path}, line {question.code_line}"
        if not answered.startswith(b"Timeout") and not self.silent:
            self.end()
            code = self.process.returncode
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return f"{where}: the experiment ended its process ({how})"
        frame = re.compile(rf'\s*File "{re.escape(str(question.path))}", line (\d+) in ')
        while line := self.answer(1.0):  # the traceback, the innermost frame first
            if found := frame.match(line.decode(errors="replace")):
                where = f"{question.path}, line {found[1]}"
                break
        return f"{where}: the experiment takes longer than {self.seconds:g} seconds"

    def end(self) -> None:
        """End it, with the processes that it has started."""
        if self.process.returncode is not None:
            return
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        with stream:
            for line in islice(iter(lambda: stream.readline(LONGEST), b""), MOST):
                self.lines.put(line)
        self.lines.put(b"")


def _understood(answered: bytes, question: Question) -> Outcome | None:
    """What the process has answered; None where that is no outcome."""
    try:
        given: dict[str, Any] = json.loads(answered)
        if "error" in given:
            line = given["line"] or question.code_line
            return Outcome({}, error=f"{question.path}, line {line}: {given['error']}")
        options = {o.letter: (bool(given["options"][o.letter]["holds"]), str(given["options"][o.letter]["found"]))
                   for o in question.options}  # fmt: skip
        return Outcome(options, str(given["picture"]))
    except (ValueError, KeyError, TypeError):
        return None
