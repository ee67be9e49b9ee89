"""Answers what comes in: one message of a conversation at a time, many conversations at once.

Decides what the dialogue server gets to see: consent first (except with a warning sign), commands
and media answered here, choices looked up, typed text never a payload.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from channels.messaging.delivery import Delivery, short_name
from channels.messaging.message import (
    BotMessage,
    Choice,
    Incoming,
    Kind,
    Offer,
    Outgoing,
    parse_reference,
)
from channels.messaging.platform import Platform
from channels.messaging.rendering import picked_number, same_title
from channels.messaging.state import State
from channels.messaging.store import MOST_HELD, Contact
from channels.messaging.texts import KEYWORD_CHANNELS, Texts
from channels.messaging.turns import Turns, typed

logger = logging.getLogger(__name__)

MOST_WAITING = 50
PATIENCE = 2.0
CONSENT_YES, CONSENT_NO = "@consent-yes", "@consent-no"
DELETE_YES, DELETE_NO = "@delete-yes", "@delete-no"
ASKS_DELETION = "utter_delete_my_data"

_YES = re.compile(r"(yes|yes,? go on|y|yeah|yep|ok|okay|sure|i agree|agree|go on)[.!]*", re.I)
_NO = re.compile(r"(no|no,? thanks|no thank you|n|nope|i don'?t agree)[.!]*", re.I)

Delete = Callable[[str], Awaitable[bool]]


@dataclass
class _Line:
    """The messages of one conversation that wait, and the task that answers them."""

    waiting: list[Incoming] = field(default_factory=list)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    urgent: set[str] = field(default_factory=set)
    task: asyncio.Task[None] | None = None


@dataclass
class _Turn:
    """What has been said in answer to one message."""

    message: Incoming
    next_number: int = 1
    said: int = 0


class Conversations:
    """Answers the messages of all platforms.

    Args:
        platforms: By name of the channel.
        state: What is remembered.
        delivery: Sends what is said.
        turns: The dialogue server.
        texts: The channels' own sentences.
        delete: Deletes a conversation of the dialogue server; tells whether it worked.
    """

    def __init__(
        self,
        platforms: Mapping[str, Platform],
        state: State,
        delivery: Delivery,
        turns: Turns,
        texts: Texts,
        delete: Delete,
    ) -> None:
        self._platforms = platforms
        self._state = state
        self._delivery = delivery
        self._turns = turns
        self._texts = texts
        self._delete = delete
        self._lines: dict[str, _Line] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._closing = False

    async def take(self, message: Incoming) -> None:
        """Take a message that the platform vouches for; a repeat is dropped.

        Returns once it is remembered; it is answered in the background.
        """
        if await self._state.is_new(message):
            self.answer_later(message)

    def answer_later(self, message: Incoming) -> None:
        """Answer a message that is remembered already."""
        line = self._lines.setdefault(message.conversation, _Line())
        if len(line.waiting) >= MOST_WAITING:
            logger.warning("Too many messages wait in %s.", short_name(message.conversation))
            self._in_background(self._state.set_incoming(message, "done"))
            return
        line.waiting.append(message)
        # Platforms may deliver out of order; what waits is answered as it was written.
        line.waiting.sort(key=lambda m: (m.key not in line.urgent, m.order))
        if line.task is None:
            line.task = asyncio.create_task(self._work(message.conversation, line))
        elif message.kind is Kind.TEXT:
            self._in_background(self._screen(message, line))

    async def close(self, seconds: float = 8.0) -> None:
        """Finish the turns that run; what waits stays in the database."""
        self._closing = True
        tasks = [line.task for line in self._lines.values() if line.task]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _screen(self, message: Incoming, line: _Line) -> None:
        """Let a message with a warning sign overtake a turn that hangs."""
        await asyncio.sleep(PATIENCE)
        if message not in line.waiting:
            return
        if await self._turns.has_warning_sign(typed(message.text)):
            line.urgent.add(message.key)
            line.waiting.sort(key=lambda m: (m.key not in line.urgent, m.order))
            line.hurry.set()

    async def _work(self, conversation: str, line: _Line) -> None:
        try:
            while line.waiting and not self._closing:
                message = line.waiting.pop(0)
                line.hurry.clear()
                try:
                    await self._answer(message, line)
                except Exception as error:
                    logger.error("A message could not be answered: %s.", fault(error))
                line.urgent.discard(message.key)
        finally:
            line.task = None
            if not line.waiting:
                self._lines.pop(conversation, None)

    async def _answer(self, message: Incoming, line: _Line) -> None:
        if not await self._state.is_ours(message):
            return
        turn, conversation = _Turn(message), message.conversation
        try:
            await self._respond(turn, line)
        except Exception as error:
            logger.error("Answering %s failed: %s.", short_name(conversation), fault(error))
            if not turn.said:
                await self._say(turn, self._text(turn, "no_answer"))
        await self._state.set_incoming(message, "done")

    async def _respond(self, turn: _Turn, line: _Line) -> None:
        message = turn.message
        if message.silent and message.kind not in (Kind.STOP, Kind.START):
            return
        contact = await self._state.contact(message.conversation)
        text, payload, offer = typed(message.text), "", None
        if contact.stopped and message.channel in KEYWORD_CHANNELS and text.casefold() == "yes":
            message = turn.message = replace(message, kind=Kind.START)
        if message.kind is Kind.CHOICE:
            payload, offer = await self._picked(message)
            if not payload:
                await self._say(turn, self._text(turn, "expired_choice"))
                return
        elif message.kind is Kind.TEXT:
            payload, offer = await self._picked_by_typing(contact, text)
            payload = payload or self._answers_question(contact, text)
        if message.kind is not Kind.MEDIA and message.kind is not Kind.HELP:
            contact.turn = message.key
        if payload.startswith("@"):
            await self._internal(turn, contact, payload, line)
        elif message.kind in (Kind.TEXT, Kind.CHOICE) and (payload or text):
            about = offer.topic if offer else ""
            await self._dialogue(turn, contact, payload or text, bool(payload), about, line)
        else:
            await self._command(turn, contact)

    # What is answered here

    async def _command(self, turn: _Turn, contact: Contact) -> None:
        kind = turn.message.kind
        if kind is Kind.STOP:
            contact.stopped, contact.held = True, []
            await self._state.save_contact(contact)
            if not turn.message.silent:
                await self._say(turn, self._text(turn, "stopped"))
            return
        if kind is Kind.START:
            contact.stopped = False
            await self._state.save_contact(contact)
            if turn.message.silent:
                return
            if contact.consented:
                await self._run(turn, "/greet", None)
            else:
                await self._ask_consent(turn, contact, first=True)
            return
        await self._state.save_contact(contact)
        if contact.stopped and kind is not Kind.HELP and kind is not Kind.DELETE:
            return
        if kind is Kind.DELETE:
            await self._ask_deletion(turn)
        elif kind is Kind.HELP:
            await self._say(turn, self._text(turn, "help"))
        elif kind is Kind.MEDIA:
            await self._say(turn, self._text(turn, "media"))
        elif kind is Kind.GROUP:
            if not contact.asked:
                contact.asked = time.time()
                await self._state.save_contact(contact)
                await self._say(turn, self._text(turn, "group"))
        else:
            await self._say(turn, self._text(turn, "empty"))

    async def _internal(self, turn: _Turn, contact: Contact, payload: str, line: _Line) -> None:
        if payload == DELETE_YES:
            await self._forget(turn, "deleted")
        elif payload == DELETE_NO:
            await self._state.save_contact(contact)
            await self._say(turn, self._text(turn, "kept"))
        elif payload == CONSENT_NO:
            await self._forget(turn, "consent_refused")
        elif payload == CONSENT_YES:
            contact.consented = contact.consented or time.time()
            await self._state.save_contact(contact)
            if not contact.held:
                await self._run(turn, "/greet", line)
                return
            for values in contact.held:
                await self._run(turn, typed(str(values.get("text", ""))), line)
            contact.held = []
            await self._state.save_contact(contact)

    async def _forget(self, turn: _Turn, done: str) -> None:
        conversation = turn.message.conversation
        self._delivery.drop(conversation)
        deleted = await self._delete(conversation)
        forgotten = await self._state.forget(conversation)
        await self._say(turn, self._text(turn, done if deleted and forgotten else "delete_failed"))

    async def _ask_deletion(self, turn: _Turn) -> None:
        channel = turn.message.channel
        choices = (
            Choice(self._texts.get("delete_yes", channel), DELETE_YES),
            Choice(self._texts.get("delete_no", channel), DELETE_NO),
        )
        await self._say(turn, replace(self._text(turn, "delete_question"), choices=choices))

    async def _ask_consent(self, turn: _Turn, contact: Contact, first: bool) -> None:
        channel = turn.message.channel
        choices = (
            Choice(self._texts.get("consent_yes", channel), CONSENT_YES),
            Choice(self._texts.get("consent_no", channel), CONSENT_NO),
        )
        contact.asked = time.time()
        await self._state.save_contact(contact)
        if first:
            texts = [self._texts.get(name, channel) for name in ("intro", "ask_consent")]
        else:
            texts = [self._texts.get("ask_consent_again", channel)]
        await self._say(turn, BotMessage("\n\n".join(texts), choices))

    # What the dialogue server answers

    async def _dialogue(
        self,
        turn: _Turn,
        contact: Contact,
        text: str,
        is_payload: bool,
        about: str,
        line: _Line,
    ) -> None:
        if contact.consented and not contact.stopped:
            contact.held = []
            await self._state.save_contact(contact)
            await self._run(turn, text, line, about)
            return
        alarming = "" if is_payload else await self._alarming(contact, text)
        if alarming:
            # Help now matters more than having been asked.
            await self._state.save_contact(contact)
            await self._run(turn, alarming, line)
            return
        if contact.stopped:
            await self._state.save_contact(contact)
            return
        first = not contact.asked
        if not is_payload and len(contact.held) < MOST_HELD:
            contact.held.append({"text": text[:4000]})
        await self._ask_consent(turn, contact, first)

    async def _alarming(self, contact: Contact, text: str) -> str:
        """Return the text that holds a warning sign: the last message, or all that wait; or ''."""
        if await self._turns.has_warning_sign(text):
            return text
        together = "\n".join([*(str(values.get("text", "")) for values in contact.held), text])
        if contact.held and await self._turns.has_warning_sign(together):
            return together
        return ""

    async def _run(self, turn: _Turn, text: str, line: _Line | None, about: str = "") -> None:
        message = turn.message

        async def receive(said: BotMessage) -> None:
            if said.response == ASKS_DELETION:
                await self._ask_deletion(turn)
            else:
                await self._say(turn, said)

        said_anything = await self._turns.run(
            message.channel,
            message.conversation,
            text,
            receive,
            about,
            line.hurry if line else None,
        )
        if not said_anything:
            await self._say(turn, self._text(turn, "no_answer"))

    # Choices

    async def _picked(self, message: Incoming) -> tuple[str, Offer | None]:
        reference = parse_reference(message.choice)
        offer = None
        if reference:
            offer = await self._state.offer(reference[0], message.conversation)
        if reference is None or offer is None or reference[1] >= len(offer.choices):
            await self._confirm(message, "")
            return "", None
        choice = offer.choices[reference[1]]
        await self._confirm(message, choice.title)
        return choice.payload, offer

    async def _picked_by_typing(self, contact: Contact, text: str) -> tuple[str, Offer | None]:
        if not contact.turn or len(text) > 100:
            return "", None
        offers = await self._state.offers_of(contact.conversation, contact.turn)
        number = picked_number(text)
        for offer in offers:
            index = same_title(text, (choice.title for choice in offer.choices))
            if number is not None and offer.first <= number < offer.first + len(offer.choices):
                index = number - offer.first
            if index is not None:
                return offer.choices[index].payload, offer
        return "", None

    @staticmethod
    def _answers_question(contact: Contact, text: str) -> str:
        if contact.consented or not contact.asked:
            return ""
        if _YES.fullmatch(text):
            return CONSENT_YES
        return CONSENT_NO if _NO.fullmatch(text) else ""

    async def _confirm(self, message: Incoming, title: str) -> None:
        if message.receipt:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(
                    self._platforms[message.channel].confirm(message, title), timeout=3
                )

    # Saying something

    def _text(self, turn: _Turn, name: str) -> BotMessage:
        return BotMessage(self._texts.get(name, turn.message.channel))

    async def _say(self, turn: _Turn, said: BotMessage) -> None:
        message = turn.message
        platform = self._platforms[message.channel]
        offer = None
        shown = platform.offered(message.channel, said)
        if shown:
            offer = Offer(
                id=secrets.token_urlsafe(9),
                conversation=message.conversation,
                turn=message.key,
                choices=shown,
                first=turn.next_number,
                topic=said.topic,
            )
            turn.next_number += len(shown)
        created = time.time()
        items = [
            Outgoing(
                id=secrets.token_hex(12),
                channel=message.channel,
                conversation=message.conversation,
                address=message.address,
                piece=piece,
                urgent=said.urgent,
                created=created,
            )
            for piece in platform.render(message.channel, said, offer)
        ]
        if offer is not None:
            await self._state.add_offer(offer)
        turn.said += 1
        # With the first words the message counts as answered: a restart answers no message twice.
        await self._delivery.send(items, answers=message if turn.said == 1 else None)


def fault(error: BaseException) -> str:
    """Return kind and place of an error; its own words may hold what a person wrote."""
    trace, place = error.__traceback__, "unknown place"
    while trace is not None:
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
