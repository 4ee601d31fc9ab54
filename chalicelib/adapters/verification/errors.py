"""The error of a delivery whose signature is not accepted."""

from __future__ import annotations

from typing import Literal, get_args

Reason = Literal["stale", "future", "mismatch", "malformed", "missing"]
# From the most specific one. `stale` and `future` are the reasons for good signatures only.
REASONS: tuple[Reason, ...] = get_args(Reason)


class SignatureInvalid(Exception):
    """No signature of a delivery is accepted. Contains neither a secret nor anything of the request.

    `reason` is `missing` (a header is absent), `malformed` (a header cannot be read), `mismatch` (no secret gives one
    of the signatures), or, for a good signature, `stale` or `future` (its timestamp is too old, or too far ahead).
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"The signature is not accepted: {reason}")
        self.reason: Reason = reason
