"""Steps as DynamoDB takes them, and its failed conditions as the refusals they stand for.

Every row written carries `write_id`, a token of the call that wrote it. An attempt may be applied and its
answer be lost; the next attempt then finds its condition broken, but by a row with our own token, which
means that the write was made. The token is never part of a row handed out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.attribute_values import AttributeValue, Item, decode, encode
from chalicelib.aws.dynamodb.expressions import Condition, Renderer, UpdateExpression, all_of, differs
from chalicelib.aws.dynamodb.writes import Delete, Put, Step, Update
from chalicelib.aws.retry import cancellation_reasons
from chalicelib.core.errors import ApiError

WRITE_ID = "write_id"
_FAILED = "ConditionalCheckFailed"


def new_token() -> str:
    """What one call stamps its rows with."""
    return os.urandom(12).hex()


def action_and_parameters(table: str, step: Step, token: str) -> tuple[str, dict[str, Any]]:
    """The step's name among the actions of a transaction, and its parameters."""
    renderer = Renderer()
    params: dict[str, Any] = {"TableName": table}
    condition = step.condition
    if isinstance(step, Put):
        name = "Put"
        params["Item"] = {**encode(step.item), WRITE_ID: {"S": token}}
    elif isinstance(step, Update):
        name = "Update"
        params["Key"] = encode(step.key)
        params["UpdateExpression"] = renderer.update(_stamped(step.update, token))
        # An attempt that was given up may still arrive, so it must not find a row it has already changed.
        condition = all_of(step.condition, differs(WRITE_ID, token))
    else:
        name = "Delete" if isinstance(step, Delete) else "ConditionCheck"
        params["Key"] = encode(step.key)
    if condition is not None:
        _require(condition, renderer, params)
    return name, params | renderer.aliases()


def decode_if_present(wire: Mapping[str, AttributeValue] | None) -> Item | None:
    """The row as callers see it, without the stamp."""
    return decode_without_write_id(wire) if wire else None


def decode_without_write_id(wire: Mapping[str, AttributeValue]) -> Item:
    """A row that is there as callers see it, without the stamp."""
    item = decode(wire)
    item.pop(WRITE_ID, None)
    return item


def has_write_id(wire: Mapping[str, AttributeValue] | None, token: str) -> bool:
    """Whether this row was written by an earlier attempt of the call with this token."""
    return wire is not None and wire.get(WRITE_ID) == {"S": token}


def cancellation_error(steps: Iterable[Step], error: ClientError, token: str) -> ApiError | None:
    """The refusal of the first step whose condition is broken, or None if the transaction had been applied.

    Raises the error itself if no condition explains it: a fault of ours, not a no.
    """
    failed = [
        (step, reason.get("Item"))
        for step, reason in zip(steps, cancellation_reasons(error), strict=False)
        if reason.get("Code") == _FAILED
    ]
    if not failed:
        raise error
    if any(has_write_id(wire, token) for _, wire in failed):
        return None
    step, wire = failed[0]
    return step.on_condition_failed(decode_if_present(wire))


def _stamped(update: UpdateExpression, token: str) -> UpdateExpression:
    return UpdateExpression({**update.set, WRITE_ID: token}, update.add, update.remove)


def _require(condition: Condition, renderer: Renderer, params: dict[str, Any]) -> None:
    params["ConditionExpression"] = renderer.condition(condition)
    params["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
