"""The lock store that endpoints.yml names: one turn of a conversation at a time.

Turns that reach this process wait for each other in order of arrival. With Redis, the servers also
wait for each other. Redis holds a lock only for a few seconds and the holder renews it, so that
the next server need not wait long when one is killed in the middle of a turn.

While Redis is away each process goes on with its own locks: a person in pain gets an answer. What
two servers then store of one conversation still does not mix, see ``stridewell.stores.tracker``.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import redis.asyncio
from rasa.core.lock import TicketLock
from rasa.core.lock_store import LockError, LockStore
from redis.exceptions import RedisError

from stridewell import logs, metrics
from stridewell.stores.endings import settings_or_exit

logger = logging.getLogger(__name__)

PREFIX = "stridewell:lock:"
HELD_SECONDS = 5.0
RENEW_SECONDS = 1.5
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 25.0
ANSWER_SECONDS = 1.0
QUIET_SECONDS = 1.0

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"
_RENEW = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then "
    "return redis.call('pexpire', KEYS[1], ARGV[2]) end"
)


class SiteLockStore(LockStore):
    """Locks in this process, and in Redis when ``STRIDEWELL_REDIS_URL`` is set.

    Args:
        endpoint_config: What endpoints.yml says besides the type; nothing is needed.
        redis_url: Overrides the environment.
    """

    def __init__(self, endpoint_config: Any = None, redis_url: str | None = None) -> None:
        url = settings_or_exit().redis_url if redis_url is None else redis_url
        self._here: dict[str, _Turnstile] = {}
        self._between = _RedisLocks(url) if url else None
        super().__init__()

    @asynccontextmanager
    async def lock(
        self,
        conversation_id: str,
        lock_lifetime: float = PATIENCE_SECONDS,
        wait_time_in_seconds: float = POLL_SECONDS,
    ) -> AsyncGenerator[TicketLock, None]:
        """Hold a conversation for one turn.

        Args:
            conversation_id: The conversation.
            lock_lifetime: Kept for Rasa; a lock lasts as long as its holder lives.
            wait_time_in_seconds: Kept for Rasa; waiting takes no longer than it must.

        Raises:
            LockError: Others held it for too long.
        """
        turnstile = self._here.setdefault(conversation_id, _Turnstile())
        turnstile.wanted += 1
        started = time.monotonic()
        try:
            with logs.private(conversation_id):
                try:
                    await asyncio.wait_for(turnstile.lock.acquire(), PATIENCE_SECONDS)
                except asyncio.TimeoutError:
                    raise LockError("The conversation is busy.") from None
                try:
                    if self._between is None:
                        metrics.lock_wait.observe(time.monotonic() - started)
                        yield TicketLock(conversation_id)
                    else:
                        async with self._between.hold(conversation_id):
                            metrics.lock_wait.observe(time.monotonic() - started)
                            yield TicketLock(conversation_id)
                finally:
                    turnstile.lock.release()
        finally:
            turnstile.wanted -= 1
            if not turnstile.wanted:
                self._here.pop(conversation_id, None)

    async def check(self) -> None:
        """Ask Redis, if it is used, for a sign of life.

        Raises:
            redis.exceptions.RedisError: It gives none.
        """
        if self._between:
            await self._between.ping()


class _Turnstile:
    """A lock in this process, and how many want it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class _RedisLocks:
    """Locks that servers share."""

    def __init__(self, url: str) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        )
        self._release = self._redis.register_script(_RELEASE)
        self._renew = self._redis.register_script(_RENEW)
        self._away_until = 0.0
        self._away = False

    async def ping(self) -> None:
        await self._redis.ping()

    @asynccontextmanager
    async def hold(self, conversation_id: str) -> AsyncGenerator[None, None]:
        key, token = PREFIX + conversation_id, secrets.token_hex(8)
        if not await self._acquire(key, token):
            yield
            return
        over = asyncio.Event()
        renewal = asyncio.create_task(self._keep(key, token, over))
        try:
            yield
        finally:
            # Not cancelled: on Python 3.10 a call to Redis may swallow that, and never end.
            over.set()
            await renewal
            try:
                await self._release(keys=[key], args=[token])
            except (RedisError, OSError) as error:
                self._note(error)

    async def _acquire(self, key: str, token: str) -> bool:
        """Return whether Redis gave the lock; it did not because it is away."""
        if time.monotonic() < self._away_until:
            return False
        end, pause = time.monotonic() + PATIENCE_SECONDS, POLL_SECONDS
        while time.monotonic() < end:
            try:
                if await self._redis.set(key, token, nx=True, px=int(HELD_SECONDS * 1000)):
                    self._back()
                    return True
            except (RedisError, OSError) as error:
                self._note(error)
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.2)
        raise LockError("The conversation is busy on another server.")

    async def _keep(self, key: str, token: str, over: asyncio.Event) -> None:
        while not over.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(over.wait(), RENEW_SECONDS)
                return
            try:
                await self._renew(keys=[key], args=[token, int(HELD_SECONDS * 1000)])
            except (RedisError, OSError) as error:
                self._note(error)

    def _note(self, error: Exception) -> None:
        metrics.redis_failures.inc()
        self._away_until = time.monotonic() + QUIET_SECONDS
        if not self._away:
            logger.warning("Redis is away, so each server locks on its own: %s", error)
        self._away = True

    def _back(self) -> None:
        if self._away:
            logger.warning("Redis is back, so servers share their locks again.")
        self._away = False
