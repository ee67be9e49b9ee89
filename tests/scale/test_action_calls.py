"""An action server that hangs delays one answer for a few seconds, and the next ones not at all."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import pytest
from aiohttp import web
from jsonschema import ValidationError
from rasa.core.actions.action import RemoteAction
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.plugin import plugin_manager
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from rasa.utils.endpoints import EndpointConfig

from stridewell import logs
from stridewell.stores.action_calls import ActionCalls, ActionServerAway, guard_action_calls
from tests.scale.turns import START, turn


@pytest.fixture
def guard() -> ActionCalls:
    """The hooks with short times, in a manager that has no others."""
    manager = plugin_manager()
    if manager.has_plugin("stridewell"):
        manager.unregister(name="stridewell")
    guard = ActionCalls(0.5, 1.0)
    manager.register(guard, "stridewell")
    return guard_action_calls(0.5)


class Server:
    """An action server that answers, hangs or fails as it is told."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.hanging = False
        self.status = 200
        self.response: object = {"events": [], "responses": [{"text": "hi"}]}
        self.url = ""

    async def __aenter__(self) -> Server:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/webhook", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/webhook"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.calls.append(await request.json())
        if self.hanging:
            await asyncio.sleep(30)
        return web.json_response(self.response, status=self.status)


async def call(url: str, domain: Domain, turns: int = 1) -> float:
    """Run a custom action of a conversation; return how long it took."""
    tracker = DialogueStateTracker("ann", domain.slots)
    tracker.update_with_events(list(START), domain)
    for number in range(turns):
        ranking = [{"name": f"i{n}", "confidence": 0.1} for n in range(10)]
        tracker.update_with_events(turn(f"turn {number}", intent_ranking=ranking), domain)
    action = RemoteAction("action_medical_disclaimer", EndpointConfig(url))
    nlg = TemplatedNaturalLanguageGenerator(domain.responses)
    started = time.monotonic()
    await action.run(CollectingOutputChannel(), nlg, tracker, domain)
    return time.monotonic() - started


def test_a_hanging_server_costs_one_bounded_wait(guard: ActionCalls, domain: Domain) -> None:
    async def talk() -> None:
        async with Server() as server:
            server.hanging = True
            started = time.monotonic()
            with pytest.raises(asyncio.TimeoutError):
                await call(server.url, domain)
            assert 0.4 < time.monotonic() - started < 10
            started = time.monotonic()
            for _ in range(20):
                with pytest.raises(ActionServerAway):
                    await call(server.url, domain)
            assert time.monotonic() - started < 10
            assert len(server.calls) == 1
            server.hanging = False
            guard_action_calls(30.0)
            await asyncio.sleep(1.1)
            assert await call(server.url, domain) < 10

    asyncio.run(talk())


def test_a_server_that_refuses_is_asked_again_at_once(guard: ActionCalls, domain: Domain) -> None:
    async def talk() -> None:
        with pytest.raises(Exception, match="Failed to execute custom action"):
            await call("http://127.0.0.1:1/webhook", domain)
        guard_action_calls(30.0)
        async with Server() as server:
            assert await call(server.url, domain) < 10

    asyncio.run(talk())


def test_a_refusal_remembered_for_long_is_no_hanging_server(
    guard: ActionCalls, domain: Domain
) -> None:
    kept: list[BaseException] = []

    async def refused() -> None:
        try:
            await call("http://127.0.0.1:1/webhook", domain)
        except RasaException as error:
            kept.append(error)  # and with it, by its traceback, the call's body

    async def talk() -> None:
        await asyncio.gather(refused())
        await asyncio.sleep(0.6)
        kept.clear()
        gc.collect()
        guard_action_calls(30.0)
        async with Server() as server:
            await call(server.url, domain)

    asyncio.run(talk())


def test_a_call_carries_the_request_and_little_else(guard: ActionCalls, domain: Domain) -> None:
    guard_action_calls(30.0)

    async def talk() -> dict[str, Any]:
        token = logs.request_id.set("r-1234567")
        async with Server() as server:
            await call(server.url, domain, turns=3)
        logs.request_id.reset(token)
        return server.calls[0]

    sent = asyncio.run(talk())
    assert sent["request_id"] == "r-1234567"
    assert len([e for e in sent["tracker"]["events"] if e["event"] == "user"]) == 3
    assert "intent_ranking" not in str(sent["tracker"]["events"])


@pytest.mark.parametrize(
    "response", [{"events": [{"event": "slot"}]}, {"responses": ["hi"]}, ["events"]]
)
def test_a_response_of_another_form_is_refused(
    guard: ActionCalls, domain: Domain, response: object
) -> None:
    async def talk() -> None:
        async with Server() as server:
            server.response = response
            with pytest.raises(ValidationError):
                await call(server.url, domain)

    guard_action_calls(30.0)
    asyncio.run(talk())


def test_actions_on_answers_get_no_words_of_the_conversation(guard: ActionCalls) -> None:
    said = [event.as_dict() for event in [*START, *turn("my own words"), *turn("and more")]]

    async def sent(action: str) -> dict[str, Any]:
        body = {"tracker": {"slots": {"language": "en"}, "events": said}, "next_action": action}
        return dict(guard.prefix_stripping_for_custom_actions(body)["tracker"])

    lean = asyncio.run(sent("action_medical_disclaimer"))
    kinds = [event["event"] for event in lean["events"]]
    assert kinds == ["session_started", "user", "bot", "user", "bot"]
    assert "my own words" not in str(lean)
    assert lean["slots"] == {"language": "en"}
    whole = asyncio.run(sent("action_start_handoff"))
    assert [event["event"] for event in whole["events"]] == [event["event"] for event in said]
    assert "my own words" in str(whole)
