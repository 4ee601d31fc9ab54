"""Checks a template: `python -m deployment.findings .local/checkov/bin/checkov build/package/sam.json`."""

from __future__ import annotations

import json
import subprocess
import sys

from deployment.findings.comparison import ReportInvalid, accepted, findings, problems

# Without a network: the checks are those of the installed version.
OPTIONS = (
    "--framework",
    "cloudformation",
    "--skip-download",
    "--compact",
    "--quiet",
    "--soft-fail",
    "--output",
    "json",
)


def main(program: str, template: str) -> int:
    """Prints the problems with the findings for this template. Returns exit code 1 if there are any."""
    command = [program, "--file", template, *OPTIONS]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 the caller names it
    try:
        found = findings(json.loads(done.stdout))
    except ReportInvalid as error:
        print(error, file=sys.stderr)
        return 1
    lines = list(problems(found, accepted()))
    print(*lines, sep="\n", end="\n" if lines else "")
    print(f"checkov: {len(found)} findings, {len(lines)} problems")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
