"""The file of a Mux event: a static rendition, which is an MP4 or M4A file at a URL without a token.

HLS (`https://stream.mux.com/{playback id}.m3u8`) is not a downloadable file, and signed playback ids need a token.
Sources: https://www.mux.com/docs/guides/enable-static-mp4-renditions and https://www.mux.com/webhook-spec.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.adapters.errors import Unmappable
from chalicelib.adapters.paths import find_dotted
from chalicelib.adapters.payload_values import describe

ASSET_READY = "video.asset.ready"
RENDITIONS_READY = "video.asset.static_renditions.ready"
RENDITION_READY = "video.asset.static_rendition.ready"

PLAYBACK_IDS = "data.playback_ids"
RENDITION_FILES = "data.static_renditions.files"
RENDITION_NAME = "data.name"

# Both become part of a URL, so they have only characters that need no encoding, and no dot in front.
_PLAYBACK_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_RENDITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(mp4|m4a)")
# From the best to the worst, for files of equal or unknown height.
_VIDEO_NAMES = (
    "highest.mp4",
    "2160p.mp4",
    "1440p.mp4",
    "1080p.mp4",
    "capped-1080p.mp4",
    "high.mp4",
    "720p.mp4",
    "540p.mp4",
    "medium.mp4",
    "480p.mp4",
    "360p.mp4",
    "low.mp4",
    "270p.mp4",
)


def is_rendition_name(value: Any) -> bool:
    """Returns whether a value is the name of a static rendition, such as `1080p.mp4` or `audio.m4a`."""
    return isinstance(value, str) and _RENDITION.fullmatch(value) is not None


def rendition_url(payload: Any, name: str) -> str:
    """Returns the URL of a static rendition. Raises Unmappable if the payload has no public playback id."""
    return f"https://stream.mux.com/{_public_playback_id(payload)}/{name}"


def video_file(payload: Any) -> tuple[str, str]:
    """Returns the URL of the best static rendition with video that is ready, and the path of its name.

    Raises Unmappable if there is none, or no public playback id.
    """
    name, path = _rendition_of_event(payload), RENDITION_NAME
    if name is None:
        name, path = _best_rendition(payload), RENDITION_FILES
    return rendition_url(payload, name), path


def _rendition_of_event(payload: Any) -> str | None:
    """Returns the name of the rendition that an event is about, or None if it is about an asset."""
    if find_dotted(payload, "type") != RENDITION_READY:
        return None
    name = find_dotted(payload, RENDITION_NAME)
    if not _is_video(name):
        raise Unmappable(f"The rendition at {RENDITION_NAME!r} is no MP4 file: found {describe(name)}")
    return str(name)


def _best_rendition(payload: Any) -> str:
    files = list(_ready_videos(payload))
    if not files:
        raise Unmappable(f"The payload has no MP4 file that is ready at {RENDITION_FILES!r}")
    return str(max(files, key=_quality)["name"])


def _ready_videos(payload: Any) -> Iterator[Mapping[str, Any]]:
    files = find_dotted(payload, RENDITION_FILES)
    # The files of assets with the older setting `mp4_support` have no status of their own.
    status = find_dotted(payload, "data.static_renditions.status")
    for file in files if isinstance(files, list) else ():
        if isinstance(file, Mapping) and _is_video(file.get("name")) and file.get("status", status) == "ready":
            yield file


def _is_video(name: Any) -> bool:
    return is_rendition_name(name) and name.endswith(".mp4")


def _quality(file: Mapping[str, Any]) -> tuple[int, int]:
    height, name = file.get("height"), file["name"]
    rank = _VIDEO_NAMES.index(name) if name in _VIDEO_NAMES else len(_VIDEO_NAMES)
    return (height if isinstance(height, int) else 0), -rank


def _public_playback_id(payload: Any) -> str:
    given = find_dotted(payload, PLAYBACK_IDS)
    for playback_id in given if isinstance(given, list) else ():
        if isinstance(playback_id, Mapping) and playback_id.get("policy") == "public":
            return _checked_playback_id(playback_id.get("id"))
    raise Unmappable(f"The payload has no public playback id at {PLAYBACK_IDS!r}, so the file has no URL without token")


def _checked_playback_id(value: Any) -> str:
    if isinstance(value, str) and _PLAYBACK_ID.fullmatch(value):
        return value
    raise Unmappable(f"The public playback id at {PLAYBACK_IDS!r} is invalid: found {describe(value)}")
