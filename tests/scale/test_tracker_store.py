"""The tracker store on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActiveLoop, SessionStarted, UserUttered

from stridewell.stores.tracker import RECENT_EVENTS, SiteTrackerStore
from tests.scale.conftest import Line
from tests.scale.turns import START, SlotSet, take_turn, texts, turn


def stored_rows(store: SiteTrackerStore, sender: str) -> list[str]:
    """Return the types of a conversation's stored events."""
    with store.engine.connect() as connection:
        rows = connection.execute(
            sa.text("SELECT type_name FROM events WHERE sender_id = :sender ORDER BY id"),
            {"sender": sender},
        )
        return [row[0] for row in rows]


def test_a_conversation_is_read_as_it_was_stored(domain: Domain, database_url: str) -> None:
    async def talk() -> None:
        store = SiteTrackerStore(domain, url=database_url)
        await take_turn(store, "ann", turn("one", SlotSet("safety_tier", "same_day")))
        await take_turn(store, "ann", turn("two"))
        tracker = await SiteTrackerStore(domain, url=database_url).retrieve("ann")
        assert tracker is not None
        assert await texts(store, "ann") == ["one", "two"]
        assert tracker.get_slot("safety_tier") == "same_day"
        # The session's start replaces nothing: events are stored once.
        assert len(stored_rows(store, "ann")) == len(START) + 5 + 4

    asyncio.run(talk())


def test_a_long_session_is_read_short_with_its_state(domain: Domain, database_url: str) -> None:
    async def talk() -> None:
        store = SiteTrackerStore(domain, url=database_url)
        sign: dict[str, Any] = {"safety": {"tier": "emergency", "status": None}}
        await take_turn(store, "ann", turn("I can't feel my legs", **sign))
        await take_turn(
            store, "ann", turn("early", SlotSet("safety_tier", "emergency"), ActiveLoop("form"))
        )
        for number in range(100):
            await take_turn(store, "ann", turn(f"turn {number}"))
        tracker = await store.retrieve("ann")
        assert tracker is not None
        assert len(tracker.events) <= RECENT_EVENTS + 5
        assert isinstance(tracker.events[0], SessionStarted)
        assert tracker.get_slot("safety_tier") == "emergency"
        assert tracker.active_loop_name == "form"
        read = [event.text for event in tracker.events if isinstance(event, UserUttered)]
        assert read[0] == "I can't feel my legs"
        assert read[-1] == "turn 99"
        assert len(await texts(store, "ann")) == 102

    asyncio.run(talk())


def test_a_new_session_does_not_read_the_one_before(domain: Domain, database_url: str) -> None:
    async def talk() -> None:
        store = SiteTrackerStore(domain, url=database_url)
        await take_turn(store, "ann", turn("yesterday", SlotSet("safety_tier", "crisis")))
        await take_turn(store, "ann", [*START, *turn("today")])
        tracker = await store.retrieve("ann")
        assert tracker is not None
        assert [e.text for e in tracker.events if isinstance(e, UserUttered)] == ["today"]
        assert tracker.get_slot("safety_tier") is None
        last = await store.retrieve_last_turns("ann")
        assert last is not None
        assert [e.text for e in last.events if isinstance(e, UserUttered)] == ["yesterday", "today"]

    asyncio.run(talk())


def test_turns_of_two_servers_at_once_do_not_mix(domain: Domain, postgresql_url: str) -> None:
    async def talk() -> None:
        stores = [SiteTrackerStore(domain, url=postgresql_url) for _ in range(4)]
        await take_turn(stores[0], "ann", turn("start"))
        for round_ in range(10):
            await asyncio.gather(
                *(
                    take_turn(store, "ann", turn(f"{round_} {number}"))
                    for number, store in enumerate(stores)
                )
            )
        tracker = await stores[0].retrieve_full_tracker("ann")
        assert tracker is not None
        kinds = [type(event).__name__ for event in tracker.events][len(START) :]
        one = ["UserUttered", "ActionExecuted", "BotUttered", "ActionExecuted"]
        assert kinds == one * 41
        asked = [e.text for e in tracker.events if isinstance(e, UserUttered)]
        answered = [e.text for e in tracker.events if type(e).__name__ == "BotUttered"]
        assert answered == [f"An answer to {text}" for text in asked]

    asyncio.run(talk())


def test_a_message_that_two_servers_answered_is_stored_once(
    domain: Domain, database_url: str
) -> None:
    async def talk() -> None:
        first, second = (SiteTrackerStore(domain, url=database_url) for _ in range(2))
        await take_turn(first, "ann", turn("start"))
        trackers = [await store.retrieve("ann") for store in (first, second)]
        for store, tracker in zip((first, second), trackers, strict=True):
            assert tracker is not None
            tracker.update_with_events(turn("again", message_id="m1"), None)
            await store.save(tracker)
        assert await texts(first, "ann") == ["start", "again"]

    asyncio.run(talk())


def test_turns_of_an_outage_are_stored_when_it_is_over(
    domain: Domain, postgresql_url: str, line: type[Line]
) -> None:
    async def talk() -> None:
        wire = line(postgresql_url)
        store = SiteTrackerStore(domain, url=wire.url)
        tracker = await take_turn(store, "ann", turn("before"))
        wire.cut()
        tracker.update_with_events(turn("during"), None)
        started = time.monotonic()
        await store.save(tracker)
        assert time.monotonic() - started < 5
        assert store.turns_waiting == 1
        wire.mend()
        while store.turns_waiting and time.monotonic() - started < 20:
            await asyncio.sleep(0.1)
        await take_turn(store, "ann", turn("after"))
        assert await texts(store, "ann") == ["before", "during", "after"]

    asyncio.run(talk())


def test_a_turn_taken_without_the_database_is_stored_once(
    domain: Domain, postgresql_url: str, line: type[Line]
) -> None:
    async def talk() -> None:
        wire = line(postgresql_url)
        store = SiteTrackerStore(domain, url=wire.url)
        await take_turn(store, "ann", turn("before"))
        wire.cut()
        for _ in range(2):  # The answer was lost on its way, and the message sent again.
            store.keep("ann", turn("during", message_id="m1"))
        wire.mend()
        while store.turns_waiting:
            await asyncio.sleep(0.05)
        await take_turn(store, "ann", turn("after"))
        assert await texts(store, "ann") == ["before", "during", "after"]

    asyncio.run(talk())


def test_a_short_outage_is_waited_out(
    domain: Domain, postgresql_url: str, line: type[Line]
) -> None:
    async def talk() -> None:
        wire = line(postgresql_url)
        store = SiteTrackerStore(domain, url=wire.url)
        await take_turn(store, "ann", turn("before"))
        wire.cut()
        asyncio.get_running_loop().call_later(1, wire.mend)
        await take_turn(store, "ann", turn("after"))
        assert await texts(store, "ann") == ["before", "after"]

    asyncio.run(talk())


def test_turns_wait_while_the_disk_is_full(domain: Domain, tmp_path: Path) -> None:
    async def talk() -> None:
        store = SiteTrackerStore(domain, url=f"sqlite:///{tmp_path / 'full.db'}")
        await take_turn(store, "ann", turn("before"))
        pages = 0
        with store.engine.connect() as connection:
            pages = connection.execute(sa.text("PRAGMA page_count")).scalar_one()

        @sa.event.listens_for(store.engine, "checkout")
        def _limit(connection: sa.engine.Connection, *_: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        tracker = await store.retrieve("ann")
        assert tracker is not None
        tracker.update_with_events(turn("long " * 5000), None)
        await store.save(tracker)
        assert store.turns_waiting == 1
        pages = 1_000_000
        await take_turn(store, "ann", turn("after"))
        assert store.turns_waiting == 0
        assert len(await texts(store, "ann")) == 3

    asyncio.run(talk())


def test_the_next_turn_waits_for_one_that_is_being_tried_again(
    domain: Domain, tmp_path: Path
) -> None:
    async def talk() -> None:
        store = SiteTrackerStore(domain, url=f"sqlite:///{tmp_path / 'full.db'}")
        await take_turn(store, "ann", turn("before"))
        with store.engine.connect() as connection:
            full = connection.execute(sa.text("PRAGMA page_count")).scalar_one()
        pages, writing = full, asyncio.Event()
        loop = asyncio.get_running_loop()

        @sa.event.listens_for(store.engine, "checkout")
        def _limit(connection: sa.engine.Connection, *_: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        @sa.event.listens_for(store.engine, "before_cursor_execute")
        def _delay(connection: object, cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT") and pages == full:
                loop.call_soon_threadsafe(writing.set)
                time.sleep(0.5)  # Long enough for the next turn to be read and saved.

        store.keep("ann", turn("first " * 5000, message_id="m1"))
        await writing.wait()
        pages = 1_000_000
        await take_turn(store, "ann", turn("second"))
        while store.turns_waiting:
            await asyncio.sleep(0.05)
        assert [text[:6] for text in await texts(store, "ann")] == ["before", "first ", "second"]

    asyncio.run(talk())


def test_when_too_many_turns_wait_the_oldest_are_dropped(
    domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stridewell.stores.tracker.MOST_WAITING", 2)

    async def talk() -> None:
        store = SiteTrackerStore(domain, url=f"sqlite:///{tmp_path / 'full.db'}")
        with store.engine.connect() as connection:
            pages = connection.execute(sa.text("PRAGMA page_count")).scalar_one()

        @sa.event.listens_for(store.engine, "checkout")
        def _limit(connection: sa.engine.Connection, *_: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        for person in ("ann", "bob", "cid", "dan"):
            store.keep(person, turn("long " * 5000, message_id=person))
        assert store.turns_waiting == 2
        pages = 1_000_000
        while store.turns_waiting:
            await asyncio.sleep(0.05)
        stored = [len(await texts(store, person)) for person in ("ann", "bob", "cid", "dan")]
        assert stored == [0, 0, 1, 1]

    asyncio.run(talk())


def test_ids_of_events_do_not_run_out(domain: Domain, postgresql_url: str) -> None:
    SiteTrackerStore(domain, url=postgresql_url)
    with sa.create_engine(postgresql_url).connect() as connection:
        kinds = connection.execute(
            sa.text(
                "SELECT c.data_type, s.data_type FROM information_schema.columns c, "
                "information_schema.sequences s WHERE c.table_name = 'events' "
                "AND c.column_name = 'id'"
            )
        ).all()
    assert kinds == [("bigint", "bigint")]


def test_an_error_of_the_database_tells_nobody_what_was_written(
    domain: Domain, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def talk() -> None:
        store = SiteTrackerStore(domain, url=f"sqlite:///{tmp_path / 'gone.db'}")
        tracker = await take_turn(store, "ann", turn("my secret pain"))
        with store.engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE events"))
        tracker.update_with_events(turn("my secret pain again"), None)
        await store.save(tracker)

    asyncio.run(talk())
    assert "no such table" in caplog.text
    assert "secret pain" not in caplog.text


def test_what_is_of_no_use_later_is_not_stored(domain: Domain, tmp_path: Path) -> None:
    ranking = [{"name": f"ask_{number}", "confidence": 0.1} for number in range(10)]

    async def talk() -> None:
        store = SiteTrackerStore(domain, url=f"sqlite:///{tmp_path / 'lean.db'}")
        await take_turn(store, "ann", turn("hello", text_tokens=[[0, 5]], intent_ranking=ranking))
        with store.engine.connect() as connection:
            data = connection.execute(
                sa.text("SELECT data FROM events WHERE type_name = 'user'")
            ).scalar_one()
        parsed = json.loads(data)["parse_data"]
        assert "text_tokens" not in parsed
        assert len(parsed["intent_ranking"]) == 3

    asyncio.run(talk())
