"""Files of tables, arrays and images, right ones and such as an enemy would write, and what a reader says of them."""

import struct
import zlib

import h5py
import numpy as np
import pytest

from chainrule.readers import ReaderError, read

MIB = 1 << 20


def refusal(source, **options):
    """The message of the ReaderError, which is one line and hides the exception of the library."""
    with pytest.raises(ReaderError) as caught:
        read(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return message


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([7, 2], np.uint8)


def npy(descr, shape, data=b""):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def png(width, height, data, length=None):
    def chunk(kind, data, length=None):
        size = len(data) if length is None else length
        return struct.pack(">I", size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(data), length) + chunk(b"IEND", b"")


def zigzag(value, length=0):
    """A number in Thrift's compact form, stretched to a length."""
    value, digits = 2 * value, b""
    while value > 127 or len(digits) + 1 < length:
        digits, value = digits + bytes([value & 127 | 128]), value >> 7
    return digits + bytes([value])


# HDF5: each puts something into an open file.


def fill(file):
    file.create_dataset("X", (10**6, 10**6), "f4", chunks=(1000, 1000))


def many_chunks(file):
    file.create_dataset("X", (2**19, 2), "u1", chunks=(2, 2))[0] = 1


def external_link(file):
    file["group/X"] = h5py.ExternalLink("elsewhere.h5", "/X")


def external_storage(file):
    file.create_dataset("X", (4,), "f8", external=[("elsewhere.bin", 0, 32)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f8")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "X", shape=(4,))
    file.create_virtual_dataset("X", layout)


def odd_filter(file):
    file.create_dataset("X", data=np.arange(16), chunks=(4,), scaleoffset=0)


def chunk_bomb(file):
    data = file.create_dataset("X", (4, 4), "f4", chunks=(4, 4), compression="gzip")
    data.id.write_direct_chunk((0, 0), zlib.compress(bytes(200 * MIB), 1))


def empty_chunk(file):
    data = file.create_dataset("X", (4, 4), "f4", chunks=(4, 4), compression="gzip", fletcher32=True)
    data.id.write_direct_chunk((0, 0), b"abc")


def nested(file):
    for _ in range(100):
        file = file.create_group("group")
    file["X"] = np.ones(3)


def many_names(file):
    for i in range(10_001):
        file[f"{i}"] = h5py.SoftLink("/nowhere")


def long_label(file):
    file["X"] = np.ones((100, 1))
    file["y"] = ["a" * MIB] + ["b"] * 99


def packed_text_bomb(file):
    file["X"] = np.ones((2, 1))
    data = file.create_dataset("y", (2,), h5py.string_dtype(), chunks=(2,), compression="gzip")
    data.id.write_direct_chunk((0,), zlib.compress(bytes(200 * MIB), 1))


def references(file):
    file["X"] = np.ones((2, 1))
    file.create_dataset("y", (2,), h5py.ref_dtype)[0] = file["X"].ref
