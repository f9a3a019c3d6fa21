"""Distinct values: registers raised by numbers, and a memory of texts looked up."""

import ctypes

import numpy as np
from numpy.typing import NDArray

from watchpost.kernels import address, function, size


def add_numbers(values: NDArray[np.float64], registers: NDArray[np.uint8]) -> bool:
    """Raise 512 registers by finite numbers; False, and nothing done, without the compiled kernels."""
    add = function("wp_add_doubles")
    if add is None:
        return False
    values = np.ascontiguousarray(values)
    add(address(values), size(values), address(registers))
    return True


def hash_texts(texts: bytes, lengths: NDArray[np.uint32], seed: int) -> NDArray[np.uint64] | None:
    """xxHash64 of each of the texts that stand behind each other; None without the compiled kernels.

    lengths: theirs, in bytes, which make up all of `texts`.
    """
    hash_each = function("wp_hash_texts", None)
    if hash_each is None:
        return None
    lengths, hashes = np.ascontiguousarray(lengths), np.empty(len(lengths), np.uint64)
    hash_each(
        ctypes.c_char_p(texts), address(lengths), size(lengths),
        ctypes.c_uint64(seed), address(hashes),
    )  # fmt: skip
    return hashes


def look_up(
    hashes: NDArray[np.uint64], known: NDArray[np.uint64], numbers: NDArray[np.uint16], counts: NDArray[np.int64]
) -> NDArray[np.uint32] | None:
    """Count the hashes that stand in `known` at one of their two places, each under its number there.

    Args: known, numbers: one for each place, as many as a power of two; contiguous. counts: one for each number, to
    which is added. Returns: the positions of the other hashes; None, and nothing done, without the compiled kernels.
    """
    look = function("wp_look_up")
    if look is None:
        return None
    hashes, unknown = np.ascontiguousarray(hashes), np.empty(len(hashes), np.uint32)
    found = look(
        address(hashes), size(hashes), address(known),
        address(numbers), _bits(known),
        address(counts), address(unknown),
    )  # fmt: skip
    return unknown[:found]


def codes_of(
    hashes: NDArray[np.uint64], known: NDArray[np.uint64], codes: NDArray[np.uint16]
) -> NDArray[np.uint16] | None:
    """The code of each hash; None if one is not known, or without the compiled kernels.

    Args: known, codes: one for each place, as many as a power of two, some of them empty (0); contiguous. A hash stands
    at the place its first bits name or, where others are there, behind it.
    """
    look = function("wp_codes")
    if look is None:
        return None
    hashes, found = np.ascontiguousarray(hashes), np.empty(len(hashes), np.uint16)
    known_of_them = look(
        address(hashes), size(hashes), address(known),
        address(codes), _bits(known),
        address(found),
    )  # fmt: skip
    return found if known_of_them == len(hashes) else None


def _bits(places: NDArray[np.uint64]) -> ctypes.c_int64:
    return ctypes.c_int64(len(places).bit_length() - 1)
