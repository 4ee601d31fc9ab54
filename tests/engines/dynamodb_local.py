"""DynamoDB Local, AWS's own engine: fetched once, and started as a process of its own with nothing in it.

Every access key has a database of its own there, so those who shall see the same rows sign with the same.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
POM = Path(__file__).with_name("pom.xml")
JARS = ROOT / ".local" / "dynamodb"
# Comes last, so it tells that all the jars are there, and of which pom.
FETCHED = JARS / POM.name
MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
OLDEST_JAVA = 17
FETCH_SECONDS = 600
LONGEST_SECONDS = 60


class Unavailable(Exception):
    """This machine cannot run the engine; the words say why."""


def prepare() -> None:
    """Makes sure that there is all it takes to start the engine, and fetches it if it was not. Raises Unavailable."""
    _check_java()
    if not FETCHED.exists() or FETCHED.read_bytes() != POM.read_bytes():
        _fetch()


@contextmanager
def running() -> Iterator[str]:
    """An engine with nothing in it, which has been prepared; gives its address, and ends it in any case."""
    port = free_port()
    options = ["-port", str(port), "-inMemory", "-disableTelemetry"]
    command = [_java(), f"-Djava.library.path={JARS}", "-cp", f"{JARS}/*", MAIN, *options]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            address = f"http://127.0.0.1:{port}"
            if not _comes_up(process, address):
                log.seek(0)
                raise RuntimeError(f"DynamoDB Local does not answer:\n{log.read().decode()}")
            yield address
        finally:
            process.kill()
            process.wait()


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin", "java")) if home else "java"


def _check_java() -> None:
    try:
        told = subprocess.run([_java(), "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"a JDK {OLDEST_JAVA} or newer is needed, and there is no Java") from error
    found = re.search(r'version "(\d+)', told)
    if not found or int(found[1]) < OLDEST_JAVA:
        raise Unavailable(f"a JDK {OLDEST_JAVA} or newer is needed, and this is: {told.strip()}")


def _fetch() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("Maven (mvn) is needed to fetch DynamoDB Local, and there is none")
    shutil.rmtree(JARS, ignore_errors=True)
    command = [maven, "-B", "-q", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={JARS}"]
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=FETCH_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"Maven did not fetch DynamoDB Local in {FETCH_SECONDS} seconds") from error
    if done.returncode:
        raise Unavailable(f"Maven cannot fetch DynamoDB Local:\n{done.stdout}{done.stderr}")
    shutil.copy(POM, FETCHED)


def _comes_up(process: subprocess.Popen[bytes], address: str) -> bool:
    deadline = time.monotonic() + LONGEST_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(address):
            return True
        time.sleep(0.1)
    return False


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # a request without a signature is refused, by somebody who is there
    except OSError:
        return False
    return True
