"""The outbox: stored once, delivered by one, taken back, purged; on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from stridewell.handoff.outbox import (
    SENT,
    WAITING,
    WITHDRAWN,
    Claim,
    NewHandoff,
    Outbox,
    OutboxError,
    new_reference,
)
from tests.handoff.conftest import Clock

Opener = Callable[[], Outbox]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opener(database_url: str, clock: Clock) -> Opener:
    """Opens the same database again, as another process would."""
    return lambda: Outbox(database_url, 30, clock)


@pytest.fixture
def target() -> str:
    """A target of this test alone: on PostgreSQL, tests share the tables."""
    return f"t{uuid4().hex[:8]}"


def handoff(*targets: str, conversation: str = "") -> NewHandoff:
    number = uuid4().hex
    return NewHandoff(
        number, conversation or number, new_reference(number), "yes to this",
        {"text": "words", "data": {}, "contact": None}, targets,
    )  # fmt: skip


def claim(outbox: Outbox, target: str) -> Claim:
    found = outbox.claim(target, 60)
    assert found is not None
    return found


def test_storing_the_same_handoff_twice_stores_it_once(opener: Opener, target: str) -> None:
    new = handoff(target)
    assert opener().store(new)
    assert not opener().store(new)
    assert opener().waiting()[target] == 1


def test_what_is_stored_is_there_after_a_restart(opener: Opener, target: str) -> None:
    new = handoff(target)
    opener().store(new)
    (state,) = opener().states(new.conversation)
    assert (state.reference, state.deliveries[0].state) == (new.reference, WAITING)
    assert claim(opener(), target).content["text"] == "words"


def test_a_claimed_delivery_is_nobody_elses(opener: Opener, target: str) -> None:
    opener().store(handoff(target))
    claim(opener(), target)
    assert opener().claim(target, 60) is None


def test_a_lease_that_ends_frees_the_delivery(opener: Opener, target: str, clock: Clock) -> None:
    opener().store(handoff(target))
    first = claim(opener(), target)
    clock.now += 61
    second = claim(opener(), target)
    assert (second.id, second.attempts) == (first.id, 2)


def test_a_worker_that_lost_its_lease_changes_nothing(
    opener: Opener, target: str, clock: Clock
) -> None:
    new = handoff(target)
    opener().store(new)
    lost = claim(opener(), target)
    clock.now += 61
    claim(opener(), target)
    opener().mark_failed(lost, "too late", 0)
    assert opener().states(new.conversation)[0].deliveries[0].being_sent


def test_many_workers_deliver_each_once(opener: Opener, target: str) -> None:
    for _ in range(12):
        opener().store(handoff(target))
    claimed: list[str] = []
    lock = threading.Lock()

    def work() -> None:
        outbox = opener()
        for _ in range(40):
            found = outbox.claim(target, 60)
            if found:
                with lock:
                    claimed.append(found.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 12


def test_a_failed_try_waits_for_its_time(opener: Opener, target: str, clock: Clock) -> None:
    new = handoff(target)
    opener().store(new)
    opener().mark_failed(claim(opener(), target), "refused", 30)
    assert opener().claim(target, 60) is None
    delivery = opener().states(new.conversation)[0].deliveries[0]
    assert (delivery.state, delivery.problem, delivery.attempts) == (WAITING, "refused", 1)
    clock.now += 31
    assert claim(opener(), target).attempts == 2


def test_progress_is_there_for_the_next_try(opener: Opener, target: str, clock: Clock) -> None:
    opener().store(handoff(target))
    opener().save_progress(claim(opener(), target), {"contact": 7})
    clock.now += 61
    assert claim(opener(), target).progress == {"contact": 7}


def test_withdrawing_wipes_what_waits(opener: Opener, target: str) -> None:
    new = handoff(target)
    opener().store(new)
    state = opener().withdraw(new.id)
    assert state is not None
    assert state.deliveries[0].state == WITHDRAWN
    assert opener().claim(target, 60) is None


def test_withdrawing_leaves_what_was_sent_as_sent(opener: Opener, target: str) -> None:
    new = handoff(target)
    opener().store(new)
    opener().mark_sent(claim(opener(), target))
    state = opener().withdraw(new.id)
    assert state is not None
    assert (state.withdrawn, state.deliveries[0].state) == (True, SENT)


def test_a_delivery_withdrawn_on_its_way_is_not_tried_again(opener: Opener, target: str) -> None:
    new = handoff(target)
    opener().store(new)
    held = claim(opener(), target)
    opener().withdraw(new.id)
    opener().mark_failed(held, "refused", 0)
    assert opener().claim(target, 60) is None
    assert opener().states(new.conversation)[0].deliveries[0].state == WITHDRAWN


def test_a_delivery_withdrawn_while_its_worker_died_is_not_tried_again(
    opener: Opener, target: str, clock: Clock
) -> None:
    new = handoff(target)
    opener().store(new)
    claim(opener(), target)
    opener().withdraw(new.id)
    clock.now += 61
    assert opener().claim(target, 60) is None
    assert opener().states(new.conversation)[0].deliveries[0].state == WITHDRAWN


def test_the_purge_deletes_after_the_retention_time_and_tells_what_never_arrived(
    opener: Opener, target: str, clock: Clock
) -> None:
    sent, unsent = handoff(target), handoff(f"{target}x")
    for new in (sent, unsent):
        opener().store(new)
    opener().mark_sent(claim(opener(), target))
    clock.now += 30 * 86400 - 1
    assert opener().purge().removed == 0
    clock.now += 2
    purged = opener().purge()
    assert unsent.reference in purged.undelivered
    assert sent.reference not in purged.undelivered
    assert opener().states(sent.conversation) == opener().states(unsent.conversation) == []


def test_forgetting_a_conversation_leaves_the_others(opener: Opener, target: str) -> None:
    mine, other = handoff(target), handoff(target)
    for new in (mine, other):
        opener().store(new)
    assert opener().forget(mine.conversation) == 1
    assert opener().states(mine.conversation) == []
    assert len(opener().states(other.conversation)) == 1


def test_purged_words_are_gone_from_the_file(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "outbox.db"
    outbox = Outbox(f"sqlite:///{file}", 30, clock)
    number = uuid4().hex
    content: dict[str, Any] = {"text": "xylophone", "data": {}, "contact": None}
    outbox.store(NewHandoff(number, "c", new_reference(number), "", content, ("t",)))
    assert b"xylophone" in file.read_bytes()
    clock.now += 31 * 86400
    outbox.purge()
    assert b"xylophone" not in file.read_bytes()


def test_a_database_that_cannot_be_opened_is_one_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutboxError, match="can't be opened"):
        Outbox(f"sqlite:///{tmp_path / 'file' / 'outbox.db'}")


def test_an_error_never_repeats_what_was_to_be_stored(tmp_path: Path) -> None:
    outbox = Outbox(f"sqlite:///{tmp_path / 'outbox.db'}")
    (tmp_path / "outbox.db").write_bytes(b"not a database any more" * 500)
    with pytest.raises(OutboxError) as caught:
        outbox.store(handoff("t"))
    assert "words" not in str(caught.value)


def test_references_are_short_and_read_out_loud() -> None:
    assert all(len(new_reference(uuid4().hex)) == 9 for _ in range(50))
    assert not set("AEIOU01BLS") & set(new_reference("f" * 32))
