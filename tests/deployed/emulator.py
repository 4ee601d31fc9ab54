"""ministack as a process of its own, over TLS, with policies enforced."""

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
LONGEST_SECONDS = 60


@dataclass(frozen=True)
class Emulator:
    """A running emulator: where it is, and how it is trusted."""

    address: str
    certificate: str

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to take it for AWS, and nothing else of this machine."""
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
        """A client of one of its services."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.address,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            verify=self.certificate,
        )


def missing() -> list[str]:
    """What these tests need and this machine does not have."""
    return [
        words
        for words, there in (
            ("openssl", shutil.which("openssl")),
            (f"ministack in {PROGRAM.parents[1].relative_to(ROOT)} (make test-deploy installs it)", PROGRAM.exists()),
            ("Linux on x86_64, which the packaged code is for", lambda_package.can_load()),
        )
        if not there
    ]


@contextmanager
def running(folder: Path) -> Iterator[Emulator]:
    """An emulator with nothing in it; what it writes goes to the folder, and it ends with its functions."""
    port = free_port()
    # None of this machine's variables: functions inherit them from the emulator.
    environment = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(folder),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "USE_SSL": "1",  # the bucket policies refuse everything else
        "AUTH": "true",  # functions may do what their roles allow
    }
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM], env=environment, stdout=log, stderr=log, start_new_session=True)
    emulator = Emulator(f"https://127.0.0.1:{port}", str(folder / "ministack-tls" / "server.crt"))
    try:
        eventually(lambda: process.poll() is None and _answers(emulator))
        yield emulator
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=LONGEST_SECONDS)


def eventually(true: Callable[[], bool]) -> None:
    """Waits, within a bound, for what the deployed functions do on their own."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.2)


def _answers(emulator: Emulator) -> bool:
    try:
        trust = ssl.create_default_context(cafile=emulator.certificate)
        with urllib.request.urlopen(f"{emulator.address}/_ministack/health", context=trust, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
