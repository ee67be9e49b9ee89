"""What survives a restart, what is purged, and in which order and how often pieces are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from channels.messaging import delivery as delivery_module
from channels.messaging import store as store_module
from channels.messaging.delivery import Delivery, short_name
from channels.messaging.message import (
    Attempt,
    BotMessage,
    Choice,
    Incoming,
    Kind,
    Offer,
    Outcome,
    Outgoing,
    Piece,
)
from channels.messaging.platform import Answer, Platform, Request
from channels.messaging.state import State
from channels.messaging.store import DAY, Contact, Store
from channels.messaging.turns import read_message, typed

SENT, RETRY = Attempt(Outcome.SENT), Attempt(Outcome.RETRY, "503")
DOUBT, REJECTED = Attempt(Outcome.DOUBT, "cut"), Attempt(Outcome.REJECTED, "400")


class Clock:
    """The store's clock, moved by hand."""

    now = 1_795_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(store_module, "time", moved)
    return moved


class Script(Platform):
    """A platform that answers as it is told and notes what it was sent."""

    name, channels = "script", ("script",)

    def __init__(self, *attempts: Attempt, arrived: bool | None = None) -> None:
        super().__init__()
        self.attempts, self.arrived = list(attempts), arrived
        self.sent: list[str] = []

    def receive(self, request: Request) -> Answer:
        return Answer()

    def render(self, channel: str, message: BotMessage, offer: Offer | None) -> list[Piece]:
        return [Piece({"text": message.text})]

    async def send(self, outgoing: Outgoing, body: dict[str, Any]) -> Attempt:
        self.sent.append(body["text"])
        return self.attempts.pop(0) if self.attempts else SENT

    async def was_delivered(self, outgoing: Outgoing) -> bool | None:
        return self.arrived


def piece(text: str, person: str = "1", urgent: bool = False) -> Outgoing:
    return Outgoing(
        id=f"id-{text}-{person}",
        channel="script",
        conversation=f"script:{person}",
        address={},
        piece=Piece({"text": text}, {"text": f"plain {text}"}),
        urgent=urgent,
        created=time.time(),
    )


def message(key: str, text: str = "hello", person: str = "1") -> Incoming:
    return Incoming("script", key, f"script:{person}", {"to": person}, Kind.TEXT, text)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries happen within the test."""
    monkeypatch.setattr(delivery_module, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(delivery_module, "LOOK_AFTER", 0.02)


@pytest.fixture
def url(database_url: str) -> str:
    """A database of its own, once of each kind."""
    return database_url


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a file of its own."""
    found = Store(f"sqlite:///{tmp_path / 'm.db'}", "one", lease=0.3)
    yield found
    found.close()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def deliver(store: Store, platform: Script, *items: Outgoing, seconds: float = 0.5) -> list[str]:
    async def go() -> list[str]:
        delivery = Delivery({"script": platform}, State(store), {"script": "Once more:"})
        for item in items:
            await delivery.send([item])
        await asyncio.sleep(seconds)
        await delivery.close(0.5)
        return platform.sent

    found: list[str] = run(go())
    return found


# How often and in which order


def test_pieces_of_a_conversation_keep_their_order_through_failures(store: Store) -> None:
    platform = Script(RETRY, RETRY)
    assert deliver(store, platform, piece("a"), piece("b"), piece("c")) == ["a", "a", "a", "b", "c"]


def test_one_conversation_in_trouble_holds_up_no_other(store: Store) -> None:
    platform = Script(Attempt(Outcome.WAIT, "429", 30))
    assert deliver(store, platform, piece("a"), piece("b", person="2")) == ["a", "b"]


def test_a_wait_that_the_platform_asks_for_is_kept(store: Store) -> None:
    platform = Script(Attempt(Outcome.WAIT, "429", 0.4))
    assert deliver(store, platform, piece("a"), seconds=0.2) == ["a"]


def test_in_doubt_and_not_arrived_a_piece_is_sent_again(store: Store) -> None:
    assert deliver(store, Script(DOUBT, arrived=False), piece("a")) == ["a", "a"]


@pytest.mark.parametrize("arrived", [True, None])
def test_in_doubt_and_arrived_or_unknown_it_is_not(store: Store, arrived: bool | None) -> None:
    assert deliver(store, Script(DOUBT, arrived=arrived), piece("a"), piece("b")) == ["a", "b"]


def test_a_safety_text_in_doubt_is_repeated_once_with_a_line(store: Store) -> None:
    sent = deliver(store, Script(DOUBT, DOUBT), piece("help now", urgent=True))
    assert sent == ["help now", "Once more: help now"]


def test_a_safety_text_does_not_wait_behind_a_piece_in_doubt(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "LOOK_AFTER", 5.0)
    platform = Script(DOUBT)

    async def go() -> list[str]:
        delivery = Delivery({"script": platform}, State(store), {"script": "-"})
        await delivery.send([piece("a")])
        await asyncio.sleep(0.2)
        await delivery.send([piece("later")])
        await delivery.send([piece("help now", urgent=True)])
        await asyncio.sleep(0.2)
        await delivery.close(0.1)
        return platform.sent

    assert run(go()) == ["a", "help now"]


def test_a_rejected_layout_is_sent_plain_and_a_rejected_text_is_dropped(store: Store) -> None:
    platform = Script(REJECTED, REJECTED)
    assert deliver(store, platform, piece("a"), piece("b")) == ["a", "plain a", "b"]


def test_what_was_dropped_on_a_deletion_is_not_sent(store: Store) -> None:
    platform = Script(*[RETRY] * 50)

    async def go() -> int:
        delivery = Delivery({"script": platform}, State(store), {"script": "-"})
        await delivery.send([piece("a")])
        await asyncio.sleep(0.1)
        delivery.drop("script:1")
        before = len(platform.sent)
        await asyncio.sleep(0.3)
        await delivery.close(0.1)
        return len(platform.sent) - before

    assert run(go()) <= 1


# What survives


def test_a_message_is_new_once_even_for_another_process(url: str) -> None:
    first, second = Store(url, "one"), Store(url, "two")
    assert first.add_incoming(message("1"))
    assert not second.add_incoming(message("1"))
    assert not first.add_incoming(message("1"))


def test_the_work_of_a_process_that_died_is_taken_over_in_order(url: str, clock: Clock) -> None:
    gone = Store(url, "gone", lease=30)
    gone.show_life()
    gone.add_incoming(message("1", "first"))
    gone.add_incoming(message("2", "second"))
    gone.add_outgoing([piece("a"), piece("b")])
    gone.set_outgoing(piece("a"), "sending")
    heir = Store(url, "heir", lease=60)
    heir.show_life()
    assert heir.adopt() == ([], [])
    clock.now += 31
    messages, pieces = heir.adopt()
    assert [m.text for m in messages] == ["first", "second"]
    assert [(p.piece.body["text"], begun) for p, begun in pieces] == [("a", True), ("b", False)]
    assert heir.adopt() == ([], [])


def test_a_message_that_was_partly_answered_is_not_answered_again(url: str) -> None:
    gone = Store(url, "gone", lease=0.1)
    gone.add_incoming(message("1"))
    gone.add_outgoing([piece("a")], answers=message("1"))
    heir = Store(url, "heir")
    messages, pieces = heir.adopt()
    assert messages == []
    assert len(pieces) == 1


def test_a_process_that_stops_in_order_leaves_its_work_at_once(url: str) -> None:
    first = Store(url, "one", lease=60)
    first.show_life()
    first.add_incoming(message("1"))
    first.close()
    assert len(Store(url, "two").adopt()[0]) == 1


def test_who_lost_a_piece_to_another_process_does_not_send_it(url: str) -> None:
    slow, heir = Store(url, "slow", lease=0.0), Store(url, "heir")
    slow.add_outgoing([piece("a")])
    slow.add_incoming(message("1"))
    heir.adopt()
    assert not slow.set_outgoing(piece("a"), "sending")
    assert heir.set_outgoing(piece("a"), "sending")
    assert not slow.owns_incoming(message("1"))
    assert heir.owns_incoming(message("1"))


def test_words_are_blanked_once_they_are_dealt_with(url: str) -> None:
    store = Store(url, "one")
    store.add_incoming(message("1", "my secret pain"))
    store.set_incoming(message("1"), "done")
    store.add_outgoing([piece("a secret answer")])
    store.set_outgoing(piece("a secret answer"), "done")
    with sa.create_engine(url).connect() as connection:
        for table in ("messaging_incoming", "messaging_outgoing"):
            rows = connection.execute(sa.text(f"SELECT body, conversation FROM {table}")).all()
            assert rows == [(None, None)]


def test_a_contact_is_remembered_with_what_it_holds(store: Store) -> None:
    contact = Contact("script:1", 5.0, 4.0, True, "key", [{"text": "held"}])
    store.save_contact(contact)
    store.save_contact(replace(contact, stopped=False))
    assert store.contact("script:1") == replace(contact, stopped=False)
    assert store.contact("script:2") is None


def test_an_offer_is_found_by_its_id_and_by_its_turn(store: Store) -> None:
    offer = Offer("abc", "script:1", "key", (Choice("Yes", "/affirm"),), 3, "ask_more")
    store.add_offer(offer)
    assert store.offer("abc") == offer
    assert store.offers_of("script:1", "key") == [offer]
    assert store.offers_of("script:2", "key") == []


def test_forgetting_leaves_no_row_of_a_conversation(url: str) -> None:
    store = Store(url, "one")
    store.add_incoming(message("1"))
    store.add_outgoing([piece("a")])
    store.add_offer(Offer("abc", "script:1", "1", (Choice("Yes", "/affirm"),)))
    store.save_contact(Contact("script:1", turn="1"))
    store.forget("script:1")
    with sa.create_engine(url).connect() as connection:
        for table in ("incoming", "outgoing", "offers", "contacts"):
            rows = connection.execute(sa.text(f"SELECT * FROM messaging_{table}")).all()
            assert "script:1" not in str(rows)
    assert not store.add_incoming(message("1")), "a repeat must still be known"


def test_messages_and_choices_are_kept_for_a_week_and_contacts_for_half_a_year(
    store: Store, clock: Clock
) -> None:
    store.add_incoming(message("1"))
    store.add_offer(Offer("1", "script:1", "1", (Choice("Yes", "/a"),)))
    store.save_contact(Contact("script:1", consented=1.0))
    clock.now += 7 * DAY - 1
    store.purge()
    assert store.offer("1") is not None
    assert not store.add_incoming(message("1"))
    clock.now += 2
    store.purge()
    assert store.offer("1") is None
    assert store.add_incoming(message("1"))
    assert store.contact("script:1") is not None
    clock.now += 173 * DAY
    store.purge()
    assert store.contact("script:1") is None


def test_what_somebody_wrote_before_a_consent_that_never_came_goes_after_a_day(
    store: Store, clock: Clock
) -> None:
    store.save_contact(Contact("script:1", asked=1.0, held=[{"text": "my pain"}]))
    store.save_contact(Contact("script:2", asked=1.0, stopped=True))
    clock.now += DAY - 1
    store.purge()
    assert store.contact("script:1") is not None
    clock.now += 2
    store.purge()
    assert store.contact("script:1") is None
    assert store.contact("script:2") is not None


def test_the_number_of_rows_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_ROWS", 10)
    for number in range(30):
        store.add_incoming(message(str(number)))
        store.set_incoming(message(str(number)), "done")
    store.purge()
    assert sum(not store.add_incoming(message(str(n))) for n in range(30)) <= 10


# When the database fails


class Broken(Store):
    """A database that can be switched off."""

    off = True

    def _begin(self) -> Any:
        if self.off:
            raise sa.exc.OperationalError("x", {}, Exception("disk full"))
        return super()._begin()


def test_without_a_database_repeats_offers_and_consent_are_known_all_the_same(url: str) -> None:
    async def go() -> None:
        state = State(Broken(url, "one"))
        assert await state.is_new(message("1"))
        assert not await state.is_new(message("1"))
        await state.add_offer(Offer("abc", "script:1", "key", (Choice("Yes", "/affirm"),)))
        assert await state.offer("abc", "script:1")
        assert await state.offer("abc", "script:2") is None
        await state.save_contact(Contact("script:1", consented=1.0))
        assert (await state.contact("script:1")).consented

    run(go())


def test_what_could_not_be_written_is_written_later(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.messaging.state.PAUSE_SECONDS", 0.1)
    broken = Broken(url, "one")

    async def go() -> None:
        state = State(broken)
        await state.is_new(message("1"))
        await state.save_contact(Contact("script:1", consented=1.0))
        broken.off = False
        await asyncio.sleep(0.2)
        await state.contact("script:1")

    run(go())
    other = Store(url, "two")
    assert other.contact("script:1") is not None
    assert not other.add_incoming(message("1"))


def test_a_safety_text_is_sent_before_a_failing_database_is_even_asked(url: str) -> None:
    platform = Script()
    assert deliver(Broken(url, "one"), platform, piece("help now", urgent=True)) == ["help now"]


# Reading what the dialogue server says, and what people type


@pytest.mark.parametrize(
    "response", ["utter_emergency", "utter_same_day", "utter_crisis", "utter_crisis_lines"]
)
def test_a_safety_text_is_known_by_the_name_of_its_response(response: str) -> None:
    said = {"text": "Get help.", "utter_action": response, "metadata": {}}
    read = read_message(said, {})
    assert read is not None
    assert read.urgent


def test_sources_and_rating_come_with_an_answer_and_not_with_a_text_that_names_them() -> None:
    rating = (Choice("Helpful", "/a"),)
    said = {
        "text": "x",
        "utter_action": "utter_ask_more",
        "metadata": {"articles": ["one", "none"]},
    }
    read = read_message(said, {"one": "Title"}, rating)
    assert read is not None
    assert (read.sources, read.feedback) == (("Title",), rating)
    read = read_message({"text": "x", "metadata": {"articles": ["one"]}}, {"one": "Title"}, rating)
    assert read is not None
    assert (read.sources, read.feedback) == ((), ())


def test_a_message_without_text_shows_nothing() -> None:
    assert read_message({"text": None, "custom": {"handoff_summary": {}}}, {}) is None


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("/greet", "greet"),
        (' / /\u200b\ufeff/ask{"a": 1}', 'ask{"a": 1}'),
        ("\uff0fgreet", "greet"),
        ("and/or", "and/or"),
        ("///", ""),
        ("\x00\x1b/x", "x"),
        ("", ""),
    ],
)
def test_typed_text_never_begins_like_a_payload(text: str, safe: str) -> None:
    assert typed(text) == safe


def test_logs_name_nobody() -> None:
    assert "555" not in short_name("sms:+15550001111")
