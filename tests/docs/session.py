"""Runs the code blocks of a page in order, in one shell and one Python session."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs.markdown import Step, matches


class Shell:
    """A bash process for all blocks, so later blocks see the variables of earlier ones. A failed command ends it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            ["bash", "--norc", "-euo", "pipefail"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, text: str) -> str:
        """Runs a block, and returns its standard output. Raises AssertionError if a command fails."""
        source, out, err = (self.folder / f"block.{kind}" for kind in ("sh", "out", "err"))
        source.write_text(text)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"source {source} </dev/null >{out} 2>{err}\necho done\n")
        self._process.stdin.flush()
        finished = self._process.stdout.readline()
        assert finished == "done\n", f"{text}\nfailed:\n{out.read_text()}\n{err.read_text()}\n{finished}"
        return out.read_text()

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=10)


class Interpreter:
    """A Python session. It runs in the process of the test, because importing the SDK takes seconds."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def run(self, text: str) -> str:
        """Runs a block, and returns its standard output. Exceptions propagate."""
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            exec(compile(text, "<block>", "exec"), self._names)
        return printed.getvalue()


@contextlib.contextmanager
def session(folder: Path, environment: Mapping[str, str]) -> Iterator[Callable[[Step], str]]:
    """Yields a function that runs a step, checks that its output matches the shown one, and returns the output."""
    shell, interpreter = Shell(folder, environment), Interpreter(environment)

    def run(step: Step) -> str:
        output = (interpreter if step.block.language == "python" else shell).run(step.block.text)
        if step.output is not None:
            message = f"{step.block.text}\nprinted:\n{output}\nand the page shows:\n{step.output}"
            assert matches(step.output, output), message
        return output

    try:
        yield run
    finally:
        shell.close()


def search_path() -> str:
    """Returns the folder with the `python` of the virtual environment."""
    return str(Path(sys.executable).parent)
