"""``python -m benchmarks [row …]``: run the benchmark, or some of its rows."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from benchmarks import quick, report
from benchmarks.results import RowResult
from benchmarks.rows import (
    area,
    cursors,
    hot_screen,
    idle,
    ingest,
    nodes,
    overlap,
    pan_zoom,
    recovery,
    spread,
    tiles,
)
from benchmarks.run import Run
from benchmarks.subjects import PEERS

_ROOT = Path(__file__).resolve().parent.parent
_OUT = _ROOT / "docs" / "benchmarks"
_PARTIAL_OUT = _ROOT / "artifacts" / "benchmarks"


class Row(NamedTuple):
    """One row: how it is called, how long it takes at about, and what runs it."""

    name: str
    planned_s: Callable[[Run], float]
    run: Callable[[Run], RowResult]


def _row(module: ModuleType) -> Row:
    return Row(module.NAME, module.planned_s, module.run_row)


ROWS = tuple(
    map(
        _row,
        (
            hot_screen,
            spread,
            overlap,
            area,
            pan_zoom,
            cursors,
            ingest,
            tiles,
            idle,
            recovery,
            nodes,
        ),
    )
)


def main(arguments: Sequence[str]) -> int:
    """Run the rows named, or all; 2 for a name that isn't one."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"one of {', '.join(names)}")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for JSON and Markdown (docs/benchmarks; for some rows alone: "
        "artifacts/benchmarks)",
    )
    parser.add_argument(
        "--peers",
        default=",".join(PEERS),
        help=f"peers to compare with, by comma ({','.join(PEERS)}), or none",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes instead, held to what can be counted"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        return quick.main()
    unknown = sorted(set(options.rows) - set(names))
    if unknown:
        parser.error(f"no such row: {' '.join(unknown)} (there are: {' '.join(names)})")
    peers = () if options.peers == "none" else tuple(options.peers.split(","))
    if set(peers) - set(PEERS):
        parser.error(f"no such peer: {options.peers} (there are: {' '.join(PEERS)})")
    rows = [row for row in ROWS if not options.rows or row.name in options.rows]
    load = report.load_before()
    print(f"load average before: {load}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="tilecast-bench-") as folder:
        results, failed = _run(rows, Run(Path(folder), peers))
    print(report.as_text(results))
    stem = "latest" if not options.rows else "-".join(row.name for row in rows)
    out = options.out or (_PARTIAL_OUT if options.rows else _OUT)
    for path in report.write(results, load, out, stem):
        print(f"written: {path}")
    if failed:
        print(f"failed: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(rows: Sequence[Row], run: Run) -> tuple[list[RowResult], list[str]]:
    """The results, and the names of the rows that failed; those don't keep the others away."""
    run.plan(sum(row.planned_s(run) for row in rows))
    results, failed = [], []
    for row in rows:
        began = time.monotonic()
        try:
            result = row.run(run)
        except Exception:
            traceback.print_exc()
            failed.append(row.name)
        else:
            result.seconds = time.monotonic() - began
            results.append(result)
        run.row_done(row.planned_s(run))
    return results, failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
