"""The commands behind `make deploy` and `make destroy`: `python -m deployment --help`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.local.bootstrap import DEFAULT_NAMESPACE
from deployment.artifacts import Artifacts
from deployment.copying import Copying
from deployment.data import Data, remove_bucket
from deployment.first_access import environment, first_key, services_of
from deployment.stack import Stack
from deployment.stage import FORM, Stage
from deployment.template import DELETE, REMOVAL, read_template, values, with_code, with_removal
from deployment.trouble import DeploymentFailed, words

PACKAGE = Path(__file__).parents[1] / "build" / "package"


class Commands(click.Group):
    """Commands that end with one line on standard error and exit code 1 where they cannot do their work."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except DeploymentFailed as error:
            raise click.ClickException(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(words(error)) from error


class StageName(click.ParamType[str]):
    """The name of a stage, which is part of the names of buckets."""

    name = "stage"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name."""
        if not FORM.fullmatch(value):
            self.fail(f"{value!r} is not 1 to 20 small letters, digits and hyphens, a letter first", param, ctx)
        return value


class Assignment(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "parameter"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The name and the value."""
        name, sign, text = value.partition("=")
        if not sign or not name:
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name, text


of_stage = click.option("--stage", "name", required=True, type=StageName(), help="Name of the stage, like dev.")


@click.group(cls=Commands)
def deployment() -> None:
    """One CloudFormation stack for each stage. Credentials and region come from the standard AWS variables."""


@deployment.command()
@of_stage
@click.option("--package", type=click.Path(path_type=Path), default=PACKAGE, help="What `make package` wrote.")
@click.argument("parameters", nargs=-1, type=Assignment(), metavar="[NAME=VALUE]...")
def deploy(name: str, package: Path, parameters: Iterable[tuple[str, str]]) -> None:
    """Create the stage, or bring it to the packaged version, and print what a client needs.

    Parameters of the template that are not given keep their values. The first deployment makes an organization, a
    namespace and a key, and prints the key, this once.
    """
    stage, template = here(name), read_template(package)
    stack = Stack(boto3.client("cloudformation"), stage.stack, say)
    chosen = values(template, dict(parameters), stack.parameters())
    artifacts = Artifacts(boto3.client("s3"), stage)
    artifacts.ensure()
    key = artifacts.put((package / "deployment.zip").read_bytes(), ".zip")
    final = with_removal(with_code(template, stage.artifacts, key), chosen[REMOVAL])
    url = artifacts.address(artifacts.put(json.dumps(final).encode(), ".json"))
    changed = stack.apply(url, chosen, {"stage": stage.name})
    say(f"{stage.stack} is up to date" if changed else f"{stage.stack} was up to date; nothing has changed")
    introduce(stack.outputs(), chosen["PublicUrl"])


def introduce(outputs: Mapping[str, str], public_url: str) -> None:
    """Prints what a client needs; the key only if this is the first deployment."""
    api_key = first_key(services_of(outputs))
    click.echo(f"export MIXPEEK_BASE_URL={public_url or outputs['EndpointURL'].rstrip('/')}/v1")
    if api_key is None:
        say("There are keys already; `python -m chalicelib.admin keys` makes more")
        return
    click.echo(f"export MIXPEEK_API_KEY={api_key}")
    click.echo(f"export MIXPEEK_NAMESPACE={DEFAULT_NAMESPACE}")
    say("Keep the key safe: it will not be shown again")


@deployment.command()
@of_stage
@click.option("--delete-data", is_flag=True, help="Remove tables and files too, those of earlier stacks included.")
def destroy(name: str, delete_data: bool) -> None:
    """Remove the stage. Its tables and files stay, unless their removal is asked for or was its policy."""
    stage = here(name)
    stack = Stack(boto3.client("cloudformation"), stage.stack, say)
    data = Data(boto3.client("dynamodb"), boto3.client("s3"), stage)
    if delete_data or stack.parameters().get(REMOVAL) == DELETE:
        data.empty_buckets()
    stack.remove()
    if delete_data:
        data.remove()
    remove_bucket(data.s3, stage.artifacts)
    say(f"{stage.stack} is gone")
    kept = [*data.tables(), *data.buckets()]
    for each in kept:
        say(f"Kept: {each}")
    if kept:
        say(f"`make destroy STAGE={name} DELETE_DATA=yes` removes what was kept, for good")


@deployment.command()
@of_stage
def settings(name: str) -> None:
    """Print the settings by which the operator's command line works on the stage, ready for a shell."""
    stack = Stack(boto3.client("cloudformation"), here(name).stack, say)
    for variable, value in environment(stack.outputs()).items():
        click.echo(f"export {variable}={value}")


@deployment.command()
@of_stage
@click.option("--catalog-table", required=True, help="Copy the rows of this table, and then")
@click.option("--objects-table", required=True, help="those of this one; their files are taken to have been in")
@click.option("--blob-bucket", required=True, help="this bucket, and are copied by other means.")
@click.option("--profile", help="AWS profile that reads the two tables; without it, whoever writes.")
def copy(name: str, catalog_table: str, objects_table: str, blob_bucket: str, profile: str | None) -> None:
    """Copy what other tables hold into the stage, whose statistics follow by themselves.

    They may be another stage's, another account's, or restored ones. Nobody should write to them meanwhile.
    """
    stack = Stack(boto3.client("cloudformation"), here(name).stack, say)
    outputs = stack.outputs()
    copying = Copying(boto3.Session(profile_name=profile).client("dynamodb"), boto3.client("dynamodb"))
    rows = copying.catalog(catalog_table, outputs["CatalogTableName"])
    say(f"{rows} rows of the catalog are copied")
    rows = copying.objects(objects_table, outputs["ObjectsTableName"], blob_bucket, outputs["BlobBucketName"])
    say(f"{rows} objects are copied")


def here(name: str) -> Stage:
    """The stage of this name in the account and region that the environment names."""
    region = boto3.client("cloudformation").meta.region_name
    return Stage(name, boto3.client("sts").get_caller_identity()["Account"], region)


def say(line: str) -> None:
    """Tells the operator what is going on; standard output is for what a client needs."""
    click.echo(line, err=True)


if __name__ == "__main__":
    deployment(prog_name="python -m deployment")
