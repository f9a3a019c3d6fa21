"""Fields that are discovered in JSON messages: `a.b` of {"a": {"b": 1}}, `items.0.x` of {"items": [{"x": 1}]}."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

SYSTEM = ("@timestamp", "@ingestionTime", "@message", "@logStream", "@log")
"""Fields that every event has."""

MOST_DISCOVERED = 200
"""Fields of an event that GetLogRecord and GetLogGroupFields list, as in CloudWatch."""


def discovered(messages: Sequence[str], names: Sequence[str]) -> dict[str, list[str | None]]:
    """The texts of some fields of each message; None where there is none.

    Numbers keep the text they have in the message, booleans read 1 and 0, null counts as missing, and objects and
    arrays have no text of their own. Only messages that are JSON objects have fields.
    """
    tops = sorted({top for name in names for top in _tops(name)})
    decoder = _decoder(tops)
    members = {top: f"m{index}" for index, top in enumerate(tops)}
    decoded = _decoded(messages, decoder)
    return {name: [None if one is None else _field(one, name, members) for one in decoded] for name in names}


def parse_document(message: str) -> dict[str, object] | None:
    """The JSON object that a message is, numbers with a point as their texts; None if it is none."""
    if message.lstrip()[:1] != "{":
        return None
    try:
        return _WHOLE.decode(message)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def flattened(document: Mapping[str, object]) -> dict[str, str]:
    """All fields of an event by dotted names, up to 200 of them."""
    found: dict[str, str] = {}
    for name, value in _leaves(document, ""):
        text = scalar_text(value)
        if text is not None:
            found[name] = text
        if len(found) == MOST_DISCOVERED:
            break
    return found


def look_up(value: object, name: str) -> object:
    """The member of a dotted name; a key that holds dots itself is found too. None: it is not there, or null."""
    return _look_up(value, name.split("."), 0)


def scalar_text(value: object) -> str | None:
    """The text of a decoded value; None for null, objects and arrays."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, int) else None


def item_value(text: str) -> object:
    """The value that a JSON text is, numbers with a point as their texts."""
    return _ANY.decode(text)


def items_of(text: str | None, name: str = "") -> list[str | None]:
    """The elements of the list at a dotted name of a JSON value (the value itself without one), each as JSON.

    Anything but a list is its own only element; None, for a missing one, too.
    """
    if text is None:
        return [None]
    whole = msgspec.json.decode(text)
    value = look_up(whole, name) if name else whole
    elements = value if isinstance(value, list) else [value]
    return [None if each is None else msgspec.json.encode(each).decode() for each in elements]


_ANY = msgspec.json.Decoder(float_hook=str)
_WHOLE = msgspec.json.Decoder(dict[str, object], float_hook=str)


def _tops(name: str) -> list[str]:
    """The top-level members in which a dotted name may begin."""
    steps = name.split(".")
    return [".".join(steps[: count + 1]) for count in range(len(steps))]


def _decoder(tops: Sequence[str]) -> msgspec.json.Decoder[msgspec.Struct]:
    """Reads objects for these members and skips all others, which makes it three times as fast."""
    names = [f"m{index}" for index in range(len(tops))]
    wanted = msgspec.defstruct(
        "Wanted", [(name, object, None) for name in names], rename=dict(zip(names, tops, strict=True)), gc=False
    )
    return msgspec.json.Decoder(wanted, float_hook=str)


def _decoded(messages: Sequence[str], decoder: msgspec.json.Decoder[msgspec.Struct]) -> list[msgspec.Struct | None]:
    places = [place for place, message in enumerate(messages) if message[:1] == "{" and "\n" not in message]
    found: list[msgspec.Struct | None] = [None] * len(messages)
    try:
        # All in one go; lines that are no JSON make it fail as a whole, and then each message is tried by itself.
        lines = decoder.decode_lines("\n".join([messages[place] for place in places]))
        if len(lines) == len(places):
            for place, line in zip(places, lines, strict=True):
                found[place] = line
            rest = sorted(set(range(len(messages))).difference(places))
        else:
            rest = list(range(len(messages)))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        rest = list(range(len(messages)))
    for place in rest:
        found[place] = _one(messages[place], decoder)
    return found


def _one(message: str, decoder: msgspec.json.Decoder[msgspec.Struct]) -> msgspec.Struct | None:
    if message.lstrip()[:1] != "{":
        return None
    try:
        return decoder.decode(message)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def _field(one: msgspec.Struct, name: str, members: Mapping[str, str]) -> str | None:
    steps = name.split(".")
    for count in range(len(steps), 0, -1):
        value = getattr(one, members[".".join(steps[:count])])
        found = value if count == len(steps) else _look_up(value, steps, count)
        text = scalar_text(found)
        if text is not None:
            return text
    return None


def _look_up(value: object, steps: list[str], at: int) -> object:
    if at == len(steps):
        return value
    if isinstance(value, list):
        index = steps[at]
        inside = index.isascii() and index.isdigit() and int(index) < len(value)
        return _look_up(value[int(index)], steps, at + 1) if inside else None
    if not isinstance(value, dict):
        return None
    for end in range(len(steps), at, -1):
        key = ".".join(steps[at:end])
        if key in value:
            found = _look_up(value[key], steps, end)
            if found is not None:
                return found
    return None


def _leaves(value: object, name: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves(each, f"{name}.{index}")
    else:
        yield name, value
