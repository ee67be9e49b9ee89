"""Every text and every choice fits every platform: lengths, escaping, places to split."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.messaging.message import BotMessage, Choice, Offer, Piece
from channels.messaging.platform import Platform
from channels.messaging.rendering import (
    clean,
    escape_mrkdwn,
    numbered,
    picked_number,
    same_title,
    shorten,
    split,
    to_html,
    to_mrkdwn,
    to_plain,
    utf16_length,
)
from channels.messaging.settings import switched_on
from channels.messenger import Messenger
from channels.slack import Slack, unescape
from channels.telegram import Telegram
from channels.twilio import Twilio
from tests.messaging import fakes

ENVIRONMENT = {
    "STRIDEWELL_PUBLIC_URL": "https://bot.example.test",
    "STRIDEWELL_TELEGRAM_TOKEN": fakes.FakeTelegram.token,
    "STRIDEWELL_TELEGRAM_SECRET": "a-secret-of-our-own_42",
    "STRIDEWELL_TWILIO_ACCOUNT": fakes.FakeTwilio.account,
    "STRIDEWELL_TWILIO_TOKEN": fakes.FakeTwilio.token,
    "STRIDEWELL_SLACK_TOKEN": fakes.FakeSlack.token,
    "STRIDEWELL_SLACK_SECRET": fakes.FakeSlack.secret,
    "STRIDEWELL_MESSENGER_TOKEN": fakes.FakeMessenger.token,
    "STRIDEWELL_MESSENGER_SECRET": fakes.FakeMessenger.secret,
    "STRIDEWELL_MESSENGER_VERIFY": fakes.FakeMessenger.verify,
}
CLASSES: dict[str, Any] = {
    "telegram": Telegram,
    "twilio": Twilio,
    "slack": Slack,
    "messenger": Messenger,
}
PLATFORMS: dict[str, Platform] = {
    found.name: CLASSES[found.name](found) for found in switched_on(ENVIRONMENT)
}
BY_CHANNEL = {channel: p for p in PLATFORMS.values() for channel in p.channels}

words = st.text(min_size=1, max_size=60).filter(lambda text: clean(text) != "")
markup = st.sampled_from(["**bold** ", "[a page](https://x.test/?a=1&b=2) ", "<b>&amp; ", "*_~` "])
long_texts = st.lists(st.one_of(words, markup), min_size=1, max_size=200).map(
    lambda parts: clean(" ".join(parts)) or "x"
)
choices = st.lists(st.builds(Choice, words.map(clean), st.just("/ask_more")), max_size=45)
messages = st.builds(
    BotMessage,
    text=long_texts,
    choices=choices.map(tuple),
    sources=st.lists(words.map(clean), max_size=5).map(tuple),
    feedback=st.sampled_from([(), (Choice("Helpful", "/a"), Choice("Not helpful", "/b"))]),
)


def render(channel: str, message: BotMessage) -> list[Piece]:
    platform = BY_CHANNEL[channel]
    shown = platform.offered(channel, message)
    offer = Offer("aBcDeFgHiJkL", "telegram:1", "t", shown) if shown else None
    return platform.render(channel, message, offer)


def broken_rule(channel: str, body: dict[str, Any]) -> str:
    """Return the documented rule that a message breaks, checked as the stand-ins check it."""
    if channel == "slack":
        return fakes.FakeSlack._check(None, body)  # type: ignore[arg-type]
    if channel == "messenger":
        values = {"messaging_type": "RESPONSE", "message": body}
        return fakes.FakeMessenger._check(None, values)  # type: ignore[arg-type]
    if channel != "telegram":
        return "" if 1 <= len(body["Body"]) <= 1600 else "length"
    tags = fakes._Tags()
    if body.get("parse_mode"):
        tags.feed(body["text"])
        tags.close()
    else:
        tags.text = body["text"]
    buttons = [b for row in body.get("reply_markup", {}).get("inline_keyboard", []) for b in row]
    if tags.error or tags.open:
        return f"HTML: {tags.error}"
    if not tags.text.strip() or utf16_length(tags.text) > 4096:
        return "length"
    if any(not 1 <= len(b["callback_data"].encode()) <= 64 or not b["text"] for b in buttons):
        return "buttons"
    return "" if len(buttons) <= 100 else "too many buttons"


@pytest.mark.parametrize("channel", BY_CHANNEL)
@given(message=messages)
@settings(max_examples=60, deadline=None)
def test_whatever_is_said_breaks_no_rule_of_the_platform(channel: str, message: BotMessage) -> None:
    for piece in render(channel, message):
        assert broken_rule(channel, piece.body) == ""
        if piece.plain is not None:
            assert broken_rule(channel, piece.plain) == ""
        json.dumps(piece.body)


@pytest.mark.parametrize("channel", BY_CHANNEL)
@given(message=messages)
@settings(max_examples=30, deadline=None)
def test_every_word_arrives(channel: str, message: BotMessage) -> None:
    plain = BotMessage(re.sub(r"[^\w ]", "", message.text).strip() or "x")
    shown = " ".join(
        str(piece.body.get("text") or piece.body.get("Body")) for piece in render(channel, plain)
    )
    assert "".join(shown.split()) == "".join(plain.text.split())


@given(text=long_texts, limit=st.integers(min_value=20, max_value=400))
@settings(max_examples=150, deadline=None)
def test_split_parts_fit_and_lose_nothing(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(0 < utf16_length(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_long_text_is_split_at_the_end_of_a_sentence() -> None:
    text = "Start slowly. Stop if it hurts more. Ask a doctor first. Rest when pain is sharp."
    assert split(text, 40) == [
        "Start slowly. Stop if it hurts more.",
        "Ask a doctor first.",
        "Rest when pain is sharp.",
    ]


def test_an_abbreviation_ends_no_sentence() -> None:
    assert split("You should really go and see Dr. Miller about that.", 35) == [
        "You should really go and see Dr.",
        "Miller about that.",
    ] or split("You should really go and see Dr. Miller about that.", 35)[0].endswith("see")


def test_a_character_of_several_parts_is_not_torn() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    parts = split(family * 10, 20)
    assert all(part == family * (len(part) // len(family)) for part in parts)


def test_a_link_is_not_torn() -> None:
    text = "words " * 5 + "[a page with a long name](https://example.org/a/b/c) and so on"
    assert any("[a page with a long name](https://example.org/a/b/c)" in p for p in split(text, 70))


@pytest.mark.parametrize(
    ("typed", "html", "mrkdwn"),
    [
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("**Stop** now", "<b>Stop</b> now", "*Stop* now"),
        (
            "[NHS](https://x.test/?a=1&b=2)",
            '<a href="https://x.test/?a=1&amp;b=2">NHS</a>',
            "<https://x.test/?a=1&amp;b=2|NHS>",
        ),
        ("<!channel> <@U1>", "&lt;!channel&gt; &lt;@U1&gt;", "&lt;!channel&gt; &lt;@U1&gt;"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("2 * 3 ** 4", "2 * 3 ** 4", "2 * 3 ** 4"),
    ],
)
def test_markup_is_turned_into_the_platforms_own(typed: str, html: str, mrkdwn: str) -> None:
    assert to_html(typed) == html
    assert to_mrkdwn(typed) == mrkdwn


def test_platforms_without_markup_get_the_address_in_brackets() -> None:
    text = "**Call** the [front desk](tel:+441234) or see [the page](https://x.test)"
    assert to_plain(text) == "Call the front desk (+441234) or see the page (https://x.test)"


@given(text=st.text(max_size=200))
def test_what_slack_escapes_is_read_back_as_typed(text: str) -> None:
    typed = clean(text).replace("\x00", "")
    assert unescape(escape_mrkdwn(typed)) == typed.strip()


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("2", 2),
        (" 2. ", 2),
        ("2)", 2),
        ("#2", 2),
        ("option 2", 2),
        ("Number 3", 3),
        ("two", 2),
        ("Three!", 3),
        ("2\ufe0f\u20e3", 2),
        ("12", 12),
        ("200", None),
        ("2 weeks", None),
        ("I ran 2", None),
        ("07700 900123", None),
        ("", None),
        ("no", None),
    ],
)
def test_a_number_that_answers_a_list_is_understood(typed: str, number: int | None) -> None:
    assert picked_number(typed) == number


def test_a_title_typed_out_is_understood() -> None:
    titles = ["When to stop", "Safe with sciatica?"]
    assert same_title(" safe with SCIATICA ", titles) == 1
    assert same_title("safe", titles) is None
    assert same_title("!", titles) is None


def test_a_list_counts_on_where_the_message_before_ended() -> None:
    three = [Choice("A", "/a"), Choice("B", "/b"), Choice("C", "/c")]
    assert numbered(three, 4) == "Reply 4 to 6:\n4. A\n5. B\n6. C"
    assert numbered(three[:2]) == "Reply 1 or 2:\n1. A\n2. B"
    assert numbered(three[:1]) == "Reply 1 for: A"


@given(title=st.text(max_size=200), limit=st.integers(min_value=5, max_value=80))
def test_a_shortened_title_fits_and_is_never_empty(title: str, limit: int) -> None:
    assert 1 <= utf16_length(shorten(title, limit)) <= limit


def test_a_title_too_long_for_a_messenger_button_stands_in_full_in_the_text() -> None:
    title = "Is it safe to run with a worn disc?"
    message = BotMessage("Which one?", (Choice(title, "/a"), Choice("No", "/b")))
    body = render("messenger", message)[0].body
    assert f"1. {title}" in body["attachment"]["payload"]["text"]


def test_callback_data_names_an_offer_and_nothing_else() -> None:
    message = BotMessage("Well?", (Choice("Yes", '/affirm{"secret": "health data"}'),))
    for channel in ("telegram", "slack", "messenger"):
        sent = json.dumps(render(channel, message)[0].body)
        assert "o:aBcDeFgHiJkL:0" in sent
        assert "affirm" not in sent


def test_sms_says_briefly_how_to_see_the_sources() -> None:
    message = BotMessage("An answer.", sources=("One", "Two"))
    assert 'Ask "where is this from?"' in render("sms", message)[0].body["Body"]
    assert "Sources: One; Two" in render("whatsapp", message)[0].body["Body"]
