"""Two dialogue servers behind nginx, on the real services, killed under load."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from benchmarks.topology import Topology
from tests.conftest import in_ci
from tests.services import POSTGRESQL, RABBITMQ, REDIS, reachable

GENEROUS = "100000 per minute"
QUESTION = "is swimming good for sciatica"
EMERGENCY = "I can't feel my groin and I can't pee"
TRIES = 8


@pytest.fixture(scope="module")
def site(model_path: Path) -> Iterator[Topology]:
    """A site with a database of its own."""
    if shutil.which("nginx") is None:
        if in_ci():
            pytest.fail("nginx is not installed")
        pytest.skip("nginx is not installed")
    reachable(POSTGRESQL, "PostgreSQL")
    reachable(REDIS, "Redis")
    reachable(RABBITMQ, "RabbitMQ")
    name = f"stridewell_test_{uuid4().hex[:12]}"
    admin = sa.create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    settings = {
        "STRIDEWELL_DATABASE_URL": str(sa.engine.make_url(POSTGRESQL).set(database=name)),
        "STRIDEWELL_REDIS_URL": REDIS,
        "STRIDEWELL_BROKER_URL": RABBITMQ,
        "STRIDEWELL_SECRET_KEY": uuid4().hex,
        "STRIDEWELL_MESSAGE_RATES": GENEROUS,
        "STRIDEWELL_ADDRESS_RATES": GENEROUS,
        "STRIDEWELL_SESSION_RATES": GENEROUS,
    }
    with tempfile.TemporaryDirectory(prefix="stridewell-scale-") as folder:
        topology = Topology(Path(folder), model_path, settings)
        try:
            topology.start()
            yield topology
        finally:
            topology.stop()
            with admin.connect() as connection:
                connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


@dataclass
class Person:
    """Somebody who writes to the site as the widget does: same id when they try again."""

    url: str
    token: str = ""
    sent: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start a session."""
        self.token = self.call("POST", "/chat/sessions", {})["token"]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the site once."""
        request = urllib.request.Request(
            self.url + path,
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        with urllib.request.urlopen(request, timeout=60) as response:
            content = response.read()
        return dict(json.loads(content)) if content else {}

    def say(self, text: str) -> list[dict[str, Any]]:
        """Say something, and try again while the site asks for that."""
        message = {"id": uuid4().hex, "text": text}
        self.sent.append(message["id"])
        for attempt in range(TRIES):
            try:
                return list(self.call("POST", "/chat/messages", message)["messages"])
            except urllib.error.HTTPError as error:
                if error.code not in (500, 502, 503, 504):
                    self.problems.append(f"{error.code}: {error.read().decode()[:200]}")
                    return []
            except OSError:
                pass
            time.sleep(0.25 * (attempt + 1))
        self.problems.append("no answer after all tries")
        return []

    def answered(self) -> dict[str, int]:
        """Return how many replies each message got, as the site keeps it."""
        found: dict[str, int] = {}
        for message in self.call("GET", "/chat/messages")["messages"]:
            if message["from"] == "assistant":
                said = message["id"].rpartition(".")[0]
                found[said] = found.get(said, 0) + 1
            else:
                found.setdefault(message["id"], 0)
        return found


def check(people: list[Person], text: str = QUESTION) -> None:
    """See that each message of each person stands in their own conversation, answered once."""
    for person in people:
        assert person.problems == []
        answered = person.answered()
        assert list(answered) == person.sent
        # The answer, and the disclaimer or a reminder: never an answer twice.
        assert all(1 <= count <= 2 for count in answered.values()), answered


def talk(site: Topology, people: int, turns: int, meanwhile: Any = None) -> list[Person]:
    """Let several people talk at the same time, and do something meanwhile."""
    everyone = [Person(site.url) for _ in range(people)]
    for person in everyone:
        person.start()

    def say_all(person: Person) -> None:
        for _ in range(turns):
            person.say(QUESTION)

    threads = [threading.Thread(target=say_all, args=(person,)) for person in everyone]
    for thread in threads:
        thread.start()
    if meanwhile:
        meanwhile()
    for thread in threads:
        thread.join()
    return everyone


def served(site: Topology) -> list[int]:
    """Return how many messages each dialogue server has answered."""
    counts = []
    for server in site.dialogue:
        page = urllib.request.urlopen(server.probe.replace("/readyz", "/metrics")).read().decode()
        lines = [line for line in page.splitlines() if line.startswith("stridewell_turns_total{")]
        counts.append(int(sum(float(line.rpartition(" ")[2]) for line in lines)))
    return counts


def test_both_servers_share_the_work_and_no_conversation_mixes(site: Topology) -> None:
    people = talk(site, 8, 4)
    check(people)
    assert min(served(site)) > 0


def test_a_killed_dialogue_server_loses_and_doubles_nothing(site: Topology) -> None:
    def kill() -> None:
        time.sleep(0.5)
        site.dialogue[0].kill()

    people = talk(site, 4, 8, kill)
    site.dialogue[0].start()
    site.dialogue[0].wait()
    check(people)


def test_an_emergency_text_comes_without_the_action_server(site: Topology) -> None:
    assert site.actions
    site.actions.kill()
    try:
        person = Person(site.url)
        person.start()
        replies = person.say(EMERGENCY)
        assert [reply["kind"] for reply in replies][:1] == ["safety"]
        check(talk(site, 2, 2))
    finally:
        site.actions.start()
        site.actions.wait()


def test_a_request_id_goes_from_the_door_to_the_actions(site: Topology) -> None:
    person = Person(site.url)
    person.start()
    person.say(QUESTION)
    request = urllib.request.Request(f"{site.url}/healthz")
    with urllib.request.urlopen(request) as response:
        request_id = response.headers["X-Request-ID"]
    assert request_id
    assert request_id in (site.folder / "nginx.log").read_text()


def test_the_door_keeps_the_inner_routes_in(site: Topology) -> None:
    for path in ("/metrics", "/webhooks/rest/webhook", "/webhooks/rest/", "/conversations"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            urllib.request.urlopen(site.url + path)
        assert refusal.value.code == 404


def test_no_log_line_holds_words_or_ids(site: Topology) -> None:
    person = Person(site.url)
    person.start()
    person.say("my left buttock burns, is swimming good for that")
    logs = site.logs()
    assert "buttock" not in logs
    assert person.token.split(".")[1] not in logs
    assert "website-" not in logs
