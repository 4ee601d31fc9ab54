"""The faults that these tests inject into calls to AWS."""

from __future__ import annotations

from tests.support import faults as aws

FAULTS = {
    "throttled": aws.throttled,
    "an internal error": aws.internal_error,
    "connection refused": aws.never_sent(),
    "timed out": aws.lost(),
    "timed out after it was applied": aws.applied_then_timeout(),
}
# For tests of a single fault. With the first fault the call is not executed, with the second it is.
SINGLE_FAULTS = ("throttled", "timed out after it was applied")
