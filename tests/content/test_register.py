"""The register tells which article says what on a topic."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from stridewell.content.findings import ContentError
from stridewell.content.register import load_register

if TYPE_CHECKING:
    from tests.content.conftest import SmallProject


def test_a_topic_knows_its_response_and_that_it_is_answered(small_project: SmallProject) -> None:
    topic = load_register(small_project.root).topics["ask_swimming"]
    assert topic.response == "utter_ask_swimming"
    assert topic.answered
    assert topic.safety_relevant
    assert topic.says == {"laps": "Says that swimming is easy on the back."}


def test_a_declined_topic_is_not_answered(small_project: SmallProject) -> None:
    topic = load_register(small_project.root).topics["ask_child"]
    assert not topic.answered
    assert not topic.safety_relevant
    assert topic.says == {}


def test_an_article_tells_what_kind_it_is_and_when_it_was_read(small_project: SmallProject) -> None:
    (article,) = load_register(small_project.root).sources_of("ask_swimming")
    assert (article.title, article.kind) == ("My laps", "personal account")
    assert article.read_on == date(2026, 11, 1)


def test_an_intent_that_is_no_topic_has_no_sources(small_project: SmallProject) -> None:
    assert load_register(small_project.root).sources_of("greet") == ()


def test_a_group_lists_its_topics(small_project: SmallProject) -> None:
    register = load_register(small_project.root)
    assert register.groups["other_exercise"].title == "Other exercise"
    assert [topic.id for topic in register.topics_in("other_exercise")] == ["ask_swimming"]


def test_the_register_cannot_be_changed(small_project: SmallProject) -> None:
    register = load_register(small_project.root)
    with pytest.raises(TypeError):
        register.topics["ask_swimming"].says["laps"] = "other"  # type: ignore[index]


def test_a_source_that_does_not_exist_is_refused_with_its_line(small_project: SmallProject) -> None:
    small_project.change("data/articles.yml", "      laps: Says", "      lapps: Says")
    with pytest.raises(ContentError, match=r"data/articles\.yml:18: ask_swimming names the artic"):
        load_register(small_project.root)


def test_every_fault_of_the_register_is_in_one_error(small_project: SmallProject) -> None:
    small_project.change("data/articles.yml", "    title: My laps\n", "")
    small_project.change("data/articles.yml", "group: other_exercise", "group: [other]")
    with pytest.raises(ContentError) as caught:
        load_register(small_project.root)
    assert [str(finding.place) for finding in caught.value.findings] == [
        "data/articles.yml:2",
        "data/articles.yml:14",
    ]


def test_a_missing_register_is_an_error_that_names_the_file(small_project: SmallProject) -> None:
    (small_project.root / "data/articles.yml").unlink()
    with pytest.raises(ContentError, match=r"data/articles\.yml:1: the file is missing"):
        load_register(small_project.root)
