"""The client makes no connection to an address that is not public."""

from __future__ import annotations

import socket
import threading

import pytest

from chalicelib.outbound.client import GuardedClient
from chalicelib.outbound.errors import OutboundError, RequestFailed, UrlRefused
from chalicelib.outbound.resolving import system_addresses
from tests.outbound.hostile_urls import REBOUND, WRITTEN
from tests.outbound.network import OK, OTHER_PUBLIC, PUBLIC, Network, receiving


@pytest.mark.parametrize("url", WRITTEN)
def test_a_hostile_url_is_neither_looked_up_nor_connected_to(url: str) -> None:
    network = Network()
    with pytest.raises(UrlRefused):
        network.client().request("GET", url)
    assert (network.lookups, network.connections) == ([], [])


@pytest.mark.parametrize(("url", "address"), REBOUND.items())
def test_a_name_of_an_address_that_is_not_public_is_refused(url: str, address: str) -> None:
    network = Network(answers=[[address]])
    with pytest.raises(UrlRefused) as raised:
        network.client().request("POST", url, body=b"{}")
    assert raised.value.reason == "not_public"
    assert network.connections == []


@pytest.mark.parametrize("answer", [[PUBLIC, "10.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, OTHER_PUBLIC, "::1"]])
def test_a_name_with_public_and_private_addresses_is_refused(answer: list[str]) -> None:
    network = Network(answers=[answer])
    with pytest.raises(UrlRefused):
        network.client().request("GET", "https://mixed.example.com/")
    assert network.connections == []


def test_the_connection_is_made_to_the_address_that_was_checked() -> None:
    with receiving(OK, OK) as receiver:
        network = Network(receiver, answers=[[PUBLIC], ["127.0.0.1"]])
        client = network.client()
        client.request("GET", "http://rebinding.example.com/")
        assert network.lookups == ["rebinding.example.com"]
        assert network.connections == [(PUBLIC, 80)]
        with pytest.raises(UrlRefused):
            client.request("GET", "http://rebinding.example.com/")
    assert network.connections == [(PUBLIC, 80)]


def test_the_error_does_not_contain_the_address() -> None:
    network = Network(answers=[["10.11.12.13"]])
    with pytest.raises(UrlRefused) as raised:
        network.client().request("GET", "https://vpc.example.com/")
    assert "10.11.12.13" not in raised.value.text + raised.value.reason + str(raised.value)


@pytest.mark.parametrize("answers", [[[]], [["not an address"]]])
def test_a_name_without_an_address_looks_like_one_of_a_private_network(answers: list[list[str]]) -> None:
    with pytest.raises(RequestFailed) as unknown:
        Network(answers=answers).client().request("GET", "https://internal.example.com/")
    with pytest.raises(UrlRefused) as private:
        Network(answers=[["10.0.0.1"]]).client().request("GET", "https://internal.example.com/")
    assert unknown.value.text == private.value.text


def test_a_failed_lookup_is_a_failed_request() -> None:
    def resolve(host: str) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(RequestFailed) as raised:
        GuardedClient(resolve=resolve, connect=Network().connect).request("GET", "https://unknown.example.com/")
    assert raised.value.reason == "unresolved"


def test_the_next_address_is_tried_if_one_does_not_accept() -> None:
    with receiving(OK) as receiver:
        network = Network(receiver, answers=[[OTHER_PUBLIC, PUBLIC]])
        tried = []

        def connect(address: object, port: int, seconds: float) -> socket.socket:
            tried.append((str(address), seconds))
            if len(tried) == 1:
                raise OSError("no route to host")
            return network.connect(address, port, seconds)  # type: ignore[arg-type]

        client = GuardedClient(resolve=network.resolve, connect=connect)
        assert client.request("GET", "http://example.com/", timeout_seconds=10).status == 200
    assert [address for address, _ in tried] == [OTHER_PUBLIC, PUBLIC]
    # The first address may use half of the time only.
    assert tried[0][1] <= 5 < tried[1][1]


def test_an_address_that_nobody_listens_on_is_a_failed_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(RequestFailed) as raised:
        GuardedClient(allow_private=True).request("GET", f"http://127.0.0.1:{port}/")
    assert raised.value.reason == "unreachable"


def test_a_developer_may_permit_a_receiver_on_this_machine() -> None:
    with receiving(OK) as receiver:
        url = f"http://localhost:{receiver.port}/hook"
        assert GuardedClient(allow_private=True, resolve=lambda host: ["127.0.0.1"]).request("POST", url).body == b"ok"
        with pytest.raises(OutboundError):
            GuardedClient().request("POST", url)


def test_the_resolver_of_the_system_gives_addresses() -> None:
    assert "127.0.0.1" in system_addresses("127.0.0.1")


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with receiving(OK) as receiver:
        assert Network(receiver).client().request("GET", "http://example.com/").status == 200
    assert receiver.requests[0].startswith(b"GET / HTTP/1.1\r\n")


def test_a_client_can_be_used_by_several_threads() -> None:
    with receiving(*[OK] * 4) as receiver:
        client = Network(receiver).client()
        statuses: list[int] = []
        threads = [
            threading.Thread(target=lambda: statuses.append(client.request("GET", "http://example.com/").status))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 4
