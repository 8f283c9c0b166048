"""``tilecast check``."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.cli_flags import add_canvases, add_flags, settings_of
from server.datafolder import DataFolder, DataFolderError, InUseError
from server.progress import Progress
from server.workers.folder import WorkerFolder
from tiles.log.base import LogError
from tiles.log.check import check
from tiles.log.findings import PROBLEMS_KEPT, Findings, Part
from tiles.log.lock import FileLock
from tiles.log.repair import repair
from tiles.log.survey import Survey

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


_CHECK_A_COPY = (
    "`tilecast backup DEST` copies it meanwhile, and `tilecast check --data DEST` checks the copy"
)


class UnwellError(Exception):
    """Something is wrong, and has been told; the text sums it up."""


FAILURES: tuple[type[Exception], ...] = (DataFolderError, LogError, UnwellError)


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check",
        help="verify the canvases of a folder, and repair them",
        description="Verify every page, row and tile of the canvases of a folder: that SQLite's "
        "structure is sound, the log without a gap, and each saved tile what a replay of the log "
        "gives. Without --repair it only reads. No server may hold the folder meanwhile: check a "
        "copy then, made by `tilecast backup`.",
    )
    add_canvases(parser, "check")
    parser.add_argument(
        "--repair",
        action="store_true",
        help="rebuild damaged tiles from the log; where the log itself is damaged, cut it there "
        "and keep the old file beside the new one",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    add_flags(parser, ("data",))
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    folder = DataFolder(settings_of(options).data)
    workers = WorkerFolder(folder.path)
    if workers.holds_canvases:
        raise workers.held_in_nats(_CHECK_A_COPY)
    names = folder.chosen(options.canvases)
    reports = []
    with _held(folder):
        for name in names:
            report = _Report(name, folder.file(name), repairs=options.repair)
            reports.append(report)
            if not options.json:
                print("\n".join(report.lines()), flush=True)
    if options.json:
        print(json.dumps([report.values() for report in reports], indent=2))
    unwell = [report.name for report in reports if not report.well]
    if unwell:
        raise UnwellError(f"not well: {', '.join(unwell)}")


@contextmanager
def _held(folder: DataFolder) -> Iterator[None]:
    """Hold the folder, so that nobody writes meanwhile. Nothing in it is cleared away."""
    try:
        folder.hold()
    except InUseError:
        raise InUseError(
            f"{folder.path} is in use by a running Tilecast: {_CHECK_A_COPY}"
        ) from None
    try:
        yield
    finally:
        folder.release()


class _Report:
    """One canvas, checked, and repaired if that is asked for."""

    def __init__(self, name: str, path: Path, *, repairs: bool) -> None:
        self.name = name
        self.done: list[str] = []
        self.refused = ""
        progress = Progress()

        def say(text: str) -> None:
            progress.say(f"{name}: {text}")

        with FileLock(path):
            self.findings, found = check(path, say)
            self.last = self.findings
            self._prospect = _prospect(self.findings, found)
            if repairs and not self.findings.well:
                try:
                    self.done = repair(path, self.findings, found, say)
                    self.last, _ = check(path, say)
                except LogError as error:
                    self.refused = str(error)
        progress.end()

    @property
    def well(self) -> bool:
        """Whether nothing is wrong, or nothing any more."""
        return self.last.well

    def lines(self) -> Iterator[str]:
        """What a person reads."""
        findings = self.findings
        held = (
            f"seq {findings.whole_seq}, {findings.messages} messages, "
            f"{findings.tiles} saved tiles, {findings.sessions} sessions"
        )
        yield f"{self.name}: {held}: {'well' if findings.well else 'NOT WELL'}"
        yield from (f"  note: {text}" for text in findings.notes)
        yield from (f"  {problem.part}: {problem.text}" for problem in findings.problems)
        for part, count in findings.counts.items():
            if count > PROBLEMS_KEPT:
                yield f"  {part}: and {count - PROBLEMS_KEPT} more"
        yield from (f"  repaired: {text}" for text in self.done)
        if self.refused:
            yield f"  not repaired: {self.refused}"
        elif self.done and not self.last.well:
            yield f"  still wrong: {self.last.problems[0].text}"
        elif self.done:
            yield f"  well now, seq {self.last.whole_seq}"
        elif self._prospect:
            yield f"  --repair {self._prospect}"

    def values(self) -> dict[str, Any]:
        """What a program reads."""
        findings = self.findings
        return {
            "canvas": self.name,
            "well": self.well,
            "seq": self.last.whole_seq,
            "lost_messages": findings.end_seq - self.last.whole_seq,
            "saved_tiles": findings.tiles,
            "sessions": findings.sessions,
            "notes": findings.notes,
            "problems": [
                {"part": problem.part.value, "text": problem.text} for problem in findings.problems
            ],
            "problem_counts": {part.value: count for part, count in findings.counts.items()},
            "repaired": self.done,
            "not_repaired": self.refused,
        }


def _prospect(findings: Findings, found: Survey) -> str:
    """What a repair would do; nothing where nothing is wrong, or nothing can be done."""
    if findings.well or found.info is None or (found.base_seq and not found.whole_seq):
        return ""
    lost = findings.end_seq - findings.whole_seq
    if lost:
        text = f"would cut the log after seq {found.whole_seq}: {lost} messages would go"
        some = ", but for those that are found in the file's pages"
        return text + some if findings.has(Part.FILE) else text
    if findings.has(Part.FILE, Part.LOG):
        return "would make a new file, and lose no message"
    return "would lose no message"
