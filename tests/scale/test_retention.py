"""What is deleted leaves nothing behind, wherever a site keeps something."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from rasa.shared.core.domain import Domain

from channels.messaging.message import Choice, Incoming, Kind, Offer
from channels.messaging.store import Store
from stridewell.deletion import delete_conversation
from stridewell.handoff.outbox import NewHandoff, Outbox
from stridewell.records import Records
from stridewell.retention import DAY, Retention
from stridewell.settings import ROOT
from stridewell.stores.database import open_engine
from stridewell.stores.tracker import SiteTrackerStore
from tests.scale.turns import take_turn, turn

ANN, BOB = f"website-{'a1' * 16}", f"website-{'b2' * 16}"
WORDS = "my left leg burns since Tuesday"
REFERENCE = "SW-ANN1"


@pytest.fixture
def site(
    domain: Domain, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, SiteTrackerStore]:
    """A site where Ann and Bob have left something in every place."""
    for name in ("STRIDEWELL_HANDOFF_DB", "STRIDEWELL_MESSAGING_DB", "STRIDEWELL_DATABASE_URL"):
        monkeypatch.setenv(name, database_url)
    store = SiteTrackerStore(domain, url=database_url)
    records = Records(store)
    outbox = Outbox(database_url)
    for person, reference in ((ANN, REFERENCE), (BOB, "SW-BOB1")):
        asyncio.run(take_turn(store, person, turn(f"{WORDS} {person}", message_id=f"m-{person}")))
        records.rate(person, f"m-{person}.0", {"topic": "ask_swimming", "rating": "up"})
        outbox.store(
            NewHandoff(
                uuid4().hex, person, reference, "Yes.", {"words": f"{WORDS} {person}"}, ("notes",)
            )
        )
    return database_url, store


def everything(url: str) -> str:
    """Return all tables of a database, and the bytes of its files, as one text."""
    engine = open_engine(url)
    found = []
    with engine.connect() as connection:
        for table in sa.inspect(engine).get_table_names():
            rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
            found += [f"{table} {tuple(row)}" for row in rows]
    engine.dispose()
    file = sa.engine.make_url(url).database or ""
    for path in (file, f"{file}-wal", f"{file}-journal"):
        if url.startswith("sqlite") and Path(path).exists():
            found.append(Path(path).read_bytes().decode("latin-1"))
    return "\n".join(found)


def command(*words: str, url: str) -> subprocess.CompletedProcess[str]:
    """Run the operator's command."""
    return subprocess.run(
        [sys.executable, "-m", "stridewell.retention", *words],
        cwd=ROOT,
        env={**os.environ, "STRIDEWELL_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_deletion_by_the_person_leaves_nothing(site: tuple[str, SiteTrackerStore]) -> None:
    url, store = site
    assert ANN in everything(url)
    delete_conversation(store, Records(store), ANN, time.time() + DAY)
    left = everything(url)
    assert ANN not in left
    assert f"{WORDS} {BOB}" in left
    assert REFERENCE not in left


def test_deletion_by_the_operator_leaves_nothing(site: tuple[str, SiteTrackerStore]) -> None:
    url, store = site
    store.engine.dispose()
    result = command("delete", ANN, url=url)
    assert result.returncode == 0, result.stderr
    assert "events: 7, website_feedback: 1, handoffs: 1" in result.stdout
    left = everything(url)
    assert ANN not in left
    assert f"{WORDS} {BOB}" in left


def test_the_operator_can_delete_by_the_reference_of_a_handoff(
    site: tuple[str, SiteTrackerStore],
) -> None:
    url, store = site
    store.engine.dispose()
    assert command("delete", REFERENCE.lower(), url=url).returncode == 0
    assert ANN not in everything(url)


def test_an_unknown_id_is_said(site: tuple[str, SiteTrackerStore]) -> None:
    result = command("delete", "website-nobody", url=site[0])
    assert result.returncode == 1
    assert "nothing of that conversation" in result.stderr


def test_retention_deletes_what_is_old_and_keeps_what_is_not(
    site: tuple[str, SiteTrackerStore],
) -> None:
    url, store = site
    with store.engine.begin() as connection:
        for table, person, since in (
            ("events", "sender_id", "timestamp"),
            ("website_feedback", "sender_id", "given_at"),
            ("handoff_summaries", "conversation", "created_at"),
        ):
            connection.execute(
                sa.text(f"UPDATE {table} SET {since} = {since} - :age WHERE {person} = :ann"),
                {"age": 31 * DAY, "ann": ANN},
            )
    gone = Retention(store.engine, 30).expire()
    assert (gone["events"], gone["website_feedback"], gone["handoffs"]) == (7, 1, 1)
    store.engine.dispose()
    left = everything(url)
    assert ANN not in left
    assert f"{WORDS} {BOB}" in left
    assert Retention(open_engine(url), 30).expire()["events"] == 0


def test_messaging_apps_keep_nothing_of_a_deleted_person(
    site: tuple[str, SiteTrackerStore],
) -> None:
    url, store = site
    messaging = Store(url, "one")
    who = "telegram-4711"
    messaging.add_offer(Offer("o1", who, "t1", (Choice("Yes", "/affirm"),)))
    messaging.add_incoming(Incoming("telegram", "k1", who, {"chat": "4711"}, Kind.TEXT, WORDS))
    asyncio.run(take_turn(store, who, turn(WORDS)))
    delete_conversation(store, Records(store), who, time.time())
    messaging.close()
    assert who not in everything(url)


def test_a_large_database_is_cleared_in_portions(
    domain: Domain, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIDEWELL_HANDOFF_DB", database_url)
    monkeypatch.setenv("STRIDEWELL_MESSAGING_DB", database_url)
    monkeypatch.setattr("stridewell.retention.BATCH", 100)
    store = SiteTrackerStore(domain, url=database_url)
    events = store.SQLEvent.__table__
    old = time.time() - 40 * DAY
    rows = [
        {"sender_id": f"s{n}", "type_name": "user", "timestamp": old, "data": json.dumps({})}
        for n in range(1050)
    ]
    with store.engine.begin() as connection:
        connection.execute(events.insert(), rows)
    assert Retention(store.engine, 30).expire()["events"] == 1050
