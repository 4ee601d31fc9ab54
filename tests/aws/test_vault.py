"""Secrets are encrypted with KMS, for one bucket each."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from mypy_boto3_dynamodb import DynamoDBClient

from chalicelib.aws.clients import kms_client
from chalicelib.aws.vault import CACHE_SECONDS, Vault
from chalicelib.core.errors import Unavailable
from chalicelib.core.sealed import MAX_SECRET_BYTES, is_sealed
from chalicelib.settings import Settings
from tests.support.secret_key import REFUSED, KeyCalls, new_key

BUCKET, OTHER = "bkt_1", "bkt_2"


@dataclass
class Time:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def key(client: DynamoDBClient) -> KeyCalls:
    return new_key(client)


def new_vault(key: KeyCalls, *, arn: str | None = None, time: Time | None = None) -> Vault:
    time = time or Time()
    return Vault(key.arn if arn is None else arn, lambda: key, time, clock=time, sleep=time.sleep, jitter=lambda: 1.0)


@pytest.mark.parametrize("text", ["a secret", "geheim-ü-秘密", "x" * MAX_SECRET_BYTES])
def test_a_protected_secret_is_revealed_by_another_process(key: KeyCalls, text: str) -> None:
    sealed = new_vault(key).protect(text, BUCKET)
    assert is_sealed(sealed)
    assert text not in sealed
    assert new_vault(key).reveal(sealed, BUCKET) == text


def test_a_secret_of_another_bucket_is_not_revealed(key: KeyCalls) -> None:
    vault = new_vault(key)
    sealed = vault.protect("a secret", BUCKET)
    assert vault.reveal(sealed, BUCKET) == "a secret"
    for each in (vault, new_vault(key)):
        with pytest.raises(Unavailable):
            each.reveal(sealed, OTHER)


def test_a_secret_from_before_the_key_is_revealed_as_it_is(key: KeyCalls) -> None:
    assert new_vault(key).reveal("a secret", BUCKET) == "a secret"
    assert key.calls == []


def test_without_a_key_secrets_are_stored_as_they_are(key: KeyCalls) -> None:
    vault = new_vault(key, arn="")
    assert vault.protect("a secret", BUCKET) == "a secret"
    assert vault.reveal("a secret", BUCKET) == "a secret"
    vault.reveal_nothing(BUCKET)
    assert key.calls == []


def test_without_the_key_an_encrypted_secret_is_unavailable(key: KeyCalls) -> None:
    sealed = new_vault(key).protect("a secret", BUCKET)
    with pytest.raises(Unavailable):
        new_vault(key, arn="").reveal(sealed, BUCKET)


def test_another_key_does_not_reveal_a_secret(client: DynamoDBClient, key: KeyCalls) -> None:
    sealed = new_vault(key).protect("a secret", BUCKET)
    parameters: dict[str, str] = {}

    class Recording:
        def decrypt(self, **given: str) -> None:
            parameters.update(given)
            raise ClientError(REFUSED, "Decrypt")

    with pytest.raises(Unavailable):
        Vault("arn:of:another", Recording, Time()).reveal(sealed, BUCKET)  # type: ignore[arg-type]
    assert parameters["KeyId"] == "arn:of:another"  # moto does not check it, KMS does


@pytest.mark.parametrize("stored", ["kms:v1:", "kms:v1:???", "kms:v1:AAAA", "kms:v1:YQ"])
def test_a_damaged_secret_is_unavailable(key: KeyCalls, stored: str) -> None:
    with pytest.raises(Unavailable):
        new_vault(key).reveal(stored, BUCKET)


def test_a_revealed_secret_is_kept_in_memory_for_some_minutes(key: KeyCalls) -> None:
    time = Time()
    sealed = new_vault(key).protect("a secret", BUCKET)
    vault = new_vault(key, time=time)
    key.calls.clear()
    for _ in range(3):
        assert vault.reveal(sealed, BUCKET) == "a secret"
    assert key.calls == ["decrypt"]
    time.now += CACHE_SECONDS
    assert vault.reveal(sealed, BUCKET) == "a secret"
    assert key.calls == ["decrypt"] * 2


def test_the_same_secret_keeps_its_stored_form(key: KeyCalls) -> None:
    vault = new_vault(key)
    sealed = vault.protect("a secret", BUCKET)
    assert vault.protect("a secret", BUCKET, stored=sealed) == sealed
    assert vault.protect("another", BUCKET, stored=sealed) != sealed
    assert is_sealed(vault.protect("a secret", BUCKET, stored="a secret"))
    assert vault.protect(sealed, BUCKET) == sealed


def test_a_secret_that_can_never_be_decrypted_is_replaced(key: KeyCalls) -> None:
    foreign = new_vault(key).protect("a secret", OTHER)
    sealed = new_vault(key).protect("a secret", BUCKET, stored=foreign)
    assert new_vault(key).reveal(sealed, BUCKET) == "a secret"


def test_a_bucket_without_a_secret_takes_the_calls_of_one_with_a_secret(key: KeyCalls) -> None:
    vault = new_vault(key)
    sealed = new_vault(key).protect("a secret", BUCKET)
    vault.reveal_nothing("bkt_first")
    key.calls.clear()
    for _ in range(2):
        vault.reveal(sealed, BUCKET)
    found = list(key.calls)
    key.calls.clear()
    for _ in range(2):
        vault.reveal_nothing(OTHER)
    assert key.calls == found == ["decrypt"]


def test_a_refused_call_is_unavailable(key: KeyCalls) -> None:
    sealed = new_vault(key).protect("a secret", BUCKET)
    vault = new_vault(key)
    with key.failing():
        for act in (
            lambda: vault.protect("a secret", BUCKET),
            lambda: vault.reveal(sealed, BUCKET),
            lambda: vault.reveal_nothing(OTHER),
        ):
            with pytest.raises(Unavailable):
                act()
    assert vault.reveal(sealed, BUCKET) == "a secret"


def test_a_call_without_a_response_is_repeated_for_a_limited_time(key: KeyCalls) -> None:
    sealed, time = new_vault(key).protect("a secret", BUCKET), Time()
    lost: list[float] = []

    class Unreachable:
        def decrypt(self, **_: object) -> None:
            lost.append(time.now)
            raise EndpointConnectionError(endpoint_url="https://kms")

    with pytest.raises(Unavailable):
        Vault("arn", Unreachable, time, clock=time, sleep=time.sleep).reveal(sealed, BUCKET)  # type: ignore[arg-type]
    assert len(lost) > 2
    assert lost[-1] - lost[0] < 3


def test_the_client_uses_the_region_of_the_key_and_short_time_limits() -> None:
    client: object = kms_client(Settings(secrets_key="arn:aws:kms:eu-west-3:123456789012:key/1"))
    assert client.meta.region_name == "eu-west-3"  # type: ignore[attr-defined]
    config = client.meta.config  # type: ignore[attr-defined]
    assert config.connect_timeout + config.read_timeout < 3
    assert config.retries["total_max_attempts"] == 1
