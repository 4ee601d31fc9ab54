"""Runs `make run` and `chalice local` as real processes, on a copy of the project."""

from __future__ import annotations

import http.client
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from chalicelib.local.engine import Engine
from chalicelib.settings import Settings
from tests.support.dependencies import packages
from tests.support.ports import free_pair, listens
from tests.support.running import TIMEOUT_SECONDS, ServerProcess, wait_until

PROJECT = Path(__file__).parents[3]
CHALICE = Path(sysconfig.get_path("scripts")) / "chalice"
MAKE_RUN = [sys.executable, "-m", "chalicelib.local"]
# `chalice.cli` imports the other two, which query the terminal and wait for its response.
TERMINAL_MODULES = {"chalice.cli", "inquirer", "blessed"}


@pytest.fixture
def port() -> int:
    return free_pair()


Run = Callable[..., ServerProcess]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Returns a copy of the files that the server needs, so that tests do not change the original."""
    copy = tmp_path / "project"
    # Compiled files are copied too, except those that another process is writing.
    shutil.copytree(PROJECT / "chalicelib", copy / "chalicelib", ignore=shutil.ignore_patterns("*.pyc.*"))
    (copy / ".chalice").mkdir()
    for name in ("app.py", ".chalice/config.json", ".chalice/resources.json"):
        shutil.copy(PROJECT / name, copy / name)
    return copy


@pytest.fixture
def run(project: Path, port: int) -> Iterator[Run]:
    """Returns a function that starts a server of the copy. All use one port, and end with the test."""
    started: list[ServerProcess] = []

    def run_(
        *options: str, program: list[str] | None = None, terminal: int | None = None, **environ: str
    ) -> ServerProcess:
        command = [*(program or MAKE_RUN), "--port", str(port), *options]
        server = ServerProcess(command, project, port, terminal=terminal, **environ)
        started.append(server)
        return server

    yield run_
    for server in started:
        server.signal(signal.SIGKILL)
    for server in started:
        server.wait_for_exit()


def test_each_start_prints_the_same_settings_for_clients(run: Run, project: Path) -> None:
    server = run().ready()
    first = server.exports()
    assert set(first) == {"MIXPEEK_API_KEY", "MIXPEEK_NAMESPACE", "MIXPEEK_BASE_URL"}
    assert first["MIXPEEK_BASE_URL"] == f"http://127.0.0.1:{server.port}/v1"
    assert first["MIXPEEK_NAMESPACE"] == "default"
    server.create("kept")
    server.signal(signal.SIGINT)
    assert server.wait_for_exit() == 0
    assert "Traceback" not in server.output_text()
    secrets = [path for path in (project / ".local").iterdir() if path.stat().st_mode & 0o077]
    assert secrets == []

    again = run().ready()
    assert again.exports() == first
    assert again.has("kept")
    again.process.terminate()
    again.wait_for_exit()
    assert "Traceback" not in again.output_text()


def test_the_key_in_the_environment_is_used(run: Run) -> None:
    server = run("--no-autoreload", BUCKETS_DEV_KEY="sk_chosen").ready()
    assert server.exports()["MIXPEEK_API_KEY"] == "sk_chosen"
    server.create("a-bucket")
    server.signal(signal.SIGINT)
    assert server.wait_for_exit() == 0
    # Without the variable, another key gives access to the same organization.
    other = run("--no-autoreload").ready()
    assert other.exports()["MIXPEEK_API_KEY"] != "sk_chosen"
    assert other.has("a-bucket")


def test_an_aws_client_works_with_the_printed_credential(run: Run, project: Path) -> None:
    server = run("--no-autoreload").ready()
    variables = dict(re.findall(r"(AWS_\w+)=(\S+)", server.output_text()))
    assert variables["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{server.port + 1}"
    code = """
import botocore.session
s3 = botocore.session.Session().create_client("s3")
print(s3.list_objects_v2(Bucket="buckets-blobs")["KeyCount"])
"""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**environ, **variables}, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert (done.stdout, done.returncode) == ("0\n", 0), done.stderr
    other = {**variables, "AWS_SECRET_ACCESS_KEY": "another"}
    done = subprocess.run(
        command, env={**environ, **other}, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert "SignatureDoesNotMatch" in done.stderr


def imported(output: str) -> list[str]:
    """The modules in the report that Python writes with PYTHONPROFILEIMPORTTIME."""
    return re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", output, re.MULTILINE)


@pytest.mark.parametrize("option", ["--autoreload", "--no-autoreload"])
def test_make_run_imports_nothing_that_queries_the_terminal_or_that_it_does_not_install(run: Run, option: str) -> None:
    server = run(option, PYTHONPROFILEIMPORTTIME="1").ready()
    server.create("a-bucket")
    server.signal(signal.SIGINT)
    assert server.wait_for_exit() == 0
    modules = imported(server.output_text())
    assert modules.count("chalicelib.local.server.watching") == (2 if option == "--autoreload" else 1)
    assert "chalice.local" in modules
    assert TERMINAL_MODULES.isdisjoint(modules)
    owners = packages_distributions()
    for module in {name.partition(".")[0] for name in modules} & set(owners):
        assert packages("run").intersection(map(canonicalize_name, owners[module])), f"{module} is not installed"


def test_the_command_line_imports_nothing_that_queries_the_terminal(project: Path) -> None:
    Engine(Settings(data_dir=str(project / ".local"))).close()
    command = [sys.executable, "-m", "chalicelib.admin", "organizations", "list"]
    environ = {**os.environ, "BUCKETS_ENGINE": "embedded", "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(
        command, cwd=project, env=environ, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True
    )
    modules = imported(done.stderr)
    assert "chalicelib.local.engine" in modules
    assert TERMINAL_MODULES.isdisjoint(modules)


def test_the_server_does_not_query_the_terminal(run: Run) -> None:
    ours, theirs = pty.openpty()
    output = bytearray()

    def read() -> None:
        try:
            while chunk := os.read(ours, 4096):
                output.extend(chunk)
        except OSError:  # all its processes have ended
            return

    reader = threading.Thread(target=read)
    reader.start()
    server = run(terminal=theirs, TERM="xterm-256color")
    os.close(theirs)
    wait_until(lambda: b"MIXPEEK_NAMESPACE" in output or server.process.poll() is not None)
    server.signal(signal.SIGINT)
    assert server.wait_for_exit() == 0
    reader.join(TIMEOUT_SECONDS)
    os.close(ours)
    assert b"MIXPEEK_NAMESPACE" in output
    assert b"\x1b" not in output


@pytest.mark.parametrize("program", [MAKE_RUN, [str(CHALICE), "local"]], ids=["make run", "chalice"])
def test_variables_and_packages_of_the_project_are_as_in_a_lambda_function(
    run: Run, project: Path, program: list[str]
) -> None:
    config = json.loads((project / ".chalice" / "config.json").read_text())
    config["environment_variables"] = {"BUCKETS_DEV_KEY": "sk_of_all", "BUCKETS_DATA_DIR": "of-all"}
    config["stages"]["dev"]["environment_variables"] = {"BUCKETS_DEV_KEY": "sk_of_the_stage"}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    (project / "vendor").mkdir()
    (project / "vendor" / "a_vendored_package.py").write_text("")
    app = project / "app.py"
    app.write_text(app.read_text() + "\nimport a_vendored_package\n")
    server = run(program=program, BUCKETS_DEV_KEY="sk_of_the_environment").ready()
    assert server.exports()["MIXPEEK_API_KEY"] == "sk_of_the_stage"
    assert (project / "of-all").is_dir()
    server.create("a-bucket")


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize("program", [MAKE_RUN, [str(CHALICE), "local", "--no-autoreload"]], ids=["make run", "chalice"])
def test_a_port_in_use_gives_one_line(run: Run, port: int, taken: int, program: list[str]) -> None:
    with socket.create_server(("127.0.0.1", port + taken)):
        server = run(program=program)
        assert server.process.wait(TIMEOUT_SECONDS) == 1
    (line,) = server.output_text().splitlines()
    assert str(port + taken) in line


def test_chalice_local_without_options_serves_with_the_engine(run: Run) -> None:
    server = run(program=[str(CHALICE), "local"]).ready()
    server.create("a-bucket")
    assert server.exports()["MIXPEEK_BASE_URL"] == f"http://127.0.0.1:{server.port}/v1"
    server.signal(signal.SIGINT)
    server.wait_for_exit()
    assert "Traceback" not in server.output_text()


def test_buckets_whose_create_succeeded_before_a_kill_exist_after_it(run: Run) -> None:
    server = run().ready()
    acknowledged: list[list[str]] = [[], [], []]

    def write(number: int) -> None:
        try:
            while len(acknowledged[number]) < 500:
                name = f"bucket-{number}-{len(acknowledged[number])}"
                server.create(name)
                acknowledged[number].append(name)
        except (OSError, http.client.HTTPException):
            return  # the server was killed

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    wait_until(lambda: all(len(names) >= 10 for names in acknowledged))
    server.signal(signal.SIGKILL)
    for writer in writers:
        writer.join(TIMEOUT_SECONDS)
    server.wait_for_exit()

    again = run().ready()
    lost = [name for names in acknowledged for name in names if not again.has(name)]
    assert lost == []
    status, totals = again.call("GET", "/v1/namespaces/default")
    # One more for each writer whose bucket was created but not acknowledged.
    assert status == 200
    assert 0 <= totals["bucket_count"] - sum(map(len, acknowledged)) <= 3


def test_a_change_of_the_code_restarts_the_server_and_a_write_does_not(run: Run, project: Path) -> None:
    server = run().ready()
    for number in range(20):
        server.create(f"bucket-{number}")
    changed = project / "chalicelib" / "health" / "checks.py"
    changed.write_text(changed.read_text() + "\n")
    server.ready(start_count=2)
    assert all(server.has(f"bucket-{number}") for number in range(20))
    changed.write_text(changed.read_text() + "\n")
    server.ready(start_count=3)
    assert server.has("bucket-0")
    assert server.start_count() == 3
    assert "Traceback" not in server.output_text()


def test_code_that_cannot_be_loaded_is_reported_and_loaded_after_its_correction(run: Run, project: Path) -> None:
    server = run().ready()
    server.create("a-bucket")
    changed = project / "chalicelib" / "health" / "checks.py"
    correct = changed.read_text()
    changed.write_text(correct + "\nthis is no Python\n")
    wait_until(lambda: "SyntaxError" in server.output_text())
    wait_until(lambda: not listens(server.port))
    assert server.process.poll() is None
    changed.write_text(correct)
    server.ready(start_count=2)
    assert server.has("a-bucket")


def test_a_worker_ends_when_its_parent_is_killed(run: Run) -> None:
    server = run().ready()
    server.process.kill()
    assert server.wait_for_exit() == -signal.SIGKILL
    run().ready()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("option", ["--autoreload", "--no-autoreload"])
def test_a_signal_to_the_first_process_ends_all_without_a_traceback(
    run: Run, option: str, number: signal.Signals
) -> None:
    server = run(option).ready()
    server.process.send_signal(number)
    assert server.wait_for_exit() == 0
    assert "Traceback" not in server.output_text(), server.output_text()
    assert "Aborted" not in server.output_text()


# The signal arrives between the two steps of accepting a connection. Both are slow here, and the process waits for
# the second, which fails if the connection was closed.
ENDS_WHILE_ACCEPTING = """
import os, signal, socketserver, time
from chalicelib.local.server.gateway import Server

Server.daemon_threads = False
accept, handle = socketserver.ThreadingMixIn.process_request, socketserver.ThreadingMixIn.process_request_thread

def accept_slowly(server, *connection):
    accept(server, *connection)
    time.sleep(0.5)

def handle_after_the_signal(server, *connection):
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    handle(server, *connection)

socketserver.ThreadingMixIn.process_request = accept_slowly
socketserver.ThreadingMixIn.process_request_thread = handle_after_the_signal
from chalicelib.local.__main__ import main
main()
"""


def test_a_signal_while_a_connection_is_accepted_causes_no_traceback(run: Run) -> None:
    server = run("--no-autoreload", program=[sys.executable, "-c", ENDS_WHILE_ACCEPTING])
    wait_until(server.start_count)
    assert listens(server.port)
    assert server.wait_for_exit() == 0
    assert "Traceback" not in server.output_text(), server.output_text()


@pytest.mark.parametrize("program", [MAKE_RUN, [str(CHALICE), "local"]], ids=["make run", "chalice"])
def test_a_second_server_on_the_same_folder_fails_with_one_line(run: Run, project: Path, program: list[str]) -> None:
    first = run("--no-autoreload").ready()
    second = ServerProcess([*program, "--no-autoreload", "--port", str(first.port + 2)], project, first.port + 2)
    assert second.process.wait(TIMEOUT_SECONDS) == 1
    (line,) = second.output_text().splitlines()
    assert str(project / ".local") in line
    first.create("still-served")


@pytest.mark.parametrize(
    ("name", "value"),
    [("BUCKETS_DEV_KEY", "not-a-key"), ("BUCKETS_LOG_LEVEL", "LOUD"), ("BUCKETS_DATA_DIR", "/dev/null")],
)
def test_an_invalid_setting_gives_one_line(run: Run, name: str, value: str) -> None:
    server = run(**{name: value})
    assert server.process.wait(TIMEOUT_SECONDS) == 1
    (line,) = server.output_text().splitlines()
    assert name in line or value in line


def test_statistics_are_exact_two_seconds_after_the_last_write(run: Run) -> None:
    server = run("--no-autoreload").ready()
    server.create("posters")
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda number: server.add("posters", f"title {number}"), range(200)))
    wait_until(lambda: server.counts("posters") == (200, 200), seconds=2.0)
    server.signal(signal.SIGTERM)
    assert server.wait_for_exit() == 0
    again = run("--no-autoreload").ready()
    assert again.counts("posters") == (200, 200)
    again.add("posters", "one more")
    wait_until(lambda: again.counts("posters") == (201, 201))


def test_statistics_are_exact_at_the_first_read_after_a_kill(run: Run) -> None:
    server = run("--no-autoreload").ready()
    server.create("posters")
    acknowledged: list[int] = []

    def write(writer: int) -> None:
        try:
            for number in range(500):
                server.add("posters", f"title {writer}-{number}")
                acknowledged.append(number)
        except (OSError, http.client.HTTPException):
            return  # the server was killed

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    wait_until(lambda: server.counts("posters")[0] >= 40)
    server.signal(signal.SIGKILL)
    for writer in writers:
        writer.join(TIMEOUT_SECONDS)
    server.wait_for_exit()

    again = run("--no-autoreload").ready()
    stored = again.objects("posters")
    assert stored >= len(acknowledged)
    assert again.counts("posters") == (stored, stored)
    again.add("posters", "one more")
    wait_until(lambda: again.counts("posters") == (stored + 1, stored + 1))


def test_a_deletion_continues_at_once_after_a_kill(run: Run) -> None:
    server = run("--no-autoreload").ready()
    server.create("posters")
    with ThreadPoolExecutor(8) as writers:
        list(writers.map(lambda number: server.add("posters", f"title {number}"), range(300)))
    status, task = server.call("DELETE", "/v1/buckets/posters")
    assert status == 200, task
    path = f"/v1/tasks/{task['task_id']}"
    wait_until(lambda: server.call("GET", path)[1]["status"] != "PENDING")
    server.signal(signal.SIGKILL)
    server.wait_for_exit()
    again = run("--no-autoreload").ready()
    wait_until(lambda: again.call("GET", path)[1]["status"] == "COMPLETED", seconds=30.0)


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


def without_credentials() -> dict[str, str]:
    """Returns the environment of a shell without AWS credentials."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BUCKETS_"))}
    nowhere = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    return {**environ, **nowhere, "AWS_EC2_METADATA_DISABLED": "true", "HOME": "/nonexistent"}


@pytest.mark.parametrize("option", ["--autoreload", "--no-autoreload"])
def test_chalice_local_without_an_engine_and_credentials_says_what_is_missing(
    project: Path, port: int, option: str
) -> None:
    done = subprocess.run(
        [str(CHALICE), "local", option, "--port", str(port)],
        cwd=project,
        env=without_credentials(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == (0 if option == "--autoreload" else 1)  # chalice's reloader always returns 0
    (line,) = (done.stdout + done.stderr).splitlines()
    assert "BUCKETS_ENGINE" in line
    assert "credentials" in line


def test_chalice_local_with_credentials_serves(project: Path, port: int) -> None:
    environ = {**without_credentials(), "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    command = [str(CHALICE), "local", "--no-autoreload", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=project, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: listens(port) or process.poll() is not None)
            assert process.poll() is None
        finally:
            process.kill()


@pytest.mark.parametrize("engine", ["embedded", "aws"])
def test_importing_the_application_creates_no_data_folder(project: Path, engine: str) -> None:
    code = "import app, sys; print('chalicelib.local' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={**os.environ, "BUCKETS_ENGINE": engine},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    assert done.stdout == f"{engine == 'embedded'}\n"
    assert not (project / ".local").exists()


def test_a_file_survives_a_kill_and_its_download_url_works(run: Run) -> None:
    schema = {"properties": {"review": {"type": "text"}}}
    server = run("--no-autoreload").ready()
    assert server.call("POST", "/v1/buckets", {"bucket_name": "films", "bucket_schema": schema})[0] == 200
    blob = {"property": "review", "type": "text", "data": "Größe: 5 €"}
    status, created = server.call("POST", "/v1/buckets/films/objects", {"blobs": [blob]})
    assert status == 200, created
    server.signal(signal.SIGKILL)
    server.wait_for_exit()

    again = run("--no-autoreload").ready()
    path = f"/v1/buckets/films/objects/{created['object_id']}?return_presigned_urls=true"
    (shown,) = again.call("GET", path)[1]["blobs"]
    assert shown["presigned_url"].startswith(f"http://127.0.0.1:{again.port + 1}/")
    with closing(urllib.request.urlopen(shown["presigned_url"])) as response:
        assert response.read().decode() == "Größe: 5 €"
