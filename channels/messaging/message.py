"""What passes between a platform and the assistant: plain values, the same for every platform."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

Payload = dict[str, Any]


class Kind(str, Enum):
    """What somebody sent."""

    TEXT = "text"
    CHOICE = "choice"
    MEDIA = "media"
    EMPTY = "empty"
    START = "start"
    HELP = "help"
    STOP = "stop"
    DELETE = "delete"
    GROUP = "group"


@dataclass(frozen=True)
class Incoming:
    """A message that a platform vouches for.

    Attributes:
        channel: Name of the channel: telegram, sms, whatsapp, slack or messenger.
        key: The platform's own number of the message; a repeat carries the same.
        conversation: Whose conversation it belongs to, prefixed with the channel.
        address: What the platform needs to send something back.
        kind: What was sent.
        text: The words, as typed; empty for other kinds.
        choice: For a choice, the reference that stood behind the button.
        order: Place among the messages of the conversation as the platform counts them.
        receipt: What the platform wants confirmed, such as the id of a pressed button.
        silent: The platform has answered the person itself; nothing may be sent.
    """

    channel: str
    key: str
    conversation: str
    address: dict[str, str]
    kind: Kind
    text: str = ""
    choice: str = ""
    order: float = 0.0
    receipt: str = ""
    silent: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the values as JSON can hold them."""
        return {**asdict(self), "kind": self.kind.value}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Incoming:
        """Make a message from what ``as_dict`` returned."""
        return cls(**{**values, "kind": Kind(values["kind"])})


@dataclass(frozen=True)
class Choice:
    """Something that the person may pick: what it is called and what it sends."""

    title: str
    payload: str


@dataclass(frozen=True)
class BotMessage:
    """A message of the assistant before it is fitted to a platform.

    Attributes:
        text: Plain text; ``**bold**`` and ``[label](https://...)`` are understood.
        choices: What the person may pick next.
        sources: Titles of the articles that the text is drawn from.
        feedback: How the person may rate the text, if it can be rated.
        urgent: A safety text: sent before everything else.
        response: Name of the response, if it is one.
        topic: The topic that it answers, if any.
    """

    text: str
    choices: tuple[Choice, ...] = ()
    sources: tuple[str, ...] = ()
    feedback: tuple[Choice, ...] = ()
    urgent: bool = False
    response: str = ""
    topic: str = ""


@dataclass(frozen=True)
class Offer:
    """Choices shown in a conversation. Buttons carry only its id and a number.

    Attributes:
        id: Unguessable name.
        conversation: The only conversation in which it may be picked.
        turn: The message that it was an answer to.
        choices: What was offered, those of the feedback last.
        first: Number of the first choice, for platforms where people type numbers.
        topic: What the message was about.
    """

    id: str
    conversation: str
    turn: str
    choices: tuple[Choice, ...]
    first: int = 1
    topic: str = ""

    def reference(self, index: int) -> str:
        """Return what stands behind the button of a choice: at most 24 characters."""
        return f"o:{self.id}:{index}"


def parse_reference(text: str) -> tuple[str, int] | None:
    """Return the id of an offer and the index of a choice, or None if it is no reference."""
    parts = text.split(":")
    if len(parts) != 3 or parts[0] != "o" or not parts[2].isdecimal() or len(parts[2]) > 3:
        return None
    return parts[1], int(parts[2])


@dataclass(frozen=True)
class Piece:
    """One message as the platform takes it.

    Attributes:
        body: What to send.
        plain: The same without layout, for when the platform rejects the first; None if the same.
    """

    body: Payload
    plain: Payload | None = None


@dataclass
class Outgoing:
    """A piece on its way.

    Attributes:
        id: Unguessable name, for telling whether it has arrived.
        channel: Name of the channel.
        conversation: Whose conversation.
        address: Where to.
        piece: What to send.
        urgent: Goes before everything else of the conversation.
        started: Seconds since the epoch at which the first attempt began; 0 before it.
        created: Seconds since the epoch at which it was written.
    """

    id: str
    channel: str
    conversation: str
    address: dict[str, str]
    piece: Piece
    urgent: bool = False
    started: float = 0.0
    created: float = 0.0
    attempts: int = field(default=0, compare=False)


class Outcome(Enum):
    """How an attempt to send ended."""

    SENT = "sent"
    RETRY = "not sent, may be sent later"
    WAIT = "not sent, the platform says when to try again"
    DOUBT = "sent or not, nobody knows"
    REJECTED = "not sent, the platform does not take it in this form"
    UNREACHABLE = "not sent, the person cannot be written to"


@dataclass(frozen=True)
class Attempt:
    """An attempt to send: its outcome, the platform's reason, and how long to wait."""

    outcome: Outcome
    reason: str = ""
    wait: float = 0.0
