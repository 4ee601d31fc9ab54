"""Objects as clients receive them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.blob import Blob, show_blob
from chalicelib.core.errors import ApiError, RequestInvalid
from chalicelib.core.json_path import keys_to
from chalicelib.http.envelope import INTERNAL_ERROR, INTERNAL_ERROR_MESSAGE, shorten, status_and_type
from chalicelib.listing.search import strings_in
from chalicelib.objects.stored_object import StoredObject

if TYPE_CHECKING:
    from chalicelib.objects.response_models import CreateObjectsBatchResponse, FailedObjectError, ObjectListStats
    from chalicelib.objects.result import CreateResult

Sign = Callable[[Blob], str | None]
# The length limit of the error text for one row of a bulk create.
MAX_ROW_ERROR_CHARS = 1_000
ALWAYS_SELECTED = ("object_id", "bucket_id")


def show(stored: StoredObject, *, sign: Sign | None = None, document_count: int | None = None) -> dict[str, Any]:
    """The object as clients receive it. `sign` returns a blob's download URL, if the request asks for URLs."""
    return {
        **stored.values,
        "object_id": stored.object_id,
        "bucket_id": stored.bucket_id,
        "key_prefix": stored.key_prefix,
        "blobs": [show_blob(blob, presigned_url=sign(blob) if sign else None) for blob in stored.blobs],
        "source_details": _sources(stored),
        "edges": stored.edges,
        "status": stored.status,
        "error": stored.error,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "document_count": document_count,
    }


def _sources(stored: StoredObject) -> list[dict[str, str]]:
    return [{"type": "bucket", "source_id": stored.source_bucket_id}] if stored.source_bucket_id else []


def searchable_texts(stored: StoredObject) -> Iterator[str]:
    """The texts that a search matches: the id, the key prefix and every string in the fields."""
    yield stored.object_id
    yield stored.key_prefix or ""
    yield from strings_in(dict(stored.values))


def show_bulk_result(outcomes: Sequence[CreateResult | Exception]) -> CreateObjectsBatchResponse:
    """The body of a bulk create response."""
    succeeded: list[Any] = []
    failed: list[FailedObjectError] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Exception):
            failed.append({"object_index": index, "error": row_error(outcome), "error_type": error_type(outcome)})
            continue
        by = outcome.replayed_by
        more = {"object_index": index, "replayed": by is not None, "replayed_by": by}
        succeeded.append({**show(outcome.stored), **more})
    return {
        "succeeded": succeeded,
        "failed": failed,
        "total_requested": len(outcomes),
        "succeeded_count": len(succeeded),
        "failed_count": len(failed),
    }


def row_error(error: Exception) -> str:
    """The error text of one row: the problems with their paths, or the message with the id of the existing object.

    An internal error gets a text without details.
    """
    if not isinstance(error, ApiError):
        return INTERNAL_ERROR_MESSAGE
    if isinstance(error, RequestInvalid):
        problems = (f"{'.'.join(map(str, problem.location[1:]))}: {problem.message}" for problem in error.problems)
        text = "; ".join(shorten(problem, MAX_ROW_ERROR_CHARS // 4) for problem in problems)
        return shorten(text, MAX_ROW_ERROR_CHARS)
    object_id = (error.details or {}).get("object_id")
    return f"{error.text}: {object_id}" if object_id else error.text


def error_type(error: Exception) -> str:
    """The error type of one row, the same as in an error response; a bad URL has a type of its own."""
    if not isinstance(error, ApiError):
        return INTERNAL_ERROR[1]
    return getattr(error, "error_type", None) or status_and_type(error.__class__)[1]


def page_stats(page: Iterable[StoredObject]) -> ObjectListStats:
    """Statistics over the objects of one page."""
    objects = list(page)
    blobs = sum(len(stored.blobs) for stored in objects)
    return {
        "total_objects": len(objects),
        "total_blobs": blobs,
        "avg_blobs_per_object": blobs / (len(objects) or 1),
        "objects_by_status": dict(Counter(stored.status for stored in objects)),
    }


def selected(shown: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The object with only these dotted paths and its ids. A list is kept entirely, even if a path leads into it."""
    result: dict[str, Any] = {}
    for path in (*ALWAYS_SELECTED, *paths):
        names = keys_to(shown, path)
        if names is not None:
            _copy(result, shown, names)
    return result


def _copy(target: dict[str, Any], shown: Mapping[str, Any], path: Sequence[str]) -> None:
    name, *rest = path
    value = shown.get(name)
    if rest and isinstance(value, Mapping):
        inner = target.setdefault(name, {})
        if inner is not value:  # otherwise all of it was copied before
            _copy(inner, value, rest)
    else:
        target[name] = value
