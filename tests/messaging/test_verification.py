"""Who may call: signatures as the platforms document them, down to the last bit."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier
from twilio.request_validator import RequestValidator

from channels.messaging.platform import Request
from tests.messaging import fakes
from tests.messaging.conftest import PUBLIC_URL
from tests.messaging.test_rendering import BY_CHANNEL, PLATFORMS

BODY = b'{"object": "page", "entry": []}'


def ask(platform: str, body: bytes, headers: dict[str, str], **query: str) -> int:
    request = Request("POST", body, headers, query)
    return PLATFORMS[platform].receive(request).status


def signed(kind: type[fakes.Fake], event: Any, how: str = "right") -> tuple[bytes, dict[str, str]]:
    fake: Any = kind.__new__(kind)
    fake.webhook, fake.public_url = {"secret_token": "a-secret-of-our-own_42"}, PUBLIC_URL
    found: tuple[bytes, dict[str, str]] = fake.request(event, how)
    return found


EVENTS: dict[str, tuple[type[fakes.Fake], Any]] = {
    "telegram": (fakes.FakeTelegram, {"update_id": 1}),
    "twilio": (
        fakes.FakeTwilio,
        {"AccountSid": fakes.FakeTwilio.account, "Body": "", "From": "+1555", "To": "+1666"},
    ),
    "slack": (fakes.FakeSlack, {"type": "event_callback", "event": {}}),
    "messenger": (fakes.FakeMessenger, {"object": "page", "entry": []}),
}


@pytest.mark.parametrize("platform", EVENTS)
@pytest.mark.parametrize(("how", "status"), [("right", 200), ("none", 401), ("wrong", 401)])
def test_only_the_right_signature_is_taken(platform: str, how: str, status: int) -> None:
    kind, event = EVENTS[platform]
    assert ask(platform, *signed(kind, event, how)) == status


@pytest.mark.parametrize("platform", ["twilio", "slack", "messenger"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_single_changed_bit_of_the_body_is_noticed(platform: str, data: st.DataObject) -> None:
    kind, event = EVENTS[platform]
    body, headers = signed(kind, event)
    place = data.draw(st.integers(0, len(body) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(body)
    changed[place] ^= 1 << bit
    # %2B and %2b are the same value written differently, and Twilio signs values.
    assume(platform != "twilio" or _values(changed) != _values(body))
    assert ask(platform, bytes(changed), headers) in (400, 401)


@pytest.mark.parametrize("platform", EVENTS)
@given(junk=st.text(max_size=80), stamp=st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_junk_in_the_headers_is_refused_without_a_fault(
    platform: str, junk: str, stamp: str
) -> None:
    headers = dict.fromkeys(
        (
            "X-Telegram-Bot-Api-Secret-Token",
            "X-Twilio-Signature",
            "X-Slack-Signature",
            "X-Hub-Signature-256",
        ),
        junk.encode("utf-8", "ignore").decode(),
    )
    headers["X-Slack-Request-Timestamp"] = stamp
    assert ask(platform, BODY, headers) in (400, 401)


def _values(body: bytes | bytearray) -> dict[str, str]:
    return dict(parse_qsl(bytes(body).decode("latin-1"), keep_blank_values=True))


def test_slacks_documented_example_is_taken_by_the_verifier_we_use() -> None:
    class ThatDay(Clock):
        def now(self) -> float:
            return 1531420618.0

    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        "&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        "&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F"
        "commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    verifier = SignatureVerifier("8f742231b10e8888abcd99yyyzzz85a5", ThatDay())
    expected = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert verifier.is_valid(body, "1531420618", expected)


def test_twilios_documented_example_is_taken_by_the_validator_we_use() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    address = "https://mycompany.com/myapp.php?foo=1&bar=2"
    validator = RequestValidator("12345")
    assert validator.validate(address, form, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")


@pytest.mark.parametrize("age", [301, 3600, -301])
def test_a_slack_call_older_or_newer_than_five_minutes_is_refused(
    age: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, headers = signed(fakes.FakeSlack, {"type": "event_callback"})
    now = time.time()
    monkeypatch.setattr("slack_sdk.signature.time", lambda: now + age)
    assert ask("slack", body, headers) == 401


def test_twilio_is_checked_against_the_public_address_with_its_query() -> None:
    event = EVENTS["twilio"][1]
    fake: Any = fakes.FakeTwilio.__new__(fakes.FakeTwilio)
    fake.public_url, fake.path = PUBLIC_URL, "/webhooks/twilio/webhook?source=a%26b"
    body, headers = fake.request(event)
    assert ask("twilio", body, headers, source="a&b") == 200
    assert ask("twilio", body, headers, source="other") == 401


def test_another_accounts_messages_are_refused() -> None:
    event = {**EVENTS["twilio"][1], "AccountSid": "AC" + "9" * 32}
    assert ask("twilio", *signed(fakes.FakeTwilio, event)) == 401


def test_slacks_challenge_is_answered_only_when_it_is_signed() -> None:
    event = {"type": "url_verification", "challenge": "3eZbrw1aB"}
    body, headers = signed(fakes.FakeSlack, event)
    assert PLATFORMS["slack"].receive(Request("POST", body, headers, {})).body == "3eZbrw1aB"
    assert ask("slack", *signed(fakes.FakeSlack, event, "wrong")) == 401


@pytest.mark.parametrize(
    ("word", "status"), [(fakes.FakeMessenger.verify, 200), ("wrong", 401), ("", 401)]
)
def test_metas_challenge_is_answered_only_with_our_word(word: str, status: int) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": word, "hub.challenge": "1158201444"}
    answer = PLATFORMS["messenger"].receive(Request("GET", b"", {}, query))
    assert answer.status == status
    assert (answer.body == "1158201444") is (status == 200)


@pytest.mark.parametrize("channel", BY_CHANNEL)
@given(
    event=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "update_id",
                        "message",
                        "callback_query",
                        "chat",
                        "id",
                        "type",
                        "text",
                        "from",
                        "event",
                        "entry",
                        "messaging",
                        "sender",
                        "object",
                        "page",
                        "postback",
                        "payload",
                        "event_callback",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=80, deadline=None)
def test_no_signed_nonsense_causes_a_fault(channel: str, event: Any) -> None:
    platform = BY_CHANNEL[channel]
    if platform.name == "twilio":
        return
    kind = EVENTS[platform.name][0]
    assert ask(platform.name, *signed(kind, event)) in (200, 400)
