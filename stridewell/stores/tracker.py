"""The tracker store that endpoints.yml names: conversations in SQLite or PostgreSQL.

It keeps Rasa's table and adds what a public site needs:

* Of a long session only the last turns are read, with the state that came before them, so that the
  five-hundredth answer takes as long as the tenth.
* Only new events are written, all of a turn in one transaction, so that turns never mix, even when
  two servers worked on one conversation because Redis was away.
* A message that was stored already, because a client sent it again, is not stored twice.
* While the database is away or full, turns wait in memory and are stored when it is back.
* The database's own calls run in a thread, so that a slow one delays nobody else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SQLTrackerStore, TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from stridewell import metrics
from stridewell.settings import ROOT
from stridewell.stores.action_calls import guard_action_calls
from stridewell.stores.database import SIGN_EVENTS, open_engine, prepare
from stridewell.stores.endings import end, settings_or_exit

logger = logging.getLogger(__name__)

RECENT_EVENTS = 100
CARRIED_SIGNS = 10
PATIENCE_SECONDS = 2.0
RETRY_SECONDS = 0.5
MOST_WAITING = 10_000
START_SECONDS = 60.0
KEPT_RANKING = 3

_STATE_TYPES = ("slot", "active_loop", "pause", "resume")
_Result = TypeVar("_Result")


@dataclass
class _Turn:
    """What one save has to store, and the conversation's last id once it is stored."""

    sender_id: str
    rows: list[dict[str, Any]]
    after: int | None
    message_id: str | None
    last: int | None = None


@dataclass
class _Backlog:
    """Turns of a conversation that are not stored yet, oldest first.

    The lock is held while they are written: a turn that fails goes back to its place before a
    later one is tried.
    """

    turns: deque[_Turn] = field(default_factory=deque)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class SiteTrackerStore(SQLTrackerStore):
    """Keeps conversations in ``STRIDEWELL_DATABASE_URL``, or in a SQLite file.

    Args:
        domain: The domain.
        host: Not used; Rasa passes it.
        event_broker: Is told of every stored event.
        db: Path of the SQLite file.
        url: Overrides the environment.
    """

    def __init__(
        self,
        domain: Domain | None = None,
        host: str | None = None,
        event_broker: EventBroker | None = None,
        db: str = "var/stridewell.db",
        url: str | None = None,
        **kwargs: Any,
    ) -> None:
        settings = settings_or_exit()
        guard_action_calls(settings.action_seconds)
        self.engine = open_engine(
            (settings.database_url if url is None else url) or f"sqlite:///{ROOT / Path(db)}"
        )
        self._events = self.SQLEvent.__table__
        self._waiting: dict[str, _Backlog] = {}
        self._storing: asyncio.Task[None] | None = None
        self._wait_for_database()
        self.sessionmaker = sa.orm.sessionmaker(bind=self.engine)
        TrackerStore.__init__(self, domain, event_broker, **kwargs)

    def _wait_for_database(self) -> None:
        stop = time.monotonic() + START_SECONDS
        while True:
            try:
                prepare(self.engine, self.Base.metadata)
                return
            except SQLAlchemyError as error:
                if time.monotonic() > stop or not isinstance(error, DBAPIError):
                    end(f"The database of the conversations can't be used: {_plainly(error)}")
                    raise
                time.sleep(RETRY_SECONDS)

    # ---- reading

    async def _retrieve(
        self, sender_id: str, fetch_events_from_all_sessions: bool
    ) -> DialogueStateTracker | None:
        """Read a conversation; see ``retrieve`` and ``retrieve_full_tracker`` of Rasa.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database stayed away.
        """
        read = self._read_all if fetch_events_from_all_sessions else self._read_recent
        return await self._tracker(sender_id, read)

    async def retrieve_last_turns(self, sender_id: str) -> DialogueStateTracker | None:
        """Read the last turns of a conversation, whatever session they belong to.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database stayed away.
        """
        return await self._tracker(sender_id, self._read_last)

    async def _tracker(
        self, sender_id: str, read: Callable[[str], tuple[list[str], int]]
    ) -> DialogueStateTracker | None:
        started = time.monotonic()
        stop = started + PATIENCE_SECONDS
        while True:
            try:
                await self._store_turns(sender_id)
                stored, last = await asyncio.to_thread(read, sender_id)
                break
            except OperationalError as error:
                metrics.store_failures.labels("read").inc()
                if time.monotonic() > stop:
                    logger.error("Conversations can't be read: %s", _plainly(error))
                    raise
                await asyncio.sleep(RETRY_SECONDS / 2)
        metrics.store_seconds.labels("read").observe(time.monotonic() - started)
        if not stored:
            return None
        tracker = DialogueStateTracker.from_dict(
            sender_id, [json.loads(data) for data in stored], self.domain.slots
        )
        _remember(tracker, len(tracker.events), last)
        return tracker

    def _read_all(self, sender_id: str) -> tuple[list[str], int]:
        events = self._events.c
        chosen = (
            sa.select(events.id, events.data)
            .where(events.sender_id == sender_id)
            .order_by(events.id)
        )
        with self.engine.connect() as connection:
            rows = connection.execute(chosen).all()
        return [row.data for row in rows], rows[-1].id if rows else 0

    def _read_last(self, sender_id: str) -> tuple[list[str], int]:
        events = self._events.c
        chosen = (
            sa.select(events.id, events.data)
            .where(events.sender_id == sender_id)
            .order_by(events.id.desc())
            .limit(RECENT_EVENTS)
        )
        with self.engine.connect() as connection:
            rows = connection.execute(chosen).all()[::-1]
        return [row.data for row in rows], rows[-1].id if rows else 0

    def _read_recent(self, sender_id: str) -> tuple[list[str], int]:
        """Return the stored events of the last session, thinned if it is long, and the last id."""
        events = self._events.c
        with self.engine.connect() as connection:
            start = sa.select(sa.func.max(events.id)).where(
                events.sender_id == sender_id, events.type_name == "session_started"
            )
            rows = connection.execute(
                sa.select(events.id, events.type_name, events.action_name, events.data)
                .where(
                    events.sender_id == sender_id,
                    events.id >= sa.func.coalesce(start.scalar_subquery(), 0),
                )
                .order_by(events.id.desc())
                .limit(RECENT_EVENTS)
            ).all()[::-1]
            if not rows:
                return [], 0
            data = [row.data for row in rows]
            if len(rows) == RECENT_EVENTS and rows[0].type_name != "session_started":
                cut = _first_turn(rows)
                began = connection.execute(start).scalar() or 0
                older = (
                    events.sender_id == sender_id,
                    events.id >= began,
                    events.id < rows[cut].id,
                )
                data = self._state_before(connection, older, began) + data[cut:]
            return data, rows[-1].id

    def _state_before(self, connection: Any, older: Sequence[Any], began: int) -> list[str]:
        """Return what of a session's older events still matters: its start, state and signs."""
        events = self._events.c
        latest = (
            sa.select(sa.func.max(events.id))
            .where(*older, events.type_name.in_(_STATE_TYPES))
            .group_by(events.type_name, events.action_name)
        )
        signs = (
            sa.select(events.id)
            .where(*older, sa.text(SIGN_EVENTS))
            .order_by(events.id.desc())
            .limit(CARRIED_SIGNS)
        )
        kept = {row[0] for each in (latest, signs) for row in connection.execute(each)}
        chosen = sa.select(events.data).where(events.id.in_({*kept, began})).order_by(events.id)
        return [row.data for row in connection.execute(chosen)]

    # ---- writing

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Store what is new; never fails: what can't be stored now waits in memory."""
        new, after = self._new_events(tracker)
        if not new:
            _remember(tracker, len(tracker.events), after)
            return
        turn = _turn(tracker.sender_id, new, after)
        _count(new)
        if self.event_broker:
            await self._stream_new_events(self.event_broker, new, tracker.sender_id)
        started = time.monotonic()
        self._wait(turn)
        try:
            await self._store_turns(tracker.sender_id)
        except SQLAlchemyError as error:
            metrics.store_failures.labels("write").inc()
            logger.error("A turn can't be stored now and waits in memory: %s", _plainly(error))
            self._retry_later()
        metrics.store_seconds.labels("write").observe(time.monotonic() - started)
        _remember(tracker, len(tracker.events), after if turn.last is None else turn.last)

    def keep(self, sender_id: str, events: Sequence[Event]) -> None:
        """Store a turn that was taken without the database, once that is back.

        Args:
            sender_id: The conversation.
            events: The turn, from the person's message on.
        """
        _count(events)
        self._wait(_turn(sender_id, events, 0))
        self._retry_later()

    def _new_events(self, tracker: DialogueStateTracker) -> tuple[list[Event], int | None]:
        """Return what the database has not, and the last id that the tracker was read up to."""
        # Rasa saves a new conversation while it is still empty: all that follows is new.
        unread = (None, None) if tracker.events else (0, 0)
        known, last = getattr(tracker, "stridewell_stored", unread)
        if known is None:
            with self.session_scope() as session:
                return list(self._additional_events(session, tracker)), None
        events = list(tracker.events)
        return events[known:], last

    def _wait(self, turn: _Turn) -> None:
        """Put a turn behind those of its conversation that are not stored yet."""
        self._waiting.setdefault(turn.sender_id, _Backlog()).turns.append(turn)
        if self.turns_waiting > MOST_WAITING:
            # The conversation that has waited longest; one that is being stored may have none left.
            next(backlog for backlog in self._waiting.values() if backlog.turns).turns.popleft()
            metrics.turns_dropped.inc()
        metrics.turns_waiting.set(self.turns_waiting)

    async def _store_turns(self, sender_id: str) -> None:
        """Store the turns of a conversation that wait, oldest first.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database can't store them.
        """
        backlog = self._waiting.get(sender_id)
        if backlog is None:
            return
        async with backlog.lock:
            while backlog.turns:
                turn = backlog.turns[0]
                turn.last = await asyncio.to_thread(self._write, turn)
                # Meanwhile the conversation may have been deleted, or its oldest turn dropped.
                if backlog.turns and backlog.turns[0] is turn:
                    backlog.turns.popleft()
            if self._waiting.get(sender_id) is backlog:
                del self._waiting[sender_id]
        metrics.turns_waiting.set(self.turns_waiting)

    def _retry_later(self) -> None:
        if self._storing is None or self._storing.done():
            self._storing = asyncio.get_running_loop().create_task(self._keep_trying())

    async def _keep_trying(self) -> None:
        while self._waiting:
            await asyncio.sleep(RETRY_SECONDS)
            for sender_id in list(self._waiting):
                try:
                    await self._store_turns(sender_id)
                except SQLAlchemyError as error:
                    metrics.store_failures.labels("write").inc()
                    if isinstance(error, OperationalError):
                        break
        logger.warning("The database stores conversations again.")

    def _write(self, turn: _Turn) -> int:
        """Write a turn in one transaction; return the conversation's last id."""
        events = self._events.c
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "postgresql":
                # Held to the end of the transaction: turns of one conversation follow each other.
                connection.execute(
                    sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(turn.sender_id)))
                )
            if turn.after is not None and turn.message_id:
                since = connection.execute(
                    sa.select(events.id, events.type_name, events.data)
                    .where(events.sender_id == turn.sender_id, events.id > turn.after)
                    .order_by(events.id)
                ).all()
                if any(
                    row.type_name == "user"
                    and json.loads(row.data).get("message_id") == turn.message_id
                    for row in since
                ):
                    return int(since[-1].id)
            connection.execute(self._events.insert(), turn.rows)
            return int(
                connection.execute(
                    sa.select(sa.func.max(events.id)).where(events.sender_id == turn.sender_id)
                ).scalar_one()
            )

    # ---- operation

    @property
    def turns_waiting(self) -> int:
        """How many turns wait in memory for the database."""
        return sum(len(backlog.turns) for backlog in self._waiting.values())

    def forget_waiting(self, sender_id: str) -> None:
        """Drop what waits in memory of a conversation that is being deleted."""
        backlog = self._waiting.pop(sender_id, None)
        if backlog:
            backlog.turns.clear()
        metrics.turns_waiting.set(self.turns_waiting)


def _remember(tracker: DialogueStateTracker, stored: int, last: int | None) -> None:
    tracker.stridewell_stored = (stored, last)


def _turn(sender_id: str, events: Sequence[Event], after: int | None) -> _Turn:
    message_id = next((e.message_id for e in events if isinstance(e, UserUttered)), None)
    return _Turn(sender_id, [_row(sender_id, event) for event in events], after, message_id)


def _first_turn(rows: Sequence[Any]) -> int:
    """Return where the first whole turn begins: at the wait for a message."""
    for position, row in enumerate(rows):
        if row.type_name == "action" and row.action_name == "action_listen":
            return position
    return 0


def _row(sender_id: str, event: Event) -> dict[str, Any]:
    data = event.as_dict()
    parsed = data.get("parse_data")
    if parsed:
        # Of no use once the turn is over, and half of what a message would take.
        parsed = {name: value for name, value in parsed.items() if name != "text_tokens"}
        if "intent_ranking" in parsed:
            parsed["intent_ranking"] = parsed["intent_ranking"][:KEPT_RANKING]
        data = {**data, "parse_data": parsed}
    return {
        "sender_id": sender_id,
        "type_name": event.type_name,
        "timestamp": data.get("timestamp"),
        "intent_name": ((parsed or {}).get("intent") or {}).get("name"),
        "action_name": data.get("name"),
        "data": json.dumps(data),
    }


def _count(events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, UserUttered):
            parsed: Mapping[str, Any] = event.parse_data or {}
            outcome = (parsed.get("understanding") or {}).get("outcome") or "choice"
            metrics.turns.labels(event.input_channel or "none", outcome).inc()
            tier = (parsed.get("safety") or {}).get("tier")
            if tier:
                metrics.safety_turns.labels(tier).inc()


def _plainly(error: Exception) -> str:
    """Return the database's own words: a statement's parameters would tell what people wrote."""
    cause = getattr(error, "orig", None)
    return " ".join(str(cause or type(error).__name__).split())
