"""Runs the tests in a browser. Skips them with a message if there is no Chromium, and fails if `CI` is set.

Playwright is installed in `.local/browser`, because only these tests need it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PACKAGES = PROJECT / ".local" / "browser"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> int:
    """Returns the exit code."""
    browser = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if browser is None:
        print(f"The tests in a browser need one of {', '.join(BROWSERS)}, for example Debian's package chromium.")
        print("CI is set, so this is an error." if os.environ.get("CI") else "They are skipped.")
        return 1 if os.environ.get("CI") else 0
    installed = PACKAGES / REQUIREMENTS.name
    if not installed.exists() or installed.read_text() != REQUIREMENTS.read_text():
        shutil.rmtree(PACKAGES, ignore_errors=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(PACKAGES)]
        subprocess.run([sys.executable, *install, "-r", str(REQUIREMENTS)], check=True)
        shutil.copy(REQUIREMENTS, installed)
    environ = {**os.environ, "PYTHONPATH": str(PACKAGES), "BROWSER": browser}
    command = [sys.executable, "-m", "pytest", "-rs", str(Path(__file__).parent)]
    return subprocess.run(command, cwd=PROJECT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
