"""Asking what the service stands on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chalicelib.core.deadline import time_limit
from chalicelib.core.errors import Unavailable

DEPENDENCIES = ("cache", "metadata", "vector_store", "object_storage", "task_queue", "inference")
# Parts of the upstream service that this deployment does not have; they are reported as answering.
NOT_DEPLOYED = ("cache", "vector_store", "inference")
# Parts that it has and that the function for requests asks nothing of but for writes; they are reported the same.
NOT_CHECKED = ("object_storage", "task_queue")

CHECK_TIME_LIMIT_SECONDS = 0.5
# An attempt that begins in time has the rest of the budget for its answer.
PROBE_TIME_LIMIT_SECONDS = CHECK_TIME_LIMIT_SECONDS / 2

Probe = Callable[[], object]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one dependency answered: an error in words or None, and how long it took."""

    error: str | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Checks:
    """One question per dependency, by its name in the report; a question that fails raises.

    `deep_probes` has a second one for those of which more can be asked.
    """

    probes: Mapping[str, Probe]
    deep_probes: Mapping[str, Probe] = field(default_factory=dict)
    now: Callable[[], float] = time.perf_counter

    def run(self, *, deep: bool = False) -> dict[str, CheckResult]:
        """Asks all of them, one after the other; none gets more than its budget."""
        more = self.deep_probes if deep else {}
        return {name: self._ask(probe, more.get(name, lambda: None)) for name, probe in self.probes.items()}

    def _ask(self, *probes: Probe) -> CheckResult:
        started = self.now()
        try:
            with time_limit(PROBE_TIME_LIMIT_SECONDS):
                for probe in probes:
                    probe()
        except Exception as error:  # whatever is wrong with a dependency is this report's subject
            return CheckResult(_name(error), self._since(started))
        return CheckResult(None, self._since(started))

    def _since(self, started: float) -> float:
        return round((self.now() - started) * 1000, 2)


def _name(error: Exception) -> str:
    """The name of the error in the report. Clients know storage that cannot serve a request as `Busy`."""
    return "Busy" if isinstance(error, Unavailable) else type(error).__name__
