"""What a block of bytes holds, in one look."""

import ctypes

import numpy as np

from watchpost.kernels import address, function


def survey(data: bytes) -> tuple[int, int, bool] | None:
    """How many newlines and quotes, and whether all is ASCII; None without the compiled kernels."""
    look = function("wp_survey", None)
    if look is None:
        return None
    found = np.zeros(3, np.int64)
    look(ctypes.c_char_p(data), ctypes.c_int64(len(data)), address(found))
    lines, quotes, beyond = found.tolist()
    return lines, quotes, not beyond
