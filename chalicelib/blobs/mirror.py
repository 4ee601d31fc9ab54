"""Where the copy of a file by URL stands. The row of the object has it, beside the file.

Imported only for objects that have such a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.core.json_codec import to_json
from chalicelib.core.record import record

PREFIX = "mir"
PENDING, COMPLETED, FAILED = "PENDING", "COMPLETED", "FAILED"
# The bytes that a wish adds to the document of its object at most, from its start to its end, without the text of the
# file. The longest filename, MIME types and checksum need some 1 700.
MAX_GROWTH_BYTES = 1_800


@record
class Mirror:
    """A wish to copy the file at `source_url`, and what has become of it.

    `mirror_id` is new for each wish. `force` replaces the stored file even by the same content. `checksum` is the
    checksum that the client has declared. `attempts` counts those that have failed. `code` and `error` say why the last
    one failed, and `next_attempt_at` when the next one follows.
    """

    mirror_id: str
    source_url: str
    status: str = PENDING
    attempts: int = 0
    force: bool = False
    checksum: str | None = None
    code: str | None = None
    error: str | None = None
    next_attempt_at: str | None = None

    @property
    def is_begun(self) -> bool:
        """Whether there was an attempt."""
        return self.attempts > 0 or self.status != PENDING

    @property
    def remaining_growth(self) -> int:
        """How many bytes the document of the object may still grow until the wish ends."""
        if self.status != PENDING:
            return 0
        unbegun = replace(self, attempts=0, code=None, error=None, next_attempt_at=None)
        return MAX_GROWTH_BYTES - (self._bytes() - unbegun._bytes() if unbegun != self else 0)

    def _bytes(self) -> int:
        return len(to_json(self.to_document()).encode())

    def to_document(self) -> dict[str, Any]:
        """The JSON object for the row, without the members that are None or false."""
        return {
            name: value for name in Mirror.__dataclass_fields__ if (value := getattr(self, name)) not in (None, False)
        }

    def show(self) -> dict[str, Any]:
        """The form that clients receive. `code`, `error` and `next_attempt_at` are only present if they are known."""
        shown: dict[str, Any] = {"status": self.status, "source_url": self.source_url, "attempts": self.attempts}
        if self.error is not None:
            shown["error"] = {"code": self.code, "message": self.error}
        if self.next_attempt_at is not None:
            shown["next_attempt_at"] = self.next_attempt_at
        return shown


def mirror_from_document(document: Mapping[str, Any]) -> Mirror:
    """The mirror in a JSON object that `to_document` returned."""
    return Mirror(**document)
