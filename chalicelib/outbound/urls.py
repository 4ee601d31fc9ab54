"""The rules for URLs that the service requests for a client, as far as they can be checked without DNS.

URL parsers disagree about unusual URLs, so a check with one parser says little about a request by another
(https://www.rfc-editor.org/rfc/rfc3986#section-7.3). Therefore only plain URLs are accepted, and the request is made
from the parts that were checked, not from the text.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from chalicelib.core.record import record
from chalicelib.outbound.addresses import Address, AddressRule, is_public, is_public_or_local
from chalicelib.outbound.errors import UrlRefused

MAX_URL_CHARS = 2083
MAX_HOST_CHARS = 253  # https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4, without the dot of the root
DEFAULT_PORTS = {"http": 80, "https": 443}
# Below this number are the ports of other protocols, such as mail, whose servers might take a request for a command.
MIN_OTHER_PORT = 1024

# Visible ASCII. Some parsers take a backslash for a slash.
_CHARACTERS = re.compile(r"[!-\[\]-~]+")
_PARTS = re.compile(r"(?P<scheme>[^:/?#]+)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(#.*)?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
# A host that ends with such a label is an IPv4 address for browsers and for the C library, also 127.1 and 0x7f.1
# (https://url.spec.whatwg.org/#ends-in-a-number-checker). A top-level domain is never a number.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Names of private networks: RFC 6761, RFC 6762, RFC 8375, and the domain that ICANN reserved for internal use in 2024.
_LOCAL_DOMAINS = ("localhost", "local", "home.arpa", "internal")


@record
class CheckedUrl:
    """The parts of an accepted URL.

    `host` is in lower case and without brackets, and `address` is its address if it is not a name. `target` has path
    and query as they are sent.
    """

    scheme: str
    host: str
    port: int
    target: str
    address: Address | None

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port. URLs of one origin belong to the same server (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host, and the port unless it is the default, as in the header `Host`."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def check_url(url: str, *, https_only: bool = False, allow_private: bool = False) -> CheckedUrl:
    """Returns the parts of a URL to which the service may make requests. It does not ask the DNS.

    So the addresses of a name are checked later, by `GuardedClient`. `allow_private` accepts names and addresses of
    private networks too. Raises UrlRefused.
    """
    if len(url) > MAX_URL_CHARS:
        raise UrlRefused("url_too_long", f"The URL must have at most {MAX_URL_CHARS} characters")
    if not _CHARACTERS.fullmatch(url):
        raise UrlRefused(
            "url_invalid",
            "The URL must consist of visible ASCII characters without backslashes; encode others with %, and write"
            " an international domain name in its form that begins with xn--",
        )
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise UrlRefused("url_invalid", "The URL must be absolute, such as https://example.com/hook")
    scheme = _check_scheme(parts["scheme"].lower(), https_only=https_only)
    host, port = _host_and_port(parts["authority"], DEFAULT_PORTS[scheme])
    address = _check_host(host, allow_private=allow_private)
    target = parts["target"] if parts["target"].startswith("/") else f"/{parts['target']}"
    return CheckedUrl(scheme, host.strip("[]"), port, target, address)


def address_rule(*, allow_private: bool) -> AddressRule:
    """Returns which addresses the service may connect to."""
    return is_public_or_local if allow_private else is_public


def _check_scheme(scheme: str, *, https_only: bool) -> str:
    schemes = ["https"] if https_only else ["http", "https"]
    if scheme not in schemes:
        raise UrlRefused("url_scheme", f"The URL must start with {' or '.join(f'{each}://' for each in schemes)}")
    return scheme


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise UrlRefused("url_credentials", "The URL must not contain a user name or a password")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise UrlRefused("url_host", "The URL must have a valid host, and a port from 1 to 65535 or none")
    port = int(parts["port"] or default_port)
    if port not in DEFAULT_PORTS.values() and not MIN_OTHER_PORT <= port <= 65_535:
        raise UrlRefused("url_port", f"The port must be 80, 443, or from {MIN_OTHER_PORT} to 65535")
    return parts["host"].lower(), port


def _check_host(host: str, *, allow_private: bool) -> Address | None:
    """Returns the address of a host, or None for a name."""
    if host.startswith("[") or _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        address = _literal_address(host)
        if not address_rule(allow_private=allow_private)(address):
            raise UrlRefused("not_public", "The address is not on the public internet")
        return address
    if len(host) > MAX_HOST_CHARS or not _NAME.fullmatch(host):
        raise UrlRefused("url_host", "The host must be a domain name without a dot at its end, or an IP address")
    if not allow_private and _is_local_name(host):
        raise UrlRefused("not_public", "The host is not on the public internet")
    return None


def _literal_address(host: str) -> Address:
    """Returns the address that a host is. Python accepts only its usual notation, without octal numbers and zones."""
    try:
        return IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
    except AddressValueError as error:
        raise UrlRefused("url_host", "The host looks like an IP address, but is not in its usual notation") from error


def _is_local_name(name: str) -> bool:
    # A name without a dot is only known to a private network: https://www.rfc-editor.org/rfc/rfc7085
    return "." not in name or any(name == domain or name.endswith(f".{domain}") for domain in _LOCAL_DOMAINS)
