"""The parameters that limit what a stage can cost, and that protect its data from mistakes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bench import prices
from deployment.template import COMPRESSION_EXTENSION
from tests.support.template import resources_of_type

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


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
    assert versioning == {"Status": {"Fn::If": ["FilesAreVersioned", "Enabled", "Suspended"]}}
    is_zero = {"Fn::Equals": [{"Ref": "FileVersionDays"}, "0"]}
    assert template["Conditions"]["FilesAreVersioned"] == {"Fn::Not": [is_zero]}
    assert template["Parameters"]["FileVersionDays"]["Default"] == 35  # the time of DynamoDB's point-in-time recovery


def test_no_function_may_remove_a_version_of_a_file(template: dict[str, Any]) -> None:
    roles = json.dumps(resources_of_type(template, "AWS::IAM::Role"))
    assert "s3:DeleteObject" in roles
    assert "s3:DeleteObjectVersion" not in roles
    assert "s3:*" not in roles


def test_large_responses_are_compressed(template: dict[str, Any]) -> None:
    api = properties(template, "RestAPI")
    assert api["MinimumCompressionSize"] == {"Ref": "CompressedBytes"}
    assert api["DefinitionBody"][COMPRESSION_EXTENSION] == {"Ref": "CompressedBytes"}
    declared = template["Parameters"]["CompressedBytes"]
    assert (declared["MinValue"], declared["Default"], declared["MaxValue"]) == (0, 1024, 10 * 1024 * 1024)
    # API Gateway does not compress binary types.
    assert not any("json" in type_ for type_ in api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"])


def test_requests_are_logged_only_if_the_operator_wants_it(template: dict[str, Any]) -> None:
    condition, setting, otherwise = properties(template, "RestAPI")["AccessLogSetting"]["Fn::If"]
    assert (condition, otherwise) == ("AccessIsLogged", {"Ref": "AWS::NoValue"})
    assert setting["DestinationArn"] == {"Fn::GetAtt": ["AccessLogGroup", "Arn"]}
    assert template["Resources"]["AccessLogGroup"]["Condition"] == "AccessIsLogged"
    assert properties(template, "AccessLogGroup")["RetentionInDays"] == {"Ref": "LogRetention"}
    assert template["Parameters"]["AccessLog"]["Default"] == "off"


def test_a_line_of_the_access_log_is_json_without_paths_and_headers(template: dict[str, Any]) -> None:
    _, setting, _ = properties(template, "RestAPI")["AccessLogSetting"]["Fn::If"]
    line = json.loads(setting["Format"])
    assert {"request_id", "status", "route", "ip"} <= set(line)
    assert all(value.startswith("$context.") for value in line.values())
    assert {"$context.path", "$context.protocol"}.isdisjoint(line.values())
    assert len(setting["Format"]) < prices.ACCESS_LOG_LINE_BYTES * 2


def test_a_web_acl_inspects_requests_if_one_is_given(template: dict[str, Any]) -> None:
    association = template["Resources"]["WebAclAssociation"]
    assert association["Condition"] == "RequestsAreInspected"
    assert association["Properties"]["WebACLArn"] == {"Ref": "WebAclArn"}
    assert association["Properties"]["ResourceArn"]["Fn::Sub"].endswith("/restapis/${RestAPI}/stages/${RestAPI.Stage}")
    assert "WAF_FILTERED" in properties(template, "RestAPI")["GatewayResponses"]


@pytest.mark.parametrize(
    ("arn", "is_accepted"),
    [
        ("", True),
        ("arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/films/1234abcd-12ab-34cd-56ef-1234567890ab", True),
        ("arn:aws:wafv2:us-east-1:123456789012:global/webacl/films/1234abcd-12ab-34cd-56ef-1234567890ab", False),
        ("films", False),
    ],
)
def test_only_the_arn_of_a_regional_web_acl_is_accepted(template: dict[str, Any], arn: str, is_accepted: bool) -> None:
    assert (re.fullmatch(template["Parameters"]["WebAclArn"]["AllowedPattern"], arn) is not None) is is_accepted


def test_the_api_is_traced_with_the_functions(template: dict[str, Any]) -> None:
    assert properties(template, "RestAPI")["TracingEnabled"] == {"Fn::If": ["TracingIsActive", True, False]}


def test_queues_deny_requests_without_tls(template: dict[str, Any]) -> None:
    denying = {}
    for policy in resources_of_type(template, "AWS::SQS::QueuePolicy").values():
        (queue,) = policy["Properties"]["Queues"]
        (denied,) = [each for each in policy["Properties"]["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
        assert (denied["Principal"], denied["Action"]) == ("*", "sqs:*")
        assert denied["Resource"] == {"Fn::GetAtt": [queue["Ref"], "Arn"]}
        denying[queue["Ref"]] = denied["Condition"]
    assert denying == dict.fromkeys(resources_of_type(template, "AWS::SQS::Queue"), WITHOUT_TLS)


def test_only_alarms_of_this_account_publish_to_the_topic_and_only_over_tls(template: dict[str, Any]) -> None:
    policy = template["Resources"]["AlarmTopicPolicy"]
    assert policy["Condition"] == template["Resources"]["AlarmTopic"]["Condition"]
    allowed, denied = policy["Properties"]["PolicyDocument"]["Statement"]
    assert policy["Properties"]["Topics"] == [allowed["Resource"]] == [denied["Resource"]] == [{"Ref": "AlarmTopic"}]
    assert (allowed["Effect"], allowed["Principal"]) == ("Allow", {"Service": "cloudwatch.amazonaws.com"})
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (denied["Effect"], denied["Principal"], denied["Condition"]) == ("Deny", "*", WITHOUT_TLS)
