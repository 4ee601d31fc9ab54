"""A precondition on an operation that changes something is honoured, or rejected by name."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.api import all_operations
from chalicelib.http.operation import Operation
from chalicelib.wiring import services
from tests.http.operations import path_of
from tests.support.api import Api

WRITES = [operation for operation in all_operations(services) if operation.permission != "read"]
HEADERS = {"If-Match": '"of-another-state-7"', "If-None-Match": "*"}
BODIES: dict[str, Any] = {
    "update_namespace": {"namespace_name": "other"},
    "patch_namespace": {"description": "changed"},
    "update_bucket": {"description": "changed"},
    "patch_bucket": {"description": "changed"},
    "update_object_buckets": {"title": "changed"},
    "patch_object_buckets": {"title": "changed"},
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("operation", WRITES, ids=lambda operation: operation.name)
def test_a_failed_precondition_prevents_the_write_or_is_rejected_by_name(
    posters: Api, operation: Operation, header: str
) -> None:
    body = BODIES.get(operation.name, {})
    reply = posters.call(operation.method, path_of(operation), body, headers={header: HEADERS[header]})

    if operation.conditional == "write":
        assert (reply.status, reply.error["code"]) == (412, "revision_stale")
    else:
        assert (reply.status, reply.error["type"]) == (403, "NotEnabledError")
        assert reply.error["details"]["field"] == header
