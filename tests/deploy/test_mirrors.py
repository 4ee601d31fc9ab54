"""The copying of files by URL in the packaged template: queue -> function."""

from __future__ import annotations

from typing import Any

from chalicelib.mirroring.messages import MARGIN_SECONDS, NEAR_DEAD_LETTER_LIMIT
from chalicelib.mirroring.worker import FETCH_SECONDS


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_messages_are_delivered_one_by_one_up_to_the_maximum_concurrency(template: dict[str, Any]) -> None:
    function = properties(template, "OnMirrorMessage")
    (event,) = function["Events"].values()
    assert event["Type"] == "SQS"
    assert event["Properties"]["Queue"] == {"Fn::GetAtt": ["MirrorQueue", "Arn"]}
    assert (event["Properties"]["BatchSize"], event["Properties"]["MaximumBatchingWindowInSeconds"]) == (1, 0)
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["Properties"]["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "MirrorConcurrency"}}
    assert function["Handler"] == "app.on_mirror_message"
    concurrency = template["Parameters"]["MirrorConcurrency"]
    assert (concurrency["MinValue"], concurrency["MaxValue"]) == (2, 1000)


def test_a_file_is_not_copied_twice_at_the_same_time_and_no_wish_becomes_a_dead_letter(
    template: dict[str, Any],
) -> None:
    queue, timeout = properties(template, "MirrorQueue"), properties(template, "OnMirrorMessage")["Timeout"]
    assert queue["VisibilityTimeout"] > timeout > FETCH_SECONDS + MARGIN_SECONDS
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["MirrorDeadLetters", "Arn"]}
    assert queue["RedrivePolicy"]["maxReceiveCount"] > NEAR_DEAD_LETTER_LIMIT


def test_parts_that_a_killed_function_leaves_are_removed(template: dict[str, Any]) -> None:
    rules = properties(template, "BlobBucket")["LifecycleConfiguration"]["Rules"]
    aborts = [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    assert [rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in aborts] == [1]
    assert not any("Prefix" in rule for rule in aborts)
