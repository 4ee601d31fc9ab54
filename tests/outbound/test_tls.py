"""With https, the host must have a valid certificate for its name."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.outbound.connection import tls_context
from chalicelib.outbound.errors import RequestFailed, UrlRefused
from tests.outbound.network import OK, PUBLIC, Network, Receiver, receiving, redirect

Servers = Callable[[str], ssl.SSLContext]
Contexts = Callable[[], ssl.SSLContext]


@pytest.fixture
def server_for(tmp_path: Path) -> Servers:
    """Returns the TLS context of a server with a self-signed certificate for a name; `authority.pem` has it too."""

    def create(name: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / "authority.pem").write_bytes(pem)
        (tmp_path / "server.pem").write_bytes(private + pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem")
        return context

    return create


@pytest.fixture
def trusting(tmp_path: Path) -> Callable[[], ssl.SSLContext]:
    """Returns the client's context, which also trusts the certificate of the test."""

    def create() -> ssl.SSLContext:
        context = tls_context()
        context.load_verify_locations(tmp_path / "authority.pem")
        return context

    return create


def test_a_valid_certificate_for_the_name_is_accepted(
    server_for: Servers, trusting: Callable[[], ssl.SSLContext]
) -> None:
    server = server_for("example.com")
    names: list[str | None] = []
    server.sni_callback = lambda connection, name, context: names.append(name)
    with receiving(OK, tls=server) as receiver:
        network = Network(receiver)
        assert network.client(tls=trusting).request("POST", "https://example.com/", body=b"{}").body == b"ok"
    assert names == ["example.com"]
    assert b"Host: example.com\r\n" in receiver.requests[0]
    assert network.connections == [(PUBLIC, 443)]


def test_a_certificate_for_another_name_is_refused(server_for: Servers, trusting: Callable[[], ssl.SSLContext]) -> None:
    with receiving(OK, tls=server_for("other.com")) as receiver, pytest.raises(RequestFailed) as raised:
        Network(receiver).client(tls=trusting).request("POST", "https://example.com/", body=b"{}")
    assert raised.value.reason == "certificate"
    assert receiver.requests == []


def test_a_certificate_for_a_name_is_not_valid_for_the_address(
    server_for: Servers, trusting: Callable[[], ssl.SSLContext]
) -> None:
    with receiving(OK, tls=server_for("example.com")) as receiver, pytest.raises(RequestFailed) as raised:
        Network(receiver).client(tls=trusting).request("GET", f"https://{PUBLIC}/")
    assert raised.value.reason == "certificate"


def test_a_self_signed_certificate_is_refused(server_for: Servers) -> None:
    with receiving(OK, tls=server_for("example.com")) as receiver, pytest.raises(RequestFailed) as raised:
        Network(receiver).client().request("POST", "https://example.com/", body=b"{}")
    assert raised.value.reason == "certificate"
    assert receiver.requests == []


def test_a_host_without_tls_is_a_failed_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(OK)
                accepted.recv(4096)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(RequestFailed) as raised:
            Network(Receiver(listener.getsockname()[1])).client().request("GET", "https://example.com/")
        thread.join()
    assert raised.value.reason == "tls"


def test_a_redirect_from_https_to_http_is_refused(server_for: Servers, trusting: Callable[[], ssl.SSLContext]) -> None:
    with receiving(redirect("http://example.com/"), tls=server_for("example.com")) as receiver:
        network = Network(receiver)
        with pytest.raises(UrlRefused) as raised:
            network.client(tls=trusting).request("POST", "https://example.com/", body=b"{}")
    assert raised.value.reason == "redirect_to_http"
    assert len(network.connections) == 1
