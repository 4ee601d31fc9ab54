"""The measured requests, by what grows: the buckets of a namespace, the objects of a bucket, or the namespaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.scale.filling import Filler, bucket_name, large_settings, small_settings
from bench.scale.world import Json, Place
from bench.scenario import OBJECTS

PAGE = 20
BUCKETS = "/v1/buckets"
BUCKET = BUCKETS + "/{bucket_identifier}"
NAMESPACES = "/v1/namespaces"
Ids = dict[str, str]


@dataclass(frozen=True)
class Request:
    """A measured request. `is_continued` says that it has the cursor after the first half of the rows."""

    name: str
    body: Json | None = None
    path: str = ""
    ids: Ids | None = None
    is_continued: bool = False


@dataclass(frozen=True)
class Prepared:
    """A filled place, and the ids in the paths of the requests."""

    place: Place
    ids: Ids


@dataclass(frozen=True)
class Subject:
    """What grows, how it is written, and the requests that read it. `path` is that of the list."""

    name: str
    option: str
    sizes: Sequence[int]
    path: str
    fill: Callable[[Filler, int], Prepared]
    requests: Sequence[Request]


def _filter(field: str, operator: str, value: object) -> Json:
    return {"filters": {"AND": [{"field": field, "operator": operator, "value": value}]}}


def _sorted(field: str, direction: str) -> Json:
    return {"sort": {"field": field, "direction": direction}}


def _fill_with_buckets(filler: Filler, count: int) -> Prepared:
    place = filler.new_namespace(filler.world.new_organization(), "films")
    ids = filler.fill_with_buckets(place, count, small_settings)
    return Prepared(place, {"bucket_identifier": ids[count // 2]})


def _fill_with_large_schemas(filler: Filler, count: int) -> Prepared:
    place = filler.new_namespace(filler.world.new_organization(), "films")
    ids = filler.fill_with_buckets(place, count, large_settings)
    return Prepared(place, {"bucket_identifier": ids[count // 2]})


def _fill_with_objects(filler: Filler, count: int) -> Prepared:
    place = filler.new_namespace(filler.world.new_organization(), "films")
    (bucket_id,) = filler.fill_with_buckets(place, 1, small_settings)
    filler.fill_with_objects(place, bucket_id, count)
    return Prepared(place, {"bucket_identifier": bucket_id})


def _fill_with_namespaces(filler: Filler, count: int) -> Prepared:
    place = filler.world.new_organization()
    filler.fill_with_namespaces(place, count)
    return Prepared(place, {})


PLAIN = [
    Request("default page"),
    Request("cursor page", is_continued=True),
    Request("include_total", {"include_total": True}),
]
NONE = Request("filter that matches none", _filter("metadata.rare", "eq", "never"))
SUBJECTS = (
    Subject(
        "Buckets of a namespace",
        "buckets",
        (100, 1_000, 10_000, 100_000),
        f"{BUCKETS}/list",
        _fill_with_buckets,
        [
            Request("GET by id", path=BUCKET),
            Request("GET by name", path=BUCKET, ids={"bucket_identifier": bucket_name(77)}),
            *PLAIN,
            Request("page by name", _sorted("bucket_name", "asc")),
            Request("cursor page by name", _sorted("bucket_name", "asc"), is_continued=True),
            Request("search that matches all", {"search": "poster"}),
            Request("search that matches one", {"search": bucket_name(77)}),
            Request("search `abc*` that matches 1 in 10", {"search": "abc*"}),
            Request("filter that matches all", _filter("metadata.team", "eq", "archive")),
            Request("filter that matches 1 in 1000", _filter("metadata.rare", "eq", "yes")),
            NONE,
            Request("filter by prefix of the name", _filter("bucket_name", "starts_with", bucket_name(0)[:-1])),
            Request("sort by a field without an index", _sorted("object_count", "desc")),
        ],
    ),
    Subject(
        "Buckets with schemas of 50 KB",
        "large-schemas",
        (100, 500),
        f"{BUCKETS}/list",
        _fill_with_large_schemas,
        [Request("default page"), NONE, Request("search that matches none", {"search": "nothing"})],
    ),
    Subject(
        "Objects of a bucket",
        "objects",
        (1_000, 10_000, 100_000),
        f"{OBJECTS}/list",
        _fill_with_objects,
        [
            *PLAIN,
            Request("filter that matches all", _filter("title", "eq", "Metropolis")),
            Request("filter that matches 1 in 1000", _filter("rare", "eq", "yes")),
            Request("the same, pages of 1000", {**_filter("rare", "eq", "yes"), "limit": 1000}),
            Request("the same, include_total", {**_filter("rare", "eq", "yes"), "include_total": True}),
            Request("search that matches one", {"search": "tt0000077"}),
            Request("sort by a field without an index", _sorted("film_id", "desc")),
        ],
    ),
    Subject(
        "Namespaces of an organization",
        "namespaces",
        (100, 1_000, 10_000),
        f"{NAMESPACES}/list",
        _fill_with_namespaces,
        [
            *PLAIN,
            Request("page by name", _sorted("namespace_name", "asc")),
            Request("search that matches all", {"search": "archive"}),
            Request("search that matches one", {"search": "archive 000077"}),
            Request("filter that matches none", _filter("description", "eq", "never")),
        ],
    ),
)


def requests_of(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yields the names of the measured requests, each with the name of its subject."""
    for request in subject.requests:
        yield subject.name, request.name
