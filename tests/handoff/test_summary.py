"""The summary: ten scripted conversations word for word, and what a text must never change."""

from __future__ import annotations

import json
import re

import pytest

from stridewell.content.register import load_register
from stridewell.handoff.conversation import read_conversation
from stridewell.handoff.settings import SiteSettings
from stridewell.handoff.signs import SIGN_NAMES
from stridewell.handoff.summary import Edits, build_summary, summary_data, summary_text
from stridewell.handoff.text import one_line
from stridewell.safety.finding import SIGNS
from stridewell.settings import ROOT
from tests.handoff.scripts import NAMES, read_script


def test_there_are_ten_scripts() -> None:
    assert len(NAMES) == 10


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_is_the_expected_one_word_for_word(name: str) -> None:
    script = read_script(name)
    assert summary_text(script.summary) == script.expected.rstrip("\n")


@pytest.mark.parametrize("name", NAMES)
def test_the_data_survives_json_and_holds_the_same_words(name: str) -> None:
    script = read_script(name)
    data = json.loads(json.dumps(summary_data(script.summary, "ABCD-EFGH")))
    text = summary_text(script.summary, "ABCD-EFGH")
    for words in data["situation"]["words"]:
        assert words["text"] in text
    assert data["reference"] == "ABCD-EFGH"


@pytest.mark.parametrize("name", NAMES)
def test_the_text_is_made_to_be_read_aloud(name: str) -> None:
    text = summary_text(read_script(name).summary)
    assert "\n\n" not in text, "a blank line would split the message in two"
    drawn = re.compile(r"[-=_*#~|+.]{3,}|[\u2500-\u259f\u2022\t]")
    lines = [re.sub(r'"[^\n]*"', "", line) for line in text.split("\n")]
    assert not [line for line in lines if drawn.search(line)]


@pytest.mark.parametrize("name", NAMES)
def test_each_part_stands_once_and_in_order_whatever_the_person_typed(name: str) -> None:
    lines = summary_text(read_script(name).summary).split("\n")
    parts = ["Situation", "Background", "Assessment", "Recommendation"]
    assert [line for line in lines if line in parts] == parts


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_assessed(name: str) -> None:
    lines = summary_text(read_script(name).summary).split("\n")
    assert lines[lines.index("Assessment") + 1] == "None: automated, no clinical assessment."


def test_a_sign_in_a_message_that_was_left_out_is_left_out_too() -> None:
    user = {
        "event": "user",
        "timestamp": 1_795_000_000.0,
        "text": "I have a fever",
        "parse_data": {"safety": {"tier": "same_day", "signs": ["fever"], "status": "self"}},
    }
    conversation = read_conversation([user])
    register = load_register(ROOT)
    with_it = summary_text(build_summary(conversation, register, SiteSettings(), 1_795_000_000))
    assert "Warning signs the person mentioned: fever" in with_it
    without = summary_text(
        build_summary(conversation, register, SiteSettings(), 1_795_000_000, Edits(frozenset({1})))
    )
    assert "Warning signs the person mentioned: none." in without
    assert "The person left out 1 message." in without


def test_every_sign_of_the_screen_has_a_plain_name() -> None:
    assert set(SIGN_NAMES) == set(SIGNS)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("one\r\ntwo", "one two"),
        ("a\u2028b\x00c\x1b[31m", "a b c [31m"),
        ("left\u202eright\u2066", "leftright"),
        ("<b>{slot} {{7*7}} %s</b>", "<b>{slot} {{7*7}} %s</b>"),
        ("  caf\u00e9 \U0001f3c3\u200d\u2640\ufe0f  ", "caf\u00e9 \U0001f3c3\u200d\u2640\ufe0f"),
    ],
)
def test_one_line_takes_out_only_what_changes_more_than_the_text(typed: str, shown: str) -> None:
    assert one_line(typed) == shown
