"""Works out what a site needs from what ``benchmarks.scaling`` measured: JSON in, tables out.

``python -m benchmarks.capacity`` replaces the tables between the marks in docs/capacity.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.pages import fill_in
from benchmarks.scaling import RECORD
from stridewell.settings import ROOT

PAGE = ROOT / "docs" / "capacity.md"
SIZES = (10_000, 1_000_000, 100_000_000)
SECONDS_A_MONTH = 30 * 24 * 3600
# The busiest hour has so many times the messages of an average one.
PEAK = 4.0
# So much of a processor is planned with; the rest is for what the plan doesn't know.
BUSY = 0.6
# For one part to fail and for updates.
FEWEST = 2
RETENTION_MONTHS = 1.0
PARTS = ("nginx", "dialogue", "actions", "postgresql", "redis", "rabbitmq")


@dataclass(frozen=True)
class Cost:
    """What was measured.

    Attributes:
        processor_ms: Processor time of a message by part.
        resident_mb: Memory of one process of a part.
        bytes: What a conversation takes in PostgreSQL and in SQLite, with all indexes.
        turns: Messages of a conversation.
    """

    processor_ms: Mapping[str, float]
    resident_mb: Mapping[str, float]
    bytes: Mapping[str, float]
    turns: int


@dataclass(frozen=True)
class Need:
    """What a number of conversations a month needs.

    Attributes:
        peak: Messages a second in the busiest hour.
        cores: Processors that each part keeps busy then, before any reserve.
        dialogue_servers: Processes of the dialogue server, one processor each.
        memory_gb: Memory of all dialogue servers.
        database_gb: Size of the database.
    """

    peak: float
    cores: Mapping[str, float]
    dialogue_servers: int
    memory_gb: float
    database_gb: float


def read_cost(record: Mapping[str, Any]) -> Cost:
    """Read what the benchmark measured with two dialogue servers."""
    found = record["two"]

    def by_part(figures: Mapping[str, float], one: bool) -> dict[str, float]:
        total: dict[str, list[float]] = {part: [] for part in PARTS}
        for name, figure in figures.items():
            part = name.partition("-")[0]
            if part in total:
                total[part].append(figure)
        return {part: max(each) if one else sum(each) for part, each in total.items() if each}

    return Cost(
        by_part(found["processor_ms_a_message"], False),
        by_part(found["resident_mb"], True),
        {
            "PostgreSQL": found["postgresql_bytes_a_conversation"],
            "SQLite": record["sqlite_bytes_a_conversation"],
        },
        record["turns"],
    )


def need(cost: Cost, conversations: int) -> Need:
    """Work out what a number of conversations a month needs."""
    peak = conversations * cost.turns / SECONDS_A_MONTH * PEAK
    cores = {part: peak * used / 1000 for part, used in cost.processor_ms.items()}
    servers = max(FEWEST, math.ceil(cores["dialogue"] / BUSY))
    return Need(
        peak,
        cores,
        servers,
        servers * cost.resident_mb["dialogue"] / 1000,
        conversations * RETENTION_MONTHS * cost.bytes["PostgreSQL"] / 1e9,
    )


def measured_table(cost: Cost) -> str:
    """Return the table of what was measured."""
    lines = ["| Part | Processor time of a message | Messages a second and core | Memory |"]
    lines.append("|---|---|---|---|")
    for part in PARTS:
        used = cost.processor_ms[part]
        lines.append(
            f"| {part} | {used:.2f} ms | {1000 / used:,.0f} | {cost.resident_mb[part]:,.0f} MB |"
        )
    for kind, size in cost.bytes.items():
        lines.append(f"| a conversation in {kind} | | | {size / 1000:.0f} kB |")
    return "\n".join(lines)


def needs_table(cost: Cost) -> str:
    """Return the table of what each size needs."""
    needs = [need(cost, size) for size in SIZES]
    rows = {
        "messages a second, average": [f"{n.peak / PEAK:,.2f}" for n in needs],
        "messages a second, busiest hour": [f"{n.peak:,.1f}" for n in needs],
        "dialogue servers, one core each": [f"{n.dialogue_servers:,}" for n in needs],
        "their memory": [f"{n.memory_gb:,.1f} GB" for n in needs],
        **{
            f"cores busy in {part}": [f"{n.cores[part]:,.2f}" for n in needs]
            for part in PARTS
            if part != "dialogue"
        },
        "database after a month": [f"{n.database_gb:,.1f} GB" for n in needs],
    }
    head = " | ".join(f"{size:,}" for size in SIZES)
    lines = [f"| Conversations a month | {head} |", "|---|" + "---|" * len(SIZES)]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join(lines)


def main() -> int:
    """Replace the tables of the page."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    cost = read_cost(record)
    run = record["run"]
    where = (
        f"Measured {run['started']} on {run['processors']} processors ({run['processor']}), "
        f"load average {run['load_at_start']:.1f} before the run."
    )
    fill_in(PAGE, "measured", f"{where}\n\n{measured_table(cost)}")
    fill_in(PAGE, "needs", needs_table(cost))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
