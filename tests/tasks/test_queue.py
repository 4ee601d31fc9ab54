"""The task queue against the SQS of moto, through the service's own client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.aws.clients import sqs_client
from chalicelib.aws.queue_events import UnreadableMessage
from chalicelib.local.moto.backends import Backends
from chalicelib.settings import Settings
from chalicelib.tasks.queue import TaskQueue, read


@dataclass(frozen=True)
class MotoQueue:
    """A client of SQS in moto, and the task queue that uses it."""

    client: Any
    queue: TaskQueue

    def receive(self) -> list[dict[str, Any]]:
        """Receives the visible messages, in the form in which Lambda delivers them."""
        response = self.client.receive_message(
            QueueUrl=self.queue.url, MessageSystemAttributeNames=["All"], AttributeNames=["All"], MaxNumberOfMessages=10
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
            }
            for message in response.get("Messages", [])
        ]


@pytest.fixture
def moto_queue() -> MotoQueue:
    client: Any = sqs_client(Settings())
    Backends().attach(client)
    url = client.create_queue(QueueName="tasks", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    return MotoQueue(client, TaskQueue(lambda: client, url))


def test_a_message_contains_its_task_and_its_receive_count(moto_queue: MotoQueue) -> None:
    moto_queue.queue.send("int_1", "task_1")
    (record,) = moto_queue.receive()
    message = read(record)
    assert (message.organization, message.task_id, message.receive_count) == ("int_1", "task_1", 1)
    assert not message.is_near_dead_letter_limit


def test_a_delayed_message_is_not_received_yet(moto_queue: MotoQueue) -> None:
    moto_queue.queue.send("int_1", "task_1", delay_seconds=5000)
    assert moto_queue.receive() == []


def test_a_postponed_message_is_received_again(moto_queue: MotoQueue) -> None:
    moto_queue.queue.send("int_1", "task_1")
    (record,) = moto_queue.receive()
    assert moto_queue.receive() == []
    moto_queue.queue.postpone(record, 0)
    (again,) = moto_queue.receive()
    assert read(again).receive_count == 2


def test_postponing_an_unknown_message_raises_nothing(moto_queue: MotoQueue) -> None:
    moto_queue.queue.postpone({"messageId": "m", "receiptHandle": "unknown"}, 10)
    moto_queue.queue.postpone({"messageId": "m"}, 10)


@pytest.mark.parametrize("record", [{}, {"body": None}, {"body": "null"}, {"body": '{"organization": "int_1"}'}])
def test_a_message_without_a_task_is_unreadable(record: dict[str, Any]) -> None:
    with pytest.raises(UnreadableMessage):
        read({"messageId": "m", **record})
