"""Deletes what is kept long enough, and everything of one person.

Knows every place that keeps something of a conversation: its events, ratings, hand-offs and the
messaging apps' own tables. The dialogue server runs this by itself once an hour. The command,
``python -m stridewell.retention``, does it at once, or deletes one conversation by its id or by
the reference of a hand-off. Imports nothing of Rasa, so that it starts within a second.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from stridewell.settings import ROOT, SettingsError
from stridewell.stores.database import open_engine
from stridewell.stores.settings import StoreSettings, is_postgresql

logger = logging.getLogger(__name__)

DAY = 86_400.0
BATCH = 5_000
FOLDER = "STRIDEWELL_FOLDER"
HANDOFF_DATABASE = "STRIDEWELL_HANDOFF_DB"
_RUN_LOCK = 7_203_542  # Any number, the same for all servers of a site.


@dataclass(frozen=True)
class Place:
    """A table of the conversations' database: whose a row is, and since when it is there."""

    table: str
    key: str
    person: str
    since: str

    def columns(self) -> Any:
        """Return the table as SQLAlchemy knows it."""
        names = {self.key, self.person, self.since}
        return sa.table(self.table, *(sa.column(name) for name in names))


PLACES = (
    Place("events", "id", "sender_id", "timestamp"),
    Place("website_feedback", "sender_id", "sender_id", "given_at"),
)


class Retention:
    """All places of one site.

    Args:
        engine: The conversations' database.
        days: How long they are kept.
    """

    def __init__(self, engine: sa.engine.Engine, days: float) -> None:
        self._engine = engine
        self._days = days

    def expire(self, now: float | None = None) -> dict[str, int]:
        """Delete what is older than the site keeps.

        Args:
            now: Seconds since 1970; the present by default.

        Returns:
            How many rows went, by place. Empty when another server is at it.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: A database failed; what was deleted stays deleted.
            OutboxError: The hand-offs' database failed.
        """
        before = (time.time() if now is None else now) - self._days * DAY
        with self._engine.connect() as connection:
            if (
                is_postgresql(str(self._engine.url))
                and not connection.execute(
                    sa.select(sa.func.pg_try_advisory_lock(_RUN_LOCK))
                ).scalar()
            ):
                return {}
            try:
                gone = {place.table: self._expire(place, before) for place in self._present()}
            finally:
                if is_postgresql(str(self._engine.url)):
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_RUN_LOCK)))
        gone["handoffs"] = self._expire_handoffs(before)
        self._expire_ended_sessions()
        _messaging(lambda store: store.purge())
        truncate_journal(self._engine)
        return gone

    def forget(self, sender_id: str) -> dict[str, int]:
        """Delete everything of one conversation.

        Args:
            sender_id: Its id.

        Returns:
            How many rows went, by place.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: A database failed; call again, nothing is left half.
            OutboxError: The hand-offs' database failed.
        """
        gone = {}
        with self._engine.begin() as connection:
            for place in self._present():
                table = place.columns()
                gone[place.table] = connection.execute(
                    table.delete().where(table.c[place.person] == sender_id)
                ).rowcount
        gone.update(forget_elsewhere(sender_id, self._handoff_database()))
        truncate_journal(self._engine)
        return gone

    def conversation_of(self, reference: str) -> str | None:
        """Return the conversation that a hand-off's reference belongs to, if it is still kept."""
        engine = open_engine(self._handoff_database())
        if not sa.inspect(engine).has_table("handoff_summaries"):
            return None
        table = sa.table("handoff_summaries", sa.column("reference"), sa.column("conversation"))
        with engine.connect() as connection:
            found: str | None = connection.execute(
                sa.select(table.c.conversation).where(table.c.reference == reference.upper())
            ).scalar()
        return found

    def _present(self) -> list[Place]:
        there = set(sa.inspect(self._engine).get_table_names())
        return [place for place in PLACES if place.table in there]

    def _expire(self, place: Place, before: float) -> int:
        table = place.columns()
        old = sa.select(table.c[place.key]).where(table.c[place.since] < before).limit(BATCH)
        gone = 0
        while True:
            # In portions, so that nobody's turn waits for a long transaction.
            with self._engine.begin() as connection:
                keys = [row[0] for row in connection.execute(old)]
                if not keys:
                    return gone
                gone += connection.execute(
                    table.delete().where(
                        table.c[place.key].in_(keys), table.c[place.since] < before
                    )
                ).rowcount

    def _expire_handoffs(self, before: float) -> int:
        from stridewell.handoff.outbox import Outbox

        Outbox(self._handoff_database()).purge()
        engine = open_engine(self._handoff_database())
        summaries = sa.table("handoff_summaries", sa.column("id"), sa.column("created_at"))
        deliveries = sa.table("handoff_deliveries", sa.column("handoff_id"))
        with engine.begin() as connection:
            old = sa.select(summaries.c.id).where(summaries.c.created_at < before)
            keys = [row[0] for row in connection.execute(old)]
            connection.execute(deliveries.delete().where(deliveries.c.handoff_id.in_(keys)))
            gone = connection.execute(summaries.delete().where(summaries.c.id.in_(keys))).rowcount
        return int(gone)

    def _expire_ended_sessions(self) -> None:
        if sa.inspect(self._engine).has_table("website_ended_sessions"):
            table = sa.table("website_ended_sessions", sa.column("forget_at"))
            with self._engine.begin() as connection:
                connection.execute(table.delete().where(table.c.forget_at < time.time()))

    def _handoff_database(self) -> str:
        given = os.environ.get(HANDOFF_DATABASE, "")
        return given or self._engine.url.render_as_string(hide_password=False)


def truncate_journal(engine: sa.engine.Engine) -> None:
    """Empty SQLite's journal, where deleted rows would stay until they are written over."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))


def forget_elsewhere(sender_id: str, handoff_database: str) -> dict[str, int]:
    """Delete a conversation where other parts keep something of it: hand-offs, messaging apps.

    Args:
        sender_id: The conversation.
        handoff_database: Address of the hand-offs' database.

    Returns:
        How many hand-offs went.
    """
    from stridewell.handoff.outbox import Outbox

    gone = Outbox(handoff_database).forget(sender_id)
    _messaging(lambda store: store.forget(sender_id))
    return {"handoffs": gone}


def _messaging(act: Any) -> None:
    """Do something to the messaging apps' tables, if the site has them."""
    from channels.messaging.settings import database_url
    from channels.messaging.store import Store

    url = database_url()
    engine = open_engine(url)
    there = sa.inspect(engine).get_table_names()
    if any(name.startswith("messaging_") for name in there):
        store = Store(url, f"retention-{uuid4().hex}")
        act(store)
        store.close()
        truncate_journal(engine)
    engine.dispose()


def site_database(settings: StoreSettings) -> str:
    """Return the address of the conversations' database of this site."""
    folder = Path(os.environ.get(FOLDER) or ROOT / "var")
    return settings.database_url or f"sqlite:///{folder / 'stridewell.db'}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m stridewell.retention",
        description="Delete what is kept long enough, or everything of one conversation.",
    )
    commands = parser.add_subparsers(dest="command")
    expire = commands.add_parser("expire", help="delete what is kept long enough (the default)")
    expire.add_argument("--days", type=float, help="keep this many days instead of the setting")
    delete = commands.add_parser("delete", help="delete everything of one conversation")
    delete.add_argument("id", help="the conversation's id, or the reference of a hand-off")
    options = parser.parse_args(arguments)
    try:
        settings = StoreSettings.from_environment()
        days = getattr(options, "days", None) or settings.retention_days
        retention = Retention(open_engine(site_database(settings)), days)
        if options.command == "delete":
            gone = retention.forget(retention.conversation_of(options.id) or options.id)
        else:
            gone = retention.expire()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except (SQLAlchemyError, OSError) as error:
        print(f"Nothing more was deleted: {getattr(error, 'orig', error)}", file=sys.stderr)
        return 1
    print(
        ", ".join(f"{place}: {count}" for place, count in gone.items()) or "another server does it"
    )
    if options.command == "delete" and not any(gone.values()):
        print("There was nothing of that conversation.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
