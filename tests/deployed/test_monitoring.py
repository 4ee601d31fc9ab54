"""The metrics, the dashboard and the tracing of a deployed stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.deployed.emulator import eventually
from tests.deployed.stage import StageOnEmulator
from tests.support.emf import read_metrics

NewStage = Callable[[str], StageOnEmulator]
REQUESTS = 3


def deployed(stage: StageOnEmulator, *parameters: str) -> str:
    """Deploys the stage, and returns the key of its first deployment."""
    result = stage.deploy(*parameters)
    assert result.exit_code == 0, result.progress
    return result.exports.get("MIXPEEK_API_KEY", "")


def logged(stage: StageOnEmulator) -> list[str]:
    """Returns the lines in all log groups of the stage, with those of Lambda itself."""
    logs = stage.emulator.client("logs")
    names = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    own = [name for name in names if stage.stack in name]
    events = [event for name in own for event in logs.filter_log_events(logGroupName=name)["events"]]
    return [event["message"].rstrip("\n") for event in events]


def logged_requests(stage: StageOnEmulator, route: str = "/v1/buckets") -> int:
    """Returns the number of requests to this route in the log."""
    return sum(f'"route":"{route}"' in line for line in logged(stage))


def dashboards(stage: StageOnEmulator) -> list[Any]:
    """Returns the bodies of the stage's dashboards."""
    cloudwatch = stage.emulator.client("cloudwatch")
    names = [each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]]
    bodies = [cloudwatch.get_dashboard(DashboardName=name) for name in names if stage.stack in name]
    return [json.loads(body["DashboardBody"]) for body in bodies]


def functions(stage: StageOnEmulator) -> list[dict[str, Any]]:
    found = stage.emulator.client("lambda").list_functions()["Functions"]
    return [function for function in found if stage.stack in function["FunctionName"]]


def test_a_stage_has_metrics_a_dashboard_and_traces_as_its_parameters_say(new_stage: NewStage) -> None:
    stage = new_stage("watched")
    key = deployed(stage, "Dashboard=on", "Tracing=Active")
    for _ in range(REQUESTS):
        assert stage.call("GET", "/v1/buckets", key).status == 200
    eventually(lambda: logged_requests(stage) == REQUESTS)
    data = read_metrics(logged(stage))
    assert sum(datum.value for datum in data if datum.metric == "Requests") == REQUESTS
    assert {datum.dimensions for datum in data} == {(("service", stage.stack),)}
    assert sum(datum.value for datum in data if datum.metric == "ColdStart") >= 1

    (dashboard,) = dashboards(stage)
    graphs = [metric for widget in dashboard["widgets"] for metric in widget["properties"].get("metrics", ())]
    assert {(metric[1], metric[3]) for metric in graphs} >= {(datum.metric, stage.stack) for datum in data}
    names = {function["FunctionName"] for function in functions(stage)}
    assert {metric[3] for metric in graphs if metric[2] == "FunctionName"} <= names
    assert {function["TracingConfig"]["Mode"] for function in functions(stage)} == {"Active"}

    deployed(stage, "Dashboard=off", "Tracing=PassThrough", "Metrics=off")
    assert dashboards(stage) == []
    assert {function["TracingConfig"]["Mode"] for function in functions(stage)} == {"PassThrough"}
    assert stage.call("GET", "/v1/buckets", key).status == 200
    eventually(lambda: logged_requests(stage) == REQUESTS + 1)
    assert read_metrics(logged(stage)) == data
