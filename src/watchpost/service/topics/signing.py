"""The key that messages to webhooks are signed with, and the certificate by which receivers verify them."""

import os
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from watchpost.errors import Misconfigured
from watchpost.service.clock import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CERTIFICATE_PREFIX = "SimpleNotificationService-"
"""What the names of certificates begin with, as at AWS."""

_BITS = 2048
# Receivers pin nothing but the address of the certificate; it outlives the server's installation.
_VALID = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class _Pair:
    key: "RSAPrivateKey"
    certificate: bytes
    name: str


class Signer:
    """Signs with an RSA key of this server, made when it is first needed and kept in the home folder.

    `sns/signing-key.pem` (its owner alone can read it) and `sns/certificate.pem`, self-signed.
    """

    def __init__(self, home: Path, base_url: str, clock: Clock) -> None:
        self._folder, self._base_url, self._clock = home / "sns", base_url, clock
        self._lock = Lock()
        self._pair: _Pair | None = None

    @property
    def name(self) -> str:
        """The file name of the certificate, different for every key."""
        return self._loaded().name

    @property
    def certificate(self) -> bytes:
        """The certificate (PEM)."""
        return self._loaded().certificate

    @property
    def certificate_url(self) -> str:
        """Where receivers fetch the certificate."""
        return f"{self._base_url.rstrip('/')}/sns/{self.name}"

    def sign(self, text: str, version: str) -> str:
        """The signature of a text, base64: RSA PKCS #1 v1.5 over SHA-1 (version "1") or SHA-256 (version "2")."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - 0.1 s to import
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256  # noqa: PLC0415 - see above

        # Version 1 is what receivers of SNS messages know; a topic asks for SHA-256 by SignatureVersion=2.
        digest = SHA256() if version == "2" else SHA1()  # noqa: S303
        return b64encode(self._loaded().key.sign(text.encode(), PKCS1v15(), digest)).decode()

    def _loaded(self) -> _Pair:
        with self._lock:
            if self._pair is None:
                key_file, certificate_file = self._folder / "signing-key.pem", self._folder / "certificate.pem"
                if not (key_file.exists() and certificate_file.exists()):
                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    key, certificate = _made(self._clock.now())
                    _write(key_file, key)
                    _write(certificate_file, certificate)
                self._pair = _read(key_file, certificate_file)
            return self._pair


def _made(now: datetime) -> tuple[bytes, bytes]:
    from cryptography import x509  # noqa: PLC0415 - see `sign`
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Watchpost notification signing")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)


def _read(key_file: Path, certificate_file: Path) -> _Pair:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 - see `sign`
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        certificate = certificate_file.read_bytes()
    except (OSError, ValueError, TypeError) as problem:
        expected = "an RSA key in PEM that this server made; remove the folder to have a new one made"
        raise Misconfigured(str(key_file), str(problem), expected) from problem
    assert isinstance(key, RSAPrivateKey)
    return _Pair(key, certificate, f"{CERTIFICATE_PREFIX}{sha256(certificate).hexdigest()[:32]}.pem")


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
