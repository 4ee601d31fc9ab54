"""The commands of Chalice cannot deploy or package an incomplete stack, and the example of a build runs `make`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployment.packaging import ROOT, RUNTIME

# A deployment would call AWS here, and fail with another message.
NO_AWS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.mark.parametrize("engine", ["", "embedded"])
@pytest.mark.parametrize("command", ["package", "deploy"])
def test_the_plain_command_fails_with_a_message_that_names_make_deploy(
    tmp_path: Path, command: str, engine: str
) -> None:
    arguments = [str(tmp_path / "out")] if command == "package" else []
    program = [str(Path(sys.executable).with_name("chalice")), command, *arguments]
    environment = {**os.environ, **NO_AWS, "BUCKETS_ENGINE": engine, "BUCKETS_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"`chalice {command}`" in done.stderr
    assert "`make deploy`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_example_of_a_build_packages_with_make_and_keeps_what_it_writes() -> None:
    build = yaml.safe_load((ROOT / "buildspec.yml").read_text())
    assert build["phases"]["build"]["commands"] == ["make package"]
    assert f"python{build['phases']['install']['runtime-versions']['python']}" == RUNTIME
    makefile = (ROOT / "Makefile").read_text()
    assert f"PACKAGE := {build['artifacts']['base-directory']}\n" in makefile
    assert f"RUNTIME := {RUNTIME}\n" in makefile
    assert build["artifacts"]["files"] == ["sam.json", "deployment.zip"]
