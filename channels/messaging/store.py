"""The messaging apps' own database: what came in, what goes out, offers and consent.

Blocking; ``state.State`` calls it from a thread and goes on without it when it fails. Words that
somebody wrote, and answers, are blanked as soon as they have been dealt with.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import IntegrityError

from channels.messaging.message import Choice, Incoming, Offer, Outgoing, Piece

DAY = 86_400.0
KEEP_SEEN = 7 * DAY
KEEP_OFFERS = 7 * DAY
KEEP_HELD = DAY
KEEP_CONTACTS = 180 * DAY
MOST_ROWS = 500_000
MOST_HELD = 5

_tables = sa.MetaData()
incoming_table = sa.Table(
    "messaging_incoming",
    _tables,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("conversation", sa.String(200), index=True),
    sa.Column("body", sa.Text),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("owner", sa.String(32), nullable=False),
    sa.Column("at", sa.Float, nullable=False, index=True),
)
outgoing_table = sa.Table(
    "messaging_outgoing",
    _tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("place", sa.Float, nullable=False),
    sa.Column("conversation", sa.String(200), index=True),
    sa.Column("body", sa.Text),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("owner", sa.String(32), nullable=False),
    sa.Column("at", sa.Float, nullable=False, index=True),
)
offers_table = sa.Table(
    "messaging_offers",
    _tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("conversation", sa.String(200), nullable=False, index=True),
    sa.Column("turn", sa.String(200), nullable=False),
    sa.Column("first", sa.Integer, nullable=False),
    sa.Column("choices", sa.Text, nullable=False),
    sa.Column("topic", sa.String(100), nullable=False),
    sa.Column("at", sa.Float, nullable=False, index=True),
)
contacts_table = sa.Table(
    "messaging_contacts",
    _tables,
    sa.Column("conversation", sa.String(200), primary_key=True),
    sa.Column("consented", sa.Float, nullable=False),
    sa.Column("asked", sa.Float, nullable=False),
    sa.Column("stopped", sa.Boolean, nullable=False),
    sa.Column("turn", sa.String(200), nullable=False),
    sa.Column("held", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False, index=True),
)
owners_table = sa.Table(
    "messaging_owners",
    _tables,
    sa.Column("owner", sa.String(32), primary_key=True),
    sa.Column("until", sa.Float, nullable=False),
)


@dataclass
class Contact:
    """What is known of the person in a conversation.

    Attributes:
        conversation: Whose.
        consented: When they agreed, in seconds since the epoch; 0 if they have not.
        asked: When they were asked; 0 if they were not.
        stopped: They want no more messages.
        turn: Key of the message answered last; numbers typed now refer to its choices.
        held: Messages that wait for the consent, oldest first.
    """

    conversation: str
    consented: float = 0.0
    asked: float = 0.0
    stopped: bool = False
    turn: str = ""
    held: list[dict[str, Any]] = field(default_factory=list)


class Store:
    """The database of one process; several may share it.

    Args:
        url: SQLAlchemy's address of an SQLite file or a PostgreSQL database.
        owner: Name of this process, unique.
        lease: Seconds after the last sign of life at which others may take its work over.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: From every method, when the database fails.
    """

    def __init__(self, url: str, owner: str, lease: float = 15.0) -> None:
        self.owner = owner
        self.lease = lease
        address = make_url(url)
        self._sqlite = address.get_backend_name() == "sqlite"
        if self._sqlite and address.database and address.database != ":memory:":
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        arguments: dict[str, Any] = (
            {"timeout": 1.0, "check_same_thread": False}
            if self._sqlite
            else {
                "connect_timeout": 2,
                "tcp_user_timeout": 3000,
                "options": "-c statement_timeout=2000",
            }
        )
        self._engine = sa.create_engine(
            url, future=True, connect_args=arguments, pool_pre_ping=not self._sqlite
        )
        if self._sqlite:
            sa.event.listen(self._engine, "connect", _set_pragmas)
        self._ready = False

    def close(self) -> None:
        """Give up this process's claim on its work, so that another goes on with it at once."""
        try:
            with self._begin() as connection:
                connection.execute(
                    sa.delete(owners_table).where(owners_table.c.owner == self.owner)
                )
        finally:
            self._engine.dispose()

    # Incoming

    def add_incoming(self, message: Incoming) -> bool:
        """Store a message; return False if it has been there before."""
        try:
            with self._begin() as connection:
                connection.execute(
                    sa.insert(incoming_table).values(
                        key=_key(message),
                        conversation=message.conversation,
                        body=json.dumps(message.as_dict()),
                        state="waiting",
                        owner=self.owner,
                        at=time.time(),
                    )
                )
        except IntegrityError:
            return False
        return True

    def set_incoming(self, message: Incoming, state: str) -> None:
        """Set how far a message has come: waiting, answering or done."""
        values: dict[str, Any] = {"state": state}
        if state == "done":
            values |= {"body": None, "conversation": None}
        with self._begin() as connection:
            connection.execute(
                sa.update(incoming_table)
                .where(incoming_table.c.key == _key(message))
                .values(**values)
            )

    def owns_incoming(self, message: Incoming) -> bool:
        """Tell whether this process is still the one to answer a message."""
        with self._begin() as connection:
            owner = connection.execute(
                sa.select(incoming_table.c.owner).where(incoming_table.c.key == _key(message))
            ).scalar()
        return owner is None or owner == self.owner

    # Outgoing

    def add_outgoing(self, items: list[Outgoing], answers: Incoming | None = None) -> None:
        """Store pieces to send, in order, and in the same step that they answer a message."""
        with self._begin() as connection:
            if answers is not None:
                connection.execute(
                    sa.update(incoming_table)
                    .where(incoming_table.c.key == _key(answers))
                    .values(state="answering")
                )
            for number, item in enumerate(items):
                known = connection.execute(
                    sa.select(outgoing_table.c.id).where(outgoing_table.c.id == item.id)
                ).first()
                if known is None:
                    connection.execute(
                        sa.insert(outgoing_table).values(
                            id=item.id,
                            place=item.created + number * 1e-4,
                            conversation=item.conversation,
                            body=json.dumps(_outgoing_dict(item)),
                            state="waiting",
                            owner=self.owner,
                            at=item.created,
                        )
                    )

    def set_outgoing(self, item: Outgoing, state: str) -> bool:
        """Set how far a piece has come: waiting, sending or done.

        Returns:
            False if another process has taken it over, or it was deleted.
        """
        values: dict[str, Any] = {"state": state}
        if state == "done":
            values |= {"body": None, "conversation": None}
        elif state == "sending":
            values |= {"body": json.dumps(_outgoing_dict(item))}
        with self._begin() as connection:
            changed = connection.execute(
                sa.update(outgoing_table)
                .where(outgoing_table.c.id == item.id, outgoing_table.c.owner == self.owner)
                .values(**values)
            )
        return bool(changed.rowcount)

    # Offers

    def add_offer(self, offer: Offer) -> None:
        """Store an offer."""
        choices = json.dumps([[c.title, c.payload] for c in offer.choices])
        with self._begin() as connection:
            connection.execute(
                sa.insert(offers_table).values(
                    id=offer.id,
                    conversation=offer.conversation,
                    turn=offer.turn,
                    first=offer.first,
                    choices=choices,
                    topic=offer.topic,
                    at=time.time(),
                )
            )

    def offer(self, offer_id: str) -> Offer | None:
        """Return an offer by its id."""
        with self._begin() as connection:
            row = connection.execute(
                sa.select(offers_table).where(offers_table.c.id == offer_id)
            ).first()
        return _offer(row) if row else None

    def offers_of(self, conversation: str, turn: str) -> list[Offer]:
        """Return the offers made in answer to one message, in order."""
        with self._begin() as connection:
            rows = connection.execute(
                sa.select(offers_table)
                .where(offers_table.c.conversation == conversation, offers_table.c.turn == turn)
                .order_by(offers_table.c.first)
            ).all()
        return [_offer(row) for row in rows]

    # Contacts

    def contact(self, conversation: str) -> Contact | None:
        """Return what is known of a person."""
        with self._begin() as connection:
            row = connection.execute(
                sa.select(contacts_table).where(contacts_table.c.conversation == conversation)
            ).first()
        if row is None:
            return None
        return Contact(
            conversation,
            row.consented,
            row.asked,
            bool(row.stopped),
            row.turn,
            json.loads(row.held),
        )

    def save_contact(self, contact: Contact) -> None:
        """Store what is known of a person."""
        values = {
            "consented": contact.consented,
            "asked": contact.asked,
            "stopped": contact.stopped,
            "turn": contact.turn,
            "held": json.dumps(contact.held),
            "at": time.time(),
        }
        with self._begin() as connection:
            changed = connection.execute(
                sa.update(contacts_table)
                .where(contacts_table.c.conversation == contact.conversation)
                .values(**values)
            )
            if not changed.rowcount:
                connection.execute(
                    sa.insert(contacts_table).values(conversation=contact.conversation, **values)
                )

    def forget(self, conversation: str) -> None:
        """Delete all that is stored of a conversation; numbers of seen messages stay, unlinked."""
        with self._begin() as connection:
            for table in (offers_table, contacts_table, outgoing_table):
                connection.execute(sa.delete(table).where(table.c.conversation == conversation))
            connection.execute(
                sa.update(incoming_table)
                .where(incoming_table.c.conversation == conversation)
                .values(conversation=None, body=None, state="done")
            )

    # Several processes, restarts, and room

    def show_life(self) -> None:
        """Say that this process is alive."""
        until = time.time() + self.lease
        with self._begin() as connection:
            changed = connection.execute(
                sa.update(owners_table)
                .where(owners_table.c.owner == self.owner)
                .values(until=until)
            )
            if not changed.rowcount:
                connection.execute(sa.insert(owners_table).values(owner=self.owner, until=until))

    def adopt(self) -> tuple[list[Incoming], list[tuple[Outgoing, bool]]]:
        """Take over what processes that are gone have left behind.

        Returns:
            Messages to answer, oldest first, and pieces to send, in order, each with whether an
            attempt had begun. A message of which a part was answered is not answered again.
        """
        living = sa.select(owners_table.c.owner).where(owners_table.c.until >= time.time())
        messages: list[Incoming] = []
        pieces: list[tuple[Outgoing, bool]] = []
        with self._begin() as connection:
            connection.execute(sa.delete(owners_table).where(owners_table.c.until < time.time()))
            for row in connection.execute(
                sa.select(incoming_table)
                .where(incoming_table.c.state != "done", incoming_table.c.owner.not_in(living))
                .order_by(incoming_table.c.at)
            ).all():
                if not self._take(connection, incoming_table, incoming_table.c.key, row.key, row):
                    continue
                if row.state == "waiting" and row.body:
                    messages.append(Incoming.from_dict(json.loads(row.body)))
                else:
                    connection.execute(
                        sa.update(incoming_table)
                        .where(incoming_table.c.key == row.key)
                        .values(state="done", body=None, conversation=None)
                    )
            for row in connection.execute(
                sa.select(outgoing_table)
                .where(outgoing_table.c.state != "done", outgoing_table.c.owner.not_in(living))
                .order_by(outgoing_table.c.place)
            ).all():
                if row.body and self._take(
                    connection, outgoing_table, outgoing_table.c.id, row.id, row
                ):
                    pieces.append((_outgoing(json.loads(row.body)), row.state == "sending"))
        return messages, pieces

    def _take(
        self, connection: Connection, table: sa.Table, column: Any, value: str, row: Any
    ) -> bool:
        taken = connection.execute(
            sa.update(table)
            .where(column == value, table.c.owner == row.owner)
            .values(owner=self.owner)
        )
        return bool(taken.rowcount)

    def purge(self) -> None:
        """Delete what is no longer needed, by age and by number."""
        now = time.time()
        with self._begin() as connection:
            for table, keep in (
                (incoming_table, KEEP_SEEN),
                (outgoing_table, KEEP_SEEN),
                (offers_table, KEEP_OFFERS),
                (contacts_table, KEEP_CONTACTS),
            ):
                connection.execute(sa.delete(table).where(table.c.at < now - keep))
            connection.execute(
                sa.delete(contacts_table).where(
                    contacts_table.c.consented == 0,
                    contacts_table.c.stopped.is_(False),
                    contacts_table.c.at < now - KEEP_HELD,
                )
            )
            for table in (incoming_table, outgoing_table):
                self._cap(connection, table)

    def _cap(self, connection: Connection, table: sa.Table) -> None:
        count = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        if count <= MOST_ROWS:
            return
        edge = connection.execute(
            sa.select(table.c.at).order_by(table.c.at.desc()).offset(MOST_ROWS).limit(1)
        ).scalar_one()
        connection.execute(sa.delete(table).where(table.c.at <= edge, table.c.state == "done"))

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        if not self._ready:
            _tables.create_all(self._engine, checkfirst=True)
            self._ready = True
        with self._engine.begin() as connection:
            yield connection


def _set_pragmas(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _key(message: Incoming) -> str:
    # A hash, because some platforms' numbers name the person, and they outlive a deletion.
    return hashlib.sha256(f"{message.channel}:{message.key}".encode()).hexdigest()[:40]


def _offer(row: Any) -> Offer:
    choices = tuple(Choice(title, payload) for title, payload in json.loads(row.choices))
    return Offer(row.id, row.conversation, row.turn, choices, row.first, row.topic)


def _outgoing_dict(item: Outgoing) -> dict[str, Any]:
    return {
        "id": item.id,
        "channel": item.channel,
        "conversation": item.conversation,
        "address": item.address,
        "body": item.piece.body,
        "plain": item.piece.plain,
        "urgent": item.urgent,
        "started": item.started,
        "created": item.created,
    }


def _outgoing(values: dict[str, Any]) -> Outgoing:
    piece = Piece(values.pop("body"), values.pop("plain"))
    return Outgoing(piece=piece, **values)
