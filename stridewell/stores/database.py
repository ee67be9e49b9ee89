"""Opens the database of a site: an address in, an engine with its tables out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

POOL_SIZE = 8
MOST_CONNECTIONS = 16
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 10
BUSY_SECONDS = 5
_SETUP_LOCK = 7_203_541  # Any number, the same for all servers of a site.

# Messages in which a warning sign was seen. Word for word the same in the index and in a query that
# uses it; a colon would mark a parameter there.
SIGN_EVENTS = """type_name = 'user' AND data LIKE '%"tier"_ "%'"""
_INDEXES = (
    # Finds a session's start and a conversation's last events without reading the others.
    "CREATE INDEX IF NOT EXISTS ix_events_conversation ON events (sender_id, id)",
    "CREATE INDEX IF NOT EXISTS ix_events_state ON events (sender_id, type_name, action_name, id)",
    # Finds the signs of a long conversation.
    f"CREATE INDEX IF NOT EXISTS ix_events_signs ON events (sender_id, id) WHERE {SIGN_EVENTS}",
    # Finds what is older than the site keeps.
    "CREATE INDEX IF NOT EXISTS ix_events_timestamp ON events (timestamp)",
)


def open_engine(url: str) -> sa.engine.Engine:
    """Open a database.

    Args:
        url: Its SQLAlchemy address, of SQLite or PostgreSQL.

    Returns:
        An engine whose errors never tell a statement's values.

    Raises:
        OSError: The folder of a SQLite file can't be made.
        sqlalchemy.exc.ArgumentError: The address can't be read.
    """
    address = sa.engine.make_url(url)
    if address.get_backend_name() == "sqlite":
        if address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            address,
            hide_parameters=True,
            poolclass=QueuePool,
            pool_size=POOL_SIZE,
            max_overflow=MOST_CONNECTIONS - POOL_SIZE,
            connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        )
        sa.event.listen(engine, "connect", _set_up_sqlite)
        return engine
    return sa.create_engine(
        address,
        hide_parameters=True,
        pool_size=POOL_SIZE,
        max_overflow=MOST_CONNECTIONS - POOL_SIZE,
        pool_timeout=CONNECT_SECONDS,
        # A connection that the server closed while it was idle is replaced, not handed out.
        pool_pre_ping=True,
        pool_recycle=1800,
        pool_use_lifo=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "stridewell",
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": STATEMENT_SECONDS * 1000,
            "options": f"-c statement_timeout={STATEMENT_SECONDS * 1000}",
        },
    )


def prepare(engine: sa.engine.Engine, tables: sa.MetaData) -> None:
    """Make the tables and indexes that are missing; safe when several servers start together.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database can't be reached or changed.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SETUP_LOCK)))
        tables.create_all(connection)
        if engine.dialect.name == "postgresql":
            _widen_ids(connection)
        for statement in _INDEXES:
            connection.execute(sa.text(statement))


def _widen_ids(connection: Any) -> None:
    """Give event ids 64 bits: Rasa's 32 end after some 70 million conversations."""
    kind = connection.execute(
        sa.text(
            "SELECT data_type FROM information_schema.columns WHERE table_name = 'events' "
            "AND column_name = 'id' AND table_schema = current_schema()"
        )
    ).scalar()
    if kind == "integer":
        connection.execute(sa.text("ALTER TABLE events ALTER COLUMN id TYPE BIGINT"))
        sequence = connection.execute(
            sa.text("SELECT pg_get_serial_sequence('events', 'id')")
        ).scalar()
        if sequence:
            connection.execute(sa.text(f"ALTER SEQUENCE {sequence} AS BIGINT"))


def _set_up_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # Readers don't wait for the writer, and a turn costs no wait for the disk.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    # What is deleted is overwritten: it speaks of people's health.
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()
