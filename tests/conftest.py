"""What every chapter's tests share: real data and recorded outputs where at hand, a store, a clock."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import settings

from watchpost.service.clock import ManualClock
from watchpost.stores.open import open_store
from watchpost.stores.store import Store

# How long an example takes says something about the machine, and nothing about the law.
settings.register_profile("watchpost", deadline=None)
settings.load_profile("watchpost")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"real data not at hand: no folder {SHARED.name!r} beside the checkout")
    return SHARED


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store of its own for each test."""
    store = open_store("sqlite://")
    yield store
    store.close()


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at noon of a Wednesday until it is told to move."""
    return ManualClock(datetime(2026, 7, 1, 12, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server of this session's own, from the binaries of this machine; the URL of one of its databases."""
    initdb = shutil.which("initdb") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=None)
    if initdb is None:
        pytest.skip("PostgreSQL is not installed")
    pytest.importorskip("psycopg", reason="PostgreSQL's driver is not installed")
    # PostgreSQL refuses to run as root: then it runs as the user its package made, or as nobody.
    names = {user.pw_name for user in pwd.getpwall()}
    user = None if os.getuid() else pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    # A socket's path is short, and the folders that pytest makes are closed to other users.
    with TemporaryDirectory(prefix="wp-pg-") as folder:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [str(Path(initdb).with_name(program)), "-D", f"{folder}/data", *arguments],
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                check=True,
            )

        run("initdb", "-U", "watchpost", "--auth=trust", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8")
        settings_ = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c log_min_messages=fatal"
        run("pg_ctl", "start", "-w", "-s", "-l", f"{folder}/log", "-o", settings_)
        try:
            yield f"postgresql://watchpost@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "-s", "-m", "immediate")


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The URL of an empty PostgreSQL database, new for each test."""
    import psycopg

    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgresql_server.replace("/postgres?", f"/{name}?")
