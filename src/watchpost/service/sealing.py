"""Secrets that have to be kept: sealed with a key of the home folder, so that the database alone tells none of them.

AES-256 in Galois/counter mode (NIST SP 800-38D) with a random nonce of 96 bits. A sealed text names the key it was
sealed with, and opens only for what it was sealed for: nobody can move it to another place of the database unseen.
"""

import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from watchpost.errors import Misconfigured
from watchpost.service.home import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FILE = "secret-key"
"""The name of the key's file in the home folder; servers that share a database need the same one."""

_NONCE_BYTES = 12
_KEY_BYTES = 32


class SecretKey:
    """Seals texts and opens them again; the key is made when the first text is sealed, readable by its owner alone."""

    def __init__(self, home: Path) -> None:
        self._path, self._lock = home / FILE, Lock()
        self._key: bytes | None = None

    def seal(self, text: str, purpose: str) -> str:
        """The text, sealed for a purpose (such as the ARN of what it belongs to). Raises: Misconfigured: see `open`."""
        key = self._loaded(make=True)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = _cipher(key).encrypt(nonce, text.encode(), purpose.encode())
        return f"v1.{_name(key)}.{urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, purpose: str) -> str:
        """The text that was sealed for this purpose.

        Raises: Misconfigured: it was sealed with another key than the one in the home folder, or was tampered with.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - 0.1 s to import

        key = self._loaded(make=False)
        version, _, rest = sealed.partition(".")
        name, _, body = rest.partition(".")
        if version != "v1" or name != _name(key):
            expected = f"the key {name} that the secret of {purpose} was sealed with; put that file back, or give the "
            raise Misconfigured(f"The key in {self._path}", _name(key), f"{expected}secret anew")
        try:
            raw = urlsafe_b64decode(body)
            return _cipher(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, ValueError) as problem:
            expected = "what this server sealed for it; give the secret anew"
            raise Misconfigured("The sealed secret", purpose, expected) from problem

    def _loaded(self, *, make: bool) -> bytes:
        with self._lock:
            if self._key is None:
                if make and not self._path.exists():
                    write_private(self._path, f"{secrets.token_hex(_KEY_BYTES)}\n")
                self._key = self._read()
            return self._key

    def _read(self) -> bytes:
        try:
            self._path.chmod(0o600)
            key = bytes.fromhex(self._path.read_text().strip())
        except (OSError, ValueError) as problem:
            expected = f"a file with {2 * _KEY_BYTES} hexadecimal digits that this server made ({problem})"
            raise Misconfigured("The key that secrets are sealed with", str(self._path), expected) from problem
        if len(key) != _KEY_BYTES:
            expected = f"{2 * _KEY_BYTES} hexadecimal digits, not {2 * len(key)}"
            raise Misconfigured("The key that secrets are sealed with", str(self._path), expected)
        return key


def _name(key: bytes) -> str:
    """What a key is called where it must not be shown."""
    return sha256(b"watchpost secret key" + key).hexdigest()[:8]


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 0.1 s to import

    return AESGCM(key)
