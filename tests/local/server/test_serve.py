"""Runs `make run` and `chalice local` as real processes, on a copy of the project."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from chalicelib.local.engine import Engine
from chalicelib.settings import Settings
from tests.local.server.conftest import CHALICE, MAKE_RUN, Run
from tests.support.dependencies import packages
from tests.support.ports import listens
from tests.support.running import TIMEOUT_SECONDS, ServerProcess, wait_until

# `chalice.cli` imports the other two, which query the terminal and wait for its response.
TERMINAL_MODULES = {"chalice.cli", "inquirer", "blessed"}


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


def without_credentials() -> dict[str, str]:
    """Returns the environment of a shell without AWS credentials."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BUCKETS_"))}
    nowhere = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    # With new .pyc files in the project, chalice's reloader would start the app again.
    return {
        **environ,
        **nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


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
