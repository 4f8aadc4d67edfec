"""The process in which experiments run, one after the other: it is given one line of JSON on standard input.

It answers with a line of JSON for each experiment. One that takes too long ends the process, with the traceback of
faulthandler as the last lines. Nothing else that an experiment prints goes anywhere.
"""

import faulthandler
import json
import os
import signal
import sys
import threading
from typing import Any, BinaryIO

LONGEST = 400  # characters of what was found out about an option
WIDEST, TALLEST = 72, 30  # columns and lines of a picture


class MisuseError(ValueError):
    """answer or show was not called as it has to be."""


def main() -> None:
    """Run what standard input asks for."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for number in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    asked, sys.stdin = sys.stdin.buffer, open(os.devnull)  # noqa: SIM115 (an experiment may read it to its end)
    given = json.loads(asked.readline())
    threading.Thread(target=_end_with_the_parent, args=(asked,), daemon=True).start()
    _limit(given["memory"])
    for experiment in given["experiments"]:
        faulthandler.dump_traceback_later(given["seconds"], exit=True, file=answers)
        found = run(**experiment)
        faulthandler.cancel_dump_traceback_later()
        answers.write(json.dumps(found) + "\n")
        answers.flush()
    os._exit(0)  # whatever threads an experiment has left


def run(path: str, line: int, code: str, letters: str) -> dict[str, Any]:
    """What an experiment found: ``options`` and ``picture``, or ``error`` and the ``line`` of the file, if known."""
    options: dict[str, dict[str, Any]] = {}
    pictures: list[str] = []

    def answer(letter: str, holds: bool, found: str) -> None:
        if not isinstance(letter, str) or letter not in list(letters):
            raise MisuseError(f"answer: got the option {letter!r}, wanted one of {', '.join(letters)}")
        if letter in options:
            raise MisuseError(f"answer: option {letter} has an answer already")
        if type(holds).__name__ not in ("bool", "bool_"):  # bool_ is NumPy's
            raise MisuseError(f"answer: holds of option {letter} is of type {type(holds).__name__}, wanted a bool")
        if not isinstance(found, str) or not 0 < len(found.strip()) <= LONGEST or not found.isprintable():
            raise MisuseError(f"answer: wanted found of option {letter} as one line of up to {LONGEST} characters")
        options[letter] = {"holds": bool(holds), "found": found.strip()}

    def show(picture: str) -> None:
        lines = str(picture).strip("\n").split("\n")
        if pictures:
            raise MisuseError("show: there is a picture already, wanted one")
        if len(lines) > TALLEST or max(map(len, lines)) > WIDEST or not all(map(str.isprintable, lines)):
            raise MisuseError(f"show: wanted a picture of up to {TALLEST} lines of up to {WIDEST} characters")
        pictures.append("\n".join(map(str.rstrip, lines)))

    try:
        exec(compile("\n" * (line - 1) + code, path, "exec"), {"__name__": "__main__", "answer": answer, "show": show})
        if missing := [letter for letter in letters if letter not in options]:
            raise MisuseError(f"the experiment has no answer for option {', '.join(missing)}")
    except BaseException as error:
        name = type(error).__name__
        try:
            words = " ".join(str(error).split())[:LONGEST]
        except Exception:  # an error of its own making may have none
            words = ""
        said = words if isinstance(error, MisuseError) else f"{name}: {words}" if words else name
        return {"error": said, "line": _line(error, path)}
    return {"options": options, "picture": pictures[0] if pictures else ""}


def _line(error: BaseException, path: str) -> int | None:
    """Where in the file an error comes from."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _end_with_the_parent(asked: BinaryIO) -> None:
    asked.read()  # which holds it open
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with what an experiment has started
    os._exit(1)


def _limit(memory: int) -> None:
    """Take from this process what experiments do not need, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    try:
        with open("/proc/self/statm") as file:
            memory += int(file.read().split()[0]) * resource.getpagesize()  # beside what it has already
    except (OSError, ValueError):
        pass
    for what, most in (("RLIMIT_AS", memory), ("RLIMIT_FSIZE", 2**20), ("RLIMIT_CORE", 0)):
        number = getattr(resource, what)
        _, hard = resource.getrlimit(number)
        if hard == resource.RLIM_INFINITY or most < hard:
            try:
                resource.setrlimit(number, (most, hard))
            except (OSError, ValueError):  # macOS does not limit the address space
                continue


if __name__ == "__main__":
    main()
