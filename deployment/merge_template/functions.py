"""The settings, event sources, log groups and queues of the functions that Chalice declares."""

from __future__ import annotations

import json
from typing import Any

from deployment.merge_template.cloudformation import Json, get_att, ref, resource

LOG_GROUPS = (
    "ApiLogGroup",
    "StreamsLogGroup",
    "TasksLogGroup",
    "BatchesLogGroup",
    "UploadsLogGroup",
    "MirrorsLogGroup",
)

ENVIRONMENT = {
    "BUCKETS_ENGINE": "aws",
    "BUCKETS_CATALOG_TABLE": ref("CatalogTable"),
    "BUCKETS_OBJECTS_TABLE": ref("ObjectsTable"),
    "BUCKETS_BLOB_BUCKET": ref("BlobBucket"),
    "BUCKETS_PUBLIC_URL": ref("PublicUrl"),
    "BUCKETS_LOG_LEVEL": ref("LogLevel"),
    "BUCKETS_METRICS_SERVICE": {"Fn::If": ["MetricsAreOn", ref("AWS::StackName"), ""]},
    "BUCKETS_TASK_QUEUE_URL": ref("TaskQueue"),
    "BUCKETS_BATCH_QUEUE_URL": ref("BatchQueue"),
    "BUCKETS_MIRROR_QUEUE_URL": ref("MirrorQueue"),
    "BUCKETS_EVENT_BUS_NAME": ref("EventBusName"),
    "BUCKETS_SECRETS_KEY": ref("SecretsKeyArn"),
    "BUCKETS_PROCESSOR": ref("Processor"),
    "BUCKETS_PROCESSOR_TIMEOUT_SECONDS": ref("ProcessorTimeoutSeconds"),
    "BUCKETS_DEAD_LETTER_QUEUE_URL": ref("DeadLetters"),
    "BUCKETS_SINGLE_STREAM_SHARD": "false",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}

FOURTEEN_DAYS = 1_209_600  # the longest time for which SQS keeps a message
TASK_VISIBILITY_SECONDS = 360  # longer than the lease of a task, which is longer than the time limit of its function
# Six times the time limit of the function, as AWS advises. While all executions that the account permits are in use,
# Lambda keeps a message that it has received, and tries to start the function again until this timeout.
BATCH_VISIBILITY_SECONDS = 1800
# Longer than the time limit of the function, so that two executions do not check the same file. Not longer, because a
# client waits for its object, and after a failure the message is delivered again only after this timeout.
ARRIVAL_VISIBILITY_SECONDS = 960
# Longer than the time limit of the function, so that two executions do not copy the same file. A failed attempt makes
# its message visible again earlier.
MIRROR_VISIBILITY_SECONDS = 960
MAX_RECEIVES = 10

STREAM_WINDOW_SECONDS = 30  # only with a window does an event contain the id of the shard
STREAM_MAX_RETRIES = 200
STREAM_MAX_AGE_SECONDS = 43_200  # DynamoDB keeps the records of a stream for 24 hours

# The catalog function receives only these changes: of buckets and their statistics; of the progress of batches; of
# deliveries, the state of source adapters and their closed windows; of batches, whose rows have a number of objects;
# and of tasks that must be started. An event source has at most five filters.
PREFIXES = ("BKT#", "RUN#", "DLV#", "CLOSED#")
ROW_IN_BUCKET = {"Keys": {"sk": {"S": [*({"prefix": prefix} for prefix in PREFIXES), "#STATE"]}}}
BATCH_ROW = {"Keys": {"sk": {"S": [{"prefix": "BATCH#"}]}}}
TASK_ROW = {"Keys": {"sk": {"S": [{"prefix": "TASK#"}]}}}
WITH_OBJECT_COUNT = {"object_count": {"N": [{"exists": True}]}}
CATALOG_CHANGES: tuple[Json, ...] = (
    {"dynamodb": ROW_IN_BUCKET},
    {"dynamodb": {**BATCH_ROW, "NewImage": WITH_OBJECT_COUNT}},
    {"dynamodb": {**BATCH_ROW, "OldImage": WITH_OBJECT_COUNT}},
    {"eventName": ["INSERT"], "dynamodb": TASK_ROW},
    {"eventName": ["MODIFY"], "dynamodb": {**TASK_ROW, "NewImage": {"status": {"S": ["PENDING"]}}}},
)


def functions() -> Json:
    """Additional properties of the functions, by logical id. Chalice chooses the names of functions and events."""
    objects, catalog = _stream_events("ObjectsTable"), _stream_events("CatalogTable", CATALOG_CHANGES)
    # Each concurrent execution runs one task, processes one object, or checks or copies one file at a time.
    tasks = _queue_events("TaskQueue", "TaskConcurrency")
    batches = _queue_events("BatchQueue", "BatchConcurrency")
    arrivals = _queue_events("ArrivalQueue", "UploadConcurrency")
    mirrors = _queue_events("MirrorQueue", "MirrorConcurrency")
    return {
        "APIHandler": _api_function(),
        "OnObjectsChange": _function("WorkerMemory", "StreamsLogGroup", OnObjectsChangeDynamodbEventSource=objects),
        "OnCatalogChange": _function("WorkerMemory", "StreamsLogGroup", OnCatalogChangeDynamodbEventSource=catalog),
        "OnTask": _function("WorkerMemory", "TasksLogGroup", OnTaskSqsEventSource=tasks),
        "OnBatchMessage": _function("WorkerMemory", "BatchesLogGroup", OnBatchMessageSqsEventSource=batches),
        "OnBlobArrival": _function("WorkerMemory", "UploadsLogGroup", OnBlobArrivalSqsEventSource=arrivals),
        "OnMirrorMessage": _function("WorkerMemory", "MirrorsLogGroup", OnMirrorMessageSqsEventSource=mirrors),
    }


def log_groups() -> Json:
    """The log groups of the functions."""
    return {name: resource("AWS::Logs::LogGroup", {"RetentionInDays": ref("LogRetention")}) for name in LOG_GROUPS}


def queues() -> Json:
    """The queues of tasks, batches, uploaded files and files by URL, and those of messages that cannot be processed."""
    return {
        "DeadLetters": _queue(),
        "TaskDeadLetters": _queue(),
        "TaskQueue": _work_queue(TASK_VISIBILITY_SECONDS, "TaskDeadLetters"),
        "BatchDeadLetters": _queue(),
        "BatchQueue": _work_queue(BATCH_VISIBILITY_SECONDS, "BatchDeadLetters"),
        "ArrivalDeadLetters": _queue(),
        "ArrivalQueue": _work_queue(ARRIVAL_VISIBILITY_SECONDS, "ArrivalDeadLetters"),
        "MirrorDeadLetters": _queue(),
        "MirrorQueue": _work_queue(MIRROR_VISIBILITY_SECONDS, "MirrorDeadLetters"),
    }


def _api_function() -> Json:
    made = _function("ApiMemory", "ApiLogGroup")
    reserved = {"Fn::If": ["ApiConcurrencyIsReserved", ref("ApiConcurrency"), ref("AWS::NoValue")]}
    made["Properties"]["ReservedConcurrentExecutions"] = reserved
    return made


def _function(memory: str, log_group: str, **events: Json) -> Json:
    properties: Json = {
        "MemorySize": ref(memory),
        "LoggingConfig": {"LogGroup": ref(log_group)},
        "Tracing": ref("Tracing"),
        "Environment": {"Variables": ENVIRONMENT},
    }
    if events:
        properties["Events"] = {name: {"Properties": source} for name, source in events.items()}
    return {"Properties": properties}


def _queue(**properties: Any) -> Json:
    common = {"MessageRetentionPeriod": FOURTEEN_DAYS, "SqsManagedSseEnabled": True}
    return resource("AWS::SQS::Queue", {**common, **properties})


def _work_queue(visibility_seconds: int, dead_letters: str) -> Json:
    redrive = {"deadLetterTargetArn": get_att(dead_letters, "Arn"), "maxReceiveCount": MAX_RECEIVES}
    return _queue(VisibilityTimeout=visibility_seconds, RedrivePolicy=redrive)


def _queue_events(queue: str, concurrency: str) -> Json:
    """The event source of a queue, with the parameter that limits the concurrent executions of its function."""
    return {
        "Queue": get_att(queue, "Arn"),
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": ref(concurrency)},
    }


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
