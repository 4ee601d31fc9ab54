"""The queue of files by URL, with a client of boto3: a standard queue with a group for each namespace."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
import pytest

from chalicelib.aws.message_queue import MessagesNotSent
from chalicelib.local.moto.backends import Backends
from chalicelib.mirroring.queue import SENDERS, MirrorMessage, MirrorQueue


def test_the_messages_of_a_namespace_are_a_group_of_a_standard_queue() -> None:
    sqs = boto3.client("sqs", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    Backends().attach(sqs)
    url = sqs.create_queue(QueueName="mirrors")["QueueUrl"]
    partitions = ["NS#org_1.ns_1", "NS#org_1.ns_2", f"NS#{'o' * 64}.{'n' * 64}"]
    MirrorQueue(lambda: sqs, url).send(MirrorMessage(each, "bkt", "obj", "blb", "mir") for each in partitions)
    received = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    )["Messages"]
    assert {message["Attributes"]["MessageGroupId"] for message in received} == {
        "NS#org_1.ns_1",
        "NS#org_1.ns_2",
        f"{'o' * 63}.{'n' * 64}",
    }


class Sqs:
    """Sends a batch only when so many senders send one. `refused` is the number of the batch that fails."""

    def __init__(self, senders: int, refused: int | None = None) -> None:
        self.barrier = threading.Barrier(senders, timeout=10)
        self.batches: list[Sequence[Mapping[str, Any]]] = []
        self.refused = refused

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> Any:
        self.barrier.wait()
        self.batches.append(Entries)
        return {"Failed": [{"Code": "InternalError"}] if self.refused == len(self.batches) else []}

    def send_message(self, **_: Any) -> Any:
        raise AssertionError

    def change_message_visibility(self, **_: Any) -> Any:
        raise AssertionError


def many() -> list[MirrorMessage]:
    return [MirrorMessage("NS#o.n", "bkt", "obj", "blb", f"mir_{number}") for number in range(2 * SENDERS * 10)]


def test_the_many_messages_of_an_event_are_sent_at_the_same_time() -> None:
    sqs = Sqs(SENDERS)
    MirrorQueue(lambda: sqs, "url").send(many())
    bodies = [entry["MessageBody"] for batch in sqs.batches for entry in batch]
    assert (len(sqs.batches), len(set(bodies))) == (2 * SENDERS, len(many()))


def test_a_batch_that_is_not_accepted_fails_the_event() -> None:
    sqs = Sqs(1, refused=3)
    with pytest.raises(MessagesNotSent):
        MirrorQueue(lambda: sqs, "url").send(many())
