"""Models of a source adapter, which turns events of an external system into objects of a bucket."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_CLOSED = ConfigDict(strict=True, extra="forbid", defer_build=True)

# Each is encrypted on its own, which takes a call to AWS.
MAX_CREDENTIALS = 50

AdapterType = Literal["mux", "iconik", "generic_webhook", "supabase", "bucket", "collection"]
BatchingMode = Literal["time_window", "count", "immediate"]


def _lowered(value: Any) -> Any:
    return value.lower() if isinstance(value, str) and value.isascii() else value


BlobType = Annotated[Literal["text", "image", "audio", "video", "pdf", "excel"], BeforeValidator(_lowered)]
DottedPath = Annotated[str, Field(min_length=1, max_length=500)]
FieldName = Annotated[str, Field(min_length=1, max_length=100)]


class ExternalConnection(BaseModel):
    """Credentials in the configuration itself. `connection_id` is preferred."""

    model_config = _CLOSED

    api_base_url: str | None = Field(
        default=None,
        max_length=2083,
        # Without user:password@ before the host, because responses contain the URL and must not contain credentials.
        pattern=r"^https?://[^/?#@\s]+([/?#]\S*)?$",
        description="Base URL of the external system's API",
    )
    credentials: dict[str, Any] | None = Field(
        default=None,
        max_length=MAX_CREDENTIALS,
        description=(
            "Credentials of the external system, by name. Responses contain `redacted` instead of each value, and"
            " writing `redacted` keeps the stored value"
        ),
    )


class EventFilter(BaseModel):
    """Selects the events that become objects."""

    model_config = _CLOSED

    event_types: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(
        default=None, max_length=100, description="Accepted event types; null means the default of the adapter type"
    )


class BlobSource(BaseModel):
    """Where an event contains the URL of the file, and which field of the object receives the file."""

    model_config = _CLOSED

    file_field: DottedPath = Field(description="Path in the payload to the file's URL")
    target_property: FieldName = Field(description="Field of the bucket schema that receives the file")
    blob_type: BlobType = Field(default="video", description="Type of that field, which must be a file type")


class BatchingConfig(BaseModel):
    """How objects made from events are collected into batches."""

    model_config = _CLOSED

    mode: BatchingMode = Field(
        default="time_window",
        description=(
            "time_window: a batch is closed `window_seconds` after its first object, or when it is full. count: a batch"
            " is closed when it is full. immediate: every object becomes a batch of its own"
        ),
    )
    window_seconds: int = Field(default=30, ge=5, le=300, description="Length of the window")
    max_batch_size: int = Field(default=100, ge=1, le=1000, description="Number of objects in a full batch")
    auto_submit: bool = Field(default=True, description="Whether a closed batch is submitted or stays a draft")


class SourceAdapterConfig(BaseModel):
    """Turns events of an external system, or objects of other buckets, into objects of this bucket."""

    model_config = _CLOSED

    adapter_type: AdapterType = Field(
        description=(
            "The sender of the events. mux, iconik, supabase and any other system (generic_webhook) send webhooks;"
            " `bucket` takes the objects of `source_bucket_ids`. `collection` is not enabled here (403)"
        )
    )
    enabled: bool = Field(default=True, description="If false, events are ignored")
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
        description=(
            "From paths in the payload to fields of the bucket schema. A path is dotted, such as `data.tags.0`, or"
            " `jmespath:` and a JMESPath expression"
        ),
    )
    blob_source: BlobSource | None = Field(default=None, description="Where an event contains the file")
    batching: BatchingConfig | None = Field(
        default=None, description="How objects are collected into batches; null means the defaults"
    )
    dedup_key: DottedPath | None = Field(
        default=None,
        description=(
            "Path to the value that identifies an event. An event is a duplicate if an object was created with the same"
            " value, or with a unique key, if the event that was last applied to the object had it"
        ),
    )
    webhook_secret: str | None = Field(
        default=None,
        min_length=1,
        max_length=500,
        description=(
            "Secret that verifies signatures, of at least 16 characters; generated if null. Only the response to the"
            " write that sets it contains the secret. Other responses contain `redacted`, and writing `redacted` keeps"
            " the stored secret"
        ),
    )
    webhook_url: str | None = Field(
        default=None, max_length=2083, description="URL to which the sender posts events; assigned by the service"
    )
    source_collection_id: str | None = Field(default=None, description="Not enabled here (403)")
    source_filters: dict[str, Any] | None = Field(default=None, description="Not enabled here (403)")
    source_bucket_ids: list[Annotated[str, Field(min_length=1, max_length=100)]] | None = Field(
        default=None,
        max_length=20,
        description="For the adapter type `bucket`: ids of the buckets whose objects are taken",
    )
