"""Every code block of the README, the tutorial and the how-to guides is run, or is marked with the reason why not."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.listing.filters.operators import OPERATORS
from tests.docs.markdown import DOCS, ROOT, Block, blocks, matches, name_of, steps
from tests.docs.session import search_path, session
from tests.support.ports import free_pair
from tests.support.running import ServerProcess

HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
PAGES = [ROOT / "README.md", DOCS / "tutorial.md", *HOW_TO]
# The blocks of these pages need a deployed stage: tests/deployed/test_pages.py runs them on an emulator.
DEPLOYED = [DOCS / "how-to" / f"{name}.md" for name in ("deploying", "monitoring", "operating")]
LOCAL = [page for page in PAGES if page not in DEPLOYED]
# Python imports this module at its start. The files at the URLs on the pages are not fetched from the internet.
NO_NETWORK = """
import socket

def getaddrinfo(host, *more, original=socket.getaddrinfo, **options):
    if str(host) not in ("127.0.0.1", "localhost", "::1"):
        raise socket.gaierror("the tests have no network")
    return original(host, *more, **options)

socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the server and its data."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    """The local server in a separate process, with an empty data folder."""
    port = free_pair()
    command = [sys.executable, "-m", "chalicelib.local", "--no-autoreload", "--port", str(port)]
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    path = f"{folder}{os.pathsep}{ROOT}"
    running = ServerProcess(command, folder, port, PYTHONPATH=path, BUCKETS_DATA_DIR=str(folder / "data"))
    yield running.ready()
    running.signal(signal.SIGINT)
    running.wait_for_exit()


@pytest.fixture
def environment(server: ServerProcess, folder: Path, page: Path, tmp_path: Path) -> dict[str, str]:
    """The environment variables that `make run` prints for clients, with a separate namespace for each page."""
    assert server.process.poll() is None, server.output_text()
    exports = server.exports()
    namespace = page.stem.lower()
    status, response = server.call("POST", "/v1/namespaces", {"namespace_name": namespace})
    assert status == 200, response
    return {
        **exports,
        "MIXPEEK_NAMESPACE": namespace,
        "PATH": f"{search_path()}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        # Makes the operator's command line available, with the data of the server.
        "PYTHONPATH": str(ROOT),
        "BUCKETS_DATA_DIR": str(folder / "data"),
    }


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("page", LOCAL, ids=name_of)
def test_every_block_of_a_page_works(page: Path, environment: dict[str, str], tmp_path: Path) -> None:
    with session(tmp_path, environment) as run:
        for step in steps(page):
            run(step)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_of_a_page_is_run_or_marked_with_a_reason(page: Path) -> None:
    run = steps(page)
    outputs = sum(step.output is not None for step in run)
    marked = sum(bool(block.reason) for block in blocks(page))
    assert run, "no block of the page is run"
    assert len(run) + outputs + marked == len(blocks(page))


@pytest.mark.parametrize("page", LOCAL, ids=name_of)
def test_a_block_that_is_not_run_has_one_of_the_allowed_reasons(page: Path) -> None:
    reasons = {block.reason for block in blocks(page) if block.reason}
    allowed = (
        "starts a server",
        "installs",
        "needs an AWS account",
        "needs a host",
        "an excerpt",
        "the tests run in this",
    )
    assert [reason for reason in reasons if not reason.startswith(allowed)] == []


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_filters_page_has_an_example_of_every_operator(operator: str) -> None:
    run = [step for step in steps(DOCS / "how-to" / "filters.md") if f'"operator": "{operator}"' in step.block.text]
    assert [step for step in run if step.output is not None], f"no example of {operator} shows its result"


def test_a_block_that_is_neither_run_nor_marked_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.markdown.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("```console\nrm -r x\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md:1"):
        steps(page)
    page.write_text("```text\nout\n```\n")
    with pytest.raises(AssertionError, match="does not follow"):
        steps(page)
    page.write_text("<!-- not run: installs x -->\n```console\nrm -r x\n```\n")
    assert (steps(page), blocks(page)) == ([], [Block(2, "console", "rm -r x\n", "installs x")])


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\n", "a\nb\n", False),
        ("bkt_… is there\n", "bkt_1 is there\n", True),
        ("bkt_… is there\n", "bkt_1\n is there\n", False),
        ("{\n…\n}\n", "{\n1\n2\n}\n", True),
        ("{\n…\n}\n", "{\n}\n", True),
        ("{\n…\n  x\n}\n", "{\n1\n}\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_an_ellipsis_in_a_shown_output_matches_any_text(shown: str, real: str, same: bool) -> None:
    assert matches(shown, real) is same
