"""Reads the body of a delivery."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from chalicelib.core.json_codec import to_json
from chalicelib.core.record import record

# Control characters take up to seven bytes in the response of a Lambda function, which has at most 6 MB.
MAX_SHOWN_BYTES = 256_000


class UnreadablePayload(ValueError):
    """The body is not JSON. The message says why."""


@record
class Payload:
    """The body of a delivery, as it was sent, and the JSON value in it.

    `problem` says why the body has no JSON value; then `value` is None, which is also the value of the JSON null.
    """

    body: bytes
    value: Any = None
    problem: str | None = None


def payload_of(body: bytes) -> Payload:
    """Returns the payload in a body, which need not be JSON."""
    try:
        return Payload(body, read_payload(body))
    except UnreadablePayload as error:
        return Payload(body, problem=str(error))


def read_payload(body: bytes) -> Any:
    """Returns the JSON value in a body. Raises UnreadablePayload.

    It is less strict than the parser of the API's own requests: parts of the payload that no field receives may have
    equal keys and numbers of any precision, because the sender cannot be asked to change them.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_reject)
    except UnicodeDecodeError as error:
        raise UnreadablePayload(f"The body is not UTF-8: {error.reason}") from error
    except json.JSONDecodeError as error:
        raise UnreadablePayload(f"The body is not JSON: {error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise UnreadablePayload("The body is nested too deeply") from error
    except ValueError as error:  # also an integer with more digits than Python converts
        raise UnreadablePayload(f"The body is not JSON: {error}") from error


def shown_payload(body: bytes) -> tuple[Any, str | None]:
    """Returns the JSON value in a body and None, or None and the body as text if no JSON response can contain it.

    A number such as 1e999 is infinite when it is read, and a text may have unpaired surrogates.
    """
    try:
        payload = read_payload(body)
        to_json(payload).encode()
    except (RecursionError, ValueError):
        return None, body[:MAX_SHOWN_BYTES].decode("utf-8", "replace")
    return payload, None


def _reject(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
