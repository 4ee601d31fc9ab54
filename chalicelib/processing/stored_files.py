"""Reads and checks the files of an object for its processing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chalicelib.aws.failures import FAILURES
from chalicelib.blobs.errors import FileForbidden, FileUnreadable
from chalicelib.core.errors import Unavailable
from chalicelib.processing.processor import Category, ProcessingFailed
from chalicelib.tasks.error_text import error_text

if TYPE_CHECKING:
    from chalicelib.blobs.blob import Blob
    from chalicelib.blobs.service import Blobs


def check_exists(blobs: Blobs, blob: Blob) -> None:
    """Raises ProcessingFailed if the file is not in S3, or S3 does not respond."""
    with _failures(blob):
        blobs.check_exists(blob)


def read_piece(blobs: Blobs, blob: Blob, offset: int, size: int) -> bytes:
    """Returns up to `size` bytes of the file from `offset` on; empty after its end. Raises ProcessingFailed."""
    with _failures(blob):
        return blobs.read(blob, offset, size)


@contextmanager
def _failures(blob: Blob) -> Iterator[None]:
    try:
        yield
    except FileUnreadable as error:
        category: Category = "authentication" if isinstance(error, FileForbidden) else "validation"
        raise ProcessingFailed(category, f"The file of the field {blob.property!r} {error.reason}") from error
    except (Unavailable, *FAILURES) as error:
        raise ProcessingFailed("dependency", error_text(error)) from error
