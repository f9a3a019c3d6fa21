"""What the processor is known to do badly, told to numpy before it is loaded."""

from collections.abc import Mapping
from pathlib import Path

_FEATURES = "NPY_DISABLE_CPU_FEATURES"


def numpy_settings(environ: Mapping[str, str], cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Environment to add before numpy is imported; empty where there is nothing to gain or the user has decided.

    On AMD processors numpy's 512-bit sort is three times slower than its 256-bit one (17 against 6 ns a value on Zen 4:
    the instruction it compresses with is microcoded there), and a profile is mostly sorting.
    """
    if _FEATURES in environ:
        return {}
    try:
        with cpuinfo.open(encoding="ascii", errors="replace") as stream:
            processor = stream.read(4096)
    except OSError:
        return {}
    if "AuthenticAMD" not in processor or "avx512f" not in processor:
        return {}
    return {_FEATURES: "X86_V4 AVX512_ICL AVX512_SPR"}
