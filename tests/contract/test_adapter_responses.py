"""The responses of the operations on source adapters, and of webhooks, are those that the document describes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import TypeAdapter

from tests.faults.interleaving import is_about_adapters, operation_of
from tests.faults.operation_requests import REQUESTS
from tests.support.api import Api, ApiResponse

NAMES = [name for name in REQUESTS if is_about_adapters(name) and not operation_of(name).name.startswith("answer")]
each_request = pytest.mark.parametrize("name", NAMES)


def sent(api: Api, name: str) -> ApiResponse:
    reply = REQUESTS[name](api).send(api)
    assert reply.status == 200, reply.text
    return reply


@each_request
def test_the_response_matches_its_declared_type_exactly(api: Api, name: str) -> None:
    text = sent(api, name).text
    adapter: TypeAdapter[Any] = TypeAdapter(operation_of(name).response())
    read = adapter.validate_json(text, strict=True)
    # This round trip would remove a field that is not declared.
    assert json.loads(adapter.dump_json(read, exclude_unset=True)) == json.loads(text)


@each_request
def test_the_response_matches_the_openapi_document(api: Api, name: str) -> None:
    reply, operation = sent(api, name), operation_of(name)
    document = api.using(key="", namespace="").get("/openapi.json").json
    described = document["paths"][operation.path][operation.method.lower()]["responses"]["200"]
    schema = {**described["content"]["application/json"]["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(reply.json)
