"""Writes docs/aws-compatibility.md: what of every operation of the served models is there, in part, or refused.

`python -m watchpost.fronts.aws.compatibility > docs/aws-compatibility.md`
"""

import sys
from collections.abc import Iterable

from watchpost.fronts.aws.services import Served, installed

_INTRODUCTION = """# AWS compatibility

Unmodified AWS clients work against Watchpost: `eval "$(watchpost env)"`, then use boto3, the AWS CLI or any other SDK.
This page lists every operation of the service models and says what becomes of it:

- **implemented**: it does what the service's documentation says;
- **partial**: it works, and what is missing is said beside it;
- **refused**: it answers an error that names it (`NotImplemented`, HTTP 501), which no SDK tries again; nothing is
  ignored in silence.

Every request must carry a valid signature (version 4) of one of the server's access keys. Unsigned, only these are
answered: the confirmation and unsubscribe links in messages, the certificate messages are signed with, `/healthz` and
`/metrics`. CloudWatch is spoken in JSON, CBOR and the older query protocol alike.

This page is generated from the code and the models of the pinned botocore release; a test keeps it current.
"""


def page(services: Iterable[Served]) -> str:
    """The whole page in Markdown."""
    served = sorted(services, key=lambda one: one.service.name)
    rows = "\n".join(_row(one) for one in served)
    summary = f"| service | implemented | partial | refused | of |\n|---|---|---|---|---|\n{rows}\n"
    return "\n".join([_INTRODUCTION, summary, *map(_section, served)])


def _counts(served: Served) -> tuple[int, int, int, int]:
    all_ = served.model.operations.keys()
    done = served.service.operations.keys()
    partial = done & served.service.partial.keys()
    return len(done) - len(partial), len(partial), len(all_) - len(done), len(all_)


def _row(served: Served) -> str:
    implemented, partial, refused, every = _counts(served)
    name = served.service.name
    return f"| [{served.model.full_name} (`{name}`)](#{name}) | {implemented} | {partial} | {refused} | {every} |"


def _section(served: Served) -> str:
    service, every = served.service, sorted(served.model.operations)
    implemented = [name for name in every if name in service.operations and name not in service.partial]
    partial = [name for name in every if name in service.operations and name in service.partial]
    refused = [name for name in every if name not in service.operations]
    parts = [f"## {service.name}\n"]
    if implemented:
        parts.append(f"**Implemented**: {_names(implemented)}.\n")
    if partial:
        parts.append("**Partial**\n")
        parts.append("\n".join(f"- `{name}`: {_sentence(service.partial[name])}" for name in partial) + "\n")
    if refused:
        plain = [name for name in refused if name not in service.partial]
        parts.append(f"**Refused**: {_names(plain)}.\n" if plain else "**Refused**\n")
        told = [f"- `{name}`: {_sentence(service.partial[name])}" for name in refused if name in service.partial]
        if told:
            parts.append("\n".join(told) + "\n")
    return "\n".join(parts)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


if __name__ == "__main__":
    sys.stdout.write(page(installed().all))
