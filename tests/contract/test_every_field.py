"""No field of the official SDK is accepted and ignored.

The fields are read from the SDK's own models and methods. One that has no probe fails here by name, which
is what a new version of the SDK will do first.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mixpeek.api.bucket_objects_api import BucketObjectsApi
from mixpeek.api.buckets_api import BucketsApi
from mixpeek.api.namespaces_api import NamespacesApi
from mixpeek.api.tasks_api import TasksApi

from tests.contract import left_out
from tests.contract.probe_table import PROBES, probe
from tests.contract.probes import SCHEMA
from tests.support.api import Api
from tests.support.world import World

TABLE = Path(__file__).parent.parent.parent / "docs" / "compatibility.md"
METHODS: dict[str, Any] = {
    "query of list_tasks": TasksApi.list_tasks,
    **{
        f"query of {name}": getattr(BucketsApi, name)
        for name in ("list_buckets", "list_buckets_get", "patch_bucket", "update_bucket", "delete_bucket")
    },
    **{
        f"query of {name}": getattr(NamespacesApi, name)
        for name in ("list_namespaces", "list_namespaces_get", "delete_namespace")
    },
    **{
        f"query of {name}_buckets": getattr(BucketObjectsApi, f"{name}_buckets")
        for name in ("create_object", "create_objects_batch", "get_object", "list_objects", "list_objects_get")
    },
}


def model_of(name: str) -> Any:
    """The SDK's class of this name."""
    return getattr(importlib.import_module(f"mixpeek.models.{re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()}"), name)


def fields_of(name: str) -> list[str]:
    """The fields that the SDK's model or method has."""
    if name in METHODS:
        parameters = list(inspect.signature(METHODS[name]).parameters)[1:]
        return [p for p in parameters if p[0] != "_" and not p.endswith(("_request", "_identifier"))]
    fields = model_of(name).model_fields
    return [field.alias or key for key, field in fields.items() if key != "additional_properties"]


def everything() -> Iterator[tuple[str, str]]:
    for model in PROBES:
        for field in fields_of(model):
            yield model, field


@pytest.fixture
def stocked(world: World, api: Api) -> Api:
    """Three buckets, the first with an object in it, and three namespaces."""
    for name in ("posters", "art", "prints"):
        made = api.post("/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA}).json
        if name == "posters":
            row = {"bucket_id": {"S": made["bucket_id"]}, "object_id": {"S": "obj_1"}}
            world.client.put_item(TableName=world.tables.objects, Item=row)
    for name in ("press", "stills"):
        api.post("/v1/namespaces", {"namespace_name": name})
    return api


@pytest.mark.parametrize(("model", "field"), list(everything()))
def test_a_field_is_honoured_or_refused_by_name(stocked: Api, model: str, field: str) -> None:
    found = probe(model, field)
    assert found is not None, f"the SDK's {model}.{field} has no probe: honour it or refuse it, and say which"
    found.check(stocked, model, {})


def test_no_probe_is_of_a_field_that_the_sdk_no_longer_has() -> None:
    known = set(everything())
    assert [(model, field) for model in PROBES for field in PROBES[model] if (model, field) not in known] == []


def test_the_published_table_is_what_the_probes_say() -> None:
    assert TABLE.read_text() == table(), "write it anew: python -m tests.contract.test_every_field"


def table() -> str:
    """docs/compatibility.md."""
    lines = [
        "# What becomes of every field of the SDK",
        "",
        "Every field of the request models and query strings of the official Python SDK (`mixpeek` 1.3.783), for the",
        "operations that are there, and what this service does about it. Each line is proven by a test, in",
        "`tests/contract/test_every_field.py`.",
        "",
        "Every field of the SDK's answers is filled, but for those in the table at the end.",
        "",
        "| model | field | |",
        "|---|---|---|",
    ]
    lines += [f"| {model} | `{field}` | {probe(model, field).outcome} |" for model, field in everything()]
    lines += ["", "## Fields of answers that are left out on purpose", "", *left_out.lines()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table())
