"""What the payloads of each adapter type mean, unless the configuration of an adapter says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from chalicelib.adapters import mux
from chalicelib.core.record import record

# Paths in a payload, each of which may be missing.
Paths = tuple[str, ...]


@record
class Preset:
    """How payloads of one adapter type are read.

    `event_type_paths`: alternatives for the event type, in order. The texts at the paths of one are joined by dots.
    `default_events`: the event types that become objects; empty for all.
    `why_unwanted`: explanations for event types that users expect among the defaults.
    `dedup_path`: the path of the value that identifies what a delivery is about; None for the hash of the body.
    `dedup_path_by_event`: other paths for some event types.
    `dedup_is_asset`: whether this value identifies an asset or a row, so that different events about it differ.
    `hash_if_missing`: whether a payload without this value is identified by the hash of the body. If not, it is parked.
    `file`: returns the URL of the file and the path that it comes from. Raises Unmappable. None: no default file.
    """

    event_type_paths: tuple[Paths, ...] = ()
    default_events: tuple[str, ...] = ()
    why_unwanted: Mapping[str, str] = field(default_factory=dict)
    dedup_path: str | None = None
    dedup_path_by_event: Mapping[str, str] = field(default_factory=dict)
    dedup_is_asset: bool = False
    hash_if_missing: bool = True
    file: Callable[[Any], tuple[str, str]] | None = None


# Mux: https://www.mux.com/docs/core/listen-for-webhooks. iconik: https://app.iconik.io/help/pages/entities/webhooks.
# Supabase: https://supabase.com/docs/guides/database/webhooks.
_PRESETS: dict[str, Preset] = {
    "mux": Preset(
        event_type_paths=(("type",),),
        default_events=(mux.RENDITIONS_READY, mux.RENDITION_READY),
        why_unwanted={mux.ASSET_READY: f"it has no downloadable file; {mux.RENDITIONS_READY} has"},
        dedup_path="data.id",
        # The id of the data is that of the rendition here.
        dedup_path_by_event={mux.RENDITION_READY: "data.asset_id"},
        dedup_is_asset=True,
        hash_if_missing=False,
        file=mux.video_file,
    ),
    "iconik": Preset(
        event_type_paths=(("event_type", "operation"),),
        default_events=("assets.create", "assets.update"),
        dedup_path="object_id",
        dedup_is_asset=True,
        hash_if_missing=False,
    ),
    "generic_webhook": Preset(event_type_paths=(("type",), ("event_type",), ("event",)), dedup_path="id"),
    "supabase": Preset(
        event_type_paths=(("type",),),
        default_events=("INSERT", "UPDATE"),
        dedup_path="record.id",
        dedup_is_asset=True,
    ),
}


def preset_of(adapter_type: str) -> Preset:
    """Returns the preset of an adapter type. A type that receives no webhooks has an empty one."""
    return _PRESETS.get(adapter_type) or Preset()
