"""The front door. Importing it declares the API, the streams' functions and the queue's, and does nothing else.

Work begins with the first request or event.
"""

from __future__ import annotations

import os
from typing import Any

from chalice.app import DynamoDBEvent, SQSEvent

from chalicelib.api import create_app
from chalicelib.wiring import services

app = create_app(services)

# Chalice wants a literal where the stack has a reference, so the merge template says which stream it is, and
# whatever else Chalice has no word for.
STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/named-by-the-template/stream/2026-01-01T00:00:00.000"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:named-by-the-template"


@app.on_dynamodb_record(stream_arn=STREAM, batch_size=1000, starting_position="TRIM_HORIZON")
def on_objects_change(event: DynamoDBEvent) -> dict[str, Any]:
    """Objects were written: their buckets' statistics follow."""
    return services().feed.objects_changed(event.to_dict())


@app.on_dynamodb_record(stream_arn=STREAM, batch_size=1000, starting_position="TRIM_HORIZON")
def on_catalog_change(event: DynamoDBEvent) -> dict[str, Any]:
    """Buckets' statistics were written: those of their namespaces follow. Tasks were started: so do their messages."""
    return services().feed.catalog_changed(event.to_dict())


@app.on_sqs_message(queue_arn=QUEUE, batch_size=1)
def on_task(event: SQSEvent) -> dict[str, Any]:
    """A task waits: it is worked on, for as long as there is time."""
    context: Any = event.context
    return services().runner.handle(event.to_dict(), context)


if os.environ.get("BUCKETS_ENGINE") == "embedded":
    from chalicelib.local.events.wiring import Handlers
    from chalicelib.local.server.serve import prepare

    prepare(services, Handlers(on_objects_change, on_catalog_change, on_task))
