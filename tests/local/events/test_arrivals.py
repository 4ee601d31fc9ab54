"""The embedded engine reports files that are stored under the keys of uploads, as S3 does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from botocore.exceptions import ClientError

from chalicelib.local.engine import Engine
from chalicelib.local.events.queues import QueuedMessage
from chalicelib.local.events.wiring import ARRIVAL_MILLISECONDS, arrival_pumps
from chalicelib.local.moto.rows import REGION
from chalicelib.settings import Settings
from tests.local.conftest import Open, killed

BUCKET = Settings().blob_bucket
KEY = "u/upl_01kdvdna07crhfzd/a film & more (ä).mp4"


@pytest.fixture
def s3(engine: Engine) -> Any:
    return engine.s3("http://127.0.0.1:1")


def waiting(engine: Engine) -> Iterator[QueuedMessage]:
    while (message := engine.arrivals.queue.receive()) is not None:
        yield message


def keys_of(engine: Engine) -> list[str]:
    """Returns the keys in the messages, decoded as a consumer decodes them."""
    bodies = [json.loads(message.body) for message in waiting(engine)]
    return [unquote_plus(record["s3"]["object"]["key"]) for body in bodies for record in body["Records"]]


def test_the_message_about_a_staged_file_is_that_of_s3(engine: Engine, s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"film")["ETag"]
    (message,) = waiting(engine)
    (record,) = json.loads(message.body)["Records"]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert record["awsRegion"] == REGION
    assert record["s3"]["bucket"]["name"] == BUCKET
    about = record["s3"]["object"]
    assert about["key"] == "u/upl_01kdvdna07crhfzd/a+film+%26+more+%28%C3%A4%29.mp4"
    assert (about["size"], f'"{about["eTag"]}"') == (4, etag)


def test_only_new_staged_files_are_reported(engine: Engine, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="blobs/b/o/x", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key="ux/1", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")
    s3.get_object(Bucket=BUCKET, Key=KEY)
    s3.copy_object(Bucket=BUCKET, Key="blobs/b/o/y", CopySource={"Bucket": BUCKET, "Key": KEY})
    s3.delete_object(Bucket=BUCKET, Key=KEY)
    s3.create_bucket(Bucket="another")
    s3.put_object(Bucket="another", Key=KEY, Body=b"1")
    assert keys_of(engine) == [KEY]


def test_each_put_to_the_same_key_is_reported_in_order(engine: Engine, s3: Any) -> None:
    for body in (b"a", b"bb"):
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=body)
    found = [json.loads(message.body)["Records"][0]["s3"]["object"] for message in waiting(engine)]
    assert [each["size"] for each in found] == [1, 2]
    assert found[0]["sequencer"] < found[1]["sequencer"]


def test_a_file_that_was_not_saved_is_not_reported(engine: Engine, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("chalicelib.local.journal.files._write", fail)
    with pytest.raises(ClientError, match="disk is full"):
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")
    assert keys_of(engine) == []


def test_staged_files_of_a_killed_process_are_reported_again(engine: Engine, open_engine: Open, tmp_path: Path) -> None:
    client = engine.s3("http://127.0.0.1:1")
    for key in (KEY, "blobs/b/o/x", "u/upl_2/gone"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    client.delete_object(Bucket=BUCKET, Key="u/upl_2/gone")
    again = open_engine(killed(engine, tmp_path / "copy"))
    assert keys_of(again) == []
    arrival_pumps(again, lambda event, context: None, print)
    assert keys_of(again) == [KEY]


def test_a_staged_file_is_delivered_to_the_function_and_again_if_it_fails(engine: Engine, s3: Any) -> None:
    seen: list[tuple[str, int]] = []
    twice = threading.Event()

    def function(event: dict[str, Any], context: Any) -> dict[str, Any]:
        (record,) = event["Records"]
        seen.append(
            (json.loads(record["body"])["Records"][0]["s3"]["object"]["key"], context.get_remaining_time_in_millis())
        )
        if len(seen) == 2:
            twice.set()
            return {"batchItemFailures": []}
        engine.arrivals.queue.postpone(record["messageId"], 0)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}

    (pump,) = arrival_pumps(engine, function, print)
    pump.start()
    s3.put_object(Bucket=BUCKET, Key="u/upl_1/f", Body=b"1")
    assert twice.wait(2)
    pump.stop()
    assert [key for key, _ in seen] == ["u/upl_1/f"] * 2
    assert all(ARRIVAL_MILLISECONDS - 5000 < remaining <= ARRIVAL_MILLISECONDS for _, remaining in seen)
    assert engine.arrivals.queue.delay() is None


def test_without_a_function_files_wait(engine: Engine, s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")
    assert arrival_pumps(engine, None, print) == []
    assert keys_of(engine) == [KEY]
