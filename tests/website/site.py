"""A running site for the website's tests, started once for all of them, and a client of its API."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import sqlite3
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stridewell import run as launcher
from stridewell.processes import wait_until
from tests.conftest import Server, start_server

PARTNER = "https://www.partner.example"
UNLIMITED = {
    "STRIDEWELL_MESSAGE_RATES": "100000 per minute",
    "STRIDEWELL_ADDRESS_RATES": "100000 per minute",
    "STRIDEWELL_SESSION_RATES": "100000 per minute",
    "STRIDEWELL_ALLOWED_ORIGINS": PARTNER,
    "STRIDEWELL_SECRET_KEY": "the-key-of-the-tests-0123456789-abcdef",
}


@cache
def running_site(model: Path, at_the_end: ExitStack) -> Server:
    """Start a site without rate limits; it is stopped when the tests end."""
    folder = at_the_end.enter_context(tempfile.TemporaryDirectory(prefix="stridewell-web-"))
    before = {name: os.environ.get(name) for name in UNLIMITED}
    os.environ.update(UNLIMITED)
    try:
        running = start_server(Path(folder), model)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    at_the_end.callback(launcher.stop, running.supervisor)
    return running


def stop_dialogue(site: Server) -> None:
    """Stop the dialogue server as an operator would."""
    site._supervisorctl("stop", "dialogue")


def start_dialogue(site: Server) -> None:
    """Start the dialogue server again and wait until it answers."""
    site._supervisorctl("start", "dialogue")
    assert wait_until(lambda: is_ready(site.url), lambda: True, 120)


def is_ready(url: str) -> bool:
    """Tell whether the site says that it can answer."""
    try:
        return Client(url).call("GET", "/readyz").status == 200
    except OSError:
        return False


def stored_events(site: Server) -> int:
    """Return how many events the site keeps of all website conversations."""
    with sqlite3.connect(site.site.folder / "stridewell.db") as database:
        found = database.execute("SELECT count(*) FROM events WHERE sender_id LIKE 'web-%'")
        return int(found.fetchone()[0])


@dataclass(frozen=True)
class Reply:
    """What came back: status, headers in lower case, and the body, parsed if it is JSON."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The parsed body; None when there is none."""
        return json.loads(self.text) if self.text else None

    @property
    def code(self) -> str:
        """The stable code of an error; empty when it is none."""
        return str(self.json["error"]["code"]) if self.status >= 400 else ""


@dataclass
class Client:
    """A person's browser, as far as the API sees it."""

    url: str
    token: str = ""

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Make a call: a dict is sent as JSON, bytes as they are."""
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        every = {"Content-Type": "application/json"} if sent is not None else {}
        if self.token:
            every["Authorization"] = f"Bearer {self.token}"
        every.update(headers or {})
        # A server may close a connection that it refused a body on: each call is a new one.
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, path, sent, every)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, text)
        finally:
            connection.close()

    def start(self) -> Client:
        """Start a session."""
        reply = self.call("POST", "/chat/sessions", {})
        assert reply.status == 201, reply.text
        self.token = reply.json["token"]
        return self

    def send(self, **message: Any) -> Reply:
        """Send a message under a new id, unless one is given."""
        return self.call("POST", "/chat/messages", {"id": secrets.token_hex(16), **message})

    def say(self, text: str) -> list[dict[str, Any]]:
        """Say something and return the replies."""
        reply = self.send(text=text)
        assert reply.status == 200, reply.text
        messages: list[dict[str, Any]] = reply.json["messages"]
        return messages

    def history(self) -> list[dict[str, Any]]:
        """Return the conversation."""
        reply = self.call("GET", "/chat/messages")
        assert reply.status == 200, reply.text
        messages: list[dict[str, Any]] = reply.json["messages"]
        return messages


def raw(url: str, request: bytes) -> int:
    """Send bytes as they are and return the status of the answer; 0 if the line was just closed."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port or 80), timeout=20) as line:
        line.sendall(request)
        line.settimeout(20)
        answer = b""
        while b"\r\n" not in answer:
            part = line.recv(4096)
            if not part:
                return 0
            answer += part
    return int(answer.split(b" ", 2)[1])
