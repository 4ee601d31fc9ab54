"""Payloads as Mux, iconik and Supabase send them."""

from __future__ import annotations

from typing import Any

PLAYBACK_ID = "uNbxnGLKJ00yfbijDO8COxTOyVKT01xpxW"
ASSET_ID = "0201p02fGKPE7MrbC269XRD7LpcHhrmbu0002"
LEGACY_FILES = [
    {"name": "low.mp4", "ext": "mp4", "width": 640, "height": 360, "bitrate": 235752, "filesize": "218013"},
    {"name": "high.mp4", "ext": "mp4", "width": 1848, "height": 1040, "bitrate": 493352, "filesize": "456232"},
    {"name": "medium.mp4", "ext": "mp4", "width": 960, "height": 540, "bitrate": 303432, "filesize": "280599"},
]


def rendition(name: str, height: int | None, status: str = "ready") -> dict[str, Any]:
    """Returns a static rendition as it is in `data.static_renditions.files` of an asset."""
    stem, _, ext = name.partition(".")
    size = {} if height is None else {"height": height, "width": height * 16 // 9}
    return {
        "name": name,
        "ext": ext,
        "type": "standard",
        "status": status,
        "resolution": stem,
        "id": f"r{stem}",
        **size,
    }


def mux_event(type_: str, data: dict[str, Any]) -> dict[str, Any]:
    """Returns an event of Mux about an asset."""
    return {
        "type": type_,
        "id": "3a56ac3d-33da-4366-855b-f592d898409d",
        "created_at": "2026-11-29T12:00:00.000000Z",
        "object": {"type": "asset", "id": ASSET_ID},
        "environment": {"name": "Production", "id": "nf29e9"},
        "data": data,
        "request_id": None,
        "accessor": None,
        "accessor_source": None,
        "attempts": [],
    }


def mux_asset(files: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """Returns the data of an event about an asset that is ready. `files` are its static renditions."""
    return {
        "id": ASSET_ID,
        "status": "ready",
        "created_at": 1764417600,
        "duration": 23.8238,
        "aspect_ratio": "16:9",
        "max_stored_resolution": "HD",
        "resolution_tier": "1080p",
        "passthrough": "film-17",
        "meta": {"title": "Metropolis"},
        "playback_ids": [{"policy": "signed", "id": "signedPlaybackId01"}, {"policy": "public", "id": PLAYBACK_ID}],
        "tracks": [{"type": "video", "id": "t1", "max_width": 1848, "max_height": 1040, "duration": 23.8238}],
        "static_renditions": {"status": "ready", "files": LEGACY_FILES if files is None else files},
        **changes,
    }


def mux_renditions_ready(files: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """Returns the event that all static renditions of an asset are ready."""
    return mux_event("video.asset.static_renditions.ready", mux_asset(files, **changes))


def mux_rendition_ready(**changes: Any) -> dict[str, Any]:
    """Returns the event that one static rendition is ready. Its data is the rendition, not the asset."""
    return mux_event(
        "video.asset.static_rendition.ready", {**rendition("720p.mp4", 720), "asset_id": ASSET_ID, **changes}
    )


ICONIK_CREATE: dict[str, Any] = {
    "event_type": "assets",
    "operation": "create",
    "realm": "entity",
    "object_id": "5a9c8b1e-7f7a-11ee-b962-0242ac120002",
    "data": {"title": "Metropolis", "type": "ASSET"},
}
SUPABASE_INSERT: dict[str, Any] = {
    "type": "INSERT",
    "table": "films",
    "schema": "public",
    "record": {"id": 17, "title": "Metropolis", "url": "https://files.example.com/metropolis.mp4"},
    "old_record": None,
}
