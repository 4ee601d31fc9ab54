"""Messages for an operator who has no credentials or gives invalid arguments."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from deployment.__main__ import deployment
from deployment.data import Data
from deployment.errors import DeploymentFailed
from deployment.stage import Stage


def run(*arguments: str) -> Result:
    return CliRunner().invoke(deployment, arguments)


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, f"{tmp_path}/none")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)


@pytest.mark.parametrize("command", ["deploy", "destroy", "settings"])
@pytest.mark.usefixtures("no_credentials")
def test_without_credentials_one_line_names_the_variables(command: str) -> None:
    done = run(command, "--stage", "dev")
    assert done.exit_code == 1
    assert "AWS_PROFILE" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("no_credentials")
def test_without_a_region_one_line_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    done = run("destroy", "--stage", "dev")
    assert (done.exit_code, "AWS_DEFAULT_REGION" in done.stderr) == (1, True)


@pytest.mark.parametrize("name", ["", "Dev", "1st", "a_b", "x" * 21, "dev.eu"])
def test_the_name_of_a_stage_must_be_valid_in_the_name_of_an_s3_bucket(name: str) -> None:
    assert run("deploy", "--stage", name).exit_code == 2


def test_parameters_must_be_assignments() -> None:
    assert run("deploy", "--stage", "dev", "ApiMemory").exit_code == 2


def test_a_stage_owns_the_resources_of_its_own_stack_only() -> None:
    stage = Stage("dev", "123456789012", "ap-southeast-1")
    assert stage.owns_table("buckets-api-dev-CatalogTable-1ABC2DEF3GHI4")
    assert stage.owns_bucket("buckets-api-dev-blobbucket-1abc2def3ghi")
    for table in ("buckets-api-dev2-CatalogTable-1ABC2DEF3GHI4", "buckets-api-dev-OtherTable-1ABC2DEF3GHI4"):
        assert not stage.owns_table(table)
    for bucket in ("buckets-api-dev-two-blobbucket-1abc2def3ghi", "buckets-api-dev-blobbucket-", stage.artifacts):
        assert not stage.owns_bucket(bucket)


def test_the_name_of_the_artifacts_bucket_has_at_most_63_characters() -> None:
    assert len(Stage("x" * 20, "123456789012", "ap-southeast-1").artifacts) <= 63


class FakeStack:
    """A stack with a removal policy, whose removal is recorded."""

    def __init__(self, policy: str, failure: DeploymentFailed | None = None) -> None:
        self.policy, self.failure, self.is_removed = policy, failure, False

    def parameters(self) -> dict[str, str]:
        return {"RemovalPolicy": self.policy}

    def output(self, name: str) -> str | None:
        return {"BlobBucketName": "buckets-api-dev-blobbucket-current"}.get(name)

    def check_removable(self) -> None:
        if self.failure is not None:
            raise self.failure

    def remove(self) -> None:
        self.is_removed = True


@pytest.fixture
def emptied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The buckets that the command empties; the stage has no other data."""
    buckets: list[str] = []
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("deployment.__main__.stage_of", lambda name: Stage(name, "123456789012", "us-east-1"))
    monkeypatch.setattr("deployment.__main__.empty", lambda s3, bucket: buckets.append(bucket))
    monkeypatch.setattr("deployment.__main__.remove_bucket", lambda s3, bucket: None)
    monkeypatch.setattr(Data, "tables", lambda self: [])
    monkeypatch.setattr(Data, "buckets", lambda self: ["buckets-api-dev-blobbucket-earlier"])
    monkeypatch.setattr(Data, "remove", lambda self: None)
    return buckets


@pytest.mark.parametrize(
    ("policy", "options", "expected"),
    [
        ("keep", [], []),
        ("keep", ["--delete-data"], []),
        ("delete", [], ["buckets-api-dev-blobbucket-current"]),
    ],
)
def test_only_the_bucket_that_goes_with_the_stack_is_emptied_before(
    monkeypatch: pytest.MonkeyPatch, emptied: list[str], policy: str, options: list[str], expected: list[str]
) -> None:
    stack = FakeStack(policy)
    monkeypatch.setattr("deployment.__main__.Stack", lambda *args: stack)
    done = CliRunner().invoke(deployment, ["destroy", "--stage", "dev", *options])
    assert done.exit_code == 0, done.output
    assert stack.is_removed
    assert emptied == expected


def test_nothing_is_emptied_if_the_stack_cannot_be_removed(monkeypatch: pytest.MonkeyPatch, emptied: list[str]) -> None:
    stack = FakeStack("delete", DeploymentFailed("it has termination protection"))
    monkeypatch.setattr("deployment.__main__.Stack", lambda *args: stack)
    done = CliRunner().invoke(deployment, ["destroy", "--stage", "dev"])
    assert done.exit_code == 1
    assert not stack.is_removed
    assert emptied == []
