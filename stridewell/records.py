"""The site's own tables: ratings of answers and ended sessions.

They stand in the database that keeps the conversations when that is an SQL database, so that one
backup, one retention rule and one deletion cover both; otherwise in a SQLite file in ``var/``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from rasa.core.tracker_store import SQLTrackerStore, TrackerStore

from stridewell.settings import ROOT

FALLBACK_DATABASE = ROOT / "var" / "website.db"

_tables = sa.MetaData()
feedback = sa.Table(
    "website_feedback",
    _tables,
    sa.Column("sender_id", sa.String(255), primary_key=True),
    sa.Column("message_id", sa.String(64), primary_key=True),
    sa.Column("topic", sa.String(255)),
    sa.Column("rating", sa.String(8), nullable=False),
    sa.Column("reason", sa.String(32)),
    sa.Column("given_at", sa.Float, nullable=False),
)
ended_sessions = sa.Table(
    "website_ended_sessions",
    _tables,
    # A hash, so that no id of a deleted conversation is kept.
    sa.Column("session_hash", sa.String(64), primary_key=True),
    sa.Column("forget_at", sa.Float, nullable=False),
)


def stored_in(store: TrackerStore) -> TrackerStore:
    """Return the real tracker store inside the wrappers that Rasa puts around it."""
    while True:
        inner = getattr(store, "_tracker_store", None)
        if not isinstance(inner, TrackerStore):
            return store
        store = inner


class Records:
    """The tables of one site. Its methods block: call them in a thread.

    Args:
        store: The tracker store of the dialogue server.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database can't be reached. So do all methods.
    """

    def __init__(self, store: TrackerStore) -> None:
        real = stored_in(store)
        if isinstance(real, SQLTrackerStore):
            self._engine = real.engine
        else:
            FALLBACK_DATABASE.parent.mkdir(parents=True, exist_ok=True)
            self._engine = sa.create_engine(f"sqlite:///{FALLBACK_DATABASE}")
        _tables.create_all(self._engine)

    def check(self) -> None:
        """Ask the database for a sign of life."""
        with self._engine.connect() as connection:
            connection.execute(sa.select(sa.literal(1)))

    def rate(self, sender_id: str, message_id: str, fields: dict[str, Any]) -> None:
        """Keep a rating in place of an earlier one on the same message.

        Args:
            sender_id: The conversation.
            message_id: The rated reply.
            fields: ``topic``, ``rating`` and ``reason``.
        """
        with self.changing() as connection:
            connection.execute(
                feedback.delete().where(
                    feedback.c.sender_id == sender_id, feedback.c.message_id == message_id
                )
            )
            connection.execute(
                feedback.insert().values(
                    sender_id=sender_id, message_id=message_id, given_at=time.time(), **fields
                )
            )

    def ratings(self, sender_id: str) -> dict[str, str]:
        """Return the ratings given in a conversation by id of the reply."""
        chosen = sa.select(feedback.c.message_id, feedback.c.rating).where(
            feedback.c.sender_id == sender_id
        )
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(chosen)}

    def end_session(self, connection: Any, sender_id: str, forget_at: float) -> None:
        """Note in a running change that a conversation was deleted, until its token expires."""
        connection.execute(ended_sessions.delete().where(ended_sessions.c.forget_at < time.time()))
        connection.execute(
            ended_sessions.delete().where(ended_sessions.c.session_hash == _hash(sender_id))
        )
        connection.execute(
            ended_sessions.insert().values(session_hash=_hash(sender_id), forget_at=forget_at)
        )

    def is_ended(self, sender_id: str) -> bool:
        """Tell whether the conversation was deleted."""
        chosen = sa.select(ended_sessions.c.session_hash).where(
            ended_sessions.c.session_hash == _hash(sender_id)
        )
        with self._engine.connect() as connection:
            return connection.execute(chosen).first() is not None

    @contextmanager
    def changing(self) -> Iterator[Any]:
        """Open a change that is made as a whole or not at all."""
        with self._engine.begin() as connection:
            yield connection


def _hash(sender_id: str) -> str:
    return hashlib.sha256(sender_id.encode()).hexdigest()
