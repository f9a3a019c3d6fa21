"""Write the next revision: `python -m watchpost.stores.sql.migrations NAME`.

For those who change a table. `--first` writes the first revision anew, from an empty database; only before a release.
"""

import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.types import TypeEngine

from watchpost.stores.sql import migrations
from watchpost.stores.sql.migrations import versions
from watchpost.stores.sql.schema import NAME, ROW_ID, Instant, metadata
from watchpost.stores.sql.store import define_every_table

_FOLDER = Path(versions.__path__[0])


def write_revision(name: str, *, first: bool) -> Path:
    """The file of the next revision, written and formatted."""
    known = {} if first else migrations.revisions()
    number = f"{len(known) + 1:04d}"
    define_every_table()
    with create_engine("sqlite://").connect() as connection:
        migrations._upgrade(connection, list(known.values()))
        body = _difference(connection)
    path = _FOLDER / f"{number}_{name}.py"
    path.write_text(_TEXT.format(title=name.replace("_", " ").capitalize(), body=body))
    if ruff := which("ruff"):
        subprocess.run([ruff, "format", "--quiet", path], check=True)  # noqa: S603
        subprocess.run([ruff, "check", "--quiet", "--fix", path], check=False)  # noqa: S603
    return path


_TEXT = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

from watchpost.stores.sql.schema import NAME, ROW_ID, Instant


def upgrade() -> None:
    """Bring the tables from the revision before to this one."""
    {body}
'''


def _difference(connection: Connection) -> str:
    options = {"target_metadata": metadata, "compare_type": True, "render_as_batch": True, "render_item": _render}
    context = MigrationContext.configure(connection, opts=options)
    steps = produce_migrations(context, metadata).upgrade_ops
    return render_python_code(steps, migration_context=context, render_item=_render) if steps else "pass"


def _render(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Our own types by their names; False leaves the rest to alembic."""
    if kind == "type" and isinstance(item, TypeEngine):
        if isinstance(item, Instant):
            return "Instant()"
        for name, type_ in (("NAME", NAME), ("ROW_ID", ROW_ID)):
            if item is type_:
                return name
    return False


if __name__ == "__main__":
    (name,) = (argument for argument in sys.argv[1:] if argument != "--first")
    print(write_revision(name, first="--first" in sys.argv))  # noqa: T201
