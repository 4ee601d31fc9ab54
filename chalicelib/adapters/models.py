"""The wire's words for a source adapter: what turns events of an outside system into objects of a bucket."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_CLOSED = ConfigDict(strict=True, extra="forbid", defer_build=True)

AdapterType = Literal["mux", "iconik", "generic_webhook", "supabase", "bucket", "collection"]
BatchingMode = Literal["time_window", "count", "immediate"]


def _lowered(value: Any) -> Any:
    return value.lower() if isinstance(value, str) and value.isascii() else value


BlobType = Annotated[Literal["text", "image", "audio", "video", "pdf", "excel"], BeforeValidator(_lowered)]
DottedPath = Annotated[str, Field(min_length=1, max_length=500)]
FieldName = Annotated[str, Field(min_length=1, max_length=100)]


class ExternalConnection(BaseModel):
    """Credentials given inline; `connection_id` is the better way."""

    model_config = _CLOSED

    api_base_url: str | None = Field(
        default=None,
        max_length=2083,
        # No user:password@ in front of the host: the URL is shown, credentials never are.
        pattern=r"^https?://[^/?#@\s]+([/?#]\S*)?$",
        description="Base URL of the outside system's API",
    )
    credentials: dict[str, Any] | None = Field(
        default=None,
        description=(
            "What the outside system asks for, by name. Kept and never shown: answers carry `redacted` for"
            " each value, and writing `redacted` keeps the stored one"
        ),
    )


class EventFilter(BaseModel):
    """Which events become objects."""

    model_config = _CLOSED

    event_types: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        default=None, max_length=100, description="Accepted event types; none means the adapter's own choice"
    )


class BlobSource(BaseModel):
    """Where an event says the file is, and where in the object it goes."""

    model_config = _CLOSED

    file_field: DottedPath = Field(description="Dotted path in the payload to the file's URL")
    target_property: FieldName = Field(description="Field of the bucket schema that receives the file")
    blob_type: BlobType = Field(default="video", description="Type of that field: one of the file types")


class BatchingConfig(BaseModel):
    """How objects made from events are gathered into batches."""

    model_config = _CLOSED

    mode: BatchingMode = Field(
        default="time_window",
        description=(
            "time_window closes a batch `window_seconds` after its first object or when it is full, count"
            " when it is full, immediate makes a batch of every object"
        ),
    )
    window_seconds: int = Field(default=30, ge=5, le=300, description="Length of the window")
    max_batch_size: int = Field(default=100, ge=1, le=1000, description="Objects that fill a batch")
    auto_submit: bool = Field(default=True, description="Whether a closed batch is submitted or left a draft")


class SourceAdapterConfig(BaseModel):
    """Turns events of an outside system, or objects of other buckets, into objects of this one."""

    model_config = _CLOSED

    adapter_type: AdapterType = Field(
        description=(
            "Who sends: mux, iconik, supabase or any other (generic_webhook) by webhook; `bucket` takes in"
            " the objects of `source_bucket_ids`. `collection` is not enabled here (403)"
        )
    )
    enabled: bool = Field(default=True, description="false keeps the configuration and ignores events")
    connection_id: str | None = Field(
        default=None,
        pattern=r"^conn_[A-Za-z0-9_-]+$",
        max_length=255,
        description="Connection of the organization (`conn_…`), resolved when credentials are needed",
    )
    connection: ExternalConnection | None = Field(
        default=None, description="Inline form of a connection, for older clients"
    )
    event_filter: EventFilter | None = Field(default=None, description="Which events become objects")
    field_mapping: dict[DottedPath, FieldName] | None = Field(
        default=None,
        max_length=200,
        description="From dotted paths in the payload to fields of the bucket schema",
    )
    blob_source: BlobSource | None = Field(default=None, description="Where the file is")
    batching: BatchingConfig | None = Field(
        default=None, description="How objects are gathered into batches; null means the defaults"
    )
    dedup_key: DottedPath | None = Field(
        default=None, description="Dotted path to the value that tells a repeated delivery"
    )
    webhook_secret: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description=(
            "Secret that signatures are verified with, generated when none is given. Shown by the write that"
            " sets it and never again: later answers carry `redacted`, and writing `redacted` keeps it"
        ),
    )
    webhook_url: str | None = Field(
        default=None, max_length=2083, description="Where the sender must post to; assigned, not chosen"
    )
    source_collection_id: str | None = Field(default=None, description="Not enabled here (403)")
    source_filters: dict[str, Any] | None = Field(default=None, description="Not enabled here (403)")
    source_bucket_ids: list[Annotated[str, Field(min_length=1, max_length=100)]] | None = Field(
        default=None,
        max_length=20,
        description="For the adapter type `bucket`: the buckets whose objects are taken in",
    )
