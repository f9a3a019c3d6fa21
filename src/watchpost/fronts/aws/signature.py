"""Signature version 4, as AWS's clients make it, verified over the request exactly as it came.

Source: AWS, "Create a signed AWS API request" (canonical request, string to sign, signing key).
"""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

from watchpost.errors import Refused
from watchpost.fronts.aws.chunked import CHUNKED, Seed, Unchunked, unchunked
from watchpost.fronts.aws.wire import Request

_ALGORITHM = "AWS4-HMAC-SHA256"
_CREDENTIAL = re.compile(r"([^/\s]{1,128})/([0-9]{8})/([A-Za-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request")
_HEX = re.compile(r"[0-9a-f]{64}")
_NAMES = re.compile(r"[!-:<-~]+(;[!-:<-~]+)*")
_STAMP = re.compile("[0-9]{8}T[0-9]{6}Z")
_WRITTEN = "%Y%m%dT%H%M%SZ"
_WEEK = 7 * 24 * 3600
ADDED_ON_THE_WAY = frozenset({"x-amz-cf-id"})
"""Headers that a load balancer or cache on the way may add behind the client's back."""
_WRONG = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a request says about who signed it, not yet believed.

    Args: date: YYYYMMDD. region, service: the credential's scope. signed: names of the signed headers, lower-case.
    value: the signature, 64 hex digits. stamp: the instant of signing, YYYYMMDDTHHMMSSZ. lifetime: seconds a presigned
    URL is good for, None when the signature stands in the header.
    """

    access_key: str
    date: str
    region: str
    service: str
    signed: tuple[str, ...]
    value: str
    stamp: str
    lifetime: int | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """Who signed the request, for which service, and the request without the signatures S3 uploads have inside."""

    access_key: str
    service: str
    request: Request


def stated(request: Request) -> Signature | None:
    """The signature a request carries in its header or URL, None if it carries none.

    Raises: Refused: it carries one that is malformed, or of a kind we do not verify.
    """
    header = request.headers.get("authorization")
    if header is not None:
        return _of_header(header, request.headers.get("x-amz-date", ""))
    if "X-Amz-Signature=" in request.query or "X-Amz-Algorithm=" in request.query:
        return _of_url(request.query)
    if re.search(r"(^|&)AWSAccessKeyId=", request.query):
        raise Refused("IncompleteSignature", f"Signature version 2 is not supported. Please use {_ALGORITHM}.")
    return None


def _of_header(header: str, stamp: str) -> Signature:
    kind, _, rest = header.strip().partition(" ")
    if kind != _ALGORITHM:
        # AWS4-ECDSA-P256-SHA256 (version 4A), AWS (version 2), Bearer, Basic …
        raise Refused("IncompleteSignature", f"Authorization {kind[:40]!r} is not supported. Please use {_ALGORITHM}.")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    for name in ("Credential", "SignedHeaders", "Signature"):
        if name not in fields:
            raise Refused("IncompleteSignature", f"Authorization header requires '{name}' parameter.")
    return _checked(fields["Credential"], fields["SignedHeaders"], fields["Signature"], stamp)


def _of_url(query: str) -> Signature:
    fields = {key: value for key, _, value in (pair.partition("=") for pair in query.split("&"))}
    plain = {key: unquote_to_bytes(value).decode("latin-1") for key, value in fields.items()}
    if plain.get("X-Amz-Algorithm") != _ALGORITHM:
        raise Refused("IncompleteSignature", f"X-Amz-Algorithm must be {_ALGORITHM}.")
    for name in ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Expires", "X-Amz-Date"):
        if name not in plain:
            raise Refused("IncompleteSignature", f"The query string requires '{name}'.")
    expires = plain["X-Amz-Expires"]
    if not re.fullmatch("[0-9]{1,6}", expires) or not 1 <= int(expires) <= _WEEK:
        raise Refused("IncompleteSignature", f"X-Amz-Expires must be between 1 and {_WEEK} seconds.")
    credential, signed = plain["X-Amz-Credential"], plain["X-Amz-SignedHeaders"]
    return _checked(credential, signed, plain["X-Amz-Signature"], plain["X-Amz-Date"], int(expires))


def _checked(credential: str, signed: str, value: str, stamp: str, lifetime: int | None = None) -> Signature:
    found = _CREDENTIAL.fullmatch(credential)
    if found is None:
        raise Refused("IncompleteSignature", "Credential must be KEY/YYYYMMDD/region/service/aws4_request.")
    if not _NAMES.fullmatch(signed) or signed != signed.lower():
        raise Refused("IncompleteSignature", "SignedHeaders must be lower-case names with semicolons between them.")
    if not _HEX.fullmatch(value):
        raise Refused("SignatureDoesNotMatch", _WRONG)
    if not _STAMP.fullmatch(stamp):
        raise Refused("IncompleteSignature", f"X-Amz-Date must be like 20260131T235959Z, not {stamp[:40]!r}.")
    return Signature(found[1], found[2], found[3], found[4], tuple(signed.split(";")), value, stamp, lifetime)


class Verifier:
    """Verifies signatures against the secrets `lookup` knows; a clock may be wrong by `skew` seconds."""

    def __init__(self, lookup: Callable[[str], str | None], skew: float) -> None:
        self._lookup, self._skew = lookup, timedelta(seconds=skew)
        self._keys: dict[tuple[str, str, str, str], bytes] = {}

    def verify(self, signature: Signature, request: Request, now: datetime) -> Verified:
        """Raises: Refused: the key is unknown, the signature is another one, or its time is over.

        A session token is not asked for: there are no temporary credentials here, and the tools send stale ones along.
        """
        said = _said(signature, request)
        payload = said or _hash(request)
        seed = self._verified(signature, request, payload, now)
        if said is None or (said == "UNSIGNED-PAYLOAD" and signature.service == "s3"):
            return Verified(signature.access_key, signature.service, request)
        if said in CHUNKED and signature.service == "s3":
            body = request.body if request.spooled is None else request.spooled
            return Verified(signature.access_key, signature.service, _joined(request, unchunked(body, said, seed)))
        if said != _hash(request):
            told = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise Refused("XAmzContentSHA256Mismatch", told)
        return Verified(signature.access_key, signature.service, request)

    def vouches(self, signature: Signature, head: Request, now: datetime) -> bool:
        """Whether a request whose body is still to come was signed by somebody known."""
        payload = _said(signature, head)
        try:
            return payload is not None and bool(self._verified(signature, head, payload, now))
        except Refused:
            return False

    def _verified(self, signature: Signature, request: Request, payload: str, now: datetime) -> Seed:
        """What signatures of chunks build on. Raises: Refused: see `verify`."""
        self._check_time(signature, now)
        _check_headers(signature, request)
        secret = self._lookup(signature.access_key)
        if secret is None:
            raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
        scope = f"{signature.date}/{signature.region}/{signature.service}/aws4_request"
        canonical = sha256(_canonical(signature, request, payload).encode("latin-1")).hexdigest()
        to_sign = f"{_ALGORITHM}\n{signature.stamp}\n{scope}\n{canonical}"
        key = self._key(secret, signature)
        if not hmac.compare_digest(hmac.new(key, to_sign.encode(), sha256).hexdigest(), signature.value):
            raise Refused("SignatureDoesNotMatch", _WRONG)
        return Seed(key, signature.stamp, scope, signature.value)

    def _check_time(self, signature: Signature, now: datetime) -> None:
        stamp = signature.stamp
        try:
            made = datetime.fromisoformat(stamp)
        except ValueError:
            raise Refused("IncompleteSignature", f"X-Amz-Date is no instant: {stamp!r}.") from None
        if stamp[:8] != signature.date:
            raise Refused("SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from X-Amz-Date.")
        if signature.lifetime is not None and now > made + timedelta(seconds=signature.lifetime):
            over = made + timedelta(seconds=signature.lifetime)
            raise Refused("RequestExpired", f"The request expired at {over:{_WRITTEN}}; it is now {now:{_WRITTEN}}.")
        if (signature.lifetime is None and now - made > self._skew) or made - now > self._skew:
            what = "not yet current" if made > now else "expired"
            minutes = f"{self._skew.total_seconds() / 60:g} min"
            said = f"{stamp} is more than {minutes} from the server's clock, {now:{_WRITTEN}}"
            raise Refused("SignatureDoesNotMatch", f"Signature {what}: {said}.")

    def _key(self, secret: str, signature: Signature) -> bytes:
        about = (secret, signature.date, signature.region, signature.service)
        key = self._keys.get(about)
        if key is None:
            key = f"AWS4{secret}".encode()
            for part in (*about[1:], "aws4_request"):
                key = hmac.new(key, part.encode(), sha256).digest()
            if len(self._keys) > 1000:
                self._keys.clear()
            self._keys[about] = key
        return key


def _check_headers(signature: Signature, request: Request) -> None:
    """What decides the meaning of a request must be under its signature, or anybody on the way could change it."""
    missing = [name for name in signature.signed if name not in request.headers]
    if missing:
        raise Refused("SignatureDoesNotMatch", f"The signed header {missing[0]!r} is not in the request.")
    if "host" not in signature.signed:
        raise Refused("SignatureDoesNotMatch", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    for name in request.headers:
        if name.startswith("x-amz-") and name not in signature.signed and name not in ADDED_ON_THE_WAY:
            raise Refused("SignatureDoesNotMatch", f"The header {name!r} is present in the request but not signed.")


def _said(signature: Signature, request: Request) -> str | None:
    """What the request says stands for its body in the canonical request; None: the body's hash."""
    said = request.headers.get("x-amz-content-sha256")
    if signature.service != "s3":
        # The words for bodies without a hash are S3's; elsewhere they are a hash that is wrong.
        return said
    return "UNSIGNED-PAYLOAD" if said is None and signature.lifetime is not None else said


def _hash(request: Request) -> str:
    return sha256(request.body if request.spooled is None else request.spooled).hexdigest()


def _joined(request: Request, unchunked: Unchunked) -> Request:
    """The request with the content of its chunks as body, and what stood behind them among its headers."""
    headers = {**unchunked.trailers, **request.headers}
    if isinstance(unchunked.content, memoryview):
        return replace(request, headers=headers, spooled=unchunked.content)
    return replace(request, headers=headers, body=unchunked.content)


def _canonical(signature: Signature, request: Request, payload: str) -> str:
    headers: Mapping[str, str] = request.headers
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in signature.signed)
    path = _once(request.path) if signature.service == "s3" else quote(normalised(request.path), safe="/-_.~")
    query = _canonical_query(request.query)
    return "\n".join([request.method, path, query, lines, ";".join(signature.signed), payload])


def _once(path: str) -> str:
    """S3's keys are encoded once, and `//` and `..` in them mean themselves."""
    return "/".join(quote(unquote_to_bytes(part), safe="-_.~") for part in path.split("/")) or "/"


def normalised(path: str) -> str:
    """A raw path without empty and dot segments, as every service but S3 reads it.

    >>> normalised("/a//b/./c/../d/"), normalised("")
    ('/a/b/d/', '/')
    """
    if "//" not in path and "/." not in path:
        return path or "/"
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts) + ("/" if parts and path.endswith("/") else "")


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = [
        (quote(unquote_to_bytes(key), safe="-_.~"), quote(unquote_to_bytes(value), safe="-_.~"))
        for key, _, value in (pair.partition("=") for pair in query.split("&") if pair)
    ]
    return "&".join(f"{key}={value}" for key, value in sorted(pairs) if key != "X-Amz-Signature")
