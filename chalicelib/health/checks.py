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
NOT_ASKED = ("object_storage", "task_queue")

BUDGET_SECONDS = 0.5
# An attempt that begins in time has the rest of the budget for its answer.
TRYING_SECONDS = BUDGET_SECONDS / 2

Question = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Found:
    """What one dependency answered: an error in words or None, and how long it took."""

    error: str | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Checks:
    """One question per dependency, by its name in the report; a question that fails raises.

    `deeper` has a second one for those of which more can be asked.
    """

    questions: Mapping[str, Question]
    deeper: Mapping[str, Question] = field(default_factory=dict)
    now: Callable[[], float] = time.perf_counter

    def run(self, *, deep: bool = False) -> dict[str, Found]:
        """Asks all of them, one after the other; none gets more than its budget."""
        more = self.deeper if deep else {}
        return {name: self._ask(question, more.get(name, lambda: None)) for name, question in self.questions.items()}

    def _ask(self, *questions: Question) -> Found:
        started = self.now()
        try:
            with time_limit(TRYING_SECONDS):
                for question in questions:
                    question()
        except Exception as error:  # whatever is wrong with a dependency is this report's subject
            return Found(_name(error), self._since(started))
        return Found(None, self._since(started))

    def _since(self, started: float) -> float:
        return round((self.now() - started) * 1000, 2)


def _name(error: Exception) -> str:
    """The name of the error in the report. Clients know storage that cannot serve a request as `Busy`."""
    return "Busy" if isinstance(error, Unavailable) else type(error).__name__
