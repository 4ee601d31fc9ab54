"""Every operation of the API, for tests that hold for all of them and for those that are yet to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from chalicelib.api import all_operations
from chalicelib.http.operation import Operation
from chalicelib.services import Services
from tests.http.envelopes import assert_envelope
from tests.support.api import Api, ApiResponse


def no_services() -> Services:
    """What operations are declared over: nothing, until one is run."""
    raise AssertionError("declaring operations needs no services")


OPERATIONS = all_operations(no_services)
KEYED = [operation for operation in OPERATIONS if operation.scope != "open"]
IN_NAMESPACE = [operation for operation in OPERATIONS if operation.scope == "namespace"]
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
# Bodies in which every name is a field of the client's own, so that what they refuse depends on their bucket.
OPEN = [
    operation for operation in WITH_BODY if operation.body and operation.body().model_config.get("extra") == "allow"
]
SEARCHED = [operation for operation in OPERATIONS if operation.path.endswith("/list")]

# The object that the fixture `posters` puts into its bucket.
OBJECT_ID = f"obj_{0:026}"
# A task that nobody has.
TASK_ID = f"task_{0:016}"

ENOUGH: dict[str, Any] = {
    "create_objects_batch_buckets": {"objects": [{}]},
    "bulk_soft_delete_objects_buckets": {"object_ids": [OBJECT_ID], "reason": "done"},
}

# Any JSON, and more than JSON: numbers that are not finite, halves of surrogate pairs.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def each(operations: Sequence[Operation]) -> pytest.MarkDecorator:
    """Runs a test for each of these operations."""
    return pytest.mark.parametrize("operation", operations, ids=lambda o: f"{o.method} {o.path}")


def path_of(
    operation: Operation, *, bucket: str = "posters", namespace: str = "films", object_id: str = OBJECT_ID
) -> str:
    """The operation's path, for a bucket and a namespace, or an object in that bucket."""
    path = operation.path.replace("{bucket_identifier}", bucket).replace("{namespace_identifier}", namespace)
    path = path.replace("{object_identifier}", object_id).replace("{task_id}", TASK_ID)
    assert "{" not in path, "say here what the new path variable is"
    return path


def body_of(operation: Operation) -> Any:
    """A body that is enough for the operations inside of a bucket, and for most others."""
    return ENOUGH.get(operation.name, None if operation.body is None else {})


def send(api: Api, operation: Operation, body: Any = None, **more: Any) -> ApiResponse:
    """The operation with this body, on the bucket `posters`, its object or the namespace `films`."""
    return api.call(operation.method, path_of(operation), body, **more)


def assert_sane(reply: ApiResponse) -> None:
    """Holds an answer to be one that was given, or an envelope that blames the request."""
    if reply.status >= 400:
        assert_envelope(reply)
    assert reply.status < 500, reply.text
