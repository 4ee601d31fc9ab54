"""Writes of a row, each with an optional condition and the error to raise if the condition fails.

Single writes and transactions use the same classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.aws.dynamodb.attribute_values import Item
from chalicelib.aws.dynamodb.expressions import Condition, UpdateExpression
from chalicelib.core.errors import ApiError, Unavailable

Key = Mapping[str, str]
# Creates the error for a failed condition, from the existing row or from None if there is no row. It is a function
# because an exception that several requests share would collect the traceback of each of them.
ErrorFactory = Callable[[Item | None], ApiError]


def unavailable(_: Item | None) -> ApiError:
    """The default ErrorFactory. A concurrent write made the condition fail, so the client should retry."""
    return Unavailable()


class Put(NamedTuple):
    """Writes an entire row and replaces an existing one, if the condition holds."""

    item: Mapping[str, Any]
    condition: Condition | None = None
    on_condition_failed: ErrorFactory = unavailable


class Update(NamedTuple):
    """Changes some attributes of a row. Without `exists` in the condition it creates a missing row.

    As a single write it may be applied more than once if several writers update the row and a response is lost. An
    `add` to such a row belongs in a transaction, which DynamoDB applies exactly once.
    """

    key: Key
    update: UpdateExpression
    condition: Condition
    on_condition_failed: ErrorFactory = unavailable


class Delete(NamedTuple):
    """Deletes a row. Deleting a row that does not exist succeeds unless the condition requires the row."""

    key: Key
    condition: Condition | None = None
    on_condition_failed: ErrorFactory = unavailable


class ConditionCheck(NamedTuple):
    """Checks a condition on a row without changing the row. Only for transactions."""

    key: Key
    condition: Condition
    on_condition_failed: ErrorFactory = unavailable


Write = Put | Update | Delete
Step = Put | Update | Delete | ConditionCheck
