"""Creates, updates and removes a CloudFormation stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from deployment.errors import DeploymentFailed
from deployment.events import Progress, Say, wait_for_end

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

ABSENT = "ABSENT"
# A stack whose creation failed has no resources, and can only be removed.
FAILED_CREATION = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
NEW = (ABSENT, "REVIEW_IN_PROGRESS")
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
REMOVED = ("DELETE_COMPLETE",)
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack with this name, which may not exist."""

    client: CloudFormationClient
    name: str
    say: Say
    pause: Callable[[float], None] = time.sleep

    def status(self) -> str:
        """Returns the CloudFormation status of the stack, or ABSENT."""
        found = self._find()
        return str(found["StackStatus"]) if found else ABSENT

    def is_new(self) -> bool:
        """Returns whether the stack does not exist, or its creation failed, so that it has no data."""
        return self.status() in (*NEW, *FAILED_CREATION)

    def parameters(self) -> dict[str, str]:
        """Returns the parameters of the last deployment; empty if the stack does not exist."""
        found = self._find()
        pairs = found.get("Parameters", []) if found else []
        return {pair["ParameterKey"]: pair["ParameterValue"] for pair in pairs}

    def tags(self) -> dict[str, str]:
        """Returns the tags of the stack; empty if it does not exist."""
        found = self._find()
        return {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])} if found else {}

    def outputs(self) -> dict[str, str]:
        """Returns the outputs of the stack. Raises DeploymentFailed if it does not exist."""
        found = self._find()
        if found is None:
            raise DeploymentFailed(f"There is no stack {self.name} in this account and region")
        return {pair["OutputKey"]: pair["OutputValue"] for pair in found.get("Outputs", [])}

    def apply(self, template_url: str, parameters: Mapping[str, str], tags: Mapping[str, str]) -> bool:
        """Creates the stack, or updates it to this template. Returns False if it was already up to date.

        Raises DeploymentFailed with the first resource that failed. CloudFormation then rolls back the changes.
        """
        self._prepare()
        kind = "CREATE" if self.status() in NEW else "UPDATE"
        change_set = self.client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType=kind,  # type: ignore[arg-type]
            TemplateURL=template_url,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        if not self._is_ready(change_set["Id"]):
            return False
        progress = Progress(self.client, change_set["StackId"], self.say)
        progress.skip()
        self.client.execute_change_set(ChangeSetName=change_set["Id"])
        self._finish(progress, DONE)
        return True

    def output(self, name: str) -> str | None:
        """Returns an output of the stack, or None if the stack or the output does not exist."""
        found = self._find()
        outputs = found.get("Outputs", []) if found is not None else []
        return {pair["OutputKey"]: pair["OutputValue"] for pair in outputs}.get(name)

    def check_removable(self) -> None:
        """Raises DeploymentFailed if CloudFormation would refuse to remove the stack."""
        found = self._find()
        if found is None:
            return
        if found.get("EnableTerminationProtection"):
            raise DeploymentFailed(f"{self.name} has termination protection; turn it off in CloudFormation first")
        if found["StackStatus"].endswith("_IN_PROGRESS") and found["StackStatus"] not in NEW:
            status = found["StackStatus"]
            raise DeploymentFailed(f"{self.name} is being changed by another operation ({status}); try again later")

    def remove(self) -> None:
        """Removes the stack, except for resources that its template retains. Has no effect if it does not exist."""
        found = self._find()
        if found is None:
            return
        progress = Progress(self.client, found["StackId"], self.say)
        progress.skip()
        self.client.delete_stack(StackName=found["StackId"])
        self._finish(progress, REMOVED)

    def _prepare(self) -> None:
        status = self.status()
        if status in FAILED_CREATION:
            self.say(f"The creation of {self.name} had failed; removing the remains")
            self.remove()
        elif status.endswith("_IN_PROGRESS") and status not in NEW:
            raise DeploymentFailed(f"{self.name} is being changed by another operation ({status}); try again later")

    def _is_ready(self, change_set: str) -> bool:
        def state() -> str:
            return str(self.client.describe_change_set(ChangeSetName=change_set)["Status"])

        if (
            wait_for_end(state, lambda found: found not in ("CREATE_COMPLETE", "FAILED"), self.pause)
            == "CREATE_COMPLETE"
        ):
            return True
        reason = self.client.describe_change_set(ChangeSetName=change_set).get("StatusReason", "")
        self.client.delete_change_set(ChangeSetName=change_set)
        if any(message in reason for message in NO_CHANGES):
            return False
        raise DeploymentFailed(f"CloudFormation rejects the template: {reason}")

    def _finish(self, progress: Progress, wanted: tuple[str, ...]) -> None:
        state = wait_for_end(progress.follow, lambda found: found.endswith("_IN_PROGRESS"), self.pause)
        if state not in wanted:
            failure = progress.first_failure or "not reported"
            raise DeploymentFailed(f"{self.name} is {state}. First failure: {failure}")

    def _find(self) -> StackTypeDef | None:
        try:
            (found,) = self.client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"].get("Message", ""):
                return None
            raise
        return found
