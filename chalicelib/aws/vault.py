"""Encrypts the secrets in rows with a key of AWS KMS, if the deployment has one.

The id of the bucket is the encryption context. So KMS refuses to decrypt a secret that was copied to a row of another
bucket. docs/decisions/secrets.md has the reasons.
"""

from __future__ import annotations

import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol

from chalicelib.aws.failures import FAILURES
from chalicelib.aws.retry import Attempts, RetryPolicy
from chalicelib.core.cache import Cache
from chalicelib.core.errors import Unavailable
from chalicelib.core.log import ERROR, log
from chalicelib.core.sealed import SEALED_PREFIX, is_sealed

CACHE_SECONDS = 300.0
BUDGET_SECONDS = 2.5
# The encryption context of the text that is decrypted for buckets that do not exist.
NO_BUCKET = "none"
UNAVAILABLE = "The encryption of secrets is not available, try again"


class KeyClient(Protocol):
    """A KMS client that encrypts and decrypts."""

    def encrypt(self, *, KeyId: str, Plaintext: bytes, EncryptionContext: Mapping[str, str]) -> Any:
        """Encrypts up to 4096 bytes. The response has the `CiphertextBlob`."""

    def decrypt(self, *, KeyId: str, CiphertextBlob: bytes, EncryptionContext: Mapping[str, str]) -> Any:
        """Decrypts what `encrypt` returned for this key and this context. The response has the `Plaintext`."""


class Vault:
    """Protects and reveals the secrets of buckets. Without a `key` (an ARN), secrets are stored as they are.

    `now` returns the time in seconds, for the cache of revealed secrets. The client is built on first use.
    """

    # A plain class: a dataclass takes half a millisecond of every cold start.
    __slots__ = ("_absent", "_client", "_decoy", "_key", "_retry_policy", "_revealed")

    def __init__(
        self,
        key: str,
        client: Callable[[], KeyClient],
        now: Callable[[], float],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._key = key
        self._client = client
        self._retry_policy = RetryPolicy(clock, sleep, jitter, BUDGET_SECONDS)
        # By bucket id and stored text. The id is part of the key, because KMS checks it too.
        self._revealed: Cache[tuple[str, str], str] = Cache(now, seconds=CACHE_SECONDS)
        # A cache of its own, so that requests for ids that do not exist cannot displace the secrets of buckets.
        self._absent: Cache[str, bytes] = Cache(now, seconds=CACHE_SECONDS)
        self._decoy: bytes | None = None

    def protect(self, text: str, bucket_id: str, *, stored: str | None = None) -> str:
        """Returns the form in which a secret of a bucket is stored. It has at most `MAX_SECRET_BYTES` bytes.

        `stored` is the currently stored form. It is returned if it is encrypted and has the same secret, because
        another encryption of the same text is another value. An encrypted secret is returned unchanged. Raises
        Unavailable.
        """
        if not self._key or is_sealed(text):
            return text
        if stored is not None and is_sealed(stored) and self._holds(stored, bucket_id, text):
            return stored
        sealed = SEALED_PREFIX + b64encode(self._encrypt(text.encode(), bucket_id)).decode()
        self._revealed.put((bucket_id, sealed), text)  # the response to the write may contain it
        return sealed

    def reveal(self, stored: str, bucket_id: str) -> str:
        """Returns the secret in a stored text. One that was stored before there was a key is returned as it is.

        Raises Unavailable.
        """
        if not is_sealed(stored):
            return stored
        found = self._revealed.find((bucket_id, stored), lambda _: self._opened(stored, bucket_id))
        assert found is not None, "a secret is a text"
        return found

    def reveal_nothing(self, bucket_id: str) -> None:
        """Makes the calls of `reveal` for a bucket that has no secret. Raises Unavailable like it.

        So a request for a bucket that does not exist takes as long as one for a bucket with one encrypted secret. Two
        differences remain: a bucket whose secret was replaced has two secrets for a while, and one whose secret was
        stored before there was a key has none that is encrypted. Both are visible only until the secrets are in the
        cache. The first call in a process also encrypts the text that all further calls decrypt.
        """
        if self._key:
            self._absent.find(bucket_id, lambda _: self._decrypt(self._decoy_of_process(), NO_BUCKET))

    def _holds(self, stored: str, bucket_id: str, text: str) -> bool:
        try:
            return self.reveal(stored, bucket_id) == text
        except Unavailable:  # it is replaced, which also helps if it can never be decrypted again
            return False

    def _opened(self, stored: str, bucket_id: str) -> str:
        try:
            ciphertext = b64decode(stored.removeprefix(SEALED_PREFIX), validate=True)
        except ValueError as error:
            self._fail("it is damaged", bucket_id, error)
        if not self._key:
            self._fail("it is encrypted, and no key is configured", bucket_id)
        return self._decrypt(ciphertext, bucket_id).decode()

    def _decoy_of_process(self) -> bytes:
        if self._decoy is None:
            self._decoy = self._encrypt(b"decoy", NO_BUCKET)
        return self._decoy

    def _encrypt(self, plaintext: bytes, bucket_id: str) -> bytes:
        parameters = {"KeyId": self._key, "Plaintext": plaintext, "EncryptionContext": {"bucket_id": bucket_id}}
        return self._call("encrypt", parameters, bucket_id)["CiphertextBlob"]  # type: ignore[no-any-return]

    def _decrypt(self, ciphertext: bytes, bucket_id: str) -> bytes:
        parameters = {"KeyId": self._key, "CiphertextBlob": ciphertext, "EncryptionContext": {"bucket_id": bucket_id}}
        return self._call("decrypt", parameters, bucket_id)["Plaintext"]  # type: ignore[no-any-return]

    def _call(self, operation: str, parameters: Mapping[str, Any], bucket_id: str) -> Any:
        """Calls KMS. Errors that a retry cannot overcome, such as a missing permission, are Unavailable too."""
        try:
            return Attempts(self._retry_policy).call(getattr(self._client(), operation), parameters)
        except FAILURES as error:
            self._fail(f"KMS does not {operation} it", bucket_id, error)

    def _fail(self, reason: str, bucket_id: str, cause: Exception | None = None) -> NoReturn:
        log("A secret cannot be used", level=ERROR, error=cause, bucket=bucket_id, reason=reason)
        raise Unavailable(UNAVAILABLE) from cause
