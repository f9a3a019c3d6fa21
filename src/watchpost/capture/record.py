"""One call as a line of a capture file (contract 1.2, 1.3)."""

import base64
import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from watchpost.capture.config import CaptureConfig
from watchpost.capture.fields import (
    Field,
    Side,
    UnknownFieldError,
    read_csv_field,
    read_json_field,
    rewrite_csv,
    rewrite_json,
)
from watchpost.capture.redaction import replacements
from watchpost.capture.sampling import PROBABILITY_ATTRIBUTE, place_of

Outcome = Literal["sampled_out", "withheld", "oversized"]
"""Why a call makes no line; each is counted under its name."""

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9._-]+)", re.IGNORECASE)
# Those that serving code sends; Python knows many more, some of which are no character sets.
_CHARSETS = {
    "utf-8",
    "utf8",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "latin-1",
    "latin1",
    "windows-1252",
    "cp1252",
    "utf-16",
}
_FIXED = 0x4 << 76 | 0x2 << 62  # version 4 of the variant of RFC 9562, 4.1; all other bits are free
_FREE = (1 << 128) - 1 ^ (0xF << 76 | 0x3 << 62)


class CapturedCall(Struct, frozen=True, gc=False):
    """What a writer is handed: the bytes that passed, and what the headers said of them.

    input, output: a body; None where that side was not seen. input_type, output_type: Content-Type as seen.
    input_coding, output_coding: Content-Encoding as seen; gzip and deflate are unpacked.
    custom_attributes: the values of the header, one each. at: seconds since 1970 of the invocation; None: when handed
    over. event: what `CaptureWriter.admit` gave; None: the writer draws one and decides.
    """

    input: bytes | None
    output: bytes | None
    input_type: str = ""
    output_type: str = ""
    inference_id: str | None = None
    custom_attributes: tuple[str, ...] = ()
    at: float | None = None
    event: int | None = None
    input_coding: str = ""
    output_coding: str = ""


Handed = tuple[
    bytes | None,
    bytes | None,
    str | bytes,
    str | bytes,
    str | None,
    tuple[str, ...],
    float | None,
    int | None,
    str,
    str,
    int,
]
"""A call as it waits in the queue: its members in their order, then the bytes of its bodies together.

Content types may be as they came, in Latin-1. A tuple, as every request pays for it, and what is done with thousands of
calls at once begins with taking them apart.
"""


def handed(call: CapturedCall) -> Handed:
    """A call as it waits. Raises: TypeError: of a body that has no length."""
    return (*astuple(call), len(call.input or b"") + len(call.output or b""))


def call_of(waiting: Handed) -> CapturedCall:
    """The call that waits."""
    asked, answered, asked_as, answered_as, inference_id, attributes, at, event, packed, repacked, _ = waiting
    types = _text(asked_as), _text(answered_as)
    return CapturedCall(asked, answered, *types, inference_id, attributes, at, event, packed, repacked)


def _text(header: str | bytes) -> str:
    return header if isinstance(header, str) else header.decode("latin-1")


_encode = msgspec.json.Encoder().encode
_AFTER_SIDES = b'},"eventMetadata":{"eventId":"'
_TAILS = {encoding: f',"encoding":"{encoding}"}}'.encode() for encoding in ("CSV", "JSON", "BASE64")}


_Payload = tuple[bytes, str, str | None]
"""One side on its way into a line: its bytes, its encoding, and its text if that is CSV or JSON."""


class Transcriber:
    """Makes lines of calls as one config says. Works on the background thread.

    plain: no payload needs to be looked into. most_bytes: of a body. around: see `_around`, by the types of both sides.
    """

    def __init__(self, config: CaptureConfig) -> None:
        self._config, self._rules, self.most_bytes = config, bool(config.sampling.rules), config.max_body_bytes
        self._unequal = config.sampling.unequal
        self._reads_input, self._reads_output = config.input or self._rules, config.output or self._rules
        redact, hashed = ([Field.parse(text) for text in texts] for texts in (config.redact, config.hash))
        self._changes = {
            "input": replacements("input", redact, hashed, config.hash_key),
            "output": replacements("output", redact, hashed, config.hash_key),
        }
        texts = {"JSON": config.json_content_types, "CSV": config.csv_content_types}
        encodings = {kind.lower(): encoding for encoding, kinds in texts.items() for kind in kinds}
        self.plain = config.input and config.output and not (self._rules or redact or hashed)
        # A model's clients send the same few headers for ever.
        self._read_as = lru_cache(maxsize=64)(partial(_read_as, encodings))
        self.around = lru_cache(maxsize=64)(partial(_around, encodings))

    def line(self, call: CapturedCall, at: float, event: int) -> bytes | Outcome:
        """The call's line, ended by a newline, or why it has none.

        at: seconds since 1970. event: 128 random bits. A field that sampling asks for and the payload does not have
        makes no rule hold.
        """
        sides = self._plain_sides(call)
        if sides is not None and not call.custom_attributes:
            # What nearly every call is.
            given = b',"inferenceId":' + _encode(call.inference_id) if call.inference_id else b""
            return b"".join((sides, event_id(event).encode(), b'"', given, line_end(int(at))))
        attributes = _of_client(call.custom_attributes)
        if sides is None:
            asked = self._payload(call.input, call.input_type, call.input_coding, wanted=self._reads_input)
            answered = self._payload(call.output, call.output_type, call.output_coding, wanted=self._reads_output)
            if isinstance(asked, str) or isinstance(answered, str):
                return "oversized"
            if self._rules:
                probability = self._probability(asked, answered)
                if not kept(probability, call.inference_id, event):
                    return "sampled_out"
                # Where all records weigh the same nothing is added. Else those of weight 1 say so too: lines that are
                # all alike are read five times as fast.
                if self._unequal:
                    attributes = (*attributes, f"{PROBABILITY_ATTRIBUTE}={probability!r}")
            try:
                sides = b'{"captureData":{%b%b' % (self._sides(asked, answered, call), _AFTER_SIDES)
            except UnknownFieldError:
                return "withheld"
        return b'%b%b"%b%b%b' % (
            sides,
            event_id(event).encode(),
            b',"inferenceId":' + _encode(call.inference_id) if call.inference_id else b"",
            b',"customAttributes":' + _encode(attributes) if attributes else b"",
            line_end(int(at)),
        )

    def _plain_sides(self, call: CapturedCall) -> bytes | None:
        """The line up to the event's id, of a call that needs no looking into; None for any other.

        The same bytes as `_sides` gives, for a third of the time. Many such calls go faster still: see `slices`.
        """
        asked, answered = call.input, call.output
        if not self.plain or asked is None or answered is None or call.input_coding or call.output_coding:
            return None
        most, around = self.most_bytes, self.around(call.input_type, call.output_type)
        if around is None or len(asked) > most or len(answered) > most:
            return None
        try:
            escaped = _encode(asked.decode())[1:-1], _encode(answered.decode())[1:-1]
        except UnicodeDecodeError:
            return None
        return b"".join((around[0], escaped[0], around[1], escaped[1], around[2]))

    def _sides(self, asked: "_Payload | None", answered: "_Payload | None", call: CapturedCall) -> bytes:
        """The captured sides. Raises: UnknownFieldError."""
        sides = []
        if asked is not None and self._config.input:
            sides.append(self._side("input", asked, call.input_type))
        if answered is not None and self._config.output:
            sides.append(self._side("output", answered, call.output_type))
        return b",".join(sides)

    def _payload(
        self, body: bytes | None, content_type: str, coding: str, *, wanted: bool
    ) -> _Payload | Literal["oversized"] | None:
        if body is None or not wanted:
            return None
        if coding and (coding := coding.strip().lower()) != "identity":
            unpacked = _unpacked(body, coding, self.most_bytes)
            if unpacked is None:
                return body, "BASE64", None
            body = unpacked
        if len(body) > self.most_bytes:
            return "oversized"
        encoding, charset = self._read_as(content_type)
        if charset is not None:
            try:
                return body, encoding, body.decode(charset)
            except UnicodeDecodeError:
                pass
        return body, "BASE64", None

    def _side(self, side: Side, payload: _Payload, content_type: str) -> bytes:
        """A side of the record. Raises: UnknownFieldError: nobody knows where a field is that must not be written."""
        body, encoding, text = payload
        changes = self._changes[side]
        if changes and body:
            if text is None:
                raise UnknownFieldError(content_type)
            csv = encoding == "CSV"
            text = rewrite_csv(text, changes, self._names(side)) if csv else rewrite_json(text, changes)
        elif text is None:
            text = base64.b64encode(body).decode()
        return _head(side, content_type) + _encode(text) + _TAILS[encoding]

    def _names(self, side: Side) -> tuple[str, ...]:
        return self._config.input_columns if side == "input" else self._config.output_columns

    def _probability(self, asked: _Payload | None, answered: _Payload | None) -> float:
        def cells(field: Field) -> Iterable[str | None]:
            payload = asked if field.side == "input" else answered
            if payload is None or payload[2] is None:
                return ()
            try:
                if payload[1] == "CSV":
                    return list(read_csv_field(payload[2], field, self._names(field.side)))
                return list(read_json_field(payload[2], field))
            except UnknownFieldError:
                return ()

        return self._config.sampling.probability(cells)


def _of_client(attributes: tuple[str, ...]) -> tuple[str, ...]:
    """A caller's attributes, less what would give its records a weight of its own choosing."""
    if not attributes or not any(text.startswith(f"{PROBABILITY_ATTRIBUTE}=") for text in attributes):
        return attributes
    return tuple(text for text in attributes if not text.startswith(f"{PROBABILITY_ATTRIBUTE}="))


def kept(probability: float, inference_id: str | None, event: int) -> bool:
    """Whether sampling keeps a call of that inclusion probability, in [0, 1]."""
    if probability >= 1:
        return True
    return place_of(inference_id.encode() if inference_id else event.to_bytes(16)) < probability


def event_id(event: int) -> str:
    """128 random bits as a UUID of version 4.

    >>> event_id(0)
    '00000000-0000-4000-8000-000000000000'
    """
    digits = (event & _FREE | _FIXED).to_bytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@lru_cache(maxsize=4)
def line_end(second: int) -> bytes:
    """A line from the event's time on."""
    return (
        datetime.fromtimestamp(second, UTC)
        .strftime(',"inferenceTime":"%Y-%m-%dT%H:%M:%SZ"},"eventVersion":"0"}\n')
        .encode()
    )


@lru_cache(maxsize=256)
def _head(side: Side, content_type: str) -> bytes:
    """A side up to its data."""
    name, mode = ("endpointInput", "INPUT") if side == "input" else ("endpointOutput", "OUTPUT")
    observed = b'"observedContentType":' + _encode(content_type) + b"," if content_type else b""
    return b'"%b":{%b"mode":"%b","data":' % (name.encode(), observed, mode.encode())


def _read_as(encodings: Mapping[str, str], content_type: str) -> tuple[str, str | None]:
    """The encoding of a payload by its Content-Type, without parameters, and its character set if it is text."""
    found = _CHARSET.search(content_type)
    charset = found[1].lower() if found and found[1].lower() in _CHARSETS else "utf-8"
    encoding = encodings.get(content_type.partition(";")[0].strip().lower())
    return ("BASE64", None) if encoding is None else (encoding, charset)


def _around(
    encodings: Mapping[str, str], asked_as: str | bytes, answered_as: str | bytes
) -> tuple[bytes, bytes, bytes] | None:
    """What stands before, between and after the data of two sides, quotes included; None if one is no text in UTF-8."""
    asked_as, answered_as = _text(asked_as), _text(answered_as)
    (asked, asked_charset), (answered, answered_charset) = (
        _read_as(encodings, content_type) for content_type in (asked_as, answered_as)
    )
    if (asked_charset, answered_charset) != ("utf-8", "utf-8"):
        return None
    return (
        b'{"captureData":{' + _head("input", asked_as) + b'"',
        b'"' + _TAILS[asked] + b"," + _head("output", answered_as) + b'"',
        b'"' + _TAILS[answered] + _AFTER_SIDES,
    )


def _unpacked(body: bytes, coding: str, most: int) -> bytes | None:
    """The content, cut off a byte beyond `most`; None if it is not packed so."""
    if coding not in {"gzip", "x-gzip", "deflate"}:
        return None
    try:
        # 32: the header says whether it is gzip or zlib.
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
        content = unpacking.decompress(body, most + 1)
    except zlib.error:
        return None
    return content if unpacking.eof or len(content) > most else None
