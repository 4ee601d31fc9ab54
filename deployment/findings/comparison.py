"""Which findings of checkov are not accepted, and which accepted findings no longer exist."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ACCEPTED = Path(__file__).parent / "accepted.toml"


class ReportInvalid(Exception):
    """The report of checkov is not that of a complete template."""


@dataclass(frozen=True, order=True, slots=True)
class Finding:
    """A check of checkov and a resource, such as `AWS::SQS::Queue.TaskQueue`, or a pattern for resources."""

    check: str
    resource: str
    title: str = ""

    def matches(self, other: Finding) -> bool:
        """Returns whether this is the same check, with a pattern for the resource of the other."""
        return self.check == other.check and fnmatchcase(other.resource, self.resource)


def accepted(path: Path = ACCEPTED) -> list[Finding]:
    """Returns the accepted findings. Each has a reason in the file."""
    entries: Mapping[str, Mapping[str, Any]] = tomllib.loads(path.read_text())
    return [
        Finding(check, resource, entry["title"]) for check, entry in entries.items() for resource in entry["resources"]
    ]


def findings(report: Mapping[str, Any]) -> list[Finding]:
    """Returns the findings in a report of checkov. Raises ReportInvalid if the template was not checked."""
    summary = report.get("summary", {})
    if summary.get("parsing_errors") != 0 or not summary.get("resource_count"):
        raise ReportInvalid(f"checkov has not checked the template: {summary or report}")
    failed = report["results"]["failed_checks"]
    return [Finding(each["check_id"], each["resource"], each["check_name"]) for each in failed]


def problems(found: Iterable[Finding], expected: Iterable[Finding]) -> Iterator[str]:
    """Yields a line for each finding that is not accepted, and for each accepted one that does not exist."""
    found, expected = sorted(set(found)), sorted(set(expected))
    for finding in found:
        if not any(each.matches(finding) for each in expected):
            yield f"{finding.check} {finding.resource}: {finding.title}"
    for each in expected:
        if not any(each.matches(finding) for finding in found):
            yield f"{each.check} {each.resource}: accepted, but no longer found; remove it from {ACCEPTED.name}"
