"""The dashboard shows what happened, evaluated over the lines that the functions wrote; metrics, and tracing."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import pytest

from chalicelib.core.metrics import NAMESPACE
from deployment.merge_template.dashboard import TABLES
from tests.deploy.scenario import Scenario
from tests.support.emf import Datum, read_metrics
from tests.support.insights import parse_query
from tests.support.stage_log import SERVICE
from tests.support.template import resources_of_type

Widget = dict[str, Any]
# The metrics of AWS on the dashboard, with their dimension and the type of the resource that it names.
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
AWS_METRICS = {
    ("AWS/Lambda", "IteratorAge"): ("FunctionName", "AWS::Serverless::Function"),
    ("AWS/Lambda", "Errors"): ("FunctionName", "AWS::Serverless::Function"),
    ("AWS/Lambda", "Throttles"): ("FunctionName", "AWS::Serverless::Function"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ("QueueName", "AWS::SQS::Queue"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ("QueueName", "AWS::SQS::Queue"),
}


@pytest.fixture
def widgets(template: dict[str, Any]) -> list[Widget]:
    """The widgets as CloudWatch gets them in the stack SERVICE, with references to other resources left as they are."""
    body = template["Resources"]["StackDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = body.replace("${AWS::StackName}", SERVICE).replace("${AWS::Region}", "eu-central-1")
    found: list[Widget] = json.loads(shown)["widgets"]
    return found


def metrics_of(widgets: list[Widget]) -> list[list[Any]]:
    return [metric for widget in widgets if widget["type"] == "metric" for metric in widget["properties"]["metrics"]]


def statistic(data: list[Datum], metric: list[Any]) -> float:
    """Returns the value of a line of a graph for the whole time of the scenario."""
    namespace, name, dimension, value, shown = metric
    wanted = (namespace, name, ((dimension, value),))
    values = sorted(datum.value for datum in data if (datum.namespace, datum.metric, datum.dimensions) == wanted)
    assert values, f"{wanted} is not in the log"
    if shown["stat"] == "Sum":
        return sum(values)
    percent = float(re.fullmatch(r"p(\d+)", shown["stat"]).group(1))  # type: ignore[union-attr]
    return values[math.ceil(len(values) * percent / 100) - 1]


def test_the_graphs_of_requests_show_the_requests_of_the_scenario(scenario: Scenario, widgets: list[Widget]) -> None:
    data = read_metrics(line for lines in scenario.stage.lines.values() for line in lines)
    graphs = [metric for metric in metrics_of(widgets) if metric[0] == NAMESPACE]
    shown = {(metric[1], metric[4]["stat"]): statistic(data, metric) for metric in graphs}
    sent = scenario.stage.sent
    median, high = shown.pop(("Latency", "p50")), shown.pop(("Latency", "p99"))
    assert shown == {
        ("Requests", "Sum"): len(sent),
        ("Faults", "Sum"): 3,
        ("CapacityUnits", "Sum"): sum(each.units for each in sent),
        ("ColdStart", "Sum"): 1,
    }
    assert shown["CapacityUnits", "Sum"] > 0
    assert 0 < median <= high
    assert Counter(each.status >= 500 for each in sent)[True] == 3


def test_every_metric_of_requests_is_on_the_dashboard(scenario: Scenario, widgets: list[Widget]) -> None:
    data = read_metrics(scenario.stage.lines["ApiLogGroup"])
    assert {datum.metric for datum in data} == {metric[1] for metric in metrics_of(widgets) if metric[0] == NAMESPACE}


def test_only_requests_have_metrics(scenario: Scenario) -> None:
    others = [name for name in scenario.stage.lines if name != "ApiLogGroup"]
    assert len(others) == 3
    assert [datum for name in others for datum in read_metrics(scenario.stage.lines[name])] == []


def test_the_graphs_of_functions_and_queues_name_resources_of_the_stack(
    template: dict[str, Any], widgets: list[Widget]
) -> None:
    others = [metric for metric in metrics_of(widgets) if metric[0] != NAMESPACE]
    for namespace, name, dimension, value, shown in others:
        expected_dimension, type_ = AWS_METRICS[namespace, name]
        assert dimension == expected_dimension
        logical_id = re.fullmatch(r"\${(\w+)(\.QueueName)?}", value)
        assert logical_id, value
        assert (logical_id[2] is not None) == (type_ == "AWS::SQS::Queue")
        assert template["Resources"][logical_id[1]]["Type"] == type_
        assert shown["stat"] in ("Sum", "Maximum")
    assert {(namespace, name) for namespace, name, *_ in others} == set(AWS_METRICS)


def test_the_graphs_show_the_age_of_every_stream_and_queue_and_all_dead_letters(
    template: dict[str, Any], widgets: list[Widget]
) -> None:
    functions = resources_of_type(template, "AWS::Serverless::Function")
    events = {name: made["Properties"].get("Events", {}).values() for name, made in functions.items()}
    readers = {name for name, found in events.items() if any(event["Type"] == "DynamoDB" for event in found)}
    queues = resources_of_type(template, "AWS::SQS::Queue")
    work = {name for name, queue in queues.items() if "RedrivePolicy" in queue["Properties"]}

    def shown(metric: str) -> set[str]:
        return {re.sub(r"\W|QueueName", "", value) for _, name, _, value, _ in metrics_of(widgets) if name == metric}

    assert shown("IteratorAge") == readers
    assert shown("ApproximateAgeOfOldestMessage") == work
    assert shown("ApproximateNumberOfMessagesVisible") == set(queues) - work


def test_the_tables_run_saved_queries_over_their_log_groups(scenario: Scenario, widgets: list[Widget]) -> None:
    tables = [widget["properties"] for widget in widgets if widget["type"] == "log"]
    texts = {query.title: query for query in TABLES}
    assert {table["title"] for table in tables} == set(texts)
    for table in tables:
        query = texts[table["title"]]
        source, pipe, text = table["query"].partition(" | ")
        assert (source, pipe, text) == (f"SOURCE '${{{query.log_group}}}'", " | ", query.text)
        assert parse_query(text).run(scenario.stage.lines[query.log_group])


def test_widgets_fill_the_grid_without_overlapping(widgets: list[Widget]) -> None:
    cells = Counter(
        (column, row)
        for widget in widgets
        for column in range(widget["x"], widget["x"] + widget["width"])
        for row in range(widget["y"], widget["y"] + widget["height"])
    )
    assert set(cells.values()) == {1}
    assert {column for column, _ in cells} == set(range(24))
    assert {widget["properties"]["region"] for widget in widgets} == {"eu-central-1"}


def test_a_stage_has_a_dashboard_only_if_its_parameter_is_on(template: dict[str, Any]) -> None:
    assert template["Parameters"]["Dashboard"]["Default"] == "off"
    assert template["Conditions"]["DashboardIsOn"] == {"Fn::Equals": [{"Ref": "Dashboard"}, "on"]}
    ((_, made),) = resources_of_type(template, "AWS::CloudWatch::Dashboard").items()
    assert made["Condition"] == "DashboardIsOn"


def test_the_dimension_of_the_metrics_is_the_name_of_the_stack_unless_metrics_are_off(template: dict[str, Any]) -> None:
    assert template["Parameters"]["Metrics"]["Default"] == "on"
    assert template["Conditions"]["MetricsAreOn"] == {"Fn::Equals": [{"Ref": "Metrics"}, "on"]}
    variables = template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert variables["BUCKETS_METRICS_SERVICE"] == {"Fn::If": ["MetricsAreOn", {"Ref": "AWS::StackName"}, ""]}


def test_lambda_passes_the_lines_on_as_they_are(template: dict[str, Any]) -> None:
    # With the format JSON, Lambda adds members to lines of the standard logger. The default is Text.
    for function in resources_of_type(template, "AWS::Serverless::Function").values():
        assert function["Properties"]["LoggingConfig"].get("LogFormat", "Text") == "Text"


def test_functions_are_traced_only_if_the_parameter_is_active(template: dict[str, Any]) -> None:
    assert template["Parameters"]["Tracing"]["Default"] == "PassThrough"
    assert template["Conditions"]["TracingIsActive"] == {"Fn::Equals": [{"Ref": "Tracing"}, "Active"]}
    for function in resources_of_type(template, "AWS::Serverless::Function").values():
        assert function["Properties"]["Tracing"] == {"Ref": "Tracing"}
