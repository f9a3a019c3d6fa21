"""CloudWatch's operations, one file per chapter.

Each file of this folder that offers operations has OPERATIONS (by name) and may have PARTIAL (what is missing of them,
in a sentence) and DECODERS (see `AwsService`); they are found by scanning the folder.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import TypeVar

from watchpost.fronts.aws.operation import AwsService, Decoder, Operation

K = TypeVar("K")
V = TypeVar("V")


def _all(modules: list[ModuleType], kind: str) -> dict[K, V]:
    found: dict[K, V] = {}
    for module in modules:
        offered: Mapping[K, V] = vars(module).get(kind, {})
        found.update(offered)
    return found


_modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
_operations: dict[str, Operation] = _all(_modules, "OPERATIONS")
_partial: dict[str, str] = _all(_modules, "PARTIAL")
_decoders: dict[tuple[str, str], Decoder] = _all(_modules, "DECODERS")

plugin = AwsService(
    name="cloudwatch",
    operations=_operations,
    partial=_partial,
    decoders=_decoders,
    body_limits={"PutMetricData": 1 << 20},
)
