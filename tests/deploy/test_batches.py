"""The event source of the function of batches, and the time limits of runs, leases and messages."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.local.events.wiring import BATCH_MILLISECONDS
from chalicelib.settings import MAX_PROCESSOR_TIMEOUT_SECONDS

# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
TIMES = 6


@pytest.fixture
def queue(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["BatchQueue"]["Properties"]
    return properties


@pytest.fixture
def function(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["OnBatchMessage"]["Properties"]
    return properties


def test_messages_are_delivered_one_by_one_up_to_the_maximum_concurrency(function: dict[str, Any]) -> None:
    (event,) = function["Events"].values()
    assert event["Type"] == "SQS"
    assert event["Properties"]["Queue"] == {"Fn::GetAtt": ["BatchQueue", "Arn"]}
    assert event["Properties"]["BatchSize"] == 1
    assert event["Properties"]["MaximumBatchingWindowInSeconds"] == 0
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "BatchConcurrency"}}
    assert function["Handler"] == "app.on_batch_message"


def test_the_visibility_timeout_is_that_which_aws_advises(queue: dict[str, Any], function: dict[str, Any]) -> None:
    assert queue["VisibilityTimeout"] >= TIMES * function["Timeout"]


def test_an_object_fits_into_an_invocation(function: dict[str, Any]) -> None:
    assert function["Timeout"] > MAX_PROCESSOR_TIMEOUT_SECONDS
    assert function["Timeout"] * 1000 == BATCH_MILLISECONDS


def test_a_message_that_fails_permanently_becomes_a_dead_letter(
    template: dict[str, Any], queue: dict[str, Any]
) -> None:
    assert queue["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["BatchDeadLetters", "Arn"]},
        "maxReceiveCount": 10,
    }
    for name in ("BatchQueue", "BatchDeadLetters"):
        properties = template["Resources"][name]["Properties"]
        assert properties["SqsManagedSseEnabled"] is True
        assert properties["MessageRetentionPeriod"] == 1_209_600
