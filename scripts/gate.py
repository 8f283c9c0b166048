"""The gate: everything that has to hold before a change lands, stage by stage.

    python -m scripts.gate                     all stages
    python -m scripts.gate lint types          some of them
    python -m scripts.gate unit -- -k codec    what follows the dashes goes to pytest

A stage that fails doesn't keep the later ones from running; the exit code is 1 if any failed. At
the end a table tells what each stage took, and pytest's own closing lines follow.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import lock, package_check, viewer_build

_ROOT = Path(__file__).resolve().parent.parent
_PYTEST_SUMMARY = re.compile(r"=+ (?P<counts>.*) in [\d.]+s.* =+")


class StageError(Exception):
    """A stage failed; the message names the command or the reason."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: what it is called, what it holds, and what runs it (raises on failure)."""

    name: str
    promise: str
    run: Callable[[Gate], None]


class Gate:
    """One run of the gate, and what it found out."""

    def __init__(self, pytest_arguments: Sequence[str]) -> None:
        self.pytest_arguments = tuple(pytest_arguments)
        self.pytest_summaries: list[str] = []
        self.rows: list[tuple[str, str, float]] = []

    def run(self, stages: Sequence[Stage]) -> int:
        """Run the stages in order and print the table; 0 if all passed, else 1."""
        for stage in stages:
            print(f"\n── {stage.name}: {stage.promise}", flush=True)
            started, verdict = time.monotonic(), "passed"
            try:
                stage.run(self)
            except (StageError, viewer_build.ViewerBuildError, subprocess.SubprocessError) as error:
                verdict = "FAILED"
                print(f"{stage.name} failed: {error}", flush=True)
            self.rows.append((stage.name, verdict, time.monotonic() - started))
        self._print_table()
        return 1 if any(verdict == "FAILED" for _, verdict, _ in self.rows) else 0

    def command(self, *command: str) -> None:
        """Run a command in the tree; its name is looked up in the virtual environment alone.

        Raises StageError.
        """
        name, *arguments = command
        executable = Path(sys.executable).parent / name
        done = subprocess.run([executable, *arguments], cwd=_ROOT, check=False)
        if done.returncode != 0:
            raise StageError(f"`{' '.join(command)}` ended with {done.returncode}")

    def npm(self, *arguments: str) -> None:
        """npm in `viewer/`, with the packages of its lock file. Raises ViewerBuildError."""
        viewer_build.ensure_node(_ROOT)
        viewer_build.install_packages(_ROOT)
        viewer_build.npm(_ROOT, *arguments)

    def pytest(self, *arguments: str) -> None:
        """Run pytest, pass its output on, and keep its closing line. Raises StageError.

        A run in which no test passed counts as failed, whatever pytest says of it.
        """
        command = [sys.executable, "-m", "pytest", *arguments, *self.pytest_arguments]
        summary = None
        with subprocess.Popen(
            command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                summary = _PYTEST_SUMMARY.fullmatch(line.strip()) or summary
        if summary is not None:
            self.pytest_summaries.append(summary[0])
        if process.returncode != 0:
            raise StageError(f"pytest ended with {process.returncode}")
        if summary is None or not re.search(r"\b[1-9]\d* passed", summary["counts"]):
            raise StageError("no test passed")

    def _print_table(self) -> None:
        width = max(len(name) for name, _, _ in self.rows)
        print(f"\n{'stage':<{width}}  {'':<6}  {'seconds':>7}")
        for name, verdict, seconds in self.rows:
            print(f"{name:<{width}}  {verdict:<6}  {seconds:>7.1f}")
        total = sum(seconds for _, _, seconds in self.rows)
        print(f"{'all':<{width}}  {'':<6}  {total:>7.1f}")
        for summary in self.pytest_summaries:
            print(summary)
        sys.stdout.flush()


def _check_locks(_: Gate) -> None:
    complaints = lock.complaints()
    if complaints:
        raise StageError("; ".join(complaints))


def _build_viewer(_: Gate) -> None:
    viewer_build.ensure_node(_ROOT)
    viewer_build.build(_ROOT)


def _check_package(_: Gate) -> None:
    complaints = package_check.complaints(_ROOT)
    if complaints:
        raise StageError("; ".join(complaints))


_TWO = ("-n", "2", "--dist", "loadfile")

# The cheap ones first; the viewer is built before what ships it or looks at it.
STAGES = (
    Stage(
        "format",
        "the Python is formatted",
        lambda gate: gate.command("ruff", "format", "--check", "."),
    ),
    Stage("lint", "the Python is free of lint", lambda gate: gate.command("ruff", "check", ".")),
    Stage("types", "the Python is typed, strictly", lambda gate: gate.command("mypy")),
    Stage(
        "contracts",
        "no layer imports what it may not",
        lambda gate: gate.command("lint-imports", "--no-logo"),
    ),
    Stage(
        "generated",
        "the generated files are those that the message table gives",
        lambda gate: gate.command("python", "-m", "protocol.generate", "--check"),
    ),
    Stage("locks", "the locks fit pyproject.toml", _check_locks),
    Stage(
        "viewer-lint",
        "the viewer is formatted and free of lint",
        lambda gate: gate.npm("run", "lint"),
    ),
    Stage("viewer-types", "the viewer is typed", lambda gate: gate.npm("run", "typecheck")),
    Stage("viewer-test", "the viewer passes its own tests", lambda gate: gate.npm("test")),
    Stage("viewer-build", "the viewer builds", _build_viewer),
    Stage("package", "what is shipped is complete and holds nothing else", _check_package),
    # Two at a time, since much of it waits; what they share they have for a module.
    Stage(
        "unit",
        "unit, property, contract, simulation and end-to-end tests",
        lambda gate: gate.pytest(*_TWO, "--ignore=tests/browser", "--ignore=tests/faults"),
    ),
    # Some of these hold the server to times: nothing else runs meanwhile.
    Stage("faults", "short runs of all faults", lambda gate: gate.pytest("tests/faults")),
    Stage(
        "bench-quick",
        "small loads are delivered to whom they concern, once, in one write a flush",
        lambda gate: gate.command("python", "-m", "benchmarks", "--quick"),
    ),
    Stage(
        "browser",
        "the viewer in real browsers",
        lambda gate: gate.pytest(*_TWO, "tests/browser"),
    ),
)


def main(arguments: Sequence[str]) -> int:
    """Run the stages named, or all; 2 for a name that isn't one."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    wanted, pytest_arguments = arguments[:end], arguments[end + 1 :]
    unknown = sorted(set(wanted) - {stage.name for stage in STAGES})
    if unknown:
        known = " ".join(stage.name for stage in STAGES)
        print(f"no such stage: {' '.join(unknown)} (there are: {known})", file=sys.stderr)
        return 2
    stages = [stage for stage in STAGES if not wanted or stage.name in wanted]
    return Gate(pytest_arguments).run(stages)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
