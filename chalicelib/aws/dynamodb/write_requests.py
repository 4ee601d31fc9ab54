"""Builds the parameters of write requests, and converts failed conditions to errors.

Every written row has an attribute `write_id`, a token of the call that wrote it. If DynamoDB applies an attempt but the
response is lost, the condition of the next attempt may fail. If the row then has the token of the same call, the write
has succeeded. If another writer has changed the row since, the write itself judges the row (`Evidence`); if the row
proves nothing, the outcome is unknown. Callers never see the token.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.aws.dynamodb.attribute_values import AttributeValue, Item, decode, encode
from chalicelib.aws.dynamodb.expressions import Condition, Renderer, UpdateExpression, absent, all_of, differs, exists
from chalicelib.aws.dynamodb.writes import Delete, Put, Step, Update, Write
from chalicelib.aws.retry import OutcomeUnknown, cancellation_reasons
from chalicelib.core.errors import ApiError

WRITE_ID = "write_id"
_FAILED = "ConditionalCheckFailed"
# The error of a write with this condition contains the current row.
_NEVER = all_of(exists(WRITE_ID), absent(WRITE_ID))


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


def parameters_of_check(table: str, step: Write, token: str) -> dict[str, Any]:
    """Returns the parameters of the same write with a condition that always fails, so that its error has the row."""
    return action_and_parameters(table, step._replace(condition=_NEVER), token)[1]


def decode_if_present(encoded: Mapping[str, AttributeValue] | None) -> Item | None:
    """Returns the row without its `write_id`, or None if there is no row."""
    return decode_without_write_id(encoded) if encoded else None


def decode_without_write_id(encoded: Mapping[str, AttributeValue]) -> Item:
    """Returns the row without its `write_id`."""
    item = decode(encoded)
    item.pop(WRITE_ID, None)
    return item


def was_applied(step: Step, existing: Mapping[str, AttributeValue] | None, token: str) -> bool | None:
    """Returns whether an attempt of a single write was applied whose response was lost, judging from the current row.

    Returns None if the row does not prove it.
    """
    if isinstance(step, Delete) and not existing:
        return True  # an attempt whose response was lost has probably deleted the row; in any case it is gone
    return _is_proven(step, existing, token)


def cancellation_error(
    steps: Iterable[Step], error: ClientError, token: str, *, maybe_applied: bool
) -> ApiError | None:
    """Returns the error of the first step whose condition failed, or None if an earlier attempt was applied.

    `maybe_applied`: whether the response to an earlier attempt was lost. Then it returns OutcomeUnknown if no row of
    the steps whose conditions failed proves whether that attempt was applied. Raises `error` itself if the
    cancellation has another reason than a failed condition.
    """
    failed = [
        (step, reason.get("Item"))
        for step, reason in zip(steps, cancellation_reasons(error), strict=False)
        if reason.get("Code") == _FAILED
    ]
    if not failed:
        raise error
    if maybe_applied:
        proofs = {_is_proven(step, existing, token) for step, existing in failed}
        if True in proofs:
            return None
        if False not in proofs:
            return OutcomeUnknown()
    step, existing = failed[0]
    return step.on_condition_failed(decode_if_present(existing))


def _is_proven(step: Step, existing: Mapping[str, AttributeValue] | None, token: str) -> bool | None:
    if existing and existing.get(WRITE_ID) == {"S": token}:
        return True
    return step.was_applied(decode_if_present(existing)) if step.was_applied else None


def _with_write_id(update: UpdateExpression, token: str) -> UpdateExpression:
    return UpdateExpression({**update.set, WRITE_ID: token}, update.add, update.remove)


def _add_condition(condition: Condition, renderer: Renderer, params: dict[str, Any]) -> None:
    params["ConditionExpression"] = renderer.condition(condition)
    params["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
