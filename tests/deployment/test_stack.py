"""A stack is created, changed and removed; what goes wrong is told. CloudFormation's answers are prepared."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from deployment.events import PAUSE_SECONDS
from deployment.stack import Stack
from deployment.trouble import DeploymentFailed

NAME = "buckets-api-dev"
STACK_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{NAME}/1"
CHANGE_SET = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/deploy/1"


class CloudFormation:
    """Answers in the order they are prepared, and what the operator is told meanwhile."""

    def __init__(self) -> None:
        client = boto3.client("cloudformation", region_name="us-east-1")
        self.answers = Stubber(client)
        self.said: list[str] = []
        self.pauses: list[float] = []
        self.events: list[dict[str, Any]] = []
        self.stack = Stack(client, NAME, self.said.append, self.pauses.append)

    def is_(self, status: str | None) -> None:
        if status is None:
            self.answers.add_client_error("describe_stacks", "ValidationError", f"Stack {NAME} does not exist")
        else:
            stack = {"StackId": STACK_ID, "StackName": NAME, "CreationTime": "2026-01-01", "StackStatus": status}
            self.answers.add_response("describe_stacks", {"Stacks": [stack]})

    def takes(self, kind: str, status: str = "CREATE_COMPLETE", reason: str = "") -> None:
        asked = {"StackName": NAME, "ChangeSetType": kind, "ChangeSetName": ANY, "TemplateURL": "https://template"}
        asked |= {"Parameters": [], "Tags": [], "Capabilities": ANY}
        self.answers.add_response("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID}, asked)
        self.answers.add_response("describe_change_set", {"Status": status})
        if status == "FAILED":
            self.answers.add_response("describe_change_set", {"Status": status, "StatusReason": reason})
            self.answers.add_response("delete_change_set", {})

    def tells(self, name: str, status: str, reason: str = "") -> None:
        """One more event; all that there are so far come with the next look."""
        event = {
            "StackId": STACK_ID,
            "EventId": str(len(self.events)),
            "StackName": NAME,
            "LogicalResourceId": name,
            "Timestamp": "2026-01-01",
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
        }
        self.events.insert(0, event)

    def looked_at(self) -> None:
        self.answers.add_response("describe_stack_events", {"StackEvents": list(self.events)})

    def starts(self) -> None:
        self.looked_at()
        self.answers.add_response("execute_change_set", {})

    def apply(self) -> bool:
        with self.answers:
            changed = self.stack.apply("https://template", {}, {})
        self.answers.assert_no_pending_responses()
        return changed


@pytest.fixture
def cloud() -> CloudFormation:
    return CloudFormation()


def test_a_stack_that_is_not_there_is_created_and_its_events_are_said_once(cloud: CloudFormation) -> None:
    cloud.is_(None)
    cloud.is_(None)
    cloud.takes("CREATE")
    cloud.tells(NAME, "REVIEW_IN_PROGRESS")
    cloud.starts()
    cloud.tells("TaskQueue", "CREATE_IN_PROGRESS")
    cloud.looked_at()
    cloud.tells("TaskQueue", "CREATE_COMPLETE")
    cloud.tells(NAME, "CREATE_COMPLETE")
    cloud.looked_at()
    assert cloud.apply() is True
    assert [line.split() for line in cloud.said] == [
        ["CREATE_IN_PROGRESS", "TaskQueue"],
        ["CREATE_COMPLETE", "TaskQueue"],
        ["CREATE_COMPLETE", NAME],
    ]
    assert cloud.pauses == [PAUSE_SECONDS]


def test_the_end_of_an_earlier_change_is_not_taken_for_the_end_of_this_one(cloud: CloudFormation) -> None:
    cloud.is_("UPDATE_COMPLETE")
    cloud.is_("UPDATE_COMPLETE")
    cloud.takes("UPDATE")
    cloud.tells(NAME, "UPDATE_COMPLETE")
    cloud.starts()
    cloud.looked_at()
    cloud.tells(NAME, "UPDATE_ROLLBACK_COMPLETE")
    cloud.looked_at()
    with pytest.raises(DeploymentFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        cloud.apply()


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes.",
        "No updates are to be performed.",
    ],
)
def test_no_changes_are_no_failure(cloud: CloudFormation, reason: str) -> None:
    cloud.is_("UPDATE_COMPLETE")
    cloud.is_("UPDATE_COMPLETE")
    cloud.takes("UPDATE", "FAILED", reason)
    assert cloud.apply() is False


def test_a_template_that_is_not_taken_is_told_with_the_reason(cloud: CloudFormation) -> None:
    cloud.is_("CREATE_COMPLETE")
    cloud.is_("CREATE_COMPLETE")
    cloud.takes("UPDATE", "FAILED", "Template error: instance of Fn::GetAtt")
    with pytest.raises(DeploymentFailed, match="Fn::GetAtt"):
        cloud.apply()


def test_what_failed_first_is_told_and_not_what_was_cancelled_for_it(cloud: CloudFormation) -> None:
    cloud.is_("CREATE_COMPLETE")
    cloud.is_("CREATE_COMPLETE")
    cloud.takes("UPDATE")
    cloud.starts()
    cloud.tells("OnTask", "UPDATE_FAILED", "Resource update cancelled")
    cloud.tells("BlobBucket", "UPDATE_FAILED", "You may not do this")
    cloud.tells("TaskQueue", "UPDATE_FAILED", "Nor that")
    cloud.tells(NAME, "UPDATE_ROLLBACK_COMPLETE")
    cloud.looked_at()
    with pytest.raises(DeploymentFailed, match="BlobBucket: You may not do this"):
        cloud.apply()


def test_what_is_left_of_a_failed_creation_is_removed_first(cloud: CloudFormation) -> None:
    cloud.is_("ROLLBACK_COMPLETE")
    cloud.is_("ROLLBACK_COMPLETE")
    cloud.looked_at()
    cloud.answers.add_response("delete_stack", {}, {"StackName": STACK_ID})
    cloud.tells(NAME, "DELETE_COMPLETE")
    cloud.looked_at()
    cloud.is_(None)
    cloud.takes("CREATE")
    cloud.starts()
    cloud.tells(NAME, "CREATE_COMPLETE")
    cloud.looked_at()
    assert cloud.apply() is True


def test_a_stack_that_somebody_is_changing_is_left_alone(cloud: CloudFormation) -> None:
    cloud.is_("UPDATE_IN_PROGRESS")
    with pytest.raises(DeploymentFailed, match="right now"):
        cloud.apply()


def test_removing_a_stack_that_is_not_there_is_nothing(cloud: CloudFormation) -> None:
    cloud.is_(None)
    with cloud.answers:
        cloud.stack.remove()
    assert cloud.said == []
