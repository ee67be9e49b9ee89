"""Deletes a conversation from everything that keeps it: its id in, nothing left of it."""

from __future__ import annotations

import os

from rasa.core.tracker_store import InMemoryTrackerStore, SQLTrackerStore, TrackerStore

from stridewell.handoff.outbox import OutboxError
from stridewell.handoff.settings import DEFAULT_DATABASE
from stridewell.records import Records, feedback, stored_in
from stridewell.retention import HANDOFF_DATABASE, forget_elsewhere, truncate_journal
from stridewell.stores.tracker import SiteTrackerStore


class DeletionError(Exception):
    """This kind of tracker store can't delete a conversation; the message names it."""


def delete_conversation(
    store: TrackerStore, records: Records, sender_id: str, forget_at: float = 0.0
) -> None:
    """Delete all events and ratings of a conversation, and end its session.

    Call it while the conversation is locked: a turn that is under way would store itself again.

    Args:
        store: The tracker store of the dialogue server.
        records: The site's own tables.
        sender_id: The conversation.
        forget_at: When its website session would have expired, in seconds since 1970.

    Raises:
        DeletionError: The tracker store is of a kind that this can't delete from.
        sqlalchemy.exc.SQLAlchemyError: The database failed; then nothing was deleted.
    """
    real = stored_in(store)
    try:
        forget_elsewhere(sender_id, _handoff_database(real))
    except OutboxError as error:
        raise DeletionError(str(error)) from error
    with records.changing() as connection:
        if isinstance(real, SQLTrackerStore):
            events = real.SQLEvent.__table__
            connection.execute(events.delete().where(events.c.sender_id == sender_id))
        elif isinstance(real, InMemoryTrackerStore):
            real.store.pop(sender_id, None)
        else:
            raise DeletionError(
                f"Conversations in a {type(real).__name__} can't be deleted yet. Use an SQL "
                "tracker store in endpoints.yml."
            )
        connection.execute(feedback.delete().where(feedback.c.sender_id == sender_id))
        records.end_session(connection, sender_id, forget_at)
    if isinstance(real, SiteTrackerStore):
        real.forget_waiting(sender_id)
        truncate_journal(real.engine)
    spare = getattr(store, "_fallback_tracker_store", None)
    if isinstance(spare, InMemoryTrackerStore):
        spare.store.pop(sender_id, None)


def _handoff_database(store: TrackerStore) -> str:
    """Return the address that hand-offs are kept at: the conversations' one, if no other is set."""
    given = os.environ.get(HANDOFF_DATABASE, "")
    if given or not isinstance(store, SQLTrackerStore):
        return given or DEFAULT_DATABASE
    return str(store.engine.url.render_as_string(hide_password=False))
