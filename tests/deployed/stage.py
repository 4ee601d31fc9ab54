"""Stages, made and removed by the very commands of `make deploy` and `make destroy`."""

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

from tests.deployed.emulator import LONGEST_SECONDS, ROOT, Emulator

EXPORT = re.compile(r"^export (\w+)=(\S+)$", re.MULTILINE)
KINDS = {
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
class Said:
    """What a command answered."""

    exit_code: int
    output: str
    progress: str

    @property
    def exports(self) -> dict[str, str]:
        return dict(EXPORT.findall(self.output))


@dataclass(frozen=True)
class Answer:
    """What the deployed API answered."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class StageOnEmulator:
    """One stage of the packaged stack."""

    emulator: Emulator
    package: Path
    name: str

    def deploy(self, *parameters: str) -> Said:
        return self.say("deploy", "--package", str(self.package), *parameters)

    def destroy(self, *options: str) -> Said:
        return self.say("destroy", *options)

    def say(self, command: str, *arguments: str) -> Said:
        program = [sys.executable, "-m", "deployment", command, "--stage", self.name, *arguments]
        environment = self.emulator.environment
        done = subprocess.run(
            program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
        return Said(done.returncode, done.stdout, done.stderr)

    @property
    def outputs(self) -> dict[str, str]:
        (stack,) = self.emulator.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def stack(self) -> str:
        return f"buckets-api-{self.name}"

    @property
    def address(self) -> str:
        """Where the emulator serves the API, without /v1: it has no names below amazonaws.com."""
        return f"{self.emulator.address}/_aws/execute-api/{self.outputs['RestAPIId']}/api"

    def call(self, method: str, path: str, key: str = "") -> Answer:
        headers = {"Authorization": f"Bearer {key}", "X-Namespace": "default"} if key else {}
        request = urllib.request.Request(f"{self.address}{path}", method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=LONGEST_SECONDS) as answer:
                return Answer(answer.status, dict(answer.headers), json.loads(answer.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), json.loads(error.read()))

    def inventory(self) -> dict[str, list[str]]:
        """Everything in the account that carries the stage's name, by kind; empty kinds are left out."""
        found = {kind: self._named(*how) for kind, how in KINDS.items()}
        return {kind: names for kind, names in found.items() if names}

    def _named(self, service: str, listing: str, field: str, key: str) -> list[str]:
        listed = getattr(self.emulator.client(service), listing)().get(field, [])
        there = [each for each in listed if not key or each.get("StackStatus") != "DELETE_COMPLETE"]
        names = [each[key] if key else each for each in there]
        return [name for name in names if self.stack in name]
