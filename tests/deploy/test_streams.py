"""The event sources of the stream functions, as the handlers require them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

import app
from chalicelib import keys
from chalicelib.local.events.wiring import matches_catalog_filter
from tests.support.event_patterns import matches

HANDLERS = {"OnObjectsChange": "ObjectsTable", "OnCatalogChange": "CatalogTable"}
FOURTEEN_DAYS = 1_209_600
ONE_DAY = 86_400


@pytest.fixture(params=sorted(HANDLERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(template: dict[str, Any], name: str) -> dict[str, Any]:
    (event,) = template["Resources"][name]["Properties"]["Events"].values()
    assert event["Type"] == "DynamoDB"
    return dict(event["Properties"])


def test_each_function_is_a_handler_in_app_py(template: dict[str, Any], name: str) -> None:
    module, _, handler = template["Resources"][name]["Properties"]["Handler"].partition(".")
    assert module == "app"
    assert callable(getattr(app, handler))


def test_each_function_reads_the_stream_of_a_table_from_its_beginning(source: dict[str, Any], name: str) -> None:
    assert source["Stream"] == {"Fn::GetAtt": [HANDLERS[name], "StreamArn"]}
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["BatchSize"] == 1000


def test_events_have_the_shard_id_and_are_ordered(source: dict[str, Any]) -> None:
    assert source["TumblingWindowInSeconds"] > 0, "without a window, events have no shard id"
    assert "ParallelizationFactor" not in source


def test_a_record_that_fails_is_isolated_and_does_not_block_its_shard(
    source: dict[str, Any],
) -> None:
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert 0 < source["MaximumRetryAttempts"] < 10_000
    assert source["MaximumRecordAgeInSeconds"] < ONE_DAY
    queue = {"Type": "SQS", "Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert source["DestinationConfig"] == {"OnFailure": queue}


def test_dead_letters_are_kept_for_the_maximum_time(template: dict[str, Any]) -> None:
    assert template["Resources"]["DeadLetters"]["Properties"]["MessageRetentionPeriod"] == FOURTEEN_DAYS


MAX_FILTERS = 5  # a quota of Lambda
NS, BUCKET, BATCH = keys.partition("int_1", "ns_1"), "bkt_1", "btch_1"
ROWS, DELIVERIES = keys.batches(NS, BUCKET), keys.deliveries(NS, BUCKET)
COUNT: dict[str, Any] = {"object_count": {"N": "3"}}
PENDING_TASK, RUNNING_TASK = ({"status": {"S": status}, "wake": {"N": "1"}} for status in ("PENDING", "IN_PROGRESS"))
RESTARTED_TASK = {"status": {"S": "PENDING"}, "wake": {"N": "2"}}
TASK = keys.task("int_1", "task_1")


def record(key: keys.RowKey, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns a record of the catalog's stream."""
    images = {name: image for name, image in (("OldImage", old), ("NewImage", new)) if image is not None}
    name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    return {"eventName": name, "dynamodb": {"Keys": {each: {"S": text} for each, text in key.items()}, **images}}


def delivered(template: dict[str, Any], change: dict[str, Any]) -> bool:
    (event,) = template["Resources"]["OnCatalogChange"]["Properties"]["Events"].values()
    filters = event["Properties"]["FilterCriteria"]["Filters"]
    assert len(filters) <= MAX_FILTERS
    return any(matches(json.loads(each["Pattern"]), change) for each in filters)


@pytest.mark.parametrize(
    ("key", "old", "new"),
    [
        (keys.bucket_tally(NS, BUCKET), None, COUNT),
        (keys.bucket_tally(NS, BUCKET), COUNT, {"object_count": {"N": "4"}}),
        (keys.bucket_tally(NS, BUCKET), COUNT, None),
        (keys.bucket(NS, BUCKET), None, {"revision": {"N": "1"}}),
        (keys.bucket(NS, BUCKET), {"revision": {"N": "1"}}, {"revision": {"N": "2"}}),
        (keys.bucket(NS, BUCKET), {"revision": {"N": "2"}}, None),
        (keys.delivery(DELIVERIES, "dlv_1"), None, {"state": {"S": "PARKED"}}),
        (keys.delivery(DELIVERIES, "dlv_1"), {"state": {"S": "PARKED"}}, {"state": {"S": "APPLIED"}}),
        (keys.batch(ROWS, BATCH), None, {**COUNT, "status": {"S": "DRAFT"}}),
        (keys.batch(ROWS, BATCH), {**COUNT, "status": {"S": "DRAFT"}}, {**COUNT, "status": {"S": "PENDING"}}),
        (keys.batch(ROWS, BATCH), COUNT, None),
        (keys.chunk(ROWS, BATCH, 0), None, {"outcomes": {"S": "--"}}),
        (keys.chunk(ROWS, BATCH, 0), {"outcomes": {"S": "--"}}, {"outcomes": {"S": "C-"}}),
        (keys.chunk(ROWS, BATCH, 0), {"outcomes": {"S": "--"}}, None),
        (TASK, None, PENDING_TASK),
        (TASK, None, RUNNING_TASK),
        (TASK, RUNNING_TASK, RESTARTED_TASK),
    ],
)
def test_the_catalog_function_receives_what_it_needs(
    template: dict[str, Any], key: keys.RowKey, old: dict[str, Any] | None, new: dict[str, Any] | None
) -> None:
    change = record(key, old, new)
    assert delivered(template, change)
    assert matches_catalog_filter(change), "the embedded engine delivers it too"


@pytest.mark.parametrize(
    "key",
    [
        keys.bucket_name(NS, "BATCH#1"),
        keys.namespace_tally(NS),
        keys.totals(NS),
        keys.batch_activity(ROWS),
        keys.batch_tally(ROWS, BATCH),
        keys.batch_pointer("int_1", BATCH),
        keys.active_batch(ROWS, BATCH),
        keys.chunk_ids(ROWS, BATCH, 0),
        keys.item_failure(ROWS, BATCH, 0, 7),
    ],
)
def test_the_catalog_function_does_not_receive_other_rows(template: dict[str, Any], key: keys.RowKey) -> None:
    row = {"revision": {"N": "1"}}
    for old, new in ((None, row), (row, {"revision": {"N": "2"}}), (row, None)):
        assert not delivered(template, record(key, old, new))
        assert not matches_catalog_filter(record(key, old, new))


def test_the_catalog_function_does_not_receive_the_progress_of_tasks(template: dict[str, Any]) -> None:
    for change in (record(TASK, PENDING_TASK, RUNNING_TASK), record(TASK, RUNNING_TASK, None)):
        assert not delivered(template, change)
        assert not matches_catalog_filter(change)
