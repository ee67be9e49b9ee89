"""Measures what a second dialogue server brings, and what a message and a conversation cost.

Usage::

    python -m benchmarks.scaling [--messages 20000] [--one 5000] [--people 24]

The site is the one of deploy/: nginx, dialogue servers, an action server, PostgreSQL, Redis and
RabbitMQ, here as processes of this machine and on services of the benchmark's own. People talk
through nginx and the website's API, each waits for an answer before they write again. First one
dialogue server answers ``--one`` messages, then two answer ``--messages``. The people run on the
last processor, everything else where the system puts it. What each part used is counted by its
processor time, so that a figure for one processor follows even where the parts share two.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from benchmarks import machine
from benchmarks.faults import MODEL, UNLIMITED
from benchmarks.load import WebPerson, messages, pinned, talk
from benchmarks.processes import processor_seconds, resident_mb
from benchmarks.services import Services, running_services
from benchmarks.topology import Server, Topology
from stridewell.settings import ROOT

RECORD = ROOT / "results" / "scaling.json"
WARM_UP = 200
TURNS = 6


def measure(
    folder: Path, model: Path, servers: int, count: int, people: int, services: Services
) -> dict[str, Any]:
    """Saturate a site; return its rate, its times and what each part used for a message."""
    site = Topology(folder, model, {**services.settings, **UNLIMITED}, servers)
    folder.mkdir()
    try:
        site.start()
        visitors = [WebPerson(site.url) for _ in range(people)]
        talk(visitors, messages(WARM_UP, seed=9), TURNS)
        parts = _parts(site, services)
        before = {name: processor_seconds(each) for name, each in parts.items()}
        stored = stored_in_postgresql(services.settings["STRIDEWELL_DATABASE_URL"])
        with pinned({max(os.sched_getaffinity(0))}):
            load = talk(visitors, messages(count, seed=10), TURNS)
        used = {name: processor_seconds(each) - before[name] for name, each in parts.items()}
        now = stored_in_postgresql(services.settings["STRIDEWELL_DATABASE_URL"])
        return {
            "servers": servers,
            "messages": len(load.seconds),
            "errors": len(load.errors),
            "first_errors": load.errors[:3],
            "rate": load.rate,
            "p50_ms": load.percentile(0.5),
            "p95_ms": load.percentile(0.95),
            "p99_ms": load.percentile(0.99),
            "processor_ms_a_message": {
                **{name: 1000 * each / len(load.seconds) for name, each in used.items()},
                "people": 1000 * load.processor_seconds / len(load.seconds),
            },
            "resident_mb": {name: resident_mb(each) for name, each in parts.items()},
            "postgresql_bytes_a_conversation": (now["bytes"] - stored["bytes"])
            / (now["conversations"] - stored["conversations"]),
            "load_average": os.getloadavg()[0],
        }
    finally:
        site.stop()


def _parts(site: Topology, services: Services) -> dict[str, int]:
    """Return the processes of a site by name."""
    servers: list[Server | None] = [site.nginx, *site.dialogue, site.actions]
    servers += [services.postgresql, services.redis, services.rabbitmq]
    return {
        server.name: server.process.pid
        for server in servers
        if server is not None and server.process is not None
    }


def stored_in_postgresql(url: str) -> dict[str, float]:
    """Return how many conversations a database holds, and their bytes with all indexes."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        row = connection.execute(
            sa.text(
                "SELECT count(DISTINCT sender_id), pg_total_relation_size('events') FROM events"
            )
        ).one()
    engine.dispose()
    return {"conversations": float(row[0]), "bytes": float(row[1])}


def bytes_in_sqlite(folder: Path, model: Path, count: int) -> float:
    """Let one server on SQLite answer messages; return the bytes of a conversation."""
    folder.mkdir()
    site = Topology(folder, model, {**UNLIMITED, "STRIDEWELL_SECRET_KEY": uuid4().hex}, 1)
    try:
        site.start()
        file = folder / "dialogue-1" / "stridewell.db"
        before = _sqlite_bytes(file)
        load = talk([WebPerson(site.url) for _ in range(2)], messages(count, seed=11), TURNS)
        if load.errors:
            raise RuntimeError(f"A message failed: {load.errors[0]}")
        return (_sqlite_bytes(file) - before) / (count / TURNS)
    finally:
        site.stop()


def _sqlite_bytes(file: Path) -> int:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file.stat().st_size


def show(record: Mapping[str, Any]) -> None:
    """Print what was measured."""
    for found in (record["one"], record["two"]):
        print(
            f"{found['servers']} dialogue server(s): {found['rate']:.1f} messages/s, "
            f"p50 {found['p50_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms, "
            f"{found['errors']} errors in {found['messages']} messages"
        )
        for name, used in found["processor_ms_a_message"].items():
            memory = found["resident_mb"].get(name)
            print(f"  {name:12}{used:8.2f} ms" + (f"{memory:9.0f} MB" if memory else ""))
    print(f"two for one: {record['gain']:.2f}")
    print(
        f"a conversation of {TURNS} messages: {record['sqlite_bytes_a_conversation']:.0f} bytes in "
        f"SQLite, {record['two']['postgresql_bytes_a_conversation']:.0f} in PostgreSQL"
    )


def main() -> int:
    """Measure; print the figures and write ``results/scaling.json``.

    Returns:
        1 if a message was not answered.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000, help="messages for two servers")
    parser.add_argument("--one", type=int, default=5_000, help="messages for one server")
    parser.add_argument("--people", type=int, default=24, help="how many talk at the same time")
    parser.add_argument("--model", type=Path, default=MODEL, help="the trained model")
    options = parser.parse_args()
    record: dict[str, Any] = {"run": machine.describe(), "people": options.people, "turns": TURNS}
    with tempfile.TemporaryDirectory(prefix="stridewell-scaling-") as name:
        folder = Path(name)
        with running_services(folder) as services:
            for key, servers, count in (("one", 1, options.one), ("two", 2, options.messages)):
                place = folder / key
                print(f"{servers} dialogue server(s), {count} messages ...", flush=True)
                record[key] = measure(
                    place, options.model, servers, count, options.people, services
                )
        record["sqlite_bytes_a_conversation"] = bytes_in_sqlite(
            folder / "sqlite", options.model, 600
        )
    record["gain"] = record["two"]["rate"] / record["one"]["rate"]
    show(record)
    RECORD.parent.mkdir(exist_ok=True)
    RECORD.write_text(json.dumps(record, indent=1), encoding="utf-8")
    return int(bool(record["one"]["errors"] or record["two"]["errors"]))


if __name__ == "__main__":
    raise SystemExit(main())
