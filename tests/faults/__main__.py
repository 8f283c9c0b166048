"""The long runs: ``make test-long``, all rows; ``make test-long ARGS="kill readers"``, some.

Each trial that ends is a line of ``artifacts/faults/{row}.jsonl``. A run that is stopped, however
it is, goes on there; ``--afresh`` begins anew, ``--units N`` goes only so far, ``--minutes M``
stops after the trial that is under way then. All figures go into ``docs/reliability.md`` at the
end; exit code 1 if any trial ever failed.
"""

import argparse
import importlib
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.row import Figures, Row, Trial, shown

_ROOT = Path(__file__).resolve().parents[2]
_RESULTS = _ROOT / "artifacts" / "faults"
_REPORT = _ROOT / "docs" / "reliability.md"
_BEGIN, _END = "<!-- figures -->\n", "<!-- end of figures -->\n"


def rows() -> list[Row]:
    """Every row there is: each is ``ROW`` of a ``test_*.py`` beside this file."""
    found = []
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        row = getattr(importlib.import_module(f"tests.faults.{file.stem}"), "ROW", None)
        if isinstance(row, Row):
            found.append(row)
    return found


class Ledger:
    """The trials of one row that have ended."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._file = _RESULTS / f"{row.name}.jsonl"

    def lines(self) -> list[dict[str, Any]]:
        """A line a trial: seed, units, seconds, and figures or what failed."""
        if not self._file.exists():
            return []
        return [json.loads(line) for line in self._file.read_text().splitlines()]

    def add(self, line: dict[str, Any]) -> None:
        """Keep what a trial gave."""
        _RESULTS.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def clear(self) -> None:
        """Forget all of it."""
        self._file.unlink(missing_ok=True)

    def report(self) -> dict[str, Any] | None:
        """What is told of the row, if anything was run."""
        lines = self.lines()
        if not lines:
            return None
        passed: list[Figures] = [line["figures"] for line in lines if "figures" in line]
        failed = [line["failed"] for line in lines if "failed" in line]
        return {
            "title": self._row.title,
            "must hold": self._row.must_hold,
            "done": sum(line["units"] for line in lines if "figures" in line),
            "of": self._row.long,
            "unit": self._row.unit,
            "failed trials": len(failed),
            "minutes": round(sum(line["seconds"] for line in lines) / 60, 1),
            "last": lines[-1]["date"],
            "figures": self._row.summarise(passed) if passed else {},
        }


def run_trial(row: Row, seed: int, units: int) -> dict[str, Any]:
    """One trial; its line."""
    folder = Path(tempfile.mkdtemp(prefix=f"tilecast-{row.name}-"))
    began = time.monotonic()
    line: dict[str, Any] = {"seed": seed, "units": units}
    try:
        line["figures"] = row.trial(Trial(seed, units, folder, long=True))
        shutil.rmtree(folder)
    except Exception as error:
        traceback.print_exc()
        line["failed"] = f"{type(error).__name__}: {error}"[:500]
        print(f"    what it left is in {folder}", flush=True)
    line["seconds"] = round(time.monotonic() - began, 1)
    line["date"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return line


def run_row(row: Row, units: int, deadline: float) -> bool:
    """Trials until ``units`` are done; whether none ever failed."""
    ledger = Ledger(row)
    lines = ledger.lines()
    done = sum(line["units"] for line in lines)
    seed = max((line["seed"] for line in lines), default=0)
    while done < units and time.monotonic() < deadline:
        seed += 1
        size = min(row.trial_units, units - done)
        print(f"{row.name}: {done:,} of {units:,} {row.unit}; seed {seed}", flush=True)
        line = run_trial(row, seed, size)
        ledger.add(line)
        done += size
    report = ledger.report()
    if report is None:
        return True
    print(f"{row.name}: {report['done']:,} of {row.long:,} {row.unit}, {row.must_hold}")
    for name, value in report["figures"].items():
        print(f"    {name}: {shown(value)}")
    print(f"    failed trials: {report['failed trials']}", flush=True)
    return not report["failed trials"]


def write_report(known: Sequence[Row]) -> None:
    """Put the figures of the rows that were run into the document; others stay as they are."""
    text = _REPORT.read_text()
    begin, end = text.index(_BEGIN) + len(_BEGIN), text.index(_END)
    lines = {line.split("`")[1]: line for line in text[begin:end].splitlines() if "`" in line}
    for row in known:
        report = Ledger(row).report()
        if report is not None:
            lines[row.name] = _line(row, report)
    head = ["| row | fault | must hold | done | failed | figures | last |", "|" + "---|" * 7]
    table = [*head, *(lines[row.name] for row in known if row.name in lines)]
    _REPORT.write_text(text[:begin] + "\n".join(table) + "\n" + text[end:])


def _line(row: Row, report: dict[str, Any]) -> str:
    figures = "; ".join(f"{name} {shown(value)}" for name, value in report["figures"].items())
    done = f"{report['done']:,} of {row.long:,} {row.unit}, {report['minutes']:g} min"
    failed = report["failed trials"]
    cells = (f"`{row.name}`", row.title, row.must_hold, done, failed, figures, report["last"])
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"


def main(arguments: Sequence[str]) -> int:
    """Run the rows that are named, or all."""
    known = rows()
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(row.name for row in known))
    parser.add_argument("--units", type=int, help="go only so far")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop after about that")
    parser.add_argument("--afresh", action="store_true", help="forget the earlier trials")
    options = parser.parse_args(arguments)
    unknown = set(options.rows) - {row.name for row in known}
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    well = True
    for row in known:
        if options.rows and row.name not in options.rows:
            continue
        if options.afresh:
            Ledger(row).clear()
        deadline = time.monotonic() + 60 * options.minutes
        well = run_row(row, options.units or row.long, deadline) and well
    write_report(known)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
