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
# The draft in the bucket of the fixture `posters`.
BATCH_ID = f"btch_{0:016}"
# A task, an upload and a delivery that do not exist.
TASK_ID = f"task_{0:016}"
UPLOAD_ID = f"upl_{0:016}"
DELIVERY_ID = f"dlv_{0:026}"
# The values of the variables in paths.
PATH_VALUES = {
    "bucket_identifier": "posters",
    "namespace_identifier": "films",
    "object_identifier": OBJECT_ID,
    "batch_id": BATCH_ID,
    "task_id": TASK_ID,
    "upload_id": UPLOAD_ID,
    "delivery_id": DELIVERY_ID,
    # The URL of a webhook has the id of a bucket. This one does not exist.
    "adapter_type": "generic_webhook",
    "bucket_id": f"bkt_{0:016}",
}

UPLOAD = {"filename": "photo.png", "content_type": "image/png"}
REQUIRED_BODIES: dict[str, Any] = {
    "create_upload_buckets": UPLOAD,
    "create_uploads_batch_buckets": {"uploads": [UPLOAD]},
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
    operation: Operation,
    *,
    bucket: str = PATH_VALUES["bucket_identifier"],
    namespace: str = PATH_VALUES["namespace_identifier"],
    object_id: str = OBJECT_ID,
    batch_id: str = BATCH_ID,
) -> str:
    """Returns the path of the operation with these values for its variables."""
    values = {**PATH_VALUES, "bucket_identifier": bucket, "namespace_identifier": namespace}
    # Raises KeyError for a new variable, which needs a value in PATH_VALUES.
    return operation.path.format_map({**values, "object_identifier": object_id, "batch_id": batch_id})


def body_of(operation: Operation) -> Any:
    """Returns a body that is valid for the operations on a bucket, and for most others: the shortest that is known.

    If the body of an operation has required fields, that is the example in its model.
    """
    if operation.body is None:
        return None
    if operation.name in REQUIRED_BODIES:
        return REQUIRED_BODIES[operation.name]
    model = operation.body()
    if not any(field.is_required() for field in model.model_fields.values()):
        return {}
    extra: Any = model.model_config.get("json_schema_extra") or {}
    return next(iter(extra.get("examples", ())), {})


def send(api: Api, operation: Operation, body: Any = None, **more: Any) -> ApiResponse:
    """Calls the operation with this body, for the bucket `posters`, its object or the namespace `films`."""
    return api.call(operation.method, path_of(operation), body, **more)


def assert_sane(reply: ApiResponse) -> None:
    """Checks that a response is a success or a client error in the error format."""
    if reply.status >= 400:
        assert_envelope(reply)
    assert reply.status < 500, reply.text
