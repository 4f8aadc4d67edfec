"""The messages between a page and the lab; page/protocol.js is the other end, to the byte.

A message is one frame, either way: the length of a JSON text (four bytes, little endian), the text in UTF-8, zeros up
to a multiple of 8, and the bytes of arrays. In the text an array is ``{"$": [dtype, shape, offset, bytes]}``, the
offset counted from the end of the zeros; each begins at a multiple of 8.

The page asks ``{"id": 7, "do": "go", "step": 120}``; the lab answers ``{"id": 7, "ok": result}`` or ``{"id": 7,
"error": "a sentence"}``. Unasked it says ``{"push": "lab", "lab": …}`` when runs, designs, options or the like have
changed. `look` is answered when there is something new to see, and a newer one takes the place of an older.
"""

import json
import re
from collections.abc import Callable
from math import isfinite, prod
from typing import Any

import numpy as np

VERSION = 1
MOST_TEXT = 16 << 20  # bytes: parsed, it takes many times as much
DTYPES = {"f4": np.float32, "f8": np.float64, "i4": np.int32, "u1": np.uint8}
_HALF = re.compile("[\ud800-\udfff]")
_NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def pack(message: Any) -> bytes:
    """The frame of a message. Numbers that are not finite are null in it, but for those in arrays.

    It has room for any text of Python's: cells of a table may hold halves of characters, as JSON escapes here.
    """
    parts: list[bytes] = []
    length = 0

    def plain(value: Any) -> Any:
        nonlocal length
        if isinstance(value, np.ndarray):
            array = np.ascontiguousarray(value)
            if array.dtype not in _NAMES:
                array = array.astype(np.int32 if array.dtype.kind in "biu" else np.float64)
            data = array.tobytes()
            place = {"$": [_NAMES[array.dtype], list(value.shape), length, len(data)]}
            data += bytes(-len(data) % 8)
            parts.append(data)
            length += len(data)
            return place
        if isinstance(value, dict):
            return {str(key): plain(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [plain(each) for each in value]
        if isinstance(value, np.generic):
            value = value.item()
        return None if isinstance(value, float) and not isfinite(value) else value

    text = json.dumps(plain(message), ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")
    return b"".join([len(text).to_bytes(4, "little"), text, bytes(-(4 + len(text)) % 8), *parts])


def unpack(frame: bytes) -> Any:
    """The message of a frame, its arrays read-only. ValueError for what is none."""
    size = int.from_bytes(frame[:4], "little")
    if len(frame) < 4 or size > len(frame) - 4:
        raise ValueError("a message that ends before its text does")
    if size > MOST_TEXT:
        raise ValueError(f"a message with {size:,} bytes of text, wanted at most {MOST_TEXT:,}")
    start = 4 + size + -(4 + size) % 8

    def whole(value: dict[str, Any]) -> Any:
        if "$" not in value:
            return value
        try:
            name, shape, offset, size = value["$"]
            dtype = np.dtype(DTYPES[name])
            sizes = [shape, offset, size] if not isinstance(shape, list) else [*shape, offset, size]
            if not all(type(n) is int and n >= 0 for n in sizes) or prod(shape) * dtype.itemsize != size:
                raise ValueError
            return np.frombuffer(frame, dtype, prod(shape), start + offset).reshape(shape)
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"a message with an array that is not in it: {value['$']!r:.80}") from None

    try:
        return _parsed(frame[4 : 4 + size], whole)
    except (RecursionError, UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("a message whose text is no JSON") from None


def check_text(what: str, value: Any) -> None:
    """ValueError where a text in what becomes JSON has half a character in it, which JSON can say and UTF-8 cannot."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if (found := _HALF.search(text)) is not None:
        around = text[max(0, found.start() - 20) : found.start() + 20]
        raise ValueError(f"{what}: got half a character (a lone surrogate) in {around!r}, wanted text of whole ones")


def _parsed(text: bytes, whole: Callable[[dict[str, Any]], Any]) -> Any:
    return json.loads(text.decode(), object_hook=whole)
