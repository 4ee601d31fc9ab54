"""Only addresses of the public internet are public."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.outbound.addresses import is_public, is_public_or_local

# Prefixes, and the number of bits after the IPv4 address that the addresses contain.
WITH_IPV4 = [
    ("::", 0),
    ("::ffff:0:0", 0),
    ("::ffff:0:0:0", 0),
    ("64:ff9b::", 0),
    ("64:ff9b:1::", 0),
    ("2002::", 80),  # 6to4
    ("2001::", 64),  # the server of Teredo
    ("2001::", 0),  # the client of Teredo
]


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1"]
)
def test_addresses_of_the_internet_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", ["2606:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888", "2001:200::1"])
def test_ipv6_addresses_of_the_internet_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses())
@example(ip_address("100.64.0.1"))
@example(ip_address("198.19.255.255"))
def test_no_public_address_is_special_for_python(address: IPv4Address | IPv6Address) -> None:
    special = (
        not address.is_global
        or address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or (isinstance(address, IPv6Address) and address.is_site_local)
    )
    assert not (special and is_public(address))


@given(st.ip_addresses(v=4))
def test_most_global_ipv4_addresses_are_public(address: IPv4Address) -> None:
    refused_here = ("192.0.0.", "192.31.196.", "192.52.193.", "192.88.99.", "192.175.48.")
    if address.is_global and not address.is_multicast and not str(address).startswith(refused_here):
        assert is_public(address)


@given(st.sampled_from(WITH_IPV4), st.ip_addresses(v=4))
def test_an_ipv6_address_that_contains_an_ipv4_address_is_not_public(
    form: tuple[str, int], contained: IPv4Address
) -> None:
    prefix, shift = form
    assert not is_public(IPv6Address(int(IPv6Address(prefix)) | int(contained) << shift))


@given(st.ip_addresses(v=6))
def test_ipv6_addresses_outside_the_unicast_prefix_are_not_public(address: IPv6Address) -> None:
    if address not in IPv6Network("2000::/3"):
        assert not is_public(address)


def test_an_address_with_a_zone_is_not_public() -> None:
    assert not is_public(IPv6Address("2606:4700::1111%eth0"))


@pytest.mark.parametrize("text", ["127.0.0.1", "10.1.2.3", "172.17.0.1", "192.168.0.9", "::1", "fd12::1", "8.8.8.8"])
def test_a_developer_may_permit_loopback_and_private_addresses(text: str) -> None:
    assert is_public_or_local(ip_address(text))


@pytest.mark.parametrize(
    "text", ["169.254.169.254", "169.254.170.2", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::", "224.0.0.1"]
)
def test_a_developer_cannot_permit_the_metadata_of_instances(text: str) -> None:
    assert not is_public_or_local(ip_address(text))
