"""The queue of tasks as a real queue has it, through the service's own client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.aws.clients import sqs_client
from chalicelib.local.moto.backends import Backends
from chalicelib.settings import Settings
from chalicelib.tasks.queue import TaskQueue, UnreadableMessage, read


@dataclass(frozen=True)
class Real:
    """A queue of moto's, and the service's view of it."""

    client: Any
    queue: TaskQueue

    def receive(self) -> list[dict[str, Any]]:
        """The messages that may be seen, as Lambda hands them on."""
        answer = self.client.receive_message(
            QueueUrl=self.queue.url, MessageSystemAttributeNames=["All"], AttributeNames=["All"], MaxNumberOfMessages=10
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
            }
            for message in answer.get("Messages", [])
        ]


@pytest.fixture
def real() -> Real:
    client: Any = sqs_client(Settings())
    Backends().attach(client)
    url = client.create_queue(QueueName="tasks", Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    return Real(client, TaskQueue(lambda: client, url))


def test_a_message_contains_its_task_and_its_receive_count(real: Real) -> None:
    real.queue.send("int_1", "task_1")
    (record,) = real.receive()
    message = read(record)
    assert (message.organization, message.task_id, message.receive_count) == ("int_1", "task_1", 1)
    assert not message.is_near_dead_letter_limit


def test_a_delayed_message_is_not_received_yet(real: Real) -> None:
    real.queue.send("int_1", "task_1", delay_seconds=5000)
    assert real.receive() == []


def test_a_postponed_message_is_received_again(real: Real) -> None:
    real.queue.send("int_1", "task_1")
    (record,) = real.receive()
    assert real.receive() == []
    real.queue.postpone(record, 0)
    (again,) = real.receive()
    assert read(again).receive_count == 2


def test_postponing_an_unknown_message_raises_nothing(real: Real) -> None:
    real.queue.postpone({"messageId": "m", "receiptHandle": "unknown"}, 10)
    real.queue.postpone({"messageId": "m"}, 10)


@pytest.mark.parametrize("record", [{}, {"body": None}, {"body": "null"}, {"body": '{"organization": "int_1"}'}])
def test_a_message_without_a_task_is_unreadable(record: dict[str, Any]) -> None:
    with pytest.raises(UnreadableMessage):
        read({"messageId": "m", **record})
