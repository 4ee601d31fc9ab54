from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Sdk, new_sdk
from tests.deployed.emulator import ROOT, Emulator, missing, running
from tests.deployed.stage import StageOnEmulator
from tests.support.template import resources_of_type

PACKAGE = ROOT / "build" / "test-package"


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
    """The output of `make test-package`, changed for the emulator."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copy(PACKAGE / "deployment.zip", folder)
    template = json.loads((PACKAGE / "sam.json").read_text())
    adapt(template)
    (folder / "sam.json").write_text(json.dumps(template))
    return folder


# The parameter of each function that is called for a queue with a maximum concurrency.
CONCURRENCY = (
    ("OnTask", "TaskConcurrency"),
    ("OnBatchMessage", "BatchConcurrency"),
    ("OnBlobArrival", "UploadConcurrency"),
    ("OnMirrorMessage", "MirrorConcurrency"),
)


def adapt(template: dict[str, Any]) -> None:
    """Changes the template where the emulator differs from AWS; see docs/how-to/deploying.md."""
    functions = resources_of_type(template, "AWS::Serverless::Function").values()
    for function in functions:  # stream events have no shard id
        function["Properties"]["Environment"]["Variables"]["BUCKETS_SINGLE_STREAM_SHARD"] = "true"
    # Parameters in the event source of a queue are texts, and the emulator then stops polling all queues.
    for name, parameter in CONCURRENCY:
        (source,) = template["Resources"][name]["Properties"]["Events"].values()
        default = template["Parameters"][parameter]["Default"]
        source["Properties"]["ScalingConfig"] = {"MaximumConcurrency": default}
    # Fn::Split cannot be evaluated in a condition.
    template["Conditions"]["ProcessorIsFunction"] = {"Fn::Not": [{"Fn::Equals": [{"Ref": "Processor"}, ""]}]}

    # There are no saved queries of Logs Insights.
    for name in resources_of_type(template, "AWS::Logs::QueryDefinition"):
        del template["Resources"][name]

    # In IAM, the permission for SendMessageBatch is sqs:SendMessage.
    for role in resources_of_type(template, "AWS::IAM::Role").values():
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                if isinstance(statement, dict) and "sqs:SendMessage" in statement.get("Action", ()):
                    statement["Action"].append("sqs:SendMessageBatch")


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
