"""The parameters that limit what a stage can cost, and that protect its data from mistakes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.template import resources_of_type


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_all_routes_share_one_limit_of_requests(template: dict[str, Any]) -> None:
    (setting,) = properties(template, "RestAPI")["MethodSettings"]
    assert (setting["ResourcePath"], setting["HttpMethod"]) == ("/*", "*")
    assert setting["ThrottlingRateLimit"] == {"Ref": "RequestRate"}
    assert setting["ThrottlingBurstLimit"] == {"Ref": "RequestBurst"}
    assert "THROTTLED" in properties(template, "RestAPI")["GatewayResponses"]


def test_executions_are_reserved_for_requests_if_a_number_is_given(template: dict[str, Any]) -> None:
    reserved = properties(template, "APIHandler")["ReservedConcurrentExecutions"]
    assert reserved == {"Fn::If": ["ApiConcurrencyIsReserved", {"Ref": "ApiConcurrency"}, {"Ref": "AWS::NoValue"}]}
    is_zero = {"Fn::Equals": [{"Ref": "ApiConcurrency"}, "0"]}
    assert template["Conditions"]["ApiConcurrencyIsReserved"] == {"Fn::Not": [is_zero]}
    assert template["Parameters"]["ApiConcurrency"]["Default"] == 0


@pytest.mark.parametrize(
    ("function", "parameter"),
    [
        ("OnTask", "TaskConcurrency"),
        ("OnBatchMessage", "BatchConcurrency"),
        ("OnBlobArrival", "UploadConcurrency"),
        ("OnMirrorMessage", "MirrorConcurrency"),
    ],
)
def test_each_queue_has_a_maximum_of_concurrent_executions(
    template: dict[str, Any], function: str, parameter: str
) -> None:
    (source,) = properties(template, function)["Events"].values()
    assert source["Properties"]["ScalingConfig"] == {"MaximumConcurrency": {"Ref": parameter}}
    declared = template["Parameters"][parameter]
    assert (declared["MinValue"], declared["MaxValue"]) == (2, 1000)  # the limits of Lambda


def test_tables_are_protected_unless_they_are_deleted_with_the_stack(template: dict[str, Any]) -> None:
    for table in ("CatalogTable", "ObjectsTable"):
        protection = properties(template, table)["DeletionProtectionEnabled"]
        assert protection == {"Fn::If": ["TablesAreProtected", True, False]}
    is_on, is_kept = template["Conditions"]["TablesAreProtected"]["Fn::And"]
    assert is_on == {"Fn::Equals": [{"Ref": "DeletionProtection"}, "on"]}
    assert is_kept == {"Fn::Equals": [{"Ref": "RemovalPolicy"}, "keep"]}
    assert template["Parameters"]["DeletionProtection"]["Default"] == "on"


def test_removed_files_are_kept_as_long_as_tables_can_be_restored(template: dict[str, Any]) -> None:
    bucket = properties(template, "BlobBucket")
    versioning = bucket["VersioningConfiguration"]
    assert versioning == {"Fn::If": ["FilesAreVersioned", {"Status": "Enabled"}, {"Ref": "AWS::NoValue"}]}
    is_zero = {"Fn::Equals": [{"Ref": "FileVersionDays"}, "0"]}
    assert template["Conditions"]["FilesAreVersioned"] == {"Fn::Not": [is_zero]}
    assert template["Parameters"]["FileVersionDays"]["Default"] == 35  # the time of DynamoDB's point-in-time recovery


def test_no_function_may_remove_a_version_of_a_file(template: dict[str, Any]) -> None:
    roles = json.dumps(resources_of_type(template, "AWS::IAM::Role"))
    assert "s3:DeleteObject" in roles
    assert "s3:DeleteObjectVersion" not in roles
    assert "s3:*" not in roles
