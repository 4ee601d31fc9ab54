"""The arrival of uploaded files in the packaged template: S3 -> queue -> function, and who may send to the queue."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from chalicelib.uploads.upload import STAGING
from deployment.stage import Stage
from tests.support.template import references

ACCOUNT, STAGING_PREFIX = "123456789012", f"{STAGING}/"


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_the_bucket_reports_new_staged_files_and_no_others_to_the_queue(template: dict[str, Any]) -> None:
    assert properties(template, "BlobBucket")["NotificationConfiguration"] == {
        "QueueConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": STAGING_PREFIX}]}},
                "Queue": {"Fn::GetAtt": ["ArrivalQueue", "Arn"]},
            }
        ]
    }


def test_the_queue_accepts_messages_before_the_bucket_is_created(template: dict[str, Any]) -> None:
    # S3 sends a test message when the notification is configured, and rejects a queue that does not accept it.
    assert template["Resources"]["BlobBucket"]["DependsOn"] == ["ArrivalQueuePolicy"]
    assert "BlobBucket" not in references(template["Resources"]["ArrivalQueuePolicy"])


@pytest.fixture
def statement(template: dict[str, Any]) -> dict[str, Any]:
    policy = properties(template, "ArrivalQueuePolicy")
    assert policy["Queues"] == [{"Ref": "ArrivalQueue"}]
    (found,) = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    return dict(found)


def test_only_s3_may_send_to_the_queue_and_only_for_this_account(statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == {"Fn::GetAtt": ["ArrivalQueue", "Arn"]}
    assert set(statement["Condition"]) == {"StringEquals", "ArnLike"}  # both must hold
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


@pytest.mark.parametrize("name", ["prod", "a", "a" * 20, "prod-2"])
def test_only_the_bucket_of_this_stage_may_send_to_the_queue(statement: dict[str, Any], name: str) -> None:
    stage = Stage(name, ACCOUNT, "eu-central-1")
    pattern = statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]
    allowed = pattern.replace("${AWS::Partition}", "aws").replace("${AWS::StackName}", stage.stack)
    own, others = f"{stage.stack}-blobbucket-1x2y3z4a5b6c", (f"{stage.stack}-artifacts", "x-blobbucket-1x2y3z4a5b6c")
    assert stage.owns_bucket(own)
    assert fnmatchcase(f"arn:aws:s3:::{own}", allowed)
    assert not any(fnmatchcase(f"arn:aws:s3:::{other}", allowed) for other in others)
    # The longest name of a bucket has 63 characters, and CloudFormation would shorten the name of the stack.
    assert len(f"{stage.stack}-blobbucket-") + 13 <= 63


def test_messages_are_delivered_one_by_one_up_to_the_maximum_concurrency(template: dict[str, Any]) -> None:
    function = properties(template, "OnBlobArrival")
    (event,) = function["Events"].values()
    assert event["Type"] == "SQS"
    assert event["Properties"]["Queue"] == {"Fn::GetAtt": ["ArrivalQueue", "Arn"]}
    assert (event["Properties"]["BatchSize"], event["Properties"]["MaximumBatchingWindowInSeconds"]) == (1, 0)
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "UploadConcurrency"}}
    assert function["Handler"] == "app.on_blob_arrival"
    concurrency = template["Parameters"]["UploadConcurrency"]
    assert (concurrency["MinValue"], concurrency["MaxValue"]) == (2, 1000)


def test_a_file_is_not_checked_twice_at_the_same_time_and_fails_before_it_expires(template: dict[str, Any]) -> None:
    queue = properties(template, "ArrivalQueue")
    assert queue["VisibilityTimeout"] > properties(template, "OnBlobArrival")["Timeout"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["ArrivalDeadLetters", "Arn"]}
    rules = properties(template, "BlobBucket")["LifecycleConfiguration"]["Rules"]
    (days,) = [rule["ExpirationInDays"] for rule in rules if rule.get("Prefix") == STAGING_PREFIX]
    assert queue["VisibilityTimeout"] * queue["RedrivePolicy"]["maxReceiveCount"] < days * 24 * 3600
