"""Why a file by URL was not copied, and whether another attempt makes sense.

Clients see the texts: they contain no addresses, and no text of the other side.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.outbound.errors import OutboundError, RequestTimedOut, ResponseTooLarge

# The delays in seconds after the first failed attempts. After the last one follows one more attempt.
RETRY_DELAYS = (30, 120, 480, 900)
# So many deliveries for a wish, of which most end because the worker dies, show that it cannot be copied.
MAX_STARTS = 20
# After so many more, not even what the workers have left can be removed. `admin blobs orphans` finds it.
MAX_CLEANINGS = 5
# A host that does not respond keeps a worker busy for long.
MAX_TIMEOUTS = 2
_TEMPORARY_STATUSES = {408, 425, 429}
_TEMPORARY_REASONS = {"unresolved", "unreachable", "tls", "invalid_response"}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt to copy a file failed. `code` is a stable name, and `text` a sentence for the client.

    No attempt follows if there have been `max_attempts`.
    """

    code: str
    text: str
    max_attempts: int = 1


class MirrorFailed(Exception):
    """An attempt to copy a file failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


GAVE_UP = Failure("interrupted", "Copying the file was interrupted too often.")


def refused(code: str, text: str) -> MirrorFailed:
    """Returns the error for a file that another attempt would not change."""
    return MirrorFailed(Failure(code, text))


def of_request(error: OutboundError, max_bytes: int) -> Failure:
    """Returns the failure for a request that failed."""
    if isinstance(error, ResponseTooLarge):
        return Failure("file_too_large", f"The file has more than {max_bytes} bytes.")
    if isinstance(error, RequestTimedOut):
        return Failure(error.reason, f"{error.text}.", MAX_TIMEOUTS)
    return Failure(error.reason, f"{error.text}.", _attempts(is_temporary=error.reason in _TEMPORARY_REASONS))


def of_status(status: int) -> Failure:
    """Returns the failure for a response whose status is not 200."""
    is_temporary = status >= 500 or status in _TEMPORARY_STATUSES
    return Failure("status", f"The host responded with the status {status}.", _attempts(is_temporary=is_temporary))


def _attempts(*, is_temporary: bool) -> int:
    return 1 + len(RETRY_DELAYS) if is_temporary else 1
