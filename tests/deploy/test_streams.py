"""How Lambda is told to deliver the streams: from the packaged template, and as the handlers need it."""

from __future__ import annotations

import json
from typing import Any

import pytest

import app

HANDLERS = {"OnObjectsChange": "ObjectsTable", "OnCatalogChange": "CatalogTable"}
FOURTEEN_DAYS = 1_209_600
A_DAY = 86_400


@pytest.fixture(params=sorted(HANDLERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(template: dict[str, Any], name: str) -> dict[str, Any]:
    (event,) = template["Resources"][name]["Properties"]["Events"].values()
    assert event["Type"] == "DynamoDB"
    return dict(event["Properties"])


def test_each_function_is_a_handler_of_the_front_door(template: dict[str, Any], name: str) -> None:
    module, _, handler = template["Resources"][name]["Properties"]["Handler"].partition(".")
    assert module == "app"
    assert callable(getattr(app, handler))


def test_each_function_follows_the_stream_of_a_table_of_the_stack_from_its_beginning(
    source: dict[str, Any], name: str
) -> None:
    assert source["Stream"] == {"Fn::GetAtt": [HANDLERS[name], "StreamArn"]}
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["BatchSize"] == 1000


def test_events_name_their_shard_and_come_in_order(source: dict[str, Any]) -> None:
    assert source["TumblingWindowInSeconds"] > 0, "without a window Lambda does not say which shard it is"
    assert "ParallelizationFactor" not in source


def test_one_record_that_fails_is_found_and_does_not_stop_its_shard_until_the_stream_forgets(
    source: dict[str, Any],
) -> None:
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert 0 < source["MaximumRetryAttempts"] < 10_000
    assert source["MaximumRecordAgeInSeconds"] < A_DAY
    queue = {"Type": "SQS", "Destination": {"Fn::GetAtt": ["DeadLetters", "Arn"]}}
    assert source["DestinationConfig"] == {"OnFailure": queue}


def test_dead_letters_are_kept_as_long_as_a_queue_can(template: dict[str, Any]) -> None:
    assert template["Resources"]["DeadLetters"]["Properties"]["MessageRetentionPeriod"] == FOURTEEN_DAYS


def test_of_the_catalog_only_tallies_of_buckets_and_tasks_that_start_are_delivered(template: dict[str, Any]) -> None:
    (event,) = template["Resources"]["OnCatalogChange"]["Properties"]["Events"].values()
    patterns = [json.loads(each["Pattern"]) for each in event["Properties"]["FilterCriteria"]["Filters"]]
    keys = [pattern["dynamodb"].pop("Keys")["sk"]["S"][0]["prefix"] for pattern in patterns]
    assert keys == ["BKT#", "BKT#", "TASK#", "TASK#"]
    assert [set(pattern["dynamodb"]) for pattern in patterns] == [{"NewImage"}, {"OldImage"}, set(), {"NewImage"}]
    assert [pattern.get("eventName") for pattern in patterns] == [None, None, ["INSERT"], ["MODIFY"]]
    assert patterns[3]["dynamodb"]["NewImage"] == {"status": {"S": ["PENDING"]}}, "a task is started again"
