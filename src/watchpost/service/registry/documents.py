"""What the model registry keeps: groups of model packages, and the packages, versioned in a group or by themselves.

Requests are kept as they were asked (`members`, in the API's own words), because descriptions must echo them whole.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from watchpost.documents import Kind

Members = dict[str, object]
"""A structure of the API: member names to JSON values."""

ApprovalStatus = Literal["Approved", "Rejected", "PendingManualApproval"]


@dataclass(frozen=True, slots=True)
class ModelPackageGroup:
    """The versions of one model. `last` is the highest version ever given out: numbers are not used twice."""

    name: str
    arn: str
    created: datetime
    actor: str
    members: Members
    last: int = 0


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A model ready to be served: version `version` of `group`, or one by itself (both None), known by its name.

    approval: of versions only. token: of the request that made it, which may come twice.
    """

    name: str
    arn: str
    created: datetime
    modified: datetime
    actor: str
    modifier: str
    members: Members
    group: str | None = None
    version: int | None = None
    approval: ApprovalStatus | None = None
    token: str | None = None

    @property
    def key(self) -> str:
        """Where it lies in the store."""
        return package_key(self.name if self.group is None else f"{self.group}/{self.version}")


@dataclass(frozen=True, slots=True)
class Token:
    """The package that a request with this client token made, by its key."""

    package: str


MODEL_PACKAGE_GROUP = Kind("model-package-group", ModelPackageGroup)
MODEL_PACKAGE = Kind("model-package", ModelPackage)
TOKEN = Kind("model-package-token", Token)


def package_key(name: str) -> str:
    """The key of a package: of `name`, or of `group/version`, whose versions then sort as numbers.

    >>> package_key("prices/7"), package_key("prices")
    ('prices/000000007', 'prices')
    """
    group, slash, version = name.rpartition("/")
    return f"{group}/{int(version):09d}" if slash and version.isdecimal() else name
