"""What checkov finds in the template is compared with the accepted findings."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from deployment.findings.__main__ import main
from deployment.findings.comparison import ACCEPTED, Finding, ReportInvalid, accepted, findings, problems

QUEUES = Finding("CKV_1", "AWS::SQS::Queue.*", "Queues are encrypted")


def report(*failed: tuple[str, str], **summary: int) -> dict[str, Any]:
    checks = [{"check_id": check, "resource": resource, "check_name": check.lower()} for check, resource in failed]
    counts = {"parsing_errors": 0, "resource_count": 70, **summary}
    return {"results": {"failed_checks": checks}, "summary": counts}


def test_accepted_findings_are_no_problems() -> None:
    found = findings(report(("CKV_1", "AWS::SQS::Queue.TaskQueue"), ("CKV_1", "AWS::SQS::Queue.BatchQueue")))
    assert list(problems(found, [QUEUES])) == []


def test_another_check_and_another_resource_are_problems() -> None:
    found = findings(
        report(("CKV_1", "AWS::SQS::Queue.A"), ("CKV_1", "AWS::SNS::Topic.B"), ("CKV_2", "AWS::SQS::Queue.A"))
    )
    assert list(problems(found, [QUEUES])) == ["CKV_1 AWS::SNS::Topic.B: ckv_1", "CKV_2 AWS::SQS::Queue.A: ckv_2"]


def test_an_accepted_finding_that_no_longer_exists_is_a_problem() -> None:
    (line,) = problems([], [QUEUES])
    assert "CKV_1 AWS::SQS::Queue.*: accepted, but no longer found" in line


@pytest.mark.parametrize(
    "invalid", [report(parsing_errors=1), report(resource_count=0), {"passed": 0, "failed": 0, "resource_count": 0}]
)
def test_a_report_of_an_unread_template_is_invalid(invalid: dict[str, Any]) -> None:
    with pytest.raises(ReportInvalid):
        findings(invalid)


def test_every_accepted_finding_has_a_title_and_a_reason() -> None:
    entries = tomllib.loads(ACCEPTED.read_text())
    assert list(entries) == sorted(entries, key=lambda check: int(check.rpartition("_")[2]))
    for entry in entries.values():
        assert set(entry) == {"title", "resources", "reason"}
        assert len(entry["reason"]) > 40
        assert entry["resources"]


@pytest.mark.parametrize(("removed", "exit_code"), [(0, 0), (1, 1)])
def test_the_command_fails_if_there_is_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], removed: int, exit_code: int
) -> None:
    found = [(each.check, each.resource.replace("*", "Any")) for each in accepted()][removed:]
    program = tmp_path / "checkov"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(report(*found))}\nEND\n")
    program.chmod(0o700)
    assert main(str(program), "sam.json") == exit_code
    assert f"{len(found)} findings, {removed} problems" in capsys.readouterr().out
