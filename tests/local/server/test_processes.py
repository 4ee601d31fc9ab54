"""The processes of the local server: restarts after changes of the code, signals, and the end of a parent."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.local.server.conftest import Run
from tests.support.ports import listens
from tests.support.running import wait_until


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
