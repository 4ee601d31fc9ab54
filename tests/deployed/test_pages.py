"""The code blocks of the pages about stages, on the emulator."""

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
    """An operator's environment: the emulator, and commands that deploy the package of the tests.

    `make` runs the recipes of the Makefile, without those that set up and package, and with a `python` that deploys
    the package whose functions know that the emulator's streams have one shard.
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
                # What the page says to paste. The emulator does not serve the address that AWS would have.
                usable = f"{stage.address}/v1" if name == "MIXPEEK_BASE_URL" else value
                run(Step(Block(step.block.line, "bash", f"export {name}={usable}\n", ""), None))


def _write_command(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
