"""What is in a zip file, which is believed only as far as it can be checked; and a table in one."""

import io
import zipfile
from pathlib import Path

from chainrule.readers.common import ReaderError, Source, check_size, opening
from chainrule.text import first_few

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def members(path: Path, archive: zipfile.ZipFile, size: int, writer: str) -> dict[str, zipfile.ZipInfo]:
    """The members of an archive by their names. What its writer would not write is refused."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename
        shown = first_few([name], quoted=True)
        parts = name.replace("\\", "/").split("/")
        if name[:1] in "/\\" or ":" in parts[0] or ".." in parts:
            raise ReaderError(f"{path}: the archive has a member called {shown}, a path to elsewhere; not opened")
        if name in found:
            raise ReaderError(f"{path}: the archive has several members called {shown}; write it anew")
        if info.flag_bits & 1:
            raise ReaderError(f"{path}: {shown} in the archive is encrypted; write it anew with {writer}")
        if info.compress_type not in _METHODS:
            raise ReaderError(f"{path}: {shown} is packed in a way that {writer} does not use; write it anew")
        found[name] = info
    check_size(path, sum(info.file_size for info in found.values()), size)
    return found


def table(source: Source, endings: tuple[str, ...]) -> tuple[Source, str]:
    """The one file in an archive that could be a table, and its name. endings: of the names of tables."""
    path = source.path
    with opening(path, "zip"), zipfile.ZipFile(io.BytesIO(source.data)) as archive:
        names = {
            name: info
            for name, info in members(path, archive, source.size, "zip").items()
            if not info.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
        }
        tables = [name for name in names if name.lower().endswith(endings)]
        # A readme beside a table is none.
        tables = [name for name in tables if not name.lower().endswith(".txt")] or tables
        if len(tables) != 1:
            got = f"{len(tables)} tables ({first_few(tables, 5)})" if tables else f"no table ({first_few(names, 5)})"
            raise ReaderError(f"{path}: {got} in the archive, wanted one ({' '.join(endings)}); unpack it")
        with archive.open(names[tables[0]]) as file:
            return Source(path, file.read(), source.size), tables[0]
