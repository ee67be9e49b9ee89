"""What is said when the screen has found a sign: to whom, in which order, whom to call."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    ConversationPaused,
    SessionStarted,
    SlotSet,
    UserUttered,
)

from components import turn_policy
from stridewell.content.register import load_register
from stridewell.safety.finding import SIGNS, STATUSES
from stridewell.safety.lexicon import load_lexicon
from stridewell.settings import ROOT, SettingsError, load_regions
from stridewell.turn import DISCLAIMER, OPENINGS, SAFETY_NOTE, Context, plan_turn
from tests.safety.turns import Conversation, Said, found

LEXICON = load_lexicon(ROOT / "data" / "safety")
TIERS_OF_SIGNS = sorted({(wording.sign, wording.tier) for wording in LEXICON.wordings})
ONE_SIGN_A_TIER = [("emergency", "bladder"), ("same_day", "foot_drop"), ("crisis", "suicidal")]
QUESTION = "ask_swimming"
NOT_AFFIRMED = ("denied", "asked", "past")
NUMBER = re.compile(r"\+?\d[\d ]*\d|\bSHOUT\b")

# Specification, rule 6; Australia and New Zealand from those countries' public services.
EMERGENCY_NUMBERS = {
    "international": {"999", "112", "911"},
    "UK": {"999"},
    "IE": {"112", "999"},
    "EU": {"112"},
    "US": {"911"},
    "CA": {"911"},
    "AU": {"000"},
    "NZ": {"111"},
}
SAME_DAY_NUMBERS: dict[str, set[str]] = {region: set() for region in EMERGENCY_NUMBERS}
SAME_DAY_NUMBERS["UK"] = {"111"}
CRISIS_NUMBERS = {
    "international": {"116 123", "SHOUT", "85258", "988"},
    "UK": {"116 123", "SHOUT", "85258"},
    "IE": {"116 123"},
    "EU": {"112"},
    "US": {"988"},
    "CA": {"988"},
    "AU": {"13 11 14"},
    "NZ": {"1737"},
}
REGIONS = list(EMERGENCY_NUMBERS)


@pytest.fixture(scope="module")
def domain() -> Domain:
    """The assistant's own domain."""
    return Domain.load(str(ROOT / "domain.yml"))


@pytest.fixture(scope="module")
def articles_words() -> list[str]:
    """What gives an article away: its title and the kinds of source that answers name."""
    register = load_register(ROOT)
    kinds = {"article", "essay", "overview", "personal account"}
    return sorted(kinds | {article.title.lower() for article in register.articles.values()})


Start = Callable[..., Conversation]


@pytest.fixture
def start(domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Begin a conversation at a site of a region; only what a message comes with is known of it."""
    # A trained model that another test loaded in this process would screen the messages too.
    monkeypatch.setattr(turn_policy, "current_screen", lambda: None)

    def begin(region: str = "UK", channel: str = "rest") -> Conversation:
        monkeypatch.setenv("STRIDEWELL_REGION", region)
        return Conversation(domain, tmp_path, channel)

    yield begin
    shutil.rmtree(tmp_path, ignore_errors=True)


def names(reply: list[Said]) -> list[str]:
    """Return the actions of a reply."""
    return [said.action for said in reply]


def text(reply: list[Said]) -> str:
    """Return all that a reply says."""
    return " ".join(said.text for said in reply if said.text)


def numbers(words: str) -> set[str]:
    """Return the telephone numbers and text words of a reply."""
    return set(NUMBER.findall(words))


# Which text: every sign, in every tier that the lexicon gives it, for every status


def test_the_lexicon_holds_every_sign() -> None:
    assert {sign for sign, _ in TIERS_OF_SIGNS} == set(SIGNS)


@pytest.mark.parametrize(("sign", "tier"), TIERS_OF_SIGNS)
@pytest.mark.parametrize("status", ["self", "other", None, "a status nobody knows"])
@pytest.mark.parametrize("intent", [QUESTION, "nlu_fallback", "greet", "state_pain"])
def test_a_sign_gets_its_safety_text_and_nothing_else(
    sign: str, tier: str, status: str | None, intent: str, domain: Domain
) -> None:
    plan = plan_turn(intent, {}, found(tier, sign, status), Context(), {QUESTION}, domain.responses)
    assert plan is not None
    assert plan.actions == (OPENINGS[tier],)


@pytest.mark.parametrize(("sign", "tier"), TIERS_OF_SIGNS)
def test_a_denied_sign_with_a_question_gets_the_answer_then_the_safety_line(
    sign: str, tier: str, start: Start
) -> None:
    reply = start().say(found(tier, sign, "denied"), QUESTION)
    assert names(reply)[:2] == [f"utter_{QUESTION}", SAFETY_NOTE]


@pytest.mark.parametrize(("sign", "tier"), TIERS_OF_SIGNS)
@pytest.mark.parametrize("status", ["asked", "past"])
def test_a_sign_asked_about_or_long_past_gets_the_answer_then_the_safety_line(
    sign: str, tier: str, status: str, start: Start
) -> None:
    reply = start().say(found(tier, sign, status), QUESTION)
    assert names(reply)[:2] == [f"utter_{QUESTION}", SAFETY_NOTE]


@pytest.mark.parametrize(("sign", "tier"), TIERS_OF_SIGNS)
def test_a_sign_asked_about_that_no_article_covers_gets_an_honest_word_and_the_line(
    sign: str, tier: str, start: Start
) -> None:
    reply = start().say(found(tier, sign, "asked"), "nlu_fallback")
    assert names(reply) == ["utter_not_in_articles", SAFETY_NOTE]


@pytest.mark.parametrize(("sign", "tier"), TIERS_OF_SIGNS)
@pytest.mark.parametrize("status", NOT_AFFIRMED)
@pytest.mark.parametrize("intent", [QUESTION, "nlu_fallback", "deny", "state_pain"])
def test_every_message_that_names_a_sign_gets_safety_words(
    sign: str, tier: str, status: str, intent: str, start: Start
) -> None:
    assert SAFETY_NOTE in names(start().say(found(tier, sign, status), intent))


@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
@pytest.mark.parametrize("status", STATUSES)
def test_safety_words_come_before_any_call_to_the_action_server(
    tier: str, sign: str, status: str, start: Start, domain: Domain
) -> None:
    said = names(start().say(found(tier, sign, status), QUESTION))
    calls = [place for place, name in enumerate(said) if name not in domain.responses]
    safety = [place for place, name in enumerate(said) if name in {*OPENINGS.values(), SAFETY_NOTE}]
    assert safety
    assert all(place > max(safety) for place in calls)


@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
def test_a_sign_among_two_questions_gets_the_safety_text_alone(
    tier: str, sign: str, start: Start
) -> None:
    reply = start().say(found(tier, sign), QUESTION, questions=[QUESTION, "ask_cycling"])
    assert names(reply) == [OPENINGS[tier]]


def test_an_overdose_meant_to_end_a_life_gets_the_crisis_lines_too(start: Start) -> None:
    safety = found("emergency", "overdose") | {"signs": ["overdose", "suicidal"]}
    reply = start("UK").say(safety)
    assert names(reply)[0] == "utter_emergency"
    assert numbers(text(reply)) >= {"999", "116 123"}


# How it opens


@pytest.mark.parametrize(
    ("tier", "opening"),
    [
        ("emergency", "Please get emergency help now."),
        ("same_day", "Please get medical help today."),
        ("crisis", "I'm really sorry that you are going through this."),
    ],
)
def test_the_writer_is_told_to_get_help(tier: str, opening: str, start: Start) -> None:
    assert text(start().say(found(tier, "bladder"))).startswith(opening)


@pytest.mark.parametrize(
    ("tier", "opening"),
    [
        ("emergency", "They need emergency help now."),
        ("same_day", "They should be seen by a doctor today."),
        ("crisis", "Thank you for looking out for them."),
    ],
)
def test_somebody_elses_sign_opens_with_what_they_need(
    tier: str, opening: str, start: Start
) -> None:
    assert text(start().say(found(tier, "bladder", "other"))).startswith(opening)


def test_the_opening_for_somebody_else_does_not_stay_for_the_next_message(start: Start) -> None:
    conversation = start()
    conversation.say(found("emergency", "bladder", "other"))
    reply = conversation.say(found("emergency", "bladder", "self"))
    assert text(reply).startswith("Please get emergency help now.")


@pytest.mark.parametrize(
    ("tier", "status", "opening"),
    [
        ("emergency", "denied", "If that changes, even a little, treat it as an emergency."),
        ("same_day", "denied", "If that changes, get medical help the same day."),
        ("emergency", "asked", "If this is happening to you now, it is an emergency."),
        ("emergency", "past", "If this is happening to you now, it is an emergency."),
        ("same_day", "asked", "If this is happening to you now, please get medical help today."),
        ("same_day", "past", "If this is happening to you now, please get medical help today."),
        ("crisis", "denied", "If thoughts of suicide or self-harm are with you now"),
        ("crisis", "asked", "If thoughts of suicide or self-harm are with you now"),
        ("crisis", "past", "If thoughts of suicide or self-harm are with you now"),
    ],
)
def test_the_safety_line_fits_what_was_said_about_the_sign(
    tier: str, status: str, opening: str, start: Start
) -> None:
    reply = start().say(found(tier, "bladder", status), QUESTION)
    assert next(s.text for s in reply if s.action == SAFETY_NOTE).startswith(opening)


def test_never_more_than_one_variation_of_a_safety_text_fits(domain: Domain) -> None:
    """Rasa picks one at random where several fit."""
    slots = [
        {"safety_about": about, "safety_status": status, "safety_tier": tier}
        for about in ("self", "other")
        for status in STATUSES
        for tier in OPENINGS
    ]
    for response in (*OPENINGS.values(), SAFETY_NOTE):
        for filled in slots:
            fitting = [
                variation
                for variation in domain.responses[response]
                if variation.get("condition")
                and all(filled[c["name"]] == c["value"] for c in variation["condition"])
            ]
            assert len(fitting) <= 1, (response, filled)


# Whom to call


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("status", ["self", "other"])
def test_the_emergency_text_shows_the_numbers_of_the_region_and_no_others(
    region: str, status: str, start: Start
) -> None:
    reply = text(start(region).say(found("emergency", "bladder", status)))
    assert numbers(reply) == EMERGENCY_NUMBERS[region]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("status", ["self", "other"])
def test_the_same_day_text_shows_the_numbers_of_the_region_and_no_others(
    region: str, status: str, start: Start
) -> None:
    reply = text(start(region).say(found("same_day", "foot_drop", status)))
    assert numbers(reply) == EMERGENCY_NUMBERS[region] | SAME_DAY_NUMBERS[region]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("status", ["self", "other"])
def test_the_crisis_text_shows_the_numbers_of_the_region_and_no_others(
    region: str, status: str, start: Start
) -> None:
    reply = text(start(region).say(found("crisis", "suicidal", status)))
    assert numbers(reply) == EMERGENCY_NUMBERS[region] | CRISIS_NUMBERS[region]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
@pytest.mark.parametrize("status", ["self", "other", "denied", "asked", "past"])
def test_the_safety_line_and_texts_name_the_local_emergency_number_or_whom_to_ask(
    region: str, tier: str, sign: str, status: str, start: Start
) -> None:
    reply = start(region).say(found(tier, sign, status))
    words = " ".join(s.text for s in reply if s.action in {*OPENINGS.values(), SAFETY_NOTE}).lower()
    if tier == "same_day" and status in NOT_AFFIRMED:
        assert load_regions()[region].same_day_help.lower() in words
    else:
        assert "your local emergency number" in words


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
@pytest.mark.parametrize("status", ["self", "other", "asked", "past"])
def test_it_says_that_nobody_has_been_contacted(
    region: str, tier: str, sign: str, status: str, start: Start
) -> None:
    said = text(start(region).say(found(tier, sign, status)))
    assert "nobody has been contacted" in said.lower()


def test_every_region_of_the_specification_is_there_and_no_other() -> None:
    assert set(load_regions()) == set(REGIONS)


def test_an_unknown_region_stops_the_start_and_names_the_setting(start: Start) -> None:
    with pytest.raises(SettingsError, match="STRIDEWELL_REGION is 'Atlantis'"):
        start("Atlantis")


def test_without_the_policys_numbers_the_text_falls_back_on_international_ones(
    domain: Domain,
) -> None:
    helps = load_regions()["international"]
    initial = {slot.name: slot.initial_value for slot in domain.slots}
    assert initial["emergency_help"] == helps.emergency_help
    assert initial["same_day_help"] == helps.same_day_help
    assert initial["crisis_help"] == helps.crisis_help


@pytest.mark.parametrize(
    "channel", ["rest", "website", "telegram", "twilio", "whatsapp", "slack", "messenger"]
)
@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
def test_no_channel_has_a_safety_text_of_its_own(
    channel: str, tier: str, sign: str, start: Start
) -> None:
    safety = found(tier, sign)
    assert text(start(channel=channel).say(safety)) == text(start().say(safety))


@pytest.mark.parametrize("status", ["self", "other"])
def test_the_same_day_text_names_the_emergency_signs(status: str, start: Start) -> None:
    words = text(start().say(found("same_day", "foot_drop", status)))
    emergency = words[: words.index("it is an emergency")]
    for sign in ("genitals", "back passage", "bladder", "bowels", "both legs"):
        assert sign in emergency


def test_the_emergency_text_holds_for_signs_that_come_and_go(start: Start) -> None:
    words = text(start().say(found("emergency", "bladder")))
    assert "even if it comes and goes or began a while ago" in words


# What the texts must not do

METHODS = re.compile(
    r"\b(?:pills?|tablets?|overdos\w+|cut\w*|jump\w*|hang\w*|poison\w*|gun|knife|bridge|drown\w*"
    r"|rope|bleed\w*|dose)\b",
    re.IGNORECASE,
)
PROMISES = re.compile(
    r"on (?:its|their|the) way|is coming|are coming|we will|I will|I'll (?:call|stay|watch|tell)"
    r"|help has been|keep this between|secret|confidential|watching over|monitor",
    re.IGNORECASE,
)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("status", ["self", "other"])
def test_the_crisis_text_names_no_method(region: str, status: str, start: Start) -> None:
    assert METHODS.findall(text(start(region).say(found("crisis", "self_harm", status)))) == []


@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
@pytest.mark.parametrize("status", STATUSES)
def test_no_safety_text_promises_rescue_watching_or_secrecy(
    tier: str, sign: str, status: str, start: Start
) -> None:
    assert PROMISES.findall(text(start().say(found(tier, sign, status)))) == []


@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
@pytest.mark.parametrize("status", ["self", "other"])
def test_a_safety_text_holds_no_article_content(
    tier: str, sign: str, status: str, start: Start, articles_words: list[str]
) -> None:
    reply = text(start().say(found(tier, sign, status), QUESTION)).lower()
    assert [word for word in articles_words if word in reply] == []


@pytest.mark.parametrize("status", STATUSES)
def test_no_running_disclaimer_follows_words_on_a_crisis(status: str, start: Start) -> None:
    assert DISCLAIMER not in names(start().say(found("crisis", "suicidal", status), QUESTION))


@pytest.mark.parametrize("status", ["self", "other"])
def test_the_crisis_text_ends_by_asking_for_somebody_who_could_be_there(
    status: str, start: Start
) -> None:
    last = text(start().say(found("crisis", "suicidal", status))).split(". ")[-1]
    assert last.startswith("Is there someone")
    assert last.endswith("?")


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
@pytest.mark.parametrize("status", STATUSES)
def test_a_safety_text_fits_into_one_message_of_every_channel(
    region: str, tier: str, sign: str, status: str, start: Start
) -> None:
    for said in start(region).say(found(tier, sign, status)):
        if said.action in {*OPENINGS.values(), SAFETY_NOTE}:
            assert len(said.text) <= 640  # Messenger's template text, the tightest
            assert "\n" not in said.text
            assert "{" not in said.text


@pytest.mark.parametrize("region", REGIONS)
def test_whom_to_call_stands_within_the_first_forty_words(region: str, start: Start) -> None:
    reply = text(start(region).say(found("emergency", "bladder")))
    assert any(n in " ".join(reply.split()[:40]) for n in EMERGENCY_NUMBERS[region])


# What came before, and what comes after


@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
def test_after_a_safety_text_the_conversation_goes_on(tier: str, sign: str, start: Start) -> None:
    conversation = start()
    conversation.say(found(tier, sign))
    assert not conversation.tracker.is_paused()
    assert not any(isinstance(e, ConversationPaused) for e in conversation.tracker.events)
    assert names(conversation.say(found("emergency", "bladder"))) == ["utter_emergency"]


def test_after_a_safety_text_an_ordinary_question_is_left_to_the_rules(start: Start) -> None:
    conversation = start()
    conversation.say(found("emergency", "bladder"))
    assert conversation.say(None, QUESTION) == []


@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
def test_a_form_that_waits_for_an_answer_swallows_no_sign(
    tier: str, sign: str, start: Start
) -> None:
    conversation = start()
    conversation.happened(
        ActionExecuted("handoff_form"),
        ActiveLoop("handoff_form"),
        SlotSet("requested_slot", "handoff_note"),
        ActionExecuted("action_listen"),
    )
    assert names(conversation.say(found(tier, sign), "request_handoff")) == [OPENINGS[tier]]


@pytest.mark.parametrize(("tier", "sign"), ONE_SIGN_A_TIER)
def test_a_sign_in_a_choice_that_was_tapped_gets_its_text(
    tier: str, sign: str, start: Start
) -> None:
    reply = start().say(found(tier, sign), QUESTION, text=f"/{QUESTION}")
    assert names(reply) == [OPENINGS[tier]]


def _offered_a_handoff(conversation: Conversation) -> None:
    conversation.happened(
        UserUttered("may I swim", {"name": QUESTION, "confidence": 1.0}),
        BotUttered("...", metadata={"utter_action": "utter_medical_disclaimer"}),
    )


def test_a_yes_takes_up_the_offer_of_the_message_before(start: Start) -> None:
    conversation = start()
    _offered_a_handoff(conversation)
    assert names(conversation.say(None, "affirm"))[0] == "utter_request_handoff"


def test_a_yes_in_a_new_session_takes_up_no_offer_of_the_old_one(start: Start) -> None:
    conversation = start()
    _offered_a_handoff(conversation)
    conversation.happened(ActionExecuted("action_session_start"), SessionStarted())
    assert conversation.say(None, "affirm") == []


def test_a_new_session_starts_after_an_hour_and_keeps_nothing(domain: Domain) -> None:
    assert domain.session_config.session_expiration_time == 60
    assert domain.session_config.carry_over_slots is False


def test_the_state_of_a_sign_is_no_feature_that_rules_could_depend_on(domain: Domain) -> None:
    mine = {"safety_tier", "safety_status", "safety_about"}
    slots = {slot.name: slot for slot in domain.slots if slot.name in mine}
    assert set(slots) == mine
    assert not any(slot.influence_conversation for slot in slots.values())


# Topics of rule 8: nothing from the articles, and the right person to ask


@pytest.mark.parametrize(
    ("topic", "whom"),
    [
        ("ask_medication", ["pharmacist", "prescribes"]),
        ("ask_pregnancy", ["midwife", "maternity unit"]),
        ("ask_child", ["adult", "family doctor (GP)"]),
        ("ask_medical_procedure", ["surgical team"]),
        ("ask_diagnosed_condition", ["surgical team"]),
    ],
)
def test_a_topic_that_the_articles_do_not_cover_names_whom_to_ask(
    topic: str, whom: list[str], domain: Domain
) -> None:
    for variation in domain.responses[f"utter_{topic}"]:
        assert all(person in variation["text"] for person in whom)
        assert "articles" in variation["text"]


def test_the_reply_on_medicines_says_what_to_do_when_too_much_was_taken(domain: Domain) -> None:
    reply = domain.responses["utter_ask_medication"][0]["text"]
    assert "taken too much, call your local emergency number now" in reply
