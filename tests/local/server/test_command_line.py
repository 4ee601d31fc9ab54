"""The operator's command line on the data folder of the local server, while it runs and while it does not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.local.server.conftest import Run
from tests.support.running import TIMEOUT_SECONDS, wait_until

# A process of the operator, which uses the services without HTTP.
DELETES = """
import sys
from chalicelib.admin.services import services
(partition,) = services().partitions()
services().objects.delete(partition, "posters", sys.argv[1])
"""


def test_writes_of_other_processes_are_counted_with_and_without_a_running_server(run: Run, project: Path) -> None:
    environ = {**os.environ, "BUCKETS_ENGINE": "embedded", "AWS_PROFILE": "nobody-has-this-one"}

    def delete(object_id: str) -> None:
        command = [sys.executable, "-c", DELETES, object_id]
        subprocess.run(command, cwd=project, env=environ, capture_output=True, timeout=TIMEOUT_SECONDS, check=True)

    server = run("--no-autoreload").ready()
    server.create("posters")
    objects = [server.add("posters", f"title {number}") for number in range(3)]
    delete(objects[0])
    wait_until(lambda: server.counts("posters") == (2, 2))
    server.signal(signal.SIGTERM)
    assert server.wait_for_exit() == 0
    delete(objects[1])
    assert (project / ".local" / "streams.json").exists()
    assert run("--no-autoreload").ready().counts("posters") == (1, 1)


def test_the_command_line_shares_the_folder_with_the_server(run: Run, project: Path) -> None:
    environ = {**os.environ, "BUCKETS_ENGINE": "embedded", "AWS_PROFILE": "nobody-has-this-one"}

    def operate(*arguments: str) -> Any:
        command = [sys.executable, "-m", "chalicelib.admin", *arguments, "--json"]
        done = subprocess.run(
            command, cwd=project, env=environ, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True
        )
        return json.loads(done.stdout)

    server = run("--no-autoreload").ready()
    server.signal(signal.SIGINT)
    assert server.wait_for_exit() == 0
    organization = operate("organizations", "create", "made before")["organization_id"]
    server = run("--no-autoreload").ready()
    created = operate(
        "keys", "create", "--organization", organization, "--name", "made beside", "--permission", "admin"
    )
    key = max(re.findall(r"sk_[\w-]+", json.dumps(created)), key=len)
    status, body = server.call("POST", "/v1/namespaces", {"namespace_name": "theirs"}, key=key)
    assert status == 200, body
    server.signal(signal.SIGKILL)
    server.wait_for_exit()
    assert [each["name"] for each in operate("keys", "list", "--organization", organization)] == ["made beside"]


@pytest.mark.parametrize(
    "words", [["organizations", "list"], ["organizations", "create", "Film archive"], ["tasks", "list"]]
)
@pytest.mark.parametrize("folder", ["missing", "other"])
def test_a_command_for_a_folder_without_an_engine_fails_and_creates_nothing(
    project: Path, folder: str, words: list[str]
) -> None:
    (project / "other").mkdir()
    (project / "other" / "a-file").write_text("")
    environ = {**os.environ, "BUCKETS_ENGINE": "embedded", "BUCKETS_DATA_DIR": folder}
    command = [sys.executable, "-m", "chalicelib.admin", *words]
    if words[0] == "tasks":
        command += ["--organization", "int_1"]
    done = subprocess.run(
        command, cwd=project, env=environ, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert str(project / folder) in line
    assert not (project / "missing").exists()
    assert [path.name for path in (project / "other").iterdir()] == ["a-file"]
