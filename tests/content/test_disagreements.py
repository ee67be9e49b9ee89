"""Where the articles disagree, the answer says so, and whose word each position is."""

from __future__ import annotations

import re

import pytest

# For each point: the response, then what it says, in this order.
POSITIONS = [
    pytest.param(
        "utter_ask_can_running_cause_sciatica",
        (
            r"do not agree",
            r"can make sciatica worse",
            r'overview "Can you get sciatica from running" says running is usually not the root',
            r"An essay says it can be a treatment for some people and a cause for others",
            r"other three do not call it a cause",
        ),
        id="whether running can cause it",
    ),
    pytest.param(
        "utter_ask_does_running_help_sciatica",
        (
            r"Four articles agree",
            r"they differ",
            r"personal account tells of fewer, milder symptoms",
            r"essay expects short-term relief at most",
            r"overviews say it may help some people",
            r"professionals disagree",
            r"not proof",
            r"Stop if",
        ),
        id="whether running helps",
    ),
    pytest.param(
        "utter_ask_what_is_sciatica",
        (
            r"articles agree",
            r"They differ",
            r"personal account calls it a condition",
            r"overview .* says it is a symptom of some other problem",
        ),
        id="what it is",
    ),
    pytest.param(
        "utter_ask_circulation_inflammation",
        (
            r"overview on sciatica calls it a theory",
            r"personal account states it as fact, but about low back pain only",
            r"One of the five articles claims that a lack of oxygen",
            r"other four do not say this",
        ),
        id="what blood flow does",
    ),
    pytest.param(
        "utter_ask_see_a_professional",
        (
            r"All five articles say to ask first",
            r"They name different people",
            r"healthcare professional",
            r"doctor or physical therapist",
            r"essay suggests a full exam by a doctor who treats nerves",
            r"For running form, .*running coach or physical therapist",
        ),
        id="whom to see",
    ),
    pytest.param(
        "utter_ask_experts_disagree",
        (
            r"no single view",
            r"says health professionals disagree",
            r"irritates the nerve",
            r"can ease symptoms",
            r"names no experts or studies",
            r"one writer's claim",
        ),
        id="what professionals think",
    ),
]


@pytest.mark.parametrize(("response", "positions"), POSITIONS)
def test_an_answer_names_each_position_and_whose_it_is(
    response: str, positions: tuple[str, ...], spoken: dict[str, str]
) -> None:
    at = 0
    for position in positions:
        match = re.compile(position).search(spoken[response], at)
        assert match, f"{response} does not go on to say: {position}"
        at = match.end()


def test_low_back_pain_is_no_evidence_on_whether_running_helps_sciatica(
    spoken: dict[str, str],
) -> None:
    assert "back pain" not in spoken["utter_ask_does_running_help_sciatica"]


@pytest.mark.parametrize(
    ("topic", "article", "position"),
    [
        ("ask_can_running_cause_sciatica", "can-you-get-sciatica-from-running", "not the root"),
        ("ask_can_running_cause_sciatica", "sciatica-running", "can be a cause of sciatica"),
        ("ask_does_running_help_sciatica", "running-and-sciatica", "milder and less frequent"),
        ("ask_does_running_help_sciatica", "can-you-get-sciatica-from-running", "in some cases"),
        ("ask_does_running_help_sciatica", "sciatica-running", "only temporary relief"),
        ("ask_does_running_help_sciatica", "does-running-help-sciatica", "professionals disagree"),
        ("ask_what_is_sciatica", "running-and-sciatica", "a condition"),
        ("ask_what_is_sciatica", "can-you-get-sciatica-from-running", "a symptom of some other"),
        ("ask_circulation_inflammation", "does-running-help-sciatica", "a theory"),
        ("ask_circulation_inflammation", "running-and-lower-back-pain", "as fact, for low back"),
        ("ask_circulation_inflammation", "sciatica-running", "a lack of oxygen"),
        ("ask_see_a_professional", "can-you-get-sciatica-from-running", "doctor or physical"),
        ("ask_see_a_professional", "sciatica-running", "a doctor who treats nerves"),
        ("ask_see_a_professional", "does-running-help-sciatica", "a coach or physical therapist"),
    ],
)
def test_the_longer_view_keeps_each_articles_position(
    topic: str, article: str, position: str, told: dict[tuple[str, str], str]
) -> None:
    assert position in told[topic, article]
