"""The commands behind `make deploy` and `make destroy`: `python -m deployment --help`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.local.bootstrap import DEFAULT_NAMESPACE
from deployment.artifacts import Artifacts
from deployment.copying import Copying
from deployment.data import Data, empty, remove_bucket
from deployment.errors import DeploymentFailed, describe
from deployment.file_copying import READ_TIMEOUT_SECONDS, THREADS, FileCopying
from deployment.first_access import environment, first_key, services_of
from deployment.stack import Stack
from deployment.stage import NAME_PATTERN, Stage
from deployment.template import (
    COMPRESSION,
    DELETE,
    REMOVAL,
    parameter_values,
    read_template,
    tags_of,
    with_code,
    with_compression,
    with_removal,
    without_protection,
)

PACKAGE = Path(__file__).parents[1] / "build" / "package"


class Commands(click.Group):
    """A group of commands. A failed command prints one line to standard error and exits with code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the chosen command."""
        try:
            return super().invoke(ctx)
        except DeploymentFailed as error:
            raise click.ClickException(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(describe(error)) from error


class StageName(click.ParamType[str]):
    """The name of a stage. It becomes part of the names of S3 buckets."""

    name = "stage"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the name if it is valid."""
        if not NAME_PATTERN.fullmatch(value):
            self.fail(
                f"{value!r} must have 1 to 20 lower case letters, digits and hyphens, and start with a letter",
                param,
                ctx,
            )
        return value


class Assignment(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "parameter"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Returns the name and the value."""
        name, separator, text = value.partition("=")
        if not separator or not name:
            self.fail(f"{value!r} does not have the form NAME=VALUE", param, ctx)
        return name, text


class Moment(click.ParamType[datetime]):
    """A time with its offset from UTC, in ISO 8601."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Returns the time."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-01-31T12:00:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no offset; add Z for UTC", param, ctx)
        return moment


stage_option = click.option("--stage", "name", required=True, type=StageName(), help="Name of the stage, such as dev.")


@click.group(cls=Commands)
def deployment() -> None:
    """Manage stages. Each is a CloudFormation stack. Credentials and region come from AWS environment variables."""


@deployment.command()
@stage_option
@click.option("--package", type=click.Path(path_type=Path), default=PACKAGE, help="Output of `make package`.")
@click.option("--tag", "tags", multiple=True, type=Assignment(), help="A tag of the stage. NAME= removes it.")
@click.argument("parameters", nargs=-1, type=Assignment(), metavar="[NAME=VALUE]...")
def deploy(name: str, package: Path, tags: Iterable[tuple[str, str]], parameters: Iterable[tuple[str, str]]) -> None:
    """Create the stage, or update it to the packaged version, and print the settings of a client.

    Template parameters and tags that are not given keep their values. The first deployment creates an organization, a
    namespace and a key, and prints the key. It is not shown again.
    """
    stage, template = stage_of(name), read_template(package)
    stack = Stack(boto3.client("cloudformation"), stage.stack, say)
    chosen = parameter_values(template, dict(parameters), stack.parameters())
    artifacts = Artifacts(boto3.client("s3"), stage)
    artifacts.ensure()
    key = artifacts.put((package / "deployment.zip").read_bytes(), ".zip")
    final = with_compression(with_code(template, stage.artifacts, key), chosen[COMPRESSION])
    final = with_removal(final, chosen[REMOVAL])
    versions = [without_protection(final), final] if stack.is_new() else [final]
    urls = [artifacts.url(artifacts.put(json.dumps(version).encode(), ".json")) for version in versions]
    all_tags = tags_of(stage.name, dict(tags), stack.tags())
    changed = [stack.apply(url, chosen, all_tags) for url in urls]
    say(f"{stage.stack} is up to date" if any(changed) else f"{stage.stack} was already up to date")
    print_client_settings(stack.outputs(), chosen["PublicUrl"])


def print_client_settings(outputs: Mapping[str, str], public_url: str) -> None:
    """Prints the settings of a client. The key is created and printed by the first deployment only."""
    api_key = first_key(services_of(outputs))
    click.echo(f"export MIXPEEK_BASE_URL={public_url or outputs['EndpointURL'].rstrip('/')}/v1")
    if api_key is None:
        say("API keys exist already; create more with `python -m chalicelib.admin keys`")
        return
    click.echo(f"export MIXPEEK_API_KEY={api_key}")
    click.echo(f"export MIXPEEK_NAMESPACE={DEFAULT_NAMESPACE}")
    say("Keep the key safe: it is not shown again")


@deployment.command()
@stage_option
@click.option("--delete-data", is_flag=True, help="Also remove tables and files, including those of earlier stacks.")
def destroy(name: str, delete_data: bool) -> None:
    """Remove the stage. Its tables and files are kept, unless --delete-data or its RemovalPolicy says otherwise."""
    stage = stage_of(name)
    stack = Stack(boto3.client("cloudformation"), stage.stack, say)
    data = Data(boto3.client("dynamodb"), boto3.client("s3"), stage, say)
    stack.check_removable()
    if stack.parameters().get(REMOVAL) == DELETE and (bucket := stack.output("BlobBucketName")):
        # CloudFormation can only remove an empty bucket. It keeps the buckets of other stages.
        empty(data.s3, bucket)
    stack.remove()
    if delete_data:
        data.remove()
    remove_bucket(data.s3, stage.artifacts)
    say(f"{stage.stack} is removed")
    kept = [*data.tables(), *data.buckets()]
    for each in kept:
        say(f"Kept: {each}")
    if kept:
        say(f"To remove the kept data permanently, run `make destroy STAGE={name} DELETE_DATA=yes`")


@deployment.command()
@stage_option
def settings(name: str) -> None:
    """Print the settings with which the operator's command line uses the stage, as shell commands."""
    stack = Stack(boto3.client("cloudformation"), stage_of(name).stack, say)
    for variable, value in environment(stack.outputs()).items():
        click.echo(f"export {variable}={value}")


@deployment.command()
@stage_option
@click.option("--catalog-table", required=True, help="Catalog table to copy from.")
@click.option("--objects-table", required=True, help="Objects table to copy from.")
@click.option("--blob-bucket", required=True, help="S3 bucket of the copied objects. Its files are not copied.")
@click.option("--profile", help="AWS profile for reading the two tables. Default: the profile that writes.")
def copy(name: str, catalog_table: str, objects_table: str, blob_bucket: str, profile: str | None) -> None:
    """Copy the rows of other tables into the stage. Its statistics are updated automatically.

    The tables may belong to another stage or account, or be restored from a backup. Stop writes to them first.
    """
    stack = Stack(boto3.client("cloudformation"), stage_of(name).stack, say)
    outputs = stack.outputs()
    copying = Copying(boto3.Session(profile_name=profile).client("dynamodb"), boto3.client("dynamodb"))
    rows = copying.catalog(catalog_table, outputs["CatalogTableName"])
    say(f"Copied {rows} rows of the catalog")
    rows = copying.objects(objects_table, outputs["ObjectsTableName"], blob_bucket, outputs["BlobBucketName"])
    say(f"Copied {rows} objects")


@deployment.command("copy-files")
@stage_option
@click.option("--blob-bucket", required=True, help="S3 bucket to copy from.")
@click.option("--moment", required=True, type=Moment(), help="Time of the files, such as 2026-01-31T12:00:00Z.")
def copy_files(name: str, blob_bucket: str, moment: datetime) -> None:
    """Copy the files that another S3 bucket had at a moment into the stage, also those that were removed since then.

    S3 has them if the bucket is versioned. Files that the stage has already are not copied again.
    """
    target = Stack(boto3.client("cloudformation"), stage_of(name).stack, say).outputs()["BlobBucketName"]
    s3 = boto3.client("s3", config=Config(read_timeout=READ_TIMEOUT_SECONDS, max_pool_connections=THREADS))
    count = FileCopying(s3, blob_bucket, target, say).copy(moment)
    say(f"Copied {count.copied} files; {count.present} were there already")
    if count.failed:
        raise DeploymentFailed(f"{count.failed} files could not be copied; run the command again")


def stage_of(name: str) -> Stage:
    """Returns the stage with this name in the account and region of the environment."""
    region = boto3.client("cloudformation").meta.region_name
    return Stage(name, boto3.client("sts").get_caller_identity()["Account"], region)


def say(line: str) -> None:
    """Prints a line for the operator to standard error. Standard output is for settings of clients."""
    click.echo(line, err=True)


if __name__ == "__main__":
    deployment(prog_name="python -m deployment")
