"""How the commands speak: all that they print goes out here, whatever a stranger's file calls its columns and classes.

Nothing reaches a terminal that it would obey, and no encoding of a terminal, pipe or file is an error.
"""

import errno
import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from rich.console import Console
from rich.text import Text

from chainrule.cli.common import CommandError, Stopped
from chainrule.errors import UserNote
from chainrule.text import as_json as to_json
from chainrule.text import in_line, without_controls

# Signs of ours that encodings lack, each by one that looks like it.
_PLAIN = str.maketrans(
    dict(zip("×−–—·′²ᵀ∗𝓛ŷŶᶻ▁▂▃▄▅▆▇█", "x---.'2T*LyYz__..--##", strict=True)) | {"…": "...", "→": "->"}
)


class OutputError(CommandError):
    """Standard output cannot be written. gone: only because its reader has closed the pipe."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"standard output cannot be written: {getattr(error, 'strerror', None) or error}")
        self.gone = isinstance(error, BrokenPipeError)


class Stream(io.TextIOBase):
    """Standard output or error, for text of any script: what its encoding lacks is replaced.

    forgiving: where it cannot be written, nothing is, and the work goes on; else that is an OutputError.
    """

    def __init__(self, to: TextIO | None, forgiving: bool = False) -> None:
        self.to, self.forgiving, self.failed = to, forgiving, False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the bytes that come of the text."""
        return getattr(self.to, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self.to is not None and not self.to.closed and self.to.isatty()

    def fileno(self) -> int:
        """The number that the system knows it by."""
        return super().fileno() if self.to is None else self.to.fileno()

    def write(self, text: str, /) -> int:
        """Write text; characters that cannot be become escapes."""
        if not encodable(text, self.encoding):
            text = text.translate(_PLAIN).encode(self.encoding, "backslashreplace").decode(self.encoding)
        with self._failing() as stream:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand all that was written to the system."""
        with self._failing() as stream:
            stream.flush()

    def close(self) -> None:
        """Leave it open: it is the process's."""

    @contextmanager
    def _failing(self) -> Iterator[TextIO]:
        try:
            if self.to is None and not self.forgiving:
                raise OSError(errno.EBADF, "it is closed")
            yield self.to or io.StringIO()
        except (OSError, ValueError) as error:  # ValueError: of a file that is closed in Python
            self.failed = True
            if not self.forgiving:
                raise OutputError(error) from None


@contextmanager
def streams() -> Iterator[None]:
    """While a command runs, sys.stdout and sys.stderr are Streams; what cannot be said on stderr is left out."""
    before = sys.stdout, sys.stderr
    if None in before:  # the next file that is opened would be standard output to compiled code
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(number)
    ours = Stream(before[0]), Stream(before[1], forgiving=True)
    sys.stdout, sys.stderr = ours
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in ours:
            if stream.failed and stream.to is not None:  # Python would try it again when it ends, and complain
                with suppress(OSError, ValueError):
                    null = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(null, stream.fileno())
                    os.close(null)


def encodable(text: str, encoding: str) -> bool:
    """Whether an encoding has every character of a text."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


class _Console(Console):
    """Names, of a stranger's table or model, are words within a line: no control characters, which terminals obey."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(in_line(text), **options)


def console(silent: bool = False, forgiving: bool = False) -> Console:
    """Where people read. Names from the data are shown as they are, not taken for markup.

    forgiving: for what may get lost, as the work has not come to its end.
    """
    file = Stream(sys.stdout, forgiving=True) if forgiving else None
    return _Console(file=cast("TextIO | None", file), quiet=silent, markup=False, emoji=False, highlight=False)


def show(text: object, stream: TextIO | None = None, end: str = "\n") -> None:
    """Lines on stdout, or on the other stream."""
    print(without_controls(str(text)), file=stream, end=end)


def print_json(result: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    print(json_text(result))


def json_text(result: dict[str, Any]) -> str:
    """A JSON object as a line for stdout, exact in every encoding."""
    value = to_json(result)
    text = json.dumps(value, ensure_ascii=False)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return text if encodable(text, sys.stdout.encoding) else json.dumps(value)


def complain(kind: str, message: object) -> None:
    """One line on stderr."""
    print(f"{kind}:", without_controls(" ".join(str(message).split())), file=sys.stderr)


@contextmanager
def notes() -> Iterator[None]:
    """Warnings for people become one line on stderr each, the others are left out."""
    shown: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, UserNote) and str(message) not in shown:
            shown.add(str(message))
            complain("note", message)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserNote)
        warnings.showwarning = show
        yield


@contextmanager
def after(written: object) -> Iterator[None]:
    """Around what follows when a file is written: whatever ends it says so, and a reader who has gone does not."""
    try:
        yield
        sys.stdout.flush()
    except (ValueError, ArithmeticError, OSError, MemoryError) as error:
        if not (isinstance(error, OutputError) and error.gone):
            raise CommandError(f"{written} is written, but {str(error) or 'there is not enough memory'}") from None
        sys.stdout = Stream(None, forgiving=True)
    except (KeyboardInterrupt, Stopped) as stop:
        raise Stopped(getattr(stop, "code", 130), f"stopped: {written} is written") from None
