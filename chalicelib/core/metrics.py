"""Metrics of requests, in CloudWatch's embedded metric format (EMF).

The metrics are members of the log line of a request, from which CloudWatch reads them. So they need no call to AWS and
no permission. The specification of the format is
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

NAMESPACE = "BucketsApi"
# The only dimension. CloudWatch bills each combination of values as a metric of its own.
DIMENSION = "service"
# Only a time has a unit, which makes each line shorter.
METRICS: tuple[dict[str, str], ...] = (
    {"Name": "Requests"},
    {"Name": "Faults"},
    {"Name": "Latency", "Unit": "Milliseconds"},
    {"Name": "CapacityUnits"},
    {"Name": "ColdStart"},
)
# Lists, because the redaction of a line converts all other sequences to texts.
_DIRECTIVES = [{"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": list(METRICS)}]


@dataclass(slots=True)
class Process:
    """The value of the dimension, and whether this process has not handled a request yet."""

    service: str = ""
    is_cold: bool = True


_process = Process()


def configure(service: str) -> None:
    """Sets the value of the dimension `service`, for example the name of the stack. An empty text omits the metrics."""
    _process.service = service


def request_metrics(status: int, duration_ms: float, capacity_units: float) -> dict[str, Any]:
    """Returns the members that add the metrics of a request to its log line. They are empty without a service.

    `ColdStart` is 1 for the first call in a process that has a service, and 0 for the others.
    """
    if not _process.service:
        return {}
    is_cold, _process.is_cold = _process.is_cold, False
    return {
        DIMENSION: _process.service,
        "Requests": 1,
        "Faults": int(status >= 500),
        "Latency": duration_ms,
        "CapacityUnits": capacity_units,
        "ColdStart": int(is_cold),
        # The last member: CloudWatch Logs Insights reads only the first 200 fields of a line.
        "_aws": {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": _DIRECTIVES},
    }
