"""The template and the wheels have the given runtime and architecture, whichever Python packages them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from chalice.cli.factory import CLIFactory
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import OSUtils
from click.testing import CliRunner

from deployment.packaging import GLIBC, MACHINES, ROOT, RUNTIME, config_for, main, package, pip_settings
from tests.support.template import resources_of_type

TARGETS = [(runtime, architecture) for runtime in GLIBC for architecture in MACHINES]


@pytest.mark.parametrize(("runtime", "architecture"), [("python3.13", "arm64"), ("python3.11", "x86_64")])
def test_all_functions_have_the_runtime_and_the_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, architecture: str
) -> None:
    monkeypatch.setattr(LambdaDeploymentPackager, "create_deployment_package", lambda *_: empty_zip(tmp_path))
    package(tmp_path / "out", "dev", runtime, architecture)
    template = json.loads((tmp_path / "out" / "sam.json").read_text())
    functions = resources_of_type(template, "AWS::Serverless::Function").values()
    assert {each["Properties"]["Runtime"] for each in functions} == {runtime}
    assert [each["Properties"]["Architectures"] for each in functions] == [[architecture]] * len(functions)


@pytest.mark.parametrize(("runtime", "architecture"), TARGETS)
def test_chalice_accepts_the_wheels_that_pip_downloads_and_no_others(runtime: str, architecture: str) -> None:
    settings = pip_settings(runtime, architecture)
    builder = DependencyBuilder(OSUtils(), architecture=architecture)
    abi = f"cp{runtime.removeprefix('python').replace('.', '')}"
    for platform in settings["PIP_PLATFORM"].split():
        assert builder._is_compatible_wheel_filename(abi, f"pydantic_core-2-{abi}-{abi}-{platform}.whl")
    (other,) = MACHINES.keys() - {architecture}
    foreign = pip_settings(runtime, other)["PIP_PLATFORM"].split()[0]
    assert not builder._is_compatible_wheel_filename(abi, f"pydantic_core-2-{abi}-{abi}-{foreign}.whl")
    assert abi in settings["PIP_ABI"].split()


def test_the_default_runtime_is_pinned() -> None:
    factory = CLIFactory(str(ROOT), environ={})
    config = config_for(factory, "dev", RUNTIME, "x86_64")
    assert config.lambda_python_version == RUNTIME == "python3.13"
    assert config.scope("dev", "on_task").lambda_python_version == RUNTIME


@pytest.mark.parametrize("option", ["--runtime=python3.6", "--architecture=mips"])
def test_an_unknown_runtime_or_architecture_is_rejected(tmp_path: Path, option: str) -> None:
    assert CliRunner().invoke(main, [option, str(tmp_path)]).exit_code == 2


def empty_zip(folder: Path) -> str:
    path = folder / "empty.zip"
    with zipfile.ZipFile(path, "w"):
        return str(path)
