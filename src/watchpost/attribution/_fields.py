"""Fields of a JSON object whose names, or shapes, only the file knows."""

import json

from watchpost.profiles.baseline_json import Fields, Json


def names(fields: Fields) -> tuple[str, ...]:
    """The names of all fields of an object nobody has asked for anything yet, in file order."""
    return tuple(str(field.place[-1]) for field in fields.unknown())


def raw(fields: Fields, key: str) -> Json:
    """A field's value as it stands, None when there is none. It stays unknown, so it is written back as it is."""
    found = next((field.json for field in fields.unknown() if field.place[-1] == key), "null")
    value: Json = json.loads(found)
    return value
