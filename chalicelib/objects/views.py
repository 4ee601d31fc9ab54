"""Objects as clients receive them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.blobs.blob import Blob, show_blob
from chalicelib.core.errors import ApiError, RequestInvalid
from chalicelib.core.json_path import names_to
from chalicelib.http.envelope import INTERNAL_ERROR, INTERNAL_ERROR_MESSAGE, shortened, status_and_type
from chalicelib.listing.search import strings_in
from chalicelib.objects.stored_object import StoredObject

if TYPE_CHECKING:
    from chalicelib.objects.response_models import CreateObjectsBatchResponse, FailedObjectError, ObjectListStats
    from chalicelib.objects.result import Settled

Sign = Callable[[Blob], str | None]
# How much a batch tells of what is wrong with one row.
MAX_TOLD = 1_000
ALWAYS_KEPT = ("object_id", "bucket_id")


def show(stored: StoredObject, *, sign: Sign | None = None, document_count: int | None = None) -> dict[str, Any]:
    """The object as clients receive it; `sign` gives a blob's download URL, where they are asked for."""
    return {
        **stored.values,
        "object_id": stored.object_id,
        "bucket_id": stored.bucket_id,
        "key_prefix": stored.key_prefix,
        "blobs": [show_blob(blob, presigned_url=sign(blob) if sign else None) for blob in stored.blobs],
        "source_details": [],
        "edges": stored.edges,
        "status": stored.status,
        "error": stored.error,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "document_count": document_count,
    }


def texts(stored: StoredObject) -> Iterator[str]:
    """What a search reads: id, key prefix and every text in the fields."""
    yield stored.object_id
    yield stored.key_prefix or ""
    yield from strings_in(dict(stored.values))


def show_batch(outcomes: Sequence[Settled | Exception]) -> CreateObjectsBatchResponse:
    """What came of every row of a batch."""
    succeeded: list[Any] = []
    failed: list[FailedObjectError] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Exception):
            failed.append({"object_index": index, "error": told(outcome), "error_type": error_type(outcome)})
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


def told(error: Exception) -> str:
    """A refusal in one sentence: the problems with their places, or the message with what it names.

    Of a fault of ours, only that it is one.
    """
    if not isinstance(error, ApiError):
        return INTERNAL_ERROR_MESSAGE
    if isinstance(error, RequestInvalid):
        told = (f"{'.'.join(map(str, problem.location[1:]))}: {problem.message}" for problem in error.problems)
        return shortened("; ".join(shortened(each, MAX_TOLD // 4) for each in told), MAX_TOLD)
    named = (error.details or {}).get("object_id")
    return f"{error.text}: {named}" if named else error.text


def error_type(error: Exception) -> str:
    """The stable name of the kind of error, as the envelope has it; that of a bad URL is its own."""
    if not isinstance(error, ApiError):
        return INTERNAL_ERROR[1]
    return getattr(error, "error_type", None) or status_and_type(error.__class__)[1]


def page_stats(page: Iterable[StoredObject]) -> ObjectListStats:
    """Statistics over the objects of one page."""
    shown = list(page)
    blobs = sum(len(stored.blobs) for stored in shown)
    return {
        "total_objects": len(shown),
        "total_blobs": blobs,
        "avg_blobs_per_object": blobs / (len(shown) or 1),
        "objects_by_status": dict(Counter(stored.status for stored in shown)),
    }


def selected(shown: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The object with only these dotted paths, and the ids that always stay. A list is kept as a whole."""
    kept: dict[str, Any] = {}
    for path in (*ALWAYS_KEPT, *paths):
        names = names_to(shown, path)
        if names is not None:
            _keep(kept, shown, names)
    return kept


def _keep(kept: dict[str, Any], shown: Mapping[str, Any], path: Sequence[str]) -> None:
    name, *rest = path
    value = shown.get(name)
    if rest and isinstance(value, Mapping):
        inner = kept.setdefault(name, {})
        if inner is not value:  # else the whole of it is kept already
            _keep(inner, value, rest)
    else:
        kept[name] = value
