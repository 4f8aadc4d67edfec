"""What the shell offers for an argument on the Tab key. An empty list leaves it to the shell: it offers files."""

from collections.abc import Iterator
from pathlib import Path


def data(incomplete: str) -> list[str]:
    """The bundled data sets that begin so, and the files beside them; where there is no such set, the shell's files."""
    from chainrule.datasets import NAMES

    names = [name for name in NAMES if name.startswith(incomplete)]
    return sorted({*names, *_beginning(incomplete)}) if names else []


def models(incomplete: str) -> list[str]:
    """Model files by their usual ending; where there is none, the shell's files."""
    return sorted(name for name in _beginning(incomplete) if name.endswith(".chainrule"))


def claims(incomplete: str) -> list[str]:
    """Names of claims."""
    from chainrule.claims import CLAIMS

    return [name for name in CLAIMS if name.startswith(incomplete)]


def chapters(incomplete: str) -> list[str]:
    """Chapters of the quiz; else the shell's files, for there may be some of one's own."""
    from chainrule.quiz import bundled

    return [chapter.name for chapter in bundled() if chapter.name.startswith(incomplete)]


def activations(incomplete: str) -> list[str]:
    """Names of activations of hidden layers."""
    from chainrule.activations import ACTIVATIONS, OUTPUT_ONLY

    return [name for name in ACTIVATIONS if name not in OUTPUT_ONLY and name.startswith(incomplete)]


def _beginning(incomplete: str) -> Iterator[str]:
    """Files and folders of the folder named so far whose names begin so; hidden ones where a dot was typed."""
    folder, slash, begin = incomplete.rpartition("/")
    try:
        for entry in Path(folder + slash).iterdir():
            if entry.name.startswith(begin) and entry.name.startswith(".") <= begin.startswith("."):
                yield f"{folder}{slash}{entry.name}{'/' * entry.is_dir()}"
    except OSError:  # no such folder: nothing begins so
        return
