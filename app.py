"""The entry point of Chalice. It declares the API and the functions for the streams and the queues.

The import only declares them. The first request or event builds the services.
"""

from __future__ import annotations

import os
from typing import Any

from chalice.app import DynamoDBEvent, SQSEvent

from chalicelib.api import create_app
from chalicelib.wiring import services

if os.environ.get("AWS_CHALICE_CLI_MODE"):
    from chalicelib.local.server.chalice_commands import refuse_deployment

    refuse_deployment()

app = create_app(services)

# Chalice requires literal ARNs. The merge template of the stack replaces them with references.
STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/named-by-the-template/stream/2026-01-01T00:00:00.000"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:named-by-the-template"


@app.on_dynamodb_record(stream_arn=STREAM, batch_size=1000, starting_position="TRIM_HORIZON")
def on_objects_change(event: DynamoDBEvent) -> dict[str, Any]:
    """Updates the statistics of buckets when objects change."""
    return services().feed.objects_changed(event.to_dict())


@app.on_dynamodb_record(stream_arn=STREAM, batch_size=1000, starting_position="TRIM_HORIZON")
def on_catalog_change(event: DynamoDBEvent) -> dict[str, Any]:
    """Updates the statistics of namespaces when those of buckets change, and sends the messages of new tasks."""
    return services().feed.catalog_changed(event.to_dict())


@app.on_sqs_message(queue_arn=QUEUE, batch_size=1)
def on_task(event: SQSEvent) -> dict[str, Any]:
    """Runs a background task until it is finished or the time of the invocation ends."""
    context: Any = event.context
    return services().runner.handle(event.to_dict(), context)


@app.on_sqs_message(queue_arn=QUEUE, batch_size=1)
def on_batch_message(event: SQSEvent) -> dict[str, Any]:
    """Processes objects of a batch until a chunk is finished or the time of the invocation ends."""
    context: Any = event.context
    return services().batch_messages.handle(event.to_dict(), context)


@app.on_sqs_message(queue_arn=QUEUE, batch_size=1)
def on_blob_arrival(event: SQSEvent) -> dict[str, Any]:
    """Makes an object of a file that a client has stored with the URL of an upload."""
    context: Any = event.context
    return services().upload_arrivals.handle(event.to_dict(), context)


@app.on_sqs_message(queue_arn=QUEUE, batch_size=1)
def on_mirror_message(event: SQSEvent) -> dict[str, Any]:
    """Copies the file at a URL to the own storage."""
    context: Any = event.context
    return services().mirror_messages.handle(event.to_dict(), context)


if os.environ.get("BUCKETS_ENGINE") == "embedded":
    from chalicelib.local.events.wiring import Handlers
    from chalicelib.local.server.serve import prepare

    handlers = Handlers(
        on_objects_change, on_catalog_change, on_task, on_batch_message, on_blob_arrival, on_mirror_message
    )
    prepare(services, handlers)
elif os.environ.get("AWS_CHALICE_CLI_MODE"):
    from chalicelib.local.server.aws_credentials import require_credentials

    require_credentials()
