"""The FAQ page and the assistant: one source, two faces."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stridewell import faq
from stridewell.content.register import load_register
from stridewell.settings import ROOT, region
from tests.conftest import Server
from tests.website.site import Client

TOPICS = [topic for topic in load_register(ROOT).topics.values() if topic.answered]
PAGE = faq.render(ROOT, region())


def entry(topic: str) -> str:
    found = re.search(rf'<article class="entry" id="{topic}">(.*?)</article>', PAGE, re.DOTALL)
    assert found, f"{topic} has no entry"
    return found.group(1)


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def test_the_page_answers_all_41_topics() -> None:
    assert len(TOPICS) == 41
    assert all(entry(topic.id) for topic in TOPICS)


def test_the_page_and_the_assistant_say_the_same(
    site: Server, visitor: Callable[[], Client]
) -> None:
    served = Client(site.url).call("GET", "/faq").text
    assert served == PAGE
    for topic in TOPICS:
        said = site.texts(f"/{topic.id}")[0]
        answer = re.search(r'<div class="answer">(.*?)</div>', entry(topic.id), re.DOTALL)
        assert answer
        assert words(answer.group(1)) == " ".join(said.split()), topic.id


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
def test_an_entry_names_its_sources(topic: object) -> None:
    register = load_register(ROOT)
    for article in register.sources_of(topic.id):  # type: ignore[attr-defined]
        assert article.title in words(entry(topic.id))  # type: ignore[attr-defined]


def test_structured_data_holds_the_same_questions_and_answers() -> None:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', PAGE, re.DOTALL)
    assert found
    data = json.loads(found.group(1))
    assert data["@type"] == "FAQPage"
    assert [question["name"] for question in data["mainEntity"]] == [t.question for t in TOPICS]
    for topic, question in zip(TOPICS, data["mainEntity"], strict=True):
        text = words(re.findall(r'<div class="answer">(.*?)</div>', entry(topic.id), re.DOTALL)[0])
        assert " ".join(question["acceptedAnswer"]["text"].split()) == text


def test_every_link_inside_the_page_leads_somewhere() -> None:
    for target in re.findall(r'href="#([^"]+)"', PAGE):
        assert f'id="{target}"' in PAGE


def test_urgent_help_and_disclaimer_stand_before_the_answers() -> None:
    first_answer = PAGE.index('class="entry"')
    assert PAGE.index(html.escape(region().emergency_help)) < first_answer
    assert PAGE.index("not medical advice") < first_answer


def test_the_page_can_be_written_for_another_web_server(tmp_path: Path) -> None:
    assert faq.main([str(tmp_path)]) == 0
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == PAGE
    for name in re.findall(r'(?:href|src)="/static/([^"]+)"', PAGE):
        assert (tmp_path / "static" / name).is_file()
