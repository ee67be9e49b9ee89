"""The article register: which article says what on each topic, read from data/articles.yml.

Takes the project's folder, hands on a typed, read-only model. Needs PyYAML only, so that the
action server can use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from stridewell.content.findings import ContentError, Findings, Place
from stridewell.content.located import Entry, read_yaml

REGISTER_FILE = "data/articles.yml"
DECLINED_GROUP = "declined"
ARTICLE_KINDS = ("personal account", "essay", "overview")

_Part = TypeVar("_Part", "Article", "Topic")


@dataclass(frozen=True)
class Article:
    """One of the texts that the answers are drawn from.

    Attributes:
        id: Its name in the register.
        title: Its title, as shown to people.
        kind: What kind of source it is: one of ARTICLE_KINDS.
        author_note: What the article says of its author.
        sha256: Hash of the text it was read from, 64 hexadecimal digits.
        read_on: The day it was read.
        place: Where it stands in the register.
    """

    id: str
    title: str
    kind: str
    author_note: str
    sha256: str
    read_on: date
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Group:
    """A group of topics, as in the menu of starter questions.

    Attributes:
        id: Its name in the register.
        title: Its title, as shown to people.
        place: Where it stands in the register.
    """

    id: str
    title: str
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Topic:
    """What one intent asks, and what the articles say on it.

    Attributes:
        id: The intent.
        title: A title short enough for a button.
        question: The question in full.
        group: Id of its group.
        safety_relevant: Whether an answer is followed by a reminder.
        says: By article id, one line on what that article says; empty if declined.
        place: Where it stands in the register.
        says_places: By article id, where that line stands.
    """

    id: str
    title: str
    question: str
    group: str
    safety_relevant: bool
    says: Mapping[str, str]
    place: Place = field(compare=False, repr=False)
    says_places: Mapping[str, Place] = field(compare=False, repr=False)

    @property
    def response(self) -> str:
        """Name of the response that answers it."""
        return f"utter_{self.id}"

    @property
    def answered(self) -> bool:
        """Whether the articles cover it (False: it gets an honest 'not covered')."""
        return self.group != DECLINED_GROUP


@dataclass(frozen=True)
class Register:
    """All articles, groups and topics, in the order of the file.

    Attributes:
        articles: By id.
        groups: By id.
        topics: By intent.
    """

    articles: Mapping[str, Article]
    groups: Mapping[str, Group]
    topics: Mapping[str, Topic]

    def topics_in(self, group: str) -> tuple[Topic, ...]:
        """Return the topics of a group."""
        return tuple(topic for topic in self.topics.values() if topic.group == group)

    def sources_of(self, intent: str) -> tuple[Article, ...]:
        """Return the articles that hold something on an intent; none if it is no topic."""
        topic = self.topics.get(intent)
        return tuple(self.articles[name] for name in topic.says) if topic else ()


def load_register(root: Path) -> Register:
    """Read the register of a project.

    Args:
        root: The project's folder.

    Returns:
        The register; every article and group that a topic names exists in it.

    Raises:
        ContentError: The file is missing, unreadable, or a part of it is missing or of a wrong
            kind. The text names file and line of each fault.
    """
    findings = Findings()
    register = read_register(read_yaml(root, REGISTER_FILE, findings), findings)
    if findings:
        raise ContentError(findings)
    return register


def read_register(source: Entry | None, findings: Findings) -> Register:
    """Read what can be read of a register.

    Args:
        source: The parsed file, or None if there was nothing to parse.
        findings: Collects what is missing, of a wrong kind, or named but not there.

    Returns:
        The register; a part that could not be read is empty in it.
    """
    parts = source.mapping("the register", findings) if source else {}
    if source and parts:
        for missing in ("articles", "groups", "topics"):
            if missing not in parts:
                findings.add(source.place, f"the register has no '{missing}:' part. Add it.")
    articles = _read_each(parts.get("articles"), _read_article, findings)
    groups = _read_groups(parts.get("groups"), findings)
    topics = _read_each(parts.get("topics"), _read_topic, findings)
    for topic in topics.values():
        _check_references(topic, articles, groups, findings)
    return Register(MappingProxyType(articles), MappingProxyType(groups), MappingProxyType(topics))


def _read_each(
    source: Entry | None, read: Callable[[_Fields], _Part], findings: Findings
) -> dict[str, _Part]:
    if source is None:
        return {}
    items = source.mapping("this part of the register", findings)
    return {name: read(_Fields(name, entry, findings)) for name, entry in items.items()}


def _read_groups(source: Entry | None, findings: Findings) -> dict[str, Group]:
    if source is None:
        return {}
    return {
        name: Group(name, entry.text(f"the title of {name}", findings), entry.place)
        for name, entry in source.mapping("'groups'", findings).items()
    }


def _check_references(
    topic: Topic, articles: Mapping[str, Article], groups: Mapping[str, Group], findings: Findings
) -> None:
    for name in topic.says:
        if name not in articles:
            findings.add(
                topic.says_places[name],
                f"{topic.id} names the article '{name}', which the register does not have."
                f" Use one of these: {', '.join(articles) or 'none yet'}.",
            )
    if topic.group and topic.group not in groups:
        findings.add(
            topic.place,
            f"{topic.id} is in the group '{topic.group}', which the register does not have."
            f" Use one of these, or add it under 'groups:': {', '.join(groups) or 'none yet'}.",
        )


class _Fields:
    """The fields of one article or topic; each fault is noted, and read as empty."""

    def __init__(self, name: str, entry: Entry, findings: Findings) -> None:
        self.name = name
        self.place = entry.place
        self._findings = findings
        self._fields = entry.mapping(name, findings)

    def text(self, key: str) -> str:
        """Return a required text."""
        entry = self._required(key)
        return entry.text(f"{self.name}: {key}", self._findings) if entry else ""

    def day(self, key: str) -> date:
        """Return a required date."""
        entry = self._required(key)
        if entry and isinstance(entry.value, date) and not isinstance(entry.value, datetime):
            return entry.value
        if entry:
            self._findings.add(
                entry.place, f"{self.name}: {key} should be a date. Write it as 2026-11-21."
            )
        return date.min

    def flag(self, key: str) -> bool:
        """Return a yes or no; left out means no."""
        entry = self._fields.get(key)
        if entry and not isinstance(entry.value, bool):
            self._findings.add(entry.place, f"{self.name}: {key} should be true or false.")
        return entry is not None and entry.value is True

    def lines(self, key: str) -> dict[str, Entry]:
        """Return the entries of a mapping of texts; it may be left out or empty."""
        entry = self._fields.get(key)
        if entry is None or entry.value is None:
            return {}
        return entry.mapping(f"{self.name}: {key}", self._findings)

    def line(self, key: str, entry: Entry) -> str:
        """Return one text of such a mapping."""
        return entry.text(f"{self.name}: what {key} says", self._findings)

    def _required(self, key: str) -> Entry | None:
        if self._fields and key not in self._fields:
            self._findings.add(self.place, f"{self.name} has no '{key}:'. Add one.")
        return self._fields.get(key)


def _read_article(fields: _Fields) -> Article:
    return Article(
        id=fields.name,
        title=fields.text("title"),
        kind=fields.text("kind"),
        author_note=fields.text("author_note"),
        sha256=fields.text("sha256"),
        read_on=fields.day("read_on"),
        place=fields.place,
    )


def _read_topic(fields: _Fields) -> Topic:
    says = fields.lines("says")
    return Topic(
        id=fields.name,
        title=fields.text("title"),
        question=fields.text("question"),
        group=fields.text("group"),
        safety_relevant=fields.flag("safety_relevant"),
        says=MappingProxyType({name: fields.line(name, entry) for name, entry in says.items()}),
        place=fields.place,
        says_places=MappingProxyType({name: entry.place for name, entry in says.items()}),
    )
