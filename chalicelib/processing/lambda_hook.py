"""The processor that invokes a Lambda function for each item."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.aws.functions import InvocationFailed, Reason, invoke
from chalicelib.core.json_codec import to_json
from chalicelib.processing.classification import category_of_name
from chalicelib.processing.fields import MAX_FIELDS_BYTES, FieldsInvalid, check_fields
from chalicelib.processing.items import file_document, item_document
from chalicelib.processing.processor import BatchContext, Category, ProcessingFailed
from chalicelib.tasks.error_text import one_line

if TYPE_CHECKING:
    from chalicelib.aws.functions import FunctionClient, FunctionResponse
    from chalicelib.blobs.blob import Blob
    from chalicelib.blobs.service import Blobs
    from chalicelib.objects.stored_object import StoredObject

# The limit of Lambda for the payload of a synchronous invocation.
MAX_PAYLOAD_BYTES = 6_291_456
MAX_RESPONSE_BYTES = MAX_FIELDS_BYTES + 1_000
# The time that the connection and the response may take beyond the limit.
GRACE_SECONDS = 10.0

_CATEGORIES: Mapping[Reason, Category] = {
    "busy": "dependency",
    "denied": "authentication",
    "timed out": "resource",
    "unreachable": "network",
    "rejected": "runtime",
}
# The categories of the member `type` of an error that the function returns.
_RETURNED: Mapping[str, Category] = {"transient": "dependency", "permanent": "validation", "resource": "resource"}
# The errors of the runtime that mean a lack of memory or time.
_RESOURCE_ERRORS = ("Runtime.OutOfMemory", "Sandbox.Timedout", "Function.TimedOut")
_RESOURCE_MESSAGES = ("Task timed out", "signal: killed")


class LambdaHook:
    """Invokes the function with this ARN, and waits for its response."""

    def __init__(self, arn: str, client: Callable[[], FunctionClient], blobs: Blobs, timeout_seconds: float) -> None:
        self._arn = arn
        self._client = client
        self._blobs = blobs
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()

    @property
    def max_seconds(self) -> float:
        """The maximum time of one call of `process`, in seconds."""
        return self._timeout_seconds + GRACE_SECONDS

    def process(self, stored: StoredObject, context: BatchContext) -> Mapping[str, Any]:
        """Returns the fields in the response. Raises ProcessingFailed."""
        payload = self._payload(stored, context)
        with self._lock:
            try:
                response = invoke(self._client(), self._arn, payload, max_bytes=MAX_RESPONSE_BYTES)
            except InvocationFailed as error:
                raise ProcessingFailed(_CATEGORIES[error.reason], self._text(error)) from error
        return _fields(response)

    def close(self) -> None:
        """Does nothing."""

    def _payload(self, stored: StoredObject, context: BatchContext) -> bytes:
        files = [self._file(blob) for blob in stored.blobs]
        deadline = time.time() + self._timeout_seconds
        payload = to_json(item_document(stored, context, deadline=deadline, files=files)).encode("utf-8")
        if len(payload) > MAX_PAYLOAD_BYTES:
            text = f"The item has {len(payload)} bytes as JSON; Lambda accepts {MAX_PAYLOAD_BYTES}"
            raise ProcessingFailed("resource", text)
        return payload

    def _file(self, blob: Blob) -> dict[str, Any]:
        """The file, with a URL for its content. It is None for an archived file and for one kept by reference."""
        return {**file_document(blob), "download_url": self._blobs.presigned_get(blob)}

    def _text(self, error: InvocationFailed) -> str:
        if error.reason == "timed out":
            return f"The function did not respond within {self._timeout_seconds:g} seconds"
        return f"The function cannot be called: {error.text}"


def _fields(response: FunctionResponse) -> Mapping[str, Any]:
    """The fields in a response. Raises ProcessingFailed."""
    if response.failed:
        raise _function_error(response.payload)
    try:
        document = json.loads(check_fields(response.payload))
    except FieldsInvalid as error:
        raise ProcessingFailed("runtime", one_line(str(error))) from error
    if document is None:
        return {}
    if isinstance(document, dict) and document.keys() == {"fields"} and isinstance(document["fields"], dict):
        return document["fields"]
    if isinstance(document, dict) and document.keys() == {"error"}:
        raise _returned_error(document["error"])
    raise ProcessingFailed("runtime", 'The function returned neither null nor {"fields": …} nor {"error": …}')


def _returned_error(error: Any) -> ProcessingFailed:
    category = _RETURNED.get(str(error.get("type"))) if isinstance(error, dict) else None
    if category is None:
        return ProcessingFailed("runtime", f"The function returned an error without a type of {', '.join(_RETURNED)}")
    return ProcessingFailed(category, one_line(str(error.get("message") or "The function failed")))


def _function_error(payload: bytes) -> ProcessingFailed:
    """The failure that a function's exception means, by the name of its class."""
    try:
        error = json.loads(payload)
    except (ValueError, RecursionError):
        error = None
    described = error if isinstance(error, dict) else {}
    name, message = (str(described.get(member) or "") for member in ("errorType", "errorMessage"))
    # The name may have a package, as in Java.
    category = category_of_name(name.rpartition(".")[2])
    if name in _RESOURCE_ERRORS or any(part in message for part in _RESOURCE_MESSAGES):
        category = "resource"
    text = message if name in ("Transient", "Permanent") else f"{name}: {message}"
    return ProcessingFailed(category, one_line(text.strip(": ")) or "The function failed")
