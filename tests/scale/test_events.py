"""What RabbitMQ is told."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from uuid import uuid4

import aio_pika
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SlotSet

from stridewell.stores.broker import SiteEventBroker, without_person
from stridewell.stores.tracker import SiteTrackerStore
from tests.scale.conftest import Line
from tests.scale.turns import take_turn, turn


async def read(url: str, queue_name: str, many: int) -> list[dict[str, Any]]:
    """Take messages from a queue until ``many`` different ones came, then remove the queue."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(queue_name)
        found: list[dict[str, Any]] = []
        end = time.monotonic() + 30
        different: set[bytes] = set()
        while len(different) < many and time.monotonic() < end:
            message = await queue.get(fail=False)
            if message is None:
                await asyncio.sleep(0.05)
                continue
            await message.ack()
            found.append(json.loads(message.body))
            different.add(message.body)
        await queue.delete(if_unused=False, if_empty=False)
        await channel.exchange_delete(queue_name)
    return found


def test_events_arrive_in_order_without_words_or_ids(
    domain: Domain, database_url: str, broker_url: str
) -> None:
    name = f"test-{uuid4().hex}"

    async def talk() -> list[dict[str, Any]]:
        broker = SiteEventBroker(broker_url, "k" * 32, 1, name, name)
        store = SiteTrackerStore(domain, event_broker=broker, url=database_url)
        secret = SlotSet("safety_tier", "ann@example.org")
        await take_turn(store, "telegram-4711", turn("my secret pain", secret))
        await take_turn(store, "telegram-4711", turn("another secret"))
        events = await read_after(broker, broker_url, name, 3 + 5 + 4)
        await broker.close()
        return events

    async def read_after(
        broker: SiteEventBroker, url: str, queue: str, many: int
    ) -> list[dict[str, Any]]:
        while not broker.is_ready():
            await asyncio.sleep(0.05)
        return await read(url, queue, many)

    events = asyncio.run(talk())
    assert [event["event"] for event in events] == [
        *("action", "session_started", "action"),
        *("user", "slot", "action", "bot", "action"),
        *("user", "action", "bot", "action"),
    ]
    assert events[3]["intent"]["name"] == "ask_swimming"
    assert events[6]["response"] == "utter_ask_swimming"
    assert len({event["conversation"] for event in events}) == 1
    told = json.dumps(events)
    for private in ("secret", "4711", "telegram", "example.org", "answer to"):
        assert private not in told


def test_events_of_an_outage_arrive_afterwards(broker_url: str, line: type[Line]) -> None:
    name = f"test-{uuid4().hex}"

    async def talk() -> list[dict[str, Any]]:
        wire = line(broker_url)
        wire.cut()
        broker = SiteEventBroker(wire.url, "k", 1, name, name)
        for number in range(5):
            broker.publish({"event": "action", "name": f"a{number}", "sender_id": "ann"})
        await asyncio.sleep(0.5)
        assert not broker.is_ready()
        wire.mend()
        while not broker.is_ready():
            await asyncio.sleep(0.05)
        wire.cut()
        for number in range(5, 8):
            broker.publish({"event": "action", "name": f"a{number}", "sender_id": "ann"})
        wire.mend()
        events = await read(broker_url, name, 8)
        await broker.close()
        return events

    names = [event["name"] for event in asyncio.run(talk())]
    # The one that was on its way when the line broke may come twice.
    assert sorted(set(names)) == [f"a{number}" for number in range(8)]


def test_pseudonyms_differ_between_sites() -> None:
    event = {"event": "user", "sender_id": "ann"}
    here, there = (without_person(event, key)["conversation"] for key in (b"one", b"two"))
    assert here != there


def test_a_server_starts_and_stops_without_rabbitmq() -> None:
    async def talk() -> None:
        started = time.monotonic()
        broker = SiteEventBroker("amqp://guest:guest@127.0.0.1:1/")
        broker.publish({"event": "user", "sender_id": "ann"})
        await asyncio.sleep(0.1)
        await broker.close()
        assert time.monotonic() - started < 2

    asyncio.run(talk())
