"""Runs the messaging apps inside the dialogue server: routes, start, upkeep and stop."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from rasa.core.channels.channel import UserMessage
from sanic import Blueprint, HTTPResponse, Sanic
from sanic.request import Request as SanicRequest

from channels.messaging.conversations import Conversations, fault
from channels.messaging.delivery import Delivery
from channels.messaging.message import Choice, Outcome
from channels.messaging.platform import Platform, Request
from channels.messaging.state import State
from channels.messaging.store import Store
from channels.messaging.texts import Texts
from channels.messaging.turns import Turns
from stridewell.content.register import load_register
from stridewell.settings import ROOT, region

logger = logging.getLogger(__name__)

LARGEST_BODY = 1_000_000
UPKEEP_SECONDS = 5.0
PURGE_SECONDS = 3600.0
FIRST_PREPARE_PAUSE = 2.0
LONGEST_PREPARE_PAUSE = 300.0


class Service:
    """The messaging apps of one dialogue server.

    Args:
        platforms: Those that are switched on.
        database: Where to remember what must survive a restart.
        handler: Rasa's handler of messages.
    """

    def __init__(
        self,
        platforms: Sequence[Platform],
        database: str,
        handler: Callable[[UserMessage], Awaitable[Any]],
    ) -> None:
        self._platforms = platforms
        self._database = database
        self._handler = handler
        self._texts = Texts(region())
        self._titles = {a.id: a.title for a in load_register(ROOT).articles.values()}
        self._tasks: list[asyncio.Task[None]] = []
        self._app: Sanic | None = None

    def attach(self, blueprint: Blueprint) -> None:
        """Add the routes, and what happens when the server starts and stops."""
        for platform in self._platforms:
            self._add_routes(blueprint, platform)
        blueprint.listener("after_server_start")(self._start)
        blueprint.listener("before_server_stop")(self._stop)

    def _add_routes(self, blueprint: Blueprint, platform: Platform) -> None:
        async def receive(request: SanicRequest) -> HTTPResponse:
            return await self._receive(platform, request)

        async def health(request: SanicRequest) -> HTTPResponse:
            return HTTPResponse('{"status": "ok"}', content_type="application/json")

        blueprint.add_route(
            receive, f"{platform.name}/webhook", methods=["GET", "POST"], name=platform.name
        )
        blueprint.add_route(health, f"{platform.name}/", name=f"{platform.name}_health")

    async def _receive(self, platform: Platform, request: SanicRequest) -> HTTPResponse:
        if len(request.body) > LARGEST_BODY:
            return HTTPResponse('{"error": "too_large"}', 413, content_type="application/json")
        try:
            answer = platform.receive(
                Request(
                    request.method,
                    request.body,
                    request.headers,
                    {key: values[0] for key, values in request.args.items()},
                )
            )
        except Exception as error:
            # A platform that gets errors back stops sending; this one message is passed over.
            logger.error("A request of %s could not be read: %s.", platform.name, fault(error))
            return HTTPResponse("", 200)
        for message in answer.incoming:
            await self._conversations.take(message)
        return HTTPResponse(answer.body, answer.status, content_type=answer.content_type)

    async def _start(self, app: Sanic, _: asyncio.AbstractEventLoop) -> None:
        self._app = app
        by_channel = {c: platform for platform in self._platforms for c in platform.channels}
        again = {c: self._texts.get("again", c) for c in by_channel}
        self._state = State(Store(self._database, secrets.token_hex(8)))
        self._delivery = Delivery(by_channel, self._state, again)
        feedback = tuple(
            Choice(self._texts.get(name, self._platforms[0].channels[0]), payload)
            for name, payload in (
                ("helpful", "/give_positive_feedback"),
                ("not_helpful", "/give_negative_feedback"),
            )
        )
        turns = Turns(self._handler, self._parse, self._titles, feedback)
        self._conversations = Conversations(
            by_channel, self._state, self._delivery, turns, self._texts, self._delete
        )
        self._tasks = [asyncio.create_task(self._keep_up()), asyncio.create_task(self._purge())]
        self._tasks += [asyncio.create_task(_prepare(platform)) for platform in self._platforms]
        logger.info(
            "Messaging apps switched on: %s.",
            ", ".join(platform.name for platform in self._platforms),
        )

    async def _stop(self, app: Sanic, _: asyncio.AbstractEventLoop) -> None:
        for task in self._tasks:
            task.cancel()
        await self._conversations.close()
        await self._delivery.close()
        await self._state.close()
        for platform in self._platforms:
            await platform.close()

    async def _parse(self, text: str) -> Mapping[str, Any]:
        if self._agent is None:
            return {}
        parsed: Mapping[str, Any] = await self._agent.parse_message(text)
        return parsed

    async def _delete(self, conversation: str) -> bool:
        agent = self._agent
        if agent is None:
            return False
        try:
            async with agent.lock_store.lock(conversation):
                await asyncio.to_thread(_delete_everywhere, agent.tracker_store, conversation)
        except Exception as error:
            logger.error("A conversation could not be deleted: %s.", fault(error))
            return False
        return True

    @property
    def _agent(self) -> Any:
        return getattr(getattr(self._app, "ctx", None), "agent", None)

    async def _keep_up(self) -> None:
        while True:
            messages, pieces = await self._state.adopt()
            for message in messages:
                self._conversations.answer_later(message)
            for piece, begun in pieces:
                await self._delivery.resume(piece, begun)
            await asyncio.sleep(UPKEEP_SECONDS)

    async def _purge(self) -> None:
        while True:
            await asyncio.sleep(PURGE_SECONDS)
            await self._state.purge()


async def _prepare(platform: Platform) -> None:
    """Register with a platform, however long it is out of reach; the server runs meanwhile."""
    pause = FIRST_PREPARE_PAUSE
    while True:
        attempt = await platform.prepare()
        if attempt.outcome in (Outcome.SENT, Outcome.DOUBT):
            return
        logger.warning(
            "%s could not be set up yet: %s (%s).",
            platform.name,
            attempt.outcome.value,
            attempt.reason,
        )
        if attempt.outcome in (Outcome.REJECTED, Outcome.UNREACHABLE):
            return
        await asyncio.sleep(max(pause, attempt.wait))
        pause = min(pause * 2, LONGEST_PREPARE_PAUSE)


def _delete_everywhere(store: Any, conversation: str) -> None:
    from stridewell.deletion import delete_conversation
    from stridewell.records import Records

    delete_conversation(store, Records(store), conversation, time.time())
