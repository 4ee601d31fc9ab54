"""What CloudFormation tells of its work on a stack, while it works."""

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
# What did not fail by itself, but because something else had.
CANCELLED = "cancelled"
# CloudFormation has been asked, and has not begun.
ASKED = "ASKED_IN_PROGRESS"


@dataclass(slots=True)
class Progress:
    """The events of one stack since it was asked for something, each said once and in order.

    `state` is what the last of them says of the stack as a whole, and not what the stack is described as: that may
    still be the end of the work before. `first_failure` is what went wrong first.
    """

    client: CloudFormationClient
    stack_id: str
    say: Say
    latest: str = ""
    state: str = ASKED
    first_failure: str = ""

    def skip(self) -> None:
        """What has happened so far is none of ours."""
        self.latest = next((event["EventId"] for event in self._events()), "")

    def follow(self) -> str:
        """Says what is new, and gives the state."""
        new = list(takewhile(lambda event: event["EventId"] != self.latest, self._events()))
        for event in reversed(new):
            self.latest = event["EventId"]
            self._tell(event)
        return self.state

    def _tell(self, event: StackEventTypeDef) -> None:
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


def until(state: Callable[[], str], working: Callable[[str], bool], pause: Callable[[float], None] = time.sleep) -> str:
    """The first state that is not one of work, looked at again and again."""
    while working(found := state()):
        pause(PAUSE_SECONDS)
    return found
