"""The tables of the reference pages agree with the code."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import click
import pytest

import chalicelib
from chalicelib.admin.__main__ import admin
from chalicelib.core.errors import ApiError
from chalicelib.http.envelope import STATUS, status_and_type
from chalicelib.settings import Settings, environment_variable
from deployment.merge_template.template import merge_template
from tests.docs.markdown import DOCS

ERRORS = re.findall(
    r"^\| (\w+) \| (\d+) \| `(\w+)` \| `?(\w*)`? *\|",
    (DOCS / "reference" / "errors.md").read_text(),
    re.MULTILINE,
)
SETTINGS = (DOCS / "reference" / "settings.md").read_text()
# Clients never see these. VersionConflict and DeliveryChanged: the write is retried, and clients get Unavailable if all
# attempts fail. DeliveryRepeated: a repeated webhook gets the response of the first one.
INTERNAL = {"VersionConflict", "DeliveryChanged", "UploadChanged", "DeliveryRepeated"}


def errors() -> set[type[ApiError]]:
    """Returns all error classes of the packaged service."""
    for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if not module.name.startswith(("chalicelib.local", "chalicelib.admin")):
            importlib.import_module(module.name)

    def subclasses(kind: type[ApiError]) -> Iterator[type[ApiError]]:
        for sub in kind.__subclasses__():
            yield sub
            yield from subclasses(sub)

    return {error for error in subclasses(ApiError) if not error.__module__.startswith(("chalicelib.local", "tests"))}


def test_every_error_is_on_the_page_with_its_status_type_and_code() -> None:
    shown = {name: (int(status), type_, code) for name, status, type_, code in ERRORS}
    for error in errors() - set(STATUS) - {error for error in errors() if error.__name__ in INTERNAL}:
        assert shown.get(error.__name__) == (*status_and_type(error), error.code or ""), error.__name__


def test_every_error_on_the_page_exists() -> None:
    known = {error.__name__: error for error in errors()}
    for name, status, type_, code in ERRORS:
        assert name in known, f"there is no error {name}"
        assert (int(status), type_, code) == (*status_and_type(known[name]), known[name].code or ""), name


def test_errors_on_the_page_are_unique_and_ordered_by_status_and_type() -> None:
    assert len({name for name, *_ in ERRORS}) == len(ERRORS)
    keys = [(int(status), type_) for _, status, type_, _ in ERRORS]
    assert keys == sorted(keys)


@pytest.mark.parametrize("name", Settings.__dataclass_fields__)
def test_every_setting_is_on_the_page_with_its_default(name: str) -> None:
    default = getattr(Settings(), name)
    (line,) = [line for line in SETTINGS.splitlines() if line.startswith(f"| `{environment_variable(name)}` |")]
    assert not default or f"`{default}`" in line


def test_every_setting_on_the_page_exists() -> None:
    shown = set(re.findall(r"^\| `(\w+)` \|", SETTINGS, re.MULTILINE))
    assert shown == {environment_variable(name) for name in Settings.__dataclass_fields__}


def test_the_operating_guide_lists_every_alarm() -> None:
    declared = merge_template()["Resources"]
    alarms = {name for name, made in declared.items() if made.get("Type") == "AWS::CloudWatch::Alarm"}
    shown = re.findall(r"^\| `(\w+Alarm)` \|", (DOCS / "how-to" / "operating.md").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(alarms)


def test_the_operating_guide_lists_every_command() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \|", (DOCS / "how-to" / "operating.md").read_text(), re.MULTILINE)
    shown = set()
    for row in rows:
        first, *others = re.findall(r"`([^`]*)`", row)
        group, _, command = first.partition(" ")
        shown |= {(group, name) for name in (command, *others) if name}
    commands = {
        (name, command)
        for name, group in admin.commands.items()
        if isinstance(group, click.Group)
        for command in group.commands
    }
    assert shown == commands
