"""How a call goes wrong in these tests."""

from __future__ import annotations

from tests.support import faults as aws

FAULTS = {
    "throttled": aws.throttled,
    "an internal error": aws.internal_error,
    "refused": aws.never_sent(),
    "timed out": aws.lost(),
    "timed out when done": aws.applied_then_timeout(),
}
# Where one attempt fails, the next is the same after all faults but these: nothing was done, or everything.
ONCE = ("throttled", "timed out when done")
