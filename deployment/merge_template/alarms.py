"""The alarms of the stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deployment.merge_template.cloudformation import Json, get_att, ref, resource

FIVE_MINUTES = 300
AN_HOUR = 3600
TEN_MINUTES_IN_MILLISECONDS = 600_000
FIVE_SECONDS_IN_MILLISECONDS = 5_000

# Alarms without an address are shown in CloudWatch only.
ACTIONS = {"Fn::If": ["AlarmsAreMailed", [ref("AlarmTopic")], ref("AWS::NoValue")]}


@dataclass(frozen=True)
class Alarm:
    """A metric of CloudWatch and the value that it must not exceed, in each of this number of successive periods."""

    name: str
    description: str
    metric: tuple[str, str]  # its namespace and its name
    dimensions: dict[str, Any]
    statistic: str = "Maximum"
    comparison: str = "GreaterThanThreshold"
    threshold: int = 0
    periods: int = 1


def _throttling(table: str, action: str, stored: str) -> Alarm:
    # An alarm for the sum of reads and writes would cost as much as two.
    return Alarm(
        f"{stored}{action}sThrottledAlarm",
        f"DynamoDB throttled {action.lower()}s of the {stored.lower()} table",
        ("AWS/DynamoDB", f"{action}ThrottleEvents"),
        {"TableName": ref(table)},
        statistic="Sum",
    )


ALARMS = (
    Alarm(
        "DeadLettersAlarm",
        "Stream records could not be read: statistics of their buckets may be wrong",
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        {"QueueName": get_att("DeadLetters", "QueueName")},
    ),
    Alarm(
        "TaskDeadLettersAlarm",
        "A background task failed permanently",
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        {"QueueName": get_att("TaskDeadLetters", "QueueName")},
    ),
    Alarm(
        "BatchDeadLettersAlarm",
        "Messages of a batch failed permanently",
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        {"QueueName": get_att("BatchDeadLetters", "QueueName")},
    ),
    Alarm(
        "ArrivalDeadLettersAlarm",
        "Uploaded files could not be checked: they did not become objects",
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        {"QueueName": get_att("ArrivalDeadLetters", "QueueName")},
    ),
    Alarm(
        "MirrorDeadLettersAlarm",
        "Messages about files by URL failed permanently: read the log of OnMirrorMessage, then admin mirrors resend",
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        {"QueueName": get_att("MirrorDeadLetters", "QueueName")},
    ),
    Alarm(
        "MirrorsWaitAlarm",
        "Files by URL have been waiting for more than an hour",
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        {"QueueName": get_att("MirrorQueue", "QueueName")},
        threshold=AN_HOUR,
    ),
    Alarm(
        "TasksWaitAlarm",
        "Background tasks have been waiting for more than an hour",
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        {"QueueName": get_att("TaskQueue", "QueueName")},
        threshold=AN_HOUR,
    ),
    Alarm(
        "ObjectsBehindAlarm",
        "Statistics of buckets are more than ten minutes behind",
        ("AWS/Lambda", "IteratorAge"),
        {"FunctionName": ref("OnObjectsChange")},
        threshold=TEN_MINUTES_IN_MILLISECONDS,
    ),
    Alarm(
        "CatalogBehindAlarm",
        "Statistics of namespaces, progress of batches, or the start of tasks are more than ten minutes behind",
        ("AWS/Lambda", "IteratorAge"),
        {"FunctionName": ref("OnCatalogChange")},
        threshold=TEN_MINUTES_IN_MILLISECONDS,
    ),
    Alarm(
        "ApiFaultsAlarm",
        "Requests failed with status 500 to 504",
        ("AWS/ApiGateway", "5XXError"),
        {"ApiName": ref("AWS::StackName"), "Stage": "api"},
        statistic="Sum",
        comparison="GreaterThanOrEqualToThreshold",
        threshold=5,
    ),
    Alarm(
        "ApiThrottledAlarm",
        "Lambda throttled requests: the concurrency limit of the account is reached",
        ("AWS/Lambda", "Throttles"),
        {"FunctionName": ref("APIHandler")},
        statistic="Sum",
    ),
    Alarm(
        "ApiSlowAlarm",
        "A tenth of the requests took longer than five seconds, for fifteen minutes",
        ("AWS/ApiGateway", "Latency"),
        {"ApiName": ref("AWS::StackName"), "Stage": "api"},
        statistic="p90",
        threshold=FIVE_SECONDS_IN_MILLISECONDS,
        periods=3,
    ),
    _throttling("CatalogTable", "Read", "Catalog"),
    _throttling("CatalogTable", "Write", "Catalog"),
    _throttling("ObjectsTable", "Read", "Objects"),
    _throttling("ObjectsTable", "Write", "Objects"),
)


def alarms() -> Json:
    """The alarms, by logical id."""
    return {alarm.name: resource("AWS::CloudWatch::Alarm", _properties(alarm)) for alarm in ALARMS}


def _properties(alarm: Alarm) -> Json:
    namespace, metric = alarm.metric
    return {
        "AlarmDescription": alarm.description,
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in alarm.dimensions.items()],
        **_statistic(alarm.statistic),
        "Period": FIVE_MINUTES,
        "EvaluationPeriods": alarm.periods,
        "Threshold": alarm.threshold,
        "ComparisonOperator": alarm.comparison,
        "TreatMissingData": "notBreaching",
        "AlarmActions": ACTIONS,
        "OKActions": ACTIONS,
    }


def _statistic(name: str) -> Json:
    """A statistic or a percentile. An alarm ignores a percentile of fewer values than it needs."""
    if not name.startswith("p"):
        return {"Statistic": name}
    return {"ExtendedStatistic": name, "EvaluateLowSampleCountPercentile": "ignore"}
