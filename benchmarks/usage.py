"""What a process and its children have used, as the operating system counts it."""

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM = 1, 11, 12
"""Fields of /proc/<pid>/stat, counted from the one after the command's name."""


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(pid: int) -> list[int]:
    """The process and all its descendants that run."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_stat(int(entry.name))[_PARENT])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for process in found:
        found += children.get(process, [])
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of the process and its descendants, user and system, in seconds.

    Its grain is a clock tick, a hundredth of a second.
    """
    total = 0
    for process in tree(pid):
        fields = _stat(process)
        total += int(fields[_USER]) + int(fields[_SYSTEM])
    return total / _TICKS_PER_S


def busy_seconds(cores: set[int]) -> float:
    """Time that these cores have given to processes, whichever."""
    names = {f"cpu{core}" for core in cores}
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *counts = line.split()
        if name in names:
            ticks += sum(map(int, counts[:3]))
    return ticks / _TICKS_PER_S


def resident_bytes(pid: int) -> int:
    """Resident memory of the process and its descendants."""
    total = 0
    for process in tree(pid):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) * 1024
    return total
