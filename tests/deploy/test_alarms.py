"""The alarms of the stack: their metrics and their recipients."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.template import resources_of_type

MAILED = {"Fn::If": ["AlarmsAreMailed", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]}
WATCHED = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "DeadLetters"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "TaskDeadLetters"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "BatchDeadLetters"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "ArrivalDeadLetters"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "MirrorDeadLetters"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "TaskQueue"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "MirrorQueue"),
    ("AWS/Lambda", "IteratorAge", "FunctionName", "OnObjectsChange"),
    ("AWS/Lambda", "IteratorAge", "FunctionName", "OnCatalogChange"),
    ("AWS/Lambda", "Throttles", "FunctionName", "APIHandler"),
    ("AWS/ApiGateway", "5XXError", "ApiName", "AWS::StackName"),
    ("AWS/ApiGateway", "Latency", "ApiName", "AWS::StackName"),
    ("AWS/DynamoDB", "ReadThrottleEvents", "TableName", "CatalogTable"),
    ("AWS/DynamoDB", "WriteThrottleEvents", "TableName", "CatalogTable"),
    ("AWS/DynamoDB", "ReadThrottleEvents", "TableName", "ObjectsTable"),
    ("AWS/DynamoDB", "WriteThrottleEvents", "TableName", "ObjectsTable"),
}


@pytest.fixture
def alarms(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [alarm["Properties"] for alarm in resources_of_type(template, "AWS::CloudWatch::Alarm").values()]


def watched(alarm: dict[str, Any]) -> tuple[str, str, str, str]:
    dimension = alarm["Dimensions"][0]
    value = dimension["Value"]
    named = value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0]
    return alarm["Namespace"], alarm["MetricName"], dimension["Name"], named


def test_failures_that_no_client_notices_have_alarms(alarms: list[dict[str, Any]]) -> None:
    assert {watched(alarm) for alarm in alarms} == WATCHED


def test_a_stage_without_traffic_raises_no_alarm(alarms: list[dict[str, Any]]) -> None:
    assert {alarm["TreatMissingData"] for alarm in alarms} == {"notBreaching"}


def test_one_dead_letter_raises_an_alarm(alarms: list[dict[str, Any]]) -> None:
    for alarm in alarms:
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible":
            assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
            assert alarm["Statistic"] == "Maximum"


def test_a_few_slow_requests_raise_no_alarm(alarms: list[dict[str, Any]]) -> None:
    (slow,) = [alarm for alarm in alarms if alarm["MetricName"] == "Latency"]
    assert (slow["ExtendedStatistic"], slow["EvaluateLowSampleCountPercentile"]) == ("p90", "ignore")
    assert (slow["Threshold"], slow["EvaluationPeriods"], slow["Period"]) == (5000, 3, 300)
    assert "Statistic" not in slow


def test_the_alarms_of_requests_watch_the_api_of_this_stack(
    template: dict[str, Any], alarms: list[dict[str, Any]]
) -> None:
    api = template["Resources"]["RestAPI"]["Properties"]
    for alarm in (each for each in alarms if each["Namespace"] == "AWS/ApiGateway"):
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert dimensions == {"ApiName": api["Name"], "Stage": api["StageName"]}
    assert api["DefinitionBody"]["info"]["title"] == api["Name"]


def test_alarms_are_mailed_if_an_address_is_set(template: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    for alarm in alarms:
        assert alarm["AlarmDescription"]
        assert alarm["AlarmActions"] == alarm["OKActions"] == MAILED
    topic = template["Resources"]["AlarmTopic"]
    assert topic["Condition"] == "AlarmsAreMailed"
    assert topic["Properties"]["Subscription"] == [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]
    assert template["Conditions"]["AlarmsAreMailed"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]}
