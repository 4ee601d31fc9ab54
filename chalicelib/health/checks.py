"""Checks whether the dependencies of the service respond."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import field

from chalicelib.core.deadline import time_limit
from chalicelib.core.errors import Unavailable
from chalicelib.core.record import record

DEPENDENCIES = ("cache", "metadata", "vector_store", "object_storage", "task_queue", "inference")
# Dependencies of Mixpeek that this service does not have. They are reported as healthy.
NOT_DEPLOYED = ("cache", "vector_store", "inference")
# Dependencies that are not checked, because they only take part in some writes. They are reported as healthy.
NOT_CHECKED = ("object_storage", "task_queue")

CHECK_TIME_LIMIT_SECONDS = 0.5
# A call starts within this time; the rest of the time limit is for its response.
PROBE_TIME_LIMIT_SECONDS = CHECK_TIME_LIMIT_SECONDS / 2

Probe = Callable[[], object]


@record
class CheckResult:
    """The result of one check: the name of the error, or None, and how long the check took."""

    error: str | None
    milliseconds: float


@record
class Checks:
    """The probes of the dependencies, by the name of the dependency in the report. A probe raises if it fails.

    `deep_probes` has a second probe for a dependency that a deep check examines further.
    """

    probes: Mapping[str, Probe]
    deep_probes: Mapping[str, Probe] = field(default_factory=dict)
    now: Callable[[], float] = time.perf_counter

    def run(self, *, deep: bool = False) -> dict[str, CheckResult]:
        """Runs all probes, one after another, each with its own time limit. `deep` adds the deep probes."""
        second = self.deep_probes if deep else {}
        return {name: self._check(probe, second.get(name, lambda: None)) for name, probe in self.probes.items()}

    def _check(self, *probes: Probe) -> CheckResult:
        started = self.now()
        try:
            with time_limit(PROBE_TIME_LIMIT_SECONDS):
                for probe in probes:
                    probe()
        except Exception as error:  # the report contains any error of a dependency
            return CheckResult(_name(error), self._since(started))
        return CheckResult(None, self._since(started))

    def _since(self, started: float) -> float:
        return round((self.now() - started) * 1000, 2)


def _name(error: Exception) -> str:
    """Returns the name of the error in the report. `Busy` means that AWS did not serve a call."""
    return "Busy" if isinstance(error, Unavailable) else type(error).__name__
