"""The faults of calls to AWS in these tests."""

from __future__ import annotations

from tests.support import faults as aws

FAULTS = {
    "throttled": aws.throttled,
    "an internal error": aws.internal_error,
    "connection refused": aws.never_sent(),
    "timed out": aws.lost(),
    "timed out after it was applied": aws.applied_then_timeout(),
}
# Representatives for tests of a single fault: after the first the call was not applied, after the second it was.
SINGLE_FAULTS = ("throttled", "timed out after it was applied")
