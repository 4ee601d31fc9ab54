"""The interface between the worker of batches and the different kinds of hook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from chalicelib.objects.stored_object import StoredObject

Category = Literal["dependency", "network", "validation", "authentication", "runtime", "resource"]
ErrorType = Literal["transient", "permanent", "resource"]

# Whether a retry may help: yes for `transient`, no for `permanent`, and only with more memory or time for `resource`.
ERROR_TYPES: Mapping[Category, ErrorType] = {
    "dependency": "transient",
    "network": "transient",
    "validation": "permanent",
    "authentication": "permanent",
    "runtime": "permanent",
    "resource": "resource",
}


def error_type(category: Category) -> ErrorType:
    """Returns the error type of a category."""
    return ERROR_TYPES[category]


class ProcessingFailed(Exception):
    """The hook did not process the item. `text` is one line without secrets, which clients may read."""

    def __init__(self, category: Category, text: str) -> None:
        super().__init__(text)
        self.category = category
        self.text = text


class HookDied(Exception):
    """The process of the hook ended while it processed the item. `text` says how; it is one line for clients."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class BatchContext:
    """The batch for which an object is processed. `attempt` counts the attempts of the item, from 1."""

    namespace_id: str
    bucket_id: str
    batch_id: str
    metadata: Mapping[str, Any]
    attempt: int = 1


class Processor(Protocol):
    """Processes one object after another. Several threads may call it; then one waits for the other."""

    @property
    def max_seconds(self) -> float:
        """The maximum time of one call of `process`, in seconds."""

    def process(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        """Returns the fields to merge into the object; empty for none. Raises ProcessingFailed, HookDied."""

    def close(self) -> None:
        """Ends the process of the hook, if there is one. A later call of `process` starts it again."""
