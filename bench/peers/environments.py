"""The virtual environments of the other frameworks, made when they are first asked for."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[2] / ".local" / "peers"
REQUIREMENTS = Path(__file__).parent


class NotInstalled(RuntimeError):
    """The frameworks could not be fetched."""


def python_of(peer: str) -> Path:
    """The interpreter that has this framework, and boto3 and pydantic as we have them. Raises NotInstalled."""
    wanted = (REQUIREMENTS / f"{peer}.txt").read_bytes()
    place = HOME / f"{peer}-{hashlib.sha256(wanted).hexdigest()[:12]}"
    python, ready = place / "bin" / "python", place / ".ready"
    if not ready.exists():
        _run(sys.executable, "-m", "venv", "--clear", str(place))
        _run(str(python), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS / f"{peer}.txt"))
        ready.touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotInstalled(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else " ".join(command))
