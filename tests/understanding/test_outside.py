"""Subjects that no article covers are declined, whatever else the question sounds like."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from benchmarks.questions import Examples, answered_topics
from stridewell.outside import Outside, OutsideError, load_outside
from stridewell.settings import ROOT

FILE = ROOT / "data" / "outside.yml"
# Of the project's own questions that the articles answer, so many may be taken for another subject.
MOST_TAKEN = 0.002


@pytest.fixture(scope="module")
def outside() -> Outside:
    """The project's own file."""
    return load_outside(FILE)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Is rowing good for shoulder pain?", "ask_other_injury"),
        ("will squats make the ache in my left knee worse", "ask_other_injury"),
        ("do orthotics help with plantar fasciitis", "ask_other_injury"),
        ("Does yoga ease migraines?", "out_of_scope"),
        ("can running trigger fibromyalga", "out_of_scope"),
        ("Twenty weeks pregnant with sciatica, can I still run?", "ask_pregnancy"),
    ],
)
def test_a_subject_outside_the_articles_is_named(outside: Outside, text: str, topic: str) -> None:
    assert outside.declining(text) == topic


@pytest.mark.parametrize(
    "text",
    [
        "Is walking good for sciatica?",
        "my back and my left knee hurt, can I run",
        "can migraines come with a trapped nerve in the back",
        "how hard should my heel strike the ground",
        "I keep storing up trouble by skipping the warm up",
        "",
    ],
)
def test_what_the_articles_are_about_is_left_to_the_understanding(
    outside: Outside, text: str
) -> None:
    assert outside.declining(text) is None


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("what usually brings on lumbago", "out_of_scope"),
        ("Symptoms of spinal stenosis?", "out_of_scope"),
        ("how would I recognise hip pain that is serious", "out_of_scope"),
        ("what usually brings on sciatica", None),
        ("how can lower back trouble end up in the leg", None),
        ("can a slipped disc cause it", None),
        ("where does it come from", None),
    ],
)
def test_what_is_said_of_sciatica_is_not_said_of_other_things(
    outside: Outside, text: str, topic: str | None
) -> None:
    assert outside.declining(text, "ask_sciatica_causes") == topic
    assert outside.declining(text, "ask_see_a_professional") is None


def test_the_projects_own_questions_stay_answered(outside: Outside, examples: Examples) -> None:
    answered = answered_topics()
    pairs = zip(examples.texts, examples.labels, strict=True)
    asked = [(text, intent) for text, intent in pairs if intent in answered]
    taken = sum(outside.declining(text, intent) is not None for text, intent in asked)
    assert taken <= MOST_TAKEN * len(asked)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("covered", None),
        ("outside", {"ask_other_injury": ["<nothing> pain"]}),
        ("always", {"ask_pregnancy": ["maybe?"]}),
        ("more", {}),
        ("only_sciatica", {"topics": []}),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, key: str, value: object) -> None:
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    content[key] = value
    broken = tmp_path / "outside.yml"
    broken.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(OutsideError, match=r"outside\.yml"):
        load_outside(broken)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r"gone\.yml"):
        load_outside(tmp_path / "gone.yml")
