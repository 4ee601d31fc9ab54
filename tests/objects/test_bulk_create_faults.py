"""A fault of ours in one row of a batch is that row's alone, is logged, and leaves no bytes behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
DOUBTFUL = applied_then_timeout()
Row = dict[str, Any]


@contextmanager
def failing(client: Any, operation: str, sent: bytes, *faults: Fault) -> Iterator[None]:
    """Calls of an operation whose body holds `sent` meet these faults in turn, and the last of them from then on."""
    planned, event = list(faults), f"{client.meta.service_model.service_name}.{operation}"
    met: list[Fault] = []

    def before(params: dict[str, Any], **_: Any) -> Any:
        body = params["body"]
        met.clear()
        if sent in (body if isinstance(body, bytes) else body.getvalue()):
            met.append(planned.pop(0) if len(planned) > 1 else planned[0])
        return met[0].instead() if met and met[0].instead else None

    def after(parsed: dict[str, Any], **_: Any) -> None:
        if met and met[0].afterwards:
            met[0].afterwards(parsed)

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
    return [{"title": f"row-{place}", "blobs": [POSTER, text(f"Review of {place}")]} for place in range(count)]


def batch(api: Api, bucket: str, rows: list[Row]) -> ApiResponse:
    return api.post(f"{objects(bucket)}/batch", {"objects": rows})


def check_only_the_third_failed(reply: ApiResponse, api: Api, bucket: str) -> None:
    assert reply.status == 200, reply.text
    assert [row["object_index"] for row in reply.json["succeeded"]] == [0, 1, 3, 4, 5]
    (failed,) = reply.json["failed"]
    assert (failed["object_index"], failed["error_type"]) == (2, "InternalServerError")
    assert "Denied" not in failed["error"]
    assert [row["title"] for row in listed(api, bucket)] == [row["title"] for row in reply.json["succeeded"]]


def check_logged(log: Log, reply: ApiResponse, *places: int) -> None:
    told = [line for line in log.lines if line["message"] == "row failed"]
    assert [(line["level"], line["object_index"]) for line in told] == [("ERROR", place) for place in places]
    for line in told:
        assert line["request_id"] == reply.headers["X-Request-Id"]
        assert line["exception"]["frames"]


def test_bytes_that_s3_refuses_for_good_fail_their_row_and_take_its_other_bytes_along(
    api: Api, world: World, bucket: str, log: Log
) -> None:
    with failing(world.s3, "PutObject", b"Review of 2", FORBIDDEN):
        reply = batch(api, bucket, rows_with_files(6))
    check_only_the_third_failed(reply, api, bucket)
    check_logged(log, reply, 2)
    assert len(blob_keys(world)) == 2 * 5


@pytest.mark.parametrize("files", [False, True])
def test_a_row_that_the_database_refuses_for_good_fails_alone(
    api: Api, world: World, bucket: str, log: Log, *, files: bool
) -> None:
    rows = [row if files else {"title": row["title"]} for row in rows_with_files(6)]
    with failing(world.client, "PutItem", b"row-2", FORBIDDEN):
        reply = batch(api, bucket, rows)
    check_only_the_third_failed(reply, api, bucket)
    check_logged(log, reply, 2)
    assert len(blob_keys(world)) == (2 * 5 if files else 0)


def test_a_fault_in_reading_a_row_is_that_rows_alone(
    api: Api, bucket: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(request: Any, found: Any, read: Callable[..., Any] = new_object.read_new) -> Any:
        if request.model_extra["title"] == "row-2":
            raise LookupError("a fault of ours")
        return read(request, found)

    monkeypatch.setattr(new_object, "read_new", broken)
    reply = batch(api, bucket, rows_with_files(6))
    check_only_the_third_failed(reply, api, bucket)
    check_logged(log, reply, 2)


def test_a_batch_of_which_all_rows_met_a_fault_is_that_fault(api: Api, world: World, bucket: str) -> None:
    with failing(world.client, "PutItem", b"row-", FORBIDDEN):
        reply = batch(api, bucket, rows_with_files(3))
    assert (reply.status, reply.error["type"]) == (500, "InternalServerError")
    assert reply.error["details"]["request_id"] == reply.headers["X-Request-Id"]
    assert (listed(api, bucket), blob_keys(world)) == ([], [])


def test_rows_that_were_refused_are_told_beside_one_that_met_a_fault(api: Api, world: World) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    created(api, bucket, {"film_id": "taken"})
    with failing(world.client, "PutItem", b"row-1", FORBIDDEN):
        reply = batch(api, bucket, [{"film_id": "taken"}, {"film_id": "row-1"}])
    assert reply.status == 422
    assert [row["error_type"] for row in reply.json["failed"]] == ["ConflictError", "InternalServerError"]


def test_a_row_whose_outcome_nobody_knows_keeps_its_bytes(time: SlowTime, api: Api, world: World, bucket: str) -> None:
    with failing(world.client, "PutItem", b"row-2", DOUBTFUL, FORBIDDEN):
        reply = batch(api, bucket, rows_with_files(6))
    assert [row["error_type"] for row in reply.json["failed"]] == ["ServiceUnavailableError"]
    assert [row["title"] for row in listed(api, bucket)] == [f"row-{place}" for place in range(6)]
    assert len(blob_keys(world)) == 2 * 6


def test_a_fault_of_a_single_create_leaves_no_bytes(api: Api, world: World, bucket: str) -> None:
    with failing(world.client, "PutItem", b"row-0", FORBIDDEN):
        assert create(api, bucket, rows_with_files(1)[0]).status == 500
    assert blob_keys(world) == []


def test_bytes_that_cannot_be_taken_back_are_named_in_the_log_and_left_to_the_listing(
    api: Api, world: World, log: Log
) -> None:
    bucket = create_keyed_bucket(api, "film_id", policy="insert")
    rows = [{**row, "film_id": row["title"]} for row in rows_with_files(3)]
    with failing(world.client, "PutItem", b"row-1", FORBIDDEN), failing(world.s3, "DeleteObjects", b"", FORBIDDEN):
        reply = batch(api, bucket, rows)
    assert [row["error_type"] for row in reply.json["failed"]] == ["InternalServerError"]
    (left,) = [line["keys"] for line in log.lines if line["message"] == "bytes left behind"]
    kept = [blob["properties"]["url"].split("/", 3)[3] for row in listed(api, bucket) for blob in row["blobs"]]
    assert sorted(kept + left) == sorted(blob_keys(world))
