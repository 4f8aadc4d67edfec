"""What the commands share: their arguments, how they speak, and where they may write."""

import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.segment import Segment

from chainrule.errors import ChainruleError, UserNote
from chainrule.text import as_json as to_json
from chainrule.text import without_controls

if TYPE_CHECKING:
    from chainrule.errors import Saved

Data = Annotated[str, typer.Argument(metavar="DATA", help="A file, a folder of images, or a bundled data set.")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A file that train has saved.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


class CommandError(ChainruleError, ValueError):
    """What was asked for is not possible."""


class Stopped(BaseException):
    """Ctrl-C or SIGTERM: the exit code, and what to say. saved: what has become of the checkpoint of a training."""

    saved: "Saved | None" = None

    def __init__(self, code: int, message: str = "stopped: nothing was saved") -> None:
        super().__init__(message)
        self.code = code


class _Console(Console):
    """Control characters in names, of a stranger's table or model, do not reach the terminal, which would obey them."""

    def render(self, renderable: Any, options: Any = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=without_controls(segment.text))


def console(silent: bool = False) -> Console:
    """Where people read. Names from the data are shown as they are, not taken for markup."""
    return _Console(quiet=silent, markup=False, emoji=False, highlight=False)


def print_json(result: dict[str, Any]) -> None:
    """One JSON object on stdout."""
    text = json.dumps(to_json(result), ensure_ascii=False)
    print("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text))


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
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


def writable(
    file: Path,
    option: str = "",
    kind: str = "",
    is_ours: Callable[[Path], bool] = Path.exists,
    new_folder: bool = False,
) -> Path:
    """The file, if it may be written: this is known before hours of training, not after.

    option: says where, as "--out". is_ours: whether a file that is there may be replaced, as it is a `kind`.
    new_folder: make its folder where there is none. Raises CommandError.
    """
    folder, other = file.parent, f" with {option}" if option else ""
    try:
        if new_folder:
            folder.mkdir(parents=True, exist_ok=True)
        if file.is_dir():
            raise CommandError(f"{file}: is a folder; name a file{other}")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise CommandError(f"{folder}: is a file; name a folder{other}") from None
    except FileNotFoundError:
        raise CommandError(f"{folder}: no such folder") from None
    except OSError as error:
        raise CommandError(f"{folder}: cannot be written to ({error.strerror}); choose another{other}") from None
    if file.exists() and not is_ours(file):
        raise CommandError(f"{file}: exists and is not {kind}; choose another name{other}")
    return file


def report_file(folder: Path, name: str) -> Path:
    """Where a page with pictures will be, in a folder that is there now. CommandError where it cannot be written."""
    from chainrule.plots import page, style

    try:
        style.pyplot()
    except ImportError as error:
        raise CommandError(f"--report: {error}") from None
    return writable(folder / name, "--report", "a report of chainrule", page.is_page, new_folder=True)


def metric(classifies: object) -> str:
    """What a model is compared by."""
    return "accuracy" if classifies else "R²"
