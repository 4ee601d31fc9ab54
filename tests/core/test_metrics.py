"""The metrics in the line of a request, read as CloudWatch reads them."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.aws.usage import Usage
from chalicelib.core import metrics
from chalicelib.http.endpoint import RequestIds, log_request
from tests.support.emf import Datum, EmfInvalid, read_line, read_metrics
from tests.support.log import Log
from tests.support.stage_log import SERVICE, new_stage_log
from tests.support.world import World, bucket_body

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log of a new process with metrics."""
    with new_stage_log() as stage:
        yield stage.stream


def logged(stream: io.StringIO, status: int = 200, seconds: float = 0.0125, usage: Usage | None = None) -> list[Datum]:
    """Logs a request, and returns the metrics in its line."""
    before = len(stream.getvalue())
    log_request("GET", "/v1/buckets", RequestIds("mine", ""), status, seconds, usage or Usage())
    return read_metrics(stream.getvalue()[before:].splitlines())


def values(data: list[Datum]) -> dict[str, float]:
    return {datum.metric: datum.value for datum in data}


def test_a_line_has_the_metrics_of_its_request(stream: io.StringIO) -> None:
    started = time.time_ns() // 1_000_000
    data = logged(stream, usage=Usage(round_trips=2, read_units=1.5, write_units=3.0))
    ended = time.time_ns() // 1_000_000
    assert values(data) == {"Requests": 1, "Faults": 0, "Latency": 12.5, "CapacityUnits": 4.5, "ColdStart": 1}
    assert {(datum.namespace, datum.dimensions) for datum in data} == {("BucketsApi", (("service", SERVICE),))}
    assert {datum.metric: datum.unit for datum in data if datum.unit != "None"} == {"Latency": "Milliseconds"}
    assert all(started <= datum.timestamp <= ended for datum in data)


def test_only_the_first_request_of_a_process_is_a_cold_start(stream: io.StringIO) -> None:
    assert [values(logged(stream))["ColdStart"] for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize(("status", "faults"), [(200, 0), (404, 0), (499, 0), (500, 1), (503, 1)])
def test_a_response_with_status_500_or_more_is_a_fault(stream: io.StringIO, status: int, faults: int) -> None:
    assert values(logged(stream, status))["Faults"] == faults


def test_the_metrics_do_not_change_the_other_members(stream: io.StringIO) -> None:
    logged(stream)
    metrics.configure("")
    logged(stream)
    with_metrics, without = (json.loads(line) for line in stream.getvalue().splitlines())
    added = {name for name in with_metrics if name not in without}
    assert added == {"service", "Requests", "Faults", "Latency", "CapacityUnits", "ColdStart", "_aws"}
    assert list(with_metrics)[: len(without)] == list(without)
    assert with_metrics["Latency"] == with_metrics["duration_ms"]


def test_a_line_with_a_redacted_secret_or_an_exception_still_has_its_metrics(stream: io.StringIO) -> None:
    ids = RequestIds("sk_of-a-careless-client", "")
    log_request("GET", "/v1/buckets", ids, 500, 0.001, Usage(), error=RuntimeError("broken"))
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["request_id"] == "sk_…"
    assert json.loads(line)["exception"]["type"] == "RuntimeError"
    assert values(list(read_line(line))) == {
        "Requests": 1,
        "Faults": 1,
        "Latency": 1,
        "CapacityUnits": 0,
        "ColdStart": 1,
    }


def test_errors_of_the_framework_have_metrics(world: World, stream: io.StringIO) -> None:
    assert world.api().call("DELETE", "/v1/buckets").status == 405
    assert values(read_metrics(stream.getvalue().splitlines()))["Requests"] == 1


def test_without_a_service_a_line_has_no_metrics(world: World, log: Log) -> None:
    assert world.api().post("/v1/buckets", bucket_body()).status == 200
    (line,) = log.lines
    assert not {"_aws", "service", "Requests"} & set(line)


PROGRAM = """
from chalicelib.core.metrics import request_metrics
from chalicelib.wiring import services

services()
print(request_metrics(200, 1.0, 0.0).get("service"))
"""


@pytest.mark.parametrize("service", ["", SERVICE])
def test_the_setting_names_the_service(service: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "PATH"))}
    environment |= {"PYTHONPATH": str(ROOT), "BUCKETS_METRICS_SERVICE": service}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (service or "None")


def document(**changed: Any) -> dict[str, Any]:
    directive = {"Namespace": "N", "Dimensions": [["service"]], "Metrics": [{"Name": "Latency", "Unit": "Seconds"}]}
    made = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "service": "s", "Latency": 2.5}
    return {**made, **changed}


def with_directive(**changed: Any) -> dict[str, Any]:
    made = document()
    made["_aws"]["CloudWatchMetrics"][0].update(changed)
    return made


def test_the_reader_reads_a_valid_document() -> None:
    expected = Datum("N", "Latency", (("service", "s"),), "Seconds", 1, 2.5)
    assert list(read_line(json.dumps(document()))) == [expected]
    assert [datum.value for datum in read_line(json.dumps(document(Latency=[1, 2])))] == [1, 2]
    assert list(read_line("START RequestId: 1")) == list(read_line('{"message": "no metrics"}')) == []
    assert list(read_line("prefix " + json.dumps(document()))) == []


@pytest.mark.parametrize(
    "invalid",
    [
        document(_aws=[]),
        document(_aws={"CloudWatchMetrics": []}),
        document(_aws={"Timestamp": "now", "CloudWatchMetrics": []}),
        document(_aws={"Timestamp": 1.5, "CloudWatchMetrics": []}),
        document(Latency="2"),
        document(Latency=True),
        document(Latency=None),
        document(Latency=[1] * 101),
        document(service=3),
        document(service=""),
        with_directive(Namespace=""),
        with_directive(Dimensions=[]),
        with_directive(Dimensions=["service"]),
        with_directive(Dimensions=[["stage"]]),
        with_directive(Dimensions=[["service"] * 31]),
        with_directive(Metrics="Latency"),
        with_directive(Metrics=[{"Name": "Requests"}]),
        with_directive(Metrics=[{"Name": "Latency", "Unit": "ms"}]),
        with_directive(Metrics=[{"Name": "Latency", "Unit": "Seconds", "Extra": 1}]),
        with_directive(Metrics=[{"Name": "Latency"}] * 101),
        with_directive(Extra=1),
        document(padding="x" * 262_144),
    ],
    ids=lambda each: json.dumps(each)[:80],
)
def test_the_reader_rejects_what_the_specification_does_not_permit(invalid: dict[str, Any]) -> None:
    with pytest.raises(EmfInvalid):
        list(read_line(json.dumps(invalid)))
