"""What a platform has to do: verify and read what comes in, lay out and send what goes out."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

from channels.messaging.message import (
    Attempt,
    BotMessage,
    Choice,
    Incoming,
    Offer,
    Outcome,
    Outgoing,
    Piece,
)

# asyncio's own time-out is no TimeoutError before Python 3.11.
NETWORK_ERRORS = (aiohttp.ClientError, asyncio.TimeoutError, OSError)

_sent: ContextVar[list[bool]] = ContextVar("request_has_left")

TOTAL_SECONDS = 30.0
CONNECT_SECONDS = 8.0
MOST_CHOICES = 40
# A gateway that gave up waiting may stand in front of a platform that did the work.
DOUBTFUL_STATUSES = (HTTPStatus.GATEWAY_TIMEOUT, 520, 522, 524)


@dataclass(frozen=True)
class Request:
    """A request as it arrived: what verifying it needs."""

    method: str
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What to reply to a request, and the messages that it brought."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain"
    incoming: tuple[Incoming, ...] = field(default=())


REFUSED = Answer(401, '{"error": "not_verified"}', "application/json")
MALFORMED = Answer(400, '{"error": "not_understood"}', "application/json")


class Platform(ABC):
    """One messaging platform."""

    name: str = ""
    channels: tuple[str, ...] = ()
    shows_feedback: bool = True

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connection pool, made when the server's loop runs."""
        if self._session is None or self._session.closed:
            self._session = make_session()
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    @abstractmethod
    def receive(self, request: Request) -> Answer:
        """Verify a request and read it.

        Args:
            request: As it arrived.

        Returns:
            What to answer at once; messages only if the platform vouches for them.
        """

    def offered(self, channel: str, message: BotMessage) -> tuple[Choice, ...]:
        """Return the choices of a message that this platform shows, those of the feedback last."""
        return message.choices[:MOST_CHOICES] + (message.feedback if self.shows_feedback else ())

    @staticmethod
    def buttons(
        message: BotMessage, offer: Offer | None
    ) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return title and reference of the choices, and of the feedback."""
        if offer is None:
            return [], []
        pairs = [(c.title, offer.reference(i)) for i, c in enumerate(offer.choices)]
        count = len(message.choices[:MOST_CHOICES])
        return pairs[:count], pairs[count:]

    @abstractmethod
    def render(self, channel: str, message: BotMessage, offer: Offer | None) -> list[Piece]:
        """Lay out a message as the platform shows it best.

        Args:
            channel: Name of the channel; a platform may have several.
            message: What to say.
            offer: Where its choices are kept; None if it has none.

        Returns:
            The messages to send, in order; each within the platform's limits.
        """

    @abstractmethod
    async def send(self, outgoing: Outgoing, body: dict[str, Any]) -> Attempt:
        """Try once to send a message; never raises."""

    async def was_delivered(self, outgoing: Outgoing) -> bool | None:
        """Look up whether a message has arrived; None if the platform can't tell."""
        return None

    async def confirm(self, incoming: Incoming, title: str) -> None:
        """Tell the platform that a pressed button has been seen; best effort."""
        return None

    async def exchange(
        self, method: str, url: str, **arguments: Any
    ) -> tuple[int, dict[str, str], bytes] | Attempt:
        """Make a request.

        Args:
            method: GET or POST.
            url: Where to.
            arguments: As aiohttp takes them.

        Returns:
            Status, headers and body of the answer; or how the attempt failed.
        """
        with Departure() as departure:
            try:
                async with self.session.request(method, url, **arguments) as response:
                    return response.status, dict(response.headers), await response.read()
            except NETWORK_ERRORS as error:
                return departure.failure(error)

    async def prepare(self) -> Attempt:
        """Register with the platform, where it can be done by program."""
        return Attempt(Outcome.SENT)


def make_session() -> aiohttp.ClientSession:
    """Return a session that knows of every request whether it has left the machine.

    Connections are not kept: one that the platform has closed meanwhile can't be told from one
    that was cut after the message went through.
    """
    trace = aiohttp.TraceConfig()

    async def has_left(*_: Any) -> None:
        flag = _sent.get(None)
        if flag is not None:
            flag[0] = True

    trace.on_request_headers_sent.append(has_left)
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, sock_connect=CONNECT_SECONDS),
        connector=aiohttp.TCPConnector(limit=40, force_close=True),
        trace_configs=[trace],
    )


class Departure:
    """Watches whether a request has left the machine: ``with Departure() as departure``."""

    def __enter__(self) -> Departure:
        self._flag = [False]
        self._token = _sent.set(self._flag)
        return self

    def __exit__(self, *_: object) -> None:
        _sent.reset(self._token)

    @property
    def happened(self) -> bool:
        """Whether anything was sent over the network."""
        return self._flag[0]

    def failure(self, error: Exception) -> Attempt:
        """Return the attempt that failed with an error of the network."""
        outcome = Outcome.DOUBT if self.happened else Outcome.RETRY
        return Attempt(outcome, type(error).__name__)


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds in a Retry-After header; 0 without a usable one."""
    value = headers.get("Retry-After", "").strip()
    try:
        return min(max(float(value), 0.0), 3600.0)
    except ValueError:
        return 0.0


def load_json(body: bytes | str) -> Any:
    """Return what a JSON body holds.

    Raises:
        ValueError: It is no JSON, or nested without end.
    """
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in a body; an empty one if there is none."""
    try:
        found = load_json(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def by_status(status: int, headers: Mapping[str, str]) -> Attempt | None:
    """Judge an answer by its status alone, as far as all platforms agree.

    Returns:
        The attempt, or None for a success or an error of which the body must say more.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Attempt(Outcome.WAIT, "429", retry_after(headers) or 1.0)
    if status in DOUBTFUL_STATUSES:
        return Attempt(Outcome.DOUBT, str(status))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Attempt(Outcome.RETRY, str(status), retry_after(headers))
    return None
