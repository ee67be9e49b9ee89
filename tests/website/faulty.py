"""The website channel on a dialogue server whose answers go wrong on demand.

Everything is real but the processor: stores, locks, routes and checks are those of a site.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rasa.core.channels.channel import UserMessage, register
from rasa.core.lock_store import InMemoryLockStore
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, UserUttered
from sanic import Sanic
from sanic.app import TouchUp

from channels.website import WebsiteInput
from stridewell.web.settings import WebsiteSettings
from tests.side_by_side import free_port

_rewrite = TouchUp.run


def _rewrite_once(app: Any) -> None:
    """Let Sanic rewrite its own methods for speed; it fails when it does so again."""
    with suppress(KeyError):
        _rewrite(app)


TouchUp.run = _rewrite_once


@dataclass
class Processor:
    """Answers by what it is told: 'silence', 'crash', 'hang', 'half', or anything else."""

    store: SQLTrackerStore
    turns: list[str] = field(default_factory=list)

    async def handle_message(self, message: UserMessage) -> None:
        """Answer one message, or fail to."""
        self.turns.append(message.text or "")
        if message.text == "crash":
            raise RuntimeError("on demand")
        if message.text == "half":
            await self._say(message, "The first half.")
        if message.text in ("hang", "half"):
            await asyncio.sleep(60)
        if message.text == "slow":
            await asyncio.sleep(0.5)
        tracker = await self.store.get_or_create_tracker(message.sender_id)
        tracker.update(UserUttered(message.text, message_id=message.message_id))
        if message.text != "silence":
            await self._say(message, "An answer.")
            tracker.update(BotUttered("An answer."))
        await self.store.save(tracker)

    async def _say(self, message: UserMessage, text: str) -> None:
        await message.output_channel.send_response(message.sender_id, {"text": text})


class FaultySite:
    """A site in a thread of this process.

    Args:
        folder: Where its database goes.
        settings: The channel's settings.
    """

    def __init__(self, folder: Path, settings: WebsiteSettings) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.store = SQLTrackerStore(Domain.empty(), db=str(folder / "events.db"))
        self.processor = Processor(self.store)
        self.agent = SimpleNamespace(
            tracker_store=self.store,
            lock_store=InMemoryLockStore(),
            processor=self.processor,
            ready=True,
        )
        self.agent.is_ready = lambda: self.agent.ready
        self._settings = settings
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._serve, daemon=True).start()
        assert self._started.wait(20)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._started.set()
        self._loop.run_forever()

    async def _start(self) -> None:
        app: Any = Sanic(f"faulty{self._port}", configure_logging=False)
        app.ctx.agent = self.agent
        register([WebsiteInput(self._settings)], app, "/webhooks/")
        server = await app.create_server("127.0.0.1", self._port, return_asyncio_server=True)
        await server.startup()
        await server.start_serving()

    def stop(self) -> None:
        """Stop serving."""
        self._loop.call_soon_threadsafe(self._loop.stop)
