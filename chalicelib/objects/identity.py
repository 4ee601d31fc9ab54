"""What makes an object the same object: its id is a function of whatever identifies it.

The primary key is the uniqueness index: two writers with one identity meet on one row, and one conditional
write settles which of them made it. See docs/decisions/uniqueness.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.errors import Problem, RequestInvalid
from chalicelib.core.ids import ALPHABET
from chalicelib.objects.nested_fields import field_value
from chalicelib.schemas.values import Field, problems_in

PREFIX = "obj"
ID_CHARS = 26
MAX_KEY_CHARS = 255


def id_of_unique_key(bucket_id: str, unique_key: Mapping[str, Any]) -> str:
    """The id of the object that these values identify; their order has no meaning, and 1 equals 1.0."""
    return _id("unique_key", bucket_id, sorted([name, _normal(value)] for name, value in unique_key.items()))


def id_of_idempotency_key(bucket_id: str, key: str) -> str:
    """The id of the object that was created with this key."""
    return _id("idempotency_key", bucket_id, key)


def id_of_content(bucket_id: str, content_hash: str, turn: int) -> str:
    """The id of the object that has this content; a further one for each turn that finds it taken by other content."""
    return _id("content", bucket_id, content_hash, turn)


def content_hash(contents: Iterable[tuple[str, str | None]]) -> str | None:
    """A name for the whole content, from (property, SHA-256) of each file; None where any is unknown, or all."""
    known = [(name, sha256) for name, sha256 in contents]
    if not known or any(sha256 is None for _, sha256 in known):
        return None
    return _digest("contents", sorted(map(list, known))).hex()[:32]


def read_unique_key(names: Iterable[str], values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the unique key: each from the root of the object, else from its `metadata`.

    Raises RequestInvalid for every field that is absent, null, empty, too long or of another type.
    """
    found = {name: field_value(values, name) for name in names}
    problems = [problem for name in found for problem in _problems(name, found[name], schema["properties"][name])]
    if problems:
        raise RequestInvalid(problems)
    return found


def _problems(name: str, value: Any, field: Field) -> Iterable[Problem]:
    place = ("body", name)
    if value is None:
        return [Problem(place, "A field of the unique key is required", "missing")]
    if value == "":
        return [Problem(place, "A field of the unique key is not empty", "string_too_short")]
    if isinstance(value, str) and len(value) > MAX_KEY_CHARS:
        return [Problem(place, f"A field of the unique key has at most {MAX_KEY_CHARS} characters", "string_too_long")]
    return problems_in(value, field, place)


def _normal(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _id(*parts: Any) -> str:
    number = int.from_bytes(_digest(*parts)) >> (256 - 5 * ID_CHARS)
    return f"{PREFIX}_" + "".join(ALPHABET[number >> 5 * place & 31] for place in range(ID_CHARS - 1, -1, -1))


def _digest(*parts: Any) -> bytes:
    text = json.dumps(["buckets-api", *parts], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()
