"""Messages that lean on the one before are understood in context, and asked back without it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from rasa.shared.core.domain import Domain

from stridewell.follow_ups import (
    SAME,
    FollowUp,
    FollowUpError,
    FollowUps,
    read_content,
    read_table,
)
from stridewell.language import build_pipeline
from stridewell.turn import OWN_ACTIONS, Choice, Context, Plan, plan_turn
from tests.dialogue.conftest import read
from tests.dialogue.scoring import replied, report
from tests.dialogue.talk import Talk

DIALOGUES = read("follow_ups.yml")
FLOOR = 0.85
ROOT = Path(__file__).resolve().parents[2]
PIPELINE = build_pipeline()


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    """The project's table, to break in one place."""
    return copy.deepcopy(dict(read_content()))


@pytest.fixture(scope="module")
def domain() -> Domain:
    """The project's domain."""
    return Domain.from_file(str(ROOT / "domain.yml"))


def misses(talk: Talk, dialogues: list[dict[str, Any]]) -> list[str]:
    """Return the dialogues that did not end in one of the topics wanted."""
    wrong = []
    for dialogue in dialogues:
        topics = replied(talk.say(*dialogue["before"], dialogue["say"])[-1])
        if len(topics) != 1 or topics[0] not in dialogue["topic"]:
            wrong.append(
                f"  {dialogue['before']} {dialogue['say']!r}: {topics}, wanted {dialogue['topic']}"
            )
    return wrong


def plan(understanding: dict[str, Any], context: Context, **options: Any) -> Plan | None:
    """Plan a turn for an assistant that knows three topics."""
    responses = {
        "utter_ask_swimming",
        "utter_ask_when_to_stop",
        "utter_ask_safe_to_run_sciatica",
        "utter_ask_safe_to_run_back_pain",
        "utter_request_handoff",
    }
    answered = {name.removeprefix("utter_") for name in responses if "ask_" in name}
    return plan_turn(
        options.get("intent", "nlu_fallback"),
        understanding,
        options.get("safety", {}),
        context,
        answered,
        responses,
        text=options.get("text", "the words do not matter here"),
    )


def leaning(kind: str, **details: Any) -> dict[str, Any]:
    """Return what is made of a message that leans on the one before."""
    return {"subjects": [], "follow_up": FollowUp(kind, **details).as_data()}


# Whole dialogues with the trained model


def test_there_are_dialogues_enough() -> None:
    assert len(DIALOGUES["in_context"]) >= 30


def test_follow_ups_are_answered_in_context(talk: Talk) -> None:
    wrong = misses(talk, DIALOGUES["in_context"])
    total = len(DIALOGUES["in_context"])
    assert 1 - len(wrong) / total >= FLOOR, report(wrong, total)


def test_a_full_question_is_answered_for_itself(talk: Talk) -> None:
    wrong = misses(talk, DIALOGUES["self_contained"])
    assert not wrong, report(wrong, len(DIALOGUES["self_contained"]))


@pytest.mark.parametrize("message", DIALOGUES["out_of_context"])
def test_without_context_the_assistant_asks_back(message: str, talk: Talk) -> None:
    assert talk.say(message)[-1].actions == ["utter_ask_again"]


@pytest.mark.parametrize("dialogue", DIALOGUES["after_an_offer"], ids=lambda d: str(d["say"]))
def test_an_offer_can_be_taken_up(dialogue: dict[str, Any], talk: Talk) -> None:
    turn = talk.say(*dialogue["before"], dialogue["say"])[-1]
    assert turn.actions[0] in dialogue["reply"]


@pytest.mark.parametrize(
    "message", ["any good films?", "what's the weather like?", "can I park there?", "is it raining"]
)
def test_another_subject_is_not_drawn_into_the_talk(message: str, talk: Talk) -> None:
    turn = talk.say("does running help sciatica?", message)[-1]
    assert "action_medical_disclaimer" not in turn.actions


# Recognizing


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("and swimming?", "thing"),
        ("what about for back pain?", "subject"),
        ("Why is that??", "why"),
        ("ok thanks, so should I stop then", "stop"),
        ("hmm, is it safe though", "safe"),
        ("what about swiming", "thing"),
    ],
)
def test_a_message_that_leans_on_the_one_before_is_recognized(
    text: str, kind: str, follow_ups: FollowUps
) -> None:
    found = follow_ups.recognize(PIPELINE(text))
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    "text",
    [
        "is it safe to run with sciatica?",
        "does running help sciatica",
        "I have back pain",
        "why does my lower back hurt after running?",
        "which shoes should I wear for running",
        "can I swim if my leg is numb",
        "",
        "???",
    ],
)
def test_a_full_message_is_not_taken_for_one(text: str, follow_ups: FollowUps) -> None:
    assert follow_ups.recognize(PIPELINE(text)) is None


@pytest.mark.parametrize(
    ("text", "subjects"),
    [
        ("running with siatica", ("sciatica",)),
        ("my lower back aches", ("back_pain",)),
        ("sciatica or just back pain?", ("sciatica", "back_pain")),
        ("I want to get back to running", ()),
    ],
)
def test_the_subjects_of_a_message_are_found(
    text: str, subjects: tuple[str, ...], follow_ups: FollowUps
) -> None:
    assert follow_ups.subjects(PIPELINE(text)) == subjects


# Resolving


def test_every_topic_of_the_table_has_a_reply(content: dict[str, Any], domain: Domain) -> None:
    table = read_table(content)
    named: set[str | None] = {
        topic for members in table.families.values() for topic in members.values()
    }
    named |= {*table.for_both, *table.subject_only.values(), *content["things"]}
    named |= {topic for members in table.families.values() for topic in members.values()}
    named |= {topic for topics in table.subject_topics.values() for topic in topics}
    for before, members in table.subject_after.items():
        named |= {before, *members.values()}
    for kind in table.kinds.values():
        after = kind.get("after") or {}
        named |= {*after, kind.get("topic"), kind.get("after_declined"), *after.values()}
    named -= {SAME, *table.families}
    missing = [name for name in named if name and f"utter_{name}" not in domain.responses]
    assert set(missing) <= set(OWN_ACTIONS)


def test_the_barest_wording_of_a_kind_is_recognized_as_that_kind(follow_ups: FollowUps) -> None:
    simple = {"why": "why", "safe": "is it safe", "stop": "should i stop", "tips": "any tips"}
    found = {kind: follow_ups.recognize(PIPELINE(text)) for kind, text in simple.items()}
    assert {kind: item and item.kind for kind, item in found.items()} == {k: k for k in simple}


@pytest.mark.parametrize(
    ("follow_up", "topic", "wanted"),
    [
        (
            FollowUp("subject", ("back_pain",)),
            "ask_safe_to_run_sciatica",
            "ask_safe_to_run_back_pain",
        ),
        (FollowUp("subject", ("sciatica",)), "ask_swimming", "ask_swimming"),
        (FollowUp("safe"), "ask_does_running_help_back_pain", "ask_safe_to_run_back_pain"),
        (FollowUp("safe"), "ask_swimming", "ask_swimming"),
        (FollowUp("how_long"), "ask_warmup_cooldown", "ask_warmup_cooldown"),
        (FollowUp("how_long"), "ask_when_to_stop", "ask_recovery_time"),
    ],
)
def test_the_topic_before_decides(
    follow_up: FollowUp, topic: str, wanted: str, follow_ups: FollowUps
) -> None:
    assert follow_ups.table.resolve(follow_up, topic, None) == wanted


def test_the_subject_talked_about_decides_after_a_topic_without_one(follow_ups: FollowUps) -> None:
    topic = follow_ups.table.resolve(FollowUp("tips"), "ask_endorphins", "back_pain")
    assert topic == "ask_tips_running_back_pain"


def test_a_kind_without_a_target_is_refused(content: dict[str, Any]) -> None:
    content["kinds"]["why"] = {"phrases": ["why"]}
    with pytest.raises(FollowUpError, match="'why' needs either a topic or a family"):
        read_table(content)


def test_a_phrase_with_an_unknown_group_is_refused() -> None:
    broken = copy.deepcopy(dict(read_content()))
    broken["kinds"]["why"]["phrases"] = ["why <nobody>"]
    with pytest.raises(FollowUpError, match="names the group <nobody>"):
        FollowUps(broken, PIPELINE.vocab)


# Planning


def test_after_a_safety_text_a_follow_up_gets_it_again() -> None:
    context = Context(("utter_emergency",), "ask_swimming")
    found = plan(leaning("safe"), context)
    assert found is not None
    assert found.actions == ("utter_emergency",)


@pytest.mark.parametrize("intent", ["affirm", "deny"])
def test_after_a_safety_text_a_yes_or_no_gets_it_again(intent: str) -> None:
    found = plan({"subjects": []}, Context(("utter_crisis",)), intent=intent)
    assert found is not None
    assert found.actions == ("utter_crisis",)


def test_a_new_sign_goes_before_everything_that_the_context_says() -> None:
    context = Context(("utter_medical_disclaimer",), "ask_swimming")
    safety = {"tier": "emergency", "status": "self"}
    found = plan(leaning("safe"), context, intent="affirm", safety=safety)
    assert found is not None
    assert found.actions == ("utter_emergency",)


def test_inside_a_form_nothing_is_read_into_an_answer() -> None:
    context = Context(("utter_medical_disclaimer",), "ask_swimming", form="handoff_form")
    assert plan(leaning("safe"), context, intent="affirm") is None


def test_a_button_is_never_switched_to_another_subject() -> None:
    context = Context((), "ask_safe_to_run_back_pain", "back_pain")
    assert plan({}, context, intent="ask_safe_to_run_sciatica") is None


def test_a_question_without_a_subject_follows_the_talk() -> None:
    context = Context((), "ask_safe_to_run_back_pain", "back_pain")
    found = plan({"subjects": []}, context, intent="ask_safe_to_run_sciatica")
    assert found is not None
    assert found.actions[0] == "utter_ask_safe_to_run_back_pain"


def test_a_choice_between_the_subjects_is_settled_by_the_talk() -> None:
    understanding = {
        "subjects": [],
        "outcome": "choose",
        "choices": ["ask_safe_to_run_sciatica", "ask_safe_to_run_back_pain"],
    }
    found = plan(understanding, Context((), "state_pain", "back_pain"))
    assert found is not None
    assert found.actions[0] == "utter_ask_safe_to_run_back_pain"


def test_a_yes_to_a_single_choice_takes_it() -> None:
    context = Context(("utter_did_you_mean",), None, None, (Choice("Swimming", "ask_swimming"),))
    found = plan({"subjects": []}, context, intent="affirm")
    assert found is not None
    assert found.actions[0] == "utter_ask_swimming"


def test_a_no_to_the_choices_asks_for_other_words() -> None:
    context = Context(("utter_did_you_mean",), None, None, (Choice("Swimming", "ask_swimming"),))
    found = plan({"subjects": []}, context, intent="deny")
    assert found is not None
    assert found.actions == ("utter_nlu_fallback",)


def test_a_typed_title_stands_for_its_button() -> None:
    context = Context((), None, None, (Choice("When to stop", "ask_when_to_stop"),))
    found = plan({"subjects": []}, context, text="when to stop?")
    assert found is not None
    assert found.actions[0] == "utter_ask_when_to_stop"
