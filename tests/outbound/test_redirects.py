"""Redirects are checked like the first URL."""

from __future__ import annotations

import pytest

from chalicelib.outbound.errors import RequestFailed, UrlRefused
from tests.outbound.network import OK, PUBLIC, Network, receiving, redirect

HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer abc", "webhook-signature": "v1,abc"}


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_keeps_method_body_and_headers_within_an_origin(status: int) -> None:
    with receiving(redirect("/new?a=1", status), OK) as receiver:
        client = Network(receiver).client()
        response = client.request("POST", "http://example.com/old", headers=HEADERS, body=b"{}")
    assert response.body == b"ok"
    first, second = receiver.requests
    assert second == first.replace(b"/old", b"/new?a=1")


@pytest.mark.parametrize("location", ["http://other.example.com/", "http://example.com:8080/", "//other.example.com/"])
def test_a_redirect_to_another_origin_gets_only_general_headers(location: str) -> None:
    with receiving(redirect(location), OK) as receiver:
        Network(receiver).client().request("POST", "http://example.com/", headers=HEADERS, body=b"{}")
    second = receiver.requests[1]
    assert second.endswith(b"\r\n\r\n{}")
    assert b"Content-Type: application/json" in second
    assert b"Authorization" not in second
    assert b"webhook-signature" not in second


def test_headers_that_were_left_out_are_not_sent_after_a_redirect_back() -> None:
    with receiving(redirect("http://other.example.com/"), redirect("http://example.com/"), OK) as receiver:
        Network(receiver).client().request("POST", "http://example.com/", headers=HEADERS)
    assert b"Authorization" not in receiver.requests[2]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://2130706433/",
        "//localhost/",
        "http://user@example.com/",
        "http://[bad/",
        "file:///etc/passwd",
        "http://example.com:22/",
        "/\\127.0.0.1/",
        "http://exam\tple.com/",
        "http://b\u00fccher.example/",
    ],
)
def test_a_redirect_to_a_hostile_url_is_refused(location: str) -> None:
    with receiving(redirect(location)) as receiver:
        network = Network(receiver)
        with pytest.raises(UrlRefused):
            network.client().request("POST", "http://example.com/", body=b"{}")
    assert network.connections == [(PUBLIC, 80)]


def test_a_redirect_to_a_name_with_a_private_address_is_refused() -> None:
    with receiving(redirect("http://inside.example.com/")) as receiver:
        network = Network(receiver, answers=[[PUBLIC], ["10.0.0.1"]])
        with pytest.raises(UrlRefused):
            network.client().request("POST", "http://example.com/", body=b"{}")
    assert network.connections == [(PUBLIC, 80)]


def test_each_redirect_is_looked_up_again() -> None:
    with receiving(redirect("/second")) as receiver:
        network = Network(receiver, answers=[[PUBLIC], ["127.0.0.1"]])
        with pytest.raises(UrlRefused):
            network.client().request("GET", "http://rebinding.example.com/")
    assert network.connections == [(PUBLIC, 80)]


def test_three_redirects_are_followed() -> None:
    with receiving(redirect("/2"), redirect("/3"), redirect("/4"), OK) as receiver:
        assert Network(receiver).client().request("GET", "http://example.com/1").status == 200


def test_a_redirect_loop_ends() -> None:
    with receiving(*[redirect("/")] * 9) as receiver:
        network = Network(receiver)
        with pytest.raises(RequestFailed) as raised:
            network.client().request("POST", "http://example.com/", body=b"{}")
    assert raised.value.reason == "too_many_redirects"
    assert len(network.connections) == 4


@pytest.mark.parametrize("status", [301, 302, 303])
def test_other_redirects_are_the_answer_to_a_post_but_are_followed_by_a_get(status: int) -> None:
    with receiving(redirect("/new", status), redirect("/new", status), OK) as receiver:
        client = Network(receiver).client()
        assert client.request("POST", "http://example.com/", body=b"{}").status == status
        assert client.request("GET", "http://example.com/").status == 200


@pytest.mark.parametrize("status", [300, 304, 305, 307])
def test_a_response_that_leads_nowhere_is_the_answer(status: int) -> None:
    with receiving(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode()) as receiver:
        assert Network(receiver).client().request("GET", "http://example.com/").status == status


def test_https_can_be_required_of_redirects() -> None:
    with receiving(redirect("http://example.com/")) as receiver:
        network = Network(receiver)
        with pytest.raises(UrlRefused):
            network.client(https_only=True).request("POST", "http://example.com/")
    assert network.connections == []
