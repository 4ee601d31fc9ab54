"""Follows the events of a CloudFormation stack."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

Say = Callable[[str], None]
PAUSE_SECONDS = 2.0
# Part of the reason of a resource that was cancelled because another resource failed.
CANCELLED = "cancelled"
# The state before the first event.
REQUESTED = "REQUESTED_IN_PROGRESS"


@dataclass(slots=True)
class Progress:
    """The events of one stack since an operation on it started. Each is printed once, in order.

    `state` is the status of the stack in its last event. The status in the description of the stack is not used: it can
    still be that of the previous operation. `first_failure` describes the first resource that failed.
    """

    client: CloudFormationClient
    stack_id: str
    say: Say
    latest: str = ""
    state: str = REQUESTED
    first_failure: str = ""

    def skip(self) -> None:
        """Ignores all events until now."""
        self.latest = next((event["EventId"] for event in self._events()), "")

    def follow(self) -> str:
        """Prints new events, and returns the state."""
        new = list(takewhile(lambda event: event["EventId"] != self.latest, self._events()))
        for event in reversed(new):
            self.latest = event["EventId"]
            self._report(event)
        return self.state

    def _report(self, event: StackEventTypeDef) -> None:
        name, status = event.get("LogicalResourceId", ""), str(event.get("ResourceStatus", ""))
        reason = event.get("ResourceStatusReason", "")
        failed = "FAILED" in status
        self.say(f"{status:<30} {name}" + (f": {reason}" if reason and failed else ""))
        if name == event["StackName"]:
            self.state = status
        elif failed and CANCELLED not in reason and not self.first_failure:
            self.first_failure = f"{name}: {reason or status}"

    def _events(self) -> Iterator[StackEventTypeDef]:
        for page in self.client.get_paginator("describe_stack_events").paginate(StackName=self.stack_id):
            yield from page["StackEvents"]


def wait_for_end(
    state: Callable[[], str], is_running: Callable[[str], bool], pause: Callable[[float], None] = time.sleep
) -> str:
    """Calls `state` repeatedly, and returns the first result for which `is_running` is false."""
    while is_running(current := state()):
        pause(PAUSE_SECONDS)
    return current
