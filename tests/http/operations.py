"""Every operation of the API, for tests that hold for all of them and for those that are yet to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

from chalicelib.api import all_operations
from chalicelib.foundation.operations import Operation
from chalicelib.wiring import Services
from tests.http.envelopes import assert_envelope
from tests.support.api import Api, Reply


def no_services() -> Services:
    """What operations are declared over: nothing, until one is run."""
    raise AssertionError("declaring operations needs no services")


OPERATIONS = all_operations(no_services)
KEYED = [operation for operation in OPERATIONS if operation.scope != "open"]
IN_NAMESPACE = [operation for operation in OPERATIONS if operation.scope == "namespace"]
WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
SEARCHED = [operation for operation in OPERATIONS if operation.path.endswith("/list")]

# Any JSON, and more than JSON: numbers that are not finite, halves of surrogate pairs.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def each(operations: Sequence[Operation]) -> pytest.MarkDecorator:
    """Runs a test for each of these operations."""
    return pytest.mark.parametrize("operation", operations, ids=lambda o: f"{o.method} {o.path}")


def path_of(operation: Operation, *, bucket: str = "posters", namespace: str = "films") -> str:
    """The operation's path, for a bucket and a namespace."""
    path = operation.path.replace("{bucket_identifier}", bucket).replace("{namespace_identifier}", namespace)
    assert "{" not in path, "say here what the new path variable is"
    return path


def send(api: Api, operation: Operation, body: Any = None, **more: Any) -> Reply:
    """The operation with this body, on the bucket `posters` or the namespace `films`."""
    return api.call(operation.method, path_of(operation), body, **more)


def assert_sane(reply: Reply) -> None:
    """Holds an answer to be one that was given, or an envelope that blames the request."""
    if reply.status >= 400:
        assert_envelope(reply)
    assert reply.status < 500, reply.text
