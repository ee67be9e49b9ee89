"""What processes use, as Linux counts it: an id in, memory and processor time out."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM = 1, 11, 12  # Places in /proc/<id>/stat, counted from the state.


def family(process: int) -> list[int]:
    """Return a process and all that came from it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(path.name))
        if fields:
            children.setdefault(int(fields[_PARENT]), []).append(int(path.name))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


def resident_mb(process: int) -> float:
    """Return the resident memory of a process and its children in MB."""
    total = 0
    for each in family(process):
        try:
            status = Path(f"/proc/{each}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        total += sum(int(x.split()[1]) for x in status.splitlines() if x.startswith("VmRSS:"))
    return total * 1024 / 1e6


def processor_seconds(process: int) -> float:
    """Return the processor time that a process and its living children have used."""
    used = 0
    for each in family(process):
        fields = _stat(each)
        used += int(fields[_USER]) + int(fields[_SYSTEM]) if fields else 0
    return used / _TICKS


def _stat(process: int) -> list[str]:
    try:
        line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return []
    return line.rpartition(")")[2].split()  # The name before may hold spaces.
