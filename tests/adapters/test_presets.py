"""What payloads of each adapter type mean by default: event type, wanted events, identity, and Mux's file."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.adapters.mapping import (
    Unmappable,
    dedup_identity,
    dedup_value,
    event_type,
    idempotency_key,
    map_payload,
    unwanted_reason,
)
from tests.adapters.payloads import (
    ASSET_ID,
    ICONIK_CREATE,
    LEGACY_FILES,
    PLAYBACK_ID,
    SUPABASE_INSERT,
    mux_asset,
    mux_event,
    mux_rendition_ready,
    mux_renditions_ready,
    rendition,
)

BODY = "ab" * 32
HASH = f"sha256:{BODY}"
ONE_VIDEO = {"properties": {"title": {"type": "string"}, "clip": {"type": "video"}}}


def adapter(type_: str, **settings: Any) -> dict[str, Any]:
    return {"adapter_type": type_, "enabled": True, "field_mapping": {}, "blob_source": None, **settings}


# Event types


@pytest.mark.parametrize(
    ("type_", "payload", "expected"),
    [
        ("mux", mux_renditions_ready(), "video.asset.static_renditions.ready"),
        ("iconik", ICONIK_CREATE, "assets.create"),
        ("iconik", {"event_type": "assets"}, None),
        ("iconik", {"event_type": "assets", "operation": ""}, None),
        ("iconik", {"type": "assets.create"}, None),
        ("supabase", SUPABASE_INSERT, "INSERT"),
        ("generic_webhook", {"type": "a", "event_type": "b", "event": "c"}, "a"),
        ("generic_webhook", {"type": {"name": "a"}, "event_type": "b", "event": "c"}, "b"),
        ("generic_webhook", {"type": "", "event": "c"}, "c"),
        ("generic_webhook", {"event": {"name": "c"}}, None),
        ("mux", {"event_type": "video.asset.ready"}, None),
        ("mux", {"type": "x" * 200}, "x" * 200),
        ("mux", {"type": "x" * 201}, None),
        ("mux", {"type": "\ud800"}, None),
        ("mux", {"type": 7}, None),
        ("mux", [{"type": "a"}], None),
        ("bucket", {"type": "a"}, None),
    ],
)
def test_the_event_type_is_a_text_in_the_payload(type_: str, payload: Any, expected: str | None) -> None:
    assert event_type(type_, payload) == expected


# Wanted events


@pytest.mark.parametrize(
    ("type_", "payload"),
    [
        ("mux", mux_renditions_ready()),
        ("mux", mux_rendition_ready()),
        ("iconik", ICONIK_CREATE),
        ("iconik", {**ICONIK_CREATE, "operation": "update"}),
        ("supabase", SUPABASE_INSERT),
        ("supabase", {"type": "UPDATE"}),
        ("generic_webhook", {"type": "anything"}),
        ("generic_webhook", {}),
    ],
)
@pytest.mark.parametrize("event_filter", [None, {"event_types": None}, {"event_types": []}])
def test_the_default_events_are_wanted(type_: str, payload: Any, event_filter: Any) -> None:
    assert unwanted_reason(adapter(type_, event_filter=event_filter), payload) is None


@pytest.mark.parametrize(
    ("type_", "payload", "reason"),
    [
        (
            "mux",
            {"type": "video.asset.deleted"},
            "event type 'video.asset.deleted' is not among the accepted ones: 'video.asset.static_renditions.ready',"
            " 'video.asset.static_rendition.ready'",
        ),
        (
            "mux",
            {"type": "video.asset.ready"},
            "event type 'video.asset.ready' is not among the accepted ones: 'video.asset.static_renditions.ready',"
            " 'video.asset.static_rendition.ready'; it has no downloadable file; video.asset.static_renditions.ready"
            " has",
        ),
        (
            "iconik",
            {**ICONIK_CREATE, "operation": "purge"},
            "event type 'assets.purge' is not among the accepted ones: 'assets.create', 'assets.update'",
        ),
        (
            "supabase",
            {"type": "DELETE"},
            "event type 'DELETE' is not among the accepted ones: 'INSERT', 'UPDATE'",
        ),
        ("supabase", {"type": 1}, "the payload has no event type; accepted ones: 'INSERT', 'UPDATE'"),
    ],
)
def test_other_events_are_unwanted_with_the_reason(type_: str, payload: Any, reason: str) -> None:
    assert unwanted_reason(adapter(type_), payload) == reason


def test_the_event_filter_replaces_the_default() -> None:
    only = {"event_types": ["video.asset.ready", "film.ready"]}
    assert unwanted_reason(adapter("mux", event_filter=only), {"type": "video.asset.ready"}) is None
    reason = unwanted_reason(adapter("mux", event_filter=only), mux_renditions_ready())
    assert reason is not None
    assert reason.endswith("the accepted ones: 'video.asset.ready', 'film.ready'")
    assert unwanted_reason(adapter("generic_webhook", event_filter=only), {"event": "film.ready"}) is None
    assert unwanted_reason(adapter("generic_webhook", event_filter=only), {}) is not None


def test_a_disabled_adapter_wants_nothing() -> None:
    assert unwanted_reason(adapter("generic_webhook", enabled=False), {}) == "the adapter is disabled"
    assert unwanted_reason(adapter("mux", enabled=False), []) == "the adapter is disabled"


def test_a_payload_that_is_no_object_is_not_ignored_but_unmappable() -> None:
    assert unwanted_reason(adapter("mux"), ["video.asset.ready"]) is None


def test_a_reason_quotes_little_of_long_event_types() -> None:
    many = {"event_types": [f"{number}{'x' * 190}" for number in range(100)]}
    reason = unwanted_reason(adapter("mux", event_filter=many), {"type": "y" * 200})
    assert reason is not None
    assert reason.endswith("… and 90 more")
    assert "y" * 101 not in reason
    assert len(reason) < 1300


# Identities


@pytest.mark.parametrize(
    ("type_", "payload", "value", "event"),
    [
        ("mux", mux_renditions_ready(), ASSET_ID, "video.asset.static_renditions.ready"),
        ("mux", mux_rendition_ready(), ASSET_ID, "video.asset.static_rendition.ready"),
        ("mux", mux_event("video.asset.ready", mux_asset()), ASSET_ID, "video.asset.ready"),
        ("iconik", ICONIK_CREATE, ICONIK_CREATE["object_id"], "assets.create"),
        ("supabase", SUPABASE_INSERT, "17", "INSERT"),
        ("supabase", {"type": "INSERT", "record": {}}, HASH, ""),
        ("supabase", {"type": "INSERT", "record": {"id": None}}, HASH, ""),
        ("generic_webhook", {"id": "e1", "type": "a"}, "e1", ""),
        ("generic_webhook", {"type": "a"}, HASH, ""),
        ("generic_webhook", {"id": None}, HASH, ""),
        ("bucket", {"id": "e1"}, HASH, ""),
    ],
)
def test_each_type_has_a_value_that_identifies_deliveries(type_: str, payload: Any, value: str, event: str) -> None:
    assert dedup_value(adapter(type_), payload, BODY) == value
    assert idempotency_key(adapter(type_), payload, BODY) == dedup_identity(type_, value, event)


@pytest.mark.parametrize(
    ("type_", "payload", "path"),
    [
        ("mux", {"type": "video.asset.static_renditions.ready", "data": {"asset_id": "a"}}, "data.id"),
        ("mux", {"type": "video.asset.static_rendition.ready", "data": {"id": "rendition"}}, "data.asset_id"),
        ("mux", {"data": {"id": None}}, "data.id"),
        ("iconik", {"event_type": "assets", "operation": "create"}, "object_id"),
        ("generic_webhook", {"id": {"a": 1}}, "id"),
        ("generic_webhook", {"id": ""}, "id"),
        ("supabase", {"record": {"id": [1]}}, "record.id"),
    ],
)
def test_a_payload_without_a_usable_value_is_unmappable(type_: str, payload: Any, path: str) -> None:
    with pytest.raises(Unmappable) as caught:
        dedup_value(adapter(type_), payload, BODY)
    assert repr(path) in caught.value.reason


def test_an_idempotency_key_is_short_and_depends_on_each_part() -> None:
    keys = {
        dedup_identity("mux", "a", "b"),
        dedup_identity("iconik", "a", "b"),
        dedup_identity("mux", "b", "b"),
        dedup_identity("mux", "a", ""),
        dedup_identity("mux", 'a","b', ""),
        dedup_identity("mux", "", "ab"),
    }
    assert len(keys) == 6
    # printf '["mux","a","b"]' | openssl dgst -sha256
    assert dedup_identity("mux", "a", "b") == "adapter:debed15651857d0ea82eb2b099322efd523cba62b1b3ce24"


# Mux's file


def file_of(payload: Any, **settings: Any) -> str:
    mapped = map_payload(adapter("mux", **settings), payload, ONE_VIDEO)
    assert mapped.blob is not None
    assert mapped.blob["property"] == "clip"
    assert mapped.blob["type"] == "video"
    return mapped.blob["data"]


def reason_of(payload: Any, **settings: Any) -> str:
    with pytest.raises(Unmappable) as caught:
        map_payload(adapter("mux", **settings), payload, ONE_VIDEO)
    return caught.value.reason


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (LEGACY_FILES, "high.mp4"),
        ([*reversed(LEGACY_FILES)], "high.mp4"),
        ([rendition("720p.mp4", 720), rendition("highest.mp4", 2160), rendition("audio.m4a", None)], "highest.mp4"),
        ([rendition("1080p.mp4", 1080), rendition("highest.mp4", 1080)], "highest.mp4"),
        ([rendition("1080p.mp4", 1080, "preparing"), rendition("480p.mp4", 480)], "480p.mp4"),
        ([rendition("1080p.mp4", 1080, "skipped"), rendition("480p.mp4", 480)], "480p.mp4"),
        ([{"name": "low.mp4"}, {"name": "medium.mp4"}], "medium.mp4"),
        ([rendition("new-name.mp4", 400), rendition("270p.mp4", 270)], "new-name.mp4"),
        ([rendition("../x.mp4", 4000), rendition("a b.mp4", 4000), rendition("270p.mp4", 270)], "270p.mp4"),
        ([None, 1, {"name": ["x.mp4"]}, rendition("270p.mp4", 270)], "270p.mp4"),
    ],
)
def test_the_file_is_the_best_rendition_that_is_ready(files: list[Any], name: str) -> None:
    payload = mux_renditions_ready(files)
    assert file_of(payload) == f"https://stream.mux.com/{PLAYBACK_ID}/{name}"
    assert map_payload(adapter("mux"), payload, ONE_VIDEO).paths == {"clip": "data.static_renditions.files"}


@pytest.mark.parametrize(
    "static_renditions",
    [
        None,
        {"status": "ready"},
        {"status": "ready", "files": []},
        {"status": "ready", "files": "low.mp4"},
        {"status": "ready", "files": [rendition("audio.m4a", None)]},
        {"status": "ready", "files": [rendition("720p.mp4", 720, "errored")]},
        {"status": "preparing", "files": LEGACY_FILES},
    ],
)
def test_without_a_rendition_that_is_ready_a_payload_is_unmappable(static_renditions: Any) -> None:
    reason = reason_of(mux_renditions_ready(static_renditions=static_renditions))
    assert reason == "The payload has no MP4 file that is ready at 'data.static_renditions.files'"


@pytest.mark.parametrize(
    "playback_ids", [None, [], [{"policy": "signed", "id": "x1"}], [{"policy": "drm", "id": "x1"}], ["x1"], {"0": 1}]
)
def test_without_a_public_playback_id_a_payload_is_unmappable(playback_ids: Any) -> None:
    assert "no public playback id" in reason_of(mux_renditions_ready(playback_ids=playback_ids))


@pytest.mark.parametrize("id_", [None, "", "a/b", "a?b", "a.b", "x" * 129, "é", "a\n", 1, "../x", "@evil.example.com"])
def test_a_malformed_playback_id_never_enters_a_url(id_: Any) -> None:
    reason = reason_of(mux_renditions_ready(playback_ids=[{"policy": "public", "id": id_}]))
    assert reason.startswith("The public playback id at 'data.playback_ids' is invalid")


def test_the_file_of_a_single_rendition_is_named_in_its_event() -> None:
    payload = mux_rendition_ready(playback_ids=[{"policy": "public", "id": PLAYBACK_ID}])
    assert file_of(payload) == f"https://stream.mux.com/{PLAYBACK_ID}/720p.mp4"
    assert map_payload(adapter("mux"), payload, ONE_VIDEO).paths == {"clip": "data.name"}


def test_a_single_rendition_without_playback_id_is_unmappable() -> None:
    assert "no public playback id" in reason_of(mux_rendition_ready())


@pytest.mark.parametrize("name", ["audio.m4a", "a/../b.mp4", None, 5, "x" * 1000])
def test_a_single_rendition_that_is_no_video_is_unmappable(name: Any) -> None:
    payload = mux_rendition_ready(name=name, playback_ids=[{"policy": "public", "id": PLAYBACK_ID}])
    reason = reason_of(payload)
    assert "'data.name' is no MP4 file" in reason
    assert len(reason) < 250


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"title": {"type": "string"}},
        {"clip": {"type": "video"}, "trailer": {"type": "video"}},
    ],
)
def test_without_exactly_one_field_for_it_there_is_no_default_file(fields: dict[str, Any]) -> None:
    assert map_payload(adapter("mux"), mux_renditions_ready(), {"properties": fields}).blob is None


@pytest.mark.parametrize("type_", ["iconik", "supabase", "generic_webhook"])
def test_other_types_have_no_default_file(type_: str) -> None:
    assert map_payload(adapter(type_), mux_renditions_ready(), ONE_VIDEO).blob is None


def test_the_name_of_a_rendition_in_a_file_field_becomes_its_url() -> None:
    source = {"target_property": "clip", "blob_type": "video"}
    by_index = {**source, "file_field": "data.static_renditions.files.0.name"}
    assert file_of(mux_renditions_ready(), blob_source=by_index) == f"https://stream.mux.com/{PLAYBACK_ID}/low.mp4"
    by_height = {**source, "file_field": "jmespath:data.static_renditions.files[?height==`540`].name | [0]"}
    assert file_of(mux_renditions_ready(), blob_source=by_height) == f"https://stream.mux.com/{PLAYBACK_ID}/medium.mp4"
    assert "no public playback id" in reason_of(mux_renditions_ready(playback_ids=[]), blob_source=by_index)
    assert "must be an http or https URL" in reason_of(
        mux_renditions_ready(), blob_source={**source, "file_field": "data.id"}
    )
