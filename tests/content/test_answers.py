"""Every answer says whose word it is, invents nothing, and names a professional."""

from __future__ import annotations

import re

import pytest

from stridewell.content.project import Project
from stridewell.content.register import Topic

KIND_WORDS = {
    "personal account": re.compile(r"\baccounts?\b|\bwriter|\bstor(?:y|ies)\b", re.IGNORECASE),
    "essay": re.compile(r"\bessay|One of the five articles claims", re.IGNORECASE),
    "overview": re.compile(r"\boverviews?\b", re.IGNORECASE),
}
COUNTED = re.compile(
    r"(?<!of the )\b(two|three|four|five|both)(?: of the five)? articles", re.IGNORECASE
)
NUMBERS = {"two": 2, "both": 2, "three": 3, "four": 4, "five": 5}

BRANDS = re.compile(
    r"\b(?:nike|hoka|brooks|asics|saucony|adidas|new balance|altra|mizuno|salomon|on cloud|puma"
    r"|under armou?r|garmin|strava|voltaren|tylenol|advil|aleve|nurofen|motrin|lyrica)\b",
    re.IGNORECASE,
)
MEDICINES = re.compile(
    r"\b(?:ibuprofen|naproxen|paracetamol|acetaminophen|aspirin|diclofenac|codeine|tramadol"
    r"|gabapentin|pregabalin|amitriptyline|duloxetine|diazepam|steroids?|cortisone|opioids?"
    r"|nsaids?|cbd|turmeric|magnesium|glucosamine)\b|\b(?:milli|micro)?grams?\b|\bmg\b",
    re.IGNORECASE,
)
AMOUNTS = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|couple of|few|several)\s+"
    r"(?:second|minute|hour|day|night|week|month|year|mile|kilomet(?:er|re)|km|rep|set|session)s?\b"
    r"|\b(?:once|twice|times)\s+an?\s+(?:day|week)\b|\bper ?cent\b|%",
    re.IGNORECASE,
)
BRITISH = re.compile(
    r"\b(?:\w+ise[sd]?|\w+our|centre|metre|programme|whilst|physios?|trainers|jumper|fortnight"
    r"|neighbour\w*|colour\w*|favour\w*|behaviour\w*)\b"
)
# Words that end so in American spelling as well.
AMERICAN_ALL_THE_SAME = {
    "advise", "advised", "advises", "exercise", "exercises", "likewise", "noise", "otherwise",
    "raise", "raised", "raises", "rise", "rises", "wise", "four", "hour", "our", "pour", "your",
    "promise", "promised", "promises",
}  # fmt: skip
OWN_BODY = re.compile(
    r"\b(?:when|since|before|after) I (?:run|ran)\b"
    r"|\bmy (?:own )?(?:sciatica|back|leg|pain|runs?)\b"
    r"|\bI (?:had|have had|suffer\w*|feel|felt)\b",
    re.IGNORECASE,
)
PROFESSIONAL = re.compile(
    r"doctor|physical therapist|health(?:care)? professional|emergency number"
)
NOT_COVERED = re.compile(
    r"(?:[Nn]one of the five articles|[Nn]one says|The five articles (?:don't|are about)"
    r"|in the five articles, and they don't|isn't covered by any of the five articles"
    r"|the five articles don't|outside what I know)"
)
WHOM_TO_ASK = {
    "ask_recovery_time": ("doctor or physical therapist",),
    "ask_specific_exercises": ("physical therapist",),
    "ask_specific_shoes": ("doctor or physical therapist",),
    "ask_own_diagnosis": ("doctor or physical therapist",),
    "ask_diagnosed_condition": ("doctor or physical therapist", "surgical team"),
    "ask_medication": ("pharmacist", "prescribes", "local emergency number"),
    "ask_medical_procedure": ("doctor", "surgical team"),
    "ask_pregnancy": ("midwife or maternity unit",),
    "ask_child": ("adult", "family doctor (GP)"),
    "ask_daily_life": ("doctor or physical therapist",),
    "ask_other_injury": ("doctor or physical therapist",),
    "state_pain": ("doctor",),
    "out_of_scope": ("doctor",),
}


def topics(project: Project, *, answered: bool) -> list[Topic]:
    """Return the topics that the articles cover, or those that they don't."""
    found = [topic for topic in project.register.topics.values() if topic.answered is answered]
    assert len(found) == (41 if answered else 13)
    return found


def test_no_text_names_an_article_by_its_file(project: Project, everything: dict[str, str]) -> None:
    for name, text in everything.items():
        assert not [article for article in project.register.articles if article in text], name


def test_every_answer_names_the_kind_of_a_source_or_counts_its_articles(
    project: Project, spoken: dict[str, str]
) -> None:
    for topic in topics(project, answered=True):
        kinds = {project.register.articles[article].kind for article in topic.says}
        named = {kind for kind in kinds if KIND_WORDS[kind].search(spoken[topic.response])}
        assert named, f"{topic.response} does not say what kind of source it draws on"


def test_an_answer_from_a_single_article_says_that_it_is_one_articles_word(
    project: Project, spoken: dict[str, str]
) -> None:
    single = [topic for topic in topics(project, answered=True) if len(topic.says) == 1]
    assert len(single) >= 10
    for topic in single:
        (article,) = project.register.sources_of(topic.id)
        assert KIND_WORDS[article.kind].search(spoken[topic.response]), topic.response


def test_an_answer_names_no_kind_of_source_that_it_does_not_draw_on(
    project: Project, spoken: dict[str, str]
) -> None:
    for topic in topics(project, answered=True):
        kinds = {article.kind for article in project.register.sources_of(topic.id)}
        text = spoken[topic.response]
        assert "essay" in kinds or not re.search(r"\bessay\b", text), topic.response
        assert "overview" in kinds or not re.search(r"\boverviews?\b", text), topic.response
        if "personal account" not in kinds:
            assert not re.search(r"\baccounts?\b", text), topic.response


def test_no_answer_counts_more_articles_than_it_draws_on(
    project: Project, spoken: dict[str, str]
) -> None:
    for topic in topics(project, answered=True):
        text = re.sub(r"other (?:three|four) articles", "other ones", spoken[topic.response])
        for counted in COUNTED.findall(text):
            assert NUMBERS[counted.lower()] <= len(topic.says), f"{topic.response}: {counted}"


def test_every_answer_names_a_professional(project: Project, spoken: dict[str, str]) -> None:
    for topic in topics(project, answered=True):
        assert PROFESSIONAL.search(spoken[topic.response]), topic.response


# To run or to do something else: these answers also say when not to.
@pytest.mark.parametrize(
    "topic",
    [
        "ask_does_running_help_sciatica",
        "ask_can_running_cause_sciatica",
        "ask_running_worsens_sciatica",
        "ask_safe_to_run_sciatica",
        "ask_does_running_cure_sciatica",
        "ask_individual_variation",
        "ask_does_running_help_back_pain",
        "ask_safe_to_run_back_pain",
        "ask_running_worsens_back_pain",
        "ask_tips_running_back_pain",
        "ask_tips_running_sciatica",
        "ask_start_progression",
        "ask_when_to_stop",
        "ask_rest_or_activity",
        "ask_running_form",
        "ask_running_surface",
        "ask_alternatives",
        "ask_cycling",
        "ask_walking",
        "ask_cross_training",
        "ask_core_strength_posture",
        "ask_circulation_inflammation",
        "ask_combine_treatments",
        "ask_piriformis",
        "ask_sacroiliac_joint",
    ],
)
def test_an_answer_on_running_with_pain_says_when_to_stop(
    topic: str, spoken: dict[str, str]
) -> None:
    assert re.search(r"\b[Ss]top\b", spoken[f"utter_{topic}"])


def test_topic_texts_hold_no_digits_but_the_age_of_eighteen(
    project: Project, spoken: dict[str, str], told: dict[tuple[str, str], str]
) -> None:
    for topic in project.register.topics.values():
        numbers = set(re.findall(r"\d+", spoken[topic.response]))
        assert numbers <= ({"18"} if topic.id == "ask_child" else set()), topic.response
    assert not [place for place, line in told.items() if re.search(r"\d", line)]


def test_no_text_holds_a_brand(everything: dict[str, str]) -> None:
    assert not [name for name, text in everything.items() if BRANDS.search(text)]


def test_no_text_holds_a_medicine_or_dose(everything: dict[str, str]) -> None:
    assert not [name for name, text in everything.items() if MEDICINES.search(text)]


def test_no_text_holds_an_amount_of_time_distance_or_repetition(
    project: Project, spoken: dict[str, str], told: dict[tuple[str, str], str]
) -> None:
    for topic in project.register.topics.values():
        assert not AMOUNTS.search(spoken[topic.response]), topic.response
    assert not [place for place, line in told.items() if AMOUNTS.search(line)]


def test_no_text_claims_a_body_or_an_experience_of_its_own(spoken: dict[str, str]) -> None:
    assert not [name for name, text in spoken.items() if OWN_BODY.search(text)]


def test_asked_for_experience_it_says_that_it_is_a_program(spoken: dict[str, str]) -> None:
    text = spoken["utter_ask_author_experience"]
    assert "computer program" in text
    assert "no body" in text
    assert "two of the five articles are personal accounts" in text


def test_the_spelling_is_american(everything: dict[str, str]) -> None:
    for name, text in everything.items():
        found = {word.lower() for word in BRITISH.findall(text)} - AMERICAN_ALL_THE_SAME
        assert not found, f"{name}: {found}"


# Declined topics.


def test_every_declined_topic_has_its_whom_to_ask(project: Project) -> None:
    assert {topic.id for topic in topics(project, answered=False)} == WHOM_TO_ASK.keys()


@pytest.mark.parametrize(("topic", "people"), WHOM_TO_ASK.items(), ids=WHOM_TO_ASK.keys())
def test_a_declined_reply_names_whom_to_ask(
    topic: str, people: tuple[str, ...], spoken: dict[str, str]
) -> None:
    for person in people:
        assert person in spoken[f"utter_{topic}"]


@pytest.mark.parametrize("topic", sorted(WHOM_TO_ASK.keys() - {"state_pain"}))
def test_a_declined_reply_says_that_the_articles_do_not_cover_it(
    topic: str, spoken: dict[str, str]
) -> None:
    assert NOT_COVERED.search(spoken[f"utter_{topic}"])


def test_a_declined_reply_offers_topics_that_are_answered_or_a_person(project: Project) -> None:
    answered = {"/request_handoff"} | {f"/{topic.id}" for topic in topics(project, answered=True)}
    for topic in topics(project, answered=False):
        for variation in project.domain.responses[topic.response].variations:
            payloads = {button.payload for button in variation.buttons}
            assert payloads, topic.response
            assert payloads <= answered, topic.response


def test_a_statement_of_pain_is_asked_back_with_choices(
    project: Project, spoken: dict[str, str]
) -> None:
    assert spoken["utter_state_pain"].endswith("What would you like to know?")
    for variation in project.domain.responses["utter_state_pain"].variations:
        assert len(variation.buttons) >= 2


# Nobody is led to think that a person reads along.


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ("utter_emergency", "nobody has been contacted"),
        ("utter_same_day", "nobody has been contacted"),
        ("utter_crisis", "nobody has been contacted"),
        # True also after a summary was sent in the same conversation.
        ("utter_request_handoff", "i contact nobody by myself"),
    ],
)
def test_every_hand_off_says_that_nobody_is_contacted(
    response: str, said: str, project: Project
) -> None:
    for variation in project.domain.responses[response].variations:
        assert said in variation.text.lower()


def test_the_disclaimer_says_what_the_answers_are_not(spoken: dict[str, str]) -> None:
    text = spoken["utter_medical_disclaimer"]
    assert "not medical advice" in text
    assert "not a diagnosis" in text
