"""What can be done to a row, each with the no that its failed condition stands for.

The same four words serve single writes and transactions, so a rule moves between them unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import Condition, UpdateExpression
from chalicelib.core.errors import ApiError, Unavailable

Key = Mapping[str, str]
# Makes the refusal from the row that was there, if any. A maker and not a refusal: an exception kept
# between requests would keep the traceback of each.
ErrorFactory = Callable[[Item | None], ApiError]


def unavailable(_: Item | None) -> ApiError:
    """What a failed condition means when nobody said otherwise: chance, so trying again helps."""
    return Unavailable()


class Put(NamedTuple):
    """Writes a whole row, over another one if the condition lets it."""

    item: Mapping[str, Any]
    condition: Condition | None = None
    on_condition_failed: ErrorFactory = unavailable


class Update(NamedTuple):
    """Changes some attributes of a row. The condition says whether the row must be there (`exists`).

    Alone it is applied at least once: `add` on a row that several write belongs in a transaction, which
    is applied exactly once.
    """

    key: Key
    update: UpdateExpression
    condition: Condition
    on_condition_failed: ErrorFactory = unavailable


class Delete(NamedTuple):
    """Makes a row absent; removing what is not there succeeds unless the condition forbids it."""

    key: Key
    condition: Condition | None = None
    on_condition_failed: ErrorFactory = unavailable


class ConditionCheck(NamedTuple):
    """Requires something of a row without touching it; part of a transaction only."""

    key: Key
    condition: Condition
    on_condition_failed: ErrorFactory = unavailable


Write = Put | Update | Delete
Step = Put | Update | Delete | ConditionCheck
