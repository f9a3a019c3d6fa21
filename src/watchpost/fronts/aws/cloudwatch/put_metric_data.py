"""The fast way in for PutMetricData over JSON: what boto3 sends by the thousand, from bytes to columns.

It reads only requests of plain single values that break no rule; everything else goes the general way, which knows the
words of every refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import msgspec
import numpy as np

from watchpost.errors import Refused
from watchpost.metrics import checks
from watchpost.metrics.batch import Batch, Series, singles
from watchpost.metrics.identity import Metric
from watchpost.metrics.sketch import Flags, Floats
from watchpost.metrics.units import UNITS

DECODED = "decoded"


class _Datum(msgspec.Struct, forbid_unknown_fields=True):
    """A datum with one value. Names are the model's; any other member sends the request the general way."""

    MetricName: str
    Value: float
    Timestamp: float | None = None
    # As written: the same series is written the same way again and again, so its text is as good as a name.
    Dimensions: msgspec.Raw = msgspec.Raw(b"[]")
    Unit: str = "None"
    StorageResolution: int = 60


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    Namespace: str
    MetricData: list[_Datum]
    StrictEntityValidation: bool | None = None


class _Dimension(msgspec.Struct):
    Name: str
    Value: str


_REQUEST = msgspec.json.Decoder(_Request)
_DIMENSIONS = msgspec.json.Decoder(list[_Dimension])


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Data of one value each; `timestamps` in epoch seconds, NaN where none was given."""

    series: tuple[Series, ...]
    timestamps: Floats
    values: Floats
    fine: Flags

    def received(self, now: datetime) -> Batch:
        """The data as of the instant they were received. Raises: Refused: a timestamp is too old or too new."""
        instant = now.timestamp()
        stamps = np.where(np.isnan(self.timestamps), instant, self.timestamps)
        bad = np.flatnonzero((stamps < instant - checks.OLDEST) | (stamps > instant + checks.NEWEST))
        if len(bad):
            checks.check_age(float(stamps[bad[0]]), instant, f"MetricData.member.{bad[0] + 1}")
        return singles(self.series, stamps, self.values, self.fine)


def decode_json(body: bytes) -> Mapping[str, Decoded] | None:
    """The data of a request, or None if it is not of the plain kind or breaks any rule."""
    try:
        request = _REQUEST.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    data, namespace = request.MetricData, request.Namespace
    if not 0 < len(data) <= checks.MOST_DATA:
        return None
    series = [_series(namespace, d.MetricName, bytes(d.Dimensions), d.Unit) for d in data]
    known = tuple([each for each in series if each is not None])
    values = np.array([d.Value for d in data])
    timestamps = np.array([d.Timestamp for d in data], dtype=np.float64)
    resolution = np.array([d.StorageResolution for d in data])
    fine = resolution == 1
    if (
        len(known) < len(data)
        or not (np.abs(values) <= checks.LARGEST).all()
        or not (fine | (resolution == 60)).all()
        or not (np.isfinite(timestamps) | np.isnan(timestamps)).all()
    ):
        return None
    return {DECODED: Decoded(known, timestamps, values, fine)}


@lru_cache(maxsize=100_000)
def _series(namespace: str, name: str, dimensions: bytes, unit: str) -> Series | None:
    """The series that a datum belongs to, None if some part of its name breaks a rule."""
    if not (0 < len(namespace) <= 255 and 0 < len(name) <= 255 and unit in UNITS):
        return None
    try:
        given = _DIMENSIONS.decode(dimensions)
        checks.checked_namespace(namespace)
        checks.checked_name(name, "")
        pairs = checks.dimensions([{"Name": each.Name, "Value": each.Value} for each in given], "")
    except (msgspec.MsgspecError, Refused):
        return None
    sound = len(pairs) <= 30 and all(0 < len(n) <= 255 and 0 < len(v) <= 1024 for n, v in pairs)
    return Series(Metric(namespace, name, pairs), unit) if sound else None
