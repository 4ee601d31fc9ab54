"""What clients send and receive about namespaces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from chalicelib.core.text import UNPADDED, unpadded
from chalicelib.http.api_models import Timestamp
from chalicelib.listing.models import PageBody, PageQuery, PaginationResponse

REQUEST = ConfigDict(strict=True, extra="forbid", defer_build=True)


Name = Annotated[
    str,
    Field(min_length=3, max_length=64, json_schema_extra={"pattern": UNPADDED}),
    AfterValidator(unpadded),
]
NamespaceId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$")]

# Upstream features that would promise something this deployment does not do. They are refused when they
# ask for anything: null, an empty list or object, and false for what is a switch ask for nothing.
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
SWITCHES = ("auto_create_indexes", "adaptive_indexing", "repair_vectors", "pinned")
Unsupported = Annotated[
    Any,
    Field(default=None, description="Not enabled here: refused with 403 unless null or empty"),
]
Switch = Annotated[
    Any,
    Field(default=None, description="Not enabled here: refused with 403 unless null, false or empty"),
]


Example = dict[str, Any]
_CREATE: Example = {"namespace_name": "films", "description": "Everything about films"}
_STANDALONE: Example = {"namespace_id": "films-2026", "vector_configs": [{"name": "text", "dimension": 384}]}
_LIST: Example = {"search": "film", "sort": {"field": "namespace_name"}, "limit": 20}


class FeatureExtractor(BaseModel):
    """A feature extractor that a namespace declares. It is kept and shown; nothing runs it here."""

    model_config = REQUEST
    feature_extractor_name: Annotated[str, Field(min_length=1, max_length=100, description="Name of the extractor")]
    version: Annotated[str, Field(min_length=1, max_length=50, description="Its version, such as v1")]
    params: dict[str, Any] | None = Field(default=None, description="Its parameters, kept as given")


def _typed(parameters: dict[str, Any]) -> dict[str, Any]:
    # Clients read the type as a string, and one that is not would make every list with it unreadable to them.
    if not isinstance(parameters.get("type"), str | None):
        raise ValueError("type must be a string")
    return parameters


IndexParameters = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"properties": {"type": {"type": ["string", "null"]}}}),
    AfterValidator(_typed),
]


class PayloadIndex(BaseModel):
    """A payload index that a namespace declares. It is kept and shown; nothing is indexed by it here."""

    model_config = REQUEST
    field_name: Annotated[str, Field(min_length=1, max_length=255, description="Dotted path of the field")]
    type: Annotated[
        Literal["text", "keyword", "integer", "float", "bool", "datetime", "geo", "uuid"],
        Field(description="Data type of the field"),
    ]
    field_schema: IndexParameters | None = Field(default=None, description="Kept as given; its type is a string")
    is_protected: bool | None = Field(default=False, description="Kept as given")


class VectorConfig(BaseModel):
    """A vector index that a namespace declares. It is kept and shown; no vectors are stored here."""

    model_config = REQUEST
    name: Annotated[str, Field(min_length=1, max_length=255, description="Name of the vector index")]
    dimension: Annotated[int, Field(ge=1, description="Number of dimensions")]
    metric: str | None = Field(default="cosine", description="cosine, euclidean or dot_product")


MAX_DECLARED = 100
Declared = Field(max_length=MAX_DECLARED, description="Kept and shown as given; nothing runs by it here")


class CreateNamespaceRequest(BaseModel):
    """A new namespace."""

    model_config = ConfigDict(**REQUEST, json_schema_extra={"examples": [_CREATE]})
    namespace_name: Name = Field(description="Name, unique within the organization")
    namespace_id: NamespaceId | None = Field(default=None, description="Id to use instead of a new one")
    mode: Literal["managed", "standalone"] | None = Field(default="managed", description="Shown as given")
    namespace_type: Literal["standard", "marketplace"] | None = Field(default=None, description="Shown as given")
    scope: Literal["org", "system"] | None = Field(default=None, description="`org`; `system` is refused with 403")
    description: str | None = Field(default=None, description="What the namespace is for")
    feature_extractors: Annotated[list[FeatureExtractor] | None, Declared] = None
    vector_configs: Annotated[list[VectorConfig] | None, Declared] = None
    payload_indexes: Annotated[list[PayloadIndex] | None, Declared] = None
    ttl_seconds: int | None = Field(default=None, ge=60, le=3_153_600_000, description="Life time; sets `expires_at`")
    features: Unsupported = None
    auto_create_indexes: Switch = None
    adaptive_indexing: Switch = None
    infrastructure: Unsupported = None
    trusted_issuers: Unsupported = None
    tiering: Unsupported = None
    spend_budget: Unsupported = None
    cost_cap_override: Unsupported = None


class CreateStandaloneNamespaceRequestModel(CreateNamespaceRequest):
    """A new standalone namespace; without a name it is called by its id."""

    model_config = ConfigDict(**REQUEST, json_schema_extra={"examples": [_STANDALONE]})
    namespace_name: Name | None = Field(  # type: ignore[assignment]
        default=None, description="Name; without one the namespace is called by its id"
    )
    mode: Literal["standalone"] | None = Field(default="standalone", description="Shown as given")
    storage: Unsupported = None
    config: Unsupported = None


class UpdateNamespaceRequest(BaseModel):
    """What PUT changes; keys that are absent stay as they are."""

    model_config = ConfigDict(**REQUEST, json_schema_extra={"examples": [{"namespace_name": "films"}]})
    namespace_name: Name | None = Field(default=None, description="New name; null changes nothing")
    payload_indexes: Annotated[list[PayloadIndex] | None, Declared] = None


class PatchNamespaceRequest(UpdateNamespaceRequest):
    """What PATCH changes; keys that are absent stay as they are."""

    model_config = ConfigDict(**REQUEST, json_schema_extra={"examples": [{"ttl_seconds": 86_400}]})
    description: str | None = Field(default=None, description="What the namespace is for")
    feature_extractors: Annotated[
        list[FeatureExtractor] | None,
        Field(max_length=MAX_DECLARED, description="Added to those declared, which are as many in all"),
    ] = None
    expires_at: datetime | None = Field(default=None, description="When the namespace ends; null removes it")
    ttl_seconds: int | None = Field(default=None, ge=60, le=3_153_600_000, description="`expires_at` from now")
    auto_create_indexes: Switch = None
    adaptive_indexing: Switch = None
    repair_vectors: Switch = None
    infrastructure: Unsupported = None
    trusted_issuers: Unsupported = None
    spend_budget: Unsupported = None
    pinned: Switch = None
    tiering: Unsupported = None
    cost_cap_override: Unsupported = None


class ListNamespacesRequest(PageBody):
    """Which namespaces to list, in which order."""

    model_config = ConfigDict(**REQUEST, json_schema_extra={"examples": [_LIST]})
    search: str | None = Field(default=None, description="Wildcard search over id, name and description")
    filters: dict[str, Any] | None = Field(default=None, description="Filter tree or shorthand, on any field")
    sort: dict[str, Any] | None = Field(default=None, description="`{field, direction}`")
    sorts: list[dict[str, Any]] | None = Field(default=None, description="Several sorts, the first is primary")
    case_sensitive: bool | None = Field(default=False, description="Mind upper and lower case")


class NamespacesQuery(PageQuery):
    """The query string of a list of namespaces."""

    include_system: bool | None = Field(default=None, description="There are no system namespaces here")
    view: Literal["full", "summary"] = Field(default="full", description="`summary` leaves the declarations out")


class NamespaceModel(TypedDict):
    """A namespace."""

    object: Annotated[Literal["namespace"], Field(default="namespace", description="Always `namespace`")]
    namespace_id: Annotated[str, Field(description="Unique identifier")]
    namespace_name: Annotated[str, Field(description="Name, unique within the organization")]
    description: Annotated[str | None, Field(description="What the namespace is for")]
    namespace_type: Annotated[Literal["standard", "marketplace"], Field(description="As given at creation")]
    scope: Annotated[Literal["org", "system"], Field(description="As given at creation")]
    mode: Annotated[str | None, Field(description="As given at creation")]
    feature_extractors: NotRequired[Annotated[list[dict[str, Any]], Field(description="As declared")]]
    payload_indexes: NotRequired[Annotated[list[dict[str, Any]], Field(description="As declared")]]
    vector_configs: NotRequired[Annotated[list[dict[str, Any]], Field(description="As declared")]]
    bucket_count: Annotated[int | None, Field(description="Buckets in the namespace")]
    object_count: Annotated[int | None, Field(description="Objects in all its buckets")]
    document_count: Annotated[int | None, Field(description="There are no documents here: 0")]
    collection_count: Annotated[int | None, Field(description="There are no collections here: 0")]
    document_count_complete: Annotated[bool, Field(description="Always true")]
    namespace_ready: Annotated[bool, Field(description="Always true")]
    created_at: Annotated[Timestamp | None, Field(description="When it was created")]
    updated_at: Annotated[Timestamp | None, Field(description="When it last changed")]
    expires_at: Annotated[Timestamp | None, Field(description="When it ends; null for never")]


class NamespaceListStats(TypedDict):
    """Aggregates over all namespaces that match."""

    total_buckets: Annotated[int, Field(description="Buckets of all these namespaces")]
    total_objects: Annotated[int, Field(description="Objects of all these namespaces")]
    avg_buckets_per_namespace: Annotated[float, Field(description="Buckets per namespace, on average")]
    avg_objects_per_namespace: Annotated[float, Field(description="Objects per namespace, on average")]


class ListNamespacesResponse(TypedDict):
    """A page of namespaces."""

    results: Annotated[list[NamespaceModel], Field(description="The namespaces of this page")]
    pagination: PaginationResponse
    total_count: Annotated[int, Field(description="Namespaces that match")]
    stats: Annotated[NamespaceListStats | None, Field(description="Sums over all that match")]
