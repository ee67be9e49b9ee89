"""The event broker that endpoints.yml names: tells RabbitMQ what happened, without whom or what.

An event that leaves the site's database can't be called back when somebody asks for deletion.
So it carries no text, no slot value and no contact, and in place of the conversation's id a
pseudonym that can't be traced back without the site's key. Names of intents, responses and
actions, times and confidences remain: what statistics need.

RabbitMQ may be away at any time, also at the start: events wait in memory, the oldest are dropped
when there are too many. The conversations themselves are in the tracker store.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import aio_pika
from rasa.core.brokers.broker import EventBroker
from rasa.utils.endpoints import EndpointConfig

from stridewell import metrics
from stridewell.stores.endings import settings_or_exit

logger = logging.getLogger(__name__)

EXCHANGE = "stridewell.events"
QUEUE = "stridewell.events"
MOST_WAITING = 50_000
MOST_QUEUED = 1_000_000
MOST_UNCONFIRMED = 100
RETRY_SECONDS = 1.0
CONFIRM_SECONDS = 5.0
CLOSE_SECONDS = 5.0

_KEPT = ("event", "timestamp", "name", "policy", "confidence", "input_channel")


class SiteEventBroker(EventBroker):
    """Publishes events to RabbitMQ in order, each confirmed; some twice when a connection breaks.

    Args:
        url: Address of the RabbitMQ server.
        key: Key of the pseudonyms.
        keep_days: How long an event waits for a reader.
        exchange: Name of the exchange.
        queue: Name of the queue bound to it.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        keep_days: float = 30.0,
        exchange: str = EXCHANGE,
        queue: str = QUEUE,
    ) -> None:
        self._url = url
        self._key = (key or secrets.token_hex(32)).encode()
        self._keep_days = keep_days
        self._names = exchange, queue
        self._waiting: deque[bytes] = deque()
        self._sending: list[bytes] = []
        self._something = asyncio.Event()
        self._connected = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    @classmethod
    async def from_endpoint_config(
        cls, broker_config: EndpointConfig, event_loop: AbstractEventLoop | None = None
    ) -> SiteEventBroker | None:
        """Make the broker, or none when ``STRIDEWELL_BROKER_URL`` is not set."""
        settings = settings_or_exit()
        if not settings.broker_url:
            return None
        return cls(settings.broker_url, settings.secret_key, settings.retention_days)

    def publish(self, event: dict[str, Any]) -> None:
        """Take an event; never fails and never waits."""
        self._waiting.append(json.dumps(without_person(event, self._key)).encode())
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            metrics.events_dropped.inc()
        metrics.events_waiting.set(len(self._waiting))
        self._something.set()

    def is_ready(self) -> bool:
        """Tell whether RabbitMQ is reached now."""
        return self._connected

    async def close(self) -> None:
        """Publish what waits, if that is possible soon, and disconnect."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._emptied(), CLOSE_SECONDS if self._connected else 0.1)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _emptied(self) -> None:
        while self._waiting or self._sending:
            await asyncio.sleep(0.02)

    async def _run(self) -> None:
        said = False
        while True:
            try:
                await self._publish_all()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                self._connected = False
                if not said:
                    logger.warning(
                        "RabbitMQ is away; events wait until it is back: %s", type(error).__name__
                    )
                said = True
                await asyncio.sleep(RETRY_SECONDS)
            else:
                said = False

    async def _publish_all(self) -> None:
        """Connect and publish until the connection breaks."""
        connection = await aio_pika.connect(self._url, timeout=CONFIRM_SECONDS)
        try:
            channel = await connection.channel(publisher_confirms=True)
            name, queue_name = self._names
            exchange = await channel.declare_exchange(
                name, aio_pika.ExchangeType.FANOUT, durable=True
            )
            queue = await channel.declare_queue(
                queue_name,
                durable=True,
                arguments={
                    "x-message-ttl": int(self._keep_days * 86_400_000),
                    "x-max-length": MOST_QUEUED,
                    "x-overflow": "drop-head",
                },
            )
            await queue.bind(exchange)
            self._connected = True
            while True:
                if not self._waiting:
                    self._something.clear()
                    await self._something.wait()
                while self._waiting and len(self._sending) < MOST_UNCONFIRMED:
                    self._sending.append(self._waiting.popleft())
                # A confirmation waits behind a whole turn of the dialogue: many at a time.
                await asyncio.gather(*(_publish(exchange, event) for event in self._sending))
                self._sending.clear()
                metrics.events_waiting.set(len(self._waiting))
        finally:
            self._waiting.extendleft(reversed(self._sending))
            self._sending.clear()
            with suppress(Exception):
                await connection.close()


async def _publish(exchange: aio_pika.abc.AbstractExchange, event: bytes) -> None:
    """Publish an event and wait until RabbitMQ has it."""
    message = aio_pika.Message(
        event,
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await exchange.publish(message, "", timeout=CONFIRM_SECONDS)


def without_person(event: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Take from an event what may leave the site's database.

    Args:
        event: The event as Rasa publishes it, with ``sender_id``.
        key: Key of the pseudonyms.

    Returns:
        A new dictionary.
    """
    kept = {name: event[name] for name in _KEPT if event.get(name) is not None}
    sender = str(event.get("sender_id") or "").encode()
    kept["conversation"] = hmac.new(key, sender, hashlib.sha256).hexdigest()
    parsed = event.get("parse_data") or {}
    intent = parsed.get("intent") or {}
    if intent:
        kept["intent"] = {name: intent.get(name) for name in ("name", "confidence")}
        kept["outcome"] = (parsed.get("understanding") or {}).get("outcome")
    details = event.get("metadata") or {}
    if details.get("utter_action"):
        kept["response"] = details["utter_action"]
    if details.get("model_id"):
        kept["model_id"] = details["model_id"]
    return kept
