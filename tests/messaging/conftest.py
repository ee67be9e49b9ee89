"""The assistant with all messaging apps switched on, talking to stand-ins for the platforms."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import yaml

from stridewell import run as launcher
from stridewell.processes import wait_until
from tests.conftest import Server, start_server
from tests.messaging.fakes import (
    Fake,
    FakeMessenger,
    FakeSlack,
    FakeTelegram,
    FakeTwilio,
    Shown,
)
from tests.services import database_url, postgresql_url  # noqa: F401
from tests.side_by_side import free_port

T = TypeVar("T")
PUBLIC_URL = "https://bot.example.test"
CHANNELS = ("telegram", "sms", "whatsapp", "slack", "messenger")
TELEGRAM_SECRET = "a-secret-of-our-own_42"


@dataclass
class World:
    """The platforms and the assistant."""

    fakes: dict[str, Fake]
    server: Server
    folder: Path

    def fake(self, channel: str) -> Fake:
        """Return the platform of a channel."""
        return self.fakes[channel]

    def texts_in_tracker(self, conversation: str) -> list[str]:
        """Return what the dialogue server got from somebody, oldest first."""
        rows = self.rows_in_tracker(conversation)
        return [event["text"] for event in rows if event["event"] == "user"]

    def rows_in_tracker(self, conversation: str) -> list[dict[str, Any]]:
        """Return all events that the dialogue server keeps of a conversation."""
        with closing(sqlite3.connect(self.folder / "stridewell.db", timeout=10)) as database:
            rows = database.execute(
                "SELECT data FROM events WHERE sender_id = ? ORDER BY id", (conversation,)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    def senders_in_tracker(self) -> set[str]:
        """Return the sender ids of all conversations."""
        with closing(sqlite3.connect(self.folder / "stridewell.db", timeout=10)) as database:
            return {row[0] for row in database.execute("SELECT DISTINCT sender_id FROM events")}

    def busy(self, conversation: str) -> bool:
        """Tell whether a message waits for its answer, or an answer for its platform."""
        with closing(sqlite3.connect(self.folder / "messaging.db", timeout=10)) as database:
            waiting = database.execute(
                "SELECT (SELECT count(*) FROM messaging_incoming"
                " WHERE conversation = :c AND state != 'done')"
                " + (SELECT count(*) FROM messaging_outgoing"
                " WHERE conversation = :c AND state != 'done')",
                {"c": conversation},
            ).fetchone()
        return bool(waiting[0])

    def all_done(self) -> bool:
        """Tell whether nothing waits at all."""
        with closing(sqlite3.connect(self.folder / "messaging.db", timeout=10)) as database:
            return not any(
                database.execute(f"SELECT 1 FROM {table} WHERE state != 'done'").fetchone()
                for table in ("messaging_incoming", "messaging_outgoing")
            )

    def sending(self) -> bool:
        """Tell whether an attempt to send is under way."""
        with closing(sqlite3.connect(self.folder / "messaging.db", timeout=10)) as database:
            found = database.execute("SELECT 1 FROM messaging_outgoing WHERE state = 'sending'")
            return found.fetchone() is not None

    def words_kept(self, words: str) -> list[str]:
        """Return the tables of the apps' own database that hold these words."""
        with closing(sqlite3.connect(self.folder / "messaging.db", timeout=10)) as database:
            tables = [
                row[0]
                for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            return [
                table
                for table in tables
                for row in database.execute(f"SELECT * FROM {table}")
                if any(words in str(value) for value in row)
            ]


def environment(fakes: dict[str, Fake], folder: Path) -> dict[str, str]:
    """Return the variables that switch all apps on."""
    return {
        "STRIDEWELL_PUBLIC_URL": PUBLIC_URL,
        "STRIDEWELL_HANDOFF_FILE": str(handoff_file(folder)),
        "STRIDEWELL_HANDOFF_DB": f"sqlite:///{folder / 'handoff.db'}",
        "STRIDEWELL_TEST_WEBHOOK": "http://127.0.0.1:9/hand-off",
        "STRIDEWELL_TEST_SECRET": "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0",
        "STRIDEWELL_MESSAGING_DB": f"sqlite:///{folder / 'messaging.db'}",
        "STRIDEWELL_TELEGRAM_TOKEN": FakeTelegram.token,
        "STRIDEWELL_TELEGRAM_SECRET": TELEGRAM_SECRET,
        "STRIDEWELL_TELEGRAM_API": fakes["telegram"].base,
        "STRIDEWELL_TWILIO_ACCOUNT": FakeTwilio.account,
        "STRIDEWELL_TWILIO_TOKEN": FakeTwilio.token,
        "STRIDEWELL_TWILIO_API": fakes["sms"].base,
        "STRIDEWELL_SLACK_TOKEN": FakeSlack.token,
        "STRIDEWELL_SLACK_SECRET": FakeSlack.secret,
        "STRIDEWELL_SLACK_API": f"{fakes['slack'].base}/api/",
        "STRIDEWELL_MESSENGER_TOKEN": FakeMessenger.token,
        "STRIDEWELL_MESSENGER_SECRET": FakeMessenger.secret,
        "STRIDEWELL_MESSENGER_VERIFY": FakeMessenger.verify,
        "STRIDEWELL_MESSENGER_API": f"{fakes['messenger'].base}/v25.0",
    }


def handoff_file(folder: Path) -> Path:
    """Write hand-off settings with one target, which nobody listens at."""
    path = folder / "handoff.yml"
    target = {
        "kind": "webhook",
        "label": "the front desk of Riverside Physio",
        "url_env": "STRIDEWELL_TEST_WEBHOOK",
        "secret_env": "STRIDEWELL_TEST_SECRET",
        "format": "json",
        "contents": "full",
    }
    path.write_text(yaml.safe_dump({"targets": {"front_desk": target}}), encoding="utf-8")
    return path


def make_fakes() -> dict[str, Fake]:
    """Start all stand-ins; SMS and WhatsApp are one Twilio account."""
    twilio = FakeTwilio(free_port(), PUBLIC_URL)
    whatsapp = FakeTwilio.__new__(FakeTwilio)
    whatsapp.__dict__ = {**twilio.__dict__, "whatsapp": True, "channel": "whatsapp"}
    return {
        "telegram": FakeTelegram(free_port()),
        "sms": twilio,
        "whatsapp": whatsapp,
        "slack": FakeSlack(free_port()),
        "messenger": FakeMessenger(free_port()),
    }


@pytest.fixture(scope="session")
def world(model_path: Path) -> Iterator[World]:
    """All platforms and the assistant, started once."""
    fakes = make_fakes()
    with tempfile.TemporaryDirectory(prefix="stridewell-apps-") as name:
        folder = Path(name)
        before = dict(os.environ)
        os.environ.update(environment(fakes, folder))
        try:
            server = start_server(folder, model_path)
        finally:
            os.environ.clear()
            os.environ.update(before)
        world = World(fakes, server, folder)
        for fake in fakes.values():
            fake.server_url = server.url
            fake.busy = world.busy
        wait_for(lambda: bool(getattr(fakes["telegram"], "webhook", None)), "setWebhook")
        yield world
        launcher.stop(server.supervisor)
    for channel, fake in fakes.items():
        if channel != "whatsapp":
            fake.close()


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait until something has come, or fail with its name."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for: {what}"
        time.sleep(0.03)


class Chat:
    """One person on one platform."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.person = fake.person()
        self._read = 0

    @property
    def conversation(self) -> str:
        """The sender id."""
        return self.fake.conversation(self.person)

    def write(self, text: str) -> None:
        """Send a text without waiting for the answer."""
        self.send(self.fake.text(self.person, text))

    def send(self, event: object) -> None:
        """Deliver an event that the assistant has to take."""
        answer = self.fake.deliver(event)
        assert answer.status_code == 200, answer.text

    def say(self, text: str, replies: int = 1, seconds: float = 30.0) -> list[Shown]:
        """Send a text and return what is shown in answer: at least so many messages."""
        self.write(text)
        return self.read(replies, seconds)

    def read(self, replies: int = 1, seconds: float = 30.0) -> list[Shown]:
        """Wait until the assistant has said all it wants to, and return what is new."""
        wait_for(lambda: len(self.seen) >= self._read + replies, f"{replies} replies", seconds)
        wait_for(lambda: not self.fake.busy(self.conversation), "the end of the turn", seconds)
        new = self.seen[self._read :]
        self._read = len(self.seen)
        return new

    def hears_nothing(self, seconds: float = 0.3) -> bool:
        """Tell whether all is answered and nothing new is shown, now and in a while."""
        wait_for(lambda: not self.fake.busy(self.conversation), "the end of the turn")
        time.sleep(seconds)
        return len(self.seen) == self._read

    @property
    def seen(self) -> list[Shown]:
        """All that was shown to this person."""
        return self.fake.shown[self.person]

    def catch_up(self) -> None:
        """Pass over what has been shown so far."""
        self._read = len(self.seen)

    def pick(self, title: str, replies: int = 1) -> list[Shown]:
        """Press the newest button with this title, or type its number."""
        for shown in reversed(self.seen):
            for button, reference in shown.buttons.items():
                if title in button:
                    self.send(self.fake.press(self.person, reference))
                    return self.read(replies)
            for line in shown.text.splitlines():
                number, _, rest = line.partition(". ")
                if number.isdecimal() and title in rest:
                    return self.say(number, replies)
                if line.startswith("Reply ") and line.endswith(f" for: {title}"):
                    return self.say(line.split()[1], replies)
        raise AssertionError(f"{title!r} was not offered: {self.seen[-1:]}")

    def agree(self) -> None:
        """Get through the first contact."""
        self.say("hello")
        self.pick("Yes, go on")


@pytest.fixture(scope="session")
def regulars(world: World) -> dict[str, Chat]:
    """On each platform one person who has agreed already."""
    chats = {channel: Chat(world.fake(channel)) for channel in CHANNELS}
    everywhere(lambda channel: chats[channel].agree())
    return chats


def everywhere(check: Callable[[str], T]) -> dict[str, T]:
    """Run a check on all platforms at the same time; fail with what went wrong on each."""
    with ThreadPoolExecutor(len(CHANNELS)) as pool:
        running = {channel: pool.submit(check, channel) for channel in CHANNELS}
    errors = {c: task.exception() for c, task in running.items() if task.exception()}
    assert not errors, "\n".join(f"{c}: {error!r}" for c, error in errors.items())
    return {c: task.result() for c, task in running.items()}


class Outage:
    """A minute without any platform, and a crash of the assistant in the middle of it."""

    minute = 60.0
    first, second = "are you a robot?", "goodbye"

    def __init__(self, world: World, chats: dict[str, Chat]) -> None:
        self._world, self._chats = world, chats
        self.taken_while_down = False
        self._began = threading.Event()
        self._result: Future[dict[str, list[Shown]]] = Future()
        threading.Thread(target=self._run, daemon=True).start()
        self._began.wait(30)

    def shown(self) -> dict[str, list[Shown]]:
        """Wait for its end and return what each person was shown."""
        return self._result.result(240)

    def _run(self) -> None:
        try:
            self._result.set_result(self._happen())
        except BaseException as error:
            self._result.set_exception(error)
            self._began.set()

    def _happen(self) -> dict[str, list[Shown]]:
        for chat in self._chats.values():
            chat.catch_up()
        began = time.monotonic()
        platforms = [f for channel, f in self._world.fakes.items() if channel != "whatsapp"]
        for platform in platforms:
            platform.down()
        everywhere(lambda channel: self._chats[channel].write(self.first))
        self.taken_while_down = True
        self._began.set()
        time.sleep(2)
        self._kill_between_attempts()
        time.sleep(1)
        assert wait_until(self._world.server.site.dialogue_ready, lambda: True, 120)
        everywhere(lambda channel: _deliver_as_platforms_do(self._chats[channel], self.second))
        time.sleep(max(0.0, self.minute - (time.monotonic() - began)))
        for platform in platforms:
            platform.up()
        wait_for(self._world.all_done, "all that waited to be sent", 90)
        return everywhere(lambda channel: self._chats[channel].read(2))

    def _kill_between_attempts(self) -> None:
        """Kill the server while nothing is on its way.

        What it has begun to send when it dies may have arrived; Telegram and Messenger can't be
        asked, so that would rightly not be sent again.
        """
        signal = self._world.server._supervisorctl
        signal("signal", "STOP", "dialogue")
        while self._world.sending():
            signal("signal", "CONT", "dialogue")
            time.sleep(0.2)
            signal("signal", "STOP", "dialogue")
        signal("signal", "KILL", "dialogue")


def _deliver_as_platforms_do(chat: Chat, text: str) -> None:
    """Deliver a message, and again and again until it is taken."""
    event = chat.fake.text(chat.person, text)
    for _ in range(60):
        with suppress(requests.RequestException):
            if chat.fake.deliver(event).status_code == 200:
                return
        time.sleep(1)
    raise AssertionError("the message was never taken")


@pytest.fixture(scope="session")
def outage(world: World) -> Outage:
    """The outage, begun; other tests run meanwhile."""
    chats = {channel: Chat(world.fake(channel)) for channel in CHANNELS}
    everywhere(lambda channel: chats[channel].agree())
    return Outage(world, chats)
