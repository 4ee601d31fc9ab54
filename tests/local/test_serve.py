"""`make run` and `chalice local` as somebody meets them: real processes, on a copy of the project."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
CHALICE = Path(sysconfig.get_path("scripts")) / "chalice"
MAKE_RUN = [sys.executable, "-m", "chalicelib.local"]
SCHEMA = {"properties": {"title": {"type": "string"}}}
SECONDS = 60.0
POLL = 0.02
EXPORT = re.compile(r"^export (\w+)=(\S+)$", re.MULTILINE)


def until(what: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The first true answer of this question."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(POLL)
    return answer


def listens(port: int) -> bool:
    """Whether anybody does, on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def port() -> int:
    """A port that is free, as is the next; below those that systems give to clients."""
    return next(
        number
        for number in iter(lambda: random.randrange(20000, 30000, 2), None)
        if not listens(number) and not listens(number + 1)
    )


class Running:
    """A server, and what it says."""

    def __init__(self, words: list[str], project: Path, port: int, **environ: str) -> None:
        self.port = port
        self._output = project / f"output-{time.monotonic_ns()}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BUCKETS_")}
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                words,
                cwd=project,
                env={**clean, "BUCKETS_ENGINE": "embedded", "AWS_PROFILE": "nobody-has-this-one", **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        """Everything so far."""
        return self._output.read_text()

    def starts(self) -> int:
        """How many times it said that it is ready."""
        return self.said().count("export MIXPEEK_API_KEY=")

    def ready(self, starts: int = 1) -> Running:
        """Waits until it has said so, this many times, and answers."""
        until(lambda: self.starts() >= starts or self.process.poll() is not None)
        assert self.process.poll() is None, self.said()
        until(lambda: listens(self.port))
        return self

    def exports(self) -> dict[str, str]:
        """What it offered to paste."""
        return dict(EXPORT.findall(self.said()))

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """An API call with the namespace that it offered, and the key, unless another is given."""
        exports = self.exports()
        headers = {
            "Authorization": f"Bearer {key or exports['MIXPEEK_API_KEY']}",
            "X-Namespace": exports["MIXPEEK_NAMESPACE"],
            "Content-Type": "application/json",
        }
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def create(self, name: str) -> None:
        """Creates a bucket."""
        status, answer = self.call("POST", "/v1/buckets", {"bucket_name": name, "bucket_schema": SCHEMA})
        assert status == 200, answer

    def has(self, name: str) -> bool:
        """Whether there is a bucket of this name."""
        return self.call("GET", f"/v1/buckets/{name}")[0] == 200

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to all its processes, as a terminal does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def ended(self) -> int:
        """Waits for its end, and gives its exit code."""
        code = self.process.wait(SECONDS)
        until(lambda: not listens(self.port) and not listens(self.port + 1))
        return code


Run = Callable[..., Running]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what is served, so that nothing happens to the original."""
    copy = tmp_path / "project"
    shutil.copytree(PROJECT / "chalicelib", copy / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    (copy / ".chalice").mkdir()
    for name in ("app.py", ".chalice/config.json", ".chalice/resources.json"):
        shutil.copy(PROJECT / name, copy / name)
    return copy


@pytest.fixture
def run(project: Path, port: int) -> Iterator[Run]:
    """Starts servers of the copy, all at one port, and ends them with the test."""
    started: list[Running] = []

    def run_(*options: str, words: list[str] | None = None, **environ: str) -> Running:
        server = Running([*(words or MAKE_RUN), "--port", str(port), *options], project, port, **environ)
        started.append(server)
        return server

    yield run_
    for server in started:
        server.signal(signal.SIGKILL)
    for server in started:
        server.ended()


def test_the_first_start_says_all_that_a_client_needs_and_the_second_says_the_same(run: Run, project: Path) -> None:
    server = run().ready()
    first = server.exports()
    assert set(first) == {"MIXPEEK_API_KEY", "MIXPEEK_NAMESPACE", "MIXPEEK_BASE_URL"}
    assert first["MIXPEEK_BASE_URL"] == f"http://127.0.0.1:{server.port}/v1"
    assert first["MIXPEEK_NAMESPACE"] == "default"
    server.create("kept")
    server.signal(signal.SIGINT)
    assert server.ended() == 0
    assert "Traceback" not in server.said()
    secrets = [path for path in (project / ".local").iterdir() if path.stat().st_mode & 0o077]
    assert secrets == []

    again = run().ready()
    assert again.exports() == first
    assert again.has("kept")
    again.process.terminate()
    again.ended()
    assert "Traceback" not in again.said()


def test_a_key_of_ones_own_is_taken(run: Run) -> None:
    server = run("--no-autoreload", BUCKETS_DEV_KEY="sk_chosen").ready()
    assert server.exports()["MIXPEEK_API_KEY"] == "sk_chosen"
    server.create("a-bucket")
    server.signal(signal.SIGINT)
    assert server.ended() == 0
    # The data is not lost with the variable: the next key opens the same organization.
    other = run("--no-autoreload").ready()
    assert other.exports()["MIXPEEK_API_KEY"] != "sk_chosen"
    assert other.has("a-bucket")


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize("words", [MAKE_RUN, [str(CHALICE), "local", "--no-autoreload"]], ids=["make run", "chalice"])
def test_a_port_in_use_gives_one_line(run: Run, port: int, taken: int, words: list[str]) -> None:
    with socket.create_server(("127.0.0.1", port + taken)):
        server = run(words=words)
        assert server.process.wait(SECONDS) == 1
    (line,) = server.said().splitlines()
    assert str(port + taken) in line


def test_chalice_local_alone_serves_the_engine_too(run: Run) -> None:
    server = run(words=[str(CHALICE), "local"]).ready()
    server.create("a-bucket")
    assert server.exports()["MIXPEEK_BASE_URL"] == f"http://127.0.0.1:{server.port}/v1"
    server.signal(signal.SIGINT)
    server.ended()
    assert "Traceback" not in server.said()


def test_what_was_answered_before_a_kill_is_there_after_it(run: Run) -> None:
    server = run().ready()
    answered: list[list[str]] = [[], [], []]

    def write(number: int) -> None:
        try:
            while len(answered[number]) < 500:
                name = f"bucket-{number}-{len(answered[number])}"
                server.create(name)
                answered[number].append(name)
        except (OSError, http.client.HTTPException):
            return  # the kill

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    until(lambda: all(len(names) >= 10 for names in answered))
    server.signal(signal.SIGKILL)
    for writer in writers:
        writer.join(SECONDS)
    server.ended()

    again = run().ready()
    lost = [name for names in answered for name in names if not again.has(name)]
    assert lost == []
    status, totals = again.call("GET", "/v1/namespaces/default")
    # One more for each writer whose bucket was made and not answered.
    assert status == 200
    assert 0 <= totals["bucket_count"] - sum(map(len, answered)) <= 3


def test_a_change_of_the_code_reloads_and_keeps_the_data_and_a_write_reloads_nothing(run: Run, project: Path) -> None:
    server = run().ready()
    for number in range(20):
        server.create(f"bucket-{number}")
    changed = project / "chalicelib" / "health" / "checks.py"
    changed.write_text(changed.read_text() + "\n")
    server.ready(starts=2)
    assert all(server.has(f"bucket-{number}") for number in range(20))
    changed.write_text(changed.read_text() + "\n")
    server.ready(starts=3)
    assert server.has("bucket-0")
    assert server.starts() == 3
    assert "Traceback" not in server.said()


def test_a_worker_ends_with_a_reloader_that_was_killed(run: Run) -> None:
    server = run().ready()
    server.process.kill()
    assert server.ended() == -signal.SIGKILL
    run().ready()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("option", ["--autoreload", "--no-autoreload"])
def test_one_process_told_to_end_ends_all_quietly(run: Run, option: str, number: signal.Signals) -> None:
    server = run(option).ready()
    server.process.send_signal(number)
    assert server.ended() == 0
    assert "Traceback" not in server.said()
    assert "Aborted" not in server.said()


@pytest.mark.parametrize("words", [MAKE_RUN, [str(CHALICE), "local"]], ids=["make run", "chalice"])
def test_a_second_server_on_the_same_folder_is_refused_in_one_line(run: Run, project: Path, words: list[str]) -> None:
    first = run("--no-autoreload").ready()
    second = Running([*words, "--no-autoreload", "--port", str(first.port + 2)], project, first.port + 2)
    assert second.process.wait(SECONDS) == 1
    (line,) = second.said().splitlines()
    assert str(project / ".local") in line
    first.create("still-served")


@pytest.mark.parametrize(
    ("name", "value"),
    [("BUCKETS_DEV_KEY", "not-a-key"), ("BUCKETS_LOG_LEVEL", "LOUD"), ("BUCKETS_DATA_DIR", "/dev/null")],
)
def test_a_setting_that_cannot_be_gives_one_line(run: Run, name: str, value: str) -> None:
    server = run(**{name: value})
    assert server.process.wait(SECONDS) == 1
    (line,) = server.said().splitlines()
    assert name in line or value in line


def test_the_command_line_shares_the_folder_with_the_server(run: Run, project: Path) -> None:
    environ = {**os.environ, "BUCKETS_ENGINE": "embedded", "AWS_PROFILE": "nobody-has-this-one"}

    def operate(*words: str) -> Any:
        command = [sys.executable, "-m", "chalicelib.admin", *words, "--json"]
        done = subprocess.run(
            command, cwd=project, env=environ, capture_output=True, text=True, timeout=SECONDS, check=True
        )
        return json.loads(done.stdout)

    organization = operate("organizations", "create", "made before")["organization_id"]
    server = run("--no-autoreload").ready()
    made = operate("keys", "create", "--organization", organization, "--name", "made beside", "--permission", "admin")
    key = max(re.findall(r"sk_[\w-]+", json.dumps(made)), key=len)
    status, answer = server.call("POST", "/v1/namespaces", {"namespace_name": "theirs"}, key=key)
    assert status == 200, answer
    server.signal(signal.SIGKILL)
    server.ended()
    assert [each["name"] for each in operate("keys", "list", "--organization", organization)] == ["made beside"]


@pytest.mark.parametrize("engine", ["embedded", "aws"])
def test_importing_the_application_opens_nothing(project: Path, engine: str) -> None:
    code = "import app, sys; print('chalicelib.local' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**os.environ, "BUCKETS_ENGINE": engine},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert done.stdout == f"{engine == 'embedded'}\n"
    assert not (project / ".local").exists()
