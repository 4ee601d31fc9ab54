"""Our OpenAPI holds everything that the published fragment of the list operation says.

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

PUBLISHED = json.loads((Path(__file__).parent / "published_list_buckets.json").read_text())
CONSTRAINTS = ("minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "format", "default")
Json = dict[str, Any]


@pytest.fixture
def ours(api: Api) -> Json:
    document: Json = api.using(key="", namespace="").get("/openapi.json").json
    return document


def test_the_document_is_valid_openapi_3_1(ours: Json) -> None:
    OpenAPIV31SpecValidator(ours).validate()
    assert ours["openapi"] == PUBLISHED["openapi"]
    assert ours["info"]["version"] == PUBLISHED["version"]


def test_the_list_operation_has_every_published_response(ours: Json) -> None:
    operation = ours["paths"][PUBLISHED["path"]][PUBLISHED["method"]]
    for status, ref in PUBLISHED["responses"].items():
        schema = operation["responses"][status]["content"]["application/json"]["schema"]
        missing = list(_missing({"$ref": ref}, schema, ours, status))
        assert missing == []


def test_the_list_operation_accepts_every_published_field(ours: Json) -> None:
    operation = ours["paths"][PUBLISHED["path"]][PUBLISHED["method"]]
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert list(_missing({"$ref": PUBLISHED["request"]}, body, ours, "body")) == []


def test_every_published_component_exists_with_the_same_name(ours: Json) -> None:
    assert set(PUBLISHED["schemas"]) <= set(ours["components"]["schemas"])


def _missing(theirs: Json, ours: Json, document: Json, path: str, depth: int = 0) -> Iterator[str]:
    """Yields the paths of parts of the published schema that our schema does not have."""
    if depth > 8:  # schemas of fields are recursive
        return
    theirs, ours = _variants(theirs, PUBLISHED["schemas"]), _variants(ours, document["components"]["schemas"])
    for constraint in CONSTRAINTS:
        if constraint in theirs and theirs[constraint] != ours.get(constraint):
            yield f"{path}: {constraint} {theirs[constraint]!r} is {ours.get(constraint)!r}"
    for kind, variant in theirs["kinds"].items():
        own = ours["kinds"].get(kind) or ours["kinds"].get("any")
        if own is None:
            yield f"{path}: {kind} is not among {sorted(ours['kinds'])}"
            continue
        yield from _missing_inside(variant, own, document, f"{path}.{kind}", depth)


def _missing_inside(theirs: Json, ours: Json, document: Json, path: str, depth: int) -> Iterator[str]:
    for constraint in CONSTRAINTS:
        if constraint in theirs and theirs[constraint] != ours.get(constraint):
            yield f"{path}: {constraint} {theirs[constraint]!r} is {ours.get(constraint)!r}"
    values = set(theirs.get("enum", ()))
    if not values <= set(ours.get("enum", values)):
        yield f"{path}: values {theirs['enum']} against {ours.get('enum')}"
    if not set(theirs.get("required", ())) <= set(ours.get("required", ())):
        yield f"{path}: required {theirs['required']} against {ours.get('required')}"
    for name, schema in theirs.get("properties", {}).items():
        if name not in ours.get("properties", {}):
            yield f"{path}: no field {name}"
        else:
            yield from _missing(schema, ours["properties"][name], document, f"{path}.{name}", depth + 1)
    if theirs.get("items"):
        yield from _missing(theirs["items"], ours["items"], document, f"{path}[]", depth + 1)


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


def test_every_field_is_described(ours: Json) -> None:
    bare = [
        f"{component}.{name}"
        for component, schema in ours["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
        if "description" not in field and "$ref" not in field
    ]
    assert bare == []


def test_every_body_has_an_example_that_is_accepted(ours: Json, api: Api) -> None:
    for path, methods in ours["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if body is None:
                continue
            (example,) = _resolved(body, ours["components"]["schemas"])["examples"]
            place = path.replace("{bucket_identifier}", "posters").replace("{namespace_identifier}", "films")
            if "{object_identifier}" in place:
                (made,) = api.get("/v1/buckets/posters/objects").json["results"]
                place = place.replace("{object_identifier}", made["object_id"])
            taken = {200, 409} if method == "post" else {200}
            reply = api.call(method.upper(), place, example)
            assert reply.status in taken, f"{method} {path}: {reply.text}"
