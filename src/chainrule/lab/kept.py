"""A lab in a file: written when the program that serves it ends, and brought back by the next one."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chainrule.files.atomic import replacing
from chainrule.lab import take
from chainrule.lab.session import Lab

ENDING = ".lab.json"
PATIENCE = 5.0  # seconds until its page can be opened, at most, while its runs go to their steps; chosen


class Kept:
    """What is to be kept of a lab: all that a person has done in it since it began.

    file: where it came from, and goes to; None for a new name in the folder where the program runs.
    """

    def __init__(self, lab: Lab, file: Path | None = None) -> None:
        self.lab, self.file = lab, file
        self._before = self._content()

    def write(self, folder: Path) -> Path | None:
        """The file that was written, in this folder unless the lab has one; None if there is nothing new to keep.

        No file of somebody else is overwritten. OSError where it cannot be written.
        """
        content = self._content()
        if content == self._before:
            return None
        if self.file is not None:
            _write(self.file, content, self.lab)
            return self.file
        for name in _names(self.lab.run().examples.name):
            file = folder / name
            try:
                file.touch(exist_ok=False)  # ours from now on
            except FileExistsError:
                continue
            try:
                _write(file, content, self.lab)
            except BaseException:
                file.unlink()
                raise
            return file
        raise AssertionError

    def _content(self) -> dict[str, Any]:
        found: dict[str, Any] = self.lab.call(lambda: take.as_json(self.lab))
        return found


def bring_back(lab: Lab, file: Path, agree: Callable[[list[Path]], bool]) -> str:
    """Let a lab be what a file says; what there is to say about it. ValueError where that cannot be.

    agree: whether it may read these files, which are not in its folder.
    """
    with file.open("rb") as opened:
        raw = opened.read(take.MOST_BYTES + 1)
    try:
        content = dict(take.parsed(raw.decode()))
        named = [data for data in take.data_of(content) if isinstance(data.get("path"), str)]
        for data in named:
            data["path"] = str((file.parent / data["path"]).resolve())
        paths = list(dict.fromkeys(Path(data["path"]) for data in named))
        outside = [path for path in paths if not path.is_relative_to(file.parent.resolve())]
        if outside and not agree(outside):
            raise ValueError(f"it is of data in {', '.join(map(str, outside))}, which is not in its folder")
        found = lab.call(lambda: take.bring_back(lab, json.dumps(content), list(map(str, paths)), PATIENCE))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    return str(found["said"])


def _write(file: Path, content: dict[str, Any], lab: Lab) -> None:
    """Write the content; paths in it begin at its folder. What was uploaded is copied beside the file."""
    beside = file.with_name(f"{file.name.removesuffix(ENDING)}.lab-data")
    for data in take.data_of(content):
        if (upload := data.get("upload")) is not None and isinstance(lab.uploads.get(upload), Path):
            kept = lab.uploads[upload]
            shutil.copytree(kept.parent, beside / upload, dirs_exist_ok=True)
            del data["upload"]
            data["path"] = str(beside / upload / kept.name)
        if isinstance(data.get("path"), str):
            path = Path(data["path"]).resolve()
            inside = path.is_relative_to(file.parent.resolve())
            data["path"] = path.relative_to(file.parent.resolve()).as_posix() if inside else str(path)
    with replacing(file) as opened:
        opened.write(json.dumps(content, indent=1, ensure_ascii=False).encode())


def _names(name: str) -> Iterator[str]:
    """Names for a file, of what the data are called."""
    stem = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in Path(name).stem)[:40].strip("-")
    yield f"{stem or 'lab'}{ENDING}"
    number = 2
    while True:
        yield f"{stem or 'lab'}-{number}{ENDING}"
        number += 1
