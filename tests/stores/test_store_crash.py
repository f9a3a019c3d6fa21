"""An acknowledged write is there after kill -9, whenever the signal comes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from watchpost.documents import Kind
from watchpost.stores.open import open_store
from watchpost.stores.sql.chain import verify

ROUNDS, WRITERS = 12, 4
COUNT = Kind("count", int)

# Forks a child for each line it reads; the child writes with several threads and says each write that was acknowledged.
PROGRAM = """
import os, sys
from datetime import UTC, datetime
from threading import Thread
import watchpost.stores.sql.store
from watchpost.documents import Kind
from watchpost.stores.open import open_store
from watchpost.stores.store import Entry

COUNT, NOON = Kind("count", int), datetime(2026, 7, 1, tzinfo=UTC)

def count(store, writer):
    def add(tx):
        tx.put(COUNT, writer, (tx.get(COUNT, writer) or 0) + 1)
        tx.record(Entry(NOON, "count", writer, "test", {}))
        tx.enqueue(writer, b"", NOON, NOON)
        return tx.get(COUNT, writer)
    while True:
        os.write(1, f"{writer} {store.write(add)}\\n".encode())

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        store = open_store(sys.argv[1])
        os.write(1, f"pid {os.getpid()}\\n".encode())
        for writer in range(int(sys.argv[2])):
            Thread(target=count, args=(store, f"w{writer}")).start()
        break
    os.waitpid(child, 0)
    os.write(1, b"dead 0\\n")
"""


def test_an_acknowledged_write_is_there_after_kill_9(tmp_path: Path) -> None:
    path, random = tmp_path / "db", np.random.default_rng(1)
    acknowledged = {f"w{n}": 0 for n in range(WRITERS)}
    command = [sys.executable, "-c", PROGRAM, str(path), str(WRITERS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(ROUNDS):
            process.stdin.write("\n")
            process.stdin.flush()
            child, left = 0, random.integers(120)
            for line in process.stdout:
                word, number = line.split()
                match word:
                    case "dead":
                        break
                    case "pid":
                        child = int(number)
                    case _:
                        acknowledged[word] = int(number)
                        left -= 1
                if left <= 0 and child:
                    os.kill(child, signal.SIGKILL)
                    left = 1_000_000  # what it said before it died is still read
            store = open_store(path)
            there = dict(store.read(lambda tx: tx.scan(COUNT)))
            tasks, lines = store.read(lambda tx: (tx.waiting(), tx.journal(limit=10**6)))
            assert {name: count for name, count in acknowledged.items() if count > there.get(name, 0)} == {}
            assert tasks == there
            assert len(lines) == sum(there.values())
            assert verify(store) is None
            store.close()
            acknowledged.update(there)
        process.stdin.close()
    assert sum(acknowledged.values()) > ROUNDS
