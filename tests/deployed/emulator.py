"""Runs the emulator ministack in a separate process, with TLS and with enforced IAM policies."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

import lambda_package
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / ".local" / "ministack" / "bin" / "ministack"
REGION = "eu-central-1"
TIME_LIMIT_SECONDS = 60


@dataclass(frozen=True)
class Emulator:
    """The address of a running emulator, the path of its certificate, and the id of its process."""

    address: str
    certificate: str
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program that uses the emulator as AWS, without other variables of this machine."""
        return {
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CA_BUNDLE": self.certificate,
            "SSL_CERT_FILE": self.certificate,
        }

    def client(self, service: str) -> Any:
        """Returns a client for one of its services."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.address,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            verify=self.certificate,
        )


def missing() -> list[str]:
    """Returns the requirements of these tests that this machine does not meet."""
    return [
        requirement
        for requirement, condition_holds in (
            ("openssl", shutil.which("openssl")),
            (f"ministack in {PROGRAM.parents[1].relative_to(ROOT)} (make test-deploy installs it)", PROGRAM.exists()),
            ("Linux on x86_64, because the package is compiled for it", lambda_package.can_load()),
        )
        if not condition_holds
    ]


@contextmanager
def running(folder: Path) -> Iterator[Emulator]:
    """Runs an empty emulator, which writes to this folder. At the end it is stopped together with its functions."""
    port = free_port()
    # Without the variables of this machine, which functions would inherit from the emulator.
    environment = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "USE_SSL": "1",  # the bucket policies deny requests without TLS
        "AUTH": "true",  # enforces the policies of the roles of functions
    }
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM], env=environment, stdout=log, stderr=log, start_new_session=True)
    emulator = Emulator(f"https://127.0.0.1:{port}", str(folder / "ministack-tls" / "server.crt"), process.pid)
    try:
        eventually(lambda: process.poll() is None and _responds(emulator))
        yield emulator
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=TIME_LIMIT_SECONDS)


def eventually(condition: Callable[[], bool]) -> None:
    """Waits until a condition is true, because deployed functions work asynchronously. Fails after the time limit."""
    deadline = time.monotonic() + TIME_LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition is still false"
        time.sleep(0.2)


def _responds(emulator: Emulator) -> bool:
    try:
        trust = ssl.create_default_context(cafile=emulator.certificate)
        with urllib.request.urlopen(f"{emulator.address}/_ministack/health", context=trust, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
