"""What the commands share: their arguments, their errors, and where they may write."""

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.cli import complete
from chainrule.errors import ChainruleError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chainrule.errors import Saved


def _data(what: str) -> Any:
    return typer.Argument(metavar="DATA", help=what, autocompletion=complete.data)


Data = Annotated[str, _data("A file, a folder of images, or a bundled data set.")]
Tables = Annotated[str, _data("A file, a folder of images or of tables, a glob in quotes, or a bundled data set.")]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A file that train has saved.", autocompletion=complete.models)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
AllowMissing = Annotated[
    bool,
    typer.Option("--allow-missing", help="Where a column is not there, or none of it can be read, take it as missing."),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header", help="Whether the first row of DATA holds the names; as it looks unless given."
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Which sheet of a spreadsheet; unless given that with the target, or the first with a table.",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="P",
        help="The probability from which the rarer of two classes is chosen; as in the model unless given.",
    ),
]


def spare() -> None:
    """In a process whose memory is limited, let Arrow take it from the system: its own allocator reserves 1 GB at once.

    Arrow looks at the environment when it is loaded.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource

        limits = [resource.getrlimit(limit)[0] for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
        if any(limit != resource.RLIM_INFINITY for limit in limits):
            os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


class CommandError(ChainruleError, ValueError):
    """What was asked for is not possible."""


class Stopped(BaseException):
    """Ctrl-C or SIGTERM: the exit code, and what to say. saved: what has become of the checkpoint of a training."""

    saved: "Saved | None" = None

    def __init__(self, code: int, message: str = "stopped: nothing was saved") -> None:
        super().__init__(message)
        self.code = code


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
        if file.is_symlink():
            folder = Path(os.path.realpath(file)).parent
        if file.is_dir():
            raise CommandError(f"{file}: is a folder; name a file{other}")
        there = file.exists()
        if there and not os.access(file, os.W_OK):
            raise CommandError(f"{file}: is protected, it may only be read; choose another name{other}")
        if file.is_file() or not there:  # a pipe or a device is written to as it is
            with tempfile.TemporaryFile(dir=folder):
                pass
    except FileExistsError:
        raise CommandError(f"{folder}: is a file; name a folder{other}") from None
    except FileNotFoundError:
        raise CommandError(f"{folder}: no such folder") from None
    except OSError as error:
        raise CommandError(f"{folder}: cannot be written to ({error.strerror}); choose another{other}") from None
    if there and not is_ours(file):
        raise CommandError(f"{file}: exists and is not {kind}; choose another name{other}")
    return file


def apart(file: Path, option: str, others: Mapping[str, str | Path | None]) -> None:
    """CommandError where a file to write is one of others, by whatever name; by what is to be said of each."""
    from chainrule.files.atomic import same_file

    for what, other in others.items():
        if other is not None and same_file(file, other):
            raise CommandError(f"{file}: {what}; choose another name with {option}")


def existing(data: str) -> str | None:
    """DATA where it is a file; None for a bundled set and for standard input."""
    return data if os.path.exists(data) else None


def report_file(folder: Path, name: str) -> Path:
    """Where a page with pictures will be, in a folder that is there now. CommandError where it cannot be written."""
    from chainrule.plots import page, style

    try:
        style.pyplot()
    except ImportError as error:
        raise CommandError(f"--report: {error}") from None
    return writable(folder / name, "--report", "a report of chainrule", page.is_page, new_folder=True)


def picture_file(file: Path) -> Path:
    """Where a picture will be. CommandError where it cannot be drawn or written."""
    from chainrule.plots import style

    if file.suffix.lower() not in (".png", ".svg"):
        raise CommandError(f"{file}: pictures go to a .png or .svg file")
    try:
        style.pyplot()
    except ImportError as error:
        raise CommandError(f"--picture: {error}") from None
    return writable(file, "--picture")


def save_picture(file: Path, draw: "Callable[[], Axes]") -> None:
    """Draw a picture into a file, which is there as a whole or not at all."""
    from chainrule.files.atomic import replacing
    from chainrule.plots import style

    figure: Any = draw().figure
    try:
        with replacing(file) as opened:
            figure.savefig(opened, format=file.suffix.lower()[1:], dpi=150)
    except OSError as error:
        raise CommandError(f"{file}: cannot be written: {error.strerror or error}") from None
    finally:
        style.pyplot().close(figure)


def metric(classifies: object) -> str:
    """What a model is compared by."""
    return "accuracy" if classifies else "R²"
