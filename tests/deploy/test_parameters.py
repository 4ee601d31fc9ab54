"""The parameters of a stage, which all have defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import MAX_PROCESSOR_TIMEOUT_SECONDS, SettingInvalid, Settings, is_lambda_arn, read_settings
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
        ("OnBatchMessage", "WorkerMemory"),
        ("OnBlobArrival", "WorkerMemory"),
        ("OnMirrorMessage", "WorkerMemory"),
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
    names = {
        "TableName",
        "BucketName",
        "QueueName",
        "FunctionName",
        "RoleName",
        "LogGroupName",
        "AlarmName",
        "DashboardName",
    }
    permission = "AWS::Lambda::Permission"  # its FunctionName refers to the function of the permission
    for resource in template["Resources"].values():
        assert resource["Type"] == permission or not names & set(resource["Properties"])


def test_the_parameters_of_batches_have_the_limits_of_the_settings_and_of_lambda(template: dict[str, Any]) -> None:
    concurrency, seconds = (template["Parameters"][name] for name in ("BatchConcurrency", "ProcessorTimeoutSeconds"))
    assert (concurrency["MinValue"], concurrency["MaxValue"]) == (2, 1000)
    assert (seconds["MinValue"], seconds["MaxValue"]) == (1, MAX_PROCESSOR_TIMEOUT_SECONDS)
    assert seconds["Default"] == Settings().processor_timeout_seconds


@pytest.mark.parametrize(
    "processor",
    [
        "",
        "hook:process",
        "films.posters:make_thumbnail",
        "arn:aws:lambda:eu-central-1:123456789012:function:thumbnails",
        "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:Thumb_nails-2:live",
        "arn:aws:lambda:eu-central-1:123456789012:function:thumbnails:$LATEST",
        "films.posters",
        "films.posters:",
        "films posters:make",
        "films.:make",
        "3d:make",
        "thumbnails",
        "arn:aws:lambda:eu-central-1:12345:function:thumbnails",
        "arn:aws:s3:::bucket",
        "arn:aws:lambda:eu-central-1:123456789012:function:*",
    ],
)
def test_the_parameter_processor_accepts_what_the_setting_accepts(template: dict[str, Any], processor: str) -> None:
    accepted = re.fullmatch(template["Parameters"]["Processor"]["AllowedPattern"], processor) is not None
    try:
        read_settings({"BUCKETS_PROCESSOR": processor})
    except SettingInvalid:
        assert not accepted
    else:
        assert accepted
        # The condition in the template compares the text before the first colon.
        assert is_lambda_arn(processor) == (processor.partition(":")[0] == "arn")


def test_only_a_lambda_function_as_the_processor_may_be_invoked(template: dict[str, Any]) -> None:
    before_colon = {"Fn::Select": [0, {"Fn::Split": [":", {"Ref": "Processor"}]}]}
    assert template["Conditions"]["ProcessorIsFunction"] == {"Fn::Equals": [before_colon, "arn"]}


@pytest.mark.parametrize(
    ("name", "is_accepted"),
    [
        ("", True),
        ("default", True),
        ("aws.partner/example.com/films-2_3", True),
        ("a" * 256, True),
        ("a" * 257, False),
        ("films and more", False),
        ("arn:aws:events:eu-central-1:123456789012:event-bus/films", False),
    ],
)
def test_the_parameter_event_bus_name_accepts_what_the_setting_accepts(
    template: dict[str, Any], name: str, is_accepted: bool
) -> None:
    pattern = template["Parameters"]["EventBusName"]["AllowedPattern"]
    assert (re.fullmatch(pattern, name) is not None) is is_accepted
    if is_accepted:
        assert read_settings({"BUCKETS_EVENT_BUS_NAME": name}).event_bus_name == name
    else:
        with pytest.raises(SettingInvalid):
            read_settings({"BUCKETS_EVENT_BUS_NAME": name})


KEY_ARN = "arn:aws:kms:eu-central-1:123456789012:key/"


@pytest.mark.parametrize(
    ("arn", "is_accepted"),
    [
        ("", True),
        (f"{KEY_ARN}1234abcd-12ab-34cd-56ef-1234567890ab", True),
        (f"{KEY_ARN}mrk-1234abcd12ab34cd56ef1234567890ab", True),
        ("arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab", True),
        ("arn:aws:kms:eu-central-1:123456789012:alias/films", False),
        ("1234abcd-12ab-34cd-56ef-1234567890ab", False),
        (f"{KEY_ARN}*", False),
    ],
)
def test_the_parameter_secrets_key_arn_accepts_what_the_setting_accepts(
    template: dict[str, Any], arn: str, is_accepted: bool
) -> None:
    pattern = template["Parameters"]["SecretsKeyArn"]["AllowedPattern"]
    assert (re.fullmatch(pattern, arn) is not None) is is_accepted
    if is_accepted:
        assert read_settings({"BUCKETS_SECRETS_KEY": arn}).secrets_key == arn
    else:
        with pytest.raises(SettingInvalid):
            read_settings({"BUCKETS_SECRETS_KEY": arn})


def test_secrets_are_encrypted_if_a_key_is_given(template: dict[str, Any]) -> None:
    no_key = {"Fn::Equals": [{"Ref": "SecretsKeyArn"}, ""]}
    assert template["Conditions"]["SecretsAreEncrypted"] == {"Fn::Not": [no_key]}
    for name in ("APIHandler", "OnBatchMessage"):
        variables = template["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["BUCKETS_SECRETS_KEY"] == {"Ref": "SecretsKeyArn"}


def test_events_are_sent_if_a_bus_is_given(template: dict[str, Any]) -> None:
    no_bus = {"Fn::Equals": [{"Ref": "EventBusName"}, ""]}
    assert template["Conditions"]["EventsAreSent"] == {"Fn::Not": [no_bus]}
    for name in ("OnObjectsChange", "OnCatalogChange"):
        variables = template["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["BUCKETS_EVENT_BUS_NAME"] == {"Ref": "EventBusName"}
