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
# Reports whether a write whose response was lost was applied, judging from the current row, or from None if there is no
# row. Returns None if the row does not prove it. `Table` itself recognizes the row of a write that nobody has changed.
Evidence = Callable[[Item | None], bool | None]


def unavailable(_: Item | None) -> ApiError:
    """The default ErrorFactory. A concurrent write made the condition fail, so the client should retry."""
    return Unavailable()


def applied_as_revision(old: int, is_same: Callable[[Item], bool] = lambda row: True) -> Evidence:
    """Returns the evidence about a write of the revision `old + 1` of a row, on condition of the revision `old`.

    Each write of the row must increment `revision` by one. `is_same` reports whether the row belongs to the same
    resource, if a row with the same key can be created again after a deletion.
    """

    def was_applied(row: Item | None) -> bool | None:
        # If the next revision is that of another writer, it is not that of this write. Later ones prove nothing.
        return False if row is not None and is_same(row) and row["revision"] <= old + 1 else None

    return was_applied


def no_evidence(_: Item | None) -> bool | None:
    """The Evidence of a write that no row can prove. Such a write is never repeated after a lost response."""
    return None


class Put(NamedTuple):
    """Writes an entire row and replaces an existing one, if the condition holds.

    A write is repeated if its response is lost. A write with `was_applied` is only repeated if the current row proves
    that it was not applied. It needs `was_applied` if its condition can hold again after it was applied, because
    another writer can, for example, delete the row that this write has created.
    """

    item: Mapping[str, Any]
    condition: Condition | None = None
    on_condition_failed: ErrorFactory = unavailable
    was_applied: Evidence | None = None


class Update(NamedTuple):
    """Changes some attributes of a row. Without `exists` in the condition it creates a missing row.

    As a single write without `was_applied` (see Put), it may be applied more than once if several writers update the
    row and a response is lost. An `add` to such a row belongs in a transaction, which DynamoDB applies exactly once.
    """

    key: Key
    update: UpdateExpression
    condition: Condition
    on_condition_failed: ErrorFactory = unavailable
    was_applied: Evidence | None = None


class Delete(NamedTuple):
    """Deletes a row. Deleting a row that does not exist succeeds unless the condition requires the row.

    `was_applied` is as in Put.
    """

    key: Key
    condition: Condition | None = None
    on_condition_failed: ErrorFactory = unavailable
    was_applied: Evidence | None = None


class ConditionCheck(NamedTuple):
    """Checks a condition on a row without changing the row. Only for transactions."""

    key: Key
    condition: Condition
    on_condition_failed: ErrorFactory = unavailable

    @property
    def was_applied(self) -> Evidence:
        """The row was not written, so it proves nothing."""
        return no_evidence


Write = Put | Update | Delete
Step = Put | Update | Delete | ConditionCheck
