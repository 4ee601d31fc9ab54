"""The saved queries show what happened, evaluated over the lines that the functions wrote."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from chalicelib.tasks.execution import MAX_TASK_ATTEMPTS
from deployment.merge_template.queries import QUERIES, Query
from tests.deploy.scenario import BUCKET, Scenario
from tests.support.insights import QueryInvalid, Row, fields_in, parse_query
from tests.support.template import resources_of_type

WEBHOOK = "/v1/webhooks/{adapter_type}/{bucket_id}"


def result(scenario: Scenario, name: str) -> list[Row]:
    """Returns the rows that a query shows."""
    (query,) = [query for query in QUERIES if query.name == name]
    return parse_query(query.text).run(scenario.stage.lines[query.log_group])


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_names_only_fields_that_the_lines_of_its_log_group_have(scenario: Scenario, query: Query) -> None:
    named = parse_query(query.text).fields
    assert len(named) > 1
    assert set(named) - fields_in(scenario.stage.lines[query.log_group]) == set()


def test_the_slowest_routes_are_shown_with_the_number_of_their_requests(scenario: Scenario) -> None:
    rows = result(scenario, "SlowestRoutesQuery")
    sent = Counter((each.method, each.route) for each in scenario.stage.sent)
    assert {(row["method"], row["route"]): row["requests"] for row in rows} == sent
    assert [row["p99_ms"] for row in rows] == sorted((row["p99_ms"] for row in rows), reverse=True)
    assert all(0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"] for row in rows)


def test_faults_are_shown_with_their_error_codes_and_exceptions(scenario: Scenario) -> None:
    rows = result(scenario, "FaultsQuery")
    assert {(row["method"], row["route"]) for row in rows} == {("GET", BUCKET)}
    names = ("status", "error_type", "error_code", "exception.type", "exception.message")
    assert Counter(tuple(row[name] for name in names) for row in rows) == {
        (500, "InternalServerError", "", "RuntimeError", "broken"): 2,
        (503, "ServiceUnavailableError", "unsettled", None, None): 1,
    }
    assert [row["time"] for row in rows] == sorted((row["time"] for row in rows), reverse=True)
    assert all(row["request_id"] for row in rows)


def test_callers_are_shown_with_the_capacity_that_their_requests_used(scenario: Scenario) -> None:
    rows = result(scenario, "CallersQuery")
    ids = {key.name: key.key_id for key in scenario.world.services.access.list_keys(scenario.world.organization_id)}
    authenticated = [each for each in scenario.stage.sent if each.key and each.status != 405]
    first = [each for each in authenticated if each.key == scenario.world.key]
    reader = [each for each in authenticated if each.key != scenario.world.key]
    assert len(reader) == 4
    shown = {row["key_id"]: (row["capacity"], row["calls"], row["requests"]) for row in rows if row["key_id"]}
    assert shown == {
        ids["first"]: (sum(each.units for each in first), sum(each.calls for each in first), len(first)),
        ids["test"]: (sum(each.units for each in reader), sum(each.calls for each in reader), len(reader)),
    }
    assert shown[ids["first"]][0] > shown[ids["test"]][0] > 0
    assert [row["capacity"] for row in rows] == sorted((row["capacity"] for row in rows), reverse=True)


def test_deliveries_of_webhooks_are_counted_by_status(scenario: Scenario) -> None:
    rows = result(scenario, "DeliveriesQuery")
    sent = Counter(each.status for each in scenario.stage.sent if each.route == WEBHOOK)
    assert {row["status"]: row["deliveries"] for row in rows} == sent == {200: 3, 401: 2}
    assert all(row["p99_ms"] > 0 for row in rows)


def test_refused_signatures_are_shown_with_their_bucket(scenario: Scenario) -> None:
    expected = {"bucket": scenario.bucket, "error_code": "signature_refused", "refused": 2}
    assert result(scenario, "RefusedSignaturesQuery") == [expected]


def test_stream_failures_are_shown(scenario: Scenario) -> None:
    rows = {row["message"]: row for row in result(scenario, "StreamFailuresQuery")}
    assert set(rows) == {"A stream record cannot be read", "A change could not be applied", "stream"}
    change, stream = rows["A change could not be applied"], rows["stream"]
    assert (change["exception.type"], change["exception.message"]) == ("RuntimeError", "broken")
    assert change["sequence"]
    assert stream["failed"] == 1
    assert stream["source"] == scenario.world.pump.objects.reader.arn


def test_messages_of_batches_are_counted_by_their_outcome(scenario: Scenario) -> None:
    rows = result(scenario, "BatchMessagesQuery")
    handled = [each for each in scenario.stage.handled if each.function == "OnBatchMessage"]
    shown: Counter[str] = Counter()
    for row in rows:
        shown[row["kind"]] += row["messages"]
    assert shown == Counter(each.content["kind"] for each in handled)
    assert shown["chunk"] > 1
    assert shown["finish"] > 0
    (failed,) = [row for row in rows if row["message"] == "The work on a batch failed"]
    assert (failed["kind"], failed["ended"], failed["messages"]) == ("chunk", None, 1)
    (finished,) = [row for row in rows if row["ended"] == "finished"]
    assert finished["calls"] > 0
    assert finished["write_capacity"] > 0


def test_failed_tasks_are_shown_with_every_failed_slice(scenario: Scenario) -> None:
    rows = result(scenario, "FailedTasksQuery")
    assert {row["task_id"] for row in rows} == {scenario.failed_task}
    slices = [row for row in rows if row["message"] == "A slice of a task failed"]
    assert sorted(row["attempts"] for row in slices) == list(range(1, MAX_TASK_ATTEMPTS + 1))
    assert {(row["exception.type"], row["exception.message"]) for row in slices} == {("RuntimeError", "broken")}
    deliveries = [each for each in scenario.stage.handled if each.content.get("task_id") == scenario.failed_task]
    ended = [row for row in rows if row["message"] == "task"]
    # The task is failed from the delivery with its last attempt on.
    assert len(ended) == len(deliveries) - (MAX_TASK_ATTEMPTS - 1)
    assert {row["ended"] for row in ended} == {"failed"}


def test_every_stage_has_the_queries_in_a_folder_of_its_own(template: dict[str, Any]) -> None:
    declared = resources_of_type(template, "AWS::Logs::QueryDefinition")
    assert set(declared) == {query.name for query in QUERIES}
    for query in QUERIES:
        made = declared[query.name]
        assert "Condition" not in made
        assert made["Properties"] == {
            "Name": {"Fn::Sub": f"${{AWS::StackName}}/{query.title}"},
            "LogGroupNames": [{"Ref": query.log_group}],
            "QueryString": query.text,
        }
        assert template["Resources"][query.log_group]["Type"] == "AWS::Logs::LogGroup"
        assert len(query.text) <= 10_000
    assert len({query.title for query in QUERIES}) == len(QUERIES)


LINES = [
    json.dumps({"message": "a", "status": 200, "ms": 3, "units": 1, "error": {"type": "X"}}),
    json.dumps({"message": "a", "status": 500, "ms": 1, "units": 2.5}),
    json.dumps({"message": "b", "status": "500", "ms": 2, "list": [{"name": "n"}]}),
    "REPORT RequestId: 1",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("filter status >= 500", [{"message": "a", "status": 500, "ms": 1, "units": 2.5}]),
        ('filter message = "a" and (ms < 2 or error.type = "X") | fields ms', [{"ms": 3}, {"ms": 1}]),
        ('filter message != "a" | fields list.0.name, units', [{"list.0.name": "n", "units": None}]),
        ("filter ms > 0 | fields ms | sort ms desc | limit 2", [{"ms": 3}, {"ms": 2}]),
        ("filter ms > 0 | fields units | sort units asc", [{"units": 1}, {"units": 2.5}, {"units": None}]),
        (
            "filter ms > 0 | stats count(*) as n, sum(ms + units) as total, max(ms) as most by message",
            [{"message": "a", "n": 2, "total": 7.5, "most": 3}, {"message": "b", "n": 1, "total": 0, "most": 2}],
        ),
        ("filter ms > 0 | stats pct(ms, 50) as p50, pct(ms, 99) as p99", [{"p50": 2, "p99": 3}]),
        ("filter nothing > 0 | stats pct(ms, 50) as p50 by message", []),
    ],
)
def test_the_evaluation_of_queries(text: str, expected: list[Row]) -> None:
    assert parse_query(text).run(LINES) == expected


@pytest.mark.parametrize(
    "text",
    [
        "select *",
        "filter",
        "filter a ~ 1",
        "filter a",
        "stats avg(a) as b",
        "stats count(*)",
        "stats count(*) as n by a | sort b",
        "fields a | sort b desc",
        "fields a b",
        "limit 5 |",
    ],
)
def test_what_is_not_in_the_supported_language_is_an_error(text: str) -> None:
    with pytest.raises(QueryInvalid):
        parse_query(text)
