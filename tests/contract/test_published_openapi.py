"""The OpenAPI document contains everything in the published OpenAPI fragment of the list operation.

`published_list_buckets.json` has the fragment's structure: paths, fields, types, defaults and bounds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.api import Api
from tests.support.batch_states import ready
from tests.support.objects import PNG, create_object_bucket, created

PUBLISHED = json.loads((Path(__file__).parent / "published_list_buckets.json").read_text())
CONSTRAINTS = ("minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "format", "default")
Json = dict[str, Any]


@pytest.fixture
def document(api: Api) -> Json:
    document: Json = api.using(key="", namespace="").get("/openapi.json").json
    return document


def test_the_document_is_valid_openapi_3_1(document: Json) -> None:
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == PUBLISHED["openapi"]
    assert document["info"]["version"] == PUBLISHED["version"]


def test_the_list_operation_has_every_published_response(document: Json) -> None:
    operation = document["paths"][PUBLISHED["path"]][PUBLISHED["method"]]
    for status, ref in PUBLISHED["responses"].items():
        schema = operation["responses"][status]["content"]["application/json"]["schema"]
        missing = list(_missing({"$ref": ref}, schema, document, status))
        assert missing == []


def test_the_list_operation_accepts_every_published_field(document: Json) -> None:
    operation = document["paths"][PUBLISHED["path"]][PUBLISHED["method"]]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert list(_missing({"$ref": PUBLISHED["request"]}, body, document, "body")) == []


def test_every_published_component_exists_with_the_same_name(document: Json) -> None:
    assert set(PUBLISHED["schemas"]) <= set(document["components"]["schemas"])


def _missing(published: Json, own: Json, document: Json, path: str, depth: int = 0) -> Iterator[str]:
    """Yields the paths of the parts of the published schema that are missing in the schema of this API."""
    if depth > 8:  # schemas of fields are recursive
        return
    published, own = _variants(published, PUBLISHED["schemas"]), _variants(own, document["components"]["schemas"])
    for constraint in CONSTRAINTS:
        if constraint in published and published[constraint] != own.get(constraint):
            yield f"{path}: {constraint} {published[constraint]!r} is {own.get(constraint)!r}"
    for kind, variant in published["kinds"].items():
        own_variant = own["kinds"].get(kind) or own["kinds"].get("any")
        if own_variant is None:
            yield f"{path}: {kind} is not among {sorted(own['kinds'])}"
            continue
        yield from _missing_inside(variant, own_variant, document, f"{path}.{kind}", depth)


def _missing_inside(published: Json, own: Json, document: Json, path: str, depth: int) -> Iterator[str]:
    for constraint in CONSTRAINTS:
        if constraint in published and published[constraint] != own.get(constraint):
            yield f"{path}: {constraint} {published[constraint]!r} is {own.get(constraint)!r}"
    values = set(published.get("enum", ()))
    if not values <= set(own.get("enum", values)):
        yield f"{path}: values {published['enum']} against {own.get('enum')}"
    if not set(published.get("required", ())) <= set(own.get("required", ())):
        yield f"{path}: required {published['required']} against {own.get('required')}"
    for name, schema in published.get("properties", {}).items():
        if name not in own.get("properties", {}):
            yield f"{path}: no field {name}"
        else:
            yield from _missing(schema, own["properties"][name], document, f"{path}.{name}", depth + 1)
    if published.get("items"):
        yield from _missing(published["items"], own["items"], document, f"{path}[]", depth + 1)


def _variants(schema: Json, components: Json) -> Json:
    """Returns the constraints of the schema and of its alternatives by type, with references resolved."""
    schema = _resolved(schema, components)
    own = {constraint: schema[constraint] for constraint in CONSTRAINTS if constraint in schema}
    kinds: dict[str, Json] = {}
    for variant in schema.get("anyOf", [schema]):
        followed = _resolved(variant, components)
        if "anyOf" in followed:
            kinds |= _variants(followed, components)["kinds"]
        else:
            kinds[followed.get("type", "any")] = followed
    return {"kinds": kinds, **own}


def _resolved(schema: Json, components: Json) -> Json:
    siblings = {key: value for key, value in schema.items() if key != "$ref"}
    while "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    return {**schema, **siblings}


def test_every_field_is_described(document: Json) -> None:
    undescribed = [
        f"{component}.{name}"
        for component, schema in document["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    assert undescribed == []


def test_every_body_has_an_example_that_is_accepted(document: Json, api: Api) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if body is None:
                continue
            (example,) = _resolved(body, document["components"]["schemas"])["examples"]
            example_path = path.replace("{bucket_identifier}", "posters").replace("{namespace_identifier}", "films")
            if "{object_identifier}" in example_path:
                (made,) = api.get("/v1/buckets/posters/objects").json["results"]
                example_path = example_path.replace("{object_identifier}", made["object_id"])
            if "/batches" in path:
                example_path, example = _with_batch(api, example_path, example)
            if "{upload_id}" in path:
                example_path = _path_with_upload(api, path)
            accepted = {200, 409} if method == "post" else {200}
            reply = api.call(method.upper(), example_path, example)
            assert reply.status in accepted, f"{method} {path}: {reply.text}"


def _path_with_upload(api: Api, path: str) -> str:
    """Returns the path with the ids of an upload whose file has been stored, and of its bucket."""
    schema = {"properties": {"film_id": {"type": "string"}, "poster": {"type": "image"}}}
    bucket = api.post("/v1/buckets", {"bucket_name": "stored", "bucket_schema": schema}).json["bucket_id"]
    upload = {"filename": "m.png", "content_type": "image/png"}
    made = api.post(f"/v1/buckets/{bucket}/uploads", upload).json
    api.services().blobs.put(made["s3_key"], PNG, mime_type="image/png", filename=None, storage_class=None)
    return path.replace("{bucket_identifier}", bucket).replace("{upload_id}", made["upload_id"])


def _with_batch(api: Api, path: str, example: Json) -> tuple[str, Json]:
    """Returns the path with the id of a batch, and the example with that of an object, in a bucket of their own."""
    bucket_id = create_object_bucket(api, path)
    object_id = created(api, bucket_id)["object_id"]
    if "object_ids" in example:
        example = {**example, "object_ids": [object_id]}
    if "{batch_id}" in path:
        path = path.replace("{batch_id}", ready(api, path, bucket_id, object_id))
    return path.replace("/posters/", f"/{bucket_id}/"), example
