"""Creating, updating and removing a stack, with stubbed responses of CloudFormation."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from deployment.errors import DeploymentFailed
from deployment.events import PAUSE_SECONDS
from deployment.stack import Stack

NAME = "buckets-api-dev"
STACK_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{NAME}/1"
CHANGE_SET = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/deploy/1"


class CloudFormation:
    """A stack with a stubbed client. Records the lines that the operator sees and the pauses."""

    def __init__(self) -> None:
        client = boto3.client("cloudformation", region_name="us-east-1")
        self.responses = Stubber(client)
        self.printed: list[str] = []
        self.pauses: list[float] = []
        self.events: list[dict[str, Any]] = []
        self.stack = Stack(client, NAME, self.printed.append, self.pauses.append)

    def has_status(self, status: str | None, **more: Any) -> None:
        if status is None:
            self.responses.add_client_error("describe_stacks", "ValidationError", f"Stack {NAME} does not exist")
        else:
            stack = {"StackId": STACK_ID, "StackName": NAME, "CreationTime": "2026-01-01", "StackStatus": status}
            self.responses.add_response("describe_stacks", {"Stacks": [{**stack, **more}]})

    def expects_change_set(self, kind: str, status: str = "CREATE_COMPLETE", reason: str = "") -> None:
        request = {"StackName": NAME, "ChangeSetType": kind, "ChangeSetName": ANY, "TemplateURL": "https://template"}
        request |= {"Parameters": [], "Tags": [], "Capabilities": ANY}
        self.responses.add_response("create_change_set", {"Id": CHANGE_SET, "StackId": STACK_ID}, request)
        self.responses.add_response("describe_change_set", {"Status": status})
        if status == "FAILED":
            self.responses.add_response("describe_change_set", {"Status": status, "StatusReason": reason})
            self.responses.add_response("delete_change_set", {})

    def adds_event(self, name: str, status: str, reason: str = "") -> None:
        """Adds an event. The next call that reads events returns all events so far."""
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

    def expects_read_of_events(self) -> None:
        self.responses.add_response("describe_stack_events", {"StackEvents": list(self.events)})

    def expects_start(self) -> None:
        self.expects_read_of_events()
        self.responses.add_response("execute_change_set", {})

    def apply(self) -> bool:
        with self.responses:
            changed = self.stack.apply("https://template", {}, {})
        self.responses.assert_no_pending_responses()
        return changed


@pytest.fixture
def cloud() -> CloudFormation:
    return CloudFormation()


def test_a_stack_that_does_not_exist_is_created_and_each_event_is_printed_once(cloud: CloudFormation) -> None:
    cloud.has_status(None)
    cloud.has_status(None)
    cloud.expects_change_set("CREATE")
    cloud.adds_event(NAME, "REVIEW_IN_PROGRESS")
    cloud.expects_start()
    cloud.adds_event("TaskQueue", "CREATE_IN_PROGRESS")
    cloud.expects_read_of_events()
    cloud.adds_event("TaskQueue", "CREATE_COMPLETE")
    cloud.adds_event(NAME, "CREATE_COMPLETE")
    cloud.expects_read_of_events()
    assert cloud.apply() is True
    assert [line.split() for line in cloud.printed] == [
        ["CREATE_IN_PROGRESS", "TaskQueue"],
        ["CREATE_COMPLETE", "TaskQueue"],
        ["CREATE_COMPLETE", NAME],
    ]
    assert cloud.pauses == [PAUSE_SECONDS]


def test_the_end_of_an_earlier_update_is_not_mistaken_for_the_end_of_this_one(cloud: CloudFormation) -> None:
    cloud.has_status("UPDATE_COMPLETE")
    cloud.has_status("UPDATE_COMPLETE")
    cloud.expects_change_set("UPDATE")
    cloud.adds_event(NAME, "UPDATE_COMPLETE")
    cloud.expects_start()
    cloud.expects_read_of_events()
    cloud.adds_event(NAME, "UPDATE_ROLLBACK_COMPLETE")
    cloud.expects_read_of_events()
    with pytest.raises(DeploymentFailed, match="UPDATE_ROLLBACK_COMPLETE"):
        cloud.apply()


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes.",
        "No updates are to be performed.",
    ],
)
def test_a_change_set_without_changes_is_not_a_failure(cloud: CloudFormation, reason: str) -> None:
    cloud.has_status("UPDATE_COMPLETE")
    cloud.has_status("UPDATE_COMPLETE")
    cloud.expects_change_set("UPDATE", "FAILED", reason)
    assert cloud.apply() is False


def test_the_reason_for_a_rejected_template_is_reported(cloud: CloudFormation) -> None:
    cloud.has_status("CREATE_COMPLETE")
    cloud.has_status("CREATE_COMPLETE")
    cloud.expects_change_set("UPDATE", "FAILED", "Template error: instance of Fn::GetAtt")
    with pytest.raises(DeploymentFailed, match="Fn::GetAtt"):
        cloud.apply()


def test_the_first_failure_is_reported_instead_of_cancelled_resources(cloud: CloudFormation) -> None:
    cloud.has_status("CREATE_COMPLETE")
    cloud.has_status("CREATE_COMPLETE")
    cloud.expects_change_set("UPDATE")
    cloud.expects_start()
    cloud.adds_event("OnTask", "UPDATE_FAILED", "Resource update cancelled")
    cloud.adds_event("BlobBucket", "UPDATE_FAILED", "You may not do this")
    cloud.adds_event("TaskQueue", "UPDATE_FAILED", "Nor that")
    cloud.adds_event(NAME, "UPDATE_ROLLBACK_COMPLETE")
    cloud.expects_read_of_events()
    with pytest.raises(DeploymentFailed, match="BlobBucket: You may not do this"):
        cloud.apply()


def test_a_stack_whose_creation_failed_is_removed_first(cloud: CloudFormation) -> None:
    cloud.has_status("ROLLBACK_COMPLETE")
    cloud.has_status("ROLLBACK_COMPLETE")
    cloud.expects_read_of_events()
    cloud.responses.add_response("delete_stack", {}, {"StackName": STACK_ID})
    cloud.adds_event(NAME, "DELETE_COMPLETE")
    cloud.expects_read_of_events()
    cloud.has_status(None)
    cloud.expects_change_set("CREATE")
    cloud.expects_start()
    cloud.adds_event(NAME, "CREATE_COMPLETE")
    cloud.expects_read_of_events()
    assert cloud.apply() is True


def test_a_stack_that_another_operation_is_changing_is_not_changed(cloud: CloudFormation) -> None:
    cloud.has_status("UPDATE_IN_PROGRESS")
    with pytest.raises(DeploymentFailed, match="another operation"):
        cloud.apply()


@pytest.mark.parametrize(
    ("status", "is_new"),
    [
        (None, True),
        ("REVIEW_IN_PROGRESS", True),
        ("ROLLBACK_COMPLETE", True),
        ("CREATE_COMPLETE", False),
        ("UPDATE_ROLLBACK_COMPLETE", False),
    ],
)
def test_a_stack_is_new_until_its_creation_succeeds(cloud: CloudFormation, status: str | None, is_new: bool) -> None:
    cloud.has_status(status)
    with cloud.responses:
        assert cloud.stack.is_new() is is_new


def test_removing_a_stack_that_does_not_exist_has_no_effect(cloud: CloudFormation) -> None:
    cloud.has_status(None)
    with cloud.responses:
        cloud.stack.remove()
    assert cloud.printed == []


@pytest.mark.parametrize(
    ("status", "more", "message"),
    [
        ("CREATE_COMPLETE", {"EnableTerminationProtection": True}, "termination protection"),
        ("UPDATE_IN_PROGRESS", {}, "another operation"),
        ("DELETE_IN_PROGRESS", {}, "another operation"),
    ],
)
def test_a_stack_that_cannot_be_removed_is_an_error_before_anything_is_removed(
    cloud: CloudFormation, status: str, more: dict[str, Any], message: str
) -> None:
    cloud.has_status(status, **more)
    with cloud.responses, pytest.raises(DeploymentFailed, match=message):
        cloud.stack.check_removable()


@pytest.mark.parametrize("status", [None, "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_FAILED"])
def test_any_other_stack_can_be_removed(cloud: CloudFormation, status: str | None) -> None:
    cloud.has_status(status)
    with cloud.responses:
        cloud.stack.check_removable()


def test_a_stack_without_an_output_has_none(cloud: CloudFormation) -> None:
    outputs = [{"OutputKey": "BlobBucketName", "OutputValue": "files"}]
    for status, more in ((None, {}), ("ROLLBACK_FAILED", {}), ("CREATE_COMPLETE", {"Outputs": outputs})):
        cloud.has_status(status, **more)
    with cloud.responses:
        assert [cloud.stack.output("BlobBucketName") for _ in range(3)] == [None, None, "files"]
