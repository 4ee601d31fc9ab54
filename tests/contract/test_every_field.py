"""Each request field of the official SDK has an effect or is rejected; the exceptions are documented.

The fields are read from the models and methods of the SDK. A field without a probe fails the test, so a new version of
the SDK with new fields does, too.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.api import all_operations
from chalicelib.wiring import services
from tests.contract import omitted_fields
from tests.contract.batch_probes import OWN_FIELDS
from tests.contract.probe_table import PROBES, probe
from tests.contract.probes import SCHEMA
from tests.contract.sdk_models import bodies, fields, methods, query_parameters
from tests.contract.test_probe_coverage import UNSUPPORTED_OPERATIONS
from tests.support.api import Api
from tests.support.world import World

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compatibility.md"
METHODS: dict[str, Any] = {
    name: methods()[name.removeprefix("query of ")] for name in PROBES if name.startswith("query of ")
}


def model_of(name: str) -> Any:
    """Returns the class of the SDK with this name."""
    return getattr(importlib.import_module(f"mixpeek.models.{re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()}"), name)


def fields_of(name: str) -> list[str]:
    """Returns the fields of a model, or the query parameters of a method, of the SDK."""
    if name in METHODS:
        return query_parameters(METHODS[name])
    fields = model_of(name).model_fields
    return [field.alias or key for key, field in fields.items() if key != "additional_properties"]


def all_request_fields() -> Iterator[tuple[str, str]]:
    for model in PROBES:
        for field in fields_of(model):
            yield model, field


@pytest.fixture
def filled_api(world: World, api: Api) -> Api:
    """A client of an API with three buckets, of which the first has an object, and three namespaces."""
    for name in ("posters", "art", "prints"):
        made = api.post("/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA}).json
        if name == "posters":
            row = {"bucket_id": {"S": made["bucket_id"]}, "object_id": {"S": "obj_1"}}
            world.client.put_item(TableName=world.tables.objects, Item=row)
    for name in ("press", "stills"):
        api.post("/v1/namespaces", {"namespace_name": name})
    return api


@pytest.mark.parametrize(("model", "field"), list(all_request_fields()))
def test_a_field_takes_effect_or_is_rejected_by_name(filled_api: Api, model: str, field: str) -> None:
    found = probe(model, field)
    assert found is not None, f"the SDK's {model}.{field} has no probe: support it or reject it, and add a probe"
    found.check(filled_api, model, {})


def own_fields_of_batches() -> set[tuple[str, str]]:
    """Returns the fields of our operations on batches that the methods of the SDK do not have."""
    found = set()
    for operation in all_operations(services):
        if operation.tag == "Batches":
            ours = {name for make in (operation.body, operation.query) if make for name in make().model_fields}
            method = methods()[operation.name]
            theirs = {name for body in bodies(method) for name in fields(body)} | set(query_parameters(method))
            found |= {(operation.name, name) for name in ours - theirs}
            if operation.name == "resubmit_batch_buckets_batches":  # its body has no model in the SDK
                found |= {(operation.name, name) for name in operation.body().model_fields}  # type: ignore[misc]
    return found


def test_every_field_of_batches_beyond_the_sdk_has_a_probe() -> None:
    assert own_fields_of_batches() == set(OWN_FIELDS)


@pytest.mark.parametrize("field", OWN_FIELDS, ids=" ".join)
def test_a_field_beyond_the_sdk_takes_effect(filled_api: Api, field: tuple[str, str]) -> None:
    OWN_FIELDS[field](filled_api)


def test_every_probe_is_for_a_field_of_the_sdk() -> None:
    known = set(all_request_fields())
    assert [(model, field) for model in PROBES for field in PROBES[model] if (model, field) not in known] == []


def test_the_published_page_is_generated_from_the_probes() -> None:
    assert PAGE.read_text() == page(), "to update the page, run: python -m tests.contract.test_every_field"


def test_the_published_page_has_every_field() -> None:
    named = {operation.name for operation in all_operations(services)}
    assert {model for model in METHODS if model.removeprefix("query of ") not in named} == set()
    lines = PAGE.read_text().splitlines()
    assert len([line for line in lines if line.startswith("| `")]) == len(list(all_request_fields()))


INTRODUCTION = """# Compatibility with the official SDK

The official Python SDK (`mixpeek` 1.3.783) works with this service unmodified. This page lists the SDK's operations for
namespaces, buckets, objects, uploads, batches and tasks. For every field of a request and every parameter of a query
string, it says what this service does with it. `tests/contract/test_every_field.py` tests each line, and
`python -m tests.contract.test_every_field` writes this page.

* *supported*: the field takes effect.
* *rejected*: the request fails with an error that names the field. Null is accepted.
* *accepted without effect*: the field changes nothing, for the given reason.

"""


def page() -> str:
    """Returns the content of docs/reference/compatibility.md."""
    parts = ["## Operations", *operations(), *unsupported_operations(), "## Models", *models()]
    parts += ["## Omitted fields of responses", "This service fills every field of the SDK's responses except these:"]
    return INTRODUCTION + "\n\n".join([*parts, "\n".join(omitted_fields.lines())]) + "\n"


def operations() -> Iterator[str]:
    """Yields a section for each operation that both the SDK and this service have."""
    sdk = methods()
    for operation in all_operations(services):
        if operation.name not in sdk:
            continue
        yield f"### {operation.name}"
        yield f"`{operation.method} {operation.path}`"
        if sent := [model.__name__ for model in bodies(sdk[operation.name])]:
            yield f"Body: {', '.join(f'[{name}](#{name.lower()})' for name in sent)}"
        if f"query of {operation.name}" in PROBES:
            yield "\n".join(rows(f"query of {operation.name}", "parameter"))


def unsupported_operations() -> Iterator[str]:
    """Yields the section about operations of the SDK that this service does not have."""
    yield "### Operations that do not exist"
    yield "These operations of the SDK respond with 404, or with 405 if the path exists with another method:"
    yield "\n".join(f"* `{name}`" for name in sorted(UNSUPPORTED_OPERATIONS))
    yield "The SDK has no method for incoming webhooks, which other systems send."


def models() -> Iterator[str]:
    """Yields a section for each request model."""
    for model in PROBES:
        if model not in METHODS:
            yield f"### {model}"
            yield "\n".join(rows(model, "field"))


def rows(model: str, kind: str) -> Iterator[str]:
    """Yields the table of a model's fields, or of the parameters of a query string."""
    yield f"| {kind} | |"
    yield "|---|---|"
    for field in fields_of(model):
        yield f"| `{field}` | {probe(model, field).outcome} |"


if __name__ == "__main__":
    PAGE.write_text(page())
