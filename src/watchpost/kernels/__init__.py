"""The innermost loops, compiled: reading rows of text, and the sketches of numbers.

Everything here has a twin in Python, numpy and polars, gives the same to the last bit, and is used where the package
was built with a C compiler. Without one the twins do the work, which takes about twice as long. `available()` says
which of the two it is.
"""

import ctypes
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LIBRARY = Path(__file__).parent / ("_kernels.dll" if os.name == "nt" else "_kernels.so")


_VERSION = 1  # as version.c has it


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library, None where the package was built without a compiler. Calls into it let go of the GIL.

    Raises: ImportError for a library of other sources than these, which a call could crash.
    """
    if not _LIBRARY.exists():
        return None
    kernels = ctypes.CDLL(str(_LIBRARY))
    if kernels.wp_version() != _VERSION:
        raise ImportError(f"{_LIBRARY} was built from other sources than this package; install the package again")
    return kernels


def available() -> bool:
    """Whether the compiled loops are at hand."""
    return library() is not None


@cache
def function(name: str, result: type[ctypes.c_int64] | None = ctypes.c_int64) -> Callable[..., int] | None:
    """One of the library's functions, which takes ctypes' own values; None where there is no library.

    result: what it gives; None: nothing. The sources beside this file say what each takes.
    """
    kernels = library()
    if kernels is None:
        return None
    found: Callable[..., int] = kernels[name]
    found.restype = result  # type: ignore[attr-defined]  # ctypes' function pointers have it
    return found


def address(array: "NDArray[np.generic]") -> ctypes.c_void_p:
    """Where a contiguous array lies, for a call. The pointer keeps the array alive; its bare address would not."""
    return array.ctypes.data_as(ctypes.c_void_p)


def size(array: "NDArray[np.generic]") -> ctypes.c_int64:
    """How long an array is, for a call."""
    return ctypes.c_int64(len(array))
