"""The dashboard of the stack, which exists only if the parameter `Dashboard` is `on`.

The format is that of
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from chalicelib.core.metrics import DIMENSION, NAMESPACE
from deployment.merge_template.cloudformation import Json, resource
from deployment.merge_template.queries import BATCH_MESSAGES, DELIVERIES, Query

FIVE_MINUTES = 300
# The grid of a dashboard has 24 columns.
COLUMNS, GRAPH_WIDTH, TABLE_WIDTH, HEIGHT = 24, 8, 12, 6


@dataclass(frozen=True)
class Line:
    """A statistic of a metric over time. `of` is the name and the value of its dimension."""

    namespace: str
    metric: str
    of: tuple[str, str]
    statistic: str
    label: str


@dataclass(frozen=True)
class Graph:
    """A widget with the lines of metrics."""

    title: str
    lines: tuple[Line, ...]


def _of_requests(metric: str, statistic: str, label: str) -> Line:
    return Line(NAMESPACE, metric, (DIMENSION, "${AWS::StackName}"), statistic, label)


def _of_function(function: str, metric: str, statistic: str, label: str) -> Line:
    return Line("AWS/Lambda", metric, ("FunctionName", f"${{{function}}}"), statistic, label)


def _of_queue(queue: str, metric: str, label: str) -> Line:
    return Line("AWS/SQS", metric, ("QueueName", f"${{{queue}.QueueName}}"), "Maximum", label)


GRAPHS = (
    Graph("Requests", (_of_requests("Requests", "Sum", "Requests"),)),
    Graph("Faults: responses with status 500 or more", (_of_requests("Faults", "Sum", "Faults"),)),
    Graph(
        "Latency in milliseconds",
        (_of_requests("Latency", "p50", "Median"), _of_requests("Latency", "p99", "99th percentile")),
    ),
    Graph("DynamoDB capacity units of requests", (_of_requests("CapacityUnits", "Sum", "Capacity units"),)),
    Graph("Cold starts of the API function", (_of_requests("ColdStart", "Sum", "Cold starts"),)),
    Graph(
        "Age of the oldest stream record in milliseconds",
        (
            _of_function("OnObjectsChange", "IteratorAge", "Maximum", "Objects table"),
            _of_function("OnCatalogChange", "IteratorAge", "Maximum", "Catalog table"),
        ),
    ),
    Graph(
        "Age of the oldest message in seconds",
        (
            _of_queue("TaskQueue", "ApproximateAgeOfOldestMessage", "Tasks"),
            _of_queue("BatchQueue", "ApproximateAgeOfOldestMessage", "Batches"),
            _of_queue("ArrivalQueue", "ApproximateAgeOfOldestMessage", "Uploads"),
            _of_queue("MirrorQueue", "ApproximateAgeOfOldestMessage", "Files by URL"),
        ),
    ),
    Graph(
        "Dead letters",
        (
            _of_queue("DeadLetters", "ApproximateNumberOfMessagesVisible", "Stream records"),
            _of_queue("TaskDeadLetters", "ApproximateNumberOfMessagesVisible", "Tasks"),
            _of_queue("BatchDeadLetters", "ApproximateNumberOfMessagesVisible", "Batches"),
            _of_queue("ArrivalDeadLetters", "ApproximateNumberOfMessagesVisible", "Uploads"),
            _of_queue("MirrorDeadLetters", "ApproximateNumberOfMessagesVisible", "Files by URL"),
        ),
    ),
    Graph(
        "Throttled invocations and errors of functions",
        (
            _of_function("APIHandler", "Throttles", "Sum", "API, throttled"),
            _of_function("OnTask", "Errors", "Sum", "Tasks, errors"),
            _of_function("OnBatchMessage", "Errors", "Sum", "Batches, errors"),
            _of_function("OnBlobArrival", "Errors", "Sum", "Uploads, errors"),
            _of_function("OnMirrorMessage", "Errors", "Sum", "Files by URL, errors"),
        ),
    ),
)
TABLES = (DELIVERIES, BATCH_MESSAGES)


def dashboard() -> Json:
    """The dashboard, by logical id."""
    graphs = _placed([_graph(graph) for graph in GRAPHS], top=0, width=GRAPH_WIDTH)
    bottom = max(widget["y"] for widget in graphs) + HEIGHT
    widgets = [*graphs, *_placed([_table(query) for query in TABLES], top=bottom, width=TABLE_WIDTH)]
    body = {"Fn::Sub": json.dumps({"widgets": widgets})}
    made = resource("AWS::CloudWatch::Dashboard", {"DashboardBody": body})
    return {"StackDashboard": {**made, "Condition": "DashboardIsOn"}}


def _placed(widgets: list[Json], *, top: int, width: int) -> list[Json]:
    """Places widgets of equal size in rows, from this row of the grid downwards."""
    in_row = COLUMNS // width
    return [
        {**widget, "x": width * (i % in_row), "y": top + HEIGHT * (i // in_row), "width": width, "height": HEIGHT}
        for i, widget in enumerate(widgets)
    ]


def _graph(graph: Graph) -> Json:
    metrics = [
        [line.namespace, line.metric, *line.of, {"stat": line.statistic, "label": line.label}] for line in graph.lines
    ]
    shown = {"view": "timeSeries", "period": FIVE_MINUTES, "region": "${AWS::Region}"}
    return {"type": "metric", "properties": {"title": graph.title, "metrics": metrics, **shown}}


def _table(query: Query) -> Json:
    text = f"SOURCE '${{{query.log_group}}}' | {query.text}"
    shown = {"view": "table", "region": "${AWS::Region}"}
    return {"type": "log", "properties": {"title": query.title, "query": text, **shown}}
