"""The outbox: what people agreed to send, kept in the database until it is delivered or purged.

A hand-off is stored whole, with one delivery for each target, in one transaction. Workers claim a
delivery with a lease, so that several may run and a killed one loses nothing: when its lease ends,
another takes over. The id of a delivery is its idempotency key and never changes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sql  # type: ignore[import-untyped]  # 1.4 comes without types
from sqlalchemy.exc import IntegrityError, SQLAlchemyError  # type: ignore[import-untyped]
from sqlalchemy.pool import NullPool  # type: ignore[import-untyped]

WAITING, SENT, WITHDRAWN = "waiting", "sent", "withdrawn"
_BUSY_SECONDS = 20

_metadata = sql.MetaData()
_handoffs = sql.Table(
    "handoff_summaries",
    _metadata,
    sql.Column("id", sql.String(64), primary_key=True),
    sql.Column("conversation", sql.String(255), nullable=False, index=True),
    sql.Column("reference", sql.String(32), nullable=False),
    sql.Column("created_at", sql.Float(53), nullable=False),
    sql.Column("purge_at", sql.Float(53), nullable=False, index=True),
    sql.Column("consent", sql.Text, nullable=False),
    sql.Column("content", sql.Text, nullable=False),
    sql.Column("withdrawn_at", sql.Float(53)),
)
_deliveries = sql.Table(
    "handoff_deliveries",
    _metadata,
    sql.Column("id", sql.String(160), primary_key=True),
    sql.Column("handoff_id", sql.String(64), sql.ForeignKey(_handoffs.c.id), nullable=False),
    sql.Column("target", sql.String(80), nullable=False),
    sql.Column("state", sql.String(16), nullable=False),
    sql.Column("attempts", sql.Integer, nullable=False),
    sql.Column("next_try_at", sql.Float(53), nullable=False),
    sql.Column("lease", sql.String(64)),
    sql.Column("lease_until", sql.Float(53)),
    sql.Column("problem", sql.String(200), nullable=False),
    sql.Column("progress", sql.Text, nullable=False),
    sql.Column("sent_at", sql.Float(53)),
    sql.UniqueConstraint("handoff_id", "target"),
    sql.Index("handoff_deliveries_due", "target", "state", "next_try_at"),
)


class OutboxError(Exception):
    """The database can't be reached or written; nothing was stored or changed."""


@dataclass(frozen=True)
class NewHandoff:
    """A summary that a person agreed to send.

    Attributes:
        id: Made once for each form, so that storing it twice stores it once.
        conversation: The sender id of the conversation.
        reference: The number that people see.
        consent: The text that the person said yes to.
        content: Plain data: what is sent.
        targets: Names of the targets.
    """

    id: str
    conversation: str
    reference: str
    consent: str
    content: Mapping[str, Any]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A delivery that this worker, and no other, may now try.

    Attributes:
        id: The idempotency key, the same in every try.
        attempts: How many tries there were, this one included.
        progress: What an earlier try has reached.
    """

    id: str
    handoff_id: str
    target: str
    lease: str
    attempts: int
    reference: str
    created_at: float
    content: dict[str, Any]
    progress: dict[str, Any]


@dataclass(frozen=True)
class DeliveryState:
    """How a delivery stands."""

    target: str
    state: str
    attempts: int
    next_try_at: float
    being_sent: bool
    problem: str
    sent_at: float | None


@dataclass(frozen=True)
class HandoffState:
    """How a hand-off stands."""

    id: str
    reference: str
    created_at: float
    purge_at: float
    withdrawn: bool
    deliveries: tuple[DeliveryState, ...]


@dataclass(frozen=True)
class Purged:
    """How many hand-offs were removed, and the references of those never delivered anywhere."""

    removed: int
    undelivered: tuple[str, ...]


class Outbox:
    """The outbox in a database.

    Args:
        url: SQLAlchemy address; SQLite and PostgreSQL are supported.
        retention_days: How long a hand-off is kept.
        clock: Returns seconds since 1970.

    Raises:
        OutboxError: The database can't be opened.
    """

    def __init__(
        self, url: str, retention_days: float = 30, clock: Callable[[], float] = time.time
    ) -> None:
        self._retention = retention_days * 86400
        self._clock = clock
        try:
            address = sql.engine.make_url(url)
            options: dict[str, Any] = {"future": True}
            if address.get_backend_name() == "sqlite":
                if address.database:
                    Path(address.database).parent.mkdir(parents=True, exist_ok=True)
                options.update(poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS})
            else:
                options.update(pool_pre_ping=True, pool_size=2)
            self._engine = sql.create_engine(address, **options)
            if address.get_backend_name() == "sqlite":
                # What is deleted is overwritten: it speaks of people's health.
                sql.event.listen(self._engine, "connect", _secure_delete)
            self._create_tables()
        except (SQLAlchemyError, OSError, ImportError) as error:
            raise OutboxError(f"The outbox can't be opened: {type(error).__name__}.") from error

    def _create_tables(self) -> None:
        try:
            _metadata.create_all(self._engine)
        except SQLAlchemyError:
            # Another process may have made them at the same moment: look once more.
            _metadata.create_all(self._engine)

    def store(self, handoff: NewHandoff) -> bool:
        """Store a hand-off and its deliveries.

        Returns:
            False if it was there already.

        Raises:
            OutboxError: It could not be stored.
        """
        now = self._clock()
        try:
            with self._transaction() as connection:
                connection.execute(
                    _handoffs.insert().values(
                        id=handoff.id,
                        conversation=handoff.conversation,
                        reference=handoff.reference,
                        created_at=now,
                        purge_at=now + self._retention,
                        consent=handoff.consent,
                        content=json.dumps(handoff.content),
                        withdrawn_at=None,
                    )
                )
                for target in handoff.targets:
                    connection.execute(
                        _deliveries.insert().values(
                            id=f"{handoff.id}-{target}",
                            handoff_id=handoff.id,
                            target=target,
                            state=WAITING,
                            attempts=0,
                            next_try_at=now,
                            problem="",
                            progress="{}",
                        )
                    )
        except IntegrityError:
            return False
        return True

    def states(self, conversation: str) -> list[HandoffState]:
        """Return the hand-offs of a conversation, oldest first.

        Raises:
            OutboxError: The database can't be read.
        """
        with self._transaction() as connection:
            return [
                self._state(connection, row)
                for row in connection.execute(
                    sql.select(_handoffs)
                    .where(_handoffs.c.conversation == conversation)
                    .order_by(_handoffs.c.created_at)
                )
            ]

    def _state(self, connection: Any, row: Any) -> HandoffState:
        now = self._clock()
        deliveries = connection.execute(
            sql.select(_deliveries)
            .where(_deliveries.c.handoff_id == row.id)
            .order_by(_deliveries.c.id)
        )
        return HandoffState(
            row.id,
            row.reference,
            row.created_at,
            row.purge_at,
            row.withdrawn_at is not None,
            tuple(
                DeliveryState(
                    delivery.target,
                    delivery.state,
                    delivery.attempts,
                    delivery.next_try_at,
                    delivery.lease is not None and delivery.lease_until > now,
                    delivery.problem,
                    delivery.sent_at,
                )
                for delivery in deliveries
            ),
        )

    def withdraw(self, handoff_id: str) -> HandoffState | None:
        """Take a hand-off back: what is not sent yet won't be, and its content is wiped.

        A delivery on its way at this moment can't be stopped; it is not tried again.

        Returns:
            How it stands now, or None if there is no such hand-off.

        Raises:
            OutboxError: Nothing was changed.
        """
        now = self._clock()
        with self._transaction() as connection:
            connection.execute(
                _deliveries.update()
                .where(
                    _deliveries.c.handoff_id == handoff_id,
                    _deliveries.c.state == WAITING,
                    sql.or_(_deliveries.c.lease.is_(None), _deliveries.c.lease_until <= now),
                )
                .values(state=WITHDRAWN, lease=None, lease_until=None, progress="{}")
            )
            connection.execute(
                _handoffs.update()
                .where(_handoffs.c.id == handoff_id)
                .values(withdrawn_at=now, content="{}", consent="")
            )
            row = connection.execute(
                sql.select(_handoffs).where(_handoffs.c.id == handoff_id)
            ).first()
            return self._state(connection, row) if row else None

    def forget(self, conversation: str) -> int:
        """Delete every hand-off of a conversation, sent or not; return how many there were.

        Raises:
            OutboxError: Nothing was deleted.
        """
        with self._transaction() as connection:
            return self._delete(connection, _handoffs.c.conversation == conversation)

    def purge(self) -> Purged:
        """Delete the hand-offs whose retention time is over.

        Raises:
            OutboxError: Nothing was deleted.
        """
        over = _handoffs.c.purge_at <= self._clock()
        with self._transaction() as connection:
            undelivered = connection.execute(
                sql.select(_handoffs.c.reference).where(
                    over,
                    _handoffs.c.withdrawn_at.is_(None),
                    ~sql.exists().where(
                        _deliveries.c.handoff_id == _handoffs.c.id, _deliveries.c.state == SENT
                    ),
                )
            ).scalars()
            references = tuple(undelivered)
            return Purged(self._delete(connection, over), references)

    def _delete(self, connection: Any, condition: Any) -> int:
        chosen = sql.select(_handoffs.c.id).where(condition)
        connection.execute(_deliveries.delete().where(_deliveries.c.handoff_id.in_(chosen)))
        return int(connection.execute(_handoffs.delete().where(condition)).rowcount)

    def claim(self, target: str, lease_seconds: float) -> Claim | None:
        """Take the delivery that has been due for longest, if there is one.

        Args:
            target: Name of the target.
            lease_seconds: After this time another worker may take it over.

        Returns:
            The claim, or None when nothing is due.

        Raises:
            OutboxError: The database can't be read or written.
        """
        now = self._clock()
        lease = uuid4().hex
        free = sql.or_(_deliveries.c.lease.is_(None), _deliveries.c.lease_until <= now)
        due = sql.and_(
            _deliveries.c.target == target,
            _deliveries.c.state == WAITING,
            _deliveries.c.next_try_at <= now,
            free,
        )
        with self._transaction() as connection:
            # Looking takes no lock: an idle worker never holds up the dialogue server's database.
            if not connection.execute(sql.select(_deliveries.c.id).where(due).limit(1)).first():
                return None
        with self._transaction() as connection:
            # One statement finds and takes it, so no other worker can come in between.
            first = (
                sql.select(_deliveries.c.id)
                .where(due)
                .order_by(_deliveries.c.next_try_at, _deliveries.c.id)
                .limit(1)
                .scalar_subquery()
            )
            connection.execute(
                _deliveries.update()
                .where(_deliveries.c.id == first, due)
                .values(
                    lease=lease,
                    lease_until=now + lease_seconds,
                    attempts=_deliveries.c.attempts + 1,
                )
                .execution_options(synchronize_session=False)
            )
            row = connection.execute(
                sql.select(
                    _deliveries,
                    _handoffs.c.reference,
                    _handoffs.c.created_at,
                    _handoffs.c.content,
                    _handoffs.c.withdrawn_at,
                )
                .join(_handoffs, _handoffs.c.id == _deliveries.c.handoff_id)
                .where(_deliveries.c.lease == lease)
            ).first()
            if row is None:
                return None
            if row.withdrawn_at is not None:
                # Withdrawn while a worker held it that then was killed.
                self._release(connection, row.id, lease, state=WITHDRAWN)
                return None
            return Claim(
                row.id,
                row.handoff_id,
                row.target,
                lease,
                row.attempts,
                row.reference,
                row.created_at,
                json.loads(row.content),
                json.loads(row.progress),
            )

    def save_progress(self, claim: Claim, progress: Mapping[str, Any]) -> None:
        """Keep what a try has reached, for the next one.

        Raises:
            OutboxError: The database can't be written.
        """
        with self._transaction() as connection:
            connection.execute(
                self._mine(claim.id, claim.lease).values(progress=json.dumps(dict(progress)))
            )

    def mark_sent(self, claim: Claim) -> None:
        """Note that a delivery has arrived.

        Raises:
            OutboxError: The database can't be written.
        """
        with self._transaction() as connection:
            self._release(
                connection, claim.id, claim.lease, state=SENT, problem="", sent_at=self._clock()
            )

    def mark_failed(self, claim: Claim, problem: str, wait_seconds: float) -> None:
        """Note that a try failed and when the next one is due.

        Args:
            claim: The claim.
            problem: What went wrong, without a word about the person.
            wait_seconds: Time to wait.

        Raises:
            OutboxError: The database can't be written.
        """
        with self._transaction() as connection:
            withdrawn = connection.execute(
                sql.select(_handoffs.c.withdrawn_at).where(_handoffs.c.id == claim.handoff_id)
            ).scalar()
            self._release(
                connection,
                claim.id,
                claim.lease,
                state=WITHDRAWN if withdrawn is not None else WAITING,
                problem=problem[:200],
                next_try_at=self._clock() + wait_seconds,
            )

    def waiting(self) -> dict[str, int]:
        """Return how many deliveries wait, by target.

        Raises:
            OutboxError: The database can't be read.
        """
        with self._transaction() as connection:
            rows = connection.execute(
                sql.select(_deliveries.c.target, sql.func.count())
                .where(_deliveries.c.state == WAITING)
                .group_by(_deliveries.c.target)
            )
            return {row[0]: int(row[1]) for row in rows}

    def overview(self) -> list[HandoffState]:
        """Return all hand-offs, oldest first.

        Raises:
            OutboxError: The database can't be read.
        """
        with self._transaction() as connection:
            rows = connection.execute(sql.select(_handoffs).order_by(_handoffs.c.created_at)).all()
            return [self._state(connection, row) for row in rows]

    def _mine(self, delivery_id: str, lease: str) -> Any:
        return _deliveries.update().where(
            _deliveries.c.id == delivery_id, _deliveries.c.lease == lease
        )

    def _release(self, connection: Any, delivery_id: str, lease: str, **values: Any) -> None:
        connection.execute(
            self._mine(delivery_id, lease).values(lease=None, lease_until=None, **values)
        )

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            # The database's own words may hold what was to be stored.
            raise OutboxError(
                f"The outbox can't be read or written: {type(error).__name__}."
            ) from None


def _secure_delete(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA foreign_keys = ON")


def new_reference(handoff_id: str) -> str:
    """Return a short number to tell people, made from a hand-off's id; not a secret."""
    alphabet = "23456789CDFGHJKMNPQRTVWXYZ"
    number = int(handoff_id, 16)
    letters = []
    for _ in range(8):
        number, rest = divmod(number, len(alphabet))
        letters.append(alphabet[rest])
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"
