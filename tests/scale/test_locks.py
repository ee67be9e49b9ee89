"""One turn of a conversation at a time, in one process and between servers."""

from __future__ import annotations

import asyncio
import time

import pytest
from rasa.core.lock_store import LockError

from stridewell.stores import lock
from stridewell.stores.lock import SiteLockStore
from tests.scale.conftest import Line


async def hold(store: SiteLockStore, name: str, log: list[str], seconds: float = 0.02) -> None:
    """Hold the lock of one conversation and note when it began and ended."""
    async with store.lock("ann"):
        log.append(f"{name} begins")
        await asyncio.sleep(seconds)
        log.append(f"{name} ends")


def one_at_a_time(log: list[str]) -> bool:
    """Tell whether each that began ended before the next began."""
    return all(
        first.replace("begins", "ends") == second
        for first, second in zip(log[::2], log[1::2], strict=True)
    )


def test_turns_of_one_process_follow_each_other_in_order() -> None:
    async def talk() -> None:
        store, log = SiteLockStore(redis_url=""), list[str]()
        await asyncio.gather(*(hold(store, str(number), log) for number in range(10)))
        assert log == [f"{n} {what}" for n in range(10) for what in ("begins", "ends")]
        assert not store._here

    asyncio.run(talk())


def test_turns_of_two_servers_follow_each_other(redis_url: str) -> None:
    async def talk() -> None:
        stores, log = [SiteLockStore(redis_url=redis_url) for _ in range(2)], list[str]()
        await asyncio.gather(*(hold(stores[n % 2], str(n), log) for n in range(20)))
        assert len(log) == 40
        assert one_at_a_time(log)

    asyncio.run(talk())


def test_different_conversations_do_not_wait(redis_url: str) -> None:
    async def talk() -> None:
        store = SiteLockStore(redis_url=redis_url)

        async def turn(sender: str) -> None:
            async with store.lock(sender):
                await asyncio.sleep(0.2)

        started = time.monotonic()
        await asyncio.gather(*(turn(str(number)) for number in range(20)))
        assert time.monotonic() - started < 1.0

    asyncio.run(talk())


def test_the_lock_of_a_killed_server_ends_within_seconds(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 3600.0)  # A killed server renews nothing.

    async def talk() -> None:
        killed, other = (SiteLockStore(redis_url=redis_url) for _ in range(2))
        log: list[str] = []
        holding = asyncio.create_task(hold(killed, "killed", log, 60))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        await hold(other, "other", log)
        assert 1 < time.monotonic() - started < lock.HELD_SECONDS + 1
        holding.cancel()

    asyncio.run(talk())


def test_a_slow_turn_keeps_its_lock(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HELD_SECONDS", 0.6)
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.1)

    async def talk() -> None:
        first, second = (SiteLockStore(redis_url=redis_url) for _ in range(2))
        log: list[str] = []
        await asyncio.gather(hold(first, "slow", log, 1.5), hold(second, "next", log))
        assert one_at_a_time(log)

    asyncio.run(talk())


def test_without_redis_a_turn_goes_on_within_a_second(redis_url: str, line: type[Line]) -> None:
    async def talk() -> None:
        wire = line(redis_url)
        store, log = SiteLockStore(redis_url=wire.url), list[str]()
        await hold(store, "before", log)
        wire.cut()
        started = time.monotonic()
        await asyncio.gather(hold(store, "during", log), hold(store, "also", log))
        assert time.monotonic() - started < 1.5
        assert one_at_a_time(log)
        wire.mend()
        await asyncio.sleep(lock.QUIET_SECONDS + 0.1)
        await hold(store, "after", log)
        assert log[-1] == "after ends"
        await store.check()

    asyncio.run(talk())


def test_a_lock_that_redis_lost_in_the_middle_harms_no_turn(redis_url: str) -> None:
    import redis

    async def talk() -> None:
        store, log = SiteLockStore(redis_url=redis_url), list[str]()
        holding = asyncio.create_task(hold(store, "turn", log, 0.3))
        await asyncio.sleep(0.1)
        redis.Redis.from_url(redis_url).flushdb()
        await holding
        await hold(store, "next", log)
        assert one_at_a_time(log)

    asyncio.run(talk())


def test_a_conversation_that_stays_busy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.2)

    async def talk() -> None:
        store, log = SiteLockStore(redis_url=""), list[str]()
        holding = asyncio.create_task(hold(store, "slow", log, 5))
        await asyncio.sleep(0.05)
        with pytest.raises(LockError):
            await hold(store, "next", log)
        holding.cancel()

    asyncio.run(talk())


def test_a_turn_that_ends_while_its_lock_is_renewed_lets_go(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.001)

    async def turn(store: SiteLockStore, number: int) -> None:
        async with store.lock(f"conversation {number}"):
            await asyncio.sleep(number % 20 / 2000)
            time.sleep(number % 7 / 1000)  # What a dialogue does: it keeps the loop from its calls.

    async def talk() -> None:
        store = SiteLockStore(redis_url=redis_url)
        turns = [asyncio.create_task(turn(store, number)) for number in range(400)]
        _, pending = await asyncio.wait(turns, timeout=60)
        assert not pending

    asyncio.run(talk())
