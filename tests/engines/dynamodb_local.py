"""Downloads DynamoDB Local, the engine by AWS, and runs it in a separate process without data.

DynamoDB Local has a separate database for each access key. Clients that share data use the same key.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from tests.engines.servers import Unavailable, serving
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
POM = Path(__file__).with_name("pom.xml")
JARS = ROOT / ".local" / "dynamodb"
# Copied after all jars, so it shows that the download is complete, and for which pom.xml.
FETCHED = JARS / POM.name
MAIN = "software.amazon.dynamodb.services.local.main.ServerRunner"
MIN_JAVA_VERSION = 17
FETCH_SECONDS = 600


def prepare() -> None:
    """Checks the requirements of the engine, and downloads it if necessary. Raises Unavailable."""
    _check_java()
    if not FETCHED.exists() or FETCHED.read_bytes() != POM.read_bytes():
        _fetch()


def running() -> AbstractContextManager[str]:
    """Runs an engine without data, after `prepare`, and yields its URL. The engine is always stopped at the end."""
    port = free_port()
    options = ["-port", str(port), "-inMemory", "-disableTelemetry"]
    command = [_java(), f"-Djava.library.path={JARS}", "-cp", f"{JARS}/*", MAIN, *options]
    return serving("DynamoDB Local", command, f"http://127.0.0.1:{port}")


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home, "bin", "java")) if home else "java"


def _check_java() -> None:
    try:
        output = subprocess.run([_java(), "-version"], capture_output=True, text=True, check=True).stderr
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(f"JDK {MIN_JAVA_VERSION} or newer is required, and Java is not installed") from error
    found = re.search(r'version "(\d+)', output)
    if not found or int(found[1]) < MIN_JAVA_VERSION:
        raise Unavailable(f"JDK {MIN_JAVA_VERSION} or newer is required, and this is: {output.strip()}")


def _fetch() -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("Maven (mvn) is required to download DynamoDB Local, and is not installed")
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
