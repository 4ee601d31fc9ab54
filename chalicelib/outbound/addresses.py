"""Which IP addresses the service connects to for a client: only those of the public internet.

`ipaddress.is_global` does not decide this. Its answers differ between releases of Python, and it is true for multicast
and for the prefixes that contain an IPv4 address.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
AddressRule = Callable[[Address], bool]

# https://www.iana.org/assignments/iana-ipv4-special-registry
_SPECIAL_IPV4 = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT (RFC 6598)
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, with the metadata of EC2, ECS and Lambda
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112, name servers for private addresses
        "192.52.193.0/24",  # AMT, relays of multicast
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]

# All unicast addresses of the public internet are in 2000::/3. The rest is unassigned or special: loopback, fc00::/7,
# fe80::/10, multicast, and addresses that contain an IPv4 address (::/96, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48).
# https://www.iana.org/assignments/ipv6-address-space
_PUBLIC_IPV6 = IPv6Network("2000::/3")
# https://www.iana.org/assignments/iana-ipv6-special-registry
_SPECIAL_IPV6 = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocol assignments: Teredo, which contains an IPv4 address, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which contains an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation (RFC 9637)
    )
]

# What a receiver on the machine or in the network of a developer has. Link-local addresses and fd00:ec2::/32 are not
# in this list, because instances and functions get credentials from there.
_LOCAL_IPV4 = [IPv4Network(network) for network in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
_LOCAL_IPV6 = [IPv6Network(network) for network in ("::1/128", "fc00::/7")]
_METADATA_IPV6 = IPv6Network("fd00:ec2::/32")


def is_public(address: Address) -> bool:
    """Returns whether this is a unicast address of the public internet that contains no other address."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    if address.scope_id is not None or address not in _PUBLIC_IPV6:
        return False
    return not any(address in network for network in _SPECIAL_IPV6)


def is_public_or_local(address: Address) -> bool:
    """Returns whether this is a public address, or a loopback or private one. For development only."""
    return is_public(address) or _is_local(address)


def _is_local(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return any(address in network for network in _LOCAL_IPV4)
    return any(address in network for network in _LOCAL_IPV6) and address not in _METADATA_IPV6


def parse_address(text: str) -> Address:
    """Returns the address of its usual notation. Raises ValueError for a short, octal or hexadecimal IPv4 address."""
    return ip_address(text)
