"""The hand-off's test bench: a chat with the real dialogue and actions, and sites with targets."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.model_training import train_core
from rasa.utils.endpoints import EndpointConfig
from rasa.utils.log_utils import configure_structlog
from rasa_sdk.executor import ActionExecutor
from sqlalchemy import event  # type: ignore[import-untyped]
from sqlalchemy.engine import Engine  # type: ignore[import-untyped]

from actions import handoff as handoff_actions
from components import turn_policy
from stridewell.handoff.outbox import Outbox
from stridewell.handoff.settings import DATABASE_VARIABLE, FILE_VARIABLE, load_handoff_settings
from stridewell.handoff.worker import Worker
from stridewell.settings import ROOT
from tests.handoff.fakes.chatwoot import FakeChatwoot
from tests.handoff.fakes.mailserver import PASSWORD, USERNAME, MailServer
from tests.handoff.fakes.webhook import FakeWebhook
from tests.services import database_url, postgresql_url  # noqa: F401

TOKEN = "a-token-for-tests"
SECRET = "whsec_" + base64.b64encode(b"a secret for tests, 32 bytes long").decode()
EMERGENCY = {"tier": "emergency", "signs": ["bladder"], "status": "self"}


# ---- sites: settings, outbox, targets


@event.listens_for(Engine, "connect")
def do_not_wait_for_the_disk(connection: Any, record: Any) -> None:
    """Thousands of writes: what is proved here does not depend on the disk's own promise."""
    if type(connection).__module__ == "sqlite3":
        connection.execute("PRAGMA synchronous = OFF")


class Clock:
    """A clock that a test can move."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return self.now


@dataclass
class Bench:
    """A site under test: its settings file, its environment, its targets."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    content: dict[str, Any] = field(default_factory=dict)

    def configure(self, **content: Any) -> None:
        """Write the settings file."""
        self.content = content
        (self.folder / "handoff.yml").write_text(yaml.safe_dump(content), encoding="utf-8")

    def add_target(self, name: str, **target: Any) -> None:
        """Add a target to the settings."""
        targets = {**self.content.get("targets", {}), name: target}
        self.configure(**{**self.content, "targets": targets})

    @property
    def outbox(self) -> Outbox:
        """The site's outbox."""
        return Outbox(load_handoff_settings().database)

    def worker(self) -> Worker:
        """Return a worker with the settings as they are."""
        return Worker(load_handoff_settings(), self.outbox)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A site without targets."""
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "handoff.yml"))
    monkeypatch.setenv(DATABASE_VARIABLE, f"sqlite:///{tmp_path / 'outbox.db'}")
    monkeypatch.setenv("TEST_TOKEN", TOKEN)
    monkeypatch.setenv("TEST_SECRET", SECRET)
    monkeypatch.setenv("TEST_PASSWORD", PASSWORD)
    site = Bench(tmp_path, monkeypatch)
    site.configure(delivery={"timeout_seconds": 0.3, "lease_seconds": 6})
    yield site
    handoff_actions._outbox.cache_clear()


@pytest.fixture
def webhook(bench: Bench) -> Iterator[FakeWebhook]:
    """A webhook that the site sends whole summaries to."""
    fake = FakeWebhook(SECRET)
    bench.add_target("hook", **webhook_target(fake, "full"))
    yield fake
    fake.down()


@pytest.fixture
def chatwoot(bench: Bench) -> Iterator[FakeChatwoot]:
    """A Chatwoot inbox that the site sends to."""
    fake = FakeChatwoot(TOKEN)
    bench.add_target("inbox", **chatwoot_target(fake))
    yield fake
    fake.down()


@pytest.fixture
def mail(bench: Bench) -> Iterator[MailServer]:
    """A mail server that the site sends through."""
    fake = MailServer(bench.folder)
    bench.add_target("front_desk", **mail_target(fake))
    yield fake
    fake.down()


def webhook_target(fake: FakeWebhook, contents: str) -> dict[str, Any]:
    """Return settings of a target at the fake."""
    return {
        "kind": "webhook", "label": "the clinic's system", "url": f"{fake.url}/hook",
        "secret_env": "TEST_SECRET", "contents": contents,
    }  # fmt: skip


def chatwoot_target(fake: FakeChatwoot) -> dict[str, Any]:
    """Return settings of a target at the fake."""
    return {
        "kind": "chatwoot", "label": "the clinic's chat team", "url": fake.url, "account_id": 1,
        "inbox_id": 3, "token_env": "TEST_TOKEN",
    }  # fmt: skip


def mail_target(fake: MailServer, security: str = "starttls") -> dict[str, Any]:
    """Return settings of a target at the fake."""
    return {
        "kind": "smtp", "label": "the front desk", "host": "127.0.0.1", "port": fake.port,
        "security": security, "username": USERNAME, "password_env": "TEST_PASSWORD",
        "from": "assistant@clinic.example", "to": "desk@clinic.example", "ca_file": fake.ca_file,
    }  # fmt: skip


# ---- chats: the real domain, rules, policies and actions


class ActionsInProcess(EndpointConfig):  # type: ignore[misc]
    """The action server's own executor, called without a network; can be switched off."""

    def __init__(self) -> None:
        super().__init__("http://actions.invalid/webhook")
        self._executor = ActionExecutor()
        self._executor.register_package("actions")
        self.down = False

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Run an action; what goes in and out passes through JSON as it would on a network."""
        if self.down:
            raise aiohttp.ClientConnectionError("the action server is down")
        call = json.loads(json.dumps(kwargs["json"]))
        return json.loads(json.dumps(await self._executor.run(call)))


@pytest.fixture(scope="session")
def dialogue(tmp_path_factory: pytest.TempPathFactory) -> tuple[Agent, ActionsInProcess]:
    """The dialogue: domain, rules and policies of the project, without the understanding."""
    configure_structlog(logging.WARNING)
    folder = tmp_path_factory.mktemp("dialogue")
    config = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))
    config["pipeline"] = []
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    model = train_core(
        str(ROOT / "domain.yml"), str(file), str(ROOT / "data" / "rules"), str(folder)
    )
    actions = ActionsInProcess()
    agent = Agent.load(model, action_endpoint=actions)
    # The agent makes its own generator before it knows the domain; this is what a server does.
    agent.nlg = NaturalLanguageGenerator.create(None, agent.domain)
    agent.processor.nlg = agent.nlg
    return agent, actions


class Chat:
    """A conversation; each message comes with what the understanding would make of it."""

    def __init__(self, agent: Agent, actions: ActionsInProcess, sender: str) -> None:
        self._agent = agent
        self._loop = asyncio.new_event_loop()
        self.actions = actions
        self.sender = sender
        self.files: list[dict[str, Any]] = []
        self.offered: list[str] = []

    def say(self, text: str, intent: str = "nlu_fallback", **parsed: Any) -> list[str]:
        """Send a message and return the texts of the replies.

        Args:
            text: The message; "/name" is a button's payload.
            intent: What it is understood as.
            **parsed: What else the pipeline found: ``safety``, ``understanding``.
        """
        name = text[1:] if text.startswith("/") else intent
        channel = CollectingOutputChannel()
        message = UserMessage(
            text,
            channel,
            self.sender,
            input_channel="rest",
            parse_data={
                "text": text,
                "intent": {"name": name, "confidence": 0.9},
                "entities": [],
                **parsed,
            },
        )
        self._loop.run_until_complete(self._agent.processor.handle_message(message))
        self.files += [m["custom"] for m in channel.messages if "custom" in m]
        self.offered = [b["payload"] for m in channel.messages for b in m.get("buttons", ())]
        return [m["text"] for m in channel.messages if "text" in m]

    def ask_for_person(self) -> list[str]:
        """Ask for the hand-off."""
        return self.say("/request_handoff")

    @property
    def slots(self) -> dict[str, Any]:
        """The values of all slots."""
        store = self._agent.processor.tracker_store
        tracker = self._loop.run_until_complete(store.retrieve(self.sender))
        values: dict[str, Any] = tracker.current_slot_values()
        return values


@pytest.fixture
def chat(
    bench: Bench,
    dialogue: tuple[Agent, ActionsInProcess],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Chat]:
    """A new conversation with the site; what the pipeline finds comes with each message alone."""
    agent, actions = dialogue
    # A trained model that another test loaded in this process would screen the messages too.
    monkeypatch.setattr(turn_policy, "current_screen", lambda: None)
    actions.down = False
    conversation = Chat(agent, actions, request.node.name)
    yield conversation
    conversation._loop.close()
