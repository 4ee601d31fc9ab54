"""All operations of the API, for tests that apply to each of them."""

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
    """Fails if services are used. The declaration of operations does not use them."""
    raise AssertionError("the declaration of operations must not use services")


OPERATIONS = all_operations(no_services)
KEYED = [operation for operation in OPERATIONS if operation.scope != "open"]
IN_NAMESPACE = [operation for operation in OPERATIONS if operation.scope == "namespace"]
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
# Bodies with arbitrary field names, whose validation depends on the bucket.
OPEN = [
    operation for operation in WITH_BODY if operation.body and operation.body().model_config.get("extra") == "allow"
]
SEARCHED = [operation for operation in OPERATIONS if operation.path.endswith("/list")]

# The object in the bucket of the fixture `posters`.
OBJECT_ID = f"obj_{0:026}"
# A task that does not exist.
TASK_ID = f"task_{0:016}"

REQUIRED_BODIES: dict[str, Any] = {
    "create_objects_batch_buckets": {"objects": [{}]},
    "bulk_soft_delete_objects_buckets": {"object_ids": [OBJECT_ID], "reason": "done"},
}

# Any JSON value, and values that are not valid JSON: infinite numbers and unpaired surrogates.
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
    """Returns the path of the operation with these values for its variables."""
    path = operation.path.replace("{bucket_identifier}", bucket).replace("{namespace_identifier}", namespace)
    path = path.replace("{object_identifier}", object_id).replace("{task_id}", TASK_ID)
    assert "{" not in path, "this function needs a value for the new path variable"
    return path


def body_of(operation: Operation) -> Any:
    """Returns a body that is valid for the operations on a bucket, and for most others."""
    return REQUIRED_BODIES.get(operation.name, None if operation.body is None else {})


def send(api: Api, operation: Operation, body: Any = None, **more: Any) -> ApiResponse:
    """Calls the operation with this body, for the bucket `posters`, its object or the namespace `films`."""
    return api.call(operation.method, path_of(operation), body, **more)


def assert_sane(reply: ApiResponse) -> None:
    """Checks that a response is a success or a client error in the error format."""
    if reply.status >= 400:
        assert_envelope(reply)
    assert reply.status < 500, reply.text
