"""Runs one turn of the dialogue: a message or payload in, bot messages out as they are uttered.

The dialogue server hands every message of a turn over at once, so that an answer does not wait for
an action server that hangs, and a safety text for nothing at all.
"""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from rasa.core.channels.channel import OutputChannel, UserMessage

from channels.messaging.message import BotMessage, Choice
from channels.messaging.rendering import clean
from stridewell.turn import CRISIS_LINES, OPENINGS

logger = logging.getLogger(__name__)

Handler = Callable[[UserMessage], Awaitable[Any]]
Receiver = Callable[[BotMessage], Awaitable[None]]

TURN_SECONDS = 25.0
LONGEST_TEXT = 20_000
# The line after a denied or general sign belongs behind its answer and overtakes nothing.
URGENT_RESPONSES = frozenset({*OPENINGS.values(), CRISIS_LINES})


def typed(text: str) -> str:
    """Return typed text that the dialogue server can't take for a payload.

    Slashes, white space and invisible characters go from the front; what follows stays as typed.
    """
    text = clean(text)[:LONGEST_TEXT]
    start = 0
    while start < len(text) and (
        text[start] in "/\uff0f\u2044\u2215"
        or text[start].isspace()
        or unicodedata.category(text[start]) in ("Cf", "Cc", "Zs", "Mn")
    ):
        start += 1
    return text[start:].rstrip()


class TurnOutput(OutputChannel):
    """Takes the messages of a turn.

    Args:
        channel: Name of the channel, as the dialogue server knows it.
        receiver: Called with each message in order.
        titles: Titles of the articles by id.
        feedback: How an answer may be rated.
    """

    def __init__(
        self,
        channel: str,
        receiver: Receiver,
        titles: Mapping[str, str],
        feedback: tuple[Choice, ...],
    ) -> None:
        self._channel = channel
        self._receiver = receiver
        self._titles = titles
        self._feedback = feedback
        self.said = 0

    def name(self) -> str:  # type: ignore[override]
        """Return the name of the channel."""
        return self._channel

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Take one message (see parent class for full docstring)."""
        read = read_message(message, self._titles, self._feedback)
        if read is not None:
            self.said += 1
            await self._receiver(read)


def read_message(
    message: Mapping[str, Any], titles: Mapping[str, str], feedback: tuple[Choice, ...] = ()
) -> BotMessage | None:
    """Read a message of the dialogue server.

    Args:
        message: As it hands it to a channel.
        titles: Titles of the articles by id.
        feedback: How an answer from the articles may be rated.

    Returns:
        The message, or None if it holds nothing that text can show.
    """
    metadata = message.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    custom = message.get("custom")
    parts = [message.get("text"), custom.get("text") if isinstance(custom, Mapping) else None]
    parts += [message.get("image"), message.get("attachment")]
    text = clean("\n".join(str(part) for part in parts if part))
    text = re.sub(r"\n{3,}", "\n\n", text)
    buttons = [*(message.get("buttons") or ()), *(message.get("quick_replies") or ())]
    choices = tuple(
        Choice(clean(str(b["title"])), str(b["payload"]))
        for b in buttons
        if isinstance(b, Mapping) and b.get("title") and b.get("payload")
    )
    if not text:
        return None
    response = str(message.get("utter_action") or "")
    sources = tuple(titles[a] for a in metadata.get("articles") or () if a in titles)
    urgent = response in URGENT_RESPONSES
    return BotMessage(
        text=text,
        choices=choices,
        sources=sources if response and not urgent else (),
        feedback=feedback if response and sources and not urgent else (),
        urgent=urgent,
        response=response,
        topic=str(metadata.get("topic") or ""),
    )


class Turns:
    """Hands messages to the dialogue server.

    Args:
        handler: Rasa's handler of messages.
        parse: Reads a text as the dialogue server would, without keeping it.
        titles: Titles of the articles by id.
        feedback: How an answer may be rated.
    """

    def __init__(
        self,
        handler: Handler,
        parse: Callable[[str], Awaitable[Mapping[str, Any]]],
        titles: Mapping[str, str],
        feedback: tuple[Choice, ...],
    ) -> None:
        self._handler = handler
        self._parse = parse
        self._titles = titles
        self._feedback = feedback

    async def run(
        self,
        channel: str,
        conversation: str,
        text: str,
        receiver: Receiver,
        about: str = "",
        hurry: asyncio.Event | None = None,
    ) -> bool:
        """Run a turn to its end, or until it takes too long.

        Args:
            channel: Name of the channel.
            conversation: The sender id.
            text: What was typed, made safe by ``typed``, or the payload of a choice.
            receiver: Called with each message as it is uttered.
            about: The topic that the message is about, if it rates an answer.
            hurry: Set when a warning sign waits behind this turn: it then gets one more second.

        Returns:
            Whether anything was said.
        """
        output = TurnOutput(channel, receiver, self._titles, self._feedback)
        message = UserMessage(
            text,
            output,
            conversation,
            input_channel=channel,
            metadata={"about": about} if about else None,
        )
        turn = asyncio.ensure_future(self._handler(message))
        try:
            await self._wait(turn, hurry)
        finally:
            if not turn.done():
                turn.cancel()
                await asyncio.wait([turn], timeout=2)
                logger.warning("A turn took too long and was ended; what it had said was sent.")
        error = turn.exception() if turn.done() and not turn.cancelled() else None
        if error is not None:
            # The error's own words may hold what the person wrote.
            logger.error("A turn failed (%s).", type(error).__name__)
        return output.said > 0

    async def has_warning_sign(self, text: str) -> bool:
        """Tell whether the safety screen sees any warning sign; False if it fails."""
        if not text:
            return False
        try:
            parsed = await self._parse(text)
        except Exception as error:
            logger.error("A message could not be screened (%s).", type(error).__name__)
            return False
        safety = parsed.get("safety")
        return bool(isinstance(safety, Mapping) and safety.get("tier"))

    @staticmethod
    async def _wait(turn: asyncio.Future[Any], hurry: asyncio.Event | None) -> None:
        if hurry is None:
            await asyncio.wait([turn], timeout=TURN_SECONDS)
            return
        alarm = asyncio.ensure_future(hurry.wait())
        try:
            await asyncio.wait(
                [turn, alarm], timeout=TURN_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            alarm.cancel()
        if not turn.done() and hurry.is_set():
            await asyncio.wait([turn], timeout=1.0)
