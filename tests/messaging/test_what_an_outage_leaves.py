"""After a minute without any platform and a crash; and with stores and actions that hang."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time

import pytest

from tests.messaging.conftest import CHANNELS, Chat, Outage, World, everywhere, wait_for
from tests.messaging.domain import says
from tests.messaging.fakes import FakeMessenger, FakeSlack, FakeTelegram, FakeTwilio

QUESTION, RESPONSE = Outage.first, "utter_bot_challenge"
SECOND_RESPONSE = "utter_goodbye"
EMERGENCY = "I can't feel anything when I wipe and I can't pee"


@pytest.mark.parametrize("channel", CHANNELS)
def test_after_a_minute_and_a_crash_each_message_has_its_answer_once(
    outage: Outage, channel: str
) -> None:
    texts = [shown.text for shown in outage.shown()[channel]]
    assert sum(says(text, RESPONSE) for text in texts) == 1, texts
    assert sum(says(text, SECOND_RESPONSE) for text in texts) == 1, texts
    assert len(texts) == 2


def test_safety_texts_arrive_while_the_database_is_locked(
    world: World, outage: Outage, regulars: dict[str, Chat]
) -> None:
    outage.shown()
    for chat in regulars.values():
        chat.catch_up()
    locked, free = threading.Event(), threading.Event()

    def lock() -> None:
        with contextlib.closing(sqlite3.connect(world.folder / "messaging.db")) as database:
            database.execute("BEGIN EXCLUSIVE")
            locked.set()
            free.wait(30)

    thread = threading.Thread(target=lock)
    thread.start()
    locked.wait(10)
    try:
        everywhere(lambda channel: regulars[channel].write(EMERGENCY))
        wait_for(
            lambda: all(
                any(says(m.text, "utter_emergency") for m in chat.seen[-1:])
                for chat in regulars.values()
            ),
            "the emergency text on every platform",
            15,
        )
    finally:
        free.set()
        thread.join()
    for chat in regulars.values():
        assert says(chat.seen[-1].text, "utter_emergency")
        chat.catch_up()


def test_after_the_lock_nothing_is_said_twice(world: World, regulars: dict[str, Chat]) -> None:
    time.sleep(6)  # The pause after which the database is tried again.
    for chat in regulars.values():
        chat.catch_up()
    everywhere(lambda channel: regulars[channel].say(QUESTION))
    wait_for(world.all_done, "what could not be written before", 30)
    counts = {c: len(chat.seen) for c, chat in regulars.items()}
    time.sleep(1)
    assert counts == {c: len(chat.seen) for c, chat in regulars.items()}


def test_a_warning_sign_does_not_wait_for_an_action_server_that_hangs(
    world: World, outage: Outage
) -> None:
    outage.shown()
    chats = {channel: Chat(world.fake(channel)) for channel in CHANNELS}
    everywhere(lambda channel: chats[channel].agree())
    world.server._supervisorctl("signal", "STOP", "actions")
    try:
        everywhere(lambda channel: chats[channel].write("is it safe to run with sciatica?"))
        everywhere(lambda channel: chats[channel].write(EMERGENCY))
        wait_for(
            lambda: all(
                any(says(m.text, "utter_emergency") for m in chat.seen) for chat in chats.values()
            ),
            "the emergency text on every platform",
            15,
        )
    finally:
        world.server._supervisorctl("signal", "CONT", "actions")


def test_the_logs_hold_nobodys_words_and_nobodys_number(world: World, outage: Outage) -> None:
    outage.shown()
    logs = "".join(path.read_text() for path in world.folder.glob("*.log"))
    assert "Messaging apps switched on" in logs
    people = [person for fake in world.fakes.values() for person in fake.shown]
    assert len(people) > 5
    for words in (*people, "robot", "when I wipe", "sam@example.com", "since the winter"):
        assert words.removeprefix("whatsapp:") not in logs, words


def test_the_logs_hold_no_secret(world: World, outage: Outage) -> None:
    outage.shown()
    logs = "".join(path.read_text() for path in world.folder.glob("*.log"))
    for kind in (FakeTelegram, FakeTwilio, FakeSlack, FakeMessenger):
        for secret in (kind.token, getattr(kind, "secret", kind.token)):
            assert secret not in logs
