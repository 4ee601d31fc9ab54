"""Writes the CloudFormation template and the zip file of the functions: `python -m deployment.packaging build/package`.

It does what `chalice package` does, but for a given runtime and architecture of Lambda. Chalice itself packages for the
Python that runs it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import click
from chalice.cli.factory import CLIFactory
from chalice.config import Config

from deployment.merge_template.template import write_merge_template

ROOT = Path(__file__).parents[1]
RUNTIME, ARCHITECTURE = "python3.13", "x86_64"
# Architectures of Lambda, and their names in the file names of wheels.
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# The oldest version of glibc for which wheels are built that are in use, and the one of each runtime.
OLDEST_GLIBC = 17
GLIBC = {"python3.11": 26, "python3.12": 34, "python3.13": 34, "python3.14": 34}


class PinnedConfig(Config):
    """The configuration of Chalice, with a runtime that does not depend on the running Python."""

    @property
    def lambda_python_version(self) -> str:
        """The runtime of the functions."""
        return str(self._chain_lookup("lambda_python_version"))


@click.command()
@click.option("--stage", default="dev", help="Name of the stage of Chalice.")
@click.option("--runtime", default=RUNTIME, type=click.Choice(list(GLIBC)), help="Runtime of the functions.")
@click.option("--architecture", default=ARCHITECTURE, type=click.Choice(list(MACHINES)), help="Their architecture.")
@click.argument("folder", type=click.Path(path_type=Path))
def main(stage: str, runtime: str, architecture: str, folder: Path) -> None:
    """Write the template and the zip file to FOLDER."""
    os.environ |= pip_settings(runtime, architecture)
    package(folder, stage, runtime, architecture)


def package(folder: Path, stage: str, runtime: str, architecture: str) -> None:
    """Writes the template and the zip file of a stage to a folder, and the merge template beside it."""
    merge_template = folder.parent / "merge-template.json"
    write_merge_template(merge_template)
    factory = CLIFactory(str(ROOT), environ={})
    config = config_for(factory, stage, runtime, architecture)
    options = factory.create_package_options()
    packager = factory.create_app_packager(config, options, "cloudformation", "json", str(merge_template))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are currently running")
        packager.package_app(config, str(folder), stage)


def config_for(factory: CLIFactory, stage: str, runtime: str, architecture: str) -> Config:
    """Returns the configuration of Chalice for this runtime and architecture."""
    pinned = {"lambda_python_version": runtime, "lambda_architecture": architecture}
    made = factory.create_config_obj(stage, user_provided_params=pinned)
    return PinnedConfig(stage, made.function_name, pinned, made.config_from_disk, made._default_params)


def pip_settings(runtime: str, architecture: str) -> dict[str, str]:
    """Returns variables with which pip, which Chalice calls, downloads wheels for the runtime and the architecture."""
    version = runtime.removeprefix("python")
    return {
        "PIP_PYTHON_VERSION": version,
        "PIP_IMPLEMENTATION": "cp",
        "PIP_ABI": f"cp{version.replace('.', '')} abi3 none",
        "PIP_PLATFORM": " ".join(_platforms(GLIBC[runtime], MACHINES[architecture])),
        "PIP_ONLY_BINARY": ":all:",
    }


def _platforms(glibc: int, machine: str) -> Iterator[str]:
    # pip does not accept wheels for an older glibc by itself.
    for minor in range(glibc, OLDEST_GLIBC - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
    yield f"manylinux2014_{machine}"


if __name__ == "__main__":
    main()
