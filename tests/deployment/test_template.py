"""The preparation of the packaged template for CloudFormation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployment.errors import DeploymentFailed
from deployment.template import (
    COMPRESSION_EXTENSION,
    parameter_values,
    read_template,
    tags_of,
    with_code,
    with_compression,
    with_removal,
    without_protection,
)

TEMPLATE: dict[str, Any] = {
    "Parameters": {"ApiMemory": {"Default": 1024}, "AlarmEmail": {"Default": ""}},
    "Resources": {
        "Function": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./zip", "Timeout": 3}},
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"DeletionProtectionEnabled": {"Fn::If": ["TablesAreProtected", True, False]}, "Tags": []},
        },
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {}},
        "RestAPI": {
            "Type": "AWS::Serverless::Api",
            "Properties": {
                "StageName": "api",
                "DefinitionBody": {"swagger": "2.0", COMPRESSION_EXTENSION: {"Ref": "C"}},
            },
        },
    },
}


def test_only_the_code_location_of_functions_changes() -> None:
    made = with_code(TEMPLATE, "bucket", "key.zip")["Resources"]
    code = {"Bucket": "bucket", "Key": "key.zip"}
    assert made["Function"]["Properties"] == {"CodeUri": code, "Timeout": 3}
    assert {name: made[name] for name in ("Table", "Queue")} == {
        name: TEMPLATE["Resources"][name] for name in ("Table", "Queue")
    }


def test_the_removal_policy_changes_deletion_but_not_replacement() -> None:
    assert with_removal(TEMPLATE, "keep") == TEMPLATE
    removed = with_removal(TEMPLATE, "delete")["Resources"]
    assert (removed["Table"]["DeletionPolicy"], removed["Table"]["UpdateReplacePolicy"]) == ("Delete", "Retain")
    assert removed["Queue"] == TEMPLATE["Resources"]["Queue"]


def test_the_minimum_size_of_compressed_responses_is_a_part_of_the_definition_of_the_api() -> None:
    made = with_compression(TEMPLATE, "2048")["Resources"]
    assert made["RestAPI"]["Properties"] == {
        "StageName": "api",
        "DefinitionBody": {"swagger": "2.0", COMPRESSION_EXTENSION: 2048},
    }
    assert made["Queue"] == TEMPLATE["Resources"]["Queue"]


def test_a_stack_is_created_with_tables_that_a_failed_creation_can_remove() -> None:
    made = without_protection(TEMPLATE)["Resources"]
    assert made["Table"]["Properties"] == {"DeletionProtectionEnabled": False, "Tags": []}
    assert made["Table"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert {name: made[name] for name in ("Function", "Queue")} == {
        name: TEMPLATE["Resources"][name] for name in ("Function", "Queue")
    }


@pytest.mark.parametrize(
    ("given", "current", "expected"),
    [
        ({}, {}, {"ApiMemory": "1024", "AlarmEmail": ""}),
        ({}, {"ApiMemory": "512", "Forgotten": "x"}, {"ApiMemory": "512", "AlarmEmail": ""}),
        ({"ApiMemory": "2048"}, {"ApiMemory": "512"}, {"ApiMemory": "2048", "AlarmEmail": ""}),
        ({"AlarmEmail": ""}, {"AlarmEmail": "a@b"}, {"ApiMemory": "1024", "AlarmEmail": ""}),
    ],
)
def test_a_parameter_has_the_given_value_or_the_current_one_or_the_default(
    given: dict[str, str], current: dict[str, str], expected: dict[str, str]
) -> None:
    assert parameter_values(TEMPLATE, given, current) == expected


@pytest.mark.parametrize(
    ("given", "current", "expected"),
    [
        ({}, {}, {"stage": "dev"}),
        (
            {"team": "films"},
            {"cost-center": "7", "stage": "dev"},
            {"team": "films", "cost-center": "7", "stage": "dev"},
        ),
        ({"team": ""}, {"team": "films"}, {"stage": "dev"}),
    ],
)
def test_a_tag_keeps_its_value_unless_another_is_given_or_none(
    given: dict[str, str], current: dict[str, str], expected: dict[str, str]
) -> None:
    assert tags_of("dev", given, current) == expected


def test_the_tag_of_the_stage_cannot_be_given() -> None:
    with pytest.raises(DeploymentFailed, match="stage"):
        tags_of("dev", {"stage": "other"}, {})


@pytest.mark.parametrize("value", ["", "1KB", "1024.0", "-1"])
def test_a_minimum_size_that_is_no_number_is_an_error(value: str) -> None:
    with pytest.raises(DeploymentFailed, match="CompressedBytes"):
        with_compression(TEMPLATE, value)


def test_an_unknown_parameter_and_a_missing_package_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DeploymentFailed, match="ApiMemory"):
        parameter_values(TEMPLATE, {"Memory": "1"}, {})
    with pytest.raises(DeploymentFailed, match="make package"):
        read_template(tmp_path)
