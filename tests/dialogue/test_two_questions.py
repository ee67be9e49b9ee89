"""Two questions in one message get both answers, in order; one question is never cut in two."""

from __future__ import annotations

import pytest

from stridewell.language import QuestionBorders, build_pipeline
from tests.dialogue.conftest import read
from tests.dialogue.scoring import fits, replied, report
from tests.dialogue.talk import Talk

MESSAGES = read("two_questions.yml")
FLOOR = 0.85
PIPELINE = build_pipeline()
BORDERS = QuestionBorders(PIPELINE.vocab)


def asking(text: str) -> list[str]:
    """Return the parts of a message that ask something."""
    return [part.span.text for part in BORDERS.parts(PIPELINE(text)) if part.asks]


def test_there_are_dialogues_enough() -> None:
    assert len(MESSAGES["two"]) >= 30
    assert len(MESSAGES["one"]) >= 20


def test_two_questions_get_two_answers_in_order(talk: Talk) -> None:
    wrong = []
    for message in MESSAGES["two"]:
        topics = replied(talk.say(message["say"])[-1])
        if not fits(topics, message["topics"]):
            wrong.append(f"  {message['say']!r}: {topics}, wanted {message['topics']}")
    total = len(MESSAGES["two"])
    assert 1 - len(wrong) / total >= FLOOR, report(wrong, total)


def test_one_question_gets_one_answer(talk: Talk) -> None:
    wrong = []
    for text in MESSAGES["one"]:
        topics = replied(talk.say(text)[-1])
        if len(topics) > 1:
            wrong.append(f"  {text!r}: {topics}")
    assert not wrong, report(wrong, len(MESSAGES["one"]))


def test_two_answers_share_one_disclaimer(talk: Talk) -> None:
    turn = talk.say("does running help sciatica, and what about swimming?")[-1]
    assert turn.actions.count("action_medical_disclaimer") == 1
    assert turn.actions[-1] == "action_medical_disclaimer"


def test_a_third_question_is_left_for_later(talk: Talk) -> None:
    text = "What is sciatica? Can running cause sciatica? Is swimming good for sciatica?"
    topics = replied(talk.say(text)[-1])
    assert topics == ["ask_what_is_sciatica", "ask_can_running_cause_sciatica"]


def test_a_warning_sign_among_the_questions_gets_the_safety_text_alone(talk: Talk) -> None:
    text = "Does running help sciatica? And why can't I feel it when I pee since this morning?"
    assert talk.say(text)[-1].actions == ["utter_emergency"]


@pytest.mark.parametrize(
    "text",
    [
        "should I run or should I rest?",
        "running with sciatica and back pain",
        "warm up and cool down",
        "swimming or cycling?",
        "is it the running or the sitting that causes it",
        "what kind of shoes should I wear",
        "how long should I rest",
        "when I run it hurts and when I stop it goes",
        "my back hurts should i stop running",
        "I have sciatica, can I run?",
    ],
)
def test_nothing_is_cut_where_one_thing_is_asked(text: str) -> None:
    assert len(asking(text)) <= 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "does running help what shoes should i wear",
            ["does running help", "what shoes should i wear"],
        ),
        (
            "can I run with sciatica and which shoes?",
            ["can I run with sciatica", "which shoes?"],
        ),
        (
            "I have sciatica, can I run and is swimming better?",
            ["I have sciatica, can I run", "is swimming better?"],
        ),
        (
            "tips for running with sciatica and when should i stop",
            ["tips for running with sciatica", "when should i stop"],
        ),
        ("I love running. Is it safe? Will it help?", ["Is it safe?", "Will it help?"]),
    ],
)
def test_a_message_is_cut_where_a_further_question_starts(text: str, parts: list[str]) -> None:
    assert asking(text) == parts
