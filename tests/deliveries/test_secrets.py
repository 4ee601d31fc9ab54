"""With a key, no row, log line, list or error contains a secret, and everything works as without a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.core.sealed import SEALED_PREFIX, is_sealed
from chalicelib.outbound.signatures import sign_webhook
from tests.support.api import Api, ApiResponse
from tests.support.batches import BatchWorld
from tests.support.secret_key import REFUSED, KeyCalls, new_key, with_key
from tests.support.webhooks import ADAPTER, SCHEMA, SECRET, deliver, event, new_adapter_bucket
from tests.support.world import World

NEW = "the-new-secret-of-16"
BATCH_SECRET = "the-secret-of-a-batch"
TOKEN, PASSWORD = "the-token-of-the-sender", "the-password-of-the-sender"
CONNECTION = {"api_base_url": "https://example.com", "credentials": {"token": TOKEN, "login": {"password": PASSWORD}}}
SECRETS = (SECRET, NEW, BATCH_SECRET, TOKEN, PASSWORD)


@pytest.fixture
def key(world: World) -> KeyCalls:
    return new_key(world.client)


@pytest.fixture
def run(world: World, key: KeyCalls, monkeypatch: pytest.MonkeyPatch) -> BatchWorld:
    return with_key(world, key, monkeypatch)


@dataclass
class Listening(Api):
    """A client that keeps the texts of its responses, by what the requests may reveal."""

    texts: list[str] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> ApiResponse:
        response = super().call(method, path, body, **more)
        self.texts.append(response.text + str(response.headers))
        return response


class Lost(KeyCalls):
    """A key that did not encrypt the secrets that are stored. moto decrypts with the key in the ciphertext."""

    def __init__(self, key: KeyCalls) -> None:
        super().__init__(key.client, key.arn)
        self.own: set[bytes] = set()

    def encrypt(self, **parameters: Any) -> Any:
        response = super().encrypt(**parameters)
        self.own.add(response["CiphertextBlob"])
        return response

    def decrypt(self, **parameters: Any) -> Any:
        if parameters["CiphertextBlob"] not in self.own:
            raise ClientError(REFUSED, "decrypt")
        return super().decrypt(**parameters)


def listening(run: BatchWorld) -> Listening:
    api = run.api
    return Listening(api.services, api.key, api.namespace)


def values(run: BatchWorld) -> Iterator[str]:
    """Yields every row of both tables as a text."""
    world = run.world
    for table in (world.tables.catalog, world.tables.objects):
        for row in world.client.scan(TableName=table)["Items"]:
            yield json.dumps(row, default=str)


def rows_with(run: BatchWorld, text: str) -> list[str]:
    return [row for row in values(run) if text in row]


def secret_of(run: BatchWorld, bucket: str) -> str:
    """Returns the stored form of the webhook secret of a bucket."""
    partition = next(iter(run.world.services.partitions()))
    adapter = run.world.services.buckets.get(partition, bucket).settings.source_adapter
    assert adapter is not None
    return str(adapter["webhook_secret"])


def processed(run: BatchWorld, api: Api, bucket: str, **submission: Any) -> ApiResponse:
    """Creates an object and a batch with it, submits the batch, and returns the response."""
    made = api.post(f"/v1/buckets/{bucket}/objects", {"title": "M"}).json["object_id"]
    batch = api.post(f"/v1/buckets/{bucket}/batches", {"object_ids": [made]}).json["batch_id"]
    response = api.post(f"/v1/buckets/{bucket}/batches/{batch}/submit", submission)
    assert response.status == 200, response.text
    return response


def test_no_row_no_log_line_and_no_response_contains_a_secret(
    run: BatchWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    api = listening(run)
    body = {"source_adapter": {**ADAPTER, "connection": CONNECTION}, "bucket_name": "films", "bucket_schema": SCHEMA}
    bucket = api.post("/v1/buckets", body).json["bucket_id"]
    path = f"/v1/buckets/{bucket}"
    api.post(f"{path}/source-adapter/rotate-secret", {"webhook_secret": NEW})
    revealing, api.texts = api.texts, []
    assert SECRET in revealing[0]
    assert NEW in revealing[1]
    for secret in (SECRET, NEW):
        assert deliver(run.world, bucket, event(1), secret=secret).status == 200
    assert deliver(run.world, bucket, event(2), secret="a-secret-that-is-wrong").status == 401
    processed(run, api, bucket, webhook_url="https://example.com/done", webhook_secret=BATCH_SECRET)
    run.pump()
    api.patch(path, {"source_adapter": {**ADAPTER, "webhook_secret": "redacted", "connection": None}})
    api.patch(path, {"source_adapter": {**ADAPTER, "webhook_secret": "short", "connection": CONNECTION}})
    for place in (path, f"{path}/source-adapter/status", "/v1/buckets", "/openapi.json"):
        api.get(place)
    for place in ("/v1/buckets/list", f"{path}/batches/list", "/v1/tasks/list", f"{path}/source-adapter/replay"):
        api.post(place, {})
    api.post(f"{path}/source-adapter/test", {"source_adapter": ADAPTER, "payloads": [event(9)]})
    logged = "\n".join(
        f"{record.getMessage()} {getattr(record, 'fields', '')} {record.exc_info}" for record in caplog.records
    )
    assert len(api.texts) > 8
    for secret in SECRETS:
        assert rows_with(run, secret) == [], secret
        assert secret not in logged, secret
        assert [text for text in api.texts if secret in text] == [], secret
    assert [text for text in api.texts if SEALED_PREFIX in text] == []


def test_every_secret_is_encrypted_for_its_bucket(run: BatchWorld, key: KeyCalls) -> None:
    bucket = new_adapter_bucket(run.api, connection=CONNECTION)
    run.api.post(f"/v1/buckets/{bucket}/source-adapter/rotate-secret", {})
    partition = next(iter(run.world.services.partitions()))
    adapter = run.world.services.buckets.get(partition, bucket).settings.source_adapter
    assert adapter is not None
    credentials = adapter["connection"]["credentials"]
    assert all(map(is_sealed, (adapter["webhook_secret"], adapter["previous_secret"], *credentials.values())))
    vault = run.world.services.buckets.adapter_options.vault
    assert vault.reveal(adapter["previous_secret"], bucket) == SECRET
    assert {name: json.loads(vault.reveal(value, bucket)) for name, value in credentials.items()} == {
        "token": TOKEN,
        "login": {"password": PASSWORD},
    }


def test_a_warm_process_verifies_signatures_without_a_call_to_kms(run: BatchWorld, key: KeyCalls) -> None:
    bucket = new_adapter_bucket(run.api)
    run.world.clock.advance(3600)
    assert deliver(run.world, bucket, event(1)).status == 200
    key.calls.clear()
    for number in range(2, 5):
        assert deliver(run.world, bucket, event(number)).status == 200
    assert key.calls == []


def test_a_refusal_takes_the_same_calls_whether_or_not_the_bucket_exists(run: BatchWorld, key: KeyCalls) -> None:
    bucket = new_adapter_bucket(run.api)
    deliver(run.world, "bkt_" + "0" * 16, event(1))  # the first one in the process
    calls = []
    for target, status in ((bucket, 401), ("bkt_" + "1" * 16, 404)):
        run.world.clock.advance(3600)
        key.calls.clear()
        found = [deliver(run.world, target, event(1), secret="a-secret-that-is-wrong").status for _ in range(2)]
        assert found == [status] * 2
        calls.append(list(key.calls))
    assert calls == [["decrypt"], ["decrypt"]]


@pytest.mark.parametrize("exists", [True, False])
def test_without_kms_a_webhook_is_to_be_sent_again(run: BatchWorld, key: KeyCalls, exists: bool) -> None:
    bucket = new_adapter_bucket(run.api)
    run.world.clock.advance(3600)
    with key.failing():
        response = deliver(run.world, bucket if exists else "bkt_" + "0" * 16, event(1))
    assert response.status == 503
    assert response.headers["Retry-After"]
    assert run.api.post(f"/v1/buckets/{bucket}/source-adapter/deliveries/list", {}).json["results"] == []
    assert deliver(run.world, bucket, event(1)).json["status"] == "accepted"


def test_without_kms_no_secret_is_stored(run: BatchWorld, key: KeyCalls) -> None:
    bucket = new_adapter_bucket(run.api)
    with key.failing():
        refused = [
            run.api.post("/v1/buckets", {"bucket_name": "b", "bucket_schema": SCHEMA, "source_adapter": ADAPTER}),
            run.api.post(f"/v1/buckets/{bucket}/source-adapter/rotate-secret", {"webhook_secret": NEW}),
            run.api.patch(f"/v1/buckets/{bucket}", {"source_adapter": {**ADAPTER, "webhook_secret": NEW}}),
        ]
    assert [response.status for response in refused] == [503] * 3
    assert run.api.get("/v1/buckets/b").status == 404
    assert deliver(run.world, bucket, event(1)).status == 200
    assert deliver(run.world, bucket, event(2), secret=NEW).status == 401


def test_secrets_from_before_the_key_are_valid_and_encrypted_with_the_next_write(world: World, run: BatchWorld) -> None:
    bucket = new_adapter_bucket(world.api(), connection=CONNECTION)
    world.api().post(f"/v1/buckets/{bucket}/source-adapter/rotate-secret", {"webhook_secret": NEW})
    assert len(rows_with(run, SECRET)) == len(rows_with(run, NEW)) == 2  # the bucket, and its endpoint
    for number, secret in enumerate((SECRET, NEW)):
        assert deliver(run.world, bucket, event(number), secret=secret).status == 200
    kept = {**CONNECTION, "credentials": dict.fromkeys(CONNECTION["credentials"], "redacted")}
    change = {"source_adapter": {**ADAPTER, "webhook_secret": "redacted", "connection": kept}}
    assert run.api.patch(f"/v1/buckets/{bucket}", change).status == 200
    for secret in (SECRET, NEW, TOKEN, PASSWORD):
        assert rows_with(run, secret) == []
    for number, secret in enumerate((SECRET, NEW)):
        assert deliver(run.world, bucket, event(number, film="x"), secret=secret).status == 200


def test_a_repeated_change_writes_nothing(run: BatchWorld) -> None:
    bucket = new_adapter_bucket(run.api, connection=CONNECTION)
    before = run.api.get(f"/v1/buckets/{bucket}").headers["ETag"]
    for adapter in ({}, {"webhook_secret": "redacted"}):
        body = {"source_adapter": {**ADAPTER, "connection": CONNECTION, **adapter}}
        changed = run.api.patch(f"/v1/buckets/{bucket}", body)
        assert changed.headers["ETag"] == before


def test_a_stored_secret_cannot_be_moved_to_another_bucket(run: BatchWorld) -> None:
    first, second = (new_adapter_bucket(run.api, name=name) for name in ("films", "series"))
    run.api.patch(f"/v1/buckets/{first}", {"source_adapter": {**ADAPTER, "webhook_secret": NEW}})
    stolen = secret_of(run, first)
    services, partition = run.world.services, next(iter(run.world.services.partitions()))
    bucket = services.buckets.get(partition, second)
    adapter = {**(bucket.settings.source_adapter or {}), "webhook_secret": stolen}
    moved = replace(bucket, revision=bucket.revision + 1, settings=bucket.settings.with_adapter(adapter))
    services.buckets.store.replace(partition, bucket, moved)
    assert deliver(run.world, second, event(1), secret=NEW).status == 503


def test_a_secret_of_a_lost_key_can_be_replaced(world: World, run: BatchWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = new_adapter_bucket(run.api, connection=CONNECTION)
    other = with_key(world, Lost(new_key(world.client)), monkeypatch)
    assert deliver(other.world, bucket, event(1)).status == 503
    body = {"webhook_secret": NEW, "grace_seconds": 0}
    assert other.api.post(f"/v1/buckets/{bucket}/source-adapter/rotate-secret", body).status == 200
    assert deliver(other.world, bucket, event(1), secret=NEW).json["status"] == "accepted"
    assert deliver(other.world, bucket, event(2)).status == 401
    change = {"source_adapter": {**ADAPTER, "connection": CONNECTION}}
    assert other.api.patch(f"/v1/buckets/{bucket}", change).status == 200
    assert deliver(other.world, bucket, event(2)).json["status"] == "accepted"


@pytest.mark.parametrize("with_a_key", [True, False])
def test_a_client_cannot_write_what_looks_like_an_encrypted_secret(
    world: World, run: BatchWorld, with_a_key: bool
) -> None:
    api = run.api if with_a_key else world.api()
    bucket, forged = new_adapter_bucket(api), f"{SEALED_PREFIX}AAAAAAAAAAAAAAAA"
    path = f"/v1/buckets/{bucket}"
    made = api.post(f"{path}/objects", {"title": "M"}).json["object_id"]
    batch = api.post(f"{path}/batches", {"object_ids": [made]}).json["batch_id"]
    submission = {"webhook_url": "https://example.com/", "webhook_secret": forged}
    credentials = {"connection": {"credentials": {"token": forged}}}
    for response in (
        api.patch(path, {"source_adapter": {**ADAPTER, "webhook_secret": forged}}),
        api.patch(path, {"source_adapter": {**ADAPTER, **credentials}}),
        api.post(f"{path}/source-adapter/rotate-secret", {"webhook_secret": forged}),
        api.post(f"{path}/batches/{batch}/submit", submission),
    ):
        assert response.status == 422, response.text
        assert response.error["details"]["validation_errors"][0]["type"] == "reserved_prefix"


def test_a_credential_that_is_too_long_to_be_encrypted_is_refused(run: BatchWorld) -> None:
    path = f"/v1/buckets/{new_adapter_bucket(run.api)}"
    for length, status in ((4094, 200), (4095, 422)):
        adapter = {**ADAPTER, "connection": {"credentials": {"token": "x" * length}}}
        assert run.api.patch(path, {"source_adapter": adapter}).status == status


def test_the_webhook_of_a_batch_is_signed_with_its_secret(run: BatchWorld) -> None:
    bucket = new_adapter_bucket(run.api)
    given = processed(run, run.api, bucket, webhook_url="https://example.com/done").json
    secret = given["additional_data"]["webhook_secret"]
    assert rows_with(run, secret) == []
    run.pump()
    (request,) = run.receiver.requests
    headers = {name.lower(): value for name, value in request["headers"].items()}
    signed = sign_webhook(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), request["body"])
    assert signed.items() <= request["headers"].items()


def test_without_kms_the_webhook_of_a_batch_is_sent_later(run: BatchWorld, key: KeyCalls) -> None:
    bucket = new_adapter_bucket(run.api)
    processed(run, run.api, bucket, webhook_url="https://example.com/done", webhook_secret=BATCH_SECRET)
    run.world.clock.advance(3600)
    with key.failing():
        for _ in range(8):
            run.step()
    assert run.receiver.requests == []
    (batch,) = run.api.post(f"/v1/buckets/{bucket}/batches/list", {}).json["results"]
    assert batch["webhook"]["attempts"] >= 1
    assert "encryption" in batch["webhook"]["last_error"]
    run.pump()
    assert len(run.receiver.requests) == 1
