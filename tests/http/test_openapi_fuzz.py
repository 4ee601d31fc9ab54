"""schemathesis holds the running API against its own description, with data that fits and data that does not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.config import SchemathesisConfig

from chalicelib.listing.pagination import CURSORS
from chalicelib.openapi.document import openapi
from tests.http.operations import OPERATIONS
from tests.support.seeding import seed_objects
from tests.support.server import serving
from tests.support.world import World, bucket_body

EXAMPLES = 10
NUMBERS = itertools.count()
# Kinds of problems that data may have although it fits its JSON Schema.
BEYOND_SCHEMAS = {
    "ambiguous_source",
    "contradiction",
    "duplicate",
    "immutable",
    "int_type",  # 1.0 is an integer to JSON Schema, and not to us
    "missing",
    "number_too_long",
    "read_only",
    "reserved_name",
    "too_short",
    "unfit_type",
    "unknown_field",
    "value_error",
}
# Places that take any JSON value to their schema, and have a grammar of their own.
BEYOND_PLACES = {"select", "sort", "sorts", "filters", "enum", "default", "data", "checksum"}


DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi([o for o in OPERATIONS if o.name != "openapi"])))

Case = schemathesis.Case[Any]
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "generation": {"deterministic": True, "max-examples": EXAMPLES, "with-security-parameters": False},
        # Replaced by `only_what_a_schema_cannot_say`: JSON Schema knows nothing of cursors, and not that a
        # unique key names fields of the schema beside it.
        "checks": {"positive_data_acceptance": {"enabled": False}},
    }
)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)


@dataclass(frozen=True)
class Target:
    """What all examples are sent to, and what is there for those that fit to find."""

    world: World
    base_url: str
    headers: dict[str, str]
    known: dict[str, str]


@pytest.fixture
def target(world: World) -> Iterator[Target]:
    """One for all examples of an operation."""
    api = world.api()
    # Known by id, since examples rename them; and examples may end the namespace that they change.
    known = {
        "bucket_identifier": api.post("/v1/buckets", bucket_body()).json["bucket_id"],
        "namespace_identifier": api.post("/v1/namespaces", {"namespace_name": "changed"}).json["namespace_id"],
    }
    known["task_id"] = f"task_{0:016}"
    (known["object_identifier"],) = seed_objects(world, known["bucket_identifier"], range(1))
    with serving(world) as url:
        yield Target(world, url, {"Authorization": f"Bearer {world.key}", "X-Namespace": "films"}, known)


def test_the_document_that_is_fuzzed_is_the_one_that_is_served(target: Target) -> None:
    assert target.world.api(key="").get("/openapi.json").json == DOCUMENT


def only_what_a_schema_cannot_say(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: Case
) -> None:
    """Data that fits the schema is refused only by rules that a schema has no words for."""
    if not _fits(case) or response.status_code not in (400, 422):
        return
    body = response.json()
    if response.status_code == 400:
        assert body["error"]["code"] in ("cursor_invalid", "walk_too_long"), body
    elif "failed" in body:  # a batch whose rows are all refused, each on its own
        assert len(body["failed"]) == body["failed_count"] == body["total_requested"], body
    else:
        for problem in body["detail"]:
            assert problem["type"] in BEYOND_SCHEMAS or BEYOND_PLACES.intersection(map(str, problem["loc"])), body


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, database=None)
def test_the_api_is_as_it_says(case: Case, target: Target) -> None:
    if _fits(case):
        _make_welcome(case, target.known)
    case.call_and_validate(
        base_url=target.base_url, headers=target.headers, additional_checks=[only_what_a_schema_cannot_say]
    )


def _fits(case: Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def _make_welcome(case: Case, known: dict[str, str]) -> None:
    """Lets a request that fits its schema succeed more often than by chance."""
    case.path_parameters = {name: known[name] for name in case.path_parameters}
    if len(case.headers.get("If-Match", "")) % 2:  # the others are refused with 412
        case.headers["If-Match"] = "*"
    for place in (case.query, case.body):
        if isinstance(place, dict):
            for name in CURSORS:
                place.pop(name, None)
    if isinstance(case.body, dict):
        blobs: Any = case.body.get("blobs") or ()
        for blob in blobs:
            blob |= {"property": "photo", "type": "image"}
        for name in ("bucket_name", "namespace_name", "namespace_id"):
            if isinstance(case.body.get(name), str):
                case.body[name] = f"{next(NUMBERS)}{case.body[name]}"[:64]
