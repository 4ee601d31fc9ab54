"""The form of an encrypted secret in a row: `kms:v1:` and the ciphertext in base64.

The prefix distinguishes it from a secret that was stored before the deployment had a key. So no client may write a
value with this prefix.
"""

from __future__ import annotations

from typing import Any

from chalicelib.core.errors import Problem, RequestInvalid

SEALED_PREFIX = "kms:v1:"
# The limit of KMS for what Encrypt accepts.
MAX_SECRET_BYTES = 4096


def is_sealed(value: Any) -> bool:
    """Returns whether a stored value is an encrypted secret."""
    return isinstance(value, str) and value.startswith(SEALED_PREFIX)


def sealed_problem(value: Any, *location: str | int) -> Problem | None:
    """Returns the problem of a value in a request that looks like an encrypted secret, or None if it does not."""
    if not is_sealed(value):
        return None
    return Problem(location, f"A secret must not begin with {SEALED_PREFIX!r}", "reserved_prefix")


def check_not_sealed(value: Any, *location: str | int) -> None:
    """Raises RequestInvalid for a value in a request that looks like an encrypted secret."""
    if (problem := sealed_problem(value, *location)) is not None:
        raise RequestInvalid([problem])
