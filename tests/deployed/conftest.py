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
    if requirements := missing():
        message = f"make test-deploy needs {' and '.join(requirements)}"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with running(tmp_path_factory.mktemp("ministack")) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", emulator.certificate)
        yield emulator


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of `make package` with one setting changed: stream events of the emulator have no shard id."""
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
    """Creates stages that are not deployed yet. After the test they are removed with their data."""
    made: list[StageOnEmulator] = []

    def new(name: str) -> StageOnEmulator:
        made.append(StageOnEmulator(emulator, package, name))
        return made[-1]

    yield new
    for stage in made:
        assert stage.destroy("--delete-data").exit_code == 0


@pytest.fixture(scope="session")
def stage(emulator: Emulator, package: Path) -> StageOnEmulator:
    """A stage that all tests share."""
    return StageOnEmulator(emulator, package, "shared")


@pytest.fixture(scope="session")
def api_key(stage: StageOnEmulator) -> str:
    """The key that the first deployment printed."""
    result = stage.deploy()
    assert result.exit_code == 0, result.progress
    return result.exports["MIXPEEK_API_KEY"]


@pytest.fixture
def sdk(stage: StageOnEmulator, api_key: str) -> Sdk:
    return new_sdk(stage.address, api_key, "default")
