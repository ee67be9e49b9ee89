"""HTTP on this machine: who may call, what is refused, and under which id it is kept."""

from __future__ import annotations

import json
import sqlite3
import urllib.error
import urllib.request
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Server


def status_of(server: Server, body: Any, **headers: str) -> int:
    """Send a body to the channel and return the status of the answer."""
    request = urllib.request.Request(
        f"{server.url}/webhooks/rest/webhook",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def senders(server: Server) -> set[str]:
    """Return the ids of all conversations that the server keeps."""
    with sqlite3.connect(server.site.folder / "stridewell.db") as database:
        return {row[0] for row in database.execute("SELECT DISTINCT sender_id FROM events")}


@pytest.mark.parametrize("prefix", ["telegram:", "web-", "slack:T1:", ""])
def test_no_sender_reaches_another_channels_conversation(server: Server, prefix: str) -> None:
    sender = f"{prefix}{uuid4().hex}"
    assert server.texts("/greet", sender)
    assert {found for found in senders(server) if sender in found} == {f"rest:{sender}"}


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_a_call_through_a_proxy_is_refused(server: Server, header: str) -> None:
    before = senders(server)
    body = {"sender": uuid4().hex, "message": "hello"}
    assert status_of(server, body, **{header: "127.0.0.1"}) == 403
    assert senders(server) == before


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "hello",
        {},
        {"message": None},
        {"message": ""},
        {"message": 5},
        {"message": "x" * 20_001},
        {"message": "hello", "sender": 5},
    ],
    ids=lambda body: str(body)[:30],
)
def test_a_body_of_the_wrong_form_is_refused(server: Server, body: Any) -> None:
    before = senders(server)
    assert status_of(server, body) == 400
    assert senders(server) == before
