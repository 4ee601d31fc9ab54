"""The README's first session works: every block of it is executed against a fresh server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from tests.support.server import serving
from tests.support.world import World

README = (Path(__file__).parent.parent / "README.md").read_text()
SESSION = README[README.index("## A first session") : README.index("## Organizations and keys")]
BLOCKS = re.findall(r"```(python|bash)\n(.*?)```", SESSION, re.DOTALL)


def scripts() -> Iterator[tuple[str, str]]:
    """The blocks in their order, neighbours of one language as one script: importing the SDK takes long."""
    for language, blocks in groupby(BLOCKS, key=lambda found: found[0]):
        yield language, "\n".join(block for _, block in blocks)


@pytest.fixture
def session(world: World, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody who has just pasted what `make run` printed."""
    with serving(world) as address:
        yield {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "MIXPEEK_BASE_URL": f"{address}/v1",
            "MIXPEEK_API_KEY": world.key,
            "MIXPEEK_NAMESPACE": "films",
        }


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_block_of_the_first_session_works(session: dict[str, str], tmp_path: Path) -> None:
    assert {language for language, _ in BLOCKS} == {"python", "bash"}
    for language, block in scripts():
        command = [sys.executable, "-c", block] if language == "python" else ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(command, cwd=tmp_path, env=session, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
