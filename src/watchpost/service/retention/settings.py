"""How long captures, reports and executions are kept: what the server's owner writes into `retention.toml`."""

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from watchpost.errors import Misconfigured

SETTINGS = "retention.toml"
"""In the home folder, so that only the server's owner can write it."""

Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class Captures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Captured records of endpoints: kept for ever unless it is said for how many days."""

    keep_days: Days | None = None


class Reports(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What executions of schedules left in their output location: kept for ever unless it is said otherwise."""

    keep_days: Days | None = None


class Executions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Executions of schedules, their processing jobs and changes of alerts, as the API lists them."""

    keep_days: Days = 400


class Disk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Below how many percent of free space on the objects' disk the server warns."""

    warn_percent_free: Annotated[float, msgspec.Meta(ge=0, le=100)] = 10.0


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of `retention.toml`."""

    captures: Captures = Captures()
    reports: Reports = Reports()
    executions: Executions = Executions()
    disk: Disk = Disk()

    @property
    def execution_days(self) -> int:
        """For how long executions are kept: at least as long as their reports, which nobody could find without them."""
        return max(self.executions.keep_days, self.reports.keep_days or 0)


def read_settings(home: Path) -> RetentionSettings:
    """The owner's settings, those of an absent file where there is none.

    ```toml
    [captures]
    keep_days = 90
    ```
    Raises: Misconfigured: no TOML, an unknown setting, or a value out of range.
    """
    path = home / SETTINGS
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), type=RetentionSettings)
    except FileNotFoundError:
        return RetentionSettings()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as problem:
        raise Misconfigured("The file", str(path), f"the tables described in docs/server.md ({problem})") from problem
