"""The event source of the task function, and the time limits of runs, leases and messages."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.tasks.execution import LEASE, MAX_TASK_ATTEMPTS
from chalicelib.tasks.queue import NEAR_DEAD_LETTER_LIMIT
from chalicelib.tasks.runner import MARGIN_SECONDS


@pytest.fixture
def queue(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["TaskQueue"]["Properties"]
    return properties


@pytest.fixture
def function(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["OnTask"]["Properties"]
    return properties


def test_messages_are_delivered_one_by_one_and_reported_individually(function: dict[str, Any]) -> None:
    (event,) = function["Events"].values()
    assert event["Type"] == "SQS"
    assert event["Properties"]["Queue"] == {"Fn::GetAtt": ["TaskQueue", "Arn"]}
    assert event["Properties"]["BatchSize"] == 1
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert function["Handler"] == "app.on_task"


def test_a_run_ends_before_its_lease_and_the_lease_before_the_next_delivery(
    queue: dict[str, Any], function: dict[str, Any]
) -> None:
    assert MARGIN_SECONDS < function["Timeout"] < LEASE.total_seconds() < queue["VisibilityTimeout"]


def test_a_message_becomes_a_dead_letter_after_the_task_has_failed(
    template: dict[str, Any], queue: dict[str, Any]
) -> None:
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["TaskDeadLetters", "Arn"]}
    assert queue["RedrivePolicy"]["maxReceiveCount"] > MAX_TASK_ATTEMPTS > NEAR_DEAD_LETTER_LIMIT
    for name in ("TaskQueue", "TaskDeadLetters"):
        properties = template["Resources"][name]["Properties"]
        assert properties["SqsManagedSseEnabled"] is True
        assert properties["MessageRetentionPeriod"] == 1_209_600
