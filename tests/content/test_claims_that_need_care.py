"""What single articles claim is never passed on as fact, as a promise, or about another ailment."""

from __future__ import annotations

import re

import pytest

from stridewell.content.project import Project
from stridewell.content.register import Register

MIND_BODY = re.compile(
    r"psychosomatic|oxygen|isch[ae]mi|emotion|repress|subconscious|knowledge therapy"
    r"|in (?:the|your) (?:mind|head)\b|mind-?body",
    re.IGNORECASE,
)
PERSONALITY = re.compile(
    r"personalit|perfectionis|stubborn|success-oriented|deeply motivated|\btraits?\b"
    r"|character of runners",
    re.IGNORECASE,
)
CURE = re.compile(r"\bcur(?:e[sd]?|ing)\b|permanent|once and for all|for good\b", re.IGNORECASE)
OWN_RESEARCH = re.compile(r"(?:own|independent|some) research|look it up yourself", re.IGNORECASE)
IMPACT = re.compile(r"(?:high|moderate)[- ]impact|impact (?:is )?(?:high|moderate)", re.IGNORECASE)

LOW_BACK_ARTICLE = "running-and-lower-back-pain"
HOW_TO_OR_SAFETY_GROUPS = ("how_to_run", "other_exercise", "running_and_back_pain", "sciatica")
SAFETY_TEXTS = (
    "utter_emergency",
    "utter_same_day",
    "utter_crisis",
    "utter_safety_note",
    "utter_not_in_articles",
)


def holding(pattern: re.Pattern[str], texts: dict[str, str]) -> set[str]:
    """Return the names of the texts that a pattern is found in."""
    return {name for name, text in texts.items() if pattern.search(text)}


# Pain from the mind, and from a lack of oxygen: the claims of one article.


def test_the_mind_and_oxygen_claims_stand_in_two_answers_only(spoken: dict[str, str]) -> None:
    assert holding(MIND_BODY, spoken) == {
        "utter_ask_mind_body",
        "utter_ask_circulation_inflammation",
    }


def test_the_register_tells_the_mind_and_oxygen_claims_of_one_article_only(
    told: dict[tuple[str, str], str],
) -> None:
    assert {place for place, line in told.items() if MIND_BODY.search(line)} == {
        ("ask_mind_body", "sciatica-running"),
        ("ask_circulation_inflammation", "sciatica-running"),
    }


@pytest.mark.parametrize("response", ["utter_ask_mind_body", "utter_ask_circulation_inflammation"])
def test_the_mind_and_oxygen_claims_are_one_articles_and_not_mainstream(
    response: str, spoken: dict[str, str]
) -> None:
    text = spoken[response]
    claim = text.index("One of the five articles claims")
    assert claim <= MIND_BODY.search(text).start()  # type: ignore[union-attr]
    caveat = "The other four do not say this, and it is not the mainstream medical view."
    assert text.index(caveat) > claim


@pytest.mark.parametrize("topic", ["ask_mind_body", "ask_circulation_inflammation"])
def test_the_longer_view_marks_the_mind_and_oxygen_claims_too(
    topic: str, told: dict[tuple[str, str], str]
) -> None:
    line = told[topic, "sciatica-running"]
    assert line.startswith("Claims ")
    assert "not the mainstream view" in line
    assert "no other article" in line


def test_no_how_to_or_safety_answer_holds_the_mind_and_oxygen_claims(
    project: Project, spoken: dict[str, str]
) -> None:
    topics = [
        topic for group in HOW_TO_OR_SAFETY_GROUPS for topic in project.register.topics_in(group)
    ]
    assert len(topics) >= 20
    texts = {topic.response: spoken[topic.response] for topic in topics}
    texts.update({name: spoken[name] for name in SAFETY_TEXTS})
    assert holding(MIND_BODY, texts) == set()


def test_the_answer_on_blood_flow_does_not_begin_with_the_oxygen_claim(
    spoken: dict[str, str],
) -> None:
    text = spoken["utter_ask_circulation_inflammation"]
    assert text.index("overview") < text.index("One of the five articles claims")


def test_the_mind_body_answer_takes_the_pain_as_real_and_sends_to_a_doctor(
    spoken: dict[str, str],
) -> None:
    text = spoken["utter_ask_mind_body"]
    assert "Pain is real" in text
    assert "doctor" in text


def test_the_claim_on_runners_personality_stands_nowhere(everything: dict[str, str]) -> None:
    assert holding(PERSONALITY, everything) == set()


# Wrong diagnoses: a reason for a second opinion, not for staying away from doctors.


def test_doubts_about_a_diagnosis_lead_to_a_second_opinion(spoken: dict[str, str]) -> None:
    text = spoken["utter_ask_misdiagnosis"]
    assert "ask for a second opinion" in text
    assert "not to skip one" in text


def test_nobody_is_sent_to_do_their_own_research(everything: dict[str, str]) -> None:
    assert holding(OWN_RESEARCH, everything) == set()


def test_wrong_diagnoses_are_spoken_of_where_they_are_asked_for_only(
    spoken: dict[str, str],
) -> None:
    wrong = re.compile(r"misdiagnos|diagnos\w+ (?:are|is|may be|can be) wrong", re.IGNORECASE)
    assert holding(wrong, spoken) == {"utter_ask_misdiagnosis"}


# Cures: none is promised, none is ruled out.


def test_a_cure_is_named_only_to_say_that_none_is_promised(spoken: dict[str, str]) -> None:
    assert holding(CURE, spoken) == {"utter_ask_does_running_cure_sciatica"}
    text = spoken["utter_ask_does_running_cure_sciatica"]
    assert text.startswith("No article promises that running will cure sciatica")
    assert len(CURE.findall(text)) == 1


def test_the_register_speaks_of_no_cure(told: dict[tuple[str, str], str]) -> None:
    assert {place for place, line in told.items() if CURE.search(line)} == set()


def test_the_essay_is_said_to_expect_temporary_relief_at_most(
    spoken: dict[str, str], told: dict[tuple[str, str], str]
) -> None:
    text = spoken["utter_ask_does_running_cure_sciatica"]
    assert "essay expects temporary relief at most" in text
    line = told["ask_does_running_cure_sciatica", "sciatica-running"]
    assert "temporary relief" in line
    assert "at most" in line


def test_running_is_never_called_a_sole_treatment(spoken: dict[str, str]) -> None:
    text = spoken["utter_ask_does_running_cure_sciatica"]
    assert "running should not be your only treatment" in text


# Both legs: an article's ordinary symptom, a warning sign in truth.


def test_both_legs_in_an_answer_come_with_the_emergency_line(spoken: dict[str, str]) -> None:
    naming = holding(re.compile(r"both legs|one or both|either leg", re.IGNORECASE), spoken)
    assert "utter_ask_sciatica_symptoms" in naming
    for name in naming:
        assert "emergency" in spoken[name], name


def test_the_answer_on_symptoms_calls_both_legs_a_warning_sign_that_needs_help_now(
    spoken: dict[str, str],
) -> None:
    text = spoken["utter_ask_sciatica_symptoms"]
    sentences = re.split(r"(?<=[.!?]) ", text)
    first = next(i for i, sentence in enumerate(sentences) if "both legs" in sentence)
    assert "warning sign" in " ".join(sentences[first : first + 2])
    assert re.search(r"both legs.*emergency help now", text)
    assert "local emergency number" in text


def test_the_longer_view_on_symptoms_marks_both_legs(told: dict[tuple[str, str], str]) -> None:
    line = told["ask_sciatica_symptoms", "can-you-get-sciatica-from-running"]
    assert "both legs is a warning sign" in line


# Low back pain: what helped there says nothing on sciatica.


def sciatica_topics(register: Register) -> list[str]:
    """Return the topics that are about sciatica and not about running in general."""
    groups = ("sciatica", "running_and_sciatica")
    return [topic.id for group in groups for topic in register.topics_in(group)]


def test_sciatica_answers_draw_on_the_low_back_pain_article_only_to_tell_it_apart(
    project: Project,
) -> None:
    drawing = {
        topic
        for topic in sciatica_topics(project.register)
        if LOW_BACK_ARTICLE in project.register.topics[topic].says
    }
    assert drawing == {"ask_individual_variation", "ask_author_experience"}


def test_an_answer_that_draws_on_the_low_back_pain_article_names_low_back_pain(
    project: Project, spoken: dict[str, str]
) -> None:
    drawing = [t for t in project.register.topics.values() if LOW_BACK_ARTICLE in t.says]
    assert len(drawing) >= 15
    silent = {
        topic.response
        for topic in drawing
        if "low back pain" not in spoken[topic.response].lower()
        and topic.id != "ask_see_a_professional"  # all five articles say the same there
    }
    assert silent == set()


def test_the_register_marks_the_low_back_pain_article_on_topics_about_sciatica(
    project: Project, told: dict[tuple[str, str], str]
) -> None:
    for topic in sciatica_topics(project.register):
        if (topic, LOW_BACK_ARTICLE) in told:
            assert "low back pain" in told[topic, LOW_BACK_ARTICLE], topic


def test_the_low_back_pain_story_is_one_persons_and_not_about_sciatica(
    spoken: dict[str, str],
) -> None:
    text = spoken["utter_ask_does_running_help_back_pain"]
    assert "one runner's story" in text
    assert "not proof" in text
    assert "about low back pain, not sciatica" in text


@pytest.mark.parametrize(
    "topic",
    [
        "ask_does_running_help_back_pain",
        "ask_safe_to_run_back_pain",
        "ask_tips_running_back_pain",
        "ask_running_worsens_back_pain",
    ],
)
def test_answers_on_low_back_pain_ask_for_a_professionals_word(
    topic: str, spoken: dict[str, str]
) -> None:
    assert "personal account" in spoken[f"utter_{topic}"]
    assert re.search(
        r"(?:[Aa]sk|[Cc]heck with) a doctor or physical therapist", spoken[f"utter_{topic}"]
    )


def test_nobody_is_told_to_give_running_a_try(everything: dict[str, str]) -> None:
    assert holding(re.compile(r"give (?:it|running) a (?:try|go)|go for it"), everything) == set()


# Impact: high in one article, moderate in another, both in a third.


def test_the_answer_on_worsening_says_that_impact_is_described_differently(
    spoken: dict[str, str],
) -> None:
    text = spoken["utter_ask_running_worsens_sciatica"]
    assert "The articles describe the impact differently" in text


def test_running_is_called_high_or_moderate_impact_only_as_an_articles_word(
    everything: dict[str, str],
) -> None:
    naming = holding(IMPACT, everything)
    assert naming == {
        "utter_ask_sacroiliac_joint",
        "ask_running_worsens_sciatica: sciatica-running",
    }
    assert (
        "in that passage it calls running high impact" in everything["utter_ask_sacroiliac_joint"]
    )
    line = everything["ask_running_worsens_sciatica: sciatica-running"]
    assert "calls it high impact here, moderate elsewhere" in line
