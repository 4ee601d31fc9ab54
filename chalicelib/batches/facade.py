"""The services of batches together, as operations and commands use them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.batches.auto_submission import AutoSubmission
from chalicelib.batches.bulk import BulkSubmission
from chalicelib.batches.reading import BatchReader
from chalicelib.batches.recovery import Recovery
from chalicelib.batches.reruns import Reruns
from chalicelib.batches.service import Batches
from chalicelib.namespaces.service import Namespaces


@dataclass(frozen=True, slots=True)
class BatchServices:
    """Everything that operations on batches need.

    `new_secret` returns a new secret for webhooks. `check_webhook_url` raises RequestInvalid for a URL to which the
    service makes no requests.
    """

    batches: Batches
    reader: BatchReader
    reruns: Reruns
    auto: AutoSubmission
    bulk: BulkSubmission
    namespaces: Namespaces
    recovery: Recovery
    new_secret: Callable[[], str]
    check_webhook_url: Callable[[str], None]
