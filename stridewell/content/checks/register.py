"""Checks of the register: articles are described, topics have all that belongs to them."""

from __future__ import annotations

import re

from stridewell.content.checks.names import did_you_mean
from stridewell.content.domain import DOMAIN_FILE
from stridewell.content.findings import Findings, Place
from stridewell.content.limits import Limits
from stridewell.content.project import Project
from stridewell.content.register import ARTICLE_KINDS, Topic

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_articles(project: Project, findings: Findings) -> None:
    """Check what the register says of each article."""
    register = project.register
    used = {article for topic in register.topics.values() for article in topic.says}
    titles: dict[str, str] = {}
    for article in register.articles.values():
        if article.kind and article.kind not in ARTICLE_KINDS:
            findings.add(
                article.place,
                f"{article.id} is of the kind '{article.kind}'."
                f" Use one of these: {', '.join(ARTICLE_KINDS)}.",
            )
        if article.sha256 and not _SHA256.fullmatch(article.sha256):
            findings.add(
                article.place,
                f"the sha256 of {article.id} is not 64 digits of 0-9 and a-f."
                f" Take it from: sha256sum {article.id}.txt.",
            )
        if article.id not in used:
            findings.add(
                article.place,
                f"no topic draws on {article.id}."
                " Name it under 'says:' of the topics it holds something on, or remove it.",
            )
        _check_title_once(article.id, article.title, article.place, titles, findings)


def check_topics(project: Project, limits: Limits, findings: Findings) -> None:
    """Check that each topic of the register has an intent, examples, response, rule, sources."""
    domain = project.domain
    with_examples = {block.intent for block in project.blocks}
    titles: dict[str, str] = {}
    for topic in project.register.topics.values():
        _check_title_once(topic.id, topic.title, topic.place, titles, findings)
        if len(topic.title) > limits.title_characters:
            findings.add(
                topic.place,
                f"the title of {topic.id}, '{topic.title}', has {len(topic.title)} characters;"
                f" a button shows {limits.title_characters}. Shorten it.",
            )
        if topic.id not in domain.intents:
            findings.add(
                topic.place,
                f"{topic.id} is not an intent of {DOMAIN_FILE}. Add it under 'intents:',"
                f" or correct the name here.{did_you_mean(topic.id, domain.intents)}",
            )
        if topic.id not in with_examples:
            findings.add(
                topic.place,
                f"{topic.id} has no examples. Write at least {limits.least_examples(topic)} ways"
                f" to ask it in data/nlu/{topic.group}.yml.",
            )
        if topic.response not in domain.responses:
            findings.add(
                topic.place,
                f"{topic.id} has no response. Add {topic.response} under 'responses:' of"
                f" {DOMAIN_FILE}.{did_you_mean(topic.response, domain.responses)}",
            )
        if topic.answered and not topic.says:
            findings.add(
                topic.place,
                f"{topic.id} has no source. Name under 'says:' each article that holds something"
                " on it with one line on what it says, or move it to the group 'declined'.",
            )
        if not topic.answered and topic.says:
            findings.add(
                topic.place,
                f"{topic.id} is declined, yet 'says:' names articles."
                " Remove them, or give it another group.",
            )
        _check_topic_rule(topic, project, findings)


def _check_topic_rule(topic: Topic, project: Project, findings: Findings) -> None:
    rules = [rule for rule in project.rules if rule.is_rule and topic.id in rule.intents()]
    if not rules:
        findings.add(
            topic.place,
            f"{topic.id} has no rule. Add to data/rules/{topic.group}.yml:"
            f" '- rule: {topic.id}' with the steps 'intent: {topic.id}' and"
            f" 'action: {topic.response}'.",
        )
    elif all(rule.follows(topic.id) != topic.response for rule in rules):
        findings.add(
            rules[0].place,
            f"no rule for {topic.id} begins with 'action: {topic.response}'. Say the answer before"
            " any other action, so that it arrives even if the action server is down.",
        )


def _check_title_once(
    name: str, title: str, place: Place, titles: dict[str, str], findings: Findings
) -> None:
    first = titles.setdefault(title.casefold(), name)
    if title and first != name:
        findings.add(place, f"{name} has the same title as {first}: '{title}'. Give each its own.")
