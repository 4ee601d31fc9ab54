"""The saved queries of CloudWatch Logs Insights. docs/reference/logs.md lists the fields of the log."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.deliveries.routes import WEBHOOK
from deployment.merge_template.cloudformation import Json, ref, resource


@dataclass(frozen=True)
class Query:
    """A query of the lines of one log group. `name` is its logical id, and `title` what the console shows."""

    name: str
    title: str
    log_group: str
    text: str


DELIVERIES = Query(
    "DeliveriesQuery",
    "Webhook deliveries",
    "ApiLogGroup",
    f"""filter message = "request" and method = "POST" and route = "{WEBHOOK}"
| stats count(*) as deliveries, pct(duration_ms, 99) as p99_ms by status
| sort deliveries desc""",
)
BATCH_MESSAGES = Query(
    "BatchMessagesQuery",
    "Batch messages",
    "BatchesLogGroup",
    """filter message = "batch" or message = "The work on a batch failed"
| stats count(*) as messages, sum(round_trips) as calls, sum(write_units) as write_capacity by message, kind, ended
| sort messages desc""",
)
QUERIES = (
    Query(
        "SlowestRoutesQuery",
        "Slowest routes",
        "ApiLogGroup",
        """filter message = "request"
| stats count(*) as requests, pct(duration_ms, 50) as p50_ms, pct(duration_ms, 99) as p99_ms, max(duration_ms) as max_ms
    by method, route
| sort p99_ms desc
| limit 20""",
    ),
    Query(
        "FaultsQuery",
        "Faults",
        "ApiLogGroup",
        """filter message = "request" and status >= 500
| fields time, method, route, status, error_type, error_code, exception.type, exception.message, request_id
| sort time desc
| limit 100""",
    ),
    Query(
        "CallersQuery",
        "Most expensive callers",
        "ApiLogGroup",
        """filter message = "request"
| stats sum(read_units + write_units) as capacity, sum(round_trips) as calls, count(*) as requests
    by organization, key_id
| sort capacity desc
| limit 20""",
    ),
    DELIVERIES,
    Query(
        "RefusedSignaturesQuery",
        "Refused signatures of webhooks",
        "ApiLogGroup",
        f"""filter message = "request" and route = "{WEBHOOK}" and status = 401
| stats count(*) as refused by bucket, error_code
| sort refused desc
| limit 50""",
    ),
    Query(
        "StreamFailuresQuery",
        "Stream failures",
        "StreamsLogGroup",
        """filter level = "ERROR" or failed > 0
| fields time, message, source, records, failed, sequence, exception.type, exception.message
| sort time desc
| limit 100""",
    ),
    BATCH_MESSAGES,
    Query(
        "FailedTasksQuery",
        "Failed tasks",
        "TasksLogGroup",
        """filter level = "ERROR" or ended = "failed"
| fields time, message, organization, task_id, attempts, ended, exception.type, exception.message
| sort time desc
| limit 100""",
    ),
)


def queries() -> Json:
    """The queries, by logical id. The console shows them in a folder with the name of the stack."""
    return {query.name: resource("AWS::Logs::QueryDefinition", _properties(query)) for query in QUERIES}


def _properties(query: Query) -> Json:
    return {
        "Name": {"Fn::Sub": f"${{AWS::StackName}}/{query.title}"},
        "LogGroupNames": [ref(query.log_group)],
        "QueryString": query.text,
    }
