"""Creates the virtual environments of the other frameworks on first use."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[2] / ".local" / "peers"
REQUIREMENTS = Path(__file__).parent


class NotInstalled(RuntimeError):
    """The packages of a framework could not be installed."""


def python_of(peer: str) -> Path:
    """Returns the Python interpreter with this framework, boto3 and pydantic. Raises NotInstalled."""
    requirements = (REQUIREMENTS / f"{peer}.txt").read_bytes()
    folder = HOME / f"{peer}-{hashlib.sha256(requirements).hexdigest()[:12]}"
    python, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", "--requirement", str(REQUIREMENTS / f"{peer}.txt"))
        ready.touch()
    return python


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise NotInstalled(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else " ".join(command))
