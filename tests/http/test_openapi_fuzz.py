"""schemathesis tests the running API against its OpenAPI document, with valid and invalid data.

In `make test`, the data is a small random sample, the same in every run. `make nightly` adds the phase `coverage` of
schemathesis, which derives a request from each keyword of each schema: about a hundred for each operation.
"""

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

from chalicelib.batches import errors as batch_errors
from chalicelib.deliveries import errors as delivery_errors
from chalicelib.listing.pagination import CURSOR_PARAMETERS
from chalicelib.openapi.document import openapi
from chalicelib.uploads import errors as upload_errors
from tests.http.operations import BATCH_ID, OPERATIONS, PATH_VALUES
from tests.support.batch_rows import seed_draft
from tests.support.nightly import NIGHTLY, fewer, full_or_small
from tests.support.seeding import seed_objects
from tests.support.server import serving
from tests.support.world import World, bucket_body

EXAMPLES = full_or_small(50, fewer(6))
NUMBERS = itertools.count()
ADAPTER = {"adapter_type": "generic_webhook", "field_mapping": {"title": "title"}}
# Types of problems with data that is valid according to its JSON Schema.
BEYOND_SCHEMAS = {
    "ambiguous_source",
    "contradiction",
    "duplicate",
    "filename_invalid",
    "immutable",
    "int_type",  # JSON Schema accepts 1.0 as an integer, this API does not
    "metadata_too_large",
    "missing",
    "not_public",  # this and url_… are about the URL of a webhook
    "nothing_to_copy",
    "number_too_long",
    "read_only",
    "reserved_name",
    "too_many_uploads",
    "too_short",
    "unfit_type",
    "unknown_field",
    "url_credentials",
    "url_host",
    "url_invalid",
    "url_port",
    "url_scheme",
    "url_too_long",
    "value_error",
}
# Fields whose schema accepts any JSON value, and that are validated by the service.
BEYOND_FIELDS = {"select", "sort", "sorts", "filters", "enum", "default", "data", "checksum"}


DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi([o for o in OPERATIONS if o.name != "openapi"])))

Case = schemathesis.Case[Any]
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "generation": {"deterministic": True, "max-examples": EXAMPLES, "with-security-parameters": False},
        # `valid_data_is_accepted` replaces this check. JSON Schema cannot describe valid cursors, and cannot require
        # that the fields of a unique key are in the bucket's schema.
        "phases": {"coverage": {"enabled": NIGHTLY}},
        "checks": {"positive_data_acceptance": {"enabled": False}},
    }
)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)


@dataclass(frozen=True)
class Target:
    """The server that receives all examples, and the identifiers of existing resources."""

    world: World
    base_url: str
    headers: dict[str, str]
    known: dict[str, str]


@pytest.fixture
def target(world: World) -> Iterator[Target]:
    """The target of all examples of one operation."""
    api = world.api()
    # Resources are identified by id, since examples rename them. Examples may also let the changed namespace expire.
    known = {
        "bucket_identifier": api.post("/v1/buckets", bucket_body(source_adapter=ADAPTER)).json["bucket_id"],
        "namespace_identifier": api.post("/v1/namespaces", {"namespace_name": "changed"}).json["namespace_id"],
    }
    (object_id,) = seed_objects(world, known["bucket_identifier"], range(1))
    seed_draft(world, known["bucket_identifier"], BATCH_ID, [object_id])
    known = {**PATH_VALUES, **known, "object_identifier": object_id, "bucket_id": known["bucket_identifier"]}
    with serving(world) as url:
        yield Target(world, url, {"Authorization": f"Bearer {world.key}", "X-Namespace": "films"}, known)


def test_the_tested_document_is_the_served_one(target: Target) -> None:
    assert target.world.api(key="").get("/openapi.json").json == DOCUMENT


def valid_data_is_accepted(context: schemathesis.CheckContext, response: schemathesis.Response, case: Case) -> None:
    """Checks that valid data is rejected only because of rules that JSON Schema cannot express."""
    if not _is_valid(case) or response.status_code not in (400, 422):
        return
    body = response.json()
    if response.status_code == 400:
        assert body["error"]["code"] in ("cursor_invalid", "walk_too_long", *_codes_of_states(case)), body
    elif "failed" in body:  # a bulk create whose rows are all rejected
        assert len(body["failed"]) == body["failed_count"] == body["total_requested"], body
    else:
        for problem in body["detail"]:
            assert problem["type"] in BEYOND_SCHEMAS or BEYOND_FIELDS.intersection(map(str, problem["loc"])), body


def _codes_of_states(case: Case) -> set[str | None]:
    """Returns the codes of errors that the operation declares for states of a resource that the request cannot see."""
    (errors,) = (o.errors for o in OPERATIONS if (o.method, o.path) == (case.method.upper(), case.path))
    modules = {module.__name__ for module in (batch_errors, delivery_errors, upload_errors)}
    return {error.code for error in errors if error.__module__ in modules}


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, database=None)
def test_the_api_conforms_to_its_document(case: Case, target: Target) -> None:
    if _is_valid(case):
        _use_existing_resources(case, target.known)
    case.call_and_validate(base_url=target.base_url, headers=target.headers, additional_checks=[valid_data_is_accepted])


def _is_valid(case: Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


def _use_existing_resources(case: Case, known: dict[str, str]) -> None:
    """Changes a valid request so that it succeeds more often."""
    case.path_parameters = {name: known[name] for name in case.path_parameters}
    if len(case.headers.get("If-Match", "")) % 2:  # the others are rejected with 412
        case.headers["If-Match"] = "*"
    for fields in (case.query, case.body):
        if isinstance(fields, dict):
            for name in CURSOR_PARAMETERS:
                fields.pop(name, None)
    if isinstance(case.body, dict):
        blobs: Any = case.body.get("blobs") or ()
        for blob in blobs:
            blob |= {"property": "photo", "type": "image"}
        uploads: Any = case.body.get("uploads") or ()
        for upload in (case.body, *uploads):
            if "content_type" in upload:
                upload |= {"content_type": "image/png", "blob_property": "photo", "blob_type": "image"}
        for name in ("bucket_name", "namespace_name", "namespace_id"):
            if isinstance(case.body.get(name), str):
                case.body[name] = f"{next(NUMBERS)}{case.body[name]}"[:64]
