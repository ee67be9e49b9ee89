"""A warning sign gets its text whatever the channel itself would say, and with no database."""

from __future__ import annotations

import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from limits import parse_many

from stridewell import run as launcher
from stridewell.web.errors import SENTENCES
from stridewell.web.settings import WebsiteSettings
from stridewell.web.turns import SCREENED_LENGTH
from tests.conftest import Server, start_server
from tests.scale.conftest import Line
from tests.services import postgresql_url  # noqa: F401
from tests.website.faulty import FaultySite
from tests.website.site import Client, Reply

EMERGENCY = "emergency help now."
WHOM_TO_CALL = "Is it an emergency? Call your local emergency number now"
SIGN = "I can't pee since this morning"
QUESTION = "Is swimming good for sciatica?"

Visitor = Callable[[], Client]


def padded(message: str, length: int) -> str:
    """Return a message amid at least so many ordinary characters."""
    half = f"{QUESTION} " * (length // len(QUESTION) // 2 + 1)
    return f"{half}{message} {half}"


def opens_with_emergency(reply: Reply) -> bool:
    """Tell whether a reply is the emergency text and nothing else."""
    assert reply.status == 200, reply.text
    (message,) = reply.json["messages"]
    return message["kind"] == "safety" and EMERGENCY in message["text"]


# Messages that are too long


@pytest.mark.parametrize("length", [1_100, 10_000])
def test_a_sign_in_a_message_that_is_too_long_gets_its_text(length: int, visitor: Visitor) -> None:
    assert opens_with_emergency(visitor().send(text=padded(SIGN, length)))


def test_a_long_message_with_a_sign_is_answered_once_and_kept(visitor: Visitor) -> None:
    person, number, text = visitor(), secrets.token_hex(16), padded(SIGN, 5_000)
    replies = [person.send(id=number, text=text) for _ in range(2)]
    assert all(opens_with_emergency(reply) for reply in replies)
    assert [message["from"] for message in person.history()] == ["person", "assistant"]


def test_a_sign_that_is_only_denied_in_a_long_message_keeps_its_line(visitor: Visitor) -> None:
    text = padded("No numbness and my bladder is fine.", 1_500)
    said = [message for message in visitor().say(text) if message["kind"] == "safety"]
    assert [message["text"].startswith("If that changes") for message in said] == [True]


@pytest.mark.parametrize("length", [1_100, 10_000, SCREENED_LENGTH])
def test_an_ordinary_message_that_is_too_long_is_refused_and_not_kept(
    length: int, visitor: Visitor
) -> None:
    person = visitor()
    reply = person.send(text=padded(QUESTION, length))
    assert (reply.status, reply.code) == (422, "text_too_long")
    assert WHOM_TO_CALL in reply.json["error"]["message"]
    assert person.history() == []


@pytest.mark.parametrize("odd", ["😀🏃😭", "😀" * 2_000, "\u200b\u200d\ufeff"])
def test_a_sign_after_a_message_without_a_word_is_seen(odd: str, visitor: Visitor) -> None:
    person = visitor()
    reply = person.send(text=odd)
    assert reply.status in (200, 422)
    assert opens_with_emergency(person.send(text=SIGN.upper()))


# What the channel says in place of a reply


def test_whatever_is_said_in_place_of_a_reply_names_whom_to_call(visitor: Visitor) -> None:
    person = visitor()
    refusals = [
        person.send(text=" "),
        person.send(text="x" * 200_000),
        person.send(choice="never offered"),
        person.call("POST", "/chat/messages", b"not JSON"),
        Client(person.url).send(text=SIGN),
    ]
    assert {reply.code for reply in refusals} <= set(SENTENCES)
    for reply in refusals:
        assert WHOM_TO_CALL in reply.json["error"]["message"], reply.code


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[FaultySite]:
    """A site with the tightest limits, whose answers go wrong."""
    two = tuple(parse_many("2 per minute"))
    site = FaultySite(
        tmp_path,
        WebsiteSettings(secret_key="k" * 40, message_rates=two, turn_seconds=0.5),
    )
    yield site
    site.stop()


def test_limits_and_failures_name_whom_to_call(hurried: FaultySite) -> None:
    person = Client(hurried.url).start()
    replies = [person.send(text=text) for text in ("hang", "crash", SIGN)]
    assert [reply.code for reply in replies] == ["timed_out", "turn_failed", "too_many_requests"]
    for reply in replies:
        assert WHOM_TO_CALL in reply.json["error"]["message"]


# Without the database

TABLES = ("events", "website_ended_sessions")


@contextmanager
def fault(kind: str, database: Path) -> Iterator[None]:
    """Break the SQLite file of a running site, and mend it."""
    with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as connection:
        if kind == "locked":
            connection.execute("BEGIN EXCLUSIVE")
            mend = ["ROLLBACK"]
        elif kind == "read-only":
            # File modes don't bind a superuser; a trigger binds everybody.
            connection.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON events"
                " BEGIN SELECT RAISE(FAIL, 'attempt to write a readonly database'); END"
            )
            mend = ["DROP TRIGGER refuse"]
        else:
            for table in TABLES:
                connection.execute(f"ALTER TABLE {table} RENAME TO lost_{table}")
            mend = [f"ALTER TABLE lost_{table} RENAME TO {table}" for table in TABLES]
        try:
            yield
        finally:
            for statement in mend:
                connection.execute(statement)


@pytest.mark.parametrize("kind", ["locked", "read-only", "gone"])
def test_a_sign_gets_its_text_while_the_database_is_away(
    kind: str, site: Server, visitor: Visitor
) -> None:
    newcomer, regular = visitor(), visitor()
    regular.say(QUESTION)
    with fault(kind, site.site.folder / "stridewell.db"):
        assert opens_with_emergency(newcomer.send(text=SIGN))
        assert opens_with_emergency(regular.send(text=padded(SIGN, 10_000)))
    assert regular.send(text=QUESTION).status == 200


def test_a_question_that_names_no_sign_waits_for_the_database(
    site: Server, visitor: Visitor
) -> None:
    person, number = visitor(), secrets.token_hex(16)
    with fault("gone", site.site.folder / "stridewell.db"):
        reply = person.send(id=number, text=QUESTION)
        assert (reply.status, reply.code) == (503, "storage_failed")
        assert WHOM_TO_CALL in reply.json["error"]["message"]
    assert person.send(id=number, text=QUESTION).status == 200


@pytest.fixture
def site_on_a_line(
    postgresql_url: str,  # noqa: F811
    model_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Server, Line]]:
    """A site whose conversations are in PostgreSQL, behind a line that can be cut."""
    line = Line(postgresql_url)
    monkeypatch.setenv("STRIDEWELL_DATABASE_URL", line.url)
    with tempfile.TemporaryDirectory(prefix="stridewell-pg-") as folder:
        running = start_server(Path(folder), model_path)
        yield running, line
        line.mend()
        launcher.stop(running.supervisor)
    line.close()


def test_a_sign_gets_its_text_while_postgresql_refuses_connections(
    site_on_a_line: tuple[Server, Line],
) -> None:
    running, line = site_on_a_line
    person = Client(running.url).start()
    assert person.send(text=QUESTION).status == 200
    line.cut()
    assert opens_with_emergency(person.send(text=SIGN))
    assert person.send(text=QUESTION).code == "storage_failed"
