"""Arrays in an HDF5 file. Data that lie in another file are refused."""

import math
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chainrule.readers import arrays
from chainrule.readers.common import ReaderError, Table, check_size, opening, regular, size_limit
from chainrule.text import first_few

if TYPE_CHECKING:
    import h5py

_MOST_DEPTH, _MOST_LINKS = 32, 10_000
_MOST_MISSING = 100_000  # chunks, which HDF5 fills in one by one
# What numpy users pack with. No other filter is run: some are fragile, and HDF5 would look for unknown ones as plugins.
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
_DEFLATE = 1032  # zlib never packs more than this many bytes into one


def read(path: Path, target: str | None) -> Table:
    """The examples and the target among the data sets of a file, in any group."""
    size = regular(path)
    with opening(path, "HDF5"):
        import h5py

        with h5py.File(path, "r") as file:
            data_sets = dict(_walk(path, file, "", {file}))
            return arrays.table(path, list(data_sets), lambda key: _array(path, key, data_sets[key], size), target)


def _walk(path: Path, group: "h5py.Group", prefix: str, seen: set[Any]) -> "Iterator[tuple[str, h5py.Dataset]]":
    """The data sets with their names, each once, also where groups form a circle. seen: groups and data sets so far."""
    import h5py

    if prefix.count("/") > _MOST_DEPTH or len(seen) + len(group) > _MOST_LINKS:
        raise ReaderError(
            f"{path}: groups deeper than {_MOST_DEPTH}, or more than {_MOST_LINKS:,} names in them; "
            "save X and y in a file of their own"
        )
    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            shown = first_few([prefix + name], quoted=True)
            raise ReaderError(f"{path}: {shown} is a link to another file, wanted the data in this one")
        if not isinstance(link, h5py.HardLink):
            continue  # a second name of a group or data set, which has a hard link, too
        node = group[name]
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, h5py.Dataset):
            yield prefix + name, node
        elif isinstance(node, h5py.Group):
            yield from _walk(path, node, f"{prefix}{name}/", seen)


def _array(path: Path, key: str, data: "h5py.Dataset", size: int) -> NDArray[Any]:
    import h5py

    if data.external or data.is_virtual:
        raise ReaderError(f"{path}: {key!r} keeps its data in another file, wanted it in this one")
    if data.shape is None:
        return np.empty(0)
    arrays.check_array(path, key, data.shape, data.dtype, size)
    if data.chunks:
        _check_chunks(path, key, data, size)
    if data.dtype.hasobject:
        if h5py.check_string_dtype(data.dtype) is None:
            raise ReaderError(f"{path}: {key!r} holds {data.dtype}, wanted numbers or text")
        _check_heaps(path, data)
        return _texts(path, key, data, size)
    return np.asarray(data[()])


def _texts(path: Path, key: str, data: "h5py.Dataset", size: int) -> NDArray[Any]:
    """Text of any length, some rows at a time: many items may stand for the same long text of the file."""
    each = max(1, size) * math.prod(data.shape[1:])  # bytes that one row may come to
    step = max(1, size_limit(size) // max(1, each))
    pieces, length = [], 0
    for start in range(0, len(data), step) if data.shape else ():
        check_size(path, each, size, repr(key))
        pieces.append(np.asarray(data[start : start + step]))
        length += sum(len(item) for item in pieces[-1].ravel())
        check_size(path, length, size, repr(key))
    return np.concatenate(pieces) if pieces else np.asarray(data[()])


def _check_heaps(path: Path, data: "h5py.Dataset") -> None:
    """Refuse a file in whose heaps, where texts lie, HDF5 would walk without end: over free space of no length.

    Source: "HDF5 File Format Specification", III.E. Disk Format: Level 1E - Global Heap.
    """
    damaged = ReaderError(f"{path}: the place of its texts is damaged; write it anew")
    if data.file.id.get_create_plist().get_sizes() != (8, 8):  # of addresses and lengths, and nobody writes others
        raise damaged
    with open(path, "rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as file:
        heap, texts = -1, 0
        while (heap := file.find(b"GCOL\1\0\0\0", heap + 1)) >= 0:
            at = heap + 16
            end = min(heap + int.from_bytes(file[heap + 8 : at], "little"), len(file))
            while at + 16 <= end:  # index (2 bytes, 0: free space), count (2), 4 more, length, then the text
                free, length = file[at : at + 2] == b"\0\0", int.from_bytes(file[at + 8 : at + 16], "little")
                texts += 1
                # Of heaps within one another, which would take their number squared, there are more than have room.
                if (free and length < 16) or 16 * texts > len(file):
                    raise damaged
                at += length if free else 16 + -(-length // 8) * 8


def _check_chunks(path: Path, key: str, data: "h5py.Dataset", size: int) -> None:
    """Refuse filters other than ours, and gzip that opens to more than its chunk, which HDF5 would write out whole."""
    pipeline = data.id.get_create_plist()
    filters = [pipeline.get_filter(i)[0] for i in range(pipeline.get_nfilters())]
    after = filters[filters.index(1) + 1 :] if 1 in filters else []
    if set(filters) - _FILTERS.keys() or len(set(filters)) < len(filters) or set(after) - {3}:
        raise ReaderError(f"{path}: {key!r} is packed by filters {filters}, wanted at most {list(_FILTERS.values())}")
    width = 16 if data.dtype.hasobject else data.id.get_type().get_size()  # 16: the length and the place of a text
    whole = math.prod(data.chunks) * width
    check_size(path, whole, size, f"a chunk of {key!r}")
    suspects: list[tuple[int, ...]] = []
    sizes: list[int] = []

    def look(chunk: Any) -> None:
        sizes.append(chunk.size)
        skipped = 1 in filters and chunk.filter_mask >> filters.index(1) & 1  # it did not make this chunk smaller
        if 1 in filters and not skipped and chunk.size * _DEFLATE > size_limit(size):
            suspects.append(chunk.chunk_offset)

    data.id.chunk_iter(look)
    declared, stored = math.prod(-(-n // step) for n, step in zip(data.shape, data.chunks, strict=True)), len(sizes)
    if declared - stored > _MOST_MISSING:
        raise ReaderError(f"{path}: {key!r} has {stored:,} of the {declared:,} chunks that it declares; write it anew")
    least = 5 if 3 in filters else 1  # of less than the 4 bytes of its sum, HDF5 would sum up −1, and crash
    if odd := [each for each in sizes if not least <= each <= size]:
        raise ReaderError(f"{path}: a chunk of {key!r} has {odd[0]} bytes, which cannot be; write it anew")
    if sum(sizes) > size:
        raise ReaderError(f"{path}: chunks of {key!r} lie in the same place of the file; write it anew")
    for offset in suspects:
        opener = zlib.decompressobj()
        opener.decompress(data.id.read_direct_chunk(offset)[1], whole + 5)  # 4 bytes of a fletcher32 sum may follow
        if not opener.eof:
            raise ReaderError(
                f"{path}: a chunk of {key!r} is damaged or opens to more than its {whole} bytes; write it anew"
            )
