"""What the person is told when something goes wrong behind the website's API."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from limits import parse_many

from stridewell.web.settings import WebsiteSettings
from tests.website.faulty import FaultySite
from tests.website.site import Client

SETTINGS = WebsiteSettings(
    secret_key="k" * 40,
    message_rates=tuple(parse_many("1000 per minute")),
    address_rates=tuple(parse_many("1000 per minute")),
    session_rates=tuple(parse_many("1000 per minute")),
    turn_seconds=1.0,
)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultySite]:
    running = FaultySite(tmp_path_factory.mktemp("faulty"), SETTINGS)
    yield running
    running.stop()


@pytest.fixture
def person(faulty: FaultySite) -> Client:
    return Client(faulty.url).start()


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    sites: list[FaultySite] = []

    def start(**rates: str) -> Client:
        fields = {name: tuple(parse_many(value)) for name, value in rates.items()}
        settings = WebsiteSettings(**{**SETTINGS.__dict__, **fields, "trusted_proxies": 1})
        sites.append(FaultySite(tmp_path, settings))
        return Client(sites[-1].url)

    yield start
    for site in sites:
        site.stop()


def test_an_answer_that_takes_too_long_is_an_error(person: Client) -> None:
    reply = person.send(text="hang")
    assert (reply.status, reply.code) == (504, "timed_out")


def test_what_was_said_before_the_time_out_is_not_lost(person: Client) -> None:
    reply = person.send(text="half")
    assert reply.code == "timed_out"
    assert [message["text"] for message in reply.json["messages"]] == ["The first half."]


def test_an_empty_answer_is_an_error_and_may_be_tried_again(
    person: Client, faulty: FaultySite
) -> None:
    number = secrets.token_hex(16)
    for _ in range(2):
        reply = person.send(id=number, text="silence")
        assert (reply.status, reply.code) == (502, "no_answer")
    assert [message["from"] for message in person.history()] == ["person"]


def test_a_crash_tells_nothing_of_its_cause(person: Client) -> None:
    reply = person.send(text="crash")
    assert (reply.status, reply.code) == (500, "turn_failed")
    assert "on demand" not in reply.text


def test_the_next_message_is_answered_after_a_time_out(person: Client) -> None:
    person.send(text="hang")
    assert person.send(text="hello").status == 200


def test_a_server_that_still_loads_says_so(faulty: FaultySite, person: Client) -> None:
    faulty.agent.ready = False
    try:
        reply = person.send(text="hello")
        assert (reply.status, reply.code) == (503, "not_ready")
        assert reply.headers["retry-after"] == "3"
        assert Client(faulty.url).call("GET", "/readyz").status == 503
        assert Client(faulty.url).call("GET", "/healthz").status == 200
    finally:
        faulty.agent.ready = True


def test_a_reply_that_got_lost_on_the_way_is_found_again(
    person: Client, faulty: FaultySite
) -> None:
    number = secrets.token_hex(16)
    line = http.client.HTTPConnection(urlsplit(faulty.url).netloc)
    body = json.dumps({"id": number, "text": "slow"})
    header = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    line.request("POST", "/chat/messages", body, header)
    time.sleep(0.2)
    line.close()
    assert person.send(id=number, text="slow").json["messages"][0]["text"] == "An answer."
    assert faulty.processor.turns.count("slow") == 1


def test_a_turn_under_way_does_not_outlive_a_deletion(person: Client, faulty: FaultySite) -> None:
    with ThreadPoolExecutor(2) as pool:
        turn = pool.submit(person.send, text="slow")
        time.sleep(0.2)
        late = pool.submit(person.call, "DELETE", "/chat/conversation")
        assert turn.result().status == 200
        assert late.result().status == 204
    assert Client(faulty.url, person.token).call("GET", "/chat/messages").code == "session_ended"
    with faulty.store.session_scope() as session:
        texts = [row.data for row in session.query(faulty.store.SQLEvent).all()]
    assert sum("slow" in text for text in texts) <= 1  # Only that of the test before.


def test_a_session_may_not_send_more_than_its_rate(limited: Callable[..., Client]) -> None:
    person = limited(message_rates="3 per minute").start()
    replies = [person.send(text="hello") for _ in range(4)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429]
    assert 0 < int(replies[-1].headers["retry-after"]) <= 61
    assert "wait" in replies[-1].json["error"]["message"]


def test_an_address_may_not_start_more_sessions_than_its_rate(
    limited: Callable[..., Client],
) -> None:
    stranger = limited(session_rates="2 per minute")
    replies = [stranger.call("POST", "/chat/sessions", {}) for _ in range(3)]
    assert [reply.status for reply in replies] == [201, 201, 429]


def test_one_address_does_not_use_up_the_rate_of_another(limited: Callable[..., Client]) -> None:
    stranger = limited(address_rates="2 per minute")

    def calls(address: str) -> list[int]:
        header = {"X-Forwarded-For": f"10.9.9.9, {address}"}
        return [stranger.call("GET", "/chat/config", headers=header).status for _ in range(3)]

    assert calls("192.0.2.1") == [200, 200, 429]
    assert calls("192.0.2.2") == [200, 200, 429]


def test_an_expired_session_says_so(tmp_path: Path) -> None:
    settings = WebsiteSettings(**{**SETTINGS.__dict__, "session_hours": 1 / 3600})
    site = FaultySite(tmp_path, settings)
    person = Client(site.url).start()
    time.sleep(2.1)
    assert person.send(text="hello").code == "session_expired"
    site.stop()
