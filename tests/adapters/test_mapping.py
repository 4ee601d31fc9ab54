"""Mapping a payload to an object: fields, file and identity."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.adapters.mapping import (
    MAX_DEDUP_CHARS,
    MAX_URL_CHARS,
    Mapped,
    Unmappable,
    dedup_identity,
    dedup_value,
    idempotency_key,
    map_payload,
)
from tests.adapters.payloads import (
    ASSET_ID,
    ICONIK_CREATE,
    PLAYBACK_ID,
    SUPABASE_INSERT,
    mux_rendition_ready,
    mux_renditions_ready,
)
from tests.adapters.stored import BODY, SCHEMA, adapter

POSTER = {"file_field": "data.url", "target_property": "poster", "blob_type": "image"}


def reason_of(call: Callable[[], object]) -> str:
    with pytest.raises(Unmappable) as caught:
        call()
    return caught.value.reason


# Whole payloads


def test_an_event_of_mux_becomes_fields_and_a_file() -> None:
    mapping = {"data.meta.title": "title", "data.duration": "seconds", "jmespath:data.tracks[].type": "tags"}
    assert map_payload(adapter("mux", field_mapping=mapping), mux_renditions_ready(), SCHEMA) == Mapped(
        fields={"title": "Metropolis", "seconds": 23.8238, "tags": ["video"]},
        blob={"property": "clip", "type": "video", "data": f"https://stream.mux.com/{PLAYBACK_ID}/high.mp4"},
        paths={
            "title": "data.meta.title",
            "seconds": "data.duration",
            "tags": "jmespath:data.tracks[].type",
            "clip": "data.static_renditions.files",
        },
    )


def test_a_row_of_supabase_becomes_fields_and_a_file() -> None:
    source = {"file_field": "record.url", "target_property": "clip"}
    stored = adapter("supabase", field_mapping={"record.title": "title"}, blob_source=source)
    assert map_payload(stored, SUPABASE_INSERT, SCHEMA) == Mapped(
        fields={"title": "Metropolis"},
        blob={"property": "clip", "type": "video", "data": "https://files.example.com/metropolis.mp4"},
        paths={"title": "record.title", "clip": "record.url"},
    )


def test_what_is_not_mapped_is_not_stored() -> None:
    assert map_payload(adapter("iconik"), ICONIK_CREATE, SCHEMA) == Mapped({}, None, {})


@pytest.mark.parametrize("payload", [None, [], [{"id": 1}], "text", 1, True])
def test_a_payload_that_is_no_object_is_unmappable(payload: Any) -> None:
    for call in (
        lambda: map_payload(adapter(), payload, SCHEMA),
        lambda: dedup_value(adapter(), payload, BODY),
        lambda: idempotency_key(adapter("mux"), payload, BODY),
    ):
        assert reason_of(call).startswith("The payload must be a JSON object: found ")


# Fields


def test_absent_values_are_left_out_and_null_is_kept() -> None:
    stored = adapter(field_mapping={"a": "title", "b": "seconds", "jmespath:c": "tags"})
    mapped = map_payload(stored, {"a": None, "c": None}, SCHEMA)
    assert (mapped.fields, mapped.paths) == ({"title": None}, {"title": "a"})


def test_the_first_path_that_is_present_fills_a_field() -> None:
    stored = adapter(field_mapping={"name": "title", "jmespath:names[0]": "title", "label": "title"})
    for payload, title, path in (
        ({"label": "c"}, "c", "label"),
        ({"label": "c", "names": ["b"]}, "b", "jmespath:names[0]"),
        ({"label": "c", "names": ["b"], "name": "a"}, "a", "name"),
    ):
        mapped = map_payload(stored, payload, SCHEMA)
        assert (mapped.fields, mapped.paths) == ({"title": title}, {"title": path})


def test_values_are_mapped_with_any_type() -> None:
    stored = adapter(field_mapping={"a": "title", "b": "tags"})
    assert map_payload(stored, {"a": {"x": [1, None]}, "b": False}, SCHEMA).fields == {
        "title": {"x": [1, None]},
        "tags": False,
    }


@pytest.mark.parametrize("value", [math.nan, [math.inf], "\ud800", {"a": "\udfff"}, 10**38])
def test_a_value_that_is_not_json_is_unmappable_and_names_its_path(value: Any) -> None:
    stored = adapter(field_mapping={"data.x": "title"})
    assert "'data.x'" in reason_of(lambda: map_payload(stored, {"data": {"x": value}}, SCHEMA))


def test_a_value_of_which_many_copies_would_be_stored_is_unmappable() -> None:
    stored = adapter(field_mapping={"jmespath:" + " | ".join(["[@, @]"] * 36): "tags"})
    assert "too large" in reason_of(lambda: map_payload(stored, {"a": 1}, SCHEMA))


def test_all_fields_of_a_payload_share_the_limit_of_their_work() -> None:
    payload = {"items": [{"id": number} for number in range(10_000)]}
    one = {"jmespath:items[?id == `1`]": "title"}
    assert map_payload(adapter(field_mapping=one), payload, SCHEMA).fields == {"title": [{"id": 1}]}
    many = {f"jmespath:items[?id == `{number}`] | [{number}]": "title" for number in range(-20, 0)}
    assert "too many steps" in reason_of(lambda: map_payload(adapter(field_mapping=many), payload, SCHEMA))


# Files


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example.com/a.jpg?x=1#part",
        "http://127.0.0.1:8080",
        "HTTPS://example.com/é",
        "https://[::1]/a",
        "https://example.com/" + "a" * (MAX_URL_CHARS - 20),
    ],
)
def test_an_absolute_url_becomes_the_file(url: str) -> None:
    mapped = map_payload(adapter(blob_source=POSTER), {"data": {"url": url}}, SCHEMA)
    assert mapped.blob == {"property": "poster", "type": "image", "data": url}
    assert mapped.paths == {"poster": "data.url"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [],
        {"url": "https://example.com"},
        "",
        "/a.jpg",
        "//example.com/a.jpg",
        "example.com/a.jpg",
        "https:///a.jpg",
        "https://",
        "https://:80/a",
        "https://example.com:99999/a",
        "https://example.com:0/a",
        "https://example.com:port/a",
        "https://[::1/a",
        "https://example.com/a b",
        "https://example.com/a\n",
        "https://example.com/\x85",
        "https://example.com/\ud800",
        " https://example.com/a",
        "file:///etc/passwd",
        "s3://bucket/key",
        "ftp://example.com/a",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "high.mp4",
        "https://example.com/" + "a" * (MAX_URL_CHARS - 19),
    ],
)
def test_what_is_no_url_is_unmappable_and_names_its_path(value: Any) -> None:
    reason = reason_of(lambda: map_payload(adapter(blob_source=POSTER), {"data": {"url": value}}, SCHEMA))
    assert reason.startswith("The value at 'data.url' must be an http or https URL of at most 2083 characters: found ")
    assert len(reason) < 250


def test_an_absent_file_is_unmappable() -> None:
    for path in ("data.url", "jmespath:data.url"):
        stored = adapter(blob_source={**POSTER, "file_field": path})
        reason = reason_of(lambda: map_payload(stored, {"data": {}}, SCHEMA))  # noqa: B023
        assert reason == f"The payload has no value at {path!r}, where the file's URL is expected"


def test_a_configured_file_replaces_the_default_of_mux() -> None:
    stored = adapter("mux", blob_source=POSTER)
    mapped = map_payload(stored, mux_renditions_ready(url="https://image.mux.com/x/thumbnail.jpg"), SCHEMA)
    assert mapped.blob == {"property": "poster", "type": "image", "data": "https://image.mux.com/x/thumbnail.jpg"}


# Identities


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a1", "a1"),
        (" a ", " a "),
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        ("é" * MAX_DEDUP_CHARS, "é" * MAX_DEDUP_CHARS),
    ],
)
def test_a_dedup_key_is_a_text_a_number_or_a_boolean(value: Any, text: str) -> None:
    stored = adapter(dedup_key="data.key")
    payload = {"id": "other", "data": {"key": value}}
    assert dedup_value(stored, payload, BODY) == text
    assert idempotency_key(stored, payload, BODY) == dedup_identity("generic_webhook", text, "")


@pytest.mark.parametrize(
    "value",
    [None, "", " \t", [], [1], {}, "x" * (MAX_DEDUP_CHARS + 1), math.nan, math.inf, 10**38, 10**5000 * 10, "\ud800"],
    ids=range(12),
)
def test_another_dedup_key_is_unmappable_and_names_its_path(value: Any) -> None:
    stored = adapter(dedup_key="data.key")
    reason = reason_of(lambda: dedup_value(stored, {"id": "other", "data": {"key": value}}, BODY))
    assert "'data.key'" in reason
    assert len(reason) < 250


def test_a_dedup_key_that_is_absent_is_unmappable() -> None:
    for path in ("data.key", "jmespath:data.key"):
        stored = adapter(dedup_key=path)
        assert repr(path) in reason_of(lambda: dedup_value(stored, {"id": "other"}, BODY))  # noqa: B023


def test_a_dedup_key_may_be_an_expression() -> None:
    stored = adapter("mux", dedup_key="jmespath:join('/', [data.id, type])")
    assert dedup_value(stored, {"type": "a", "data": {"id": "b"}}, BODY) == "b/a"


def test_a_configured_dedup_key_identifies_all_events_alike_and_a_default_asset_id_does_not() -> None:
    first, second = mux_renditions_ready(), mux_rendition_ready(id=ASSET_ID)
    by_default, configured = adapter("mux"), adapter("mux", dedup_key="data.id")
    assert dedup_value(by_default, first, BODY) == dedup_value(by_default, second, BODY) == ASSET_ID
    assert idempotency_key(by_default, first, BODY) != idempotency_key(by_default, second, BODY)
    assert idempotency_key(configured, first, BODY) == idempotency_key(configured, second, BODY)
