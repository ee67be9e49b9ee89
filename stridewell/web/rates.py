"""Rate limits: counts calls by session and address, refuses with the seconds to wait."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence

from limits import RateLimitItem
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from stridewell.web.errors import ApiError

logger = logging.getLogger(__name__)

REDIS_SECONDS = 1.0


class Rates:
    """Moving windows in this process's memory, or in Redis when several workers share them.

    Args:
        redis_url: Address of the Redis server, or an empty string.
    """

    def __init__(self, redis_url: str = "") -> None:
        # The limiters refer to their storage weakly.
        self._storages: list[Storage] = [MemoryStorage()]
        self._memory = MovingWindowRateLimiter(self._storages[0])
        self._shared: MovingWindowRateLimiter | None = None
        if redis_url:
            self._storages.append(
                storage_from_string(
                    redis_url,
                    socket_timeout=REDIS_SECONDS,
                    socket_connect_timeout=REDIS_SECONDS,
                )
            )
            self._shared = MovingWindowRateLimiter(self._storages[1])
        self._outage = False

    async def count(self, rates: Sequence[RateLimitItem], kind: str, who: str) -> None:
        """Count one call.

        Args:
            rates: The limits that hold.
            kind: What is counted; each kind has windows of its own.
            who: The session or address.

        Raises:
            ApiError: One of the limits is used up.
        """
        if self._shared:
            try:
                await asyncio.to_thread(_count, self._shared, rates, kind, who)
                self._outage = False
                return
            except ApiError:
                raise
            except Exception as error:
                # A person in pain must not be turned away because the counter is down.
                if not self._outage:
                    logger.warning("Redis does not count calls, so each worker does: %s", error)
                self._outage = True
        _count(self._memory, rates, kind, who)


def _count(
    limiter: MovingWindowRateLimiter, rates: Sequence[RateLimitItem], kind: str, who: str
) -> None:
    for rate in rates:
        if not limiter.hit(rate, kind, who):
            free_at, _ = limiter.get_window_stats(rate, kind, who)
            wait = max(1, math.ceil(free_at - time.time()))
            raise ApiError(
                "too_many_requests",
                f"That is a lot at once. Please wait {_duration(wait)} and try again.",
                retry_after=wait,
            )


def _duration(seconds: int) -> str:
    if seconds < 60:
        return f"{seconds} second{'s' if seconds != 1 else ''}"
    if seconds < 3600:
        minutes = math.ceil(seconds / 60)
        return f"{minutes} minute{'s' if minutes != 1 else ''}"
    hours = math.ceil(seconds / 3600)
    return f"{hours} hour{'s' if hours != 1 else ''}"
