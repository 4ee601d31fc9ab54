"""The README's first session works: every block of it is executed against a fresh server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from chalice.config import Config
from chalice.local import CustomLocalChalice

from chalicelib.api import create_app
from chalicelib.local.gateway import Handler, Server
from tests.support.world import World

README = (Path(__file__).parent.parent / "README.md").read_text()
SESSION = README[README.index("## A first session") : README.index("## Organizations and keys")]
BLOCKS = re.findall(r"```(python|bash)\n(.*?)```", SESSION, re.DOTALL)


@pytest.fixture
def session(world: World, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody who has just pasted what `make run` printed."""
    app = create_app(lambda: world.services)
    app.__class__ = CustomLocalChalice  # what `chalice local` does: one current request a thread

    def handler(request: object, address: object, server: object) -> Handler:
        return Handler(request, address, server, app_object=app, config=Config())

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "MIXPEEK_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}/v1",
        "MIXPEEK_API_KEY": world.key,
        "MIXPEEK_NAMESPACE": "films",
    }
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_block_of_the_first_session_works(session: dict[str, str], tmp_path: Path) -> None:
    assert {language for language, _ in BLOCKS} == {"python", "bash"}
    for language, block in BLOCKS:
        command = [sys.executable, "-c", block] if language == "python" else ["bash", "-euo", "pipefail", "-c", block]
        done = subprocess.run(command, cwd=tmp_path, env=session, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
