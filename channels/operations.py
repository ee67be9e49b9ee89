"""What operators see of the dialogue server: figures for Prometheus, and an id for each request.

Not a channel for people: Rasa lets channels add routes, and this one adds ``/metrics`` and goes
around every request of the server. A request keeps the id that the proxy gave it, or gets one. It
stands in every log line of the request, also in those of the action server, and in the answer.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from rasa.core.channels.channel import InputChannel, UserMessage
from rasa.core.tracker_store import SQLTrackerStore
from sanic import Blueprint, Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from stridewell import logs, metrics
from stridewell.records import stored_in
from stridewell.retention import Retention
from stridewell.stores.settings import StoreSettings

logger = logging.getLogger(__name__)

HEADER = "X-Request-ID"
HOUR = 3600.0
_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Operations(InputChannel):
    """Adds ``/metrics`` and request ids to the server; takes no messages."""

    @classmethod
    def name(cls) -> str:
        """Name of the channel."""
        return "operations"

    def url_prefix(self) -> str:
        """Serve from the root, not from below ``/webhooks``."""
        return "/"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """Return the routes."""
        site = _Around("operations")
        site.add_route(_metrics, "/metrics", methods=["GET"], name="metrics")
        return site


class _Around(Blueprint):
    """A blueprint that also goes around what the channels serve."""

    def register(self, app: Sanic, options: dict[str, Any]) -> None:
        """Register the route, and what goes around every request of the server."""
        super().register(app, options)
        logs.install()
        app.register_middleware(_begin, "request")
        app.register_middleware(_end, "response")
        app.register_listener(_settle, "after_server_start")
        app.register_listener(_delete_old, "after_server_start")
        app.register_listener(_stop_deleting, "before_server_stop")


async def _settle(app: Sanic, loop: Any) -> None:
    """Leave what a start has made, and a server keeps, out of every later garbage collection."""
    gc.collect()
    gc.freeze()


async def _delete_old(app: Sanic, loop: Any) -> None:
    app.ctx.deletion = asyncio.create_task(_keep_deleting(app))


async def _stop_deleting(app: Sanic, loop: Any) -> None:
    app.ctx.deletion.cancel()
    with suppress(asyncio.CancelledError):
        await app.ctx.deletion


async def _keep_deleting(app: Sanic) -> None:
    """Delete, for as long as the server runs, what is older than the site keeps."""
    days = StoreSettings.from_environment().retention_days
    while True:
        store = stored_in(app.ctx.agent.tracker_store)
        if isinstance(store, SQLTrackerStore):
            try:
                gone = await asyncio.to_thread(Retention(store.engine, days).expire)
                if any(gone.values()):
                    logger.info("Deleted what is older than %g days: %s", days, gone)
            except Exception as error:
                logger.error("Old conversations could not be deleted.", exc_info=error)
        await asyncio.sleep(HOUR)


async def _metrics(request: Request) -> HTTPResponse:
    return response.raw(metrics.page(), content_type=metrics.CONTENT_TYPE)


async def _begin(request: Request) -> None:
    given = request.headers.get(HEADER, "")
    request.ctx.request_id = given if _ID.fullmatch(given) else uuid4().hex
    request.ctx.began = time.monotonic()
    logs.request_id.set(request.ctx.request_id)


async def _end(request: Request, reply: HTTPResponse) -> None:
    request_id = getattr(request.ctx, "request_id", None)
    if request_id is None:
        return
    reply.headers[HEADER] = request_id
    route = _route(request)
    if route != "/metrics":
        metrics.requests.labels(route, str(reply.status)).inc()
        metrics.request_seconds.labels(route).observe(time.monotonic() - request.ctx.began)


def _route(request: Request) -> str:
    """Return the route, never the path: a path may hold an id."""
    route = getattr(request, "route", None)
    return f"/{route.path}" if route is not None else "none"
