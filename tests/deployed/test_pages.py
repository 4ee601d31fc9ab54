"""Runs the code blocks of the pages about stages on the emulator."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deployed.emulator import ROOT, Emulator
from tests.deployed.stage import EXPORT, StageOnEmulator
from tests.docs.markdown import Block, Step, name_of, steps
from tests.docs.session import session
from tests.docs.test_code_blocks import DEPLOYED

DEPLOYING = DEPLOYED[0]
NewStage = Callable[[str], StageOnEmulator]


@pytest.fixture
def environment(emulator: Emulator, package: Path, tmp_path: Path) -> dict[str, str]:
    """The environment variables of an operator, with modified commands `make` and `python` first in PATH.

    `make` runs the Makefile without its targets `setup` and `package`. `python -m deployment deploy` deploys the
    package of the fixture `package`, whose functions support the streams of the emulator.
    """
    make = shutil.which("make")
    assert make is not None
    commands = tmp_path / "bin"
    commands.mkdir()
    given = f'[ "$1 $2 $3" = "-m deployment deploy" ] && set -- "$@" --package {package}'
    _write_command(commands / "python", f'{given}\nexec {sys.executable} "$@"')
    _write_command(
        commands / "make", f'exec {make} --no-print-directory -C {ROOT} -o setup -o package BIN={commands} "$@"'
    )
    known = emulator.environment
    return {
        **known,
        "PATH": f"{commands}{os.pathsep}{known['PATH']}",
        "CURL_CA_BUNDLE": emulator.certificate,
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
    }


@pytest.mark.parametrize("page", DEPLOYED, ids=name_of)
def test_every_block_of_a_page_works(
    page: Path, new_stage: NewStage, environment: dict[str, str], tmp_path: Path
) -> None:
    stage = new_stage("prod")
    if page != DEPLOYING:
        assert stage.deploy().exit_code == 0
    with session(tmp_path, environment) as run:
        for step in steps(page):
            for name, value in EXPORT.findall(run(step)):
                # The page tells the reader to paste these settings. The URL is replaced by that of the emulator.
                usable = f"{stage.address}/v1" if name == "MIXPEEK_BASE_URL" else value
                run(Step(Block(step.block.line, "bash", f"export {name}={usable}\n", ""), None))


def _write_command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
