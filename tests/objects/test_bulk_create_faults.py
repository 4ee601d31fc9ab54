"""An internal error in one row of a bulk create fails only that row, is logged, and leaves no files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.objects import new_object
from tests.support.api import Api, ApiResponse
from tests.support.faults import Fault, applied_then_timeout, error_response
from tests.support.log import Log
from tests.support.objects import (
    POSTER,
    blob_keys,
    create,
    create_keyed_bucket,
    create_object_bucket,
    created,
    listed,
    objects,
    text,
)
from tests.support.slow_time import SlowTime
from tests.support.world import World

FORBIDDEN = error_response("AccessDeniedException")
OUTCOME_UNKNOWN = applied_then_timeout()
Row = dict[str, Any]


@contextmanager
def failing(client: Any, operation: str, sent: bytes, *faults: Fault) -> Iterator[None]:
    """Calls of an operation whose body contains `sent` fail with these faults one after another, then with the last."""
    planned, event = list(faults), f"{client.meta.service_model.service_name}.{operation}"
    current: list[Fault] = []

    def before(params: dict[str, Any], **_: Any) -> Any:
        body = params["body"]
        current.clear()
        if sent in (body if isinstance(body, bytes) else body.getvalue()):
            current.append(planned.pop(0) if len(planned) > 1 else planned[0])
        return current[0].instead() if current and current[0].instead else None

    def after(parsed: dict[str, Any], **_: Any) -> None:
        if current and current[0].afterwards:
            current[0].afterwards(parsed)

    client.meta.events.register(f"before-call.{event}", before)
    client.meta.events.register(f"after-call.{event}", after)
    try:
        yield
    finally:
        client.meta.events.unregister(f"before-call.{event}", before)
        client.meta.events.unregister(f"after-call.{event}", after)


@pytest.fixture
def bucket(api: Api) -> str:
    return create_object_bucket(api)


def rows_with_files(count: int) -> list[Row]:
    return [{"title": f"row-{index}", "blobs": [POSTER, text(f"Review of {index}")]} for index in range(count)]


def bulk_create(api: Api, bucket: str, rows: list[Row]) -> ApiResponse:
    return api.post(f"{objects(bucket)}/batch", {"objects": rows})


def check_only_the_third_failed(reply: ApiResponse, api: Api, bucket: str) -> None:
    assert reply.status == 200, reply.text
    assert [row["object_index"] for row in reply.json["succeeded"]] == [0, 1, 3, 4, 5]
    (failed,) = reply.json["failed"]
    assert (failed["object_index"], failed["error_type"]) == (2, "InternalServerError")
    assert "Denied" not in failed["error"]
    assert [row["title"] for row in listed(api, bucket)] == [row["title"] for row in reply.json["succeeded"]]


def check_logged(log: Log, reply: ApiResponse, *indexes: int) -> None:
    lines = [line for line in log.lines if line["message"] == "row failed"]
    assert [(line["level"], line["object_index"]) for line in lines] == [("ERROR", index) for index in indexes]
    for line in lines:
        assert line["request_id"] == reply.headers["X-Request-Id"]
        assert line["exception"]["frames"]


def test_a_permanent_s3_error_fails_the_row_and_removes_its_other_files(
    api: Api, world: World, bucket: str, log: Log
) -> None:
    with failing(world.s3, "PutObject", b"Review of 2", FORBIDDEN):
        reply = bulk_create(api, bucket, rows_with_files(6))
    check_only_the_third_failed(reply, api, bucket)
    check_logged(log, reply, 2)
    assert len(blob_keys(world)) == 2 * 5


@pytest.mark.parametrize("files", [False, True])
def test_a_permanent_database_error_fails_only_its_row(
    api: Api, world: World, bucket: str, log: Log, *, files: bool
) -> None:
    rows = [row if files else {"title": row["title"]} for row in rows_with_files(6)]
    with failing(world.client, "PutItem", b"row-2", FORBIDDEN):
        reply = bulk_create(api, bucket, rows)
    check_only_the_third_failed(reply, api, bucket)
    check_logged(log, reply, 2)
    assert len(blob_keys(world)) == (2 * 5 if files else 0)


def test_an_internal_error_while_reading_a_row_fails_only_that_row(
    api: Api, bucket: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = new_object.read_new

    def broken(request: Any, *more: Any) -> Any:
        if request.model_extra["title"] == "row-2":
            raise LookupError("an internal error")
        return read(request, *more)

    monkeypatch.setattr(new_object, "read_new", broken)
    reply = bulk_create(api, bucket, rows_with_files(6))
    check_only_the_third_failed(reply, api, bucket)
    check_logged(log, reply, 2)


def test_an_internal_error_in_all_rows_is_a_500(api: Api, world: World, bucket: str) -> None:
    with failing(world.client, "PutItem", b"row-", FORBIDDEN):
        reply = bulk_create(api, bucket, rows_with_files(3))
    assert (reply.status, reply.error["type"]) == (500, "InternalServerError")
    assert reply.error["details"]["request_id"] == reply.headers["X-Request-Id"]
    assert (listed(api, bucket), blob_keys(world)) == ([], [])


def test_rejected_rows_are_reported_beside_a_row_with_an_internal_error(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    created(api, bucket, {"film_id": "taken"})
    with failing(world.client, "PutItem", b"row-1", FORBIDDEN):
        reply = bulk_create(api, bucket, [{"film_id": "taken"}, {"film_id": "row-1"}])
    assert reply.status == 422
    assert [row["error_type"] for row in reply.json["failed"]] == ["ConflictError", "InternalServerError"]


def test_a_row_with_an_unknown_outcome_keeps_its_files(time: SlowTime, api: Api, world: World, bucket: str) -> None:
    with failing(world.client, "PutItem", b"row-2", OUTCOME_UNKNOWN, FORBIDDEN):
        reply = bulk_create(api, bucket, rows_with_files(6))
    assert [row["error_type"] for row in reply.json["failed"]] == ["ServiceUnavailableError"]
    assert [row["title"] for row in listed(api, bucket)] == [f"row-{index}" for index in range(6)]
    assert len(blob_keys(world)) == 2 * 6


def test_an_internal_error_in_a_single_create_leaves_no_files(api: Api, world: World, bucket: str) -> None:
    with failing(world.client, "PutItem", b"row-0", FORBIDDEN):
        assert create(api, bucket, rows_with_files(1)[0]).status == 500
    assert blob_keys(world) == []


def test_files_that_cannot_be_removed_after_an_error_are_logged_and_remain(api: Api, world: World, log: Log) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    rows = [{**row, "film_id": row["title"]} for row in rows_with_files(3)]
    with failing(world.client, "PutItem", b"row-1", FORBIDDEN), failing(world.s3, "DeleteObjects", b"", FORBIDDEN):
        reply = bulk_create(api, bucket, rows)
    assert [row["error_type"] for row in reply.json["failed"]] == ["InternalServerError"]
    (remaining,) = [line["keys"] for line in log.lines if line["message"] == "files not removed"]
    referenced = [blob["properties"]["url"].split("/", 3)[3] for row in listed(api, bucket) for blob in row["blobs"]]
    assert sorted(referenced + remaining) == sorted(blob_keys(world))
