"""Structs of Thrift's compact protocol, in which Parquet writes its footer and the header of every page.

Source: "Thrift Compact protocol encoding", thrift/doc/specs/thrift-compact-protocol.md of Apache Thrift.
"""

from typing import Any

_MOST_DEPTH = 32


def struct(data: bytes, at: int = 0, depth: int = 0) -> tuple[dict[int, Any], int]:
    """The values of a struct by the ids of their fields, and where it ends. IndexError: the data ends before it."""
    values: dict[int, Any] = {}
    field = 0
    while kind := data[at] & 15:
        delta = data[at] >> 4
        at += 1
        if delta:
            field += delta
        else:
            field, at = _number(data, at)
        if kind in (1, 2):  # true and false have no more to them
            values[field] = kind == 1
        else:
            values[field], at = _value(data, at, kind, depth)
    return values, at + 1


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Seven bits in each byte, the lowest first; the eighth says that more follow."""
    value = shift = 0
    while data[at] > 127:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
    return value | data[at] << shift, at + 1


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Zigzag: 0, −1, 1, −2 … are written as 0, 1, 2, 3 …"""
    value, at = _unsigned(data, at)
    return value >> 1 ^ -(value & 1), at


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    """A value, and where it ends: a number, bytes, a list or a struct. (Parquet has no maps; doubles stay bytes.)"""
    if depth > _MOST_DEPTH:
        raise ValueError("lists or structs within one another without end")
    match kind:
        case 1 | 2 | 3:  # in a list, true and false have a byte, as a byte has
            return data[at], at + 1
        case 4 | 5 | 6:
            return _number(data, at)
        case 7 | 8:
            length, at = (8, at) if kind == 7 else _unsigned(data, at)
            if at + length > len(data):
                raise IndexError("the data ends before a text")
            return data[at : at + length], at + length
        case 9 | 10:
            count, inner = data[at] >> 4, data[at] & 15
            at += 1
            if count == 15:
                count, at = _unsigned(data, at)
            items = []
            for _ in range(count):
                item, at = _value(data, at, inner, depth + 1)
                items.append(item)
            return items, at
        case 12:
            return struct(data, at, depth + 1)
    raise ValueError(f"a value of the unknown kind {kind}")
