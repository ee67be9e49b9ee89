"""Sends pieces: in order within a conversation, safety texts first, each at most once.

A piece is sent again only when the platform says, or the network shows, that it did not arrive.
Where nobody knows, the platform is asked; if it can't tell, the piece counts as sent. Only a
safety text then goes out again, with a line that says why: missing it is worse than seeing it
twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace

from channels.messaging.message import Attempt, Incoming, Outcome, Outgoing, Piece
from channels.messaging.platform import Platform
from channels.messaging.state import State

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
LONGEST_URGENT_PAUSE = 5.0
GIVE_UP_AFTER = 24 * 3600.0
LOOK_AFTER = 1.5
LOOK_FOR = 600.0
AT_ONCE = 20


def short_name(conversation: str) -> str:
    """Return a name for logs that doesn't give the person's number away."""
    digest = hashlib.sha256(conversation.encode()).hexdigest()[:8]
    return f"{conversation.split(':', 1)[0]}:{digest}"


@dataclass
class _Lane:
    """The pieces of one conversation that wait, and the task that sends them."""

    waiting: list[Outgoing] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    not_before: float = 0.0
    pause_until: float = 0.0
    settling: int = 0


class Delivery:
    """Sends for all platforms.

    Args:
        platforms: By name of the channel.
        state: Where progress is remembered.
        again: By name of the channel, the line before a safety text that goes out again.
    """

    def __init__(
        self, platforms: Mapping[str, Platform], state: State, again: Mapping[str, str]
    ) -> None:
        self._platforms = platforms
        self._state = state
        self._again = again
        self._lanes: dict[str, _Lane] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._slots = {name: asyncio.Semaphore(AT_ONCE) for name in platforms}
        self._closing = False

    async def send(self, items: list[Outgoing], answers: Incoming | None = None) -> None:
        """Remember pieces and send them as soon as possible; returns before they have gone.

        Urgent pieces go first, even before they are remembered.

        Args:
            items: Pieces of one conversation, in order.
            answers: The message that counts as answered once the pieces are remembered.
        """
        if not items:
            return
        if items[0].urgent:
            self._enqueue(items, items[0].conversation)
        await self._state.add_outgoing(items, answers)
        if not items[0].urgent:
            self._enqueue(items, items[0].conversation)

    async def resume(self, item: Outgoing, begun: bool) -> None:
        """Go on with a piece that another process left; ``begun``: it may have been sent."""
        if item.channel not in self._platforms:
            await self._state.set_outgoing(item, "done")
            return
        lane = self._enqueue([] if begun else [item], item.conversation)
        if begun:
            self._settle_later(item, lane)

    def drop(self, conversation: str) -> None:
        """Forget what waits for a conversation."""
        lane = self._lanes.pop(conversation, None)
        if lane is not None:
            lane.waiting.clear()
            lane.settling = 0
            lane.changed.set()

    async def close(self, seconds: float = 5.0) -> None:
        """Let what is on its way arrive; the rest waits in the database."""
        self._closing = True
        for settling in self._background:
            settling.cancel()
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        for lane in self._lanes.values():
            lane.changed.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()

    def _enqueue(self, items: list[Outgoing], conversation: str) -> _Lane:
        lane = self._lanes.setdefault(conversation, _Lane())
        lane.waiting.extend(items)
        lane.waiting.sort(key=lambda item: not item.urgent)
        lane.changed.set()
        if lane.task is None:
            lane.task = asyncio.create_task(self._work(conversation, lane))
        return lane

    async def _work(self, conversation: str, lane: _Lane) -> None:
        try:
            while (lane.waiting or lane.settling) and not self._closing:
                pause = self._pause(lane)
                if pause > 0:
                    lane.changed.clear()
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(lane.changed.wait(), pause)
                    continue
                await self._try(lane.waiting[0], lane)
        except Exception:
            logger.exception("Sending to %s stopped by a fault.", short_name(conversation))
        finally:
            lane.task = None
            if not lane.waiting and self._lanes.get(conversation) is lane:
                del self._lanes[conversation]

    def _pause(self, lane: _Lane) -> float:
        """Return the seconds until the next piece may go."""
        if not lane.waiting:
            return GIVE_UP_AFTER
        now = time.monotonic()
        if lane.waiting[0].urgent:
            return lane.not_before - now
        if lane.settling:
            return GIVE_UP_AFTER
        return max(lane.not_before, lane.pause_until) - now

    async def _try(self, item: Outgoing, lane: _Lane) -> None:
        platform = self._platforms[item.channel]
        item.attempts += 1
        item.started = time.time()
        if item.urgent:
            self._spawn(self._note(item, "sending"))
            attempt = await platform.send(item, item.piece.body)
        else:
            if not await self._state.set_outgoing(item, "sending"):
                lane.waiting = [other for other in lane.waiting if other is not item]
                return  # Deleted, or another process sends it.
            async with self._slots[item.channel]:
                attempt = await platform.send(item, item.piece.body)
        outcome = attempt.outcome
        if outcome is Outcome.DOUBT:
            lane.waiting = [other for other in lane.waiting if other is not item]
            self._settle_later(item, lane)
            return
        if outcome is Outcome.SENT:
            await self._done(item, lane)
            lane.pause_until = 0.0
        elif outcome is Outcome.REJECTED and item.piece.plain is not None:
            self._log(item, attempt, "is sent again without layout")
            self._replace(lane, item, replace(item, piece=Piece(item.piece.plain)))
        elif outcome in (Outcome.REJECTED, Outcome.UNREACHABLE):
            self._log(item, attempt, "is dropped")
            await self._done(item, lane)
        elif time.time() - item.created > GIVE_UP_AFTER:
            self._log(item, attempt, "is dropped after a day")
            await self._done(item, lane)
        else:
            self._postpone(item, attempt, lane)
            await self._state.set_outgoing(item, "waiting")

    def _postpone(self, item: Outgoing, attempt: Attempt, lane: _Lane) -> None:
        if item.attempts in (1, 5) or item.attempts % 20 == 0:
            self._log(item, attempt, "waits")
        if attempt.outcome is Outcome.WAIT:
            lane.not_before = time.monotonic() + attempt.wait + random.uniform(0, 0.2)
            return
        longest = LONGEST_URGENT_PAUSE if item.urgent else LONGEST_PAUSE
        pause = min(FIRST_PAUSE * 2 ** min(item.attempts - 1, 10), longest)
        pause = max(pause * random.uniform(0.7, 1.0), attempt.wait)
        if item.urgent:
            lane.not_before = time.monotonic() + pause
        else:
            lane.pause_until = time.monotonic() + pause

    def _settle_later(self, item: Outgoing, lane: _Lane) -> None:
        """Find out about a piece in doubt while only urgent pieces may pass it."""
        lane.settling += 1

        async def settle() -> None:
            again = await self._settle(item)
            if self._lanes.get(item.conversation) is not lane:
                return  # Deleted meanwhile.
            lane.settling = max(0, lane.settling - 1)
            if again is None:
                await self._state.set_outgoing(item, "done")
            else:
                lane.waiting.insert(0, again)
            lane.changed.set()

        self._spawn(settle())

    async def _note(self, item: Outgoing, state: str) -> None:
        await self._state.set_outgoing(item, state)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _settle(self, item: Outgoing) -> Outgoing | None:
        """Find out about a piece in doubt; return what to send, or None if nothing."""
        platform = self._platforms[item.channel]
        end = time.monotonic() + LOOK_FOR
        pause = LOOK_AFTER
        while time.monotonic() < end and not self._closing:
            await asyncio.sleep(pause)
            try:
                arrived = await platform.was_delivered(item)
            except Exception as error:
                logger.info("Looking for a message failed (%s).", type(error).__name__)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            if arrived:
                return None
            if arrived is False:
                return item
            break
        if not item.urgent:
            return None
        line = self._again[item.channel]
        return replace(item, urgent=False, piece=_with_line(item.piece, line))

    def _replace(self, lane: _Lane, old: Outgoing, new: Outgoing) -> None:
        for position, item in enumerate(lane.waiting):
            if item is old:
                lane.waiting[position] = new
                return

    async def _done(self, item: Outgoing, lane: _Lane) -> None:
        lane.waiting = [other for other in lane.waiting if other is not item]
        await self._state.set_outgoing(item, "done")

    def _log(self, item: Outgoing, attempt: Attempt, fate: str) -> None:
        logger.warning(
            "A message to %s %s: %s (%s).",
            short_name(item.conversation),
            fate,
            attempt.outcome.value,
            attempt.reason,
        )


def _with_line(piece: Piece, line: str) -> Piece:
    """Put a line before the text, wherever the platform keeps it."""

    def changed(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {k: changed(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [changed(v) for v in value]
        if isinstance(value, str) and key in ("text", "Body"):
            return f"{line} {value}"
        return value

    body = {k: changed(v, k) for k, v in piece.body.items()}
    return Piece(body, None)
