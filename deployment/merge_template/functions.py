"""The settings, event sources, log groups and queues of the functions that Chalice declares."""

from __future__ import annotations

import json
from typing import Any

from deployment.merge_template.cloudformation import Json, get_att, ref, resource

LOG_GROUPS = ("ApiLogGroup", "StreamsLogGroup", "TasksLogGroup")

ENVIRONMENT = {
    "BUCKETS_ENGINE": "aws",
    "BUCKETS_CATALOG_TABLE": ref("CatalogTable"),
    "BUCKETS_OBJECTS_TABLE": ref("ObjectsTable"),
    "BUCKETS_BLOB_BUCKET": ref("BlobBucket"),
    "BUCKETS_PUBLIC_URL": ref("PublicUrl"),
    "BUCKETS_LOG_LEVEL": ref("LogLevel"),
    "BUCKETS_TASK_QUEUE_URL": ref("TaskQueue"),
    "BUCKETS_DEAD_LETTER_QUEUE_URL": ref("DeadLetters"),
    "BUCKETS_SINGLE_STREAM_SHARD": "false",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}

FOURTEEN_DAYS = 1_209_600  # the longest time for which SQS keeps a message
TASK_VISIBILITY_SECONDS = 360  # longer than the lease of a task, which is longer than the time limit of its function
TASK_MAX_RECEIVES = 10

STREAM_WINDOW_SECONDS = 30  # only with a window does an event contain the id of the shard
STREAM_MAX_RETRIES = 200
STREAM_MAX_AGE_SECONDS = 43_200  # DynamoDB keeps the records of a stream for 24 hours

# The catalog function receives only these changes: of a bucket's statistics, and of tasks that must be started.
BUCKET_ROW = {"Keys": {"sk": {"S": [{"prefix": "BKT#"}]}}}
TASK_ROW = {"Keys": {"sk": {"S": [{"prefix": "TASK#"}]}}}
WITH_STATISTICS = {"object_count": {"N": [{"exists": True}]}}
CATALOG_CHANGES: tuple[Json, ...] = (
    {"dynamodb": {**BUCKET_ROW, "NewImage": WITH_STATISTICS}},
    {"dynamodb": {**BUCKET_ROW, "OldImage": WITH_STATISTICS}},
    {"eventName": ["INSERT"], "dynamodb": TASK_ROW},
    {"eventName": ["MODIFY"], "dynamodb": {**TASK_ROW, "NewImage": {"status": {"S": ["PENDING"]}}}},
)


def functions() -> Json:
    """Additional properties of the functions, by logical id. Chalice chooses the names of functions and events."""
    objects, catalog = _stream_events("ObjectsTable"), _stream_events("CatalogTable", CATALOG_CHANGES)
    return {
        "APIHandler": _function("ApiMemory", "ApiLogGroup"),
        "OnObjectsChange": _function("WorkerMemory", "StreamsLogGroup", OnObjectsChangeDynamodbEventSource=objects),
        "OnCatalogChange": _function("WorkerMemory", "StreamsLogGroup", OnCatalogChangeDynamodbEventSource=catalog),
        "OnTask": _function("WorkerMemory", "TasksLogGroup", OnTaskSqsEventSource=_queue_events("TaskQueue")),
    }


def log_groups() -> Json:
    """The log groups of the functions."""
    return {name: resource("AWS::Logs::LogGroup", {"RetentionInDays": ref("LogRetention")}) for name in LOG_GROUPS}


def queues() -> Json:
    """The queue of tasks, and the queues of messages that could not be processed."""
    redrive = {"deadLetterTargetArn": get_att("TaskDeadLetters", "Arn"), "maxReceiveCount": TASK_MAX_RECEIVES}
    return {
        "DeadLetters": _queue(),
        "TaskDeadLetters": _queue(),
        "TaskQueue": _queue(VisibilityTimeout=TASK_VISIBILITY_SECONDS, RedrivePolicy=redrive),
    }


def _function(memory: str, log_group: str, **events: Json) -> Json:
    properties: Json = {
        "MemorySize": ref(memory),
        "LoggingConfig": {"LogGroup": ref(log_group)},
        "Environment": {"Variables": ENVIRONMENT},
    }
    if events:
        properties["Events"] = {name: {"Properties": source} for name, source in events.items()}
    return {"Properties": properties}


def _queue(**properties: Any) -> Json:
    common = {"MessageRetentionPeriod": FOURTEEN_DAYS, "SqsManagedSseEnabled": True}
    return resource("AWS::SQS::Queue", {**common, **properties})


def _queue_events(queue: str) -> Json:
    return {"Queue": get_att(queue, "Arn"), "FunctionResponseTypes": ["ReportBatchItemFailures"]}


def _stream_events(table: str, changes: tuple[Json, ...] = ()) -> Json:
    """The event source of a table's stream. It delivers all records, or only those that match one of `changes`."""
    source = {
        "Stream": get_att(table, "StreamArn"),
        "TumblingWindowInSeconds": STREAM_WINDOW_SECONDS,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": STREAM_MAX_RETRIES,
        "MaximumRecordAgeInSeconds": STREAM_MAX_AGE_SECONDS,
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": get_att("DeadLetters", "Arn")}},
    }
    if changes:
        source["FilterCriteria"] = {"Filters": [{"Pattern": json.dumps(change)} for change in changes]}
    return source
