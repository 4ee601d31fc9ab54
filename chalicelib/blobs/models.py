"""The request models of files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.schemas.models import BucketSchemaFieldType

KeyPrefix = Annotated[str, Field(max_length=500)]
KEY_PREFIX_DESCRIPTION = "Logical path, stored with the object or the file"


class CreateBlobRequest(BaseModel):
    """One file of an object: inline content or a URL in `data`, or an upload."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)
    property: str = Field(min_length=1, max_length=100, description="The schema field that this file belongs to")
    type: BucketSchemaFieldType = Field(description="The type of that field, in upper or lower case")
    data: Any = Field(
        default=None,
        description=(
            "A URL (http, https, s3), a data URI, `{base64, mime_type, filename}`, `{url}`, or for a field of type"
            " text the text itself or `{text}`. The file at an http or https URL is copied, see `canonicalize_source`"
        ),
    )
    upload_id: str | None = Field(
        default=None,
        pattern=r"^upl_[a-zA-Z0-9_-]+$",
        description=(
            "The id of a completed upload to the bucket, instead of `data`: its file becomes a file of the object."
            " Several objects may share it"
        ),
    )
    key_prefix: KeyPrefix | None = Field(default=None, description=KEY_PREFIX_DESCRIPTION)
    checksum: str | None = Field(
        default=None,
        max_length=200,
        description="`algorithm:hash` of the content, or 64 hex digits of a SHA-256; kept in `details.hash`",
    )
    metadata: dict[str, Any] | None = Field(
        default=None, description="Copied to the root of the object, unless the request sets the field itself"
    )
    canonicalize_source: bool | None = Field(
        default=None, description="Overrides the option of the object; null: the same"
    )
    force_remirror: bool | None = Field(default=None, description="Overrides the option of the object; null: the same")
