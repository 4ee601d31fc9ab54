"""What clients send and receive about namespaces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.foundation.text import printable
from chalicelib.foundation.wire import PageBody, PageQuery, PaginationResponse, Timestamp

REQUEST = ConfigDict(strict=True, extra="forbid", defer_build=True)


Name = Annotated[str, Field(min_length=3, max_length=64), AfterValidator(printable)]
NamespaceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")]

# Upstream features that would promise something this deployment does not do. They are refused when
# they ask for anything; null, false and empty ask for nothing.
NOT_ENABLED = (
    "features",
    "auto_create_indexes",
    "adaptive_indexing",
    "infrastructure",
    "trusted_issuers",
    "tiering",
    "spend_budget",
    "cost_cap_override",
    "repair_vectors",
    "pinned",
    "storage",
    "config",
)
Unsupported = Annotated[
    Any,
    Field(default=None, description="Not enabled here: refused with 403 unless null, false or empty"),
]


class FeatureExtractor(BaseModel):
    """A feature extractor that a namespace declares. It is kept and shown; nothing runs it here."""

    model_config = REQUEST
    feature_extractor_name: Annotated[str, Field(min_length=1, max_length=100)]
    version: Annotated[str, Field(min_length=1, max_length=50)]
    params: dict[str, Any] | None = None


class PayloadIndex(BaseModel):
    """A payload index that a namespace declares. It is kept and shown; nothing is indexed by it here."""

    model_config = REQUEST
    field_name: Annotated[str, Field(min_length=1, max_length=255)]
    type: Literal["text", "keyword", "integer", "float", "bool", "datetime", "geo", "uuid"]
    field_schema: dict[str, Any] | None = None
    is_protected: bool | None = False


class VectorConfig(BaseModel):
    """A vector index that a namespace declares. It is kept and shown; no vectors are stored here."""

    model_config = REQUEST
    name: Annotated[str, Field(min_length=1, max_length=255)]
    dimension: Annotated[int, Field(ge=1)]
    metric: str | None = "cosine"


Declared = Field(max_length=100)


class CreateNamespaceRequest(BaseModel):
    """A new namespace."""

    model_config = REQUEST
    namespace_name: Name = Field(description="Name, unique within the organization")
    namespace_id: NamespaceId | None = Field(default=None, description="Id to use instead of a new one")
    mode: Literal["managed", "standalone"] | None = Field(default="managed", description="Shown as given")
    namespace_type: Literal["standard", "marketplace"] | None = None
    scope: Literal["org", "system"] | None = None
    description: str | None = None
    feature_extractors: Annotated[list[FeatureExtractor] | None, Declared] = None
    vector_configs: Annotated[list[VectorConfig] | None, Declared] = None
    payload_indexes: Annotated[list[PayloadIndex] | None, Declared] = None
    ttl_seconds: int | None = Field(default=None, ge=60, le=3_153_600_000, description="Life time; sets `expires_at`")
    features: Unsupported = None
    auto_create_indexes: Unsupported = None
    adaptive_indexing: Unsupported = None
    infrastructure: Unsupported = None
    trusted_issuers: Unsupported = None
    tiering: Unsupported = None
    spend_budget: Unsupported = None
    cost_cap_override: Unsupported = None


class CreateStandaloneNamespaceRequestModel(CreateNamespaceRequest):
    """A new standalone namespace; without a name it is called by its id."""

    namespace_name: Name | None = None  # type: ignore[assignment]
    mode: Literal["standalone"] | None = "standalone"
    storage: Unsupported = None
    config: Unsupported = None


class UpdateNamespaceRequest(BaseModel):
    """What PUT changes; keys that are absent stay as they are."""

    model_config = REQUEST
    namespace_name: Name | None = None
    payload_indexes: Annotated[list[PayloadIndex] | None, Declared] = None


class PatchNamespaceRequest(UpdateNamespaceRequest):
    """What PATCH changes; keys that are absent stay as they are."""

    description: str | None = None
    feature_extractors: Annotated[
        list[FeatureExtractor] | None,
        Field(max_length=100, description="Added to those declared"),
    ] = None
    expires_at: datetime | None = Field(default=None, description="When the namespace ends; null removes it")
    ttl_seconds: int | None = Field(default=None, ge=60, le=3_153_600_000, description="`expires_at` from now")
    auto_create_indexes: Unsupported = None
    adaptive_indexing: Unsupported = None
    repair_vectors: Unsupported = None
    infrastructure: Unsupported = None
    trusted_issuers: Unsupported = None
    spend_budget: Unsupported = None
    pinned: Unsupported = None
    tiering: Unsupported = None
    cost_cap_override: Unsupported = None


class ListNamespacesRequest(PageBody):
    """Which namespaces to list, in which order."""

    model_config = REQUEST
    search: str | None = Field(default=None, description="Wildcard search over id, name and description")
    filters: dict[str, Any] | None = None
    sort: dict[str, Any] | None = None
    sorts: list[dict[str, Any]] | None = None
    case_sensitive: bool | None = False


class NamespacesQuery(PageQuery):
    """The query string of a list of namespaces."""

    include_system: bool | None = Field(default=None, description="There are no system namespaces here")
    view: Literal["full", "summary"] = Field(default="full", description="`summary` leaves the declarations out")


class NamespaceModel(TypedDict):
    """A namespace."""

    object: Annotated[Literal["namespace"], Field(default="namespace")]
    namespace_id: str
    namespace_name: str
    description: str | None
    namespace_type: Literal["standard", "marketplace"]
    scope: Literal["org", "system"]
    mode: str | None
    feature_extractors: NotRequired[list[dict[str, Any]]]
    payload_indexes: NotRequired[list[dict[str, Any]]]
    vector_configs: NotRequired[list[dict[str, Any]]]
    bucket_count: int | None
    object_count: int | None
    document_count: int | None
    collection_count: int | None
    document_count_complete: bool
    namespace_ready: bool
    created_at: Timestamp | None
    updated_at: Timestamp | None
    expires_at: Timestamp | None


class NamespaceListStats(TypedDict):
    """Aggregates over all namespaces that match."""

    total_buckets: int
    total_objects: int
    avg_buckets_per_namespace: float
    avg_objects_per_namespace: float


class ListNamespacesResponse(TypedDict):
    """A page of namespaces."""

    results: list[NamespaceModel]
    pagination: PaginationResponse
    total_count: Annotated[int, Field(description="Namespaces that match")]
    stats: NamespaceListStats | None
