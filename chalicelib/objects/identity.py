"""Computes object ids from what identifies an object: the unique key, the idempotency key, or the content.

The primary key of the table is thus the uniqueness index: two requests with the same key write the same row, and the
conditional write lets one of them create it. See docs/decisions/uniqueness.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.core.errors import Problem, RequestInvalid
from chalicelib.core.ids import id_of_digest
from chalicelib.objects.nested_fields import field_value
from chalicelib.schemas.values import Field, problems_in

PREFIX = "obj"
ID_CHARS = 26
MAX_KEY_CHARS = 255


def id_of_unique_key(bucket_id: str, unique_key: Mapping[str, Any]) -> str:
    """The id of the object with these key values. Their order does not matter, and 1 equals 1.0."""
    return _id("unique_key", bucket_id, sorted([name, _normal(value)] for name, value in unique_key.items()))


def id_of_idempotency_key(bucket_id: str, key: str) -> str:
    """The id of an object that is created with this idempotency key."""
    return _id("idempotency_key", bucket_id, key)


def id_of_content(bucket_id: str, content_hash: str, attempt: int) -> str:
    """The id of an object with this content.

    Each value of `attempt` gives another id. It is increased if an object with other content has the id.
    """
    return _id("content", bucket_id, content_hash, attempt)


def content_hash(contents: Iterable[tuple[str, str | None]]) -> str | None:
    """A hash over the (property, SHA-256) pairs of all files, in any order. None without files or if any is unknown."""
    known = [(name, sha256) for name, sha256 in contents]
    if not known or any(sha256 is None for _, sha256 in known):
        return None
    return _digest("contents", sorted(map(list, known))).hex()[:32]


def read_unique_key(names: Iterable[str], values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The validated values of the unique key, by field name: from the root of the object, else from its `metadata`.

    Raises RequestInvalid for every field that is absent, null, empty, too long or of another type.
    """
    found = {name: field_value(values, name) for name in names}
    problems = [problem for name in found for problem in _problems(name, found[name], schema["properties"][name])]
    if problems:
        raise RequestInvalid(problems)
    return found


def _problems(name: str, value: Any, field: Field) -> Iterable[Problem]:
    location = ("body", name)
    if value is None:
        return [Problem(location, "A field of the unique key is required", "missing")]
    if value == "":
        return [Problem(location, "A field of the unique key is not empty", "string_too_short")]
    if isinstance(value, str) and len(value) > MAX_KEY_CHARS:
        return [
            Problem(location, f"A field of the unique key has at most {MAX_KEY_CHARS} characters", "string_too_long")
        ]
    return problems_in(value, field, location)


def _normal(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _id(*parts: Any) -> str:
    return id_of_digest(PREFIX, _digest(*parts), ID_CHARS)


def _digest(*parts: Any) -> bytes:
    text = json.dumps(["buckets-api", *parts], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()
