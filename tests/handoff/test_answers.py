"""What an answer in the form means; above all: what is no consent."""

from __future__ import annotations

import pytest

from stridewell.handoff.answers import Answer, Wish, is_question, read_answer


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("yes", Wish.YES), ("Yes please!", Wish.YES), ("ok, send it", Wish.YES),
        ("go ahead", Wish.YES), ("/affirm", Wish.YES), ("that\u2019s fine", Wish.YES),
        ("no", Wish.NO), ("No, don\u2019t send it", Wish.NO), ("/deny", Wish.NO),
        ("i'd rather not", Wish.NO), ("no thanks", Wish.NO),
        ("skip", Wish.SKIP), ("leave it blank", Wish.SKIP), ("none.", Wish.SKIP),
        ("cancel", Wish.CANCEL), ("never mind", Wish.CANCEL), ("STOP", Wish.CANCEL),
        ("I changed my mind", Wish.CANCEL),
        ("withdraw", Wish.WITHDRAW), ("I want to withdraw my consent", Wish.WITHDRAW),
        ("take it back please", Wish.WITHDRAW),
        ("change contact", Wish.CHANGE_CONTACT), ("edit my email address", Wish.CHANGE_CONTACT),
        ("change the note", Wish.CHANGE_NOTE), ("add it to the note", Wish.USE_LAST),
    ],
)  # fmt: skip
def test_plain_answers_are_understood(text: str, wish: Wish) -> None:
    assert read_answer(text).wish is wish


@pytest.mark.parametrize(
    "text",
    [
        "yes but not my phone number", "maybe", "I don't know", "yesterday it hurt",
        "is it safe to say yes?", "ok what does it cost", "not sure, ok?", "no idea", "hm",
        "yes if it is only the doctor", "sure is painful",
    ],
)  # fmt: skip
def test_whatever_is_not_plain_is_neither_yes_nor_no(text: str) -> None:
    assert read_answer(text).wish is Wish.OTHER


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("leave out 2", Answer(Wish.LEAVE_OUT, (2,))),
        ("remove messages 1, 3 and 4", Answer(Wish.LEAVE_OUT, (1, 3, 4))),
        ("correct 2: my LEFT leg", Answer(Wish.CORRECT, (2,), "my LEFT leg")),
        ("change line 1 to it began in May", Answer(Wish.CORRECT, (1,), "it began in May")),
        ("Note: call after six", Answer(Wish.NOTE, (), "call after six")),
        ("change my email to a@b.org", Answer(Wish.CHANGE_CONTACT, (), "a@b.org")),
        ("stop the pain is all I want", Answer(Wish.OTHER, (), "stop the pain is all I want")),
    ],
)
def test_changes_come_with_numbers_and_words(text: str, answer: Answer) -> None:
    assert read_answer(text) == answer


@pytest.mark.parametrize("text", ["Can I run?", "how long does it last", "it hurts. right?"])
def test_questions_are_seen(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text", ["It hurts when I run.", "Call me after six", "I was told to rest"]
)
def test_statements_are_no_questions(text: str) -> None:
    assert not is_question(text)
