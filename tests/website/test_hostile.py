"""Requests that a stranger might make: each gets the right status and leaves nothing behind."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest

from stridewell.web.sessions import AUDIENCE
from tests.conftest import Server
from tests.website.site import PARTNER, UNLIMITED, Client, raw, stored_events

KEY = UNLIMITED["STRIDEWELL_SECRET_KEY"]
ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def victim(site: Server) -> Client:
    """Somebody with a conversation."""
    person = Client(site.url).start()
    person.say("Does running help sciatica?")
    return person


@pytest.fixture
def untouched(site: Server, victim: Client) -> Iterator[None]:
    """Checks that a test neither stored anything nor changed the victim's conversation."""
    events, conversation = stored_events(site), victim.history()
    yield
    assert stored_events(site) == events
    assert victim.history() == conversation


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    sub = f"web-{secrets.token_hex(16)}"
    every = {"sub": sub, "aud": AUDIENCE, "iat": now, "exp": now + 600, **changed}
    return {name: value for name, value in every.items() if value is not None}


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    return f"{header}.{token.split('.')[1]}."


def swapped(token: str, other: str) -> str:
    head, _, signature = token.split(".")
    return ".".join((head, other.split(".")[1], signature))


TOKENS: dict[str, tuple[Callable[[str, str], str], str]] = {
    "no token": (lambda mine, theirs: "", "session_missing"),
    "stripped of its signature": (
        lambda mine, theirs: theirs.rpartition(".")[0] + ".",
        "session_invalid",
    ),
    "stripped to two parts": (
        lambda mine, theirs: theirs.rpartition(".")[0],
        "session_invalid",
    ),
    "unsigned": (lambda mine, theirs: unsigned(theirs), "session_invalid"),
    "the other's claims under my signature": (
        lambda mine, theirs: swapped(mine, theirs),
        "session_invalid",
    ),
    "the other's id under my own key": (
        lambda mine, theirs: jwt.encode(claims(), "x" * 40, algorithm="HS256"),
        "session_invalid",
    ),
    "expired": (
        lambda mine, theirs: jwt.encode(claims(exp=int(time.time()) - 1), KEY, algorithm="HS256"),
        "session_expired",
    ),
    "of another audience": (
        lambda mine, theirs: jwt.encode(claims(aud="other"), KEY, algorithm="HS256"),
        "session_invalid",
    ),
    "without an end": (
        lambda mine, theirs: jwt.encode(claims(exp=None), KEY, algorithm="HS256"),
        "session_invalid",
    ),
    "without an audience": (
        lambda mine, theirs: jwt.encode(claims(aud=None), KEY, algorithm="HS256"),
        "session_invalid",
    ),
    "of another channel's conversation": (
        lambda mine, theirs: jwt.encode(claims(sub="telegram-12345"), KEY, algorithm="HS256"),
        "session_invalid",
    ),
    "with another algorithm": (
        lambda mine, theirs: jwt.encode(claims(), KEY * 2, algorithm="HS512"),
        "session_invalid",
    ),
    "a plain conversation id": (lambda mine, theirs: "web-" + ID, "session_invalid"),
    "garbage": (lambda mine, theirs: "a.b.c", "session_invalid"),
    "very long": (lambda mine, theirs: "A" * 6000, "session_invalid"),
}
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/chat/messages", None),
    ("POST", "/chat/messages", {"id": ID, "text": "hello"}),
    ("DELETE", "/chat/conversation", None),
    ("POST", "/chat/feedback", {"message": f"{ID}.0", "rating": "up"}),
]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=lambda value: str(value)[:20])
def test_a_token_that_was_not_issued_opens_nothing(
    kind: str, method: str, path: str, body: Any, site: Server, victim: Client
) -> None:
    make, code = TOKENS[kind]
    mine = Client(site.url).start()
    stranger = Client(site.url, make(mine.token, victim.token))
    reply = stranger.call(method, path, body)
    assert (reply.status, reply.code) == (401, code)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "scheme", ["Basic", "bearerx", "Bearer Bearer", ""], ids=lambda value: value or "none"
)
def test_a_token_in_another_scheme_opens_nothing(scheme: str, victim: Client) -> None:
    header = {"Authorization": f"{scheme} {victim.token}".strip()}
    assert Client(victim.url).call("GET", "/chat/messages", headers=header).status == 401


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("where", ["cookie", "query", "body"])
def test_a_token_counts_only_in_its_header(where: str, victim: Client) -> None:
    stranger = Client(victim.url)
    message = {"id": ID, "text": "hello"}
    reply = {
        "cookie": lambda: stranger.call(
            "GET", "/chat/messages", headers={"Cookie": f"token={victim.token}"}
        ),
        "query": lambda: stranger.call("GET", f"/chat/messages?token={victim.token}"),
        "body": lambda: stranger.call("POST", "/chat/messages", {**message, "token": victim.token}),
    }[where]()
    assert reply.status == 401


@pytest.mark.usefixtures("untouched")
def test_a_stranger_cannot_rate_or_choose_what_another_was_told(
    site: Server, victim: Client
) -> None:
    stranger = Client(site.url).start()
    answer = next(m for m in victim.history() if m["from"] == "assistant")
    rated = stranger.call("POST", "/chat/feedback", {"message": answer["id"], "rating": "down"})
    assert rated.code == "unknown_message"
    disclaimer = next(m for m in victim.history() if m.get("choices"))
    assert stranger.send(choice=disclaimer["choices"][0]["id"]).code == "choice_not_offered"
    assert stranger.history() == []


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        PARTNER + ".evil.example",
        PARTNER.replace("https", "http"),
        PARTNER + ":8443",
        "https://evil.example/" + PARTNER,
        "file://",
    ],
)
def test_another_origin_is_refused_even_with_a_token(origin: str, victim: Client) -> None:
    reply = victim.call("POST", "/chat/messages", {"id": ID, "text": "hello"}, {"Origin": origin})
    assert (reply.status, reply.code) == (403, "origin_not_allowed")
    assert "access-control-allow-origin" not in reply.headers


BODIES: dict[str, tuple[Any, int, str]] = {
    "another sender id": ({"id": ID, "text": "hi", "sender": "web-" + ID}, 422, "invalid_request"),
    "metadata": ({"id": ID, "text": "hi", "metadata": {"a": 1}}, 422, "invalid_request"),
    "an input channel": (
        {"id": ID, "text": "hi", "input_channel": "rest"},
        422,
        "invalid_request",
    ),
    "a payload as a choice": ({"id": ID, "choice": "/request_handoff"}, 409, "choice_not_offered"),
    "a choice out of range": ({"id": ID, "choice": f"{ID}.0.99999"}, 409, "choice_not_offered"),
    "a choice with a huge number": (
        {"id": ID, "choice": "a.0." + "9" * 90},
        409,
        "choice_not_offered",
    ),
    "text and choice": ({"id": ID, "text": "hi", "choice": "x"}, 422, "invalid_request"),
    "neither text nor choice": ({"id": ID}, 422, "invalid_request"),
    "a number as text": ({"id": ID, "text": 5}, 422, "invalid_request"),
    "null as text": ({"id": ID, "text": None}, 422, "invalid_request"),
    "a list as text": ({"id": ID, "text": ["hi"]}, 422, "invalid_request"),
    "a short id": ({"id": "1", "text": "hi"}, 422, "invalid_request"),
    "an id with a line end": ({"id": ID + "\n", "text": "hi"}, 422, "invalid_request"),
    "an id with a path": ({"id": "../../../../etc/passwd", "text": "hi"}, 422, "invalid_request"),
    "null": (b"null", 422, "invalid_request"),
    "a list": (b"[]", 422, "invalid_request"),
    "a string": (b'"hi"', 422, "invalid_request"),
    "nothing": (b"", 422, "invalid_request"),
    "not JSON": (b"{id:", 400, "invalid_json"),
    "NaN": (b'{"id": NaN}', 400, "invalid_json"),
    "invalid UTF-8": (b'{"id": "' + ID.encode() + b'", "text": "\xff\xfe"}', 400, "invalid_json"),
    "UTF-16": (json.dumps({"id": ID, "text": "hi"}).encode("utf-16"), 400, "invalid_json"),
    "deeply nested": (b"[" * 12_000, 400, "invalid_json"),
    "only blanks": ({"id": ID, "text": " \u2003\n\t"}, 422, "text_empty"),
    "only control characters": ({"id": ID, "text": "\u0000\u0007\u001b"}, 422, "text_empty"),
    "only slashes": ({"id": ID, "text": "////"}, 422, "text_empty"),
    "too long": ({"id": ID, "text": "x" * 1001}, 422, "text_too_long"),
    "far too long": ({"id": ID, "text": "x" * 30_000}, 413, "too_large"),
    "oversized": (b'{"x": "' + b"x" * 2_000_000, 413, "too_large"),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", BODIES)
def test_a_body_of_the_wrong_form_is_refused(kind: str, victim: Client) -> None:
    body, status, code = BODIES[kind]
    try:
        reply = victim.call("POST", "/chat/messages", body)
    except (BrokenPipeError, ConnectionResetError):
        assert kind == "oversized"  # The server need not read on after it has refused.
        return
    assert (reply.status, reply.code) == (status, code)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("number", ["²", "-1", "1.0", "0 ", "0x0", "99", "9" * 60])
def test_an_offer_has_no_choice_of_another_number(number: str, victim: Client) -> None:
    offer = next(message["id"] for message in victim.history() if message.get("choices"))
    reply = victim.send(choice=f"{offer}.{number}")
    assert (reply.status, reply.code) == (409, "choice_not_offered")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json5"],
)
def test_a_form_of_another_site_cannot_post(content_type: str, victim: Client) -> None:
    body = json.dumps({"id": ID, "text": "hi"}).encode()
    reply = victim.call("POST", "/chat/messages", body, {"Content-Type": content_type})
    assert (reply.status, reply.code) == (415, "not_json")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "path",
    [
        "/static/../../credentials.yml",
        "/static/%2e%2e/%2e%2e/var/website.key",
        "/static/..%2f..%2fdomain.yml",
        "//etc/passwd",
        "/widget-../../domain.yml.js",
        "/chat/messages/web-" + ID,
        "/chat/messages%00",
        "/conversations/web-" + ID + "/tracker",
        "/model",
        "/chat/",
    ],
)
def test_no_path_leads_out_of_the_table(path: str, victim: Client) -> None:
    reply = victim.call("GET", path)
    assert reply.status in (400, 404)
    assert "Traceback" not in reply.text


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/chat/messages"),
        ("PATCH", "/chat/conversation"),
        ("DELETE", "/chat/messages"),
        ("POST", "/chat/conversation"),
        ("GET", "/chat/sessions"),
        ("POST", "/chat/config"),
    ],
)
def test_another_method_is_refused(method: str, path: str, victim: Client) -> None:
    assert victim.call(method, path).status == 405


HEAD = b"POST /chat/messages HTTP/1.1\r\nHost: localhost\r\n"
RAW: dict[str, tuple[bytes, set[int]]] = {
    "a header in the origin": (
        b"GET /chat/config HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n"
        b" Access-Control-Allow-Origin: *\r\n\r\n",
        {400, 403},
    ),
    "a line end in the path": (b"GET /chat/config\r\nX: y HTTP/1.1\r\nHost: a\r\n\r\n", {0, 400}),
    "two lengths": (
        HEAD + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
        {0, 400, 401, 413},
    ),
    "length and chunks": (
        HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        {0, 400, 401},
    ),
    "a negative length": (HEAD + b"Content-Length: -1\r\n\r\n", {0, 400, 401}),
    "a length that is no number": (HEAD + b"Content-Length: abc\r\n\r\n", {0, 400, 401}),
    "a broken chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", {0, 400, 401}),
    "invalid UTF-8 in a header": (
        b"GET /chat/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        {400, 401},
    ),
    "a huge header": (
        b"GET /chat/messages HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        {0, 400, 413, 431},
    ),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {0, 400}),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", RAW)
def test_broken_http_is_refused(kind: str, site: Server) -> None:
    request, statuses = RAW[kind]
    assert raw(site.url, request) in statuses


def test_odd_characters_are_text_and_nothing_else(site: Server) -> None:
    person = Client(site.url).start()
    for text in (
        "\ud83d",
        "a\u0000b",
        "\u202eright to left",
        "<img src=x onerror=alert(1)>",
        "🏃" * 9,
    ):
        assert person.send(text=text).status == 200
    assert person.history()[0]["text"] == "\ufffd"
