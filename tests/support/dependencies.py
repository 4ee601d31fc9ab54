"""Reads the dependency groups of pyproject.toml and the pinned versions of packages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]


def group(name: str) -> Iterator[Requirement]:
    """Yields the requirements of a group and of the groups that it includes."""
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]
    for entry in groups[name]:
        if isinstance(entry, dict):
            yield from group(entry["include-group"])
        else:
            yield Requirement(entry)


@cache
def packages(name: str) -> frozenset[str]:
    """Returns the canonical names of all packages that a group needs on this machine, directly or indirectly."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = list(group(name))
    while waiting:
        requirement = waiting.pop()
        package = canonicalize_name(requirement.name)
        found.add(package)
        for extra in {"", *requirement.extras} - {extra for each, extra in seen if each == package}:
            seen.add((package, extra))
            needed = map(Requirement, requires(package) or ())
            waiting += [each for each in needed if each.marker is None or each.marker.evaluate({"extra": extra})]
    return frozenset(found)


def pins(path: str) -> dict[str, str]:
    """Returns the versions in a file by canonical package name. Each line must be `name==version` or a comment."""
    lines = (PROJECT / path).read_text().splitlines()
    pairs = [re.fullmatch(r"([\w.-]+)==(\S+)", line) for line in lines if not line.startswith("#")]
    assert all(pairs), f"{path} has a line without a pinned version"
    return {canonicalize_name(pair[1]): pair[2] for pair in pairs if pair}
