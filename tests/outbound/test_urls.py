"""What the text of a URL says about it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.outbound.addresses import is_public
from chalicelib.outbound.errors import UrlRefused
from chalicelib.outbound.urls import check_url
from tests.outbound.hostile_urls import WRITTEN


@pytest.mark.parametrize("url", WRITTEN)
def test_a_hostile_url_is_refused_without_dns(url: str) -> None:
    with pytest.raises(UrlRefused) as raised:
        check_url(url)
    assert raised.value.reason
    assert raised.value.text[0].isupper()


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("http://example.com", "example.com", "/"),
        ("HTTPS://Example.COM/Path?q=1#part", "example.com", "/Path?q=1"),
        ("https://example.com:443/", "example.com", "/"),
        ("http://example.com:443/", "example.com:443", "/"),
        ("https://example.com:8443?a=b@c/d", "example.com:8443", "/?a=b@c/d"),
        ("https://_hook.xn--bcher-kva.example/%20", "_hook.xn--bcher-kva.example", "/%20"),
        ("http://8.8.8.8:8080/x", "8.8.8.8:8080", "/x"),
        ("http://[2606:4700::1111]/x", "[2606:4700::1111]", "/x"),
        ("http://[2606:4700::1111]:8080/x", "[2606:4700::1111]:8080", "/x"),
        ("https://1e100.net/", "1e100.net", "/"),
        ("https://0x7f.example.com/", "0x7f.example.com", "/"),
    ],
)
def test_an_accepted_url_is_read_into_its_parts(url: str, authority: str, target: str) -> None:
    checked = check_url(url)
    assert (checked.authority, checked.target) == (authority, target)
    assert check_url(str(checked)) == checked


def test_https_can_be_required() -> None:
    assert check_url("https://example.com/", https_only=True).scheme == "https"
    with pytest.raises(UrlRefused, match=r"must start with https://$"):
        check_url("http://example.com/", https_only=True)


@pytest.mark.parametrize(
    "url", ["http://localhost:9000/", "http://127.0.0.1:9000/", "http://receiver:9000/", "http://[::1]:9000/"]
)
def test_a_developer_may_permit_hosts_of_private_networks(url: str) -> None:
    assert str(check_url(url, allow_private=True)) == url


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://2130706433/", "http://user@localhost/", "file:///x"]
)
def test_a_developer_cannot_permit_anything_else(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url, allow_private=True)


@given(st.ip_addresses())
def test_an_address_is_accepted_if_it_is_public(address: object) -> None:
    text = str(address)
    url = f"http://[{text}]/" if ":" in text else f"http://{text}/"
    if is_public(ip_address(text)):
        assert check_url(url).address == address
    else:
        with pytest.raises(UrlRefused):
            check_url(url)


@given(st.text(alphabet="htps:/@\\.[]%#?0127xaé。\t :-", max_size=30) | st.text(max_size=30))
def test_any_text_is_accepted_or_refused(rest: str) -> None:
    for url in (rest, f"http://{rest}"):
        try:
            checked = check_url(url)
        except UrlRefused:
            continue
        assert check_url(str(checked)) == checked
