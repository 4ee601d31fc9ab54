"""Creates and removes stages with the commands of `make deploy` and `make destroy`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.deployed.emulator import ROOT, TIME_LIMIT_SECONDS, Emulator, eventually

EXPORT = re.compile(r"^export (\w+)=(\S+)$", re.MULTILINE)
# The service, the operation that lists the resources, the field with the list, and the field with the name.
RESOURCE_TYPES = {
    "stacks": ("cloudformation", "list_stacks", "StackSummaries", "StackName"),
    "tables": ("dynamodb", "list_tables", "TableNames", ""),
    "buckets": ("s3", "list_buckets", "Buckets", "Name"),
    "queues": ("sqs", "list_queues", "QueueUrls", ""),
    "functions": ("lambda", "list_functions", "Functions", "FunctionName"),
    "event sources": ("lambda", "list_event_source_mappings", "EventSourceMappings", "FunctionArn"),
    "logs": ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    "roles": ("iam", "list_roles", "Roles", "RoleName"),
    "APIs": ("apigateway", "get_rest_apis", "items", "name"),
    "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    "topics": ("sns", "list_topics", "Topics", "TopicArn"),
}


@dataclass(frozen=True)
class CommandResult:
    """The result of a command: exit code, standard output, and standard error."""

    exit_code: int
    output: str
    progress: str

    @property
    def exports(self) -> dict[str, str]:
        return dict(EXPORT.findall(self.output))


@dataclass(frozen=True)
class DeployedResponse:
    """A response of the deployed API."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class StageOnEmulator:
    """One stage of the packaged stack."""

    emulator: Emulator
    package: Path
    name: str

    def deploy(self, *parameters: str) -> CommandResult:
        return self.run("deploy", "--package", str(self.package), *parameters)

    def destroy(self, *options: str) -> CommandResult:
        # The emulator creates the log group of a function again if the function still runs when the stack is removed.
        eventually(lambda: self.messages("ArrivalQueueUrl") == 0)
        return self.run("destroy", *options)

    def run(self, command: str, *arguments: str) -> CommandResult:
        program = [sys.executable, "-m", "deployment", command, "--stage", self.name, *arguments]
        environment = self.emulator.environment
        done = subprocess.run(
            program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS, check=False
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def admin(self, *arguments: str) -> str:
        """Returns the output of a command of the operator, which must succeed."""
        settings = dict(EXPORT.findall(self.run("settings").output))
        environment = {**self.emulator.environment, **settings}
        program = [sys.executable, "-m", "chalicelib.admin", *arguments]
        done = subprocess.run(
            program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def messages(self, output: str) -> int:
        """Returns the number of messages in the queue of an output, also of those that are being processed.

        A stage that is not deployed has none.
        """
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        if not (url := self.outputs.get(output)):
            return 0
        found = self.emulator.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(count) for count in found["Attributes"].values())

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack; empty if it does not exist."""
        try:
            (stack,) = self.emulator.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        except ClientError:
            return {}
        if stack["StackStatus"] == "DELETE_COMPLETE":
            return {}
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    @property
    def stack(self) -> str:
        return f"buckets-api-{self.name}"

    @property
    def address(self) -> str:
        """The URL of the API on the emulator, without /v1. The emulator does not serve host names in amazonaws.com."""
        return f"{self.emulator.address}/_aws/execute-api/{self.outputs['RestAPIId']}/api"

    def call(self, method: str, path: str, key: str = "") -> DeployedResponse:
        headers = {"Authorization": f"Bearer {key}", "X-Namespace": "default"} if key else {}
        request = urllib.request.Request(f"{self.address}{path}", method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=TIME_LIMIT_SECONDS) as response:
                return DeployedResponse(response.status, dict(response.headers), json.loads(response.read()))
        except urllib.error.HTTPError as error:
            return DeployedResponse(error.code, dict(error.headers), json.loads(error.read()))

    def inventory(self) -> dict[str, list[str]]:
        """Returns the names of all resources with the name of the stack in them, by type, without empty types."""
        found = {type_: self._named(*listing) for type_, listing in RESOURCE_TYPES.items()}
        return {type_: names for type_, names in found.items() if names}

    def _named(self, service: str, listing: str, field: str, key: str) -> list[str]:
        listed = getattr(self.emulator.client(service), listing)().get(field, [])
        existing = [each for each in listed if not key or each.get("StackStatus") != "DELETE_COMPLETE"]
        names = [each[key] if key else each for each in existing]
        return [name for name in names if self.stack in name]
