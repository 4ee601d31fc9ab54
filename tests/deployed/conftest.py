from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import Sdk, new_sdk
from tests.deployed.emulator import ROOT, Emulator, missing, running
from tests.deployed.stage import StageOnEmulator

PACKAGE = ROOT / "build" / "package"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    if lacking := missing():
        words = f"make test-deploy needs {' and '.join(lacking)}"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    with running(tmp_path_factory.mktemp("ministack")) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", emulator.certificate)
        yield emulator


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make package` wrote, but for one setting: the emulator's stream events do not name their shard."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copy(PACKAGE / "deployment.zip", folder)
    template = json.loads((PACKAGE / "sam.json").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Environment"]["Variables"]["BUCKETS_SINGLE_STREAM_SHARD"] = "true"
    (folder / "sam.json").write_text(json.dumps(template))
    return folder


@pytest.fixture
def new_stage(emulator: Emulator, package: Path) -> Iterator[Callable[[str], StageOnEmulator]]:
    """Makes stages, not yet deployed; afterwards they are gone, with their data."""
    made: list[StageOnEmulator] = []

    def new(name: str) -> StageOnEmulator:
        made.append(StageOnEmulator(emulator, package, name))
        return made[-1]

    yield new
    for stage in made:
        assert stage.destroy("--delete-data").exit_code == 0


@pytest.fixture(scope="session")
def stage(emulator: Emulator, package: Path) -> StageOnEmulator:
    """A stage that all tests of a run share."""
    return StageOnEmulator(emulator, package, "shared")


@pytest.fixture(scope="session")
def api_key(stage: StageOnEmulator) -> str:
    """The key that the first deployment printed."""
    said = stage.deploy()
    assert said.exit_code == 0, said.progress
    return said.exports["MIXPEEK_API_KEY"]


@pytest.fixture
def sdk(stage: StageOnEmulator, api_key: str) -> Sdk:
    return new_sdk(stage.address, api_key, "default")
