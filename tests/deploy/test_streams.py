"""The event sources of the stream functions, as the handlers require them."""

from __future__ import annotations

import json
from typing import Any

import pytest

import app

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


def test_only_bucket_tallies_and_pending_tasks_of_the_catalog_are_delivered(template: dict[str, Any]) -> None:
    (event,) = template["Resources"]["OnCatalogChange"]["Properties"]["Events"].values()
    patterns = [json.loads(each["Pattern"]) for each in event["Properties"]["FilterCriteria"]["Filters"]]
    keys = [pattern["dynamodb"].pop("Keys")["sk"]["S"][0]["prefix"] for pattern in patterns]
    assert keys == ["BKT#", "BKT#", "TASK#", "TASK#"]
    assert [set(pattern["dynamodb"]) for pattern in patterns] == [{"NewImage"}, {"OldImage"}, set(), {"NewImage"}]
    assert [pattern.get("eventName") for pattern in patterns] == [None, None, ["INSERT"], ["MODIFY"]]
    assert patterns[3]["dynamodb"]["NewImage"] == {"status": {"S": ["PENDING"]}}, "a task is started again"
