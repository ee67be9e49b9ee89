"""What must be remembered, with the database where it works and memory where it does not.

Every call takes at most a few seconds and none fails: a locked, full or unreachable database must
not keep a safety text from going out. What could not be written is written when it works again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from channels.messaging.message import Incoming, Offer, Outgoing
from channels.messaging.store import Contact, Store

logger = logging.getLogger(__name__)

T = TypeVar("T")
CALL_SECONDS = 2.0
PAUSE_SECONDS = 5.0
REMEMBERED = 20_000
MOST_UNWRITTEN = 50_000


class _Unavailable(Exception):
    """The database does not work now."""


class _Recent(OrderedDict[str, T]):
    """The entries used last, as many as are worth the memory."""

    def put(self, key: str, value: T) -> None:
        self[key] = value
        self.move_to_end(key)
        while len(self) > REMEMBERED:
            self.popitem(last=False)


class State:
    """Remembers messages, offers and people.

    Args:
        store: The database.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="messaging-store")
        self._paused_until = 0.0
        self._progress = 0.0
        self._seen: _Recent[bool] = _Recent()
        self._offers: _Recent[Offer] = _Recent()
        self._turns: _Recent[list[Offer]] = _Recent()
        self._contacts: _Recent[Contact] = _Recent()
        self._unwritten: deque[Callable[[], Any]] = deque(maxlen=MOST_UNWRITTEN)

    async def is_new(self, message: Incoming) -> bool:
        """Remember a message; return False if it has come before."""
        key = f"{message.channel}:{message.key}"
        if key in self._seen:
            return False
        self._seen.put(key, True)
        try:
            return await self._call(lambda: self._store.add_incoming(message))
        except _Unavailable:
            self._unwritten.append(lambda: self._store.add_incoming(message))
            return True

    async def set_incoming(self, message: Incoming, state: str) -> None:
        """Remember how far a message has come."""
        await self._write(lambda: self._store.set_incoming(message, state))

    async def add_outgoing(self, items: list[Outgoing], answers: Incoming | None) -> None:
        """Remember pieces to send, and that they answer a message."""
        await self._write(lambda: self._store.add_outgoing(items, answers))

    async def is_ours(self, message: Incoming) -> bool:
        """Tell whether no other process has taken a message over."""
        try:
            return await self._call(lambda: self._store.owns_incoming(message))
        except _Unavailable:
            return True

    async def set_outgoing(self, item: Outgoing, state: str) -> bool:
        """Remember how far a piece has come; return False if another process has taken it over."""
        frozen = replace(item)
        try:
            return await self._call(lambda: self._store.set_outgoing(frozen, state))
        except _Unavailable:
            self._unwritten.append(lambda: self._store.set_outgoing(frozen, state))
            return True

    async def add_offer(self, offer: Offer) -> None:
        """Remember an offer."""
        self._offers.put(offer.id, offer)
        turn = f"{offer.conversation} {offer.turn}"
        self._turns.put(turn, [*self._turns.get(turn, []), offer])
        await self._write(lambda: self._store.add_offer(offer))

    async def offer(self, offer_id: str, conversation: str) -> Offer | None:
        """Return an offer if it was made in this conversation."""
        found = self._offers.get(offer_id)
        if found is None:
            try:
                found = await self._call(lambda: self._store.offer(offer_id))
            except _Unavailable:
                return None
        return found if found is not None and found.conversation == conversation else None

    async def offers_of(self, conversation: str, turn: str) -> list[Offer]:
        """Return the offers made in answer to one message."""
        remembered = self._turns.get(f"{conversation} {turn}")
        if remembered is not None:
            return remembered
        try:
            return await self._call(lambda: self._store.offers_of(conversation, turn))
        except _Unavailable:
            return []

    async def contact(self, conversation: str) -> Contact:
        """Return what is known of a person, possibly nothing."""
        try:
            found = await self._call(lambda: self._store.contact(conversation))
        except _Unavailable:
            found = self._contacts.get(conversation)
        return found or Contact(conversation)

    async def save_contact(self, contact: Contact) -> None:
        """Remember what is known of a person."""
        frozen = replace(contact, held=list(contact.held))
        self._contacts.put(contact.conversation, frozen)
        await self._write(lambda: self._store.save_contact(frozen))

    async def forget(self, conversation: str) -> bool:
        """Delete all of a conversation; return whether the database has done so."""
        self._contacts.pop(conversation, None)
        for offers in [k for k, o in self._offers.items() if o.conversation == conversation]:
            del self._offers[offers]
        for turn in [t for t in self._turns if t.startswith(f"{conversation} ")]:
            del self._turns[turn]
        try:
            await self._call(lambda: self._store.forget(conversation))
        except _Unavailable:
            return False
        return True

    async def adopt(self) -> tuple[list[Incoming], list[tuple[Outgoing, bool]]]:
        """Take over what processes that are gone have left; nothing if the database is away."""
        try:
            await self._call(self._store.show_life)
            return await self._call(self._store.adopt)
        except _Unavailable:
            return [], []

    async def purge(self) -> None:
        """Delete what is no longer needed."""
        try:
            await self._call(self._store.purge, seconds=60.0)
        except _Unavailable:
            logger.warning("Old messaging data could not be deleted now; the next round will.")

    async def close(self) -> None:
        """Write what is left and let go of the database."""
        try:
            self._paused_until = 0.0
            await self._call(self._store.close)
        except _Unavailable:
            logger.warning("The messaging database could not be closed in order.")
        self._thread.shutdown(wait=False)

    async def _write(self, action: Callable[[], Any]) -> None:
        try:
            await self._call(action)
        except _Unavailable:
            self._unwritten.append(action)

    async def _call(self, action: Callable[[], T], seconds: float = CALL_SECONDS) -> T:
        if time.monotonic() < self._paused_until:
            raise _Unavailable
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._in_order, action)
        try:
            while not work.done():
                await asyncio.wait([work], timeout=seconds)
                # A server under load is slow to notice what the thread has long finished.
                if not work.done() and time.monotonic() - self._progress > seconds:
                    raise asyncio.TimeoutError
            return work.result()
        except (SQLAlchemyError, OSError, RuntimeError, asyncio.TimeoutError) as error:
            if time.monotonic() >= self._paused_until:
                logger.error(
                    "The messaging database does not work (%s). Messages are answered without "
                    "it; what a restart would lose is written once it works again.",
                    type(error).__name__,
                )
            self._paused_until = time.monotonic() + PAUSE_SECONDS
            raise _Unavailable from error

    def _in_order(self, action: Callable[[], T]) -> T:
        while self._unwritten:
            # Written already, if only the answer came too late.
            with contextlib.suppress(IntegrityError):
                self._unwritten[0]()
            self._unwritten.popleft()
            self._progress = time.monotonic()
        try:
            return action()
        finally:
            self._progress = time.monotonic()
