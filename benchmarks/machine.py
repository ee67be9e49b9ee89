"""Says on what a benchmark ran."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Return the machine, the versions, and how busy the machine is at the start."""
    return {
        "started": time.strftime("%Y-%m-%d %H:%M"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "processor": _processor(),
        "load_at_start": os.getloadavg()[0],
        "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
