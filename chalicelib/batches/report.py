"""The files of a batch in S3: the manifest, and the report of the outcome of every object. Both are JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.batches.batch import Batch
from chalicelib.batches.chunk import Chunk, new_chunk
from chalicelib.batches.chunk_store import ItemFailure
from chalicelib.batches.outcomes import COMPLETED, FAILURES, SKIPPED
from chalicelib.core.json_codec import to_json
from chalicelib.processing.processor import error_type

MIME_TYPE = "application/x-ndjson"


def files_prefix(bucket_id: str, batch_id: str = "") -> str:
    """Returns the prefix of the keys of a batch's files, or of the files of all batches of a bucket."""
    return f"batches/{bucket_id}/{batch_id}/" if batch_id else f"batches/{bucket_id}/"


def manifest_key(batch: Batch) -> str:
    """Returns the key of the manifest of the batch's current run."""
    return f"{files_prefix(batch.bucket_id, batch.batch_id)}{batch.epoch}/manifest.jsonl"


def report_key(batch: Batch) -> str:
    """Returns the key of the report of the batch's current run."""
    return f"{files_prefix(batch.bucket_id, batch.batch_id)}{batch.epoch}/report.jsonl"


def manifest(batch: Batch, ids: Iterable[list[str]]) -> bytes:
    """Returns the manifest: a line about the batch, then a line for each object. `ids` are those of each chunk."""
    about = {
        "batch_id": batch.batch_id,
        "bucket_id": batch.bucket_id,
        "namespace_id": batch.namespace_id,
        "batch_name": batch.name,
        "metadata": batch.metadata,
        "object_count": batch.object_count,
        "run": batch.epoch,
    }
    return _lines([about, *({"object_id": object_id} for chunk in ids for object_id in chunk)])


def report(batch: Batch, ids: Iterable[list[str]], chunks: Iterable[Chunk], failures: Iterable[ItemFailure]) -> bytes:
    """Returns the report: a line for each object, in the order of the batch."""
    failed = {(failure.chunk, failure.position): failure for failure in failures}
    lines = (
        _line(object_id, chunk, position, failed.get((chunk.number, position)))
        for object_ids, chunk in zip(ids, _current(batch, chunks), strict=True)
        for position, object_id in enumerate(object_ids)
    )
    return _lines(lines)


def _current(batch: Batch, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Yields the chunks, without outcomes from before a resubmission."""
    for chunk in chunks:
        yield chunk if chunk.epoch >= batch.counts_from else new_chunk(chunk.number, len(chunk.outcomes))


def _line(object_id: str, chunk: Chunk, position: int, failure: ItemFailure | None) -> Mapping[str, Any]:
    letter = chunk.outcomes[position]
    line: dict[str, Any] = {
        "object_id": object_id,
        "outcome": _outcome(letter),
        "attempts": chunk.attempts_of(position),
    }
    if letter in SKIPPED:
        return {**line, "reason": SKIPPED[letter]}
    if letter in FAILURES and failure is not None:
        category = {"error": failure.error, "error_type": error_type(failure.category), "category": failure.category}
        return {**line, **category, "timestamp": failure.timestamp}
    return line


def _outcome(letter: str) -> str:
    if letter == COMPLETED:
        return "completed"
    if letter in SKIPPED:
        return "skipped"
    return "failed" if letter in FAILURES else "not_processed"


def _lines(values: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(f"{to_json(value)}\n" for value in values).encode()
