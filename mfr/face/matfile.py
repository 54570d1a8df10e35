r"""Numbers out of MATLAB 5 files, by a reader that a damaged file cannot crash; and into them.

scipy's reader knows far more than tables of numbers, and a flipped bit can end the whole process in
it. This one checks every length against what the file really holds, and executes nothing.
"""

import io
import struct
import zlib

import numpy as np

from mfr.files.whole import atomic

HEADER = 128  # bytes before the first variable
MATRIX, COMPRESSED = 14, 15  # types of a variable
NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
OTHERS = {
    1: "a cell",
    2: "a struct",
    3: "an object",
    4: "text",
    5: "a sparse matrix",
    16: "a function",
    17: "an object",
}
COMPLEX = 0x800
LARGEST = 2**30  # bytes of one unpacked variable


def read_mat(path):
    r"""The variables of a MATLAB 5 file, plain or compressed, of either byte order.

    dict, name -> real array, or a string that says what it is instead.

    Raises:
        ValueError: the file is not a MATLAB 5 file, or it is damaged.
    """
    data = memoryview(path.read_bytes())
    order = {b"IM": "<", b"MI": ">"}.get(bytes(data[126:128]))
    if order is None:
        raise ValueError(f"{path}: is not a MATLAB file; allowed: .mat of version 5")
    if data[124:126] == struct.pack(order + "H", 0x200):
        raise ValueError(f"{path}: is a MATLAB 7.3 file; allowed: version 5 (save -v7)")
    variables, at = {}, HEADER
    try:
        while at < len(data):
            kind, content, at = _element(data, at, order)
            if kind == COMPRESSED:
                kind, content, _ = _element(_unpacked(content), 0, order)
            if kind == MATRIX:
                name, value = _variable(content, order)
                variables[name] = value
    except (struct.error, zlib.error, UnicodeDecodeError, _Damaged) as error:
        raise ValueError(f"{path}: is damaged or cut short ({error})") from error
    return variables


class _Damaged(Exception):
    """A length or type that cannot be."""


def _element(data, at, order):
    """(type, content, where the next begins): 8 bytes of type and length, or 4 if it is small."""
    kind, length = struct.unpack_from(order + "II", data, at)
    if kind >> 16:  # small: length and type share a word, up to 4 bytes follow
        kind, length, first, following = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if length > 4:
            raise _Damaged(f"{length} bytes in a small element")
    else:
        first = at + 8
        following = first + length + (-length % 8 if kind != COMPRESSED else 0)
    if first + length > len(data):
        raise _Damaged(f"{length} bytes announced, {len(data) - first} there")
    return kind, data[first : first + length], following


def _unpacked(content):
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(content, LARGEST)
    if not unpacker.eof:
        raise _Damaged(f"a variable that is cut short or larger than {LARGEST} bytes")
    return memoryview(data)


def _variable(content, order):
    """(name, array): flags, shape and name come first, then the numbers, column by column."""
    _, flags, at = _element(content, 0, order)
    (flags,) = struct.unpack_from(order + "I", flags)
    _, shape, at = _element(content, at, order)
    shape = struct.unpack(f"{order}{len(shape) // 4}i", shape)
    _, name, at = _element(content, at, order)
    name, family = bytes(name).decode("ascii"), flags & 0xFF
    if family in OTHERS:
        return name, OTHERS[family]
    if flags & COMPLEX:
        return name, "complex numbers"
    kind, numbers, _ = _element(content, at, order)
    if kind not in NUMBERS or min(shape, default=-1) < 0:
        raise _Damaged(f"{name}: numbers of type {kind}, shape {shape}")
    dtype, count = np.dtype(order + NUMBERS[kind]), int(np.prod(shape, dtype=object))
    if len(numbers) != count * dtype.itemsize:
        raise _Damaged(f"{name}: {len(numbers)} bytes for shape {shape}")
    return name, np.frombuffer(numbers, dtype).reshape(shape, order="F")


def write_mat(path, content):
    r"""Write real arrays by name as a compressed MATLAB 5 file, whole or not at all.

    The same numbers give the same bytes: scipy's header, which holds the time, is replaced.
    """
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, content, do_compression=True)
    with atomic(path) as temporary:
        temporary.write_bytes(b"MATLAB 5.0 MAT-file".ljust(116) + file.getvalue()[116:])
