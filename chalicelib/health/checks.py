"""Asking what the service stands on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

DEPENDENCIES = ("cache", "metadata", "vector_store", "object_storage", "task_queue", "inference")
# Parts of the upstream service that this deployment does not have; they are reported as answering.
NOT_DEPLOYED = ("cache", "vector_store", "object_storage", "task_queue", "inference")


@dataclass(frozen=True, slots=True)
class Found:
    """What one dependency answered: an error in words or None, and how long it took."""

    error: str | None
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Checks:
    """One question per dependency, by its name in the report; a question that fails raises."""

    questions: Mapping[str, Callable[[], object]]
    now: Callable[[], float] = time.perf_counter

    def run(self) -> dict[str, Found]:
        """Asks all of them, one after the other."""
        return {name: self._ask(question) for name, question in self.questions.items()}

    def _ask(self, question: Callable[[], object]) -> Found:
        started = self.now()
        try:
            question()
        except Exception as error:  # whatever is wrong with a dependency is this report's subject
            return Found(type(error).__name__, self._since(started))
        return Found(None, self._since(started))

    def _since(self, started: float) -> float:
        return round((self.now() - started) * 1000, 2)
