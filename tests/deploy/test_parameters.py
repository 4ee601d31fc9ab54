"""The parameters of a stage, which all have defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.template import references, resources_of_type

ROOT = Path(__file__).parents[2]


def test_every_parameter_has_a_default_a_description_and_a_line_in_the_deploying_guide(
    template: dict[str, Any],
) -> None:
    guide = (ROOT / "docs" / "how-to" / "deploying.md").read_text().splitlines()
    for name, declared in template["Parameters"].items():
        assert "Default" in declared
        assert declared["Description"]
        (line,) = [line for line in guide if line.startswith(f"| `{name}` |")]
        assert f"`{declared['Default']}`" in line if declared["Default"] != "" else "| none |" in line


def test_every_parameter_is_used(template: dict[str, Any]) -> None:
    used = set(references({"Resources": template["Resources"], "Conditions": template["Conditions"]}))
    assert set(template["Parameters"]) <= used


@pytest.mark.parametrize(
    ("function", "parameter"),
    [
        ("APIHandler", "ApiMemory"),
        ("OnObjectsChange", "WorkerMemory"),
        ("OnCatalogChange", "WorkerMemory"),
        ("OnTask", "WorkerMemory"),
    ],
)
def test_functions_have_the_memory_of_the_parameters(template: dict[str, Any], function: str, parameter: str) -> None:
    assert template["Resources"][function]["Properties"]["MemorySize"] == {"Ref": parameter}


def test_resources_with_data_declare_a_deletion_policy(template: dict[str, Any]) -> None:
    shown = {"Key": "removal", "Value": {"Ref": "RemovalPolicy"}}
    kept = [resource for resource in template["Resources"].values() if "DeletionPolicy" in resource]
    assert len(kept) == 3
    assert all(resource["Properties"]["Tags"] == [shown] for resource in kept)
    assert template["Parameters"]["RemovalPolicy"]["Default"] == "keep"


def test_queues_are_encrypted_and_have_a_dead_letter_queue_or_are_one(template: dict[str, Any]) -> None:
    queues = {name: queue["Properties"] for name, queue in resources_of_type(template, "AWS::SQS::Queue").items()}
    assert {queue["SqsManagedSseEnabled"] for queue in queues.values()} == {True}
    ends = {q["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for q in queues.values() if "RedrivePolicy" in q}
    sources = {name for name, queue in queues.items() if "RedrivePolicy" in queue}
    assert set(queues) - sources == ends | {"DeadLetters"}


def test_no_resource_has_a_fixed_name(template: dict[str, Any]) -> None:
    names = {"TableName", "BucketName", "QueueName", "FunctionName", "RoleName", "LogGroupName", "AlarmName"}
    permission = "AWS::Lambda::Permission"  # its FunctionName refers to the function of the permission
    for resource in template["Resources"].values():
        assert resource["Type"] == permission or not names & set(resource["Properties"])
