"""The FAQ page: domain and register in, one HTML page out, with the same texts as the assistant's.

Run as ``python -m stridewell.faq FOLDER`` to write the page and its files for a static web server.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from stridewell.content.domain import DOMAIN_FILE, Domain, Response, read_domain
from stridewell.content.findings import ContentError, Findings
from stridewell.content.located import read_yaml
from stridewell.content.register import Register, Topic, load_register
from stridewell.settings import ROOT, Region, SettingsError, region

PAGE = "widget/pages/faq.html"
FILES = ("site.css", "faq.css", "faq.js", "mark.svg")
# Replies to these ask back or greet; on a page that nobody answers they would be odd.
NOT_QUESTIONS = ("state_pain", "out_of_scope")


def answer_text(response: Response, place: Region) -> str:
    """Return the text of a response as the assistant says it in a region."""
    plain = next(
        (variation for variation in response.variations if not variation.conditions),
        response.variations[0],
    )
    text = plain.text
    for name in ("emergency_help", "same_day_help", "crisis_help"):
        text = text.replace(f"{{{name}}}", getattr(place, name))
    return text


def render(root: Path, place: Region) -> str:
    """Build the page.

    Args:
        root: The project's folder.
        place: The region, for the urgent help.

    Returns:
        A whole HTML document.

    Raises:
        ContentError: Domain or register is missing or wrong.
        OSError: The page's template is missing.
    """
    register, domain = load_register(root), _load_domain(root)
    groups = {
        group.id: [
            topic
            for topic in register.topics_in(group.id)
            if topic.response in domain.responses and topic.id not in NOT_QUESTIONS
        ]
        for group in register.groups.values()
    }
    answered = [topic for topics in groups.values() for topic in topics if topic.answered]
    texts = {
        topic.id: answer_text(domain.responses[topic.response], place)
        for topics in groups.values()
        for topic in topics
    }
    return Template((root / PAGE).read_text(encoding="utf-8")).substitute(
        emergency=escape(place.emergency_help),
        same_day=escape(place.same_day_help),
        crisis=escape(place.crisis_help),
        count=str(len(answered)),
        data=_structured_data(answered, texts),
        contents="\n".join(
            f'<li><a href="#{group}">{escape(register.groups[group].title)}</a>'
            f" <span>{len(topics)}</span></li>"
            for group, topics in groups.items()
            if topics
        ),
        groups="\n".join(
            _group(group, register.groups[group].title, topics, texts, register, domain)
            for group, topics in groups.items()
            if topics
        ),
        articles="\n".join(
            f"<li><strong>{escape(article.title)}</strong> <em>{escape(article.kind)}</em>"
            f"<br>{escape(article.author_note)}</li>"
            for article in register.articles.values()
        ),
    )


def _load_domain(root: Path) -> Domain:
    findings = Findings()
    domain = read_domain(read_yaml(root, DOMAIN_FILE, findings), findings)
    if findings:
        raise ContentError(findings)
    return domain


def _group(
    group: str,
    title: str,
    topics: Iterable[Topic],
    texts: dict[str, str],
    register: Register,
    domain: Domain,
) -> str:
    entries = "\n".join(
        _entry(topic, texts[topic.id], register, domain.responses[topic.response])
        for topic in topics
    )
    return (
        f'<section class="group" id="{group}" aria-labelledby="{group}-title">\n'
        f'<h2 id="{group}-title">{escape(title)}</h2>\n{entries}\n</section>'
    )


def _entry(topic: Topic, text: str, register: Register, response: Response) -> str:
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n") if part.strip())
    return (
        f'<article class="entry" id="{topic.id}">\n'
        f'<h3>{escape(topic.question)} <a class="anchor" href="#{topic.id}"'
        f' aria-label="Link to: {escape(topic.question)}">#</a></h3>\n'
        f'<div class="answer">{paragraphs}</div>\n{_below(topic, register, response)}</article>'
    )


def _below(topic: Topic, register: Register, response: Response) -> str:
    sources = register.sources_of(topic.id)
    if sources:
        listed = "; ".join(
            f"“{escape(article.title)}” ({escape(article.kind)})" for article in sources
        )
        return f'<p class="sources"><span>From:</span> {listed}</p>\n'
    links = [
        (button.payload.lstrip("/"), button.title)
        for button in response.variations[0].buttons
        if button.payload.lstrip("/") in register.topics
    ]
    listed = ", ".join(f'<a href="#{name}">{escape(title)}</a>' for name, title in links)
    return f'<p class="sources"><span>What the articles do cover:</span> {listed}</p>\n'


def _structured_data(topics: Iterable[Topic], texts: dict[str, str]) -> str:
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "FAQPage",
        "inLanguage": "en-US",
        "mainEntity": [
            {
                "@type": "Question",
                "name": topic.question,
                "acceptedAnswer": {"@type": "Answer", "text": texts[topic.id]},
            }
            for topic in topics
        ],
    }
    return json.dumps(data, ensure_ascii=False, indent=1).replace("<", "\\u003c")


def write_page(folder: Path) -> None:
    """Write the page and the files that it needs into a folder.

    Raises:
        ContentError: Domain or register is missing or wrong.
        SettingsError: The region is not known.
        OSError: The folder can't be written.
    """
    (folder / "static").mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text(render(ROOT, region()), encoding="utf-8")
    for name in FILES:
        shutil.copyfile(ROOT / "widget" / "pages" / name, folder / "static" / name)


def main(arguments: list[str]) -> int:
    """Write the page where the arguments say; return the exit status."""
    if len(arguments) != 1:
        print("Say where to write the page: python -m stridewell.faq build/faq", file=sys.stderr)
        return 2
    try:
        write_page(Path(arguments[0]))
    except (ContentError, SettingsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The FAQ page is in {arguments[0]}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
