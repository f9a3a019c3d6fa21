"""Cyclic redundancy checks that the standard library does not have, over large bodies at memory's speed.

A body is cut into lanes of one length that advance together, a byte of each at a time; the remainders of the lanes are
then joined as the algebra of CRCs allows: the remainder of `a + b` is that of `a`, moved on by the length of `b`, plus
(without carry) that of `b`.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_LANES = 4096
# Bytes; while they are worked on each takes eight.
_AT_ONCE = 4 << 20
_Words = NDArray[np.uint64]


class Crc:
    """A reflected CRC whose register begins and ends inverted, of `bits` bits. `polynomial` is reflected too."""

    def __init__(self, bits: int, polynomial: int) -> None:
        self.bits, self._mask = bits, (1 << bits) - 1
        table = np.arange(256, dtype=np.uint64)
        for _ in range(8):
            odd = (table & np.uint64(1)).astype(bool)
            table = (table >> np.uint64(1)) ^ np.where(odd, np.uint64(polynomial), np.uint64(0))
        self._table = table
        self._plain = [int(word) for word in table]

    def update(self, data: bytes | memoryview, value: int = 0) -> int:
        """The CRC of what has `value`, followed by `data`.

        >>> hex(crc32c().update(b"6789", crc32c().update(b"12345")))
        '0xe3069283'
        """
        for start in range(0, len(data), _AT_ONCE):
            value = self._update(data[start : start + _AT_ONCE], value)
        return value

    def _update(self, data: bytes | memoryview, value: int) -> int:
        register = value ^ self._mask
        whole = len(data) // _LANES
        if whole >= 16:
            register = self._lanes(np.frombuffer(data, np.uint8, whole * _LANES).reshape(_LANES, whole), register)
            data = data[whole * _LANES :]
        for byte in bytes(data):
            register = self._plain[(register ^ byte) & 0xFF] ^ (register >> 8)
        return register ^ self._mask

    def _lanes(self, lanes: NDArray[np.uint8], register: int) -> int:
        columns = np.ascontiguousarray(lanes.T).astype(np.uint64)
        words: _Words = np.zeros(_LANES, np.uint64)
        words[0] = register
        for column in columns:
            words = self._table[(words ^ column) & np.uint64(0xFF)] ^ (words >> np.uint64(8))
        # Two neighbours become one of twice the length, until one is left.
        length = len(columns)
        while len(words) > 1:
            words = self._moved(words[0::2], length) ^ words[1::2]
            length *= 2
        return int(words[0])

    def _moved(self, words: _Words, length: int) -> _Words:
        """Registers as they are `length` zero bytes later."""
        out = np.zeros(len(words), np.uint64)
        for bit, image in enumerate(_later(self, length)):
            out ^= np.where((words >> np.uint64(bit)) & np.uint64(1), np.uint64(image), np.uint64(0))
        return out

    def zero_byte(self, register: int) -> int:
        """A register as it is one zero byte later."""
        return self._plain[register & 0xFF] ^ (register >> 8)


@cache
def _later(crc: Crc, length: int) -> tuple[int, ...]:
    """What becomes of each bit of a register after `length` zero bytes: the columns of a matrix over GF(2)."""
    if length == 1:
        return tuple(crc.zero_byte(1 << bit) for bit in range(crc.bits))
    half = _later(crc, length // 2)
    both = tuple(_applied(half, image) for image in half)
    return tuple(map(crc.zero_byte, both)) if length % 2 else both


def _applied(matrix: tuple[int, ...], register: int) -> int:
    out, bit = 0, 0
    while register:
        if register & 1:
            out ^= matrix[bit]
        register >>= 1
        bit += 1
    return out


@cache
def crc32c() -> Crc:
    """Castagnoli's. Source: RFC 3720, 12.1."""
    return Crc(32, 0x82F63B78)


@cache
def crc64nvme() -> Crc:
    """NVMe's. Source: NVM Express NVM Command Set Specification 1.0d, 5.2.1.3.4."""
    return Crc(64, 0x9A6C9329AC4BC9B5)
