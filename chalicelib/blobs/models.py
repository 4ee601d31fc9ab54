"""What clients send about files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.schemas.models import BucketSchemaFieldType

KeyPrefix = Annotated[str, Field(max_length=500)]
KEPT = "Logical path, kept with what it belongs to"


class CreateBlobRequest(BaseModel):
    """One file of an object: inline content or a URL in `data`, or an upload."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)
    property: str = Field(min_length=1, max_length=100, description="The field of the schema that this file fills")
    type: BucketSchemaFieldType = Field(description="The type of that field; any letter case")
    data: Any = Field(
        default=None,
        description=(
            "A URL (http, https, s3), a data URI, `{base64, mime_type, filename}`, `{url}`, or for a field of type"
            " text the text itself or `{text}`. URLs are kept by reference"
        ),
    )
    upload_id: str | None = Field(
        default=None,
        pattern=r"^upl_[a-zA-Z0-9_-]+$",
        description="A confirmed upload. Not enabled here: refused with 403 unless null",
    )
    key_prefix: KeyPrefix | None = Field(default=None, description=KEPT)
    checksum: str | None = Field(
        default=None,
        max_length=200,
        description="`algorithm:hash` of the content, or 64 hex digits of a SHA-256; kept in `details.hash`",
    )
    metadata: dict[str, Any] | None = Field(
        default=None, description="Rises to the root of the object, where an explicit field wins"
    )
    canonicalize_source: bool | None = Field(default=None, description="URLs are kept by reference either way")
    force_remirror: bool | None = Field(default=None, description="Not enabled here: refused with 403 when true")
