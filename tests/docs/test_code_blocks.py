"""Every code block of the README, the tutorial and the how-to guides is run, or says why it is not."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.listing.filters.operators import OPERATORS
from tests.docs.markdown import DOCS, ROOT, Block, blocks, matches, name_of, steps
from tests.docs.session import search_path, session
from tests.support.running import ServerProcess, listens

HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
PAGES = [ROOT / "README.md", DOCS / "tutorial.md", *HOW_TO]
# Their blocks are about a stage in AWS: tests/deployed/test_pages.py runs them on an emulator.
DEPLOYED = [DOCS / "how-to" / "deploying.md", DOCS / "how-to" / "operating.md"]
LOCAL = [page for page in PAGES if page not in DEPLOYED]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its data."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    """The local server in a process of its own, with an empty data folder."""
    ports = iter(lambda: random.randrange(20000, 30000, 2), None)  # below those that systems give to clients
    port = next(number for number in ports if not listens(number) and not listens(number + 1))
    words = [sys.executable, "-m", "chalicelib.local", "--no-autoreload", "--port", str(port)]
    running = ServerProcess(words, folder, port, PYTHONPATH=str(ROOT), BUCKETS_DATA_DIR=str(folder / "data"))
    yield running.ready()
    running.signal(signal.SIGINT)
    running.wait_for_exit()


@pytest.fixture
def environment(server: ServerProcess, folder: Path, page: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a reader who pasted what `make run` printed, with a namespace of its own for each page."""
    assert server.process.poll() is None, server.output_text()
    exports = server.exports()
    namespace = page.stem.lower()
    status, answer = server.call("POST", "/v1/namespaces", {"namespace_name": namespace})
    assert status == 200, answer
    return {
        **exports,
        "MIXPEEK_NAMESPACE": namespace,
        "PATH": f"{search_path()}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        # What working in the repository gives: the operator's command line, and the data of the server.
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
def test_every_block_of_a_page_is_run_or_says_why_not(page: Path) -> None:
    run = steps(page)
    outputs = sum(step.output is not None for step in run)
    marked = sum(bool(block.reason) for block in blocks(page))
    assert run, "the page shows nothing that works"
    assert len(run) + outputs + marked == len(blocks(page))


@pytest.mark.parametrize("page", LOCAL, ids=name_of)
def test_a_block_that_is_not_run_needs_something_that_a_test_does_not_have(page: Path) -> None:
    reasons = {block.reason for block in blocks(page) if block.reason}
    allowed = ("starts a server", "installs", "needs an AWS account", "an excerpt", "the tests run in this")
    assert [reason for reason in reasons if not reason.startswith(allowed)] == []


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_filters_page_has_an_example_of_every_operator(operator: str) -> None:
    run = [step for step in steps(DOCS / "how-to" / "filters.md") if f'"operator": "{operator}"' in step.block.text]
    assert [step for step in run if step.output is not None], f"no example of {operator} shows what it finds"


def test_a_block_without_a_mark_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_an_output_is_compared_but_for_what_it_leaves_open(shown: str, real: str, same: bool) -> None:
    assert matches(shown, real) is same
