"""One turn of a website conversation: a person's message in, the assistant's replies out.

Works on the dialogue server's own agent, inside the lock that Rasa keeps for each conversation, so
that a message that is sent again while it is being answered, or after its reply was lost, is
answered once, whichever worker it reaches.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.lock_store import LockError
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.events import Event, UserUttered
from sqlalchemy.exc import SQLAlchemyError

from stridewell.content.register import Register
from stridewell.records import stored_in
from stridewell.stores.tracker import SiteTrackerStore
from stridewell.web.errors import ApiError
from stridewell.web.text import as_plain_text, clean
from stridewell.web.transcript import (
    SHOWN,
    Choice,
    describe_reply,
    is_shown,
    offered_choice,
    replies_to,
)

logger = logging.getLogger(__name__)

CHANNEL = "website"
LOCK_POLL_SECONDS = 0.1
# Longer messages than the site answers are read up to here, for warning signs only.
SCREENED_LENGTH = 12_000
# Enough to know a message that is sent again, without reading a long conversation each time.
LAST_TURNS = "retrieve_last_turns"


class Replies(OutputChannel):
    """Collects the replies of one turn with everything that Rasa says about them."""

    def __init__(self, message_id: str, register: Register) -> None:
        self.messages: list[dict[str, Any]] = []
        self._said = 0
        self._message_id = message_id
        self._register = register

    @classmethod
    def name(cls) -> str:
        """Name of the channel."""
        return CHANNEL

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Collect one reply."""
        reply_id = f"{self._message_id}.{self._said}"
        self._said += 1
        if is_shown(message):
            self.messages.append(describe_reply(reply_id, message, self._register, time.time()))


class Turns:
    """Answers messages, each once.

    Args:
        register: The article register.
        starters: Choices that every conversation is offered at its start, by id.
        seconds: How long an answer may take.
        longest: Most characters in a message; a longer one is answered only if it names a sign.
    """

    def __init__(
        self,
        register: Register,
        starters: Mapping[str, Choice],
        seconds: float,
        longest: int,
    ) -> None:
        self._register = register
        self._starters = starters
        self._seconds = seconds
        self._longest = longest
        self._running: set[asyncio.Task[list[dict[str, Any]]]] = set()

    async def answer(
        self,
        agent: Agent,
        conversation: str,
        message: Mapping[str, Any],
        is_ended: Callable[[str], bool],
    ) -> list[dict[str, Any]]:
        """Answer a message, or find the answer that it got before.

        A warning sign is answered also in a message that is too long, and without the database.

        Args:
            agent: The dialogue server's agent.
            conversation: Id of the conversation.
            message: ``id`` and either ``text`` or ``choice``.
            is_ended: Tells whether a conversation was deleted; asked when it is this turn's turn.

        Returns:
            The replies in the form of the API's schema ``Message``; never empty.

        Raises:
            ApiError: The message can't be taken, or no answer came in time.
        """
        typed = await self._check_text(agent, message["text"]) if "text" in message else None
        # The turn goes on when the caller hangs up: the reply is stored, and a retry finds it.
        task = asyncio.create_task(self._turn(agent, conversation, message, typed, is_ended))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    async def _check_text(self, agent: Agent, text: str) -> str:
        typed = clean(text)
        if not as_plain_text(typed):
            raise ApiError("text_empty")
        too_long = len(typed) > self._longest
        if too_long and not (
            len(typed) <= SCREENED_LENGTH and await _names_sign(agent, as_plain_text(typed))
        ):
            raise ApiError(
                "text_too_long",
                f"Your message has {len(typed):,} characters, and I can read at most "
                f"{self._longest:,}. Please shorten it.",
            )
        return typed

    def _finished(self, task: asyncio.Task[list[dict[str, Any]]]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # Read here: the caller may have hung up.

    async def _turn(
        self,
        agent: Agent,
        conversation: str,
        message: Mapping[str, Any],
        typed: str | None,
        is_ended: Callable[[str], bool],
    ) -> list[dict[str, Any]]:
        try:
            async with agent.lock_store.lock(conversation, wait_time_in_seconds=LOCK_POLL_SECONDS):
                try:
                    if await asyncio.to_thread(is_ended, conversation):
                        raise ApiError("session_ended")
                    return await self._locked_turn(agent, conversation, message, typed)
                except (ApiError, SQLAlchemyError) as error:
                    if isinstance(error, ApiError) and error.code != "storage_failed":
                        raise
                    text = as_plain_text(typed or "")
                    if not text or not await _names_sign(agent, text):
                        raise
                    return await self._turn_without_database(
                        agent, conversation, message["id"], text
                    )
        except LockError:
            raise ApiError("busy", retry_after=2) from None

    async def _turn_without_database(
        self, agent: Agent, conversation: str, message_id: str, text: str
    ) -> list[dict[str, Any]]:
        """Say a safety text, which needs no database, as if nothing had been said before."""
        logger.error("A message with a warning sign is answered without the database.")
        processor = _without_database(agent)
        replies = await self._reply(processor, conversation, message_id, text, text)
        await _keep(agent, processor, conversation)
        return replies

    async def _locked_turn(
        self,
        agent: Agent,
        conversation: str,
        message: Mapping[str, Any],
        typed: str | None,
    ) -> list[dict[str, Any]]:
        events = await conversation_events(agent, conversation, LAST_TURNS)
        replies = replies_to(message["id"], events, self._register)
        if replies:
            return replies
        if typed is not None:
            text, shown = as_plain_text(typed), typed
        else:
            choice = await self._choice(agent, conversation, message["choice"], events)
            text, shown = choice.payload, choice.title
        return await self._reply(agent.processor, conversation, message["id"], text, shown)

    async def _reply(
        self,
        processor: MessageProcessor,
        conversation: str,
        message_id: str,
        text: str,
        shown: str,
    ) -> list[dict[str, Any]]:
        output = Replies(message_id, self._register)
        try:
            await asyncio.wait_for(
                processor.handle_message(
                    UserMessage(
                        text,
                        output,
                        conversation,
                        input_channel=CHANNEL,
                        message_id=message_id,
                        metadata={SHOWN: shown} if shown != text else None,
                    )
                ),
                self._seconds,
            )
        except asyncio.TimeoutError:
            raise ApiError("timed_out", partial=output.messages) from None
        except Exception as error:
            logger.error("A turn of a website conversation failed.", exc_info=error)
            raise ApiError("turn_failed", partial=output.messages) from error
        if not output.messages:
            raise ApiError("no_answer")
        return output.messages

    async def _choice(
        self, agent: Agent, conversation: str, choice_id: str, recent: Iterable[Event]
    ) -> Choice:
        """Return a choice that this conversation was offered, lately or long ago."""
        choice = self._starters.get(choice_id) or offered_choice(choice_id, recent)
        if choice is None:
            choice = offered_choice(choice_id, await conversation_events(agent, conversation))
        if choice is None:
            raise ApiError("choice_not_offered")
        return choice


async def conversation_events(
    agent: Agent, conversation: str, method: str = "retrieve_full_tracker"
) -> list[Event]:
    """Return the events of a conversation, oldest first.

    Args:
        agent: The dialogue server's agent.
        conversation: Id of the conversation.
        method: Of the tracker store: which events to read; all when the store lacks it.

    Raises:
        ApiError: The store can't be read. Rasa itself would go on with an empty conversation.
    """
    store = stored_in(agent.tracker_store)
    try:
        tracker = await getattr(store, method, store.retrieve_full_tracker)(conversation)
    except Exception as error:
        logger.error("The tracker store can't be read.", exc_info=error)
        raise ApiError("storage_failed") from error
    return list(tracker.events) if tracker else []


async def _names_sign(agent: Agent, text: str) -> bool:
    """Tell whether the warning-sign screen sees a sign in a text, or failed to look."""
    try:
        parsed = await agent.parse_message(text)
    except Exception as error:
        # Neither the text nor the error's own words, which may hold it.
        logger.error("A message could not be screened (%s).", type(error).__name__)
        return True
    return bool((parsed.get("safety") or {}).get("tier"))


def _without_database(agent: Agent) -> MessageProcessor:
    """Return the dialogue server's processor with an empty memory in place of its database."""
    processor = copy.copy(agent.processor)
    processor.tracker_store = InMemoryTrackerStore(agent.domain)
    return processor


async def _keep(agent: Agent, processor: MessageProcessor, conversation: str) -> None:
    """Have a turn that was taken without the database stored when that is back."""
    store = stored_in(agent.tracker_store)
    tracker = await processor.tracker_store.retrieve(conversation)
    if tracker is None or not isinstance(store, SiteTrackerStore):
        return
    events = list(tracker.events)
    start = next(n for n, event in enumerate(events) if isinstance(event, UserUttered))
    store.keep(conversation, events[start:])
