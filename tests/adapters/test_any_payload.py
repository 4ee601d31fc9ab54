"""No payload and no expression causes another error than Unmappable, or a value that is not JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.mapping import (
    Mapped,
    Unmappable,
    dedup_value,
    event_type,
    idempotency_key,
    map_payload,
    unwanted_reason,
)
from chalicelib.core.json_codec import check_json, to_json
from tests.adapters.stored import BODY, SCHEMA

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**38, -(10**400), 2**63])
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=10)
    | st.sampled_from(
        [
            "\ud800",
            "https://example.com/a.mp4",
            "http://[",
            "high.mp4",
            "public",
            "ready",
            "x" * 3000,
            "video.asset.static_renditions.ready",
            "video.asset.static_rendition.ready",
            "video.asset.ready",
            "INSERT",
        ]
    )
)
EVENT_KEYS = [
    "type",
    "event_type",
    "operation",
    "event",
    "id",
    "asset_id",
    "object_id",
    "record",
    "data",
    "name",
    "url",
]
MUX_KEYS = ["static_renditions", "files", "playback_ids", "policy", "status", "height"]
KEYS = st.sampled_from([*EVENT_KEYS, *MUX_KEYS, "0", "", ".", "a.b", "data.id", "\ud800"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))


def asset(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Returns payloads that resemble those of Mux, with any value in any place."""
    file = st.fixed_dictionaries({"name": values}, optional={"height": values, "status": values}) | values
    playback_id = st.fixed_dictionaries({"id": values, "policy": values}) | values
    renditions = st.fixed_dictionaries({"files": st.lists(file, max_size=3) | values}, optional={"status": values})
    data = st.fixed_dictionaries(
        {},
        optional={
            "id": values,
            "asset_id": values,
            "name": values,
            "url": values,
            "static_renditions": renditions | values,
            "playback_ids": st.lists(playback_id, max_size=3) | values,
        },
    )
    return st.fixed_dictionaries({"type": values, "data": data | values}, optional={"id": values, "record": values})


def nested(levels: int) -> Any:
    value: Any = 1
    for number in range(levels):
        value = [value] if number % 2 else {"data": value}
    return value


PAYLOADS = VALUES | asset(SCALARS | VALUES) | st.integers(1, 5000).map(lambda levels: {"data": nested(levels)})
DOTTED = ["type", "data", "data.id", "data.0", "data.url", "a.b", "", ".", "record.id", "data.playback_ids.0.id"]
EXPRESSIONS = """\
data
data.*.id
data[*].data
to_string(@)
sort_by(data, &id)
data.id == data.asset_id
@
*[][]
join('', data.playback_ids[].id)
sum(values(data))
max(data.*)
data.files[?height > `5`].name | [0]
[@, @] | [@, @] | to_string(@)
contains(data, data.id)
to_number(data.id)
ceil(data.height)
`[1, {
abs(data)
avg(data)
type < event
merge(data, record)
!data
map(&id, data)
reverse(type)
&id""".splitlines()
PATHS = st.sampled_from(DOTTED) | st.sampled_from([f"jmespath:{text}" for text in EXPRESSIONS])
SOURCES = st.builds(
    lambda path, name: {"file_field": path, "target_property": name, "blob_type": SCHEMA["properties"][name]["type"]},
    PATHS,
    st.sampled_from(["clip", "poster"]),
)
ADAPTERS = st.fixed_dictionaries(
    {
        "adapter_type": st.sampled_from(["mux", "iconik", "generic_webhook", "supabase"]),
        "enabled": st.sampled_from([True, True, False]),
        "event_filter": st.none() | st.just({"event_types": ["video.asset.ready", "INSERT"]}),
        "field_mapping": st.dictionaries(PATHS, st.sampled_from([*SCHEMA["properties"]]), max_size=3),
        "blob_source": st.none() | SOURCES,
        "dedup_key": st.none() | PATHS,
    }
)
SCHEMAS = st.sampled_from([SCHEMA, {"properties": {}}, {"properties": {"clip": {"type": "video"}}}])


def outcome(call: Callable[[], Any]) -> Any:
    """Returns the result of a call, or the reason for which the payload is unmappable."""
    try:
        return call()
    except Unmappable as error:
        reason = error.reason
    assert reason.isprintable()
    assert len(reason.encode()) < 2500
    return reason


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax:PendingDeprecationWarning")
@given(ADAPTERS, PAYLOADS, SCHEMAS)
def test_any_payload_is_mapped_to_valid_json_or_unmappable(
    stored: dict[str, Any], payload: Any, schema: dict[str, Any]
) -> None:
    mapped = outcome(lambda: map_payload(stored, payload, schema))
    if isinstance(mapped, Mapped):
        check_json(to_json({**mapped.fields, "blobs": [mapped.blob]}).encode())
        assert mapped.paths.keys() == mapped.fields.keys() | ({mapped.blob["property"]} if mapped.blob else set())
        assert mapped.blob is None or mapped.blob["data"].lower().startswith(("https://", "http://"))
    key = outcome(lambda: idempotency_key(stored, payload, BODY))
    value = outcome(lambda: dedup_value(stored, payload, BODY))
    assert key.startswith("adapter:") or key == value
    reason = unwanted_reason(stored, payload)
    for text in (reason, event_type(stored["adapter_type"], payload)):
        assert text is None or len(text.encode()) < 2500
    assert reason is None or reason.isprintable()


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax:PendingDeprecationWarning")
@given(ADAPTERS, PAYLOADS)
def test_the_outcome_depends_on_nothing_else(stored: dict[str, Any], payload: Any) -> None:
    def everything() -> Any:
        return repr(
            (
                outcome(lambda: map_payload(stored, payload, SCHEMA)),
                outcome(lambda: idempotency_key(stored, payload, BODY)),
                unwanted_reason(stored, payload),
            )
        )

    assert everything() == everything()


TERMS = ["a", "b", "d", "@", "*", "`1`", "'x'", "`NaN`", "`1e999`", "[0]", "[*]", "a.b", "'9' | to_number(@)"]
FORMS = """\
({0})[*]
({0})[]
({0})[::2]
({0})[?{1}]
({0}) | ({1})
({0}) == ({1})
({0}) < ({1})
({0}) && ({1})
[{0}, {1}]
[[{0}, {1}], [{1}, {0}]][] | [@, @]
to_string({0})
contains({0}, {1})
join('-', {0})
sort_by({0}, &({1}))
map(&({0}), {1})
sort({0})
sum({0})
ceil({0})
to_number({0})
keys({0})""".splitlines()
FORMED = st.recursive(
    st.sampled_from(TERMS),
    lambda inner: st.builds(str.format, st.sampled_from(FORMS), inner, inner),
    max_leaves=10,
)
CHARACTERS = st.text("abd.*[]@&|!?=<>(){},:'`\"\\ 019-", max_size=30)


@pytest.mark.filterwarnings("ignore:deprecated string literal syntax:PendingDeprecationWarning")
@given(FORMED | CHARACTERS | st.text(max_size=20), st.dictionaries(st.sampled_from("abd"), VALUES, max_size=3))
def test_any_expression_that_can_be_configured_has_a_value_or_is_unmappable(text: str, payload: dict[str, Any]) -> None:
    stored = {"adapter_type": "generic_webhook", "field_mapping": {f"jmespath:{text}": "title"}}
    mapped = outcome(lambda: map_payload(stored, payload, SCHEMA))
    if isinstance(mapped, Mapped):
        check_json(json.dumps(mapped.fields).encode())
