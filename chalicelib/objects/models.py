"""What clients send about objects."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.blobs.models import KEY_PREFIX_DESCRIPTION, CreateBlobRequest, KeyPrefix
from chalicelib.listing.models import PageBody, PageQuery
from chalicelib.schemas.unique_key import Policy

STRICT = ConfigDict(strict=True, extra="forbid", defer_build=True)
OPEN = ConfigDict(strict=True, extra="allow", defer_build=True)
MAX_BATCH = 100
MAX_BLOBS = 50
MAX_SOFT_DELETED = 5000
MAX_SELECTED = 100

_OBJECT: dict[str, Any] = {
    "film_id": "tt0017136",
    "year": 1927,
    "blobs": [{"property": "poster", "type": "image", "data": "https://example.com/metropolis.jpg"}],
    "idempotency_key": "import-7-row-12",
}
_LIST: dict[str, Any] = {
    "filters": {"AND": [{"field": "year", "operator": "lt", "value": 1930}]},
    "sort": {"field": "created_at", "direction": "desc"},
    "select": ["film_id", "blobs"],
}

IdempotencyKey = Annotated[str, Field(min_length=1, max_length=255)]


class EdgeModel(BaseModel):
    """A typed link to another object, kept as it is given."""

    model_config = OPEN
    type: str = Field(min_length=1, max_length=100, description="What the link means")
    target_object_id: str = Field(min_length=1, max_length=100, description="The object linked to; not checked")
    target_collection_id: str | None = Field(default=None, description="Where that object's documents are")
    direction: Literal["out", "in"] = Field(default="out", description="`out` from this object, `in` to it")
    attributes: dict[str, Any] | None = Field(default=None, description="Free key-value pairs")


class CreateObjectRequest(BaseModel):
    """A new object. Every further key is a field of the object and stays at its root."""

    model_config = ConfigDict(**OPEN, json_schema_extra={"examples": [_OBJECT]})
    key_prefix: KeyPrefix | None = Field(default=None, description=KEY_PREFIX_DESCRIPTION)
    blobs: list[CreateBlobRequest] | None = Field(
        default=None, max_length=MAX_BLOBS, description="The files of the object"
    )
    skip_duplicates: bool | None = Field(
        default=False, description="Give back the object that has exactly this content, if there is one"
    )
    canonicalize_source: bool | None = Field(default=True, description="URLs are kept by reference either way")
    force_remirror: bool | None = Field(default=False, description="Not enabled here: refused with 403 when true")
    idempotency_key: IdempotencyKey | None = Field(
        default=None, description="An object created with this key is given back instead of another being created"
    )
    edges: list[EdgeModel] | None = Field(default=None, max_length=1000, description="Typed links to other objects")


class CreateObjectsBatchRequest(BaseModel):
    """Up to a hundred new objects, each settled on its own."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [{"objects": [_OBJECT]}]})
    objects: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=MAX_BATCH,
        description="The objects; one that does not fit fails alone",
        json_schema_extra={"items": {"$ref": "#/components/schemas/CreateObjectRequest"}},
    )


class UpdateObjectRequest(BaseModel):
    """Changes to an object. Keys that are not sent stay; a field set to null goes."""

    model_config = ConfigDict(**OPEN, json_schema_extra={"examples": [{"year": 1927, "metadata": {"lang": "de"}}]})
    key_prefix: KeyPrefix | None = Field(default=None, description=KEY_PREFIX_DESCRIPTION)
    metadata: dict[str, Any] | None = Field(
        default=None,
        description="Each key changes inside of the object's own `metadata` if that holds it, else at the root",
    )
    skip_duplicates: bool | None = Field(
        default=None, description="Blobs whose content the object already holds under the same property are left alone"
    )
    blobs: list[CreateBlobRequest] | None = Field(
        default=None, max_length=MAX_BLOBS, description="Files that replace those of the same property"
    )


class PatchObjectRequest(BaseModel):
    """Changes to an object, flat at its root. Keys that are not sent stay; a field set to null goes."""

    model_config = ConfigDict(**OPEN, json_schema_extra={"examples": [{"year": 1927}]})
    key_prefix: KeyPrefix | None = Field(default=None, description=KEY_PREFIX_DESCRIPTION)
    skip_duplicates: bool | None = Field(
        default=None, description="Has nothing to skip in a change without blobs; accepted as it is"
    )


class BulkSoftDeleteRequest(BaseModel):
    """Objects to hide. They stay stored, keep their unique keys, and count no more."""

    model_config = ConfigDict(
        **STRICT, json_schema_extra={"examples": [{"object_ids": ["obj_01"], "reason": "licence ended"}]}
    )
    object_ids: list[str] = Field(min_length=1, max_length=MAX_SOFT_DELETED, description="Unknown ids are not counted")
    reason: str = Field(max_length=500, description="Why; kept with each object")
    lifecycle_state: str = Field(default="disabled", max_length=100, description="Kept with each object")
    source: str = Field(default="bulk_purge", max_length=100, description="Kept with each object")


class CreateObjectQuery(BaseModel):
    """The query string of a create."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    policy: Policy | None = Field(
        default=None,
        description=(
            "What happens when the bucket has a unique key: insert (409 if the key is taken), update (404 if"
            " it is not) or upsert. Without it the bucket's default_policy holds; without either, 400"
        ),
    )
    auto_process: bool = Field(default=False, description="Not enabled here: refused with 403 when true")


class GetObjectQuery(BaseModel):
    """The query string of a read."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    return_presigned_urls: bool = Field(default=False, description="A fresh download URL for every stored blob")
    include_document_count: bool = Field(default=True, description="Without it `document_count` is null")


class DeleteObjectQuery(BaseModel):
    """The query string of a delete."""

    model_config = ConfigDict(extra="forbid", defer_build=True)
    cascade: bool = Field(default=False, description="Documents made from the object go too; there are none here")


class ListObjectsRequest(PageBody):
    """Which objects, in which order, and how much of them."""

    model_config = ConfigDict(**STRICT, json_schema_extra={"examples": [_LIST]})
    filters: dict[str, Any] | None = Field(default=None, description="Filter tree or shorthand, on any field")
    sort: dict[str, Any] | None = Field(default=None, description="`{field, direction}`; oldest first without it")
    search: str | None = Field(default=None, description="Wildcard search over id, key prefix and texts in fields")
    select: list[str] | None = Field(
        default=None,
        max_length=MAX_SELECTED,
        description="Dotted paths to keep; object_id and bucket_id always stay",
    )
    return_presigned_urls: bool | None = Field(default=False, description="A fresh download URL for every stored blob")


class ObjectsQuery(PageQuery):
    """The query string of a list."""
