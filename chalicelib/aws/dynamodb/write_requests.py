"""Builds the parameters of write requests, and converts failed conditions to errors.

Every written row has an attribute `write_id`, a token of the call that wrote it. If DynamoDB applies an attempt but the
response is lost, the condition of the next attempt may fail. If the row then has the token of the same call, the write
has succeeded. Callers never see the token.
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
    """Returns a new random token for the `write_id` of one call."""
    return os.urandom(12).hex()


def action_and_parameters(table: str, step: Step, token: str) -> tuple[str, dict[str, Any]]:
    """Returns the name of a step's action in a transaction, such as `Put`, and the parameters of the action."""
    renderer = Renderer()
    params: dict[str, Any] = {"TableName": table}
    condition = step.condition
    if isinstance(step, Put):
        name = "Put"
        params["Item"] = {**encode(step.item), WRITE_ID: {"S": token}}
    elif isinstance(step, Update):
        name = "Update"
        params["Key"] = encode(step.key)
        params["UpdateExpression"] = renderer.update(_with_write_id(step.update, token))
        # An attempt that timed out may still arrive later. It must not change a row that this call has already changed.
        condition = all_of(step.condition, differs(WRITE_ID, token))
    else:
        name = "Delete" if isinstance(step, Delete) else "ConditionCheck"
        params["Key"] = encode(step.key)
    if condition is not None:
        _add_condition(condition, renderer, params)
    return name, params | renderer.placeholders()


def decode_if_present(encoded: Mapping[str, AttributeValue] | None) -> Item | None:
    """Returns the row without its `write_id`, or None if there is no row."""
    return decode_without_write_id(encoded) if encoded else None


def decode_without_write_id(encoded: Mapping[str, AttributeValue]) -> Item:
    """Returns the row without its `write_id`."""
    item = decode(encoded)
    item.pop(WRITE_ID, None)
    return item


def has_write_id(encoded: Mapping[str, AttributeValue] | None, token: str) -> bool:
    """Returns whether the call with this token wrote the row."""
    return encoded is not None and encoded.get(WRITE_ID) == {"S": token}


def cancellation_error(steps: Iterable[Step], error: ClientError, token: str) -> ApiError | None:
    """Returns the error of the first step whose condition failed, or None if an earlier attempt was applied.

    Raises `error` itself if the cancellation has another reason than a failed condition.
    """
    failed = [
        (step, reason.get("Item"))
        for step, reason in zip(steps, cancellation_reasons(error), strict=False)
        if reason.get("Code") == _FAILED
    ]
    if not failed:
        raise error
    if any(has_write_id(existing, token) for _, existing in failed):
        return None
    step, existing = failed[0]
    return step.on_condition_failed(decode_if_present(existing))


def _with_write_id(update: UpdateExpression, token: str) -> UpdateExpression:
    return UpdateExpression({**update.set, WRITE_ID: token}, update.add, update.remove)


def _add_condition(condition: Condition, renderer: Renderer, params: dict[str, Any]) -> None:
    params["ConditionExpression"] = renderer.condition(condition)
    params["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
