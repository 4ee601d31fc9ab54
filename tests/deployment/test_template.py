"""The packaged template on its way to CloudFormation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployment.template import read_template, values, with_code, with_removal
from deployment.trouble import DeploymentFailed

TEMPLATE: dict[str, Any] = {
    "Parameters": {"ApiMemory": {"Default": 1024}, "AlarmEmail": {"Default": ""}},
    "Resources": {
        "Function": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./zip", "Timeout": 3}},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
            "Properties": {},
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
    },
}


def test_functions_take_their_code_from_the_bucket_and_nothing_else_changes() -> None:
    made = with_code(TEMPLATE, "bucket", "key.zip")["Resources"]
    code = {"Bucket": "bucket", "Key": "key.zip"}
    assert made["Function"]["Properties"] == {"CodeUri": code, "Timeout": 3}
    assert {name: made[name] for name in ("Table", "Queue")} == {
        name: TEMPLATE["Resources"][name] for name in ("Table", "Queue")
    }


def test_data_is_kept_unless_its_removal_is_the_policy_and_never_lost_by_an_update() -> None:
    assert with_removal(TEMPLATE, "keep") == TEMPLATE
    removed = with_removal(TEMPLATE, "delete")["Resources"]
    assert (removed["Table"]["DeletionPolicy"], removed["Table"]["UpdateReplacePolicy"]) == ("Delete", "Retain")
    assert removed["Queue"] == TEMPLATE["Resources"]["Queue"]


@pytest.mark.parametrize(
    ("given", "former", "expected"),
    [
        ({}, {}, {"ApiMemory": "1024", "AlarmEmail": ""}),
        ({}, {"ApiMemory": "512", "Forgotten": "x"}, {"ApiMemory": "512", "AlarmEmail": ""}),
        ({"ApiMemory": "2048"}, {"ApiMemory": "512"}, {"ApiMemory": "2048", "AlarmEmail": ""}),
        ({"AlarmEmail": ""}, {"AlarmEmail": "a@b"}, {"ApiMemory": "1024", "AlarmEmail": ""}),
    ],
)
def test_parameters_are_what_is_given_or_what_was_or_the_default(
    given: dict[str, str], former: dict[str, str], expected: dict[str, str]
) -> None:
    assert values(TEMPLATE, given, former) == expected


def test_an_unknown_parameter_and_a_missing_package_are_told(tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="ApiMemory"):
        values(TEMPLATE, {"Memory": "1"}, {})
    with pytest.raises(DeploymentFailed, match="make package"):
        read_template(tmp_path)
