"""The results as a table on the terminal, as JSON and as Markdown."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.cores import load_cores, pinned, server_cores
from benchmarks.results import RowResult, significant

_QUIET_LOAD = 0.3


def load_before() -> str:
    """The machine's load as it is now, to be taken before anything is measured."""
    load, _, _ = os.getloadavg()
    warning = "" if load < _QUIET_LOAD else ": not a quiet machine, so don't trust the times"
    return f"{load:.2f}{warning}"


def machine() -> dict[str, str]:
    """What it ran on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = Path("/proc/meminfo").read_text().split("\n", 1)[0].split()[1]
    cores = (
        f"server on core {_list(server_cores())}, load on {_list(load_cores())}"
        if pinned()
        else "server and load share them"
    )
    return {
        "CPU": model,
        "cores": f"{os.cpu_count()} ({cores})",
        "memory": f"{int(memory) / 2**20:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _list(cores: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(cores)))


def as_text(rows: Sequence[RowResult]) -> str:
    """For the terminal."""
    parts = []
    for row in rows:
        parts += [f"\n{row.name}: {row.title}", _aligned(_cells(row))]
        parts += [f"  {note}" for note in row.notes]
    targets = _targets(rows)
    if len(targets) > 1:
        parts += ["\ntargets", _aligned(targets)]
    return "\n".join(parts)


def write(rows: Sequence[RowResult], load: str, folder: Path, stem: str) -> list[Path]:
    """Write ``<stem>.json`` and ``<stem>.md`` into a folder; their paths.

    ``load`` is what :func:`load_before` gave.
    """
    folder.mkdir(parents=True, exist_ok=True)
    about = machine() | {"load average before": load}
    content = {"machine": about, "rows": [row.as_json() for row in rows]}
    as_json = folder / f"{stem}.json"
    as_json.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    as_markdown = folder / f"{stem}.md"
    as_markdown.write_text(_markdown(rows, about))
    return [as_json, as_markdown]


def _markdown(rows: Sequence[RowResult], about: dict[str, str]) -> str:
    parts = ["# Benchmark results", ""]
    parts += [f"- {name}: {value}" for name, value in about.items()]
    targets = _targets(rows)
    if len(targets) > 1:
        parts += ["", "## Targets", "", _table(targets)]
    for row in rows:
        parts += ["", f"## {row.title}", "", _table(_cells(row))]
        if row.notes:
            parts += ["", *(f"- {note}" for note in row.notes)]
    return "\n".join(parts) + "\n"


def _cells(row: RowResult) -> list[list[str]]:
    head = list(dict.fromkeys(name for line in row.lines for name in line))
    return [head, *([significant(line.get(name)) for name in head] for line in row.lines)]


def _targets(rows: Sequence[RowResult]) -> list[list[str]]:
    cells = [["row", "what", "measured", "target", ""]]
    for row in rows:
        for target in row.targets:
            bound = f"{target.sense} {significant(target.bound)} {target.unit}".strip()
            cells.append(
                [row.name, target.what, significant(target.measured), bound, target.verdict]
            )
    return cells


def _table(cells: list[list[str]]) -> str:
    head, *body = cells
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _aligned(cells: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    )
