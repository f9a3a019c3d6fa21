"""A local inbox: an HTTP address of this machine that takes what Apprise sends, and keeps each letter as a file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as it came; `path` is where it is kept."""

    subject: str
    text: str
    path: Path


class Inbox:
    """The letters of a folder, in the order of their arrival."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, ""
        self._letters: list[Letter] = []
        self._came = Condition()

    def take(self, subject: str, text: str) -> None:
        """Keep a letter."""
        with self._came:
            path = self.folder / f"letter-{len(self._letters) + 1}.txt"
            path.write_text(f"{subject}\n\n{text}\n", encoding="utf-8")
            self._letters.append(Letter(subject, text, path))
            self._came.notify_all()

    @property
    def letters(self) -> tuple[Letter, ...]:
        """What has come so far."""
        with self._came:
            return tuple(self._letters)


@contextmanager
def open_inbox(folder: Path) -> Iterator[Inbox]:
    """An inbox that listens at a free port of this machine; `address` is its Apprise URL."""
    folder.mkdir(parents=True, exist_ok=True)
    inbox = Inbox(folder)

    class Post(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            inbox.take(str(body.get("title", "")), str(body.get("message", "")))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the letter itself is shown."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Post) as listener:
        inbox.address = f"json://127.0.0.1:{listener.server_address[1]}"
        thread = Thread(target=listener.serve_forever, name="inbox", daemon=True)
        thread.start()
        try:
            yield inbox
        finally:
            listener.shutdown()
            thread.join()
